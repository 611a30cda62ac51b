"""``pictures.surface``: a cost over one parameter, two, or two directions, with descents on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.display.labels import figure, short
from steepest.errors import PictureError
from steepest.pictures.common.picture import MatplotlibPicture
from steepest.pictures.common.style import width_of
from steepest.pictures.surfaces.landscape import Axis
from steepest.pictures.surfaces.paths import Trail
from steepest.pictures.surfaces.slices import Curve, Held, Range, Sheet
from steepest.pictures.surfaces.viewing import Name, view

_LISTED = 6  # numbers that are held, of which each is told
_VIEWS = ("contours", "3d", "both")


def surface(
    cost: Any,
    table: Any = None,
    at: Mapping[str, ArrayLike] | None = None,
    *,
    names: str | Sequence[Name] | None = None,
    paths: Any = None,
    ranges: Mapping[str, Range] | None = None,
    move: Mapping[str, float] | None = None,
    field: bool = False,
    look: str = "contours",
    points: int = 200,
    width: float | str = "column",
    title: str | None = None,
    na: str = "error",
    engine: str = "auto",
) -> MatplotlibPicture:
    """A cost over one parameter (a curve) or two (contours, or a surface in space), with descents on it.

    Over one parameter ``at`` gives the point at which the tangent touches; at a kink of the cost there is none. Of
    more parameters than axes, the others stay as ``at`` says, or where the first descent ended; paths are then seen as
    the nearest points of the plane.

    Args:
        cost: an expression of one number, or a model, which brings its parameters and its last descent.
        table: the data, as for :func:`steepest.descend`.
        at: values of parameters, and the point to mark; in space its tangent plane is drawn.
        names: one or two parameters, elements such as ``"W1[0,2]"`` or directions (a dict from parameters to numbers
            or arrays); ``"principal"`` for the two directions in which the first descent moved most, each with its
            share of the path's variance. Left out: the parameters if they are one or two numbers, else principal.
        paths: a descent, or several as a list or a dict from what they are called.
        ranges: from a name to its lowest and highest coordinate; chosen by what is to be seen if left out.
        move: how far A → B goes along the first axis and B → C along the second, with the tangent plane at A.
        field: draws where descent leads, against the gradient.
        look: ``"contours"``, ``"3d"`` or ``"both"``.
        points: of the grid along an axis, at most; fewer where a point takes long.
        width: ``"column"`` (3.4 inches), ``"page"`` (7) or a number of inches.
        title: what it is, if not as it is called by itself.
        na: ``"drop"`` leaves out rows with missing values.
        engine: what computes the costs.

    Returns:
        A picture; its ``numbers`` are a Curve or a Sheet.

    Raises:
        PictureError: there is no such parameter, a value is missing, the cost is not finite at the point or anywhere,
            or a move begins at a kink.
        TableError: the table cannot be read.

    >>> from steepest.expressions.expression import params
    >>> x, y = params("x", "y")
    >>> picture = surface(2 * x**2 + y**2, at={"x": 0.5, "y": 0.5}, move={"x": 0.1, "y": 0.1}, look="3d", points=20)
    >>> [round(cost, 12) for cost in picture.numbers.move.costs], round(picture.numbers.move.tangent_value, 12)
    ([0.75, 0.97, 1.08], 1.05)

    Source: rows E2, E3, E4 of the notes; Lorch 2016 and Li et al. 2018 for principal directions.
    """
    if look not in _VIEWS:
        raise PictureError(f"a surface looks like {', '.join(_VIEWS)}, not {look!r}")
    inches = width_of(width)
    found = view(cost, table, at, names, paths, ranges, move, field, points, na, engine)
    called = title or _title(found)
    if isinstance(found, Curve):
        return _of_curve(found, called, inches)
    return _of_sheet(found, called, inches, look)


def _of_curve(found: Curve, title: str, width: float) -> MatplotlibPicture:
    from steepest.pictures.surfaces.interactive import curve_figure
    from steepest.pictures.surfaces.static import draw_curve
    from steepest.pictures.surfaces.tikz import curve_code

    return MatplotlibPicture(
        title, _about_curve(found), found, lambda: draw_curve(found, title, width),
        lambda: curve_figure(found, title), lambda: curve_code(found),
    )  # fmt: skip


def _of_sheet(found: Sheet, title: str, width: float, look: str) -> MatplotlibPicture:
    from steepest.pictures.surfaces.interactive import sheet_figure
    from steepest.pictures.surfaces.static import draw_sheet
    from steepest.pictures.surfaces.tikz import sheet_code

    return MatplotlibPicture(
        title, _about_sheet(found), found, lambda: draw_sheet(found, title, width, look),
        lambda: sheet_figure(found, title, look), lambda: sheet_code(found),
    )  # fmt: skip


def _title(found: Curve | Sheet) -> str:
    if isinstance(found, Curve):
        return f"The cost over {found.axis.label}"
    first, second = found.axes
    if first.element is None and second.element is None and first.label.startswith("principal direction"):
        return "The cost over the path's principal directions"
    return f"The cost over {first.label} and {second.label}"


def _about_curve(found: Curve) -> str:
    lowest = int(min(range(len(found.x)), key=lambda k: (not found.costs[k] < float("inf"), found.costs[k])))
    sentences = [
        f"A curve of the cost for {_span(found.axis, found.x)}; its lowest point here is "
        f"{short(found.costs[lowest])} at {short(found.x[lowest])}."
    ]
    if found.tangent is not None:
        t = found.tangent
        where = f"at {found.axis.label} = {figure(t.at)}, where the cost is {figure(t.value)}"
        told = f"There is no tangent {where}: {t.missing}."
        sentences.append(told if t.missing else f"The tangent {where}, has the slope {figure(t.slope)}: {t.trend}.")
    sentences += _about_held(found.held)
    if found.trails and not found.whole:
        share = found.axis.share
        sentences += [f"The line carries {share:.1%} of the variance of the path."] if share is not None else []
        sentences.append("Paths are seen as the points of the line that are nearest to them.")
    return " ".join([*sentences, *(_about_trail(trail, "" if found.whole else "line") for trail in found.trails)])


def _about_sheet(found: Sheet) -> str:
    first, second = found.axes
    x, y, cost = found.lowest
    sentences = [
        f"The cost for {_span(first, found.x)} and {_span(second, found.y)}; its lowest value on this grid is "
        f"{short(cost)} at ({short(x)}, {short(y)})."
    ]
    if found.point is not None:
        p = found.point
        told = f"with the slopes {figure(p.slopes[0])} and {figure(p.slopes[1])}"
        told = f"and there is no tangent plane: {p.missing}" if p.missing else told
        sentences.append(f"At ({short(p.x)}, {short(p.y)}) it is {figure(p.cost)}, {told}.")
    if found.move is not None:
        m = found.move
        costs = ", ".join(map(figure, m.costs))
        sentences.append(
            f"From A to B to C the cost goes {costs}; the slopes at A are {figure(m.slopes[0])} and "
            f"{figure(m.slopes[1])}, the tangent plane has the height {figure(m.tangent_value)} above C, so that its "
            f"error is {short(m.error)}."
        )
    if found.field is not None:
        sentences.append("Arrows point against the gradient, where descent leads.")
    sentences += _about_held(found.held)
    if found.share is not None and first.share is not None and second.share is not None:
        sentences.append(
            f"The plane carries {found.share:.1%} of the variance of the path: {first.share:.1%} along the first axis, "
            f"{second.share:.1%} along the second."
        )
    if found.trails and not found.whole:
        sentences.append("Paths are seen as the points of the plane that are nearest to them.")
    return " ".join([*sentences, *(_about_trail(trail, "" if found.whole else "plane") for trail in found.trails)])


def _span(axis: Axis, along: Any) -> str:
    return f"{axis.label} from {short(along[0])} to {short(along[-1])}"


def _about_held(held: Held | None) -> list[str]:
    """Which parameters stay as they are, with their numbers where these are few."""
    if held is None:
        return []
    if held.size > _LISTED:
        return [f"The other {held.size} numbers, of {', '.join(held.values)}, are held {held.origin}."]
    listed = [
        f"{name}{list(index) if index else ''} = {short(number)}"
        for name, values in held.values.items()
        for index, number in np.ndenumerate(values)
        if np.isfinite(number)
    ]
    return [f"Held {held.origin}: {', '.join(listed)}."]


def _about_trail(trail: Trail, seen_in: str) -> str:
    """Where a path began and ended; if it does not lie in what is shown, its own costs are not those seen there."""
    places = [", ".join(map(short, trail.places[k])) for k in (0, -1)]
    costs = [f"the cost {short(cost)}" for cost in (trail.costs[0], trail.final)]
    if seen_in:
        costs = [f"{cost} of its own" for cost in costs]
        costs[0] += f", where the {seen_in} has {short(trail.heights[0])},"
    ended = "diverged" if trail.diverged else f"ended at ({places[1]}) with {costs[1]}"
    return (
        f"{trail.label[:1].upper()}{trail.label[1:]} began at ({places[0]}) with {costs[0]} and {ended} after "
        f"{int(trail.epochs[-1])} epochs."
    )
