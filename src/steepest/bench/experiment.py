"""The experiment: every peer warmed up, seen to do the same work, timed in interleaved rounds, compared.

>>> from steepest.bench.experiment import measure
>>> report = measure(epochs=1000, rounds=1, names=["python"], quick=True)
>>> [row.method for row in report.rows if row.peer.name == "python"]
['GD', 'FD']
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from steepest.bench.compiled import C
from steepest.bench.errors import BenchError
from steepest.bench.neuron import EPOCHS, METHODS, RATE, START, STEP, Method, final_cost
from steepest.bench.peer import Peer, Run
from steepest.bench.peers import BASE, chosen
from steepest.errors import SteepestError

PAPER = 3.29  # times a finite difference takes as long as a gradient, as the notes measured it
THEORY = 4.0  # P + 1 costs in place of one gradient
QUICK_EPOCHS = 20_000

_CHECK_EPOCHS = 1000
_AGREEMENT = {("float64", "GD"): 1e-9, ("float64", "FD"): 1e-8, ("float32", "GD"): 1e-4, ("float32", "FD"): 1e-2}
_LONGEST, _QUICK_LONGEST = 1.5, 0.2  # seconds; what would take longer gets fewer epochs,
_SHORTENED, _QUICK_SHORTENED = 0.4, 0.05  # so many that they take about as long as this
_PROBE_EPOCHS, _PROBE = 100, 0.02  # seconds that a run takes at least from which a time is foretold

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """One peer's times by one method.

    Attributes:
        peer: which.
        method: ``"GD"`` or ``"FD"``.
        epochs: how many were timed.
        seconds: how long they took, a number a round.
        cost: where they ended, C at the final parameters in float64.
    """

    peer: Peer
    method: Method
    epochs: int
    seconds: list[float]
    cost: float

    @property
    def time(self) -> float:
        """The median of the rounds, s."""
        return statistics.median(self.seconds)

    @property
    def nanoseconds(self) -> float:
        """The median time of an epoch, ns."""
        return 1e9 * self.time / self.epochs

    def by(self, other: Row) -> float:
        """How many times as long an epoch takes as another's: the median over the rounds."""
        pairs = zip(self.seconds, other.seconds, strict=True)
        return statistics.median((a / self.epochs) / (b / other.epochs) if b else math.inf for a, b in pairs)


@dataclass(frozen=True)
class Report:
    """What was measured.

    Attributes:
        epochs: as many as a peer that is fast enough descends.
        rounds: how often each was timed.
        rows: a peer and method each.
        left_out: what was not measured, and why.
        quick: whether it was a smoke test.
    """

    epochs: int
    rounds: int
    rows: list[Row]
    left_out: dict[str, str]
    quick: bool = False

    def find(self, name: str, method: Method) -> Row | None:
        """The row of a peer and method."""
        return next((row for row in self.rows if (row.peer.name, row.method) == (name, method)), None)

    def beside_base(self, row: Row) -> float | None:
        """How many times as long as the native engine a row takes, if that was measured."""
        base = self.find(BASE, row.method)
        return row.by(base) if base else None

    def differences(self, name: str) -> float | None:
        """How many times as long finite differences take as gradient descent, for a peer that does both."""
        gradient, differences = self.find(name, "GD"), self.find(name, "FD")
        return differences.by(gradient) if gradient and differences else None

    def document(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "experiment": {
                "formula": "z ~ sigmoid(x*w1 + y*w2 + b)", "table": "nand", "start": list(START), "rate": RATE,
                "step": STEP, "epochs": self.epochs, "rounds": self.rounds, "quick": self.quick,
            },
            "results": [
                {
                    "peer": row.peer.name, "title": row.peer.title, "about": row.peer.about,
                    "dtype": row.peer.dtype, "method": row.method,
                    "epochs": row.epochs, "seconds": row.time, "rounds": row.seconds,
                    "nanoseconds_an_epoch": row.nanoseconds, "ratio_to_native": self.beside_base(row),
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
    epochs: int | None = None,
    rounds: int = 3,
    names: Sequence[str] = (),
    quick: bool = False,
    tell: Tell = lambda text: None,
) -> Report:
    """Run the experiment with every peer that can be run here.

    Args:
        epochs: of a descent; 8,000,000 if left out, or 20,000 if quick. Slow peers get fewer.
        rounds: how often every peer is timed; in each round all take their turn.
        names: the peers, beside the native engine; all if empty.
        quick: a smoke test, whose numbers mean little.
        tell: is told what is being done.

    Raises:
        BenchError: there is no such peer, none could be run, or the numbers are not positive.
    """
    wanted = epochs if epochs is not None else QUICK_EPOCHS if quick else EPOCHS
    for word, number in (("epochs", wanted), ("rounds", rounds)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise BenchError(f"{word} is a whole number from 1, not {number!r}")
    left_out: dict[str, str] = {}
    tasks: list[tuple[Peer, Method, int, Run]] = []
    for peer in chosen(names):
        reason = peer.available()
        if reason:
            left_out[peer.name] = reason
            continue
        for method in peer.methods:
            tell(f"preparing {peer.title}, {method}")
            try:
                run = peer.prepare(method)
                _check(peer, method, run)
                tasks.append((peer, method, _enough(run, wanted, quick), run))
            except Exception as error:
                left_out[_label(peer, method)] = _sentence(error)
    rows = _timed(tasks, rounds, left_out, tell)
    if not rows:
        raise BenchError("no peer could be measured: " + "; ".join(f"{name}: {why}" for name, why in left_out.items()))
    return Report(wanted, rounds, rows, left_out, quick)


def _timed(
    tasks: Sequence[tuple[Peer, Method, int, Run]], rounds: int, left_out: dict[str, str], tell: Tell
) -> list[Row]:
    """Every task once a round, in turn; the rows by method, in the order of the peers."""
    rows: dict[str, Row] = {}
    for k in range(rounds):
        for peer, method, epochs, run in tasks:
            label = _label(peer, method)
            if label in left_out:
                continue
            tell(f"round {k + 1} of {rounds}: {peer.title}, {method}, {epochs:,} epochs")
            try:
                spent, cost = run(epochs)
            except Exception as error:
                left_out[label] = _sentence(error)
                rows.pop(label, None)
                continue
            rows.setdefault(label, Row(peer, method, epochs, [], cost)).seconds.append(spent)
    return [row for method in METHODS for row in rows.values() if row.method == method]


def _label(peer: Peer, method: Method) -> str:
    return f"{peer.name}, {method}"


def _sentence(error: Exception) -> str:
    """The first line of an error; its kind before it if it is not one of ours."""
    text = str(error).strip().split("\n")[0]
    return text if isinstance(error, SteepestError) and text else f"{type(error).__name__}: {text}".rstrip(": ")


def _check(peer: Peer, method: Method, run: Run) -> None:
    """Raise unless a peer ends where plain Python does; this also warms it up."""
    if not peer.same:
        run(1)
        return
    _, found = run(_CHECK_EPOCHS)
    expected = final_cost(method, _CHECK_EPOCHS)
    if not abs(found - expected) <= _AGREEMENT[peer.dtype, method] * expected:
        raise BenchError(
            f"after {_CHECK_EPOCHS:,} epochs its cost is {found!r} and that of plain Python {expected!r}: "
            "it does other work, so it is not compared"
        )


def _enough(run: Run, wanted: int, quick: bool) -> int:
    """As many epochs as wanted, or as are bearable."""
    epochs = min(wanted, _PROBE_EPOCHS)
    while (spent := run(epochs)[0]) < _PROBE and epochs < wanted:
        epochs = min(10 * epochs, wanted)
    longest, shortened = (_QUICK_LONGEST, _QUICK_SHORTENED) if quick else (_LONGEST, _SHORTENED)
    an_epoch = spent / epochs
    if an_epoch * wanted <= longest:
        return wanted
    return min(wanted, max(1, int(float(f"{shortened / an_epoch:.1g}"))))
