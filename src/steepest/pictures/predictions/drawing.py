"""Drawings of predictions by Matplotlib and plotly: against true values, as a confusion matrix, over two inputs."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.display.labels import short
from steepest.display.palette import BLUE, EDGE, OVER, SERIES, VERMILION
from steepest.pictures.common import page
from steepest.pictures.common.style import COLOURS, MARKS, canvas, colour_bar, ink, legend_below, panels, wrapped
from steepest.pictures.predictions.numbers import Compared, Confusion, Plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SPARSE = 40  # samples up to which their marks are large
_DENSE = 300  # samples from which on their marks are smaller and let others through
_COUNTED = 20  # classes up to which the counts are written into the cells


def draw_compared(found: Compared, title: str, width: float) -> Figure:
    """Plot predicted over true values, with the line on which they would be equal."""
    figure = canvas(width, min(width, 4.6) * 0.95)
    axes = figure.add_subplot()
    axes.set_title(wrapped(title, width))
    axes.plot(found.extent, found.extent, color=ink(), linewidth=0.8, linestyle=(0, (4, 2)), label="predicted = true",
              gid="equal", zorder=1)  # fmt: skip
    inside, dense = found.learnt, len(found.true) > _DENSE
    style: dict[str, Any] = {"linestyle": "none", "markersize": 2 if dense else 3.5, "alpha": 0.75 if dense else 1.0,
                             "markeredgewidth": 0}  # fmt: skip
    name = "training" if len(found.apart) else "samples"
    axes.plot(found.true[inside], found.predicted[inside], "o", color=BLUE, label=name, gid="samples", **style)
    if len(found.apart):
        axes.plot(found.true[~inside], found.predicted[~inside], "^", color=VERMILION, label="held out", gid="held-out",
                  **style)  # fmt: skip
    axes.set(xlabel=f"true {found.target}", ylabel=f"predicted {found.target}")
    axes.text(0.03, 0.97, f"R² = {short(found.r2)}", transform=axes.transAxes, va="top")
    legend_below(figure, 3)
    return figure


def draw_confusion(found: Confusion, title: str, width: float) -> Figure:
    """Draw a cell for each pair of classes, coloured by its share of the row."""
    classes = len(found.counts)
    side = min(width, max(3.0, 1.3 + 0.42 * classes), 5.5)
    figure = canvas(min(width, side + 0.7), side)
    (axes,) = panels(figure, title, 1, 1)
    shares = found.shares
    edges = np.arange(classes + 1) - 0.5
    cells = axes.pcolormesh(edges, edges, shares, cmap=COLOURS, vmin=0, vmax=1, edgecolors="none", gid="cells")
    if classes <= _COUNTED:
        longest = len(str(int(found.counts.max())))
        size = min(8.0, 60 * side / (classes * max(longest, 2)) * 0.62)
        for row in range(classes):
            for column in range(classes):
                axes.text(column, row, f"{found.counts[row, column]}", ha="center", va="center", fontsize=size,
                          color=EDGE if shares[row, column] > 0.55 else "#ffffff")  # fmt: skip
    axes.set_aspect("equal")
    axes.invert_yaxis()
    ticks = np.arange(classes) if classes <= _COUNTED else np.linspace(0, classes - 1, 6).round()
    axes.set(xticks=ticks, yticks=ticks, xlabel=f"predicted ({found.target})", ylabel=f"true {found.target}")
    axes.spines[:].set_visible(True)
    colour_bar(figure, cells, axes, "share of the true class", shrink=0.8, pad=0.03, fraction=0.06)
    return figure


def draw_plane(found: Plane, title: str, width: float) -> Figure:
    """Draw a panel for each set of parameters: the prediction, the boundary, and the samples."""
    number = len(found.epochs)
    columns = min(number, 1 if width < 3 else 2 if width < 5 else 4)
    figure = canvas(width, -(-number // columns) * (0.92 * min(width / columns, 4.0)) + 0.75)
    places = panels(figure, title, number, columns, sharex=True, sharey=True)
    filled: Any = None
    for k, axes in enumerate(places):
        filled = _panel(axes, found, k, narrow=width / columns < 2.4)
        if k % columns == 0:
            axes.set_ylabel(found.names[1])
        if k + columns >= number:
            axes.set_xlabel(found.names[0])
            axes.tick_params(labelbottom=True)
    if found.classes <= 2:
        shown = f"probability of {found.target} = 1" if found.classes else "predicted"
        colour_bar(figure, filled, places, shown, pad=0.02, shrink=0.9)
    legend_below(figure, 4)
    return figure


def _panel(axes: Axes, found: Plane, k: int, narrow: bool) -> Any:
    grid, filled = found.predicted[k], None
    if found.classes > 2:
        _regions(axes, found, k)
    else:
        low, high = (0.0, 1.0) if found.classes else (float(found.predicted.min()), float(found.predicted.max()))
        bands = np.linspace(low, high if high > low else low + 1, 11)
        place = found.x, found.y
        filled = axes.contourf(*place, np.clip(grid, low, high), bands, cmap=COLOURS, vmin=low, vmax=bands[-1])
        filled.set_edgecolor("face")
        filled.set_linewidth(0.2)
        if found.classes and grid.min() < 0.5 < grid.max():
            axes.contour(*place, grid, [0.5], colors=[EDGE], linewidths=2.8, zorder=5)
            axes.contour(*place, grid, [0.5], colors=["#ffffff"], linewidths=1.4, zorder=6).set_gid("boundary")
    _samples(axes, found)
    heading = [] if found.epochs[k] < 0 else [f"epoch {found.epochs[k]}"]
    heading += [f"accuracy {found.accuracies[k]:.0%}"] if found.accuracies else []
    axes.set_title(("\n" if narrow else ", ").join(heading), fontsize=8)
    return filled


def _regions(axes: Axes, found: Plane, k: int) -> None:
    """Fill the region of each class, where its lead is positive; class numbers themselves have no contours."""
    for c, lead in enumerate(found.leads[k]):
        if lead.max() > 0:
            region = axes.contourf(found.x, found.y, lead, [0.0, np.inf], colors=[SERIES[c % len(SERIES)]], alpha=0.35)
            region.set_gid(f"region-{c}")
        if lead.min() < 0 < lead.max():
            axes.contour(found.x, found.y, lead, [0.0], colors=[ink()], linewidths=0.8).set_gid(f"boundary-{c}")


def _samples(axes: Axes, found: Plane) -> None:
    size = 4.0 if len(found.targets) <= _SPARSE else 2.6 if len(found.targets) <= _DENSE else 1.8
    edge: dict[str, Any] = {"linestyle": "none", "markersize": size, "markeredgecolor": EDGE, "markeredgewidth": 0.5}
    if not found.classes:
        axes.plot(found.points[:, 0], found.points[:, 1], "o", color="#ffffff", label="samples", gid="samples", **edge)
        return
    for number, value in enumerate(np.unique(found.targets)):
        here, c = found.targets == value, int(value) if found.classes > 2 else number
        colour = SERIES[c % len(SERIES)] if found.classes > 2 else OVER[c % 2]
        axes.plot(found.points[here, 0], found.points[here, 1], MARKS[c % len(MARKS)], color=colour,
                  label=f"{found.target} = {value:g}", gid=f"class-{value:g}", **edge)  # fmt: skip


def compared_figure(found: Compared, title: str) -> Any:
    """Plot predicted over true values with plotly."""
    import plotly.graph_objects as go

    numbers = np.arange(1, len(found.true) + 1)
    figure = go.Figure()
    learnt = "training" if len(found.apart) else "samples"
    for part, name, mark in ((found.learnt, learnt, 0), (~found.learnt, "held out", 2)):
        if part.any():
            figure.add_scatter(
                x=found.true[part], y=found.predicted[part], mode="markers", name=name, text=numbers[part],
                marker={"symbol": page.MARKS[mark]}, hovertemplate="row %{text}<br>true %{x:.6g}<br>predicted %{y:.6g}",
            )  # fmt: skip
    ends = found.extent
    figure.add_scatter(x=ends, y=ends, mode="lines", name="predicted = true", line={"dash": "dash", "color": "grey"})
    figure.update_xaxes(title=f"true {escape(found.target)}")
    figure.update_yaxes(title=f"predicted {escape(found.target)}")
    return page.layout(figure, title)


def confusion_figure(found: Confusion, title: str) -> Any:
    """Draw a cell for each pair of classes with plotly."""
    import plotly.graph_objects as go

    figure = go.Figure(go.Heatmap(
        z=found.shares, text=found.counts, texttemplate="%{text}" if len(found.counts) <= _COUNTED else None, zmin=0,
        zmax=1, colorscale="Viridis", colorbar={"title": "share"},
        hovertemplate="true %{y}, predicted %{x}: %{text}<extra></extra>",
    ))  # fmt: skip
    figure.update_xaxes(title=f"predicted ({escape(found.target)})", dtick=1)
    figure.update_yaxes(title=f"true {escape(found.target)}", autorange="reversed", dtick=1)
    return page.layout(figure, title)


def plane_figure(found: Plane, title: str) -> Any:
    """Draw the prediction over two inputs with plotly, with a slider for the epochs."""
    import plotly.graph_objects as go

    low, high = (0.0, 1.0) if found.classes == 2 else (float(found.predicted.min()), float(found.predicted.max()))
    # A colour scale with one colour for each class, without gradients between them.
    bands = [[(c + end) / found.classes, SERIES[c % len(SERIES)]] for c in range(found.classes) for end in (0, 1)]
    figure = go.Figure()
    for k in range(len(found.epochs)):
        shared = {"x": found.x, "y": found.y, "z": found.predicted[k], "visible": k == len(found.epochs) - 1,
                  "hovertemplate": "%{x:.4g}, %{y:.4g}: %{z:.4g}<extra></extra>"}  # fmt: skip
        if found.classes > 2:  # class numbers have no contours: there are no values between them
            figure.add_heatmap(
                **shared, colorscale=bands, zmin=-0.5, zmax=found.classes - 0.5, zsmooth=False, opacity=0.5,
                showscale=False,
            )  # fmt: skip
        else:
            figure.add_contour(**shared, colorscale="Viridis", zmin=low, zmax=high, colorbar={"title": "predicted"})
    values = np.unique(found.targets) if found.classes else [None]
    for c, value in enumerate(values):
        here = found.targets == value if found.classes else np.ones(len(found.targets), bool)
        name = escape(f"{found.target} = {value:g}") if value is not None else "samples"
        colour = {"color": SERIES[int(value or 0) % len(SERIES)]} if found.classes > 2 else {}
        symbol = page.MARKS[c % len(page.MARKS)]
        figure.add_scatter(
            x=found.points[here, 0], y=found.points[here, 1], mode="markers", name=name,
            marker={"symbol": symbol, "size": 8, "line": {"width": 1, "color": "white"}, **colour},
        )  # fmt: skip
    if len(found.epochs) > 1:
        steps = [
            {"label": str(epoch), "method": "restyle",
             "args": [{"visible": [j == k for j in range(len(found.epochs))] + [True] * len(values)}]}
            for k, epoch in enumerate(found.epochs)
        ]  # fmt: skip
        figure.update_layout(sliders=[
            {"steps": steps, "active": len(steps) - 1, "currentvalue": {"prefix": "epoch "}, "pad": {"t": 90}}
        ])  # fmt: skip
    figure.update_xaxes(title=escape(found.names[0]))
    figure.update_yaxes(title=escape(found.names[1]))
    return page.layout(figure, title)
