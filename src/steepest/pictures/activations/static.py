"""Drawings of activations: value and derivative, kinks and saturated regions."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from steepest.display.palette import BLUE, VERMILION
from steepest.pictures.activations.numbers import Response
from steepest.pictures.common.style import canvas, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL = 1.6  # inches, about, of a panel's width where there are several
_HIGHEST = 4.0  # of an axis: what grows beyond is cut off
_DASHED = (0, (5, 1.5))


def draw_responses(found: Sequence[Response], title: str, width: float) -> Figure:
    """Draw a panel for each function."""
    import matplotlib

    columns = min(len(found), max(1, int(width / _PANEL)))
    rows = ceil(len(found) / columns)
    each = 0.68 * width if len(found) == 1 and width < 5 else min(0.8 * width / columns, 2.8)
    figure = canvas(width, rows * each + 0.75)
    figure.suptitle(wrapped(title, width))
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes, each_found in zip(panels.flat, found, strict=False):
        _panel(axes, each_found, matplotlib.rcParams["text.color"])
        if len(found) == 1:
            axes.set_title("")
    for axes in panels.flat[len(found) :]:
        axes.remove()
    handles = {label: handle for axes in panels.flat[: len(found)] for handle, label in
               zip(*axes.get_legend_handles_labels(), strict=True)}  # fmt: skip
    fitting = 2 if width < 5 else 4
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=fitting)
    return figure


def _panel(axes: Axes, found: Response, ink: str) -> None:
    axes.set_title(found.name, fontsize=8)
    for region in found.saturated:
        axes.axvspan(region.low, region.high, color=ink, alpha=0.09, linewidth=0, label="saturated", gid="saturated")
    axes.axhline(0, color=ink, linewidth=0.5, alpha=0.5)
    axes.axvline(0, color=ink, linewidth=0.5, alpha=0.5)
    axes.plot(found.x, found.values, color=BLUE, label="value", gid="value")
    axes.plot(found.x, found.slopes, color=VERMILION, linestyle=_DASHED, label="derivative", gid="derivative")
    for kink in found.kinks:
        axes.plot([kink.x] * 2, kink.values, "o", markerfacecolor="none", markeredgecolor=ink, markersize=5,
                  label="kink or jump", gid="kink")  # fmt: skip
    shown = np.concatenate([found.values, found.slopes])
    shown = np.clip(shown[np.isfinite(shown)], -_HIGHEST, _HIGHEST)
    margin = 0.08 * float(np.ptp(shown)) or 0.5
    axes.set_ylim(float(shown.min()) - margin, float(shown.max()) + margin)
    axes.set_xlim(float(np.nanmin(found.x)), float(np.nanmax(found.x)))
    axes.set_xlabel("z", labelpad=1)
