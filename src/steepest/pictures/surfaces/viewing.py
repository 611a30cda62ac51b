"""Requests for pictures of a cost: which axes, through which point, with which descents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest.errors import PictureError
from steepest.expressions.expression import Expression
from steepest.messages.hints import nearest
from steepest.pictures.surfaces.landscape import Axis, Landscape, axis_of, landscape, span_of
from steepest.pictures.surfaces.numbers import Curve, Surface
from steepest.pictures.surfaces.paths import Route, principal_axes, routes, shares
from steepest.pictures.surfaces.sections import Range, Section, compute_curve, compute_surface

Array = NDArray[Any]
Name = str | Mapping[str, ArrayLike]
PRINCIPAL = "principal"


def landscape_of(subject: Any, table: Any, paths: Any, at: Mapping[str, ArrayLike] | None, na: str, engine: str) -> Any:
    """Return the landscape of a cost or a model, the descents, and the known parameters.

    A model brings its parameters, and its last descent if no other is given.
    """
    if isinstance(subject, Expression):
        return landscape(subject, table, na=na, engine=engine), paths, dict(at or {})
    if not hasattr(subject, "objective"):
        raise PictureError(f"a picture is drawn of a cost or a model, not of {type(subject).__name__}")
    columns: Mapping[str, Any] | None = None
    if table is not None:
        columns = subject.samples(table, na).arrays
    land = landscape(subject.cost, table, columns=columns, na=na, engine=engine)
    return land, subject.run if paths is None else paths, {**subject.params, **(at or {})}


@dataclass(frozen=True)
class Request:
    """A request for a picture of a cost; see :func:`steepest.pictures.surface`."""

    at: Mapping[str, ArrayLike] | None
    names: str | Sequence[Name] | None
    ranges: Mapping[str, Range]
    move: Mapping[str, float] | None
    field: bool
    points: int


def compute(land: Landscape, runs: Any, known: Mapping[str, Any], request: Request) -> Curve | Surface:
    """Compute the curve or surface of a picture.

    Args:
        land: the landscape.
        runs: descents, one or several.
        known: values of parameters.
        request: the part of the landscape to show, and the marks on it.
    """
    unknown = [name for name in known if name not in land.shapes]
    if unknown:
        raise PictureError(
            f"{unknown[0]!r} has a value but is no parameter of the cost{nearest(unknown[0], land.shapes)}"
        )
    found = routes(land, runs)
    axes = _axes(land, request.names, found, request.move)
    for label in request.ranges:
        if label not in [axis.label for axis in axes]:
            labels = " and ".join(axis.label for axis in axes)
            raise PictureError(f"a range is given for {label!r}, which is not an axis here; the axes are {labels}")
    here = _through(land, axes, known, found, request.ranges)
    section = Section(land, span_of(axes, here), here, found, _origin(land, known, found, request.at))
    points, marked = max(request.points, 2), _marks(axes, request.at)
    if len(axes) == 1:
        if request.field or request.move is not None:
            raise PictureError("a field or a move takes two axes; give two names")
        return compute_curve(section, request.ranges.get(axes[0].label), points, marked)
    distances = None if request.move is None else _distances(request.move, axes)
    return compute_surface(section, request.ranges, points, marked and distances is None, distances, request.field)


def _axes(
    land: Landscape, names: str | Sequence[Name] | None, found: Sequence[Route], move: Mapping[str, float] | None
) -> list[Axis]:
    if names is None and move is not None:
        names = list(move)
    if names is None:
        names = _elements(land) if land.size <= 2 else PRINCIPAL
        if names == PRINCIPAL and not found:
            raise PictureError(
                f"the cost has {land.size} numbers as parameters; give one or two of them in names=, or give paths= "
                "for the principal directions of a descent"
            )
    if isinstance(names, str) and names == PRINCIPAL and PRINCIPAL not in land.shapes:
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
    values: dict[str, Any] = dict(known)
    if found:
        ends = land.params(found[0].vectors[-1:])
        values = {**{name: value[0] for name, value in ends.items()}, **values}
    swept = {axis.label: float(np.mean(ranges[axis.label])) if axis.label in ranges else 0.0 for axis in axes}
    return land.vector({**{name: value for name, value in swept.items() if name in land.shapes}, **values})


def _marks(axes: Sequence[Axis], at: Mapping[str, ArrayLike] | None) -> bool:
    """Return whether the caller has chosen the point."""
    return at is not None and all(axis.label.partition("[")[0] in at or axis.element is None for axis in axes)


def _distances(move: Mapping[str, float], axes: Sequence[Axis]) -> tuple[float, float]:
    labels = [axis.label for axis in axes]
    for name in move:
        if name not in labels:
            raise PictureError(f"{name!r} moves but is no axis of the picture{nearest(name, labels)}")
    return float(move.get(labels[0], 0.0)), float(move.get(labels[1], 0.0))
