"""What an engine is asked for in a descent: the step that an epoch takes, when to stop, and what to record."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from steepest.calculus.program import Program, lower
from steepest.expressions.expression import PARAMETER, Expression, leaf
from steepest.expressions.traversal import toposort


class Reason(StrEnum):
    """Why a descent ended; each equals its text, which users see."""

    GOING_ON = ""
    DIVERGED = "diverged"
    GRADIENT = "gradient"
    TOLERANCE = "tolerance"
    EPOCHS = "epochs"
    TIME = "time"
    INTERRUPTED = "interrupted"
    VALIDATION = "validation"
    CALLBACK = "callback"

    __repr__ = str.__repr__  # results print the text, not the member


RULE_REASONS = (Reason.GOING_ON, Reason.DIVERGED, Reason.GRADIENT, Reason.TOLERANCE)
"""The reasons that engines find by themselves; compiled code returns an index into this tuple."""

Params = dict[str, Any]
"""Arrays by name: parameters, and what an optimiser remembers of each."""
Rate = float | Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""α: a number, or a function from the times of updates, in epochs, to one for each."""

RATE = leaf(PARAMETER, "(rate)")
"""The rate α, as updated parameters refer to it."""
UPDATES = leaf(PARAMETER, "(updates)")
"""How many updates were made before, as updated parameters refer to it."""

ROWS_KEPT = 1000  # of a record; every second one is dropped when there are twice as many


def rates_of(rate: Rate, times: NDArray[Any]) -> NDArray[np.float64]:
    """α for each of some times, in epochs."""
    return np.broadcast_to(np.asarray(rate(times) if callable(rate) else rate, np.float64), times.shape).copy()


def partial_derivative(parameter: Expression) -> Expression:
    """Return the leaf of a partial derivative by finite differences, whose value the engine computes."""
    return leaf(PARAMETER, f"(gradient) {parameter.name}", parameter.shape)


@dataclass(frozen=True, eq=False)  # a step is itself: what is found out about one is kept
class Step:
    """One epoch: cost, gradient and update.

    Attributes:
        cost: the cost in its stable form.
        updates: the next value of each parameter, then of everything in the optimiser's state, as expressions of these,
            data and :data:`RATE`; with finite differences not of data but of :func:`partial_derivative`.
        gradient_norm: the norm of the gradient, if a stopping rule asks for it.
        epsilon: ε, where the gradient is one of finite differences; else None.
        central: whether the differences are central.
        memory: the optimiser's state: each leaf of it, and its value at the start, as an expression of parameters.
    """

    cost: Expression
    updates: Mapping[Expression, Expression]
    gradient_norm: Expression | None = None
    epsilon: float | None = None
    central: bool = False
    memory: Mapping[Expression, Expression] = field(default_factory=dict)

    @property
    def parameters(self) -> list[Expression]:
        """The parameters of the cost."""
        return [leaf for leaf in self.updates if leaf not in self.memory]

    @cached_property
    def program(self) -> Program:
        """The program of the cost, of the gradient's norm if it is wanted, and of all updates."""
        norm = [] if self.gradient_norm is None else [self.gradient_norm]
        return lower([self.cost, *norm, *self.updates.values()])

    @cached_property
    def length(self) -> int:
        """How many nodes the cost and all updates have together."""
        return len(toposort([self.cost, *self.updates.values()]))


@dataclass(frozen=True)
class Batches:
    """How an epoch walks through the samples, some at a time; each epoch in another order, drawn from a seed.

    Attributes:
        size: samples of a batch; the last one of an epoch may have fewer.
        seed: of the orders.
        part: which part of a table this is, from 1, if the table is walked through in parts.
    """

    size: int
    seed: int
    part: int = 0

    def number(self, rows: int) -> int:
        """Batches of an epoch."""
        return -(-rows // self.size)

    def order(self, epoch: int, rows: int) -> NDArray[np.int64]:
        """The samples in the order of their turn; an epoch's order depends on the seed and its number alone."""
        marks = [self.seed, epoch, self.part] if self.part else [self.seed, epoch]
        return np.random.default_rng(marks).permutation(rows)


@dataclass(frozen=True)
class StoppingRules:
    """When a descent stops by itself, and what counts as a rise of its cost. A rule not asked for is NaN.

    Attributes:
        limit: a cost above this will not come back; ∞ where the cost is to climb.
        tolerance: stop when the cost changes by at most this share of itself.
        gradient_tolerance: stop when the gradient's norm is at most this.
        relative, slack: a rise by less than relative·|cost| + slack may be round-off.
        sign: 1, or −1 where the cost is to climb and a fall counts.
    """

    divergence_threshold: float = math.inf
    tolerance: float = math.nan
    gradient_tolerance: float = math.nan
    rtol: float = 0.0
    atol: float = 0.0
    sign: float = 1.0

    def rose(self, value: Any, last: Any) -> Any:
        """Return whether the cost has become worse from one epoch to the next; works on arrays, too."""
        return (value - last) * self.sign > self.rtol * abs(last) + self.atol

    def reason(self, epoch: int, value: float, last: float, norm: float) -> Reason:
        """Return why the descent stops at an epoch with this cost, the one before, and the gradient's norm."""
        if not math.isfinite(value) or value > self.divergence_threshold:
            return Reason.DIVERGED
        if norm <= self.gradient_tolerance:
            return Reason.GRADIENT
        steady = epoch > 0 and abs(value - last) <= self.tolerance * abs(last)
        return Reason.TOLERANCE if steady else Reason.GOING_ON


@dataclass(frozen=True)
class DescentState:
    """The state of a descent between two calls of an engine.

    Attributes:
        params: the parameters.
        before: those of the epoch before, whose cost was finite.
        last: the cost at ``before``; at the beginning that of the start.
        epoch: how many updates were made.
        rises, first_rise: how often the cost rose, and when first.
        reason: why the descent cannot go on; empty if it can.
    """

    params: Mapping[str, Any]
    before: Mapping[str, Any]
    last: float
    epoch: int = 0
    rises: int = 0
    first_rise: int = 0
    reason: str = Reason.GOING_ON


@dataclass
class Record:
    """The costs and parameters of a descent, thinned to a bounded number by leaving out every second row.

    An engine keeps parameters in a form of its own; its ``unpacked`` reads them.

    Attributes:
        thinning: how many rows of costs there are for one of parameters, a power of two.
        stride: epochs between two rows; a row is due at each multiple, from 0.
        costs: row k is that of the epoch k·stride.
        parameters: row k is that of the epoch k·stride·thinning, or None if it was not kept.
    """

    thinning: int = 1
    stride: int = 1
    costs: list[float] = field(default_factory=list)
    parameters: list[Any] = field(default_factory=list)

    @property
    def free_rows(self) -> int:
        """How many rows fit before the stride doubles."""
        return 2 * ROWS_KEPT - len(self.costs)

    def add(self, costs: Iterable[float], parameters: Iterable[Any]) -> None:
        """Keep the rows that were due since the last call, of costs as many as are free."""
        self.costs.extend(costs)
        self.parameters.extend(parameters)
        if len(self.costs) >= 2 * ROWS_KEPT:
            # In one go, lest an interruption leave rows at the wrong epochs.
            self.stride, self.costs, self.parameters = 2 * self.stride, self.costs[::2], self.parameters[::2]

    def history(self, before: int) -> list[tuple[int, float]]:
        """Rows (epoch, cost) before an epoch."""
        return [(k * self.stride, cost) for k, cost in enumerate(self.costs) if k * self.stride < before]

    def path(self, before: int) -> list[tuple[int, Any]]:
        """Rows (epoch, parameters) before an epoch."""
        apart = self.stride * self.thinning
        return [(k * apart, row) for k, row in enumerate(self.parameters) if k * apart < before and row is not None]


class EpochCounter:
    """The bookkeeping of a descent whose epochs Python drives: rises, stopping rules, rows of the record.

    The compiled loops do the same in machine code; a test compares all of them.

    Args:
        state: where the descent is.
        rules: when it stops.
        record: gets the rows that are due.
    """

    def __init__(self, state: DescentState, rules: StoppingRules, record: Record) -> None:
        self._rules, self._record = rules, record
        self.params, self.before, self.last, self.epoch = state.params, state.before, state.last, state.epoch
        self.rises, self.first_rise, self.reason = state.rises, state.first_rise, Reason.GOING_ON

    def judge(self, value: float, norm: float = math.nan) -> None:
        """Count a rise of the cost at the present epoch and find the reason to stop there, if there is one."""
        if self._rules.rose(value, self.last):
            self.rises, self.first_rise = self.rises + 1, self.first_rise or self.epoch
        self.reason = self._rules.reason(self.epoch, value, self.last, norm)

    def go_on(self, value: float, params: Mapping[str, Any], row: Any = None) -> None:
        """Record the present epoch, if a row is due, and go to the next one.

        Args:
            value: the cost of the present epoch.
            params: the parameters of the next one.
            row: the present parameters as the record keeps them; as they are if left out.
        """
        self.keep(value, self.params if row is None else row)
        self.last, self.before, self.params, self.epoch = value, self.params, params, self.epoch + 1

    def keep(self, value: float, row: Any) -> None:
        """Record the present epoch, if a row is due."""
        if self.epoch % self._record.stride == 0:
            due = self.epoch % (self._record.stride * self._record.thinning) == 0
            self._record.add([value], [row] if due else [])

    def state(self) -> DescentState:
        """Return where the descent is now."""
        return DescentState(self.params, self.before, self.last, self.epoch, self.rises, self.first_rise, self.reason)


class Runner(Protocol):
    """A descent by one engine. ``rate`` may be changed between calls; the first one should run ``pace`` epochs."""

    rate: Rate
    pace: int

    def cost_at(self, params: Params) -> float:
        """The cost at some parameters."""
        ...

    def advance(self, state: DescentState, until: int, rules: StoppingRules, record: Record) -> DescentState:
        """Go on to the epoch ``until``, or until a rule stops it, or to where the engine has to be called again.

        Args:
            state: where the descent is.
            until: an epoch beyond that of ``state``.
            rules: when to stop before.
            record: gets the rows that are due.

        Returns:
            The state then. A rule that stops it at an epoch leaves ``params`` as they are there; an update
            that leaves the finite numbers has been made.
        """
        ...

    def unpacked(self, rows: Sequence[Any]) -> list[Params]:
        """The parameters in rows of the record."""
        ...


@dataclass(frozen=True)
class EnsembleResult:
    """How one of many descents ended: parameters, their cost, why it stopped before the last epoch, epochs made."""

    params: Params
    cost: float
    reason: str
    epochs: int


class Ensemble(Protocol):
    """Many descents of one cost, by one engine."""

    def run(
        self, starts: Sequence[Params], epochs: int, rules: Callable[[float], StoppingRules], stop: threading.Event,
        report: Callable[[int, float], None],
    ) -> None:  # fmt: skip
        """Descend from every start; ``report`` is called in this thread, about twenty times a second.

        Args:
            starts: parameters by name.
            epochs: updates at most.
            rules: the stopping rules for a descent that begins at a cost.
            stop: once set, the descents end where they are.
            report: gets how many epochs all models together made so far, and the lowest cost that was seen last.
        """
        ...

    def outcomes(self) -> list[EnsembleResult]:
        """How the descents ended, in order, also after an exception; those that had not begun are left out."""
        ...
