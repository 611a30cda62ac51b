"""Drawings of the course of a training by Matplotlib, plotly and pgfplots: costs, norms, final costs of restarts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.display.labels import latex_figure, power
from steepest.pictures.common import tikz
from steepest.pictures.common.levels import is_wide, logarithmic_ticks, thinned
from steepest.pictures.common.page import layout, line_style
from steepest.pictures.common.style import canvas, legend_below, panels, series
from steepest.pictures.trainings.numbers import Course, Line
from steepest.tables.values import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMED = 6  # parameters that have lines of their own; of more there is one line for all
_APART = 0.12  # of the picture: the least distance between marks of a line
_MANY = 20  # epochs beyond which their axis is logarithmic


def _cost_lines(course: Course, several: bool) -> list[tuple[str, Line]]:
    """Return the labels and lines of a training's costs and validation costs."""
    name = f"{course.label}, " if several else ""
    alone = course.label if several and course.validation is None else f"{name}cost"
    return [(alone, course.cost), *([(f"{name}validation", course.validation)] if course.validation else [])]


def draw_courses(found: Sequence[Course], title: str, width: float) -> Figure:
    """Draw a panel for costs, and one each for gradient, parameters and restarts if there are any."""
    drawn = [_costs]
    drawn += [_gradients] * any(course.gradient is not None for course in found)
    drawn += [_parameters] * any(course.norms for course in found)
    drawn += [_restarts] * any(course.restarts is not None for course in found)
    columns = 2 if width > 5 and len(drawn) > 1 else 1
    each = 2.5 if columns > 1 else 0.62 * min(width, 5) + 0.2
    figure = canvas(width, -(-len(drawn) // columns) * each + 0.3)
    draw: Callable[[Axes, Sequence[Course]], None]
    for axes, draw in zip(panels(figure, title, len(drawn), columns), drawn, strict=True):
        draw(axes, found)
        if len(found) == 1:
            _legend(axes, each)
    if len(found) > 1:
        legend_below(figure)
    return figure


def _legend(axes: Axes, height: float) -> None:
    """Put a legend below axes of about this height in inches, where it covers no line."""
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > 1:
        wide = axes.figure.get_figwidth() / (2 if axes.figure.get_figwidth() > 5 else 1)  # type: ignore[union-attr]
        columns = max(1, min(len(labels), int(wide * 14 / (max(map(len, labels)) + 7))))
        axes.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, -0.36 / (height - 0.7)), ncols=columns)


def _plot(axes: Axes, line: Line, k: int, label: str, gid: str, **more: Any) -> None:
    style = {**series(k), "markersize": 3, "markevery": _APART if len(line.epochs) > 2 else None, **more}
    axes.plot(line.epochs, line.values, label=label, gid=gid, **style)


def _scales(axes: Axes, lines: Sequence[Line]) -> None:
    """Set logarithmic axes; epoch 0 keeps a place (symlog), and costs that are not positive get a linear axis."""
    _logarithmic(axes, np.concatenate([line.values[np.isfinite(line.values)] for line in lines]))
    _along_epochs(axes, lines)


def _along_epochs(axes: Axes, lines: Sequence[Line]) -> None:
    """Set the axis of epochs, logarithmic if there are many."""
    from matplotlib.ticker import MaxNLocator

    last = max(float(line.epochs[-1]) for line in lines)
    if last > _MANY:
        axes.set_xscale("symlog", linthresh=1, linscale=0.3)
        axes.xaxis.set_major_formatter(power)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlim(0, last)
    axes.set_xlabel("epoch")
    axes.grid(True, which="major")


def _logarithmic(axes: Axes, values: Array) -> None:
    """Set a logarithmic axis for costs that are far apart; within a decade it would have hardly a tick."""
    from matplotlib.ticker import FixedLocator, NullFormatter

    if not is_wide(values):
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator(logarithmic_ticks(float(values.min()), float(values.max()))))
    axes.yaxis.set_major_formatter(power)
    axes.yaxis.set_minor_formatter(NullFormatter())


def _costs(axes: Axes, found: Sequence[Course]) -> None:
    lines = []
    for k, course in enumerate(found):
        name = f"{course.label}, " if len(found) > 1 else ""
        for j, (label, line) in enumerate(_cost_lines(course, len(found) > 1)):
            _plot(axes, line, j * len(found) + k, label, f"{('cost', 'validation')[j]}-{k + 1}")
            lines.append(line)
        if course.best_epoch is not None and course.validation is not None:
            place = int(np.searchsorted(course.validation.epochs, course.best_epoch))
            axes.plot(
                [course.best_epoch], [course.validation.values[place]], "*", markersize=9, linestyle="none", zorder=5,
                color=series(2)["color"], label=f"{name}kept, epoch {course.best_epoch}", gid="best",
            )  # fmt: skip
    _scales(axes, lines)
    axes.set_ylabel("cost")


def _gradients(axes: Axes, found: Sequence[Course]) -> None:
    lines = [(k, course.label, course.gradient) for k, course in enumerate(found) if course.gradient is not None]
    for k, label, line in lines:
        _plot(axes, line, k, label, f"gradient-{k + 1}")
    _scales(axes, [line for _, _, line in lines])
    axes.set_ylabel("norm of the gradient")


def _parameters(axes: Axes, found: Sequence[Course]) -> None:
    lines: list[Line] = []
    for k, course in enumerate(found):
        if len(found) == 1 and len(course.norms) <= _NAMED:
            for j, (name, line) in enumerate(course.norms.items()):
                _plot(axes, line, j, name, f"norm-{name}")
                lines.append(line)
        else:
            first = next(iter(course.norms.values()))
            whole = Line(first.epochs, np.sqrt(sum(line.values**2 for line in course.norms.values())))
            _plot(axes, whole, k, course.label, f"norm-{k + 1}")
            lines.append(whole)
    _along_epochs(axes, lines)
    axes.set_ylabel("norm of the parameters")


def _restarts(axes: Axes, found: Sequence[Course]) -> None:
    for k, course in enumerate(found):
        if course.restarts is not None:
            share = (np.arange(len(course.restarts)) + 1) / len(course.restarts)
            axes.step(100 * share, course.restarts, where="pre", color=series(k)["color"], label=course.label,
                      gid=f"restarts-{k + 1}")  # fmt: skip
            begun = 0
            for level in course.levels[:5]:
                middle = 100 * (begun + level.starts / 2) / len(course.restarts)
                begun += level.starts
                axes.annotate(f"{level.starts}", (middle, level.highest), xytext=(0, 3), textcoords="offset points",
                              ha="center")  # fmt: skip
    _logarithmic(axes, np.concatenate([course.restarts for course in found if course.restarts is not None]))
    axes.margins(y=0.15)
    axes.set(xlim=(0, 100), xlabel="restarts in %, best first", ylabel="final cost")
    axes.grid(True, which="major")


def course_figure(found: Sequence[Course], title: str) -> Any:
    """Plot costs, and norms of the gradient, with plotly on logarithmic axes."""
    import plotly.graph_objects as go

    figure = go.Figure()
    lines: list[tuple[str, Line, bool | str]] = []
    for each in found:
        name = f"{escape(each.label)}: " if len(found) > 1 else ""
        lines.append((f"{name}cost", each.cost, True))
        lines += [(f"{name}validation", each.validation, True)] if each.validation else []
        lines += [(f"{name}norm of the gradient", each.gradient, "legendonly")] if each.gradient else []
    for k, (name, line, shown) in enumerate(lines):
        figure.add_scatter(
            x=line.epochs, y=line.values, mode="lines", name=name, line=line_style(k), visible=shown
        )  # fmt: skip
    figure.update_xaxes(title="epoch")
    wide = is_wide(np.concatenate([line.values for _, line, shown in lines if shown is True]))
    figure.update_yaxes(title="cost", type="log" if wide else "linear")
    return layout(figure, title)


def course_code(found: Sequence[Course]) -> str:
    """Return the pgfplots code of costs over their epochs; epoch 0 is left out on a logarithmic axis."""
    lines = [line for each in found for line in _cost_lines(each, len(found) > 1)]
    values = np.concatenate([line.values for _, line in lines])
    long = max(float(line.epochs[-1]) for _, line in lines) > _MANY
    options = ["xlabel={epoch}", "ylabel={cost}", "enlarge x limits=false", *["xmode=log"] * long]
    if is_wide(values):  # with round ticks, for pgfplots itself may find no power of ten, or write 10^{1.25}
        finite = values[np.isfinite(values)]
        ticks = logarithmic_ticks(float(finite.min()), float(finite.max()))
        labels = ",".join(latex_figure(power(tick)) for tick in ticks)
        options += ["ymode=log", f"ytick={{{','.join(f'{t:g}' for t in ticks)}}}", f"yticklabels={{{labels}}}"]
    body: list[str] = []
    for k, (label, line) in enumerate(lines):
        kept = line.epochs > 0 if long else np.ones(len(line.epochs), bool)
        epochs, values = line.epochs[kept], line.values[kept]
        chosen = _evenly(epochs, long)
        body += tikz.line(epochs[chosen], values[chosen], k, label if len(lines) > 1 else "")
    return tikz.picture(options, body)


def _evenly(epochs: Array, logarithmic: bool) -> Array:
    """Return the indices of epochs that look evenly spaced, no more than a line has points."""
    if len(epochs) <= tikz.POINTS or not logarithmic:
        return thinned(epochs, tikz.POINTS)
    wanted = np.geomspace(epochs[0], epochs[-1], tikz.POINTS)
    return np.unique(np.clip(np.searchsorted(epochs, wanted), 0, len(epochs) - 1))
