"""Run commands of the command line in forked processes, with limits of time and memory, and say what is wrong."""

from __future__ import annotations

import hashlib
import os
import re
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = 10.0  # of work; a busy machine may take twice as long
MEGABYTES = 1000
_LONGEST = 1500  # characters of a sentence
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_SENTENCE = re.compile(r"^(steepest: |Error: )", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """What a command did; ``status`` is −1 if it did not end in time."""

    status: int
    out: str
    err: str
    seconds: float
    work: float  # seconds of the processor
    megabytes: float


@dataclass
class Case:
    """Commands that are run one after another in a folder with some files.

    Attributes:
        commands: the words of each.
        files: what is put into the folder: bytes, or a function that makes something at a path.
        statuses: the statuses that are right, for all commands; the first one that is not 0 ends the case.
        outputs: the names of files that the commands may write.
        variables: of the environment.
        stdin: what standard input holds.
        judge: says what else is wrong with the outcomes.
    """

    commands: Sequence[Sequence[str]]
    files: dict[str, bytes | Callable[[Path], None]] = field(default_factory=dict)
    statuses: frozenset[int] = frozenset({0, 1, 2})
    outputs: frozenset[str] = frozenset()
    variables: dict[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    judge: Callable[[list[Outcome], Path], str] = lambda outcomes, folder: ""


def warm_up() -> None:
    """Import what commands need, so that a forked process need not; nothing may start a thread here."""
    import llvmlite.binding  # noqa: F401
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_svg
    import matplotlib.figure  # noqa: F401
    import narwhals  # noqa: F401
    import polars  # noqa: F401
    import safetensors.numpy  # noqa: F401

    import steepest
    import steepest.cli.main
    import steepest.documents.html
    import steepest.engines.native
    import steepest.models.model
    import steepest.papers
    import steepest.pictures.surfaces.surface
    import steepest.proofreading.proof  # noqa: F401


def run(words: Sequence[str], folder: Path, variables: dict[str, str], stdin: bytes) -> Outcome:
    """Run a command in a forked process in a folder."""
    log = folder.parent / "log"
    log.mkdir(exist_ok=True)
    (log / "in").write_bytes(stdin)
    begun = time.monotonic()
    child = os.fork()
    if not child:
        _become(words, folder, variables, log)
    watched = os.pidfd_open(child)
    ended = bool(select.select([watched], [], [], 2 * SECONDS)[0])
    os.close(watched)
    if not ended:
        os.killpg(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    out, err = ((log / name).read_bytes().decode(errors="replace") for name in ("out", "err"))
    return Outcome(
        os.waitstatus_to_exitcode(status) if ended else -1, out, err, time.monotonic() - begun,
        used.ru_utime + used.ru_stime, used.ru_maxrss / 1024,
    )  # fmt: skip


def _become(words: Sequence[str], folder: Path, variables: dict[str, str], log: Path) -> None:
    """Become the command, in a child process."""
    status = 101
    try:
        os.setsid()
        os.chdir(folder)
        os.environ.update(variables)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 28, 1 << 28))
        for number, name, flags in ((0, "in", os.O_RDONLY), (1, "out", os.O_WRONLY), (2, "err", os.O_WRONLY)):
            handle = os.open(log / name, flags | (os.O_CREAT | os.O_TRUNC if number else 0), 0o600)
            os.dup2(handle, number)
            os.close(handle)
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, encoding="utf-8", closefd=False, errors=errors)  # noqa: SIM115
            for number, mode, errors in ((0, "r", "strict"), (1, "w", "strict"), (2, "w", "backslashreplace"))
        )
        sys.argv = ["steepest", *words]
        from steepest.cli.main import run as command

        command()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def contents(folder: Path) -> dict[str, str]:
    """Return what lies in a folder: a digest of each file, the kind of anything else."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"link to {os.readlink(path)}"
        elif path.is_file():
            found[name] = f"{path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        else:
            found[name] = f"{path.stat().st_mode:o}"
    return found


def faults(outcome: Outcome, statuses: frozenset[int]) -> list[str]:
    """Return what is wrong with an outcome."""
    found = []
    if outcome.status == -1 or outcome.work > SECONDS:
        found.append(f"it takes {outcome.seconds:.0f} s, {outcome.work:.0f} s of work")
    if outcome.megabytes > MEGABYTES:
        found.append(f"it needs {outcome.megabytes:.0f} MB")
    if outcome.status not in statuses and outcome.status != -1:
        found.append(f"its status is {outcome.status}")
    if "Traceback" in outcome.err or "panicked" in outcome.err:
        found.append("it prints a traceback")
    if _CONTROL.search(outcome.out + outcome.err):
        found.append("it prints a control character")
    if outcome.status == 2:
        sentences = _SENTENCE.findall(outcome.err)
        if len(sentences) != 1:
            found.append(f"it prints {len(sentences)} sentences")
        last = outcome.err[outcome.err.rfind(sentences[-1]) :] if sentences else ""
        if len(last) > _LONGEST:
            found.append(f"its sentence has {len(last)} characters")
    return found


def examine(case: Case, place: Path) -> tuple[list[str], list[Outcome]]:
    """Run a case in ``place / "work"`` and return what is wrong, and what its commands did."""
    folder, outside = place / "work", place / "outside"
    folder.mkdir(parents=True)
    outside.mkdir()
    for name in (".bashrc", "m.safetensors", "in.csv"):
        (outside / name).write_text("untouched")
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content) if isinstance(content, bytes) else content(path)
    before, around = contents(folder), contents(outside)
    variables = {"HOME": str(outside), "XDG_CACHE_HOME": str(outside / "cache"), **case.variables}
    variables = {name: value.replace("FOLDER", str(folder)) for name, value in variables.items()}
    outcomes, found = [], list[str]()
    for words in case.commands:
        outcomes.append(run(words, folder, variables, case.stdin))
        found += faults(outcomes[-1], case.statuses)
        if outcomes[-1].status:
            break
    after = contents(folder)
    changed = [name for name in before if after.get(name) != before[name] and name not in case.outputs]
    if changed and not any(name.startswith("cache") for name in changed):
        found.append(f"it changes {changed}")
    if more := [n for n in after if n not in before and n not in case.outputs and not n.startswith("cache")]:
        found.append(f"it leaves {more}")
    if contents(outside) != around or sorted(p.name for p in place.iterdir()) != ["log", "outside", "work"]:
        found.append("it touches what is outside of its folder")
    if wrong := case.judge(outcomes, folder):
        found.append(wrong)
    return found, outcomes
