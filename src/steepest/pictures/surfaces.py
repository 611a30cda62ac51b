"""``pictures.surface``: a cost over one parameter, two, or two directions, with descents on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from steepest.errors import PictureError
from steepest.pictures.computed.slices import Curve, Range, Sheet
from steepest.pictures.computed.trails import Trail
from steepest.pictures.computed.viewing import Name, view
from steepest.pictures.drawing.style import width_of
from steepest.pictures.drawn import MatplotlibPicture

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

    >>> from steepest.expression import params
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
    from steepest.pictures.drawing.surfaces import draw_curve
    from steepest.pictures.interactive.surfaces import curve_figure
    from steepest.pictures.tikz import curve_code

    return MatplotlibPicture(
        title, _about_curve(found), found, lambda: draw_curve(found, title, width),
        lambda: curve_figure(found, title), lambda: curve_code(found),
    )  # fmt: skip


def _of_sheet(found: Sheet, title: str, width: float, look: str) -> MatplotlibPicture:
    from steepest.pictures.drawing.surfaces import draw_sheet
    from steepest.pictures.interactive.surfaces import sheet_figure
    from steepest.pictures.tikz import sheet_code

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
        f"A curve of the cost for {found.axis.label} from {found.x[0]:.4g} to {found.x[-1]:.4g}; its lowest point here "
        f"is {found.costs[lowest]:.4g} at {found.x[lowest]:.4g}."
    ]
    if found.tangent is not None:
        t = found.tangent
        where = f"at {found.axis.label} = {t.at:.6g}, where the cost is {t.value:.6g}"
        told = f"There is no tangent {where}: {t.missing}."
        sentences.append(told if t.missing else f"The tangent {where}, has the slope {t.slope:.6g}: {t.trend}.")
    return " ".join([*sentences, *map(_about_trail, found.trails)])


def _about_sheet(found: Sheet) -> str:
    first, second = found.axes
    x, y, cost = found.lowest
    sentences = [
        f"The cost for {first.label} from {found.x[0]:.4g} to {found.x[-1]:.4g} and {second.label} from "
        f"{found.y[0]:.4g} to {found.y[-1]:.4g}; its lowest value on this grid is {cost:.4g} at ({x:.4g}, {y:.4g})."
    ]
    if found.point is not None:
        p = found.point
        told = f"with the slopes {p.slopes[0]:.6g} and {p.slopes[1]:.6g}"
        told = f"and there is no tangent plane: {p.missing}" if p.missing else told
        sentences.append(f"At ({p.x:.4g}, {p.y:.4g}) it is {p.cost:.6g}, {told}.")
    if found.move is not None:
        m = found.move
        sentences.append(
            f"From A to B to C the cost goes {m.costs[0]:.6g}, {m.costs[1]:.6g}, {m.costs[2]:.6g}; the slopes at A are "
            f"{m.slopes[0]:.6g} and {m.slopes[1]:.6g}, the tangent plane has the height {m.tangent_value:.6g} above C, "
            f"so that its error is {m.error:.4g}."
        )
    if found.field is not None:
        sentences.append("Arrows point against the gradient, where descent leads.")
    if found.share is not None and first.share is not None and second.share is not None:
        sentences.append(
            f"The plane carries {found.share:.1%} of the variance of the path: {first.share:.1%} along the first axis, "
            f"{second.share:.1%} along the second."
        )
    if found.trails and not found.whole:
        sentences.append("Paths are seen as the points of the plane that are nearest to them.")
    return " ".join([*sentences, *map(_about_trail, found.trails)])


def _about_trail(trail: Trail) -> str:
    places = [", ".join(f"{number:.4g}" for number in trail.places[k]) for k in (0, -1)]
    ended = "diverged" if trail.diverged else f"ended at ({places[1]}) with the cost {trail.final:.4g}"
    return (
        f"{trail.label[:1].upper()}{trail.label[1:]} began at ({places[0]}) with the cost {trail.costs[0]:.4g} and "
        f"{ended} after {int(trail.epochs[-1])} epochs."
    )
