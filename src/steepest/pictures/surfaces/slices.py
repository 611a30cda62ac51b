"""A landscape along one axis, and over two: what the pictures of a cost hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.errors import PictureError
from steepest.pictures.surfaces.landscape import Axis, Landscape, Span
from steepest.pictures.surfaces.paths import Route, Trail, trail

Array = NDArray[Any]
Range = tuple[float, float]

_HALF = 2.0  # of the range of a parameter about which nothing is known
_MARGIN = 0.2  # beyond what is to be seen, as a share of its extent
_BEGINNING = 5  # points of a descent that ran away that are to be seen


@dataclass(frozen=True)
class Tangent:
    """A point of a curve with its tangent.

    Attributes:
        at: the coordinate of the point.
        value: the cost there.
        slope: the derivative there; NaN where there is none.
        missing: why there is no tangent, as at a kink; an empty text where there is one.
    """

    at: float
    value: float
    slope: float
    missing: str = ""

    def height(self, x: Any) -> Any:
        """Return the height of the tangent at other coordinates."""
        return self.value + self.slope * (x - self.at)

    @property
    def trend(self) -> str:
        """Whether the curve is increasing, decreasing or stationary there."""
        return "increasing" if self.slope > 0 else "decreasing" if self.slope < 0 else "stationary"


@dataclass(frozen=True)
class Fixed:
    """Parameters that stay as they are while those of the axes change.

    Attributes:
        values: by name; NaN for the elements that are axes.
        origin: where the values come from: "as given", "where the descent ended".
    """

    values: Mapping[str, Array]
    origin: str

    @property
    def size(self) -> int:
        """How many numbers they are."""
        return sum(int(np.isfinite(part).sum()) for part in self.values.values())


@dataclass(frozen=True)
class Curve:
    """A cost along one axis.

    Attributes:
        axis: which.
        x: coordinates, ``(k,)``.
        costs: the cost there.
        tangent: the point that is marked, and its tangent if there is one; None if none was chosen.
        trails: descents.
        whole: whether the axis is the only parameter, so that trails lie on the curve.
        held: the other parameters, if there are any and the axis is a parameter.
    """

    axis: Axis
    x: Array
    costs: Array
    tangent: Tangent | None
    trails: tuple[Trail, ...]
    whole: bool
    fixed: Fixed | None


@dataclass(frozen=True)
class Point:
    """A point of a surface, and its tangent plane.

    Attributes:
        x, y: its coordinates.
        cost: the height there.
        slopes: the partial derivatives there, along each axis; NaN where there is no tangent plane.
        missing: why there is none, as at a kink; an empty text where there is one.
    """

    x: float
    y: float
    cost: float
    slopes: tuple[float, float]
    missing: str = ""

    def plane(self, x: Any, y: Any) -> Any:
        """Return the height of the tangent plane at other coordinates."""
        return self.cost + self.slopes[0] * (x - self.x) + self.slopes[1] * (y - self.y)


@dataclass(frozen=True)
class Move:
    """A move A → B → C, first along one axis, then along the other, and the tangent plane at A.

    Attributes:
        x, y: the coordinates of A, B and C.
        costs: the costs there.
        slopes: the partial derivatives at A.
    """

    x: tuple[float, float, float]
    y: tuple[float, float, float]
    costs: tuple[float, float, float]
    slopes: tuple[float, float]

    @property
    def terms(self) -> tuple[float, float]:
        """Slope times move, along each axis."""
        return self.slopes[0] * (self.x[2] - self.x[0]), self.slopes[1] * (self.y[2] - self.y[0])

    @property
    def tangent_value(self) -> float:
        """The height of the tangent plane at C."""
        return self.costs[0] + sum(self.terms)

    @property
    def error(self) -> float:
        """The cost at C minus the plane's height."""
        return self.costs[2] - self.tangent_value

    @property
    def point(self) -> Point:
        """A, with the tangent plane there."""
        return Point(self.x[0], self.y[0], self.costs[0], self.slopes)


@dataclass(frozen=True)
class Field:
    """Gradients within a plane.

    Attributes:
        x, y: coordinates of the points, ``(k,)`` each.
        u, v: the components of the gradient there.
    """

    x: Array
    y: Array
    u: Array
    v: Array


@dataclass(frozen=True)
class Surface:
    """A cost over two axes.

    Attributes:
        axes: which; their shares add up to that of the plane.
        x: coordinates along the first, ``(nx,)``.
        y: coordinates along the second, ``(ny,)``.
        costs: ``(ny, nx)``; not finite outside the domain.
        trails: descents.
        point: the point through which the plane goes, if that is to be marked.
        move: A → B → C, or None.
        field: gradients, or None.
        whole: whether the plane holds all parameters, so that trails lie on the surface.
        held: the other parameters, if there are any and the axes are parameters.
    """

    axes: tuple[Axis, Axis]
    x: Array
    y: Array
    costs: Array
    trails: tuple[Trail, ...]
    point: Point | None
    move: Move | None
    field: Field | None
    whole: bool
    fixed: Fixed | None

    @property
    def share(self) -> float | None:
        """The share of the variance of the first descent's path that lies in the plane."""
        first, second = (axis.share for axis in self.axes)
        return None if first is None or second is None else first + second

    @property
    def lowest(self) -> tuple[float, float, float]:
        """Coordinates and cost of the lowest point of the grid."""
        finite = np.where(np.isfinite(self.costs), self.costs, np.inf)
        row, column = np.unravel_index(int(np.argmin(finite)), finite.shape)
        return float(self.x[column]), float(self.y[row]), float(self.costs[row, column])


def extent(seen: Array, wanted: Range | None, label: str) -> Range:
    """Return the range of an axis.

    Args:
        seen: coordinates that are to be in it, ``(k,)``.
        wanted: the range that was asked for.
        label: of the axis.

    Raises:
        PictureError: the range is empty or not finite.
    """
    if wanted is not None:
        low, high = float(wanted[0]), float(wanted[1])
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise PictureError(f"the range of {label} goes from {low:g} to {high:g}; give a lower and a higher number")
        return low, high
    low, high = float(np.min(seen)), float(np.max(seen))
    if high - low <= 1e-9 * max(abs(low), abs(high), 1.0):
        half = max(_HALF, abs(low))
        return low - half, low + half
    margin = _MARGIN * (high - low)
    return low - margin, high + margin


def _to_be_seen(span: Span, at: Array, routes: Sequence[Route], more: Sequence[Array]) -> Array:
    """Return the coordinates of what has to be in the picture, ``(k, axes)``."""
    shown = [span.coordinates(at[None])] if not routes else []
    for route in routes:
        kept = route.vectors[:_BEGINNING] if route.diverged else route.vectors
        shown.append(span.coordinates(kept))
    return np.concatenate([*shown, *more])


def compute_curve(
    land: Landscape,
    span: Span,
    at: Array,
    routes: Sequence[Route],
    wanted: Range | None,
    points: int,
    tangent: bool,
    origin: str,
) -> Curve:
    """Compute the cost along the axis of a span.

    Args:
        land: the landscape.
        span: of one axis.
        at: the parameters at which the tangent touches.
        routes: descents.
        wanted: the range that was asked for.
        points: how many at most.
        tangent: whether a tangent is wanted.
        origin: where the values of other parameters come from.
    """
    (axis,) = span.axes
    low, high = extent(_to_be_seen(span, at, routes, [])[:, 0], wanted, axis.label)
    x = np.linspace(low, high, land.resolution(points, 1, 50))
    found = None
    if tangent:
        where = float(span.coordinates(at[None])[0, 0])
        value, slopes, missing = _touching(land, span, at, f"{axis.label} = {where:g}")
        found = Tangent(where, value, slopes[0], missing)
    costs = _finite_somewhere(land.costs(span.points(x)), axis.label)
    trails = tuple(trail(land, span, route) for route in routes)
    return Curve(axis, x, costs, found, trails, land.size == 1, _fixed(land, span, at, origin))


def compute_surface(
    land: Landscape, span: Span, at: Array, routes: Sequence[Route], wanted: Mapping[str, Range], points: int,
    marked: bool, move: tuple[float, float] | None, field: bool, origin: str,
) -> Surface:  # fmt: skip
    """Compute the cost over the plane of a span.

    Args:
        land: the landscape.
        span: of two axes.
        at: the parameters through which the plane goes, and where a move begins.
        routes: descents.
        wanted: ranges that were asked for, by the labels of axes.
        points: how many along an axis, at most.
        marked: whether ``at`` is to be marked.
        move: how far B is from A along the first axis, and C from B along the second.
        field: whether gradients are wanted.
        origin: where the values of other parameters come from.
    """
    first, second = span.axes
    made = None if move is None else _move(land, span, at, move)
    ends = [] if made is None else [np.column_stack([made.x, made.y])]
    if made is not None:  # so that it fills a part of the picture, not all of it
        ends += [ends[0] - 1.5 * np.abs(np.array(move)), ends[0] + 1.5 * np.abs(np.array(move))]
    seen = _to_be_seen(span, at, routes, ends)
    x, y = (
        np.linspace(*extent(seen[:, k], wanted.get(axis.label), axis.label), land.resolution(points, 2, 25))
        for k, axis in enumerate(span.axes)
    )
    across, up = np.meshgrid(x, y)
    costs = land.costs(span.points(across.ravel(), up.ravel())).reshape(across.shape)
    point = None
    if marked:
        place = span.coordinates(at[None])[0]
        cost, slopes, missing = _touching(land, span, at, _position_text(span, place))
        point = Point(float(place[0]), float(place[1]), cost, (slopes[0], slopes[1]), missing)
    trails = tuple(trail(land, span, route) for route in routes)
    return Surface(
        (first, second), x, y, _finite_somewhere(costs, f"{first.label} and {second.label}"), trails, point, made,
        _field(land, span, x, y) if field else None, land.size == 2,
        _fixed(land, span, at, origin),
    )  # fmt: skip


def _fixed(land: Landscape, span: Span, at: Array, origin: str) -> Fixed | None:
    """Return the parameters other than those of the axes; None for a line or plane along directions."""
    if any(axis.element is None for axis in span.axes) or land.size == len(span.axes):
        return None
    rest = at.copy()
    rest[[axis.element for axis in span.axes if axis.element is not None]] = np.nan
    values = {name: part[0] for name, part in land.params(rest[None]).items()}
    return Fixed({name: part for name, part in values.items() if np.isfinite(part).any()}, origin)


def _finite_somewhere(costs: Array, labels: str) -> Array:
    if not np.any(np.isfinite(costs)):
        raise PictureError(f"the cost is not finite anywhere in this range of {labels}; give another one in ranges=")
    return costs


def _position_text(span: Span, place: Array) -> str:
    return ", ".join(f"{axis.label} = {number:g}" for axis, number in zip(span.axes, place, strict=True))


def _touching(land: Landscape, span: Span, at: Array, told: str) -> tuple[float, list[float], str]:
    """Return the cost at a point, its slopes along the axes, and why there is no tangent if there is none.

    Raises:
        PictureError: the cost is not finite there.
    """
    cost = float(land.costs(at[None])[0])
    if not np.isfinite(cost):
        raise PictureError(f"the cost is {cost} at {told}, so there is no point to mark; choose another one in at=")
    directions = [axis.direction for axis in span.axes]
    missing = land.no_slope(at, directions)
    if missing:
        return cost, [float("nan")] * len(directions), missing
    return cost, [_slope(land, at, direction) for direction in directions], ""


_UNITS = 16  # in the last place of a parameter


def _slope(land: Landscape, at: Array, direction: Array) -> float:
    """Return the derivative along a direction; 0 where it is round-off.

    It is so where a few units in the last place of the parameters turn the sign round: no number of them has a slope
    that is nearer to 0.
    """
    slope = float(land.gradients(at[None])[0] @ direction)
    blur = _UNITS * np.finfo(float).eps * np.where(at == 0, 1.0, np.abs(at))
    left, right = land.gradients(np.array([at - blur * direction, at + blur * direction])) @ direction
    return 0.0 if left * right <= 0 else slope


def _move(land: Landscape, span: Span, at: Array, move: tuple[float, float]) -> Move:
    (x, y), (dx, dy) = span.coordinates(at[None])[0], move
    across, up = np.array([x, x + dx, x + dx]), np.array([y, y, y + dy])
    costs = land.costs(span.points(across, up))
    for letter, *place, cost in zip("ABC", across, up, costs, strict=True):
        if not np.isfinite(cost):
            raise PictureError(
                f"the cost is {cost} at {letter}, {_position_text(span, np.array(place))}; choose another move"
            )
    (begin,) = span.points(across[:1], up[:1])
    told = _position_text(span, np.array([x, y]))
    _, slopes, missing = _touching(land, span, begin, told)
    if missing:
        raise PictureError(
            f"there is no tangent plane at A, {told}: {missing}; choose another point, or leave the move out"
        )
    a, b, c = ((float(part[0]), float(part[1]), float(part[2])) for part in (across, up, costs))
    return Move(a, b, c, (slopes[0], slopes[1]))


_ARROWS = 15  # of a field, along an axis


def _field(land: Landscape, span: Span, x: Array, y: Array) -> Field:
    def middles(along: Array) -> Array:
        edges = np.linspace(along[0], along[-1], _ARROWS + 1)
        return (edges[1:] + edges[:-1]) / 2

    across, up = (part.ravel() for part in np.meshgrid(middles(x), middles(y)))
    slopes = land.gradients(span.points(across, up))
    return Field(across, up, *(slopes @ axis.direction for axis in span.axes))
