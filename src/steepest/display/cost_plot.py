"""The plot of a descent's costs by epoch: SVG in notebooks, lines of text on terminals."""

from __future__ import annotations

import math
from collections.abc import Sequence

from steepest.display.axes import Costs, Curve, axis
from steepest.display.braille import plot
from steepest.display.curve_svg import curve_svg


class CostPlot(Costs):
    """Costs by epoch with their axes: logarithmic where all costs are positive and where there are many epochs.

    Notebooks show it as SVG, ``print`` as lines of text.
    """

    def __str__(self) -> str:
        return plot(self)

    def _repr_svg_(self) -> str:
        return curve_svg(self)

    def _repr_html_(self) -> str:
        return f"<p>{curve_svg(self)}</p>"


_MANY = 20  # epochs from which their axis is logarithmic: the first epochs, in which most happens, would be hidden


def cost_plot(
    history: Sequence[tuple[int, float]], validation: Sequence[tuple[int, float]] | None = None
) -> CostPlot | None:
    """Return the plot of a descent; None if it has fewer than two finite costs.

    On a logarithmic axis of epochs the start, epoch 0, has no place.
    """
    rows = {"cost": history, "validation cost": validation or ()}
    finite = {name: [(e, c) for e, c in points if math.isfinite(c)] for name, points in rows.items()}
    last = max((epoch for points in finite.values() for epoch, _ in points), default=0)
    log_x = last >= _MANY
    curves = [
        Curve(name, tuple((float(epoch), float(cost)) for epoch, cost in points if epoch or not log_x))
        for name, points in finite.items()
    ]
    curves = [curve for curve in curves if len(curve.points) > 1]
    if not curves:
        return None
    epochs = [epoch for curve in curves for epoch, _ in curve.points]
    costs = [cost for curve in curves for _, cost in curve.points]
    return CostPlot(tuple(curves), axis(epochs, log_x), axis(costs, min(costs) > 0))
