"""``pictures.activation``: functions of one number with their derivatives."""

from __future__ import annotations

from steepest.display.labels import figure, short
from steepest.errors import PictureError
from steepest.objectives.activations import Activation
from steepest.pictures.activations.drawing import draw_responses, response_figure
from steepest.pictures.activations.numbers import Response, response
from steepest.pictures.common.picture import MatplotlibPicture
from steepest.pictures.common.style import width_of

_PLACES = 3  # points or intervals where the derivative is largest that the description lists


def activation(
    *functions: Activation, low: float = -8.0, high: float = 8.0, points: int = 400, width: float | str = "column",
    title: str | None = None,
) -> MatplotlibPicture:  # fmt: skip
    """Plot value and derivative of activations, with kinks and saturated regions marked; a panel for each.

    Args:
        functions: an elementwise operation by its name (``"relu"``), a formula in one name (``"z*sigmoid(z)"``), an
            operation, or a function from an expression to one. The other arguments of an operation on several numbers
            are 2 and 0.
        low, high: the range of z.
        points: how many are computed.
        width: ``"column"``, ``"page"`` or a number of inches.
        title: replaces the default title.

    Returns:
        A picture; its ``numbers`` are a tuple of a Response for each function.

    Raises:
        PictureError: there is no such function, it mixes several numbers, or it is not finite in the range.

    >>> picture = activation("relu")
    >>> picture.numbers[0].kinks[0].x, picture.numbers[0].kinks[0].slopes
    (0.0, (0.0, 1.0))

    Source: row D2 of the notes; kinks as the table of operations has them.
    """
    if not functions:
        raise PictureError("there is nothing to draw; name an activation, as 'sigmoid'")
    if not low < high:
        raise PictureError(f"the range goes from {low:g} to {high:g}; give a lower and a higher number")
    inches = width_of(width)
    found = tuple(response(each, float(low), float(high), max(points, 20)) for each in functions)
    usual = f"{found[0].name} and its derivative" if len(found) == 1 else "Activations and their derivatives"
    called = title or usual
    return MatplotlibPicture(
        called, " ".join(map(_describe, found)), found, lambda: draw_responses(found, called, inches),
        lambda: response_figure(found, called),
    )  # fmt: skip


def _describe(found: Response) -> str:
    meaning = f", {found.meaning}," if found.meaning else ""
    low, high = short(found.x[0]), short(found.x[-1])
    sentences = [f"{found.name}{meaning} for z from {low} to {high}; {_describe_slope(found)}."]
    for kink in found.kinks:
        jumps = abs(kink.values[1] - kink.values[0]) > 1e-6
        what, sides = ("value jumps", kink.values) if jumps else ("slope jumps", kink.slopes)
        sentences.append(f"At z = {short(kink.x)} its {what} from {short(sides[0])} to {short(sides[1])}.")
    for region in found.saturated:
        value, low, high = figure(round(region.value, 2)), figure(region.low, 3), figure(region.high, 3)
        sentences.append(f"It is saturated near {value} from {low} to {high}.")
    return " ".join(sentences)


def _describe_slope(found: Response) -> str:
    largest, places = found.steepest
    if not largest:
        return "its derivative is 0 wherever it has one"
    listed = [f"at z = {figure(a, 3)}" if a == b else f"for z from {figure(a, 3)} to {figure(b, 3)}" for a, b in places]
    first = ", ".join(listed[:_PLACES])
    where = " and ".join([first, "elsewhere"] if len(listed) > _PLACES else first.rsplit(", ", 1))
    return f"its derivative is largest in absolute value, {short(largest)}, {where}"
