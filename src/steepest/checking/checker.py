"""The checker: judges every element of a gradient, or random directions, within a budget of higher precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest.calculus.prepared import PreparedCost
from steepest.calculus.program import lower
from steepest.calculus.stability import stabilise
from steepest.checking import kinks
from steepest.checking.finite_differences import Difference, automatic_difference
from steepest.checking.judging import HIDDEN, NOT_FINITE, Given, Judgement, agrees, by_slope
from steepest.checking.lines import COMPLEX_STEP, Line
from steepest.checking.precise import Precise, mp
from steepest.checking.report import CORRECT, FACTOR, INCONCLUSIVE, SEVERITY, WRONG, Report, Verdict
from steepest.checking.round_off import RoundOff
from steepest.checking.slopes import slope
from steepest.engines.reference import Compiled, compile_expressions
from steepest.errors import GradientError
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression
from steepest.expressions.traversal import toposort
from steepest.messages.hints import nearest
from steepest.tables.values import bind, fit_shape, number_array

Array = NDArray[Any]
Gradient = Mapping[str, Expression | ArrayLike] | Callable[[dict[str, Any]], Mapping[str, ArrayLike]]
Way = tuple[int, ...] | Array

_MOST_ELEMENTS = 256  # per array parameter; a wrong formula is wrong for most elements
MOST_UNITS = 2_000_000
"""Operations in higher precision that a check may take: about two seconds."""
_BITS_OF_FORMULAS = 2600  # so that sums which cancel to the smallest double keep their digits
_COMPARING = (op.less, op.less_equal, op.greater, op.greater_equal, op.equal, op.not_equal)
_FINER = 900  # bits by which the step is reduced before a number is called wrong
_EVALUATIONS = 8  # of the cost in higher precision for one derivative, about


class _Truth:
    """The derivative of a cost along lines, in higher precision as long as that is affordable."""

    def __init__(self, prepared: PreparedCost, point: dict[str, Any], units: int) -> None:
        self.function = kinks.cost_function(prepared, point)
        fixed, given = kinks.fixed_arguments(prepared.cost, point)
        bound = bind([fixed, prepared.cost], given)
        self._arrays, self._cost = bound.arrays, prepared.cost
        self.left = units
        try:
            self._precise: Precise | None = Precise([fixed], bound.arrays, bound.rows)
        except GradientError:  # an operation of the user's, of which only the engines know the value
            self._precise = None
        self.price = self._precise.units * _EVALUATIONS if self._precise is not None else 0

    @cached_property
    def is_decided_by_round_off(self) -> bool:
        """Whether a comparison within the cost has another result in double precision than it has exactly."""
        compared = [
            op.greater_equal(*n.args) for n in toposort([self._cost]) if n.operation in (op.maximum, op.minimum)
        ]
        nodes = [n for n in toposort([self._cost]) if n.operation in _COMPARING] + compared
        if not nodes:
            return False
        bound = self.function.bound
        doubles = compile_expressions([stabilise([node])[node] for node in nodes])(bound.arrays, bound.rows)
        exactly = Precise(nodes, bound.arrays, bound.rows)(_BITS_OF_FORMULAS)
        return any(
            np.any(np.broadcast_to(np.asarray(known, object) != 0, np.shape(found)) != (np.asarray(found) != 0))
            for found, known in zip(doubles, exactly, strict=True)
        )

    def affordable(self, lines: int = 1) -> bool:
        """Return whether the derivative along some lines can be found."""
        return self._precise is not None and self.price * lines <= self.left

    def slope(self, name: str, line: Line, finer: int = 0) -> Any:
        """Return the derivative along a line, from both sides."""
        assert self._precise is not None
        self.left -= self.price
        return slope(self._precise, {name: self._arrays[name]}, {name: line.direction}, finer)


class _Tested:
    """The gradient under test at a point, with bounds of its round-off and, of formulas, exact values."""

    def __init__(
        self, prepared: PreparedCost, point: dict[str, Any], gradient: Gradient, units: int, method: str = ""
    ) -> None:
        cost = prepared.cost
        found = gradient(point) if callable(gradient) else gradient
        graphs = {name: part for name, part in found.items() if isinstance(part, Expression)}
        values: dict[str, Any] = dict(found)
        if method:
            bound = bind([cost], point)
            program = prepared.program(method)
            compiled = Compiled(program.only(program.outputs[1:]), "float64")
            values.update(zip(graphs, compiled(bound.arrays, bound.rows), strict=True))
        elif graphs:
            values.update(kinks.evaluate_per_sample(cost, graphs, point))
        missing = [name for name in cost.parameters if name not in values]
        if missing:
            raise GradientError(
                f"the gradient has no partial derivative with respect to {missing[0]!r}{nearest(missing[0], values)}"
            )
        shapes = {name: point[name].shape for name in cost.parameters}
        self.units = {n: float(np.finfo(np.result_type(np.asarray(values[n]).dtype, np.float32)).eps) for n in shapes}
        self.values = {n: fit_shape(n, number_array(n, values[n], "float64"), shape) for n, shape in shapes.items()}
        self.round_off = self._bounds(prepared, graphs, point, method)
        self.exact = self._exact(cost, {n: g for n, g in graphs.items() if n in shapes}, point, units)

    def _bounds(
        self, prepared: PreparedCost, graphs: Mapping[str, Expression], point: dict[str, Any], method: str
    ) -> dict[str, Array]:
        """Return bounds of the round-off; those of the derived gradient for numbers of unknown origin."""
        if method or not graphs:
            program = prepared.program(method or "backprop")
            names, bound = list(prepared.partials(method or "backprop")), bind([prepared.cost], point)
            program = program.only(program.outputs[1:])
        else:
            formulas = {name: graphs.get(name, part) for name, part in prepared.partials().items()}
            stable = stabilise([*formulas.values()])
            names, bound = list(formulas), bind([prepared.cost, *formulas.values()], point)
            program = lower([stable[part] for part in formulas.values()])
        errors = RoundOff(program)(bound.arrays, bound.rows)
        return {
            name: np.broadcast_to(error, point[name].shape) * (self.units[name] * 2.0**52)
            for name, error in zip(names, errors, strict=True)
        }

    def _exact(
        self, cost: Expression, graphs: Mapping[str, Expression], point: dict[str, Any], units: int
    ) -> dict[str, Any]:
        """Return the values of formulas in higher precision, if that is affordable."""
        bound = bind([cost, *graphs.values()], point)
        try:
            precise = Precise([*graphs.values()], bound.arrays, bound.rows)
        except GradientError:  # an operation of the user's, of which only the engines know the value
            return {}
        if not graphs or precise.units * _EVALUATIONS > units:
            return {}
        return {
            name: np.broadcast_to(np.asarray(value, object), point[name].shape)
            for name, value in zip(graphs, precise(_BITS_OF_FORMULAS), strict=True)
        }

    def along(self, name: str, way: Way) -> Given:
        """Return the number under test for an element or a direction."""
        value, error, unit = self.values[name], self.round_off[name], self.units[name]
        exact = self.exact.get(name)
        if isinstance(way, tuple):
            at = None if exact is None else _number(exact[way])
            return Given(float(value[way]), float(error[way]), at, unit)
        terms = np.abs(way * value).sum()
        round_off = float((np.abs(way) * error).sum() + np.finfo(float).eps * way.size**0.5 * terms)
        with mp.workprec(_BITS_OF_FORMULAS):
            at = None if exact is None else _number((way.astype(object) * exact).sum())
        return Given(float((way * value).sum()), round_off, at, unit, float(terms))


def _number(value: Any) -> Any:
    """Return an exact value if it is a number."""
    return value if mp.isfinite(value) else None


class Checker:
    def __init__(
        self, prepared: PreparedCost, point: dict[str, Any], gradient: Gradient, seed: int, directions: int | None,
        units: int, method: str = "",
    ) -> None:  # fmt: skip
        self.prepared, self.cost = prepared, prepared.cost
        self.point, self.gradient, self.seed, self.directions = point, gradient, seed, directions
        self.given = _Tested(prepared, point, gradient, units, method)
        self.truth = _Truth(prepared, point, units)  # of the cost, whose program is known by now
        self.kinks = kinks.kinks_at(self.cost, point)
        with np.errstate(all="ignore"):
            self.finite = bool(np.isfinite(self.truth.function.value(self.truth.function.bound.arrays)))

    def report(self, names: Sequence[str]) -> Report:
        """Return the verdict for each name."""
        ways = {name: self._ways(name) for name in names}
        all_precise = self.truth.affordable(sum(map(len, ways.values())))
        return Report(tuple(self._verdict(name, ways[name], all_precise) for name in names))

    def _ways(self, name: str) -> list[Way]:
        """Return the elements or directions along which a parameter is looked at."""
        shape = self.point[name].shape
        rng = np.random.default_rng(self.seed)
        indices: list[Way] = list(np.ndindex(shape))
        size = len(indices)
        if self.directions is not None and size > self.directions:
            return [rng.choice([-1.0, 1.0], shape) for _ in range(self.directions)]
        if size > _MOST_ELEMENTS:
            indices = [indices[k] for k in sorted(rng.choice(size, _MOST_ELEMENTS, replace=False))]
        return indices

    def _verdict(self, name: str, ways: list[Way], all_precise: bool) -> Verdict:
        found = [self._along(name, way, all_precise) for way in ways]
        worst = max(found, key=lambda v: (SEVERITY.index(v.verdict), abs(v.given - v.expected)))
        size = self.point[name].size
        if worst.ok and size > 1:
            seen = f"all {size} elements"
            if not isinstance(ways[0], tuple):
                seen = f"{len(ways)} random directions of {size} elements"
            elif size > len(ways):
                seen = f"{len(ways)} of {size} elements, drawn at random"
            return replace(worst, detail=f"{seen}; shown: {worst.detail}")
        if worst.verdict == WRONG and np.isfinite(worst.given):
            factor = self._factor(name, [way for way in ways if isinstance(way, tuple)][:16])
            if factor is not None:
                return replace(worst, verdict=FACTOR, factor=round(factor, 9))
        return worst

    def _along(self, name: str, way: Way, precise: bool) -> Verdict:
        line = Line(self.truth.function, name, way)
        given = self.given.along(name, way)
        judged = self._judged(name, line, way, given, precise)
        place = (f"element {list(way)}" if way else "") if isinstance(way, tuple) else "a random direction"
        detail = "; ".join(part for part in (place, judged.detail) if part)
        return Verdict(name, judged.verdict, given.value, judged.against.value, judged.against.error, None, detail)

    def _judged(self, name: str, line: Line, way: Way, given: Given, precise: bool) -> Judgement:
        """Judge in higher precision; if that is too slow for all, where the complex step does not agree."""
        if not self.finite:
            return Judgement(INCONCLUSIVE, automatic_difference(line), NOT_FINITE)
        if precise:
            return self._by_slope(given, name, line, self._kink(name, way))
        kink = self._kink(name, way)
        with np.errstate(all="ignore"):
            by_complex = Difference(line.complex_slope(), 2 * given.round_off, COMPLEX_STEP)
        if not kink and (agrees(given, by_complex) or given.value == 0 == by_complex.value):
            return Judgement(CORRECT, by_complex)
        if self.truth.affordable():
            return self._by_slope(given, name, line, kink)
        found = automatic_difference(line)
        if kink:
            return Judgement(INCONCLUSIVE, found, f"the cost is too large to find the slopes on both sides of {kink}")
        agreed = agrees(given, found)
        if agreed:
            return Judgement(CORRECT, found)
        if agreed is False and agrees(given, by_complex) is False:
            return Judgement(WRONG, found)
        return Judgement(INCONCLUSIVE, found, HIDDEN)

    def _by_slope(self, given: Given, name: str, line: Line, kink: str) -> Judgement:
        found = by_slope(given, self.truth.slope(name, line), kink or "this point")
        if found.verdict != CORRECT:
            # A function that oscillates within the step has another slope at the point itself.
            finer = by_slope(given, self.truth.slope(name, line, _FINER), kink or "this point")
            found = finer if finer.verdict == CORRECT else found
        if found.verdict != CORRECT and self.truth.is_decided_by_round_off:
            return Judgement(INCONCLUSIVE, found.against, "round-off decides a comparison in the cost at this point")
        return found

    def _kink(self, name: str, way: Way) -> str:
        """Return the kink at the point along a line, in words; an empty text if there is none."""
        if not self.kinks:
            return ""
        shifted = self.point[name].copy()
        if isinstance(way, tuple):
            shifted[way] += 1e-6 * max(1.0, abs(float(shifted[way])))
        else:
            shifted += 1e-6 * np.maximum(1.0, np.abs(shifted)) * way
        kink = kinks.kink_left(self.cost, self.kinks, {**self.point, name: shifted})
        return kink.where if kink is not None else ""

    def _factor(self, name: str, indices: Sequence[tuple[int, ...]]) -> float | None:
        """Return given/expected if it is the same number at several points and for all elements, else None."""
        fixed = not callable(self.gradient) and not isinstance(self.gradient[name], Expression)
        rng = np.random.default_rng(self.seed)
        ratios: list[float] = []
        for k in range(1 if fixed else 4):
            point = dict(self.point)
            if k:
                for other in self.cost.parameters:
                    size = 0.1 * np.maximum(1.0, np.abs(point[other]))
                    point[other] = point[other] + size * rng.uniform(-1, 1, point[other].shape)
            function = kinks.cost_function(self.prepared, point)
            given = _Tested(self.prepared, point, self.gradient, 0).values[name]
            for index in indices:
                with np.errstate(all="ignore"):
                    true = Line(function, name, index).complex_slope()
                if np.isfinite(true) and true != 0:
                    ratios.append(float(given[index]) / true)
        if len(ratios) < 3 or not np.all(np.isfinite(ratios)):
            return None
        centre = float(np.median(ratios))
        same = max(abs(ratio - centre) for ratio in ratios) <= 1e-6 * abs(centre)
        # The factor is 1 if the partial derivative is wrong at this point only.
        return centre if same and centre != 0 and abs(centre - 1) > 1e-6 else None
