"""The costs of trainings over their epochs as pgfplots code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.display.labels import latex_figure, power
from steepest.pictures.common.levels import is_wide, logarithmic_ticks, thinned
from steepest.pictures.common.tikz import POINTS, line, picture
from steepest.pictures.trainings.numbers import Course


def course_code(found: Sequence[Course]) -> str:
    """The costs of trainings over their epochs; epoch 0 is left out where epochs stand on a logarithmic axis."""
    lines = []
    for each in found:
        name = f"{each.label}, " if len(found) > 1 else ""
        lines.append((each.label if name and each.validation is None else f"{name}cost", each.cost))
        if each.validation is not None:
            lines.append((f"{name}validation", each.validation))
    values = np.concatenate([line.values for _, line in lines])
    wide = is_wide(values)
    long = max(float(line.epochs[-1]) for _, line in lines) > 20
    options = ["xlabel={epoch}", "ylabel={cost}", "enlarge x limits=false"]
    options += ["xmode=log"] * long + (_logarithmic(values[np.isfinite(values)]) if wide else [])
    body: list[str] = []
    for k, (label, numbers) in enumerate(lines):
        kept = numbers.epochs > 0 if long else np.ones(len(numbers.epochs), bool)
        epochs, values = numbers.epochs[kept], numbers.values[kept]
        chosen = evenly(epochs, POINTS, long)
        body += line(epochs[chosen], values[chosen], k, label if len(lines) > 1 else "")
    return picture(options, body)


def _logarithmic(values: Any) -> list[str]:
    """A logarithmic axis with round numbers, where pgfplots itself may find no power of ten, or write 10^{1.25}."""
    chosen = logarithmic_ticks(float(values.min()), float(values.max()))
    labels = ",".join(latex_figure(power(tick)) for tick in chosen)
    return ["ymode=log", f"ytick={{{','.join(f'{tick:g}' for tick in chosen)}}}", f"yticklabels={{{labels}}}"]


def evenly(epochs: Any, most: int, logarithmic: bool) -> Any:
    """Indices of at most so many epochs that look evenly spaced."""
    if len(epochs) <= most or not logarithmic:
        return thinned(np.asarray(epochs), most)
    wanted = np.geomspace(epochs[0], epochs[-1], most)
    return np.unique(np.clip(np.searchsorted(epochs, wanted), 0, len(epochs) - 1))
