"""Finite differences: forward, central and complex-step, with an error bar if the step is automatic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest.calculus.gradient import gradient
from steepest.calculus.program import Program, lower
from steepest.calculus.stability import stabilise
from steepest.engines import evaluate
from steepest.engines.reference import Compiled
from steepest.errors import GradientError
from steepest.expressions.expression import Expression, expect_expression
from steepest.messages.hints import nearest
from steepest.tables.values import Bound, bind

Array = NDArray[Any]
Function = Callable[[float], float]
SCHEMES = ("forward", "central", "complex")
_COMPLEX_STEP = 1e-30  # its square is far below round-off; times a derivative of 1e-270 it is still a normal number
# The largest automatic step as a share of the scale, and how often it is halved (to 1e-14 in float64, 5e-7 in float32,
# where round-off prevails for any cost), by the bytes of a number.
_FIRST_STEP = {8: (0.25, 44), 4: (0.5, 20)}
_ORDERS = 6  # of extrapolation; more would amplify round-off without reducing truncation
_CONTRADICTION = 10  # times both error bars: two estimates that differ by more cannot both be right
_SPACINGS = (0.01, 0.0137)  # of the points at which round-off is measured, without a common divisor


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


class CostFunction:
    """A cost as a function of one element of a parameter, the others being constant.

    Args:
        cost: a scalar expression.
        values: a value for every name in it.
        dtype: the precision of the evaluations; complex numbers are used for the complex step.
        others: expressions whose parameters may also vary, though the cost does not contain them.
        program: the program of the cost's stable form, if it is known.
    """

    def __init__(
        self, cost: Expression, values: Mapping[str, ArrayLike], dtype: str = "float64",
        others: Sequence[Expression] = (), program: Program | None = None,
    ) -> None:  # fmt: skip
        if cost.per_sample or cost.shape:
            raise GradientError("finite differences need a scalar; take the mean, total or sum of the expression")
        self.bound: Bound = bind([cost, *others], values, dtype)
        self._program = lower([stabilise([cost])[cost]]) if program is None else program
        self._real = Compiled(self._program, dtype)
        self._complex: Any = None
        self._arrays = self.bound.arrays

    def along(self, name: str, index: tuple[int, ...]) -> Function:
        """Return the cost as a function of the change of one element."""
        arrays, rows = dict(self._arrays), self.bound.rows
        base = arrays[name]

        def cost(change: float) -> float:
            shifted = base.copy()
            shifted[index] += change
            arrays[name] = shifted
            return float(self._real(arrays, rows)[0])

        return cost

    def exact_change(self, name: str, index: tuple[int, ...], change: float) -> float:
        """Return the change that results when ``change`` is added in floating point."""
        base = self._arrays[name][index]
        return float((base + base.dtype.type(change)) - base)

    def complex_slope(
        self, name: str, index: tuple[int, ...], step: float = _COMPLEX_STEP, change: float = 0.0
    ) -> float:
        """Return Im C(w + change + iε)/ε, free of cancellation, so that ε may be as small as 1e-30."""
        if self._complex is None:
            self._complex = Compiled(self._program, "complex128")
            self._complex_arrays = {key: value.astype(np.complex128) for key, value in self._arrays.items()}
        shifted = self._complex_arrays[name].copy()
        shifted[index] += change + step * 1j
        return float(np.imag(self._complex({**self._complex_arrays, name: shifted}, self.bound.rows)[0]) / step)


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
        raise GradientError(f"a step is a positive number or 'auto', not {step!r}")
    function = CostFunction(cost, values, dtype)
    found = Differences()
    for name in cost.parameters if wrt is None else tuple(wrt):
        if name not in function.bound.params:
            raise GradientError(f"{name!r} is not a parameter of the cost{nearest(name, function.bound.params)}")
        shape = function.bound.params[name].shape
        parts = [np.empty(shape) for _ in range(3)]
        for index in np.ndindex(shape):
            if automatic and scheme == "complex":
                row = complex_difference(function, name, index)
            elif automatic:
                row = automatic_difference(function, name, index, scheme)
            else:
                row = _fixed(function, name, index, float(step), scheme)
            for part, number in zip(parts, row, strict=True):
                part[index] = number
        found[name], found.errors[name], found.steps[name] = (part[()] for part in parts)
    return found


def _fixed(function: CostFunction, name: str, index: tuple[int, ...], step: float, scheme: str) -> Difference:
    if scheme == "complex":
        return Difference(function.complex_slope(name, index, step), np.nan, step)
    cost = function.along(name, index)
    if scheme == "forward":
        return Difference((cost(step) - cost(0.0)) / step, np.nan, step)
    return Difference((cost(step) - cost(-step)) / (2 * step), np.nan, step)


def noise(cost: Function, scale: float, eps: float) -> float:
    """Estimate the size of the round-off in a cost near a point, from differences of values at close points.

    Two spacings are used, as at one the round-off may by chance vary as evenly as a smooth function.

    Source: Moré and Wild 2011, Estimating derivatives of noisy simulations, algorithm ECnoise.
    """
    return max(_noise(cost, scale * np.sqrt(eps) * spacing, eps) for spacing in _SPACINGS)


def _noise(cost: Function, change: float, eps: float) -> float:
    values = np.array([cost(k * change) for k in range(-4, 5)])
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


def automatic_difference(
    function: CostFunction, name: str, index: tuple[int, ...], scheme: str = "central"
) -> Difference:
    """Extrapolate differences with shrinking steps to ε → 0, where truncation and round-off balance.

    Each step is half the one before; every pair is extrapolated once more (Ridders). The entry of the tableau with the
    smallest sum of truncation, estimated by the distance to its neighbours, and round-off is returned.
    ``scheme`` is ``"central"``, or ``"forward"`` or ``"backward"`` for a one-sided derivative.
    """
    cost = function.along(name, index)
    base = function.bound.params[name]
    eps = float(np.finfo(base.dtype).eps)
    scale = max(abs(float(base[index])), 1.0)
    round_off = noise(cost, scale, eps)
    if not np.isfinite(round_off):
        round_off = eps * abs(cost(0.0))
    best = Difference(np.nan, np.inf, np.nan)
    power = 2 if scheme == "central" else 1
    previous: list[tuple[float, float]] = []
    share, halvings = _FIRST_STEP[base.dtype.itemsize]
    step = scale * share
    for _ in range(halvings):
        up = function.exact_change(name, index, step) if scheme != "backward" else 0.0
        down = -function.exact_change(name, index, -step) if scheme != "forward" else 0.0
        above, below = cost(step if scheme != "backward" else 0.0), cost(-step if scheme != "forward" else 0.0)
        noise_here = max(round_off, eps * max(abs(above), abs(below)))
        row = [((above - below) / (up + down), 2 * noise_here / (up + down))]
        candidate = Difference(np.nan, np.inf, step)
        for order, (older, older_noise) in enumerate(previous[:_ORDERS], start=1):
            factor = 2.0 ** (power * order)
            newer, newer_noise = row[-1]
            extrapolated = newer + (newer - older) / (factor - 1)
            spread = (factor * newer_noise + older_noise) / (factor - 1)
            truncation = max(abs(extrapolated - newer), abs(extrapolated - older))
            if truncation + spread < candidate.error:
                candidate = Difference(extrapolated, truncation + spread, step)
            row.append((extrapolated, spread))
        # Across a kink large steps agree with one another; a small step that clearly contradicts them is right.
        contradicts = abs(candidate.value - best.value) > _CONTRADICTION * (candidate.error + best.error)
        if candidate.error < best.error or contradicts:
            best = candidate
        if best.error < 1e-6 * abs(best.value) < 0.01 * row[0][1]:
            break  # round-off prevails: smaller steps can neither improve nor contradict this
        previous = row
        step /= 2
    return best if np.isnan(best.value) else best._replace(error=best.error + 2 * eps * abs(best.value))


def complex_difference(function: CostFunction, name: str, index: tuple[int, ...]) -> Difference:
    """Return the complex-step difference; its error bar is the round-off of the derivative near the point."""
    eps = float(np.finfo(np.float64).eps)
    scale = max(abs(float(function.bound.params[name][index])), 1.0)
    slope = function.complex_slope(name, index)
    round_off = noise(lambda change: function.complex_slope(name, index, change=change), scale, eps)
    if not np.isfinite(round_off):
        round_off = eps * abs(slope)
    lost = float(np.finfo(np.float64).tiny) / _COMPLEX_STEP  # below this, ε times the derivative underflows
    return Difference(slope, 16 * max(round_off, eps * abs(slope)) + lost, _COMPLEX_STEP)


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
