"""Sections of a landscape: computing the cost along one axis, and over two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.errors import PictureError
from steepest.pictures.surfaces.landscape import Landscape, Span
from steepest.pictures.surfaces.numbers import Curve, Field, Fixed, Move, Point, Surface, Tangent
from steepest.pictures.surfaces.paths import Route, Trail, trail

Array = NDArray[Any]
Range = tuple[float, float]

_HALF = 2.0  # half the range of a parameter about which nothing is known: weights are mostly between -2 and 2
_MARGIN = 0.2  # beyond the outermost point to show, as a share of the extent, so that the cost around it is seen
_BEGINNING = 5  # points of a diverged descent that the range includes: its later ones would flatten all else
_UNITS = 16  # in the last place of a parameter: a change of sign of the slope within them is round-off
_ARROWS = 15  # of a field, along an axis: more would cover the contours


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


@dataclass(frozen=True)
class Section:
    """A line or plane through a landscape, and the descents to show on it.

    Attributes:
        land: the landscape.
        span: the line or plane.
        at: the parameters through which it goes, ``(size,)``.
        routes: the descents.
        origin: where the values of the other parameters come from.
    """

    land: Landscape
    span: Span
    at: Array
    routes: Sequence[Route]
    origin: str

    @property
    def position(self) -> Array:
        """The coordinates of ``at``."""
        found: Array = self.span.coordinates(self.at[None])[0]
        return found

    def visible(self, more: Sequence[Array]) -> Array:
        """Return the coordinates of what has to be in the picture, ``(k, axes)``."""
        shown = [] if self.routes else [self.position[None]]
        for route in self.routes:
            shown.append(self.span.coordinates(route.vectors[:_BEGINNING] if route.diverged else route.vectors))
        return np.concatenate([*shown, *more])

    def trails(self) -> tuple[Trail, ...]:
        """Return the descents as paths over the section."""
        return tuple(trail(self.land, self.span, route) for route in self.routes)

    def costs(self, *coordinates: Array) -> Array:
        """Return the costs at coordinates.

        Raises:
            PictureError: all of them are not finite.
        """
        costs = self.land.costs(self.span.points(*coordinates))
        if not np.any(np.isfinite(costs)):
            labels = " and ".join(axis.label for axis in self.span.axes)
            raise PictureError(
                f"the cost is not finite anywhere in this range of {labels}; give another one in ranges="
            )
        return costs

    def text(self, position: Array) -> str:
        """Return coordinates with their names."""
        return ", ".join(f"{axis.label} = {number:g}" for axis, number in zip(self.span.axes, position, strict=True))

    def touching(self, at: Array, where: str) -> tuple[float, list[float], str]:
        """Return the cost at a point, its slopes along the axes, and why it has no tangent; empty if it has one.

        Raises:
            PictureError: the cost is not finite there.
        """
        cost = float(self.land.costs(at[None])[0])
        if not np.isfinite(cost):
            raise PictureError(f"the cost is {cost} at {where}, so there is no point to mark; choose another in at=")
        directions = [axis.direction for axis in self.span.axes]
        missing = self.land.no_slope(at, directions)
        if missing:
            return cost, [float("nan")] * len(directions), missing
        return cost, [_slope(self.land, at, direction) for direction in directions], ""

    def fixed(self) -> Fixed | None:
        """Return the parameters other than those of the axes; None for a line or plane along directions."""
        axes = self.span.axes
        if any(axis.element is None for axis in axes) or self.land.size == len(axes):
            return None
        rest = self.at.copy()
        rest[[axis.element for axis in axes if axis.element is not None]] = np.nan
        values = {name: part[0] for name, part in self.land.params(rest[None]).items()}
        return Fixed({name: part for name, part in values.items() if np.isfinite(part).any()}, self.origin)


def _slope(land: Landscape, at: Array, direction: Array) -> float:
    """Return the derivative along a direction; 0 where it is round-off.

    It is round-off where a few units in the last place of the parameters change its sign: no floating-point numbers
    near them have a slope nearer to 0.
    """
    slope = float(land.gradients(at[None])[0] @ direction)
    blur = _UNITS * np.finfo(float).eps * np.where(at == 0, 1.0, np.abs(at))
    left, right = land.gradients(np.array([at - blur * direction, at + blur * direction])) @ direction
    return 0.0 if left * right <= 0 else slope


def compute_curve(section: Section, wanted: Range | None, points: int, tangent: bool) -> Curve:
    """Compute the cost along one axis.

    Args:
        section: of one axis.
        wanted: the range that was asked for.
        points: how many at most.
        tangent: whether a tangent is wanted.
    """
    land, (axis,) = section.land, section.span.axes
    low, high = extent(section.visible([])[:, 0], wanted, axis.label)
    x = np.linspace(low, high, land.resolution(points, 1, 50))
    found = None
    if tangent:
        where = float(section.position[0])
        value, slopes, missing = section.touching(section.at, f"{axis.label} = {where:g}")
        found = Tangent(where, value, slopes[0], missing)
    return Curve(axis, x, section.costs(x), found, section.trails(), land.size == 1, section.fixed())


def compute_surface(
    section: Section, wanted: Mapping[str, Range], points: int, marked: bool, move: tuple[float, float] | None,
    field: bool,
) -> Surface:  # fmt: skip
    """Compute the cost over two axes.

    Args:
        section: of two axes; a move begins at its point.
        wanted: ranges that were asked for, by the labels of axes.
        points: how many along an axis, at most.
        marked: whether the point of the section is marked.
        move: how far B is from A along the first axis, and C from B along the second.
        field: whether gradients are wanted.
    """
    land, (first, second) = section.land, section.span.axes
    made = None if move is None else _move(section, move)
    ends = [] if made is None else [np.column_stack([made.x, made.y])]
    if made is not None:  # so that it fills a part of the picture, not all of it
        ends += [ends[0] - 1.5 * np.abs(np.array(move)), ends[0] + 1.5 * np.abs(np.array(move))]
    seen = section.visible(ends)
    x, y = (
        np.linspace(*extent(seen[:, k], wanted.get(axis.label), axis.label), land.resolution(points, 2, 25))
        for k, axis in enumerate((first, second))
    )
    across, up = np.meshgrid(x, y)
    costs = section.costs(across.ravel(), up.ravel()).reshape(across.shape)
    point = None
    if marked:
        position = section.position
        cost, slopes, missing = section.touching(section.at, section.text(position))
        point = Point(float(position[0]), float(position[1]), cost, (slopes[0], slopes[1]), missing)
    arrows = _field(section, x, y) if field else None
    return Surface(
        (first, second), x, y, costs, section.trails(), point, made, arrows, land.size == 2, section.fixed()
    )  # fmt: skip


def _move(section: Section, move: tuple[float, float]) -> Move:
    """Compute a move from the point of a section, with the tangent plane where it begins."""
    (x, y), (dx, dy) = section.position, move
    across, up = np.array([x, x + dx, x + dx]), np.array([y, y, y + dy])
    costs = section.land.costs(section.span.points(across, up))
    for letter, *position, cost in zip("ABC", across, up, costs, strict=True):
        if not np.isfinite(cost):
            where = section.text(np.array(position))
            raise PictureError(f"the cost is {cost} at {letter}, {where}; choose another move")
    (begin,) = section.span.points(across[:1], up[:1])
    where = section.text(np.array([x, y]))
    _, slopes, missing = section.touching(begin, where)
    if missing:
        raise PictureError(
            f"there is no tangent plane at A, {where}: {missing}; choose another point, or leave the move out"
        )
    a, b, c = ((float(part[0]), float(part[1]), float(part[2])) for part in (across, up, costs))
    return Move(a, b, c, (slopes[0], slopes[1]))


def _field(section: Section, x: Array, y: Array) -> Field:
    """Compute the gradients in the middles of a coarse grid."""

    def middles(along: Array) -> Array:
        edges = np.linspace(along[0], along[-1], _ARROWS + 1)
        return (edges[1:] + edges[:-1]) / 2

    across, up = (part.ravel() for part in np.meshgrid(middles(x), middles(y)))
    slopes = section.land.gradients(section.span.points(across, up))
    return Field(across, up, *(slopes @ axis.direction for axis in section.span.axes))
