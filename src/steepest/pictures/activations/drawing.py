"""Drawings of activations by Matplotlib and plotly: value and derivative, kinks and saturated regions."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.display.palette import BLUE, VERMILION
from steepest.pictures.activations.numbers import Response
from steepest.pictures.common.page import layout, line_style
from steepest.pictures.common.style import canvas, ink, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL = 1.6  # inches, about, of a panel's width where there are several
_HIGHEST = 4.0  # of an axis: what grows beyond is cut off
_DASHED = (0, (5, 1.5))


def draw_responses(found: Sequence[Response], title: str, width: float) -> Figure:
    """Draw a panel for each function."""
    columns = min(len(found), max(1, int(width / _PANEL)))
    each = 0.68 * width if len(found) == 1 and width < 5 else min(0.8 * width / columns, 2.8)
    figure = canvas(width, ceil(len(found) / columns) * each + 0.75)
    places = panels(figure, title, len(found), columns)
    for axes, one in zip(places, found, strict=True):
        _panel(axes, one)
        axes.set_title(one.name if len(found) > 1 else "", fontsize=8)
    handles = {label: handle for axes in places for handle, label in
               zip(*axes.get_legend_handles_labels(), strict=True)}  # fmt: skip
    fitting = 2 if width < 5 else 4
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=fitting)
    return figure


def _panel(axes: Axes, found: Response) -> None:
    for region in found.saturated:
        axes.axvspan(region.low, region.high, color=ink(), alpha=0.09, linewidth=0, label="saturated", gid="saturated")
    axes.axhline(0, color=ink(), linewidth=0.5, alpha=0.5)
    axes.axvline(0, color=ink(), linewidth=0.5, alpha=0.5)
    axes.plot(found.x, found.values, color=BLUE, label="value", gid="value")
    axes.plot(found.x, found.slopes, color=VERMILION, linestyle=_DASHED, label="derivative", gid="derivative")
    for kink in found.kinks:
        axes.plot([kink.x] * 2, kink.values, "o", markerfacecolor="none", markeredgecolor=ink(), markersize=5,
                  label="kink or jump", gid="kink")  # fmt: skip
    shown = np.concatenate([found.values, found.slopes])
    shown = np.clip(shown[np.isfinite(shown)], -_HIGHEST, _HIGHEST)
    margin = 0.08 * float(np.ptp(shown)) or 0.5
    axes.set_ylim(float(shown.min()) - margin, float(shown.max()) + margin)
    axes.set_xlim(float(np.nanmin(found.x)), float(np.nanmax(found.x)))
    axes.set_xlabel("z", labelpad=1)


def response_figure(found: Sequence[Response], title: str) -> Any:
    """Plot value and derivative of each function with plotly; the legend shows and hides them."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for k, each in enumerate(found):
        name = escape(each.name)
        figure.add_scatter(x=each.x, y=each.values, mode="lines", name=name, line={**line_style(k), "dash": "solid"})
        figure.add_scatter(
            x=each.x, y=each.slopes, mode="lines", name=f"derivative of {name}", line={**line_style(k), "dash": "dash"}
        )
    figure.update_xaxes(title="z")
    figure.update_yaxes(range=[-1.2, 4])
    return layout(figure, title)
