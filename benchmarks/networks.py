"""Training networks in batches: a step by the native engine beside JAX, PyTorch and scikit-learn, and the bars.

Every peer begins at the same parameters and takes the same batches in the same order, which stand ready before the
clock starts; the native engine draws them within its time. The cost of the last epoch of all peers must agree to a
thousandth, or the script fails. Seconds are those of the epochs: compiling is left out for all. JAX is timed in two
forms, rows gathered in the scan or before it, and the faster one counts. Rounds are interleaved; times are medians over
the rounds, ratios the medians of the ratios within them. A table (CSV) and a picture go to the folder of --out.
"""

from __future__ import annotations

import importlib.util
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from network_peers import PEERS, Run, Task
from peers import module
from pictures import OUT, picture, write_table
from timing import Options, RefusedError, Times, benchmark, interleaved, ratio, table

NATIVE, TORCH, SKLEARN = "native", "PyTorch", "scikit-learn"
JAX = ("JAX, scan", "JAX, scan, gathered")
BARS = {
    "digits 64-32-10, batch 32": {"JAX": 1.8, TORCH: 20.0, SKLEARN: 15.0},
    "784-128-10, batch 128": {"JAX": 1.0},
    "784-512-256-10, batch 256": {"JAX": 0.9},
}
"""Times of a step that a peer takes for one of the native engine, at the least."""
AGREEMENT = 1e-3
SECONDS, QUICK_SECONDS = 1.0, 0.05  # that a peer's epochs of one round take about


def tasks(quick: bool) -> list[Callable[[], Task]]:
    """The networks; the larger ones on random images, since only the time is of interest."""

    def digits() -> Task:
        images, labels = module("sklearn.datasets").load_digits(return_X_y=True)
        return Task("digits 64-32-10, batch 32", [64, 32, 10], 32, images / 16, labels)

    def images(name: str, sizes: list[int], batch: int, rows: int) -> Task:
        rng = np.random.default_rng(0)
        return Task(name, sizes, batch, rng.random((rows, sizes[0])), rng.integers(0, 10, rows))

    rows = 1024 if quick else 12_800
    return [
        digits,
        lambda: images("784-128-10, batch 128", [784, 128, 10], 128, rows),
        lambda: images("784-512-256-10, batch 256", [784, 512, 256, 10], 256, rows),
    ]


def race(task: Task, options: Options) -> tuple[Times, list[str]]:
    """Seconds a step by peer, and who is left out.

    Raises:
        RefusedError: a peer ends at another cost.
    """
    left_out, runs = [], dict[str, Run]()
    for name, (needs, prepare) in PEERS.items():
        if needs and not importlib.util.find_spec(needs):
            left_out.append(f"{name}: {needs} is not installed")
            continue
        runs[name] = prepare(task)
    costs = {name: run(2)[1] for name, run in runs.items()}
    for name, cost in costs.items():
        if not abs(cost - costs[NATIVE]) <= AGREEMENT * abs(costs[NATIVE]):
            raise RefusedError(f"{task.name}: {name} has the cost {cost!r} where native has {costs[NATIVE]!r}")
    wanted = QUICK_SECONDS if options.quick else SECONDS

    def timed(run: Run) -> Callable[[], float]:
        epochs = max(1, round(wanted / max(run(1)[0], 1e-6)))
        return lambda: run(epochs)[0] / (epochs * task.steps)

    return interleaved({name: timed(run) for name, run in runs.items()}, options.rounds), left_out


def judged(name: str, times: Times) -> list[dict[str, Any]]:
    """Every bar of a task: what it asks and what was measured."""
    rows = []
    for peer, least in BARS[name].items():
        forms = [form for form in (JAX if peer == "JAX" else (peer,)) if form in times]
        if forms:
            value = min(ratio(times, form, NATIVE) for form in forms)
            rows.append({"bar": f"{name}: {peer} / native", "asked": f"≥ {least:g}", "measured": value,
                         "met": value >= least})  # fmt: skip
    return rows


@benchmark(__doc__, rounds=7, extra=[OUT])
def run(options: Options, out: Path) -> dict[str, Any]:
    """Time every network, show and write what was found."""
    found: dict[str, Times] = {}
    bars: list[dict[str, Any]] = []
    lines: list[list[object]] = []
    for make in tasks(options.quick):
        task = make()
        times, left_out = race(task, options)
        found[task.name] = times
        rows = [
            [
                name,
                f"{1e6 * statistics.median(each):.4g}",
                f"{1e6 * min(each):.4g}",
                f"{ratio(times, name, NATIVE):.3g}",
            ]
            for name, each in times.items()
        ]  # fmt: skip
        options.write(f"{task.name}, {task.dtype}")
        options.write(table(("", "µs a step", "least", "/ native"), rows))
        for sentence in left_out:
            options.write(f"left out: {sentence}")
        options.write("")
        lines += [[task.name, *row] for row in rows]
        bars += judged(task.name, times)
    cells = [[row["bar"], row["asked"], f"{row['measured']:.3g}", "met" if row["met"] else "MISSED"] for row in bars]
    options.write(table(("bar", "asked", "measured", ""), cells))
    write_table(out, "networks", ("network", "peer", "µs a step", "least", "/ native"), lines)
    picture(options, out, "networks", lambda pyplot: draw(pyplot, found))
    return {"times": found, "bars": bars}


def draw(pyplot: Any, found: dict[str, Times]) -> Any:
    """Bars by peer, a panel a network, on logarithmic axes."""
    figure, places = pyplot.subplots(1, len(found), figsize=(5 * len(found), 3))
    for axes, (name, times) in zip(np.atleast_1d(places), found.items(), strict=True):
        values = [1e6 * statistics.median(each) for each in times.values()]
        axes.barh(list(times), values, color=["C3" if peer == NATIVE else "C0" for peer in times])
        axes.bar_label(axes.containers[0], fmt="%.3g", fontsize=8, padding=2)
        axes.set_xscale("log")
        axes.margins(x=0.2)
        axes.invert_yaxis()
        axes.set(title=name, xlabel="µs a step, float32")
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    run()
