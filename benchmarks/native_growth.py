"""How the native engine grows: an epoch against parameters, samples and depth, and compiling against size.

An epoch of a network by back-propagation costs a fixed multiple of its cost, by finite differences as many costs
as there are parameters: with a cost that itself grows with the parameters, the exponents p of time ~ size^p are
near 1 and near 2. Against samples both are near 1 once the data is long; against the depth of a chain 1 and 2.
Compiling is the first call of a descent less the second, in a process of its own and without what earlier ones
kept; a second process shows what the kept kernels save. A size that took longer than a limit ends its curve.

Times of an epoch are those in the loop, medians over interleaved rounds. Tables (CSV) and a picture go to --out.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import steepest as st
from native_cases import chain, line, neuron
from native_peers import epochs_for
from pictures import OUT, curves, picture, write_table
from problems import Problem
from steepest.bench.peer import Run
from steepest.bench.peers import ENGINE
from timing import Options, benchmark, exponent, interleaved, table

BACK, DIFFERENCES = "back-propagation", "finite differences"
GRADIENTS = {BACK: "backprop", DIFFERENCES: "finite-difference"}
WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256)  # of the hidden layer
SAMPLES = (1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)
DEPTHS = (1, 2, 4, 8, 16, 32, 64)
WIDE = (1, 8, 64, 512, 2048, 8192)  # hidden neurons: up to 98,305 parameters
DEEP = (1, 2, 4, 8, 16, 32, 64, 128)  # hidden layers of ten
EPOCH, QUICK_EPOCHS = 0.1, 0.005  # seconds that a timed descent takes about
LONGEST, QUICK_LONGEST = 20.0, 1.0  # seconds; a size that compiles for longer is the last of its curve
INPUTS, ROWS = 10, 16

Curves = dict[str, dict[float, float]]
"""Seconds by curve and size."""


# -- an epoch ----------------------------------------------------------------------------------------------------------


def perceptron(sizes: list[int], rows: int) -> tuple[st.Expression, dict[str, Any]]:
    """A network of sigmoids, its cost and random data."""
    rng = np.random.default_rng(0)
    data = {"X": rng.normal(size=(rows, sizes[0])), "y": rng.uniform(size=rows)}
    return st.models.network(sizes, activation="sigmoid", cost="mse").cost, data


def parameters(sizes: list[int]) -> int:
    """How many parameters a network of these sizes has."""
    return sum((a + 1) * b for a, b in pairwise(sizes))


def descent(cost: st.Expression, data: Mapping[str, Any], label: str, dtype: str = "float64", start: Any = None) -> Run:
    """Descents of a cost by the native engine."""

    def run(epochs: int) -> tuple[float, float]:
        found = st.descend(
            cost, data, start, 0.01, epochs, gradient=GRADIENTS[label], engine=ENGINE, dtype=dtype, progress=False
        )
        return found.seconds, found.cost

    return run


def of(problem: Problem, label: str, dtype: str = "float64") -> Run:
    """Descents of one of the problems."""
    return descent(problem.expression, problem.data, label, dtype, problem.start)


def by_parameters(quick: bool) -> dict[tuple[str, float], Run]:
    """A hidden layer that grows."""
    found = {}
    for width in WIDTHS[:4] if quick else WIDTHS:
        sizes = [2, width, 1]
        for label in GRADIENTS:
            found[label, float(parameters(sizes))] = descent(*perceptron(sizes, ROWS), label)
    return found


def by_samples(quick: bool) -> dict[tuple[str, float], Run]:
    """The neuron and the line on ever more rows."""
    found = {}
    rng = np.random.default_rng(0)
    for rows in SAMPLES[:5] if quick else SAMPLES:
        gate = {name: rng.uniform(size=rows) for name in "xyz"}
        for dtype in ("float64", "float32"):
            cost, start = neuron(0).expression, neuron(0).start
            found[f"neuron, {dtype}", float(rows)] = descent(cost, gate, BACK, dtype, start)
        found["neuron, float64, differences", float(rows)] = descent(cost, gate, DIFFERENCES, start=start)
        found["line, float64", float(rows)] = of(line(rows, 0), BACK)
    return found


def by_depth(quick: bool) -> dict[tuple[str, float], Run]:
    """Chains of neurons on four rows."""
    depths = DEPTHS[:4] if quick else DEPTHS
    return {(label, float(depth)): of(chain(depth, 4), label) for depth in depths for label in GRADIENTS}


def epochs_of(runs: Mapping[tuple[str, float], Run], options: Options) -> Curves:
    """The seconds of an epoch: medians over interleaved rounds."""
    wanted = QUICK_EPOCHS if options.quick else EPOCH

    def task(run: Run) -> Callable[[], float]:
        run(1)  # compiles
        epochs = epochs_for(run, wanted)
        return lambda: run(epochs)[0] / epochs

    times = interleaved({f"{size:g} {name}": task(run) for (name, size), run in runs.items()}, options.rounds)
    found: Curves = {}
    for name, size in runs:
        found.setdefault(name, {})[size] = statistics.median(times[f"{size:g} {name}"])
    return found


# -- compiling -------------------------------------------------------------------------------------------------------


def compile_seconds(sizes: list[int], cache: str) -> float:
    """The first call of a descent less the second, in this process and with kernels kept in this folder."""
    os.environ["STEEPEST_CACHE_DIR"] = cache
    st.descend((st.params("w") - 1) ** 2, epochs=1, engine=ENGINE, progress=False)  # loads LLVM
    cost, data = perceptron(sizes, 4)
    spent = []
    for _ in range(2):
        clock = time.perf_counter()
        st.descend(cost, data, epochs=1, engine=ENGINE, progress=False)
        spent.append(time.perf_counter() - clock)
    return max(spent[0] - spent[1], 1e-6)


def in_a_process(sizes: list[int], cache: str) -> float:
    """The same in a new process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(compile_seconds, sizes, cache).result()


def compiling(options: Options) -> Curves:
    """Compile times of wide and of deep networks, and of both from kernels that were kept."""
    longest = QUICK_LONGEST if options.quick else LONGEST
    families = {"wide": [[INPUTS, width, 1] for width in WIDE], "deep": [[INPUTS] * (n + 1) + [1] for n in DEEP]}
    found: Curves = {}
    for family, members in families.items():
        for sizes in members[:2] if options.quick else members:
            size = float(parameters(sizes))
            first, kept = [], []
            for _ in range(1 if options.quick else min(options.rounds, 3)):
                with tempfile.TemporaryDirectory() as cache:
                    first.append(in_a_process(sizes, cache))
                    kept.append(in_a_process(sizes, cache))
                if first[-1] > longest:
                    break
            found.setdefault(f"{family}, compiled", {})[size] = statistics.median(first)
            found.setdefault(f"{family}, kept", {})[size] = statistics.median(kept)
            if first[-1] > longest:
                options.write(
                    f"{family}: {size:,.0f} parameters compile for {first[-1]:.1f} s; larger ones are left out"
                )
                break
    return found


# -- reporting ---------------------------------------------------------------------------------------------------------


def exponents(found: Curves) -> dict[str, float]:
    """p of time ~ size^p over the larger half of each curve's sizes."""
    powers = {}
    for name, points in found.items():
        sizes = sorted(points)[len(points) // 2 :]
        powers[name] = exponent(sizes, [points[size] for size in sizes])
    return powers


def show(found: Curves, size: str, unit: float, what: str, options: Options) -> tuple[list[str], list[list[str]]]:
    """Print curves side by side; return the header and the rows."""
    sizes = sorted({at for points in found.values() for at in points})
    rows = [
        [f"{at:,.0f}", *(f"{points[at] / unit:.4g}" if at in points else "" for points in found.values())]
        for at in sizes
    ]
    headers = [f"{what} by {size}", *found]
    powers = ["p, larger half", *(f"{p:.2f}" for p in exponents(found).values())]
    options.write(table(headers, [*rows, powers]) + "\n")
    return headers, rows


@benchmark(__doc__, rounds=5, extra=[OUT])
def main(options: Options, out: Path) -> dict[str, Any]:
    """Measure, print, and return what goes into the JSON."""
    parts: dict[str, tuple[Curves, str, float, str]] = {
        "parameters": (epochs_of(by_parameters(options.quick), options), "parameters", 1e-9, "ns an epoch"),
        "samples": (epochs_of(by_samples(options.quick), options), "samples", 1e-9, "ns an epoch"),
        "depth": (epochs_of(by_depth(options.quick), options), "neurons in a chain", 1e-9, "ns an epoch"),
        "compiling": (compiling(options), "parameters", 1.0, "s to compile"),
    }
    for name, (found, size, unit, what) in parts.items():
        headers, rows = show(found, size, unit, what, options)
        write_table(out, f"native_growth_{name}", headers, rows)

    def drawn(pyplot: Any) -> Any:
        figure, places = pyplot.subplots(2, 2, figsize=(12, 9))
        for axes, (name, (found, size, unit, what)) in zip(places.flat, parts.items(), strict=True):
            scaled = {label: {at: time / unit for at, time in points.items()} for label, points in found.items()}
            curves(axes, scaled, size, what, name)
        figure.tight_layout()
        return figure

    picture(options, out, "native_growth", drawn)
    return {name: {"seconds": part[0], "exponents": exponents(part[0])} for name, part in parts.items()}


if __name__ == "__main__":
    main()
