"""Activations and their derivatives as a figure of plotly."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from steepest.pictures.activations.numbers import Response
from steepest.pictures.common.page import layout, look


def response_figure(found: Sequence[Response], title: str) -> Any:
    """Value and derivative of each function; the legend shows and hides them."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for k, each in enumerate(found):
        name = escape(each.name)
        figure.add_scatter(x=each.x, y=each.values, mode="lines", name=name, line={**look(k), "dash": "solid"})
        figure.add_scatter(
            x=each.x, y=each.slopes, mode="lines", name=f"derivative of {name}", line={**look(k), "dash": "dash"}
        )
    figure.update_xaxes(title="z")
    figure.update_yaxes(range=[-1.2, 4])
    return layout(figure, title)
