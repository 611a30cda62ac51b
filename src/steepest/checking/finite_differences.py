"""Finite differences: forward, central and complex-step, with an error bar if the step is automatic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from steepest.calculus.gradient import gradient
from steepest.checking.lines import COMPLEX_STEP, CostFunction, Line
from steepest.engines import evaluate
from steepest.errors import GradientError
from steepest.expressions.expression import Expression, expect_expression
from steepest.messages.hints import nearest
from steepest.messages.sentences import in_python

SCHEMES = ("forward", "central", "complex")
# The largest automatic step as a share of the scale, and how often it is halved (to 1e-14 in float64, 5e-7 in float32,
# where round-off prevails for any cost), by the bytes of a number.
_FIRST_STEP = {8: (0.25, 44), 4: (0.5, 20)}
_ORDERS = 6  # of extrapolation; more would amplify round-off without reducing truncation
_CONTRADICTION = 10  # times both error bars: two estimates that differ by more cannot both be right
_SPACINGS = (0.01, 0.0137)  # of the points at which round-off is measured, without a common divisor
_CLEAR = 1e-5  # an error bar that is a smaller share of the derivative is good enough


class AnyLine(Protocol):
    """A function of the distance along a line, with its round-off, and the relative error bar that is small enough."""

    dtype: np.dtype[Any]
    size: float
    enough: float

    def value(self, distance: float) -> float:
        """Return the function at a distance."""

    def exact(self, distance: float) -> float:
        """Return the distance that results when it is added in floating point."""

    def round_off(self, distance: float = 0.0) -> float:
        """Return a bound or an estimate of the round-off in the function at a distance."""


class Difference(NamedTuple):
    """A finite difference, its error bar and its step."""

    value: float
    error: float
    step: float


class Differences(dict[str, Any]):
    """Derivatives by name, each a number or array of the parameter's shape.

    Attributes:
        errors: an error bar for each value; NaN if the step was given.
        steps: the step of each value.
    """

    errors: dict[str, Any]
    steps: dict[str, Any]

    def __init__(self) -> None:
        super().__init__()
        self.errors = {}
        self.steps = {}

    def __str__(self) -> str:
        return "\n".join(f"{name} = {value} ± {self.errors[name]}" for name, value in self.items())


def finite_difference(
    cost: Expression, values: Mapping[str, ArrayLike], wrt: Iterable[str] | None = None, step: float | str = "auto",
    scheme: str | None = None, dtype: str = "float64",
) -> Differences:  # fmt: skip
    """Estimate the partial derivatives of a cost by finite differences.

    forward: (C(w + ε) − C(w))/ε; central: (C(w + ε) − C(w − ε))/(2ε); complex: Im C(w + iε)/ε.

    Args:
        cost: a scalar expression.
        values: a value for every name in it.
        wrt: the parameters with respect to which to differentiate; all if left out.
        step: ε, or ``"auto"`` for the step that balances truncation and round-off of each element.
        scheme: ``"forward"``, ``"central"`` (the default with ``step="auto"``) or ``"complex"``;
            ``"forward"`` is the default with a given step.
        dtype: ``"float64"`` or ``"float32"``.

    Returns:
        name to number or array of the parameter's shape; ``.errors`` has the error bars and ``.steps`` the steps.

    Raises:
        GradientError: a scheme or name is unknown, or the step is not a positive number.

    >>> from steepest.expressions.expression import params
    >>> w = params("w")
    >>> round(float(finite_difference(w**2, {"w": 3}, step=1e-3)["w"]), 6)
    6.001

    Source: Nocedal and Wright 2006, section 8.1; Ridders 1982 for the automatic step;
    Squire and Trapp 1998 for the complex step.
    """
    expect_expression(cost, "finite_difference")
    scheme = scheme or ("central" if step == "auto" else "forward")
    if scheme not in SCHEMES:
        raise GradientError(f"there is no scheme {scheme!r}; choose {', '.join(SCHEMES)}")
    automatic = step == "auto"
    if not automatic and (isinstance(step, str) or not np.isfinite(step) or step <= 0):
        raise GradientError(f"a step is a positive number or 'auto', not {in_python(step)}")
    function = CostFunction(cost, values, dtype)
    found = Differences()
    for name in cost.parameters if wrt is None else tuple(wrt):
        if name not in function.bound.params:
            raise GradientError(f"{name!r} is not a parameter of the cost{nearest(name, function.bound.params)}")
        shape = function.bound.params[name].shape
        parts = [np.empty(shape) for _ in range(3)]
        for index in np.ndindex(shape):
            if automatic and scheme == "complex":
                row = complex_difference(Line(function, name, index))
            elif automatic:
                row = automatic_difference(Line(function, name, index), scheme)
            else:
                row = _fixed(Line(function, name, index), float(step), scheme)
            for part, number in zip(parts, row, strict=True):
                part[index] = number
        found[name], found.errors[name], found.steps[name] = (part[()] for part in parts)
    return found


def _fixed(line: Line, step: float, scheme: str) -> Difference:
    if scheme == "complex":
        return Difference(line.complex_slope(step), np.nan, step)
    if scheme == "forward":
        return Difference((line.value(step) - line.value(0.0)) / step, np.nan, step)
    return Difference((line.value(step) - line.value(-step)) / (2 * step), np.nan, step)


def automatic_difference(line: AnyLine, scheme: str = "central") -> Difference:
    """Extrapolate differences with shrinking steps to ε → 0, where truncation and round-off balance.

    Steps begin at a quarter of the parameter, or of 1 if it is smaller; if the cost lives on a smaller scale, they
    begin at a quarter of the parameter itself, or of 1 if that is smaller. ``scheme`` is ``"central"``, or
    ``"forward"`` or ``"backward"`` for a one-sided derivative.
    """
    best = _extrapolated(line, scheme, max(line.size, 1.0))
    smaller = min(line.size, 1.0)
    if 0 < smaller < 1e-3 * max(line.size, 1.0) and not best.error <= _CLEAR * abs(best.value):
        best = _better(best, _extrapolated(line, scheme, smaller))
    eps = float(np.finfo(line.dtype).eps)
    return best if np.isnan(best.value) else best._replace(error=best.error + 2 * eps * abs(best.value))


def _better(best: Difference, candidate: Difference) -> Difference:
    """Return the one with the smaller error bar, or the later one if it contradicts the other.

    Across a kink large steps agree with one another; a small step that clearly contradicts them is right.
    """
    contradicts = abs(candidate.value - best.value) > _CONTRADICTION * (candidate.error + best.error)
    return candidate if candidate.error < best.error or contradicts else best


def _extrapolated(line: AnyLine, scheme: str, scale: float) -> Difference:
    """Halve the step from a quarter of a scale; extrapolate every pair once more (Ridders).

    The entry of the tableau with the smallest sum of truncation, estimated by the distance to its neighbours, and
    round-off is returned.
    """
    eps = float(np.finfo(line.dtype).eps)
    round_off = line.round_off()
    best = Difference(np.nan, np.inf, np.nan)
    previous: list[tuple[float, float]] = []
    share, halvings = _FIRST_STEP[line.dtype.itemsize]
    step = scale * share
    for _ in range(halvings):
        up = line.exact(step) if scheme != "backward" else 0.0
        down = -line.exact(-step) if scheme != "forward" else 0.0
        if up + down == 0:
            break  # the parameter swallows the step
        above, below = (
            line.value(step if scheme != "backward" else 0.0),
            line.value(-step if scheme != "forward" else 0.0),
        )
        noise = max(round_off, eps * max(abs(above), abs(below)))
        first = ((above - below) / (up + down), 2 * noise / (up + down))
        row, candidate = _extended(first, previous, step, 2 if scheme == "central" else 1)
        best = _better(best, candidate)
        if best.error < line.enough * abs(best.value):
            break
        if best.error < 1e-6 * abs(best.value) < 0.01 * first[1]:
            break  # round-off prevails: smaller steps can neither improve nor contradict this
        previous = row
        step /= 2
    if not np.isfinite(best.error):
        return best
    # The round-off at the ends of the step may be larger than at the point.
    ends = [s for s in (best.step, -best.step) if scheme == "central" or (s > 0) == (scheme == "forward")]
    return best._replace(error=max(best.error, max(line.round_off(end) for end in ends) / best.step))


def _extended(
    first: tuple[float, float], previous: list[tuple[float, float]], step: float, power: int
) -> tuple[list[tuple[float, float]], Difference]:
    """Return the next row of the tableau, of values and their round-off, and its best entry."""
    row, candidate = [first], Difference(np.nan, np.inf, step)
    for order, (older, older_noise) in enumerate(previous[:_ORDERS], start=1):
        factor = 2.0 ** (power * order)
        newer, newer_noise = row[-1]
        extrapolated = newer + (newer - older) / (factor - 1)
        spread = (factor * newer_noise + older_noise) / (factor - 1)
        truncation = max(abs(extrapolated - newer), abs(extrapolated - older))
        if truncation + spread < candidate.error:
            candidate = Difference(extrapolated, truncation + spread, step)
        row.append((extrapolated, spread))
    return row, candidate


def noise_near(function: Callable[[float], float], scale: float, eps: float) -> float:
    """Estimate the round-off in a function near 0, from differences of values at close points.

    Two spacings are used, as at one the round-off may by chance vary as evenly as a smooth function.

    Source: Moré and Wild 2011, Estimating derivatives of noisy simulations, algorithm ECnoise.
    """
    return max(_noise(function, scale * np.sqrt(eps) * spacing, eps) for spacing in _SPACINGS)


def _noise(function: Callable[[float], float], change: float, eps: float) -> float:
    values = np.array([function(k * change) for k in range(-4, 5)])
    if not np.all(np.isfinite(values)):
        return np.nan
    size = float(np.max(np.abs(values)))
    if size == 0:
        return 0.0
    estimates = []
    differences, factor = values / size, 1.0  # scaled to 1, so that no square overflows
    for order in range(1, len(values)):
        differences = np.diff(differences)
        factor *= order / (2 * (2 * order - 1))
        if order >= 3:
            estimates.append(np.sqrt(factor * np.mean(differences**2)))
    return float(max(np.median(estimates), eps)) * size


def complex_difference(line: Line) -> Difference:
    """Return the complex-step difference; its error bar is the round-off of the derivative near the point."""
    eps = float(np.finfo(np.float64).eps)
    step = COMPLEX_STEP * min(max(line.size, 1e-250), 1.0)
    slope = line.complex_slope(step)
    round_off = noise_near(lambda distance: line.complex_slope(step, distance), max(line.size, 1.0), eps)
    if not np.isfinite(round_off):
        round_off = eps * abs(slope)
    lost = float(np.finfo(np.float64).tiny) / step  # below this, ε times the derivative underflows
    return Difference(slope, 16 * max(round_off, eps * abs(slope)) + lost, step)


@dataclass(frozen=True)
class StepRow:
    """A step, the finite difference with it, and its error."""

    step: float
    difference: float
    error: float


def shrinking_steps(
    cost: Expression, values: Mapping[str, ArrayLike], wrt: str | None = None, scheme: str = "forward",
    steps: Iterable[float] | None = None, dtype: str = "float64",
) -> list[StepRow]:  # fmt: skip
    """Compute differences for shrinking ε, until round-off prevails: the derivative as a limit.

    Args:
        cost: a scalar expression.
        values: a value for every name in it.
        wrt: a scalar parameter; the only one if left out.
        scheme: ``"forward"``, ``"central"`` or ``"complex"``.
        steps: the ε; 1, 1/10, … 1e-16 if left out.
        dtype: the precision of the cost.

    Returns:
        A row for each ε; the error is |difference − derivative| with the derivative by back-propagation.

    Raises:
        GradientError: there are several parameters and ``wrt`` was left out.

    >>> from steepest.expressions.expression import params
    >>> rows = shrinking_steps(params("w") ** 2, {"w": 3})
    >>> min(rows, key=lambda row: row.error).step
    1e-08

    Source: the definition of the derivative; row A1 of the notes.
    """
    names = cost.parameters
    if wrt is None and len(names) != 1:
        raise GradientError(f"name the parameter to vary: wrt= one of {', '.join(names)}")
    name = names[0] if wrt is None else wrt
    exact = evaluate(gradient(cost, wrt=[name])[name], values)
    if np.ndim(exact):
        raise GradientError(f"{name!r} has the shape {np.shape(exact)}; the experiment varies one number")
    rows = []
    for step in steps if steps is not None else [10.0**-k for k in range(17)]:
        found = float(finite_difference(cost, values, [name], step, scheme, dtype)[name])
        rows.append(StepRow(float(step), found, abs(found - float(exact))))
    return rows
