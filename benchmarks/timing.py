"""What the benchmarks share: interleaved rounds, medians and ratios, whole processes, tables and JSON.

Rounds are interleaved (A B C, A B C, …), so that a machine that grows slower or busier does so for all alike, and
a ratio is the median of the ratios within the rounds.
"""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import click

Times = dict[str, list[float]]
"""Seconds by what was measured, one number a round."""


class RefusedError(click.ClickException):
    """There is nothing to compare: something failed, or did other work than the rest. Exit status 1."""


@dataclass(frozen=True)
class Options:
    """What every benchmark can be told.

    Attributes:
        rounds: how often everything is measured.
        json: where the results go as JSON besides; ``-`` is standard output, in place of the tables.
        quick: small sizes and few rounds: a smoke test, whose numbers mean nothing.
    """

    rounds: int
    json: str | None
    quick: bool

    def write(self, text: str) -> None:
        """Show text on standard output, unless the JSON goes there."""
        if self.json != "-":
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def save(self, name: str, results: Any) -> None:
        """Write the results of the benchmark ``name`` as JSON, if a file was asked for."""
        if self.json is None:
            return
        found = {"benchmark": name, "rounds": self.rounds, "quick": self.quick, **machine(), "results": results}
        text = json.dumps(_finite(found), indent=2, allow_nan=False) + "\n"
        if self.json == "-":
            sys.stdout.write(text)
        else:
            Path(self.json).write_text(text, encoding="utf-8")


def benchmark(
    doc: str | None, rounds: int, extra: Sequence[click.Option] = (), quick_rounds: int = 2
) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command with ``--rounds``, ``--json`` and ``--quick`` of a function from Options to results.

    Args:
        doc: the help.
        rounds: how many, if not told otherwise.
        extra: further options, which the function receives as keyword arguments.
        quick_rounds: how many with ``--quick``.
    """

    def decorate(run: Callable[..., Any]) -> click.Command:
        def callback(rounds_given: int | None, json_file: str | None, quick: bool, **others: Any) -> None:
            options = Options(rounds_given or (quick_rounds if quick else rounds), json_file, quick)
            options.write(heading(options))
            options.save(Path(sys.argv[0]).stem, run(options, **others))

        given = [
            click.Option(
                ["--rounds", "rounds_given"], type=click.IntRange(1), help=f"How often to measure: {rounds} times."
            ),
            click.Option(
                ["--json", "json_file"], metavar="FILE", help="Write the results as JSON, too; - for standard output."
            ),
            click.Option(["--quick"], is_flag=True, help=f"A smoke test: small sizes, {quick_rounds} rounds."),
            *extra,
        ]
        return click.Command(run.__name__, callback=callback, params=list(given), help=doc)

    return decorate


# -- measuring -----------------------------------------------------------------------------------------------


def seconds(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """How long a call takes, s."""
    begin = clock()
    call()
    return clock() - begin


def interleaved(tasks: Mapping[str, Callable[[], float]], rounds: int) -> Times:
    """Every task once a round, in turn.

    Args:
        tasks: functions that measure themselves: each returns seconds.
        rounds: how many rounds.
    """
    found: Times = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            found[name].append(task())
    return found


def process_seconds(command: Sequence[str]) -> float:
    """How long a process takes from its start to its end, s.

    Raises:
        RefusedError: it could not be started, or its exit status is not 0.
    """
    # Compiled bytecode is kept, as in an ordinary installation: the warm-up run writes it, the others read it.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as elsewhere:  # so that nothing is imported from the working directory
        begin = time.perf_counter()
        try:
            done = subprocess.run(
                command, env=environment, cwd=elsewhere, check=False, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )  # fmt: skip
        except OSError as error:
            raise RefusedError(f"{command[0]} cannot be run: {error.strerror}; install the project first") from None
        found = time.perf_counter() - begin
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        last = f": {said[-1]}" if said else ""
        raise RefusedError(f"nothing is compared, {' '.join(command)!r} ended with status {done.returncode}{last}")
    return found


def processes(commands: Mapping[str, Sequence[str]], rounds: int) -> Times:
    """Whole processes, interleaved, after a run of each that is not counted.

    Raises:
        RefusedError: one of them failed.
    """

    def task(command: Sequence[str]) -> Callable[[], float]:
        return lambda: process_seconds(command)

    tasks = {name: task(command) for name, command in commands.items()}
    interleaved(tasks, 1)
    return interleaved(tasks, rounds)


def ratio(times: Times, name: str, base: str, less: str | None = None) -> float:
    """The median over the rounds of one time by another, both less a third if one is named."""
    nothing = [0.0] * len(times[name])
    rows = zip(times[name], times[base], times[less] if less else nothing, strict=True)
    return statistics.median((a - c) / (b - c) if b > c else math.nan for a, b, c in rows)


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float:
    """p of times ~ sizes^p, by least squares on the logarithms."""
    if len(set(sizes)) < 2 or min(times) <= 0:
        return math.nan
    x, y = [math.log(size) for size in sizes], [math.log(time) for time in times]
    return statistics.linear_regression(x, y).slope


# -- reporting -----------------------------------------------------------------------------------------------


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A plain table: the first column flush left, the others flush right."""
    lines = [list(headers), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(headers))]

    def written(line: Sequence[str]) -> str:
        first, *others = zip(line, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        return "  ".join(cells).rstrip()

    return "\n".join([written(lines[0]), "  ".join("-" * width for width in widths), *map(written, lines[1:])])


def machine() -> dict[str, Any]:
    """What a number depends on besides the code: versions, processors, and how busy they are."""
    versions = {}
    for name in ("steepest", "numpy", "llvmlite", "jax", "numba", "torch", "scikit-learn"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "versions": versions,
    }


def heading(options: Options) -> str:
    """The first lines of a report: the machine, and a warning where the numbers mean little."""
    about = machine()
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    lines = [
        f"Python {about['python']} on {about['system']}, {about['processors']} processors, load {about['load']}; "
        f"{versions}; {options.rounds} rounds"
    ]
    if options.quick:
        lines.append("--quick: a smoke test; the numbers below mean nothing")
    if about["load"] is not None and about["load"] > 0.5:
        lines.append("the machine is busy with other work: times are too long, ratios less sure")
    return "\n".join(lines) + "\n"


def _finite(value: Any) -> Any:
    """The value with NaN and ∞, which JSON does not know, as null."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
