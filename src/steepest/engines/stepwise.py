"""Descents that call a compiled step from Python in every epoch, for engines without a compiled loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from steepest.engines.step import (
    RATE,
    Batches,
    DescentState,
    EpochCounter,
    Params,
    Rate,
    Record,
    Step,
    Stop,
    StoppingRules,
    partial_derivative,
    rates_of,
)
from steepest.expressions.expression import Expression

Array = NDArray[Any]


class Runnable(Protocol):
    """A compiled program: takes arrays by name and the number of rows, returns one array per output."""

    def __call__(self, values: Mapping[str, Array], rows: int) -> list[Array]: ...


Compiler = Callable[[Sequence[Expression], str], Runnable]


class Stepwise:
    """A descent with one call of a compiled step per epoch or batch.

    Args:
        compiler: compiles the programs of the step.
        step: what an epoch does.
        data, rows: arrays of the columns, ``(rows, …)``, and the number of samples.
        rate: the learning rate α.
        dtype: the precision.
        batches: the batches of an epoch; all samples at once if None.
    """

    pace = 1

    def __init__(
        self, compiler: Compiler, step: Step, data: Mapping[str, Array], rows: int, rate: Rate, dtype: str,
        batches: Batches | None = None,
    ) -> None:  # fmt: skip
        self._step, self._data, self._rows, self._dtype = step, dict(data), rows, np.dtype(dtype)
        self._batches = batches
        self._names = [leaf.name for leaf in step.updates]
        self._cost = compiler([step.cost], dtype)
        size = [] if step.gradient_norm is None else [step.gradient_norm]
        given = [] if step.epsilon is not None else [step.cost]
        self._whole = compiler([*given, *size, *step.updates.values()], dtype)
        self.rate = rate

    def cost_at(self, params: Params) -> float:
        """Return the cost at some parameters."""
        return float(self._cost({**self._data, **params}, self._rows)[0])

    def advance(self, state: DescentState, until: int, rules: StoppingRules, record: Record) -> DescentState:
        """Run some epochs; see :class:`steepest.engines.step.Runner`. An interruption ends the descent."""
        counter = EpochCounter(state, rules, record)
        try:
            while counter.epoch < until and not counter.stop:
                value, norm, after = self._epoch(counter.epoch, counter.params)
                counter.judge(value, norm)
                # With batches the cost is known only after the epoch, whose updates are kept.
                if not counter.stop or (self._batches is not None and counter.stop != Stop.DIVERGED):
                    counter.go_on(value, after)
                    if not all(np.isfinite(array).all() for array in after.values()):
                        counter.stop = Stop.DIVERGED
        except KeyboardInterrupt:
            counter.stop = Stop.INTERRUPTED
        return counter.state()

    def unpacked(self, rows: Sequence[Any]) -> list[Params]:
        """Return the parameters in rows of the record, which stores them unchanged."""
        return list(rows)

    def _epoch(self, epoch: int, params: Mapping[str, Any]) -> tuple[float, float, Params]:
        """Return the cost, the norm of the gradient and the new parameters; with batches, their mean cost."""
        if self._batches is None:
            return self._advance(params, self._data, self._rows, epoch)
        order, sofar, steps = self._batches.order(epoch, self._rows), 0.0, self._batches.number(self._rows)
        for k in range(steps):
            chosen = order[k * self._batches.size : (k + 1) * self._batches.size]
            data = {name: column[chosen] for name, column in self._data.items()}
            cost, _, params = self._advance(params, data, len(chosen), epoch + k / steps)
            sofar += cost * len(chosen)
        return sofar / self._rows, math.nan, dict(params)

    def _advance(
        self, params: Mapping[str, Any], data: Mapping[str, Array], rows: int, time: float
    ) -> tuple[float, float, Params]:
        with np.errstate(over="ignore"):  # values beyond the range of float32 become ∞
            rate = rates_of(self.rate, np.array([time])).astype(self._dtype)[0]
        values = {**params, RATE.name: rate}
        if self._step.epsilon is None:
            cost, *found = self._whole({**data, **values}, rows)
        else:
            cost = np.asarray(self._cost({**data, **params}, rows)[0])
            found = self._whole({**values, **self._slopes(params, cost, data, rows)}, 1)
        size = 0.0 if self._step.gradient_norm is None else float(found.pop(0))
        return float(cost), size, dict(zip(self._names, found, strict=True))

    @np.errstate(all="ignore")  # a difference of costs that are not finite is NaN, which ends the descent
    def _slopes(self, params: Mapping[str, Any], here: Any, data: Mapping[str, Array], rows: int) -> Params:
        """Return the gradient by finite differences: P + 1 evaluations of the cost if forward, 2P + 1 if central."""

        def run(name: str, value: Array) -> Any:
            return self._cost({**data, **params, name: value}, rows)[0]

        found: Params = {}
        epsilon = np.asarray(self._step.epsilon, self._dtype)[()]
        for leaf in self._step.parameters:
            value = params[leaf.name]
            partial = np.empty_like(np.asarray(value))
            for index in np.ndindex(partial.shape):
                rise = run(leaf.name, _shifted(value, index, epsilon))
                if self._step.central:
                    fall = run(leaf.name, _shifted(value, index, -epsilon))
                    partial[index] = (rise - fall) / (2 * epsilon)
                else:
                    partial[index] = (rise - here) / epsilon
            found[partial_derivative(leaf).name] = partial
        return found


def _shifted(value: Array, index: tuple[int, ...], by: Any) -> Array:
    shifted = np.array(value)  # NumPy scalars do not support item assignment
    shifted[index] += by
    return shifted
