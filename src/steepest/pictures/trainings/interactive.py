"""Costs of trainings over their epochs as a figure of plotly."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from steepest.pictures.common.levels import is_wide
from steepest.pictures.common.page import layout, look
from steepest.pictures.trainings.numbers import Course, Line


def course_figure(found: Sequence[Course], title: str) -> Any:
    """Costs, and norms of the gradient, on logarithmic axes."""
    import plotly.graph_objects as go

    figure = go.Figure()
    lines: list[tuple[str, Line | None, bool]] = []
    for each in found:
        name = f"{escape(each.label)}: " if len(found) > 1 else ""
        lines += [(f"{name}cost", each.cost, True)]
        lines += [(f"{name}validation", each.validation, True)] * (each.validation is not None)
        lines += [(f"{name}norm of the gradient", each.gradient, False)] * (each.gradient is not None)
    for k, (name, line, shown) in enumerate(lines):
        assert line is not None  # those that are None were left out
        figure.add_scatter(
            x=line.epochs, y=line.values, mode="lines", name=name, line=look(k),
            visible=True if shown else "legendonly",
        )  # fmt: skip
    figure.update_xaxes(title="epoch")
    wide = is_wide(np.concatenate([line.values for _, line, shown in lines if shown and line is not None]))
    figure.update_yaxes(title="cost", type="log" if wide else "linear")
    return layout(figure, title)
