"""Levenberg–Marquardt by machine code, where the residual is one number per sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from steepest.calculus.prepared import PreparedCost
from steepest.calculus.program import Program, lower
from steepest.calculus.sums_of_squares import is_whole, jacobian, stable_residuals
from steepest.engines.step import DescentState, Params, Record, Stop, StoppingRules
from steepest.expressions.expression import PARAMETER
from steepest.training.parameter_vector import Vector
from steepest.training.quadratic import Quadratic
from steepest.training.residuals import Residuals, squares_of
from steepest.training.trust_region import RADIUS, REFINED, SCALES, TrustRegion

MOST_PARAMETERS = 50
"""Beyond, LAPACK factorises faster than a loop over numbers."""

_EPOCHS = 256  # of one call; few descents take more


def may_be_compiled(prepared: PreparedCost, rows: int) -> bool:
    """Return whether the compiled loop covers a cost: one square per sample, and nothing else, of few parameters."""
    terms = squares_of(prepared)
    if terms is None or len(terms) != 1 or not terms[0].over_samples or not is_whole(prepared.cost):
        return False
    numbers = sum(math.prod(node.shape) for node in prepared.cost.leaves if node.operation is PARAMETER)
    residual = terms[0].residual
    return residual.per_sample and not residual.shape and numbers <= min(MOST_PARAMETERS, rows)


class CompiledRegion(TrustRegion):
    """A descent whose epochs are machine code; the last digits are left to the epochs of :class:`TrustRegion`.

    Args:
        residuals: the residuals and their Jacobian, float64 and without bounds.
        cost_at: the cost as a function of parameters by name.
        prepared: the cost.
        data, rows: arrays of the columns, ``(rows, …)``, and the number of samples.
    """

    def __init__(
        self, residuals: Residuals, cost_at: Callable[[dict[str, Any]], float], prepared: PreparedCost,
        data: Mapping[str, Any], rows: int,
    ) -> None:  # fmt: skip
        super().__init__(residuals, cost_at)
        self._residuals, self._stuck = residuals, cast(Vector | None, None)
        self._loop = _Loop(residuals, prepared, data, rows)

    def advance(self, state: DescentState, until: int, rules: StoppingRules, record: Record) -> DescentState:
        """Run epochs; see :class:`steepest.engines.step.Runner`."""
        while True:
            state, end = self._loop.run(state, until, rules, record)
            if end != self._loop.stuck or state.epoch >= until:
                return state
            self._stuck = self._modelled.flat(state.params)
            # One epoch at a time, so that the steps are the same wherever a descent is interrupted.
            state = super().advance(state, state.epoch + 1, rules, record)
            if state.stop or state.epoch >= until:
                return state

    def _step(self, model: Quadratic, flat: Vector, params: Mapping[str, Any]) -> tuple[Vector, float] | None:
        # The loop has already found that no step from there lowers the cost.
        known = self._stuck is not None and np.array_equal(self._stuck, flat)
        return None if known else super()._step(model, flat, params)

    def unpacked(self, rows: Sequence[Any]) -> list[Params]:
        """Return the parameters in rows of the record."""
        flat = [row if isinstance(row, np.ndarray) else self._modelled.flat(row) for row in rows]
        return self._residuals.unpacked(np.array(flat)) if flat else []


class _Loop:
    """The compiled loop with its memory."""

    def __init__(self, residuals: Residuals, prepared: PreparedCost, data: Mapping[str, Any], rows: int) -> None:
        from steepest.engines.native.methods import least_squares
        from steepest.engines.native.methods.bound import Numbers, call

        self._call, self._method, self.stuck = call, least_squares.descend, least_squares.STUCK
        self._ends = {
            least_squares.UNTIL: Stop.GOING_ON, self.stuck: Stop.GOING_ON, least_squares.GRADIENT: Stop.GRADIENT,
            least_squares.TOLERANCE: Stop.TOLERANCE,
        }  # fmt: skip
        self._residuals, p = residuals, len(residuals)
        by_residual, by_slope = _programs(prepared, residuals)
        self._by_residual, self._by_slope = Numbers(by_residual, data, rows), Numbers(by_slope, data, rows)
        places = [*self._by_residual.positions(residuals.nodes), *self._by_slope.positions(residuals.nodes)]
        self._places, self._order = np.array(places, np.int64), np.zeros(p, np.int64)
        self._columns = np.array([
            [address, k if node.shape else 0, math.prod(node.shape), node.per_sample]  # a 0 may have no shape
            for (address, node), parameter in zip(self._by_slope.outputs(), residuals.nodes, strict=True)
            for k in range(math.prod(parameter.shape))
        ], np.int64)  # fmt: skip
        ((output, _),) = self._by_residual.outputs()
        self._sizes = np.array([rows, p, self._by_slope.lanes, 0, output, 0, 0, 0], np.int64)
        self._roots: Any = None
        self._costs, self._path = np.zeros(_EPOCHS), np.zeros((_EPOCHS, p))
        self._work = np.zeros(3 * rows + 2 * rows * p + 5 * p + 3 * p * p + 2)

    def run(self, state: DescentState, until: int, rules: StoppingRules, record: Record) -> tuple[DescentState, int]:
        """Run epochs until ``until``, or until no step lowers the cost, or a rule stops them; return which."""
        flat = self._residuals.flat(state.params)
        if self._roots is None:
            self._roots = np.ascontiguousarray(np.sqrt(self._residuals.weights(flat)))
        scales = np.array(state.params.get(SCALES, np.zeros(len(flat))), np.float64)
        known = RADIUS in state.params
        self._sizes[3], self._sizes[5] = min(until - state.epoch, _EPOCHS), known
        last = state.last if state.epoch else np.nan
        numbers = np.array([self._residuals.factor, rules.tolerance, last, state.params.get(RADIUS, 0.0),
                            rules.gradient_tolerance, np.nan])  # fmt: skip
        self._call(
            self._method, self._by_residual.words, self._by_slope.words, self._places, self._columns, self._order,
            self._sizes, numbers, flat, scales, self._roots, self._costs, self._path, self._work,
        )  # fmt: skip
        done, end = int(self._sizes[6]), int(self._sizes[7])
        if not done and end == self.stuck:
            return state, end
        return self._counted(state, flat, scales, numbers, done, end, rules, record), end

    def _counted(
        self, state: DescentState, flat: Any, scales: Any, numbers: Any, done: int, end: int, rules: StoppingRules,
        record: Record,
    ) -> DescentState:  # fmt: skip
        """Return the state after some epochs, which are recorded where they are due."""
        stop = self._ends[end]
        costs, path = self._costs[:done].tolist(), self._path[:done].copy()
        rises, first, last = state.rises, state.first_rise, state.last
        for k, value in enumerate([*costs, *([float(numbers[5])] if stop else [])], start=state.epoch):
            if rules.rose(value, last):
                rises, first = rises + 1, first or k
            last = value
        record.extend(state.epoch, costs, path)
        if not done:
            return replace(state, rises=rises, first_rise=first, stop=stop)
        named = self._residuals.named
        after: Params = {**named(flat), RADIUS: np.float64(numbers[3]), SCALES: scales}
        if REFINED in state.params:
            after[REFINED] = state.params[REFINED]
        return DescentState(after, named(path[-1]), costs[-1], state.epoch + done, rises, first, stop)


def _programs(prepared: PreparedCost, residuals: Residuals) -> tuple[Program, Program]:
    """Return the programs of the residual and of its partial derivatives."""
    key = "programs of the residual"
    if key not in prepared.cache:
        terms = squares_of(prepared)
        assert terms is not None  # may_be_compiled has looked
        residual = stable_residuals(terms)[0]
        prepared.cache[key] = lower([residual]), lower(jacobian(residual, residuals.nodes).partials)
    found: tuple[Program, Program] = prepared.cache[key]
    return found
