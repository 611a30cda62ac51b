"""Drawings of the course of a training: costs, norms, final costs of restarts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from steepest.display.labels import power
from steepest.pictures.common.levels import is_wide, logarithmic_ticks
from steepest.pictures.common.style import canvas, legend_below, series, wrapped
from steepest.pictures.trainings.numbers import Course, Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMED = 6  # parameters that have lines of their own; of more there is one line for all
_APART = 0.12  # of the picture: the least distance between marks of a line


def draw_courses(found: Sequence[Course], title: str, width: float) -> Figure:
    """Draw a panel for costs, and one each for gradient, parameters and restarts if there are any."""
    panels = [_costs]
    panels += [_gradients] * any(course.gradient is not None for course in found)
    panels += [_parameters] * any(course.norms for course in found)
    panels += [_restarts] * any(course.restarts is not None for course in found)
    columns = 2 if width > 5 and len(panels) > 1 else 1
    rows = -(-len(panels) // columns)
    each = 2.5 if columns > 1 else 0.62 * min(width, 5) + 0.2
    figure = canvas(width, rows * each + 0.3)
    figure.suptitle(wrapped(title, width))
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    draw: Callable[[Axes, Sequence[Course]], None]
    for axes, draw in zip(places, panels, strict=False):
        draw(axes, found)
        if len(found) == 1:
            _legend(axes, each)
    for axes in places[len(panels) :]:
        axes.remove()
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


def scales(axes: Axes, lines: Sequence[Line]) -> None:
    """Set logarithmic axes; epoch 0 keeps a place (symlog), and costs that are not positive get a linear axis."""
    logarithmic(axes, np.concatenate([line.values[np.isfinite(line.values)] for line in lines]))
    along_epochs(axes, lines)


def along_epochs(axes: Axes, lines: Sequence[Line]) -> None:
    """Set the axis of epochs, logarithmic if there are many."""
    from matplotlib.ticker import MaxNLocator

    last = max(float(line.epochs[-1]) for line in lines)
    if last > 20:
        axes.set_xscale("symlog", linthresh=1, linscale=0.3)
        axes.xaxis.set_major_formatter(power)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlim(0, last)
    axes.set_xlabel("epoch")
    axes.grid(True, which="major")


def logarithmic(axes: Axes, values: NDArray[Any]) -> None:
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
        alone = course.label if name and course.validation is None else f"{name}cost"
        _plot(axes, course.cost, k, alone, f"cost-{k + 1}")
        lines.append(course.cost)
        if course.validation is not None:
            _plot(axes, course.validation, len(found) + k, f"{name}validation", f"validation-{k + 1}")
            lines.append(course.validation)
        if course.best_epoch is not None and course.validation is not None:
            place = int(np.searchsorted(course.validation.epochs, course.best_epoch))
            axes.plot(
                [course.best_epoch], [course.validation.values[place]], "*", markersize=9, linestyle="none", zorder=5,
                color=series(2)["color"], label=f"{name}kept, epoch {course.best_epoch}", gid="best",
            )  # fmt: skip
    scales(axes, lines)
    axes.set_ylabel("cost")


def _gradients(axes: Axes, found: Sequence[Course]) -> None:
    lines = [(k, course.label, course.gradient) for k, course in enumerate(found) if course.gradient is not None]
    for k, label, line in lines:
        _plot(axes, line, k, label, f"gradient-{k + 1}")
    scales(axes, [line for _, _, line in lines])
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
    along_epochs(axes, lines)
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
    logarithmic(axes, np.concatenate([course.restarts for course in found if course.restarts is not None]))
    axes.margins(y=0.15)
    axes.set_xlim(0, 100)
    axes.set_xlabel("restarts in %, best first")
    axes.set_ylabel("final cost")
    axes.grid(True, which="major")
