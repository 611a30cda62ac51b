"""Predictions as figures of plotly."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from steepest.display.palette import SERIES
from steepest.pictures.common.page import MARKS, layout
from steepest.pictures.predictions.numbers import Compared, Confusion, Plane


def compared_figure(found: Compared, title: str) -> Any:
    """Plot predicted over true values."""
    import plotly.graph_objects as go

    numbers = np.arange(1, len(found.true) + 1)
    figure = go.Figure()
    learnt = "training" if len(found.apart) else "samples"
    for part, name, mark in ((found.learnt, learnt, 0), (~found.learnt, "held out", 2)):
        if part.any():
            figure.add_scatter(
                x=found.true[part], y=found.predicted[part], mode="markers", name=name, text=numbers[part],
                marker={"symbol": MARKS[mark]}, hovertemplate="row %{text}<br>true %{x:.6g}<br>predicted %{y:.6g}",
            )  # fmt: skip
    ends = found.extent
    figure.add_scatter(x=ends, y=ends, mode="lines", name="predicted = true", line={"dash": "dash", "color": "grey"})
    figure.update_xaxes(title=f"true {escape(found.target)}")
    figure.update_yaxes(title=f"predicted {escape(found.target)}")
    return layout(figure, title)


def confusion_figure(found: Confusion, title: str) -> Any:
    """Draw a cell for each pair of classes."""
    import plotly.graph_objects as go

    figure = go.Figure(go.Heatmap(
        z=found.shares, text=found.counts, texttemplate="%{text}" if len(found.counts) <= 20 else None, zmin=0, zmax=1,
        colorscale="Viridis", colorbar={"title": "share"},
        hovertemplate="true %{y}, predicted %{x}: %{text}<extra></extra>",
    ))  # fmt: skip
    figure.update_xaxes(title=f"predicted ({escape(found.target)})", dtick=1)
    figure.update_yaxes(title=f"true {escape(found.target)}", autorange="reversed", dtick=1)
    return layout(figure, title)


def plane_figure(found: Plane, title: str) -> Any:
    """Draw the prediction over two inputs, with a slider for the epochs."""
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
        figure.add_scatter(
            x=found.points[here, 0], y=found.points[here, 1], mode="markers", name=name,
            marker={"symbol": MARKS[c % len(MARKS)], "size": 8, "line": {"width": 1, "color": "white"}, **colour},
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
    return layout(figure, title)
