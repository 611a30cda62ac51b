"""``pictures.activation``: functions of one number with their derivatives."""

from __future__ import annotations

from steepest.activations import Activation
from steepest.errors import PictureError
from steepest.pictures.computed.responses import Response, response
from steepest.pictures.drawing.style import width_of
from steepest.pictures.drawn import MatplotlibPicture


def activation(
    *functions: Activation, low: float = -8.0, high: float = 8.0, points: int = 400, width: float | str = "column",
    title: str | None = None,
) -> MatplotlibPicture:  # fmt: skip
    """Value and derivative of activations, with kinks and saturated regions marked; a panel for each.

    Args:
        functions: an elementwise row of the table of operations by its name (``"relu"``), a formula in one name
            (``"z*sigmoid(z)"``), an operation, or a function from an expression to one. The other arguments of an
            operation on several numbers are held at 2 and 0.
        low, high: the range of z.
        points: how many are computed.
        width: ``"column"``, ``"page"`` or a number of inches.
        title: what it is, if not as it is called by itself.

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
    called = title or (
        f"{found[0].name} and its derivative" if len(found) == 1 else "Activations and their derivatives"
    )
    from steepest.pictures.drawing.responses import draw_responses
    from steepest.pictures.interactive.curves import response_figure

    return MatplotlibPicture(
        called, " ".join(map(_about, found)), found, lambda: draw_responses(found, called, inches),
        lambda: response_figure(found, called),
    )  # fmt: skip


def _about(found: Response) -> str:
    low, high = found.x[0], found.x[-1]
    meaning = f", {found.meaning}," if found.meaning else ""
    finite = [(x, slope) for x, slope in zip(found.x, found.slopes, strict=True) if slope == slope]
    steepest = max(finite, key=lambda pair: abs(pair[1]), default=(0.0, 0.0))
    sentences = [
        f"{found.name}{meaning} for z from {low:g} to {high:g}; its derivative is largest in size at "
        f"z = {round(steepest[0], 6):.3g}, {steepest[1]:.4g}."
    ]
    for kink in found.kinks:
        jumps = abs(kink.values[1] - kink.values[0]) > 1e-6
        what, sides = ("value jumps", kink.values) if jumps else ("slope jumps", kink.slopes)
        sentences.append(f"At z = {kink.x:.4g} its {what} from {sides[0]:.4g} to {sides[1]:.4g}.")
    for region in found.saturated:
        sentences.append(
            f"It is saturated near {round(region.value, 2) + 0.0:g} from {region.low:.3g} to {region.high:.3g}."
        )
    return " ".join(sentences)
