"""``pictures.surface``: a cost over one parameter, two, or two directions, with descents on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.display.labels import figure, sentence_start, short
from steepest.errors import PictureError
from steepest.messages.sentences import counted
from steepest.pictures.common.picture import MatplotlibPicture
from steepest.pictures.common.style import width_of
from steepest.pictures.surfaces.interactive import curve_figure, surface_figure
from steepest.pictures.surfaces.landscape import Axis
from steepest.pictures.surfaces.numbers import Curve, Fixed, Surface
from steepest.pictures.surfaces.paths import Trail
from steepest.pictures.surfaces.sections import Name, Range, compute, landscape_of
from steepest.pictures.surfaces.static import draw_curve, draw_surface
from steepest.pictures.surfaces.tikz import curve_code, surface_code

_LISTED = 6  # fixed numbers up to which each is listed: more would hide the other sentences
_VIEWS = ("contours", "3d", "both")


def surface(
    cost: Any, table: Any = None, at: Mapping[str, ArrayLike] | None = None, *,
    names: str | Sequence[Name] | None = None, paths: Any = None, ranges: Mapping[str, Range] | None = None,
    move: Mapping[str, float] | None = None, field: bool = False, look: str = "contours", points: int = 200,
    width: float | str = "column", title: str | None = None, na: str = "error", engine: str = "auto",
) -> MatplotlibPicture:  # fmt: skip
    """Plot a cost over one parameter (a curve) or two (contours, or a surface in space), with descents on it.

    If there are more parameters than axes, the others are fixed at the values in ``at``, else at the end of the first
    descent; paths are then projected onto the line or plane.

    Args:
        cost: an expression of one number, or a model, which provides its parameters and its last descent.
        table, na, engine: as for :func:`steepest.descend`.
        at: values of parameters, and the point to mark, with its tangent unless the cost has a kink there.
        names: one or two parameters, elements such as ``"W1[0,2]"`` or directions (a dict from parameters to numbers
            or arrays); ``"principal"`` for the two directions in which the first descent moved most, each with its
            share of the path's variance. Left out: the parameters if they are one or two numbers, else principal.
        paths: a descent, or several as a list or a dict by name.
        ranges: from a name to its lowest and highest coordinate; left out, the point and the paths are in the range.
        move: how far A → B goes along the first axis and B → C along the second, with the tangent plane at A.
        field: draws arrows against the gradient.
        look: ``"contours"``, ``"3d"`` or ``"both"``.
        points: of the grid along an axis, at most; fewer where a point takes long.
        width, title: ``"column"`` (3.4 inches), ``"page"`` (7) or a number of inches; replaces the default title.

    Returns:
        A picture; its ``numbers`` are a Curve or a Surface.

    Raises:
        PictureError: no such parameter, no value, no finite cost at the point or anywhere, or a move from a kink.
        TableError: the table cannot be read.

    >>> from steepest.expressions.expression import params
    >>> x, y = params("x", "y")
    >>> picture = surface(2 * x**2 + y**2, at={"x": 0.5, "y": 0.5}, move={"x": 0.1, "y": 0.1}, look="3d", points=20)
    >>> [round(cost, 12) for cost in picture.numbers.move.costs], round(picture.numbers.move.tangent_value, 12)
    ([0.75, 0.97, 1.08], 1.05)

    Source: rows E2, E3, E4 of the notes; Lorch 2016 and Li et al. 2018 for principal directions.
    """
    if look not in _VIEWS:
        raise PictureError(f"look is one of {', '.join(_VIEWS)}, not {look!r}")
    inches = width_of(width)
    land, runs, known = landscape_of(cost, table, paths, at, na, engine)
    found = compute(land, runs, known, at, names, ranges or {}, move, field, points)
    if isinstance(found, Curve):
        called = title or f"The cost over {found.axis.label}"
        return MatplotlibPicture(
            called, _describe_curve(found), found, lambda: draw_curve(found, called, inches),
            lambda: curve_figure(found, called), lambda: curve_code(found),
        )  # fmt: skip
    called = title or _title(found)
    return MatplotlibPicture(
        called, _describe_surface(found), found, lambda: draw_surface(found, called, inches, look),
        lambda: surface_figure(found, called, look), lambda: surface_code(found),
    )  # fmt: skip


def _title(found: Surface) -> str:
    first, second = found.axes
    if first.element is None and second.element is None and first.label.startswith("principal direction"):
        return "The cost over the path's principal directions"
    return f"The cost over {first.label} and {second.label}"


def _describe_curve(found: Curve) -> str:
    lowest = int(min(range(len(found.x)), key=lambda k: (not found.costs[k] < float("inf"), found.costs[k])))
    sentences = [
        f"A curve of the cost for {_span(found.axis, found.x)}; its lowest point here is "
        f"{short(found.costs[lowest])} at {short(found.x[lowest])}."
    ]
    if found.tangent is not None:
        t = found.tangent
        where = f"at {found.axis.label} = {figure(t.at)}, where the cost is {figure(t.value)}"
        there = f"The tangent {where}, has the slope {figure(t.slope)}: {t.trend}."
        sentences.append(f"There is no tangent {where}: {t.missing}." if t.missing else there)
    sentences += _describe_fixed(found.fixed)
    if found.trails and not found.whole:
        share = found.axis.share
        sentences += [f"The line carries {share:.1%} of the variance of the path."] if share is not None else []
        sentences.append("Paths are projected onto the line.")
    return " ".join([*sentences, *(_describe_trail(trail, not found.whole) for trail in found.trails)])


def _describe_surface(found: Surface) -> str:
    first, second = found.axes
    x, y, cost = found.lowest
    sentences = [
        f"The cost for {_span(first, found.x)} and {_span(second, found.y)}; its lowest value on this grid is "
        f"{short(cost)} at ({short(x)}, {short(y)})."
    ]
    if found.point is not None:
        p = found.point
        slopes = f"with the slopes {figure(p.slopes[0])} and {figure(p.slopes[1])}"
        slopes = f"and there is no tangent plane: {p.missing}" if p.missing else slopes
        sentences.append(f"At ({short(p.x)}, {short(p.y)}) it is {figure(p.cost)}, {slopes}.")
    if found.move is not None:
        m = found.move
        costs = ", ".join(map(figure, m.costs))
        sentences.append(
            f"From A to B to C the cost goes {costs}; the slopes at A are {figure(m.slopes[0])} and "
            f"{figure(m.slopes[1])}, the tangent plane has the height {figure(m.tangent_value)} above C, so that its "
            f"error is {short(m.error)}."
        )
    if found.field is not None:
        sentences.append("Arrows point against the gradient, the direction of descent.")
    sentences += _describe_fixed(found.fixed)
    if found.share is not None and first.share is not None and second.share is not None:
        sentences.append(
            f"The plane carries {found.share:.1%} of the variance of the path: {first.share:.1%} along the first axis, "
            f"{second.share:.1%} along the second."
        )
    if found.trails and not found.whole:
        sentences.append("Paths are projected onto the plane.")
    return " ".join([*sentences, *(_describe_trail(trail, not found.whole) for trail in found.trails)])


def _span(axis: Axis, along: Any) -> str:
    return f"{axis.label} from {short(along[0])} to {short(along[-1])}"


def _describe_fixed(fixed: Fixed | None) -> list[str]:
    """Describe which parameters are fixed, with their values where these are few."""
    if fixed is None:
        return []
    if fixed.size > _LISTED:
        return [f"The other {fixed.size} numbers, of {', '.join(fixed.values)}, are fixed {fixed.origin}."]
    listed = [
        f"{name}{list(index) if index else ''} = {short(number)}"
        for name, values in fixed.values.items()
        for index, number in np.ndenumerate(values)
        if np.isfinite(number)
    ]
    return [f"Fixed {fixed.origin}: {', '.join(listed)}."]


def _describe_trail(trail: Trail, projected: bool) -> str:
    """Describe where a path began and ended; a projected point has another cost than the parameters themselves."""
    places = [", ".join(map(short, trail.coordinates[k])) for k in (0, -1)]
    began = f"the cost {short(trail.costs[0])}"
    began += f" ({short(trail.heights[0])} at the projected point)" if projected else ""
    ended = "diverged" if trail.diverged else f"ended at ({places[1]}) with the cost {short(trail.final)}"
    return (
        f"{sentence_start(trail.label)} began at ({places[0]}) with {began} and {ended} after "
        f"{counted(int(trail.epochs[-1]), 'epoch')}."
    )
