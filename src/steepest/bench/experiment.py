"""The experiment: every peer is warmed up, checked to do the same work, timed in interleaved rounds and compared.

>>> from steepest.bench.experiment import measure
>>> report = measure(epochs=1000, rounds=1, names=["python"], quick=True)
>>> [row.method for row in report.rows if row.peer.name == "python"]
['GD', 'FD']
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from steepest.bench.compiled import C
from steepest.bench.neuron import EPOCHS, METHODS, RATE, START, STEP, Method, final_cost
from steepest.bench.peer import BenchError, Peer, Run, load
from steepest.bench.peers import BASE, chosen
from steepest.errors import SteepestError
from steepest.messages.numbers import whole

PAPER = 3.29  # time of an epoch of finite differences by that of gradient descent, as measured in the notes
THEORY = 4.0  # P + 1 costs in place of one gradient
QUICK_EPOCHS = 20_000

_CHECK_EPOCHS = 1000  # enough that another update rule would show, few enough for plain Python
_AGREEMENT = {("float64", "GD"): 1e-9, ("float64", "FD"): 1e-8, ("float32", "GD"): 1e-4, ("float32", "FD"): 1e-2}
# A peer is slow if all epochs would take longer than this, in seconds, and than _SLOWER times the native engine; it
# then runs as many epochs as take about _SHORTENED seconds.
_LONGEST, _QUICK_LONGEST = 1.5, 0.2
_SLOWER = 4.0
_SHORTENED, _QUICK_SHORTENED = 0.4, 0.05
# A speed is estimated from a run of at least _PROBE seconds; shorter ones are repeated with more epochs.
_PROBE, _QUICK_PROBE = 0.4, 0.1
_PROBE_EPOCHS = 100
_LEAST_GROWTH, _MOST_GROWTH = 2.0, 10.0

_clock = time.perf_counter

OnProgress = Callable[[str], None]
_Task = tuple[Peer, Method, int, Run, float]  # a warmed-up peer, its number of epochs and its fixed seconds


@dataclass(frozen=True)
class Row:
    """The times of one peer and method: ``seconds`` per round of ``epochs``, and ``fixed`` ones spent once.

    ``cost`` is C at the final parameters, in float64.
    """

    peer: Peer
    method: Method
    epochs: int
    seconds: list[float]
    cost: float
    fixed: float = 0.0

    @property
    def time(self) -> float:
        """The median of the rounds, s."""
        return statistics.median(self.seconds)

    @property
    def nanoseconds(self) -> float:
        """The median time of an epoch, ns."""
        return 1e9 * self.time / self.epochs

    def ratio_to(self, other: Row) -> float:
        """Return the ratio of an epoch's time to that of another row: the median over the rounds."""
        pairs = zip(self.seconds, other.seconds, strict=True)
        return statistics.median((a / self.epochs) / (b / other.epochs) if b else math.inf for a, b in pairs)


@dataclass(frozen=True)
class Report:
    """The results of the experiment: a row for each peer and method, and the reasons for peers left out."""

    epochs: int
    rounds: int
    rows: list[Row]
    left_out: dict[str, str]
    quick: bool = False

    def find(self, name: str, method: Method) -> Row | None:
        """Return the row of a peer and method."""
        return next((row for row in self.rows if (row.peer.name, row.method) == (name, method)), None)

    def ratio_to_base(self, row: Row) -> float | None:
        """Return the ratio of a row's time to that of the native engine, if that was measured."""
        base = self.find(BASE, row.method)
        return row.ratio_to(base) if base else None

    def differences(self, name: str) -> float | None:
        """Return the ratio of finite differences to gradient descent, for a peer that runs both."""
        gradient, differences = self.find(name, "GD"), self.find(name, "FD")
        return differences.ratio_to(gradient) if gradient and differences else None

    def shortened(self) -> list[Row]:
        """Return the rows of slow peers, which ran fewer epochs than requested."""
        return [row for row in self.rows if row.epochs < self.epochs]

    def document(self) -> dict[str, Any]:
        """Return the results in a form that JSON can hold."""
        return {
            "experiment": {
                "formula": "z ~ sigmoid(x*w1 + y*w2 + b)", "table": "nand", "start": list(START), "rate": RATE,
                "step": STEP, "epochs": self.epochs, "rounds": self.rounds, "quick": self.quick,
            },
            "results": [
                {
                    "peer": row.peer.name, "title": row.peer.title, "about": row.peer.about,
                    "dtype": row.peer.dtype, "method": row.method,
                    "epochs": row.epochs, "fewer_epochs": row.epochs < self.epochs,
                    "fixed_seconds": row.fixed, "seconds": row.time, "rounds": row.seconds,
                    "nanoseconds_an_epoch": row.nanoseconds, "ratio_to_native": self.ratio_to_base(row),
                    "cost": row.cost, "same_cost": row.peer.same,
                    "way": row.peer.ways.get(row.method) if isinstance(row.peer, C) else None,
                }
                for row in self.rows
            ],
            "differences_by_gradient": {
                "paper": PAPER, "theory": THEORY,
                "measured": {row.peer.name: self.differences(row.peer.name) for row in self.rows if row.method == "FD"},
            },
            "left_out": self.left_out,
        }  # fmt: skip


def measure(
    epochs: int | None = None, rounds: int = 3, names: Sequence[str] = (), quick: bool = False,
    on_progress: OnProgress = lambda text: None,
) -> Report:  # fmt: skip
    """Run the experiment with every peer that can be run here.

    Args:
        epochs: epochs per descent; 8,000,000 if left out, or 20,000 if quick. Slow peers run fewer.
        rounds: how often every peer is timed; each round runs all of them.
        names: the peers to compare with the native engine; all if empty.
        quick: run a smoke test, whose numbers mean little.
        on_progress: called with a description of each task.
    """
    wanted = whole("epochs", epochs if epochs is not None else QUICK_EPOCHS if quick else EPOCHS, 1, BenchError)
    rounds = whole("rounds", rounds, 1, BenchError)
    left_out: dict[str, str] = {}
    tasks: list[_Task] = []
    base: dict[Method, float] = {}
    for peer in chosen(names):
        reason = peer.available()
        if reason:
            left_out[peer.name] = reason
            continue
        for method in peer.methods:
            on_progress(f"preparing {peer.title}, {method}")
            try:
                run, fixed = _prepared(peer, method)
                _check(peer, method, run)
                an_epoch = _pace(run, wanted, quick)
                if peer.name == BASE:
                    base[method] = an_epoch
                granted = _enough(an_epoch, wanted, quick, base.get(method, 0.0))
                tasks.append((peer, method, granted, run, fixed))
            except Exception as error:
                left_out[_label(peer, method)] = _sentence(error)
    rows = _timed(tasks, rounds, left_out, on_progress)
    if not rows:
        raise BenchError("no peer could be measured: " + "; ".join(f"{name}: {why}" for name, why in left_out.items()))
    return Report(wanted, rounds, rows, left_out, quick)


def _prepared(peer: Peer, method: Method) -> tuple[Run, float]:
    """Prepare a peer and call it once; return its run function and the seconds spent, without importing."""
    for name in peer.modules:
        load(name)
    started = _clock()
    run = peer.prepare(method)
    run(1)
    return run, _clock() - started


def _timed(tasks: Sequence[_Task], rounds: int, left_out: dict[str, str], on_progress: OnProgress) -> list[Row]:
    """Time every task once per round; return the rows by method, in the order of the peers."""
    rows: dict[str, Row] = {}
    for k in range(rounds):
        for peer, method, epochs, run, fixed in tasks:
            label = _label(peer, method)
            if label in left_out:
                continue
            on_progress(f"round {k + 1} of {rounds}: {peer.title}, {method}, {epochs:,} epochs")
            try:
                spent, cost = run(epochs)
            except Exception as error:
                left_out[label] = _sentence(error)
                rows.pop(label, None)
                continue
            rows.setdefault(label, Row(peer, method, epochs, [], cost, fixed)).seconds.append(spent)
    return [row for method in METHODS for row in rows.values() if row.method == method]


def _label(peer: Peer, method: Method) -> str:
    return f"{peer.name}, {method}"


def _sentence(error: Exception) -> str:
    """Return the first line of an error, after its type if it is not one of ours."""
    text = str(error).strip().split("\n")[0]
    return text if isinstance(error, SteepestError) and text else f"{type(error).__name__}: {text}".rstrip(": ")


def _check(peer: Peer, method: Method, run: Run) -> None:
    """Raise unless a peer ends at the same cost as plain Python."""
    if not peer.same:
        return
    _, found = run(_CHECK_EPOCHS)
    expected = final_cost(method, _CHECK_EPOCHS)
    if not abs(found - expected) <= _AGREEMENT[peer.dtype, method] * expected:
        raise BenchError(
            f"after {_CHECK_EPOCHS:,} epochs its cost is {found!r} and that of plain Python {expected!r}: "
            "it computes something else, so it is not compared"
        )


def _pace(run: Run, wanted: int, quick: bool) -> float:
    """Estimate the seconds per epoch of a peer that has been warmed up.

    Starting a descent takes milliseconds, more than the epochs of a short run. Runs therefore grow until one has all
    the epochs, or lasts so long that this does not matter. It is repeated, and the shorter time counts, so that one
    slow call does not distort the estimate.
    """
    least = _QUICK_PROBE if quick else _PROBE
    epochs = min(wanted, _PROBE_EPOCHS)
    while True:
        spent = run(epochs)[0]
        if spent >= least:
            spent = min(spent, run(epochs)[0])
        if spent >= least or epochs == wanted:
            return spent / epochs
        growth = 1.25 * least / spent if spent > 0 else _MOST_GROWTH
        epochs = min(wanted, int(epochs * min(max(growth, _LEAST_GROWTH), _MOST_GROWTH)))


def _enough(an_epoch: float, wanted: int, quick: bool, base: float = 0.0) -> int:
    """Return the requested number of epochs, reduced for slow peers.

    ``base`` are the seconds that an epoch of the native engine takes, which is never slow; 0 if unknown.
    """
    longest, shortened = (_QUICK_LONGEST, _QUICK_SHORTENED) if quick else (_LONGEST, _SHORTENED)
    if an_epoch * wanted <= max(longest, _SLOWER * base * wanted):
        return wanted
    return min(wanted, max(1, int(float(f"{shortened / an_epoch:.1g}"))))
