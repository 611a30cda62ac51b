"""The check of a gradient against finite differences: a verdict with its error bar for each parameter."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest.calculus.prepared import PreparedCost
from steepest.checking import kinks
from steepest.checking.finite_differences import Difference, automatic_difference, complex_difference
from steepest.display.summaries import ReprMixin, Summary, SummaryTable
from steepest.engines.reference import Compiled
from steepest.errors import GradientError
from steepest.expressions.expression import Expression, expect_expression
from steepest.messages.hints import nearest
from steepest.tables.values import bind, fit_shape, number_array

Array = NDArray[Any]
Given = Mapping[str, Expression | ArrayLike] | Callable[[dict[str, Any]], Mapping[str, ArrayLike]]

CORRECT, FACTOR, WRONG, KINK, INCONCLUSIVE = "correct", "wrong by a factor", "wrong", "kink", "inconclusive"
_SEVERITY = (CORRECT, INCONCLUSIVE, KINK, FACTOR, WRONG)
CELLS = ("parameter", "verdict", "gradient", "by differences", "")
"""The header of the table of verdicts."""
_MARKS = {CORRECT: "good", KINK: "open", INCONCLUSIVE: "open"}
_AGREE = 1e-7  # relative; far below any fault of interest, far above the round-off of a gradient
_BARS = 5  # error bars; estimates of error bars are themselves wrong by a factor of two or three
_MOST_ELEMENTS = 256  # per array parameter; a wrong formula is wrong for most elements


@dataclass(frozen=True)
class Verdict:
    """The result of the check for one parameter.

    Attributes:
        name: the parameter.
        verdict: correct, wrong by a factor, wrong, kink or inconclusive.
        given: the partial derivative under test, at the element with the largest discrepancy.
        expected: the finite difference there.
        error: the error bar of ``expected``.
        factor: given/expected, for the verdict "wrong by a factor".
        detail: reason and element, in words.
    """

    name: str
    verdict: str
    given: float
    expected: float
    error: float
    factor: float | None = None
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether the verdict is correct."""
        return self.verdict == CORRECT

    def cells(self) -> tuple[str, ...]:
        """Return a table row: parameter, verdict, gradient, finite difference, detail."""
        factor = f" {self.factor:.6g}" if self.factor is not None else ""
        differences = f"{self.expected:.10g} ± {self.error:.0e}"
        return (self.name, self.verdict + factor, f"{self.given:.10g}", differences, self.detail)


@dataclass(frozen=True)
class Report(ReprMixin):
    """The verdicts by parameter; ``ok`` if all are correct."""

    rows: tuple[Verdict, ...]

    @property
    def ok(self) -> bool:
        """Whether every partial derivative is correct."""
        return all(row.ok for row in self.rows)

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> Verdict:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"the check has no parameter {name!r}")

    def card(self) -> Summary:
        """Return a summary: the verdicts as a table."""
        right = sum(row.ok for row in self.rows)
        marks = tuple(_MARKS.get(row.verdict, "bad") for row in self.rows)
        title = f"{right} of {len(self.rows)} partial derivatives correct"
        rows = tuple(row.cells() for row in self.rows)
        return Summary(title, (SummaryTable("Gradient against finite differences", CELLS, rows, (2,), marks),))

    def __str__(self) -> str:
        width = max([len(row.name) for row in self.rows], default=0)
        lines = []
        for row in self.rows:
            verdict = f"{row.verdict} {row.factor:.6g}" if row.factor is not None else row.verdict
            figures = f"gradient {row.given: .10g}  difference {row.expected: .10g} ± {row.error:.1e}"
            lines.append(f"{row.name:<{width}}  {verdict:<12} {figures}" + (f"  {row.detail}" if row.detail else ""))
        return "\n".join(lines)


def check(
    cost: Expression | PreparedCost, values: Mapping[str, ArrayLike], gradient: Given | None = None,
    method: str = "backprop", wrt: Sequence[str] | None = None, seed: int = 0,
) -> Report:  # fmt: skip
    """Check a gradient against finite differences, parameter by parameter.

    The difference is central with an automatic step; if round-off hides the derivative, or the two disagree, the
    complex-step difference decides. Arguments of ``stop_gradient`` are constant.

    Args:
        cost: a scalar expression.
        values: a value for every name in it.
        gradient: the partial derivatives under test: a dict of expressions or arrays by name, or a function from a dict
            of values to such a dict; if left out, the gradient that steepest derives by ``method``.
        method: ``"backprop"`` or ``"layerwise"``.
        wrt: the parameters to check; all if left out.
        seed: the seed of the points at which a wrong partial derivative is tested for a constant factor.

    Returns:
        A Report with a verdict for each parameter:

        - *correct*: equal within the error bar, which is below 1e-4 of the derivative;
        - *wrong by a factor*: given/expected is the same number at several points;
        - *wrong*: anything else that lies outside the error bar, NaN included;
        - *kink*: the one-sided derivatives differ here; the detail names the node;
        - *inconclusive*: the error bar is too wide to tell, or the cost is not finite; the detail says which.

    Raises:
        GradientError: a partial derivative is missing.

    >>> from steepest.expressions.expression import params
    >>> w = params("w")
    >>> check(w**3, {"w": 2.0}).ok, check(w**3, {"w": 2.0}, gradient={"w": 6 * w**2})["w"].factor
    (True, 2.0)

    Source: Nocedal and Wright 2006, section 8.1; Squire and Trapp 1998.
    """
    if not isinstance(cost, PreparedCost):
        expect_expression(cost, "check")
        cost = PreparedCost(cost)  # derived anew: a check does not take the gradient of an earlier descent on trust
    prepared = cost
    if gradient is None:
        gradient = _evaluated(prepared, method)
    known = prepared.cost.parameters
    names = tuple(wrt) if wrt is not None else known
    for name in names:
        if name not in known:
            raise GradientError(f"{name!r} is not a parameter of the cost{nearest(name, known)}")
    checker = _Checker(prepared, bind([prepared.cost], values).arrays, gradient, seed)
    return Report(tuple(checker.verdict(name) for name in names))


def _evaluated(prepared: PreparedCost, method: str) -> Callable[[dict[str, Any]], Mapping[str, ArrayLike]]:
    """Return the derived gradient as a function of a point, compiled once."""
    program = prepared.program(method)
    compiled = Compiled(program.only(program.outputs[1:]), "float64")

    def gradient(point: dict[str, Any]) -> Mapping[str, ArrayLike]:
        bound = bind([prepared.cost], point)
        return dict(zip(prepared.partials(method), compiled(bound.arrays, bound.rows), strict=True))

    return gradient


class _Checker:
    def __init__(self, prepared: PreparedCost, point: dict[str, Any], gradient: Given, seed: int) -> None:
        self.prepared, self.cost = prepared, prepared.cost
        self.point, self.gradient, self.seed = point, gradient, seed
        self.function = kinks.cost_function(prepared, point)
        self.given = self._gradient_at(point)
        self.kinks = kinks.kinks_at(self.cost, point)

    def _gradient_at(self, point: dict[str, Any]) -> dict[str, Array]:
        found = self.gradient(point) if callable(self.gradient) else self.gradient
        graphs = {name: part for name, part in found.items() if isinstance(part, Expression)}
        arrays = {name: part for name, part in found.items() if not isinstance(part, Expression)}
        values: dict[str, Any] = {**arrays, **(kinks.evaluate_per_sample(self.cost, graphs, point) if graphs else {})}
        missing = [name for name in self.cost.parameters if name not in values]
        if missing:
            raise GradientError(
                f"the gradient has no partial derivative with respect to {missing[0]!r}{nearest(missing[0], values)}"
            )
        shapes = {name: self.point[name].shape for name in self.cost.parameters}
        return {n: fit_shape(n, number_array(n, values[n], "float64"), shape) for n, shape in shapes.items()}

    def verdict(self, name: str) -> Verdict:
        indices = list(np.ndindex(self.point[name].shape))
        size = len(indices)
        if size > _MOST_ELEMENTS:
            rng = np.random.default_rng(self.seed)
            indices = [indices[k] for k in sorted(rng.choice(size, _MOST_ELEMENTS, replace=False))]
        found = [self._element(name, index) for index in indices]
        worst = max(found, key=lambda v: (_SEVERITY.index(v.verdict), abs(v.given - v.expected)))
        if worst.ok and size > 1:
            seen = (
                f"all {size} elements"
                if size == len(indices)
                else f"{len(indices)} of {size} elements, drawn at random"
            )
            return replace(worst, detail=f"{seen}; shown: {worst.detail}")
        if worst.verdict == WRONG and np.isfinite(worst.given):
            factor = self._factor(name, indices)
            if factor is not None:
                return replace(worst, verdict=FACTOR, factor=round(factor, 9))
        return worst

    def _element(self, name: str, index: tuple[int, ...]) -> Verdict:
        given = float(self.given[name][index])
        element = f"element {list(index)}" if index else ""
        found = automatic_difference(self.function, name, index)

        def verdict(kind: str, detail: str = "", against: Difference = found) -> Verdict:
            return Verdict(
                name, kind, given, against.value, against.error, None, "; ".join(x for x in (element, detail) if x)
            )

        kink = self._kink(name, index)
        if kink:
            # Neither the central nor the complex difference is valid at a kink.
            slope = kinks.slope_at_kink(self.function, name, index)
            if slope is None:
                return verdict(KINK, f"the slope jumps at {kink}")
            return verdict(CORRECT if _agree(given, slope) else WRONG, against=slope)
        if np.isfinite(given) and _decides(found, given) and _agree(given, found):
            return verdict(CORRECT)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            by_complex = complex_difference(self.function, name, index)
        here = self.function.along(name, index)(0.0)
        if not np.isfinite(here) or not np.isfinite([found.value, by_complex.value]).any():
            return verdict(INCONCLUSIVE, "the cost is not finite at or near this point; choose another point")
        if not np.isfinite(given):
            return verdict(WRONG, "the partial derivative is not a finite number")
        if _decides(found, given):
            if not _agree(given, by_complex):
                return verdict(WRONG)
            if abs(found.value - by_complex.value) <= 1e-3 * abs(by_complex.value):
                return verdict(CORRECT, against=by_complex)
            return verdict(INCONCLUSIVE, "central and complex-step differences contradict; choose another point")
        if by_complex.value != 0 and _decides(by_complex, given):
            return verdict(CORRECT if _agree(given, by_complex) else WRONG, against=by_complex)
        vanishes = by_complex.value == 0 or self._is_zero(given, by_complex, name, index)
        if vanishes and self._is_zero(given, found, name, index):
            return verdict(CORRECT)
        return verdict(INCONCLUSIVE, "round-off in the cost hides the derivative; choose a point where it is larger")

    def _is_zero(self, given: float, found: Difference, name: str, index: tuple[int, ...]) -> bool:
        """Return whether a partial derivative that cancels to 0, as of sum(softmax(w)), is 0 up to round-off."""
        return (
            max(abs(given), abs(found.value))
            <= _BARS * found.error
            <= 1e-11 * kinks.natural_slope(self.function, name, index)
        )

    def _kink(self, name: str, index: tuple[int, ...]) -> str:
        """Return the kink at the point in the direction of an element; an empty text if there is none."""
        if not self.kinks:
            return ""
        shifted = self.point[name].copy()
        shifted[index] += 1e-6 * max(1.0, abs(float(shifted[index])))
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
            given = self._gradient_at(point)[name]
            for index in indices[:16]:
                slope = function.complex_slope(name, index)
                if np.isfinite(slope) and slope != 0:
                    ratios.append(float(given[index]) / slope)
        if len(ratios) < 3 or not np.all(np.isfinite(ratios)):
            return None
        centre = float(np.median(ratios))
        same = max(abs(ratio - centre) for ratio in ratios) <= 1e-6 * abs(centre)
        # The factor is 1 if the partial derivative is wrong at this point only.
        return centre if same and centre != 0 and abs(centre - 1) > 1e-6 else None


def _decides(found: Difference, given: float) -> bool:
    size = max(abs(found.value), abs(given))
    return bool(np.isfinite(found.value)) and (
        found.error <= kinks.RESOLVED * size or (given == 0 and abs(found.value) <= found.error == 0)
    )


def _agree(given: float, found: Difference) -> bool:
    size = max(abs(given), abs(found.value))
    return bool(abs(given - found.value) <= _BARS * found.error + _AGREE * size)
