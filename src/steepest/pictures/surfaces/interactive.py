"""A cost over one parameter and over two as figures of plotly."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from steepest.display.labels import figure as number
from steepest.display.labels import short
from steepest.display.palette import OVER, VERMILION
from steepest.pictures.common.levels import levels, thinned
from steepest.pictures.common.page import MARKS, layout, line_style
from steepest.pictures.surfaces.numbers import Curve, Point, Surface
from steepest.pictures.surfaces.paths import Trail

_MESH = 101  # points along an axis, which limits the size of a page


def curve_figure(found: Curve, title: str) -> Any:
    """Return the curve as a figure of plotly."""
    import plotly.graph_objects as go

    figure = go.Figure(go.Scatter(x=found.x, y=found.costs, mode="lines", name="cost", line=line_style(0)))
    if found.tangent is not None:
        t = found.tangent
        ends = np.array([found.x[0], found.x[-1]])
        if not t.missing:
            label = f"tangent, slope {short(t.slope)}"
            figure.add_scatter(x=ends, y=t.height(ends), mode="lines", name=label, line=line_style(1))
        figure.add_scatter(x=[t.at], y=[t.value], mode="markers", name=escape(found.legend), marker={"size": 10})
    for k, trail in enumerate(found.trails, start=2):
        figure.add_scatter(
            x=trail.coordinates[:, 0], y=trail.heights, mode="lines+markers", name=escape(trail.label),
            line=line_style(k), marker={"symbol": MARKS[k % len(MARKS)]}, text=_hover_texts(trail), hoverinfo="text",
        )  # fmt: skip
    figure.update_xaxes(title=escape(found.axis.label), range=[found.x[0], found.x[-1]])
    figure.update_yaxes(title="cost", range=found.heights)
    return layout(figure, title)


def surface_figure(found: Surface, title: str, view: str) -> Any:
    """Return the surface as a figure of plotly: contours from above, else in space."""
    import plotly.graph_objects as go

    columns, rows = thinned(found.x, _MESH), thinned(found.y, _MESH)
    x, y, costs = found.x[columns], found.y[rows], found.costs[np.ix_(rows, columns)]
    heights = levels(found.costs).heights
    top = float(heights[-1])
    first, second = (escape(axis.label) for axis in found.axes)
    hover = f"{first} %{{x:.4g}}<br>{second} %{{y:.4g}}<br>cost %{{z:.4g}}<extra></extra>"
    if view == "contours":
        figure = go.Figure(go.Contour(
            x=x, y=y, z=np.where(np.isfinite(costs), costs, np.nan), colorscale="Viridis", zmin=heights[0], zmax=top,
            ncontours=20, colorbar={"title": "cost"}, hovertemplate=hover,
        ))  # fmt: skip
    else:
        figure = go.Figure(go.Surface(
            x=x, y=y, z=np.where(np.isfinite(costs), np.minimum(costs, top), np.nan), colorscale="Viridis",
            colorbar={"title": "cost"}, hovertemplate=hover, opacity=0.9,
        ))  # fmt: skip
    _add_trails(figure, found, view, top)
    _add_point(figure, found, view)
    if found.move is not None:
        _add_move(figure, found, view)
    if view == "contours":
        figure.update_xaxes(title=first, range=[x[0], x[-1]])
        figure.update_yaxes(title=second, range=[y[0], y[-1]])
    else:
        figure.update_scenes(
            xaxis={"title": first, "range": [x[0], x[-1]]}, yaxis={"title": second, "range": [y[0], y[-1]]},
            zaxis={"title": "cost"}, aspectmode="cube",
        )  # fmt: skip
    return layout(figure, title)


def _add_trails(figure: Any, found: Surface, view: str, top: float) -> None:
    """Add the descents; in space none of their points is above the top of the surface."""
    for k, trail in enumerate(found.trails):
        across, up = trail.coordinates.T
        place = {"x": across, "y": up, "mode": "lines+markers", "name": escape(trail.label),
                 "text": _hover_texts(trail), "hoverinfo": "text"}  # fmt: skip
        drawn, symbol = {**line_style(k), "width": 4, "color": OVER[k % len(OVER)]}, MARKS[k % len(MARKS)]
        if view == "contours":
            figure.add_scatter(**place, line=drawn, marker={"symbol": symbol, "size": 6})
        else:
            z = np.minimum(trail.heights, top)
            figure.add_scatter3d(**place, z=z, line=drawn, marker={"symbol": symbol, "size": 3})


def _add_point(figure: Any, found: Surface, view: str) -> None:
    """Add the marked point, in space with its tangent plane."""
    if found.point is None:
        return
    p, style = found.point, {"mode": "markers", "name": found.legend, "marker": {"size": 8, "color": VERMILION}}
    if view == "contours":
        figure.add_scatter(x=[p.x], y=[p.y], **style)
        return
    figure.add_scatter3d(x=[p.x], y=[p.y], z=[p.cost], **style)
    if not p.missing:
        _add_plane(figure, found, p, 0.2 * float(np.ptp(found.x)), 0.2 * float(np.ptp(found.y)))


def _add_move(figure: Any, found: Surface, view: str) -> None:
    move = found.move
    assert move is not None  # drawn only if there is one
    place = {"x": move.x, "y": move.y, "mode": "lines+markers+text", "text": list("ABC"), "name": "A → B → C"}
    if view == "contours":
        figure.add_scatter(**place, line={"color": "white", "width": 3}, textposition="top right")
        return
    figure.add_scatter3d(**place, z=move.costs, line={"color": "black", "width": 6}, marker={"size": 4})
    _add_plane(figure, found, move.point, 2 * abs(move.x[2] - move.x[0]), 2 * abs(move.y[2] - move.y[0]))


def _add_plane(figure: Any, found: Surface, point: Point, across: float, up: float) -> None:
    """Add the tangent plane at a point, so far to each side."""
    x, y, z = point.patch(found.x, found.y, across, up)
    figure.add_surface(x=x, y=y, z=z, showscale=False, opacity=0.5, name="tangent plane",
                       colorscale=[[0, VERMILION], [1, VERMILION]])  # fmt: skip


def _hover_texts(trail: Trail) -> list[str]:
    """Return the hover text of each point of a trail."""
    return [
        f"{escape(trail.label)}, epoch {int(epoch)}<br>{', '.join(short(each) for each in place)}"
        f"<br>cost {number(cost)}"
        for epoch, place, cost in zip(trail.epochs, trail.coordinates, trail.costs, strict=True)
    ]
