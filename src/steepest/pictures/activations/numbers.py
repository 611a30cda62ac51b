"""A function of one number with its derivative, its kinks and its saturated regions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from steepest.calculus.gradient import gradient
from steepest.engines import evaluate
from steepest.errors import ModelError, PictureError
from steepest.expressions.expression import DATA, Expression, Operation, constant, leaf, params, toposort
from steepest.expressions.operations import TABLE, sum_
from steepest.objectives.activations import Activation, function_of, is_elementwise
from steepest.tables.values import Array

_OTHER_ARGUMENTS = (2.0, 0.0)  # the values of the other arguments of an operation on several numbers
_FLAT = 0.01  # a slope below this share of the steepest one, or of 1, counts as saturated
_STILL = 0.02  # of the width of a saturated region: the largest change of the value in it
_APART = 1e-9  # of the range: the distance from a kink at which its two sides are evaluated


@dataclass(frozen=True)
class Kink:
    """A point where value or slope jumps.

    Attributes:
        x: its position.
        values, slopes: the limits from the left and from the right.
    """

    x: float
    values: tuple[float, float]
    slopes: tuple[float, float]


@dataclass(frozen=True)
class Region:
    """A region in which a function is saturated: its slope is nearly 0 up to an end of the range.

    Attributes:
        low, high: its ends.
        value: the value at the outer end.
    """

    low: float
    high: float
    value: float


@dataclass(frozen=True)
class Response:
    """A function of one number.

    Attributes:
        name: its formula or name.
        meaning: the meaning of an operation; empty for a formula or function.
        x: the points of evaluation, ``(k,)``.
        values, slopes: value and derivative there; NaN outside the domain and at kinks, where no line is drawn.
        kinks: the points where value or slope jumps.
        saturated: the saturated regions at the ends.
    """

    name: str
    meaning: str
    x: Array
    values: Array
    slopes: Array
    kinks: tuple[Kink, ...]
    saturated: tuple[Region, ...]

    @property
    def steepest(self) -> tuple[float, tuple[tuple[float, float], ...]]:
        """The largest absolute value of the derivative, and the intervals in which it is reached."""
        sizes = np.abs(self.slopes)
        largest = float(np.nanmax(sizes, initial=0.0))
        there = np.flatnonzero(sizes >= largest * (1 - 1e-9))
        if not len(there):
            return largest, ()
        runs = np.split(there, np.flatnonzero(np.diff(there) > 1) + 1)
        # Rounding takes away the tiny offset by which samples near a kink are shifted.
        low, high = ([round(float(self.x[run[k]]), 6) + 0.0 for run in runs] for k in (0, -1))
        return largest, tuple(zip(low, high, strict=True))


def response(activation: Activation, low: float, high: float, points: int) -> Response:
    """Compute the response of an activation over a range, at so many points and on both sides of its kinks."""
    name, meaning, function = _function(activation)

    def at(x: Any) -> tuple[Array, Array]:
        z = params("z", shape=len(x))
        body = function(z)
        slope = gradient(sum_(body))["z"] if z in toposort([body]) else constant(0.0)
        with np.errstate(all="ignore"):
            values, slopes = (evaluate(part, {"z": x}) for part in (body, slope))
        return tuple(np.broadcast_to(part, x.shape).astype(float) for part in (values, slopes))  # type: ignore[return-value]

    grid = np.linspace(low, high, points + 1 - points % 2)  # an odd number has one in the middle, mostly 0
    side = _APART * (high - low)
    kinks = []
    for place in _kink_places(function, grid):
        sides = np.array(at(np.array([place - side, place + side])))
        if np.isfinite(sides).all() and np.any(np.abs(sides[:, 1] - sides[:, 0]) > 1e-6 * (1 + np.abs(sides[:, 0]))):
            (left, right), (before, after) = sides.tolist()
            kinks.append(Kink(place, (left, right), (before, after)))
    x = np.unique(np.concatenate([grid, *(kink.x + side * np.array([-1, 0, 1]) for kink in kinks)]))
    values, slopes = at(x)
    gaps = np.isin(x, [kink.x for kink in kinks])
    values[gaps] = slopes[gaps] = np.nan
    values[~np.isfinite(values)] = np.nan
    slopes[~np.isfinite(values) | ~np.isfinite(slopes)] = np.nan
    if not np.isfinite(values).any():
        raise PictureError(f"{name} is not finite between {low:g} and {high:g}; give another range")
    return Response(name, meaning, x, values, slopes, tuple(kinks), _saturated(x, values, slopes, kinks))


def _function(activation: Activation) -> tuple[str, str, Callable[[Expression], Expression]]:
    """Return the name of an activation, its meaning in terms of z, and the function."""
    row = activation if isinstance(activation, Operation) else None
    row = row or next((row for row in TABLE if activation in (row.name, *row.aliases)), None)
    if row is None:
        try:
            function = function_of(activation)
        except ModelError as error:
            raise PictureError(str(error)) from None
        called = activation if isinstance(activation, str) else getattr(activation, "__name__", "f")
        text = str(function(leaf(DATA, "z", (2,))))
        return (text if len(text) <= 30 else str(called)), "", function
    if not is_elementwise(row):
        raise PictureError(f"{row.name} does not act on each number alone, so it has no curve; draw one that does")
    if row.arity == 0:
        raise PictureError(f"{row.name} has no argument; draw a function of a number")

    def applied(z: Expression) -> Expression:
        return row(z, *_OTHER_ARGUMENTS[: row.arity - 1])

    # The meaning of an operation is stated for x, or for x and y, the last two arguments.
    given = ["z", *(f"{value:g}" for value in _OTHER_ARGUMENTS)][: row.arity]
    shown = dict(zip("xy", given[-2:], strict=False))
    meaning = re.sub(r"(?<![A-Za-z])[xy](?![A-Za-z])", lambda found: shown[found[0]], row.meaning)
    return str(applied(leaf(DATA, "z", (2,)))), meaning, applied


def _kink_places(function: Callable[[Expression], Expression], grid: Array) -> list[float]:
    """Return where the known kinks may be: the zeros of their expressions, found by bisection."""
    z = params("z")
    found: set[float] = set()
    for node in toposort([function(z)]):
        for kink in node.operation.kinks:
            where = kink(*node.args)
            if z in toposort([where]):
                found.update(_zeros(where, grid))
    return sorted(found)


def _zeros(where: Expression, grid: Array) -> list[float]:
    def at(x: float) -> float:
        with np.errstate(all="ignore"):
            return float(evaluate(where, {"z": x}))

    heights = [at(x) for x in grid]
    found = [float(x) for x, height in zip(grid, heights, strict=True) if height == 0]
    for k, (before, after) in enumerate(pairwise(heights)):
        if before * after < 0:
            low, high = float(grid[k]), float(grid[k + 1])
            for _ in range(80):
                middle = (low + high) / 2
                low, high = (middle, high) if at(low) * at(middle) > 0 else (low, middle)
            found.append(round(high, 12))
    return found


def _saturated(x: Array, values: Array, slopes: Array, kinks: Sequence[Kink]) -> tuple[Region, ...]:
    kept = np.isfinite(slopes)
    x, values, slopes = x[kept], values[kept], np.abs(slopes[kept])
    if not len(x):
        return ()
    steepest = float(slopes.max())
    flat = slopes < _FLAT * min(1.0, steepest) if steepest else np.ones(len(x), bool)
    jumps = [int(np.searchsorted(x, kink.x)) for kink in kinks if abs(kink.values[1] - kink.values[0]) > 1e-6]
    ends = [] if flat.all() else [int(np.argmin(flat)), len(x) - int(np.argmin(flat[::-1]))]
    first, last = min([*jumps, *ends[:1]], default=len(x)), max([*jumps, *ends[1:]], default=len(x))
    found, near = [], 4 * _APART * float(x[-1] - x[0])
    for begin, end, outer in ((0, first, 0), (last, len(x), -1)):
        part = slice(begin, end)
        if end - begin > 1 and np.ptp(values[part]) <= _STILL * np.ptp(x[part]):
            edges = float(x[begin]), float(x[end - 1])  # a region that ends next to a kink ends at it
            low, high = (next((kink.x for kink in kinks if abs(kink.x - edge) < near), edge) for edge in edges)
            found.append(Region(low, high, float(values[part][outer])))
    return tuple(found)
