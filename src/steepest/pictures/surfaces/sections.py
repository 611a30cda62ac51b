"""Sections of a landscape: along which axes, through which point, with which descents; and the cost over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.errors import PictureError
from steepest.expressions.expression import Expression
from steepest.messages.hints import nearest
from steepest.pictures.surfaces.landscape import Axis, Landscape, Span, axis_of, landscape, span_of
from steepest.pictures.surfaces.numbers import Curve, Field, Fixed, Move, Point, Surface, Tangent
from steepest.pictures.surfaces.paths import Route, Trail, principal_axes, routes, shares, trail
from steepest.tables.values import Array

Range = tuple[float, float]
Name = str | Mapping[str, ArrayLike]
_PRINCIPAL = "principal"

_HALF = 2.0  # half the range of a parameter about which nothing is known: weights are mostly between -2 and 2
_MARGIN = 0.2  # beyond the outermost point to show, as a share of the extent, so that the cost around it is seen
_BEGINNING = 5  # points of a diverged descent that the range includes: its later ones would flatten all else
_UNITS = 16  # in the last place of a parameter: a change of sign of the slope within them is round-off
_LARGEST = 1e300  # cost or parameter that is drawn: differences of larger ones overflow
_ARROWS = 15  # of a field, along an axis: more would cover the contours


def _extent(seen: Array, wanted: Range | None, label: str) -> Range:
    """Return the range of an axis: as asked for, else one with all that is to be seen."""
    if wanted is not None:
        low, high = float(wanted[0]), float(wanted[1])
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise PictureError(f"the range of {label} goes from {low:g} to {high:g}; give a lower and a higher number")
        return low, high
    low, high = float(np.min(seen)), float(np.max(seen))
    if max(abs(low), abs(high)) > _LARGEST:
        raise PictureError(f"{label} would be drawn up to {max(abs(low), abs(high)):g}; give a range in ranges=")
    if high - low <= 1e-9 * max(abs(low), abs(high), 1.0):
        half = max(_HALF, abs(low))
        return low - half, low + half
    margin = _MARGIN * (high - low)
    return low - margin, high + margin


@dataclass(frozen=True)
class Section:
    """A line or plane through a landscape, and the descents to show on it."""

    land: Landscape
    span: Span
    at: Array  # the parameters through which it goes, ``(size,)``
    routes: Sequence[Route]
    origin: str  # where the values of the other parameters come from

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
        """Return the costs at coordinates, some of them finite; those too large for a drawing are infinite."""
        costs = self.land.costs(self.span.points(*coordinates))
        large = np.abs(costs) > _LARGEST
        if np.all(large | ~np.isfinite(costs)):
            here = f"in this range of {_listed(self.span.axes)}"
            what = f"above {_LARGEST:g}" if np.any(np.isfinite(costs)) else "not finite"
            raise PictureError(f"the cost is {what} anywhere {here}; give another one in ranges=")
        found: Array = np.where(large, np.inf, costs)
        return found

    def text(self, position: Array) -> str:
        """Return coordinates with their names."""
        return ", ".join(f"{axis.label} = {number:g}" for axis, number in zip(self.span.axes, position, strict=True))

    def touching(self, at: Array, where: str) -> tuple[float, list[float], str]:
        """Return the cost at a point, its slopes along the axes, and why it has no tangent; empty if it has one."""
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


def _curve(section: Section, wanted: Range | None, points: int, tangent: bool) -> Curve:
    """Compute the cost along one axis, at so many points at most."""
    land, (axis,) = section.land, section.span.axes
    low, high = _extent(section.visible([])[:, 0], wanted, axis.label)
    x = np.linspace(low, high, land.resolution(points, 1, 50))
    found = None
    if tangent:
        where = float(section.position[0])
        value, slopes, missing = section.touching(section.at, f"{axis.label} = {where:g}")
        found = Tangent(where, value, slopes[0], missing)
    return Curve(axis, x, section.costs(x), found, section.trails(), land.size == 1, section.fixed())


def _surface(
    section: Section, wanted: Mapping[str, Range], points: int, marked: bool, move: tuple[float, float] | None,
    field: bool,
) -> Surface:  # fmt: skip
    """Compute the cost over two axes, at so many points along each at most; a move begins at the section's point."""
    land, (first, second) = section.land, section.span.axes
    made = None if move is None else _move(section, move)
    ends = [] if made is None else [np.column_stack([made.x, made.y])]
    if made is not None:  # so that it fills a part of the picture, not all of it
        ends += [ends[0] - 1.5 * np.abs(np.array(move)), ends[0] + 1.5 * np.abs(np.array(move))]
    seen = section.visible(ends)
    x, y = (
        np.linspace(*_extent(seen[:, k], wanted.get(axis.label), axis.label), land.resolution(points, 2, 25))
        for k, axis in enumerate((first, second))
    )
    across, up = np.meshgrid(x, y)
    costs = section.costs(across.ravel(), up.ravel()).reshape(across.shape)
    point = None
    if marked:
        position = section.position
        cost, slopes, missing = section.touching(section.at, section.text(position))
        point = Point(float(position[0]), float(position[1]), cost, (slopes[0], slopes[1]), missing)
    arrows, whole = _field(section, x, y) if field else None, land.size == 2
    return Surface((first, second), x, y, costs, section.trails(), point, made, arrows, whole, section.fixed())


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
    edges = (np.linspace(along[0], along[-1], _ARROWS + 1) for along in (x, y))
    across, up = (part.ravel() for part in np.meshgrid(*((each[1:] + each[:-1]) / 2 for each in edges)))
    slopes = section.land.gradients(section.span.points(across, up))
    return Field(across, up, *(slopes @ axis.direction for axis in section.span.axes))


def landscape_of(subject: Any, table: Any, paths: Any, at: Mapping[str, ArrayLike] | None, na: str, engine: str) -> Any:
    """Return the landscape of a cost or a model, the descents, and the known parameters.

    A model brings its parameters, and its last descent if no other is given.
    """
    if isinstance(subject, Expression):
        return landscape(subject, table, na=na, engine=engine), paths, dict(at or {})
    if not hasattr(subject, "objective"):
        raise PictureError(f"a picture is drawn of a cost or a model, not of {type(subject).__name__}")
    columns = None if table is None else subject.samples(table, na).arrays
    land = landscape(subject.cost, table, columns=columns, na=na, engine=engine)
    return land, subject.run if paths is None else paths, {**subject.params, **(at or {})}


def compute(
    land: Landscape, runs: Any, known: Mapping[str, Any], at: Mapping[str, ArrayLike] | None,
    names: str | Sequence[Name] | None, ranges: Mapping[str, Range], move: Mapping[str, float] | None, field: bool,
    points: int,
) -> Curve | Surface:  # fmt: skip
    """Compute the curve or surface of a picture from descents and the known parameters."""
    unknown = [name for name in known if name not in land.shapes]
    if unknown:
        raise PictureError(
            f"{unknown[0]!r} has a value but is no parameter of the cost{nearest(unknown[0], land.shapes)}"
        )
    found = routes(land, runs)
    axes = _axes(land, names, found, move)
    for label in ranges:
        if label not in [axis.label for axis in axes]:
            here = f"which is not an axis here; the axes are {_listed(axes)}"
            raise PictureError(f"a range is given for {label!r}, {here}")
    at_point = _through(land, axes, known, found, ranges)
    section = Section(land, span_of(axes, at_point), at_point, found, _origin(land, known, found, at))
    # The point is marked if the caller has chosen it.
    marked = at is not None and all(axis.label.partition("[")[0] in at or axis.element is None for axis in axes)
    if len(axes) == 1:
        if field or move is not None:
            raise PictureError("a field or a move takes two axes; give two names")
        return _curve(section, ranges.get(axes[0].label), max(points, 2), marked)
    distances = None if move is None else _distances(move, axes)
    return _surface(section, ranges, max(points, 2), marked and distances is None, distances, field)


def _listed(axes: Sequence[Axis]) -> str:
    return " and ".join(axis.label for axis in axes)


def _axes(
    land: Landscape, names: str | Sequence[Name] | None, found: Sequence[Route], move: Mapping[str, float] | None
) -> list[Axis]:
    if names is None and move is not None:
        names = list(move)
    if names is None:
        names = _elements(land) if land.size <= 2 else _PRINCIPAL
        if names == _PRINCIPAL and not found:
            raise PictureError(
                f"the cost has {land.size} numbers as parameters; give one or two of them in names=, or give paths= "
                "for the principal directions of a descent"
            )
    if isinstance(names, str) and names == _PRINCIPAL and _PRINCIPAL not in land.shapes:
        if not found:
            raise PictureError("principal directions are those of a descent's path; give paths=")
        return list(principal_axes(found[0]))
    given: list[Name] = [names] if isinstance(names, str | Mapping) else list(names)
    if len(given) not in (1, 2):
        raise PictureError(f"a picture has one axis or two for parameters, not {len(given)}; give one or two names")
    axes = [axis_of(land, name, f"direction {k}") for k, name in enumerate(given, start=1)]
    return list(shares(found[0], axes)) if found and land.size > len(axes) else axes


def _elements(land: Landscape) -> list[Name]:
    """Return all numbers of the parameters, each by its name."""
    return [
        f"{name}[{','.join(map(str, index))}]" if shape else name
        for name, shape in land.shapes.items()
        for index in np.ndindex(shape)
    ]


def _origin(land: Landscape, known: Mapping[str, Any], found: Sequence[Route], at: Mapping[str, Any] | None) -> str:
    """Describe where the parameters come from through which the line or plane goes."""
    origins = ["as given" if name in (at or {}) else "as fitted" if name in known else "" for name in land.shapes]
    ended = f"where {found[0].label} ended" if found else "at 0"
    return " and ".join(dict.fromkeys(origin or ended for origin in origins))


def _through(
    land: Landscape, axes: Sequence[Axis], known: Mapping[str, ArrayLike], found: Sequence[Route],
    ranges: Mapping[str, Range],
) -> Array:  # fmt: skip
    """Return the parameters through which the line or plane goes: as given, else where the first descent ended.

    A parameter without a value that is an axis gets the middle of its range, or 0.
    """
    labels = [axis.label for axis in axes if axis.label in land.shapes]
    swept = {label: float(np.mean(ranges[label])) if label in ranges else 0.0 for label in labels}
    ends = land.params(found[0].vectors[-1:]) if found else {}
    return land.vector({**swept, **{name: value[0] for name, value in ends.items()}, **known})


def _distances(move: Mapping[str, float], axes: Sequence[Axis]) -> tuple[float, float]:
    labels = [axis.label for axis in axes]
    for name in move:
        if name not in labels:
            raise PictureError(f"{name!r} moves but is no axis of the picture{nearest(name, labels)}")
    return float(move.get(labels[0], 0.0)), float(move.get(labels[1], 0.0))
