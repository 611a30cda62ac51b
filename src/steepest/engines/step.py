"""The interface between descents and engines: the step of an epoch, stopping rules, state and record."""

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


class Stop(StrEnum):
    """What stopped a descent; a member equals its text, which users see."""

    GOING_ON = ""
    DIVERGED = "diverged"
    GRADIENT = "gradient"
    TOLERANCE = "tolerance"
    STALLED = "stalled"
    EPOCHS = "epochs"
    TIME = "time"
    INTERRUPTED = "interrupted"
    VALIDATION = "validation"
    CALLBACK = "callback"

    __repr__ = str.__repr__  # so that results print the text


RULE_STOPS = (Stop.GOING_ON, Stop.DIVERGED, Stop.GRADIENT, Stop.TOLERANCE)
"""The stops that engines determine; compiled code returns an index into this tuple."""

Params = dict[str, Any]
"""Arrays by name: parameters and the optimiser's state."""
Rate = float | Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""The learning rate α: a number, or a function from the times of updates, in epochs, to their rates."""

RATE = leaf(PARAMETER, "(rate)")
"""The leaf for the learning rate α in updates."""
UPDATES = leaf(PARAMETER, "(updates)")
"""The leaf for the number of earlier updates in updates."""

ROWS_KEPT = 1000  # rows of a record after thinning, which happens at twice as many; plenty for any plot of a history


def rates_of(rate: Rate, times: NDArray[Any]) -> NDArray[np.float64]:
    """Return the learning rate at each of some times, in epochs."""
    return np.broadcast_to(np.asarray(rate(times) if callable(rate) else rate, np.float64), times.shape).copy()


def partial_derivative(parameter: Expression) -> Expression:
    """Return the leaf for a partial derivative by finite differences, whose value the engine computes."""
    return leaf(PARAMETER, f"(gradient) {parameter.name}", parameter.shape)


@dataclass(frozen=True, eq=False)  # compared by identity, because compiled kernels are cached by step
class Step:
    """One epoch: cost, gradient and update.

    Attributes:
        cost: the cost in its stable form.
        updates: the next value of each parameter and then of each leaf of the optimiser's state, as expressions of
            these, data and :data:`RATE`; with finite differences of :func:`partial_derivative` instead of data.
        gradient_norm: the norm of the gradient, if a stopping rule needs it.
        epsilon: ε of finite differences; None if the gradient is derived.
        central: whether the differences are central.
        memory: the initial value of each leaf of the optimiser's state, as an expression of parameters.
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
        """The program of the cost, the norm of the gradient if it is needed, and all updates."""
        norm = [] if self.gradient_norm is None else [self.gradient_norm]
        return lower([self.cost, *norm, *self.updates.values()])

    @cached_property
    def length(self) -> int:
        """The number of nodes of the cost and all updates."""
        return len(toposort([self.cost, *self.updates.values()]))


@dataclass(frozen=True)
class Batches:
    """Batches of an epoch; each epoch has a new random order.

    Attributes:
        size: samples per batch; the last one of an epoch may have fewer.
        seed: the seed of the orders.
        part: the number, from 1, of the part of a table that is read in parts; else 0.
    """

    size: int
    seed: int
    part: int = 0

    def number(self, rows: int) -> int:
        """Return the number of batches of an epoch."""
        return -(-rows // self.size)

    def order(self, epoch: int, rows: int) -> NDArray[np.int64]:
        """Return the order of the samples in an epoch, which depends on the seed and the epoch alone."""
        # A new generator per epoch lets a resumed descent continue with the same orders.
        seeds = [self.seed, epoch, self.part] if self.part else [self.seed, epoch]
        return np.random.default_rng(seeds).permutation(rows)


@dataclass(frozen=True)
class StoppingRules:
    """When a descent stops, and what counts as a rise of its cost. NaN switches a rule off.

    Attributes:
        divergence_threshold: a cost above this counts as diverged; ∞ when maximising.
        tolerance: stop when the relative change of the cost is at most this.
        gradient_tolerance: stop when the norm of the gradient is at most this.
        rtol, atol: a rise by at most rtol·|cost| + atol is attributed to rounding.
        sign: 1, or −1 when maximising, where a fall counts as a rise.
    """

    divergence_threshold: float = math.inf
    tolerance: float = math.nan
    gradient_tolerance: float = math.nan
    rtol: float = 0.0
    atol: float = 0.0
    sign: float = 1.0

    def rose(self, value: Any, last: Any) -> Any:
        """Return whether the cost became worse from one epoch to the next; also for arrays."""
        return (value - last) * self.sign > self.rtol * abs(last) + self.atol

    def stop(self, epoch: int, value: float, last: float, norm: float) -> Stop:
        """Return why the descent stops at an epoch, given its cost, the previous cost and the norm of the gradient."""
        if not math.isfinite(value) or value > self.divergence_threshold:
            return Stop.DIVERGED
        if norm <= self.gradient_tolerance:
            return Stop.GRADIENT
        steady = epoch > 0 and abs(value - last) <= self.tolerance * abs(last)
        return Stop.TOLERANCE if steady else Stop.GOING_ON


@dataclass(frozen=True)
class DescentState:
    """The state of a descent between two calls of an engine.

    Attributes:
        params: the parameters.
        before: the parameters of the previous epoch, whose cost was finite.
        last: the cost at ``before``; at the beginning, the cost of the start.
        epoch: the number of epochs completed.
        rises, first_rise: how often the cost rose, and the first epoch at which it did.
        stop: what ended the descent; empty if it can continue.
    """

    params: Mapping[str, Any]
    before: Mapping[str, Any]
    last: float
    epoch: int = 0
    rises: int = 0
    first_rise: int = 0
    stop: str = Stop.GOING_ON


@dataclass
class Record:
    """The history of a descent: costs and parameters, thinned by dropping every second row when it is full.

    Engines store parameters in their own format, which ``Runner.unpacked`` reads.

    Attributes:
        thinning: rows of costs per row of parameters, a power of two.
        stride: epochs between two rows; rows are due at its multiples, from 0.
        costs: row k belongs to epoch k·stride.
        parameters: row k belongs to epoch k·stride·thinning; None if it was not stored.
    """

    thinning: int = 1
    stride: int = 1
    costs: list[float] = field(default_factory=list)
    parameters: list[Any] = field(default_factory=list)

    @property
    def free_rows(self) -> int:
        """The number of rows that fit before the stride doubles."""
        return 2 * ROWS_KEPT - len(self.costs)

    def add(self, costs: Iterable[float], parameters: Iterable[Any]) -> None:
        """Append the rows that were due since the last call, at most ``free_rows`` of costs."""
        self.costs.extend(costs)
        self.parameters.extend(parameters)
        if len(self.costs) >= 2 * ROWS_KEPT:
            # One statement, so that an interruption cannot leave rows at the wrong epochs.
            self.stride, self.costs, self.parameters = 2 * self.stride, self.costs[::2], self.parameters[::2]

    def extend(self, first: int, costs: Sequence[float], parameters: Any) -> None:
        """Append those rows of consecutive epochs from ``first`` on that are due; the stride may double on the way."""
        k = 0
        while k < len(costs):
            k += -(first + k) % self.stride
            due = range(k, len(costs), self.stride)[: self.free_rows]
            apart = self.stride * self.thinning
            self.add([costs[i] for i in due], [parameters[i] for i in due if (first + i) % apart == 0])
            k = due[-1] + 1 if due else len(costs)

    def history(self, before: int) -> list[tuple[int, float]]:
        """Return the rows (epoch, cost) before an epoch."""
        return [(k * self.stride, cost) for k, cost in enumerate(self.costs) if k * self.stride < before]

    def path(self, before: int) -> list[tuple[int, Any]]:
        """Return the rows (epoch, parameters) before an epoch."""
        apart = self.stride * self.thinning
        return [(k * apart, row) for k, row in enumerate(self.parameters) if k * apart < before and row is not None]


class EpochCounter:
    """The bookkeeping of a descent that Python drives: rises, stopping rules, rows of the record that are due.

    Compiled loops do the same in machine code; a test compares them.
    """

    def __init__(self, state: DescentState, rules: StoppingRules, record: Record) -> None:
        self._rules, self._record = rules, record
        self.params, self.before, self.last, self.epoch = state.params, state.before, state.last, state.epoch
        self.rises, self.first_rise, self.stop = state.rises, state.first_rise, Stop.GOING_ON

    def judge(self, value: float, norm: float = math.nan) -> None:
        """Count a rise of the cost at the current epoch and apply the stopping rules."""
        if self._rules.rose(value, self.last):
            self.rises, self.first_rise = self.rises + 1, self.first_rise or self.epoch
        self.stop = self._rules.stop(self.epoch, value, self.last, norm)

    def go_on(self, value: float, params: Mapping[str, Any], row: Any = None) -> None:
        """Record the current epoch of cost ``value``, if a row is due, and go on to the parameters of the next one.

        The ``row`` is the current parameters in the format of the record, if it differs.
        """
        self.keep(value, self.params if row is None else row)
        self.last, self.before, self.params, self.epoch = value, self.params, params, self.epoch + 1

    def keep(self, value: float, row: Any) -> None:
        """Record the current epoch, if a row is due."""
        if self.epoch % self._record.stride == 0:
            due = self.epoch % (self._record.stride * self._record.thinning) == 0
            self._record.add([value], [row] if due else [])

    def state(self) -> DescentState:
        """Return the current state."""
        return DescentState(self.params, self.before, self.last, self.epoch, self.rises, self.first_rise, self.stop)


class Runner(Protocol):
    """A descent by one engine; ``rate`` may change between calls. The first call should be for ``pace`` epochs."""

    rate: Rate
    pace: int

    def cost_at(self, params: Params) -> float:
        """Return the cost at some parameters."""
        ...

    def advance(self, state: DescentState, until: int, rules: StoppingRules, record: Record) -> DescentState:
        """Run until epoch ``until``, until a rule stops the descent, or until the engine must be called again.
        The epoch ``until`` is after that of ``state``; ``record`` receives the rows that are due.

        Returns:
            The new state. If a rule stops the descent at an epoch, ``params`` are those of that epoch; an update to
            values that are not finite is included.
        """
        ...

    def unpacked(self, rows: Sequence[Any]) -> list[Params]:
        """Return the parameters in rows of the record."""
        ...


@dataclass(frozen=True)
class EnsembleResult:
    """The result of one of many descents: parameters, cost, the reason if it stopped early, epochs completed."""

    params: Params
    cost: float
    stop: str
    epochs: int


class Ensemble(Protocol):
    """Many descents of one cost by one engine."""

    def run(
        self, starts: Sequence[Params], epochs: int, rules: Callable[[float], StoppingRules], stop: threading.Event,
        on_progress: Callable[[int, float], None],
    ) -> None:  # fmt: skip
        """Descend from every start.

        Args:
            starts: parameters by name.
            epochs: the maximum number of epochs.
            rules: returns the stopping rules for the initial cost of a descent.
            stop: when set, the descents end where they are.
            on_progress: called in this thread about twenty times a second, with the number of epochs completed by all
                descents together and the lowest current cost.
        """
        ...

    def outcomes(self) -> list[EnsembleResult]:
        """Return the results in order, also after an exception, without descents that had not begun."""
        ...
