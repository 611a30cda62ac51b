"""Drawings of a cost over one parameter and over two."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.display.labels import figure as number
from steepest.display.labels import short
from steepest.display.palette import BLUE, EDGE, OVER, VERMILION
from steepest.pictures.common.levels import levels, thinned, ticks
from steepest.pictures.common.style import (
    COLOURS,
    canvas,
    colour_bar,
    ink,
    legend_below,
    legend_height,
    make_legible,
    series,
    wrapped,
)
from steepest.pictures.surfaces.numbers import Curve, Point, Surface

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COST = "cost"
_MESH = 41  # points along an axis of a surface in space
_TRAIL = {"linewidth": 1.2, "markersize": 3.0}
_APART = 0.09  # of the picture: the least distance between marks of a path


def draw_curve(found: Curve, title: str, width: float) -> Figure:
    """Plot the cost over one parameter, with tangent and descents."""
    labels = [trail.legend for trail in found.trails]
    labels += [COST, "tangent at w = 1.234, slope 1.234"] * (found.tangent is not None)
    figure = canvas(width, 0.62 * min(width, 4.6) + 0.2 + legend_height(labels, width))
    axes = figure.add_subplot()
    axes.set_title(wrapped(title, width))
    axes.plot(found.x, found.costs, color=BLUE, label=COST, gid="curve")
    axes.set(xlim=(found.x[0], found.x[-1]), ylim=found.heights, xlabel=found.axis.label, ylabel=COST)
    tangent = found.tangent
    if tangent is not None and tangent.missing:
        axes.plot([tangent.at], [tangent.value], "o", color=VERMILION, markersize=4, linestyle="none", gid="point",
                  label=f"{found.legend}: no tangent")  # fmt: skip
    elif tangent is not None:
        reach = 0.22 * (found.x[-1] - found.x[0])
        ends = np.array([tangent.at - reach, tangent.at + reach])
        axes.plot(
            ends, tangent.height(ends), color=VERMILION, linestyle=(0, (5, 1.5)), gid="tangent",
            label=f"tangent at {found.axis.label} = {short(tangent.at)}, slope {short(tangent.slope)}",
        )  # fmt: skip
        axes.plot([tangent.at], [tangent.value], "o", color=VERMILION, markersize=4, gid="point")
    for k, trail in enumerate(found.trails, start=2):
        axes.plot(trail.coordinates[:, 0], trail.heights, label=trail.legend, gid=f"trail-{k - 1}",
                  **{**series(k), **_TRAIL})  # fmt: skip
    if tangent is not None or found.trails:
        legend_below(figure)
    return figure


def draw_surface(found: Surface, title: str, width: float, view: str) -> Figure:
    """Draw the cost over two parameters: as contours, in space, or both."""
    below = legend_height(_labels(found), width)
    side = 0.76 * min(width, 5.0)
    if view == "both":
        grid = (1, 2) if width > 5 else (2, 1)
        figure = canvas(width, below + (3.1 if width > 5 else 2 * side + 0.3))
        _contours(figure, figure.add_subplot(*grid, 1), found)
        _space(figure, found, (*grid, 2))
    else:
        figure = canvas(width, side + 0.25 + below)
        if view == "3d":
            _space(figure, found, (1, 1, 1))
        else:
            _contours(figure, figure.add_subplot(), found)
    figure.suptitle(wrapped(title, width))
    legend_below(figure)
    return figure


def _labels(found: Surface) -> list[str]:
    """Return labels about as long as those of the legend, whose height is needed before it is drawn."""
    extra = ["tangent plane at A, 1.05 above C", "A → B → C: 0.75, 0.97, 1.08"] if found.move is not None else []
    return [*(trail.legend for trail in found.trails), *extra, *([found.legend] if found.point is not None else [])]


def _contours(figure: Figure, axes: Axes, found: Surface) -> None:
    from matplotlib.colors import BoundaryNorm

    lines, costs = levels(found.costs), np.ma.masked_invalid(found.costs)
    extend: Any = "max" if lines.capped else "neither"
    # A colour for each band, the same step from band to band: levels are not evenly spaced.
    norm = BoundaryNorm(lines.heights, 256, extend=extend)
    filled = axes.contourf(found.x, found.y, costs, lines.heights, cmap=COLOURS, norm=norm, extend=extend)
    filled.set_edgecolor("face")
    filled.set_linewidth(0.2)
    filled.set_gid("bands")
    bar = colour_bar(figure, filled, axes, COST, ticks=ticks(lines), pad=0.02)
    bar.ax.set_yticklabels([number(tick, 12) for tick in ticks(lines)])
    bar.ax.minorticks_off()  # the levels, which are no round numbers
    _arrows(axes, found)
    for k, trail in enumerate(found.trails):
        _over(axes, (trail.coordinates[:, 0], trail.coordinates[:, 1]), k, trail.legend)
    if found.point is not None:
        p = found.point
        axes.plot([p.x], [p.y], "*", color="white", markeredgecolor=EDGE, markersize=9, markeredgewidth=0.6, zorder=6,
                  linestyle="none", label=found.legend, gid="point")  # fmt: skip
    _letters(axes, found)
    axes.set(xlim=(found.x[0], found.x[-1]), ylim=(found.y[0], found.y[-1]))
    first, second = found.axes
    axes.set_xlabel(first.label if first.share is None else f"{first.label} ({first.share:.1%} of variance)")
    axes.set_ylabel(second.label if second.share is None else f"{second.label} ({second.share:.1%})")
    axes.spines[:].set_visible(True)


def _over(axes: Any, place: tuple[Any, ...], k: int, label: str) -> None:
    """Draw a path over a map of colours, with an edge that keeps it apart from any of them."""
    from matplotlib.patheffects import Normal, Stroke

    line_style = {**series(k + 1), **_TRAIL, "color": OVER[k % len(OVER)]}
    apart = _APART if len(place[0]) > 2 else None  # few points are all marked
    (line,) = axes.plot(*place, label=label, gid=f"trail-{k + 1}", zorder=5, markeredgecolor=EDGE, markeredgewidth=0.4,
                        markevery=apart, **line_style)  # fmt: skip
    line.set_path_effects([Stroke(linewidth=2.6, foreground=EDGE), Normal()])


def _arrows(axes: Axes, found: Surface) -> None:
    """Draw arrows against the gradient, the longer the steeper, but not in proportion."""
    if found.field is None:
        return
    field, length = found.field, np.hypot(found.field.u, found.field.v)
    largest = float(np.nanmax(length)) or 1.0
    stretch = np.divide((length / largest) ** 0.3, length, out=np.zeros_like(length), where=length > 0)
    axes.quiver(field.x, field.y, -field.u * stretch, -field.v * stretch, color="white", edgecolor=EDGE, linewidth=0.3,
                angles="xy", pivot="mid", scale=18, width=0.006, alpha=0.9, gid="field", zorder=4)  # fmt: skip


def _letters(axes: Axes, found: Surface) -> None:
    """Draw A → B → C with its letters."""
    if found.move is None:
        return
    move = found.move
    axes.plot(move.x, move.y, "-o", color="white", markeredgecolor=EDGE, linewidth=1.4, markersize=4, gid="move",
              zorder=6, label=f"A → B → C: {', '.join(map(short, move.costs))}")  # fmt: skip
    for letter, x, y in zip("ABC", move.x, move.y, strict=True):
        axes.annotate(letter, (x, y), xytext=(5, 5), textcoords="offset points", color="white", weight="bold", zorder=7)


def _space(figure: Figure, found: Surface, place: tuple[int, int, int]) -> None:
    """Draw the surface in space, with everything on it."""
    from matplotlib.ticker import MaxNLocator

    axes: Any = figure.add_subplot(*place, projection="3d", computed_zorder=False)
    columns, rows = thinned(found.x, _MESH), thinned(found.y, _MESH)
    top = float(levels(found.costs).heights[-1])
    across, up = np.meshgrid(found.x[columns], found.y[rows])
    costs = np.minimum(found.costs[np.ix_(rows, columns)], top)
    body = axes.plot_surface(
        across, up, np.where(np.isfinite(costs), costs, np.nan), cmap=COLOURS, linewidth=0.15, edgecolor="#00000030",
        rstride=1, cstride=1, alpha=0.85, zorder=1, antialiased=True,
    )  # fmt: skip
    body.set_gid("surface")
    for k, trail in enumerate(found.trails):
        _over(axes, (*trail.coordinates.T, np.minimum(trail.heights, top)), k, trail.legend)
    if found.point is not None:
        p = found.point
        label = f"{found.legend}: no tangent plane"
        if not p.missing:
            _plane(axes, found, p, 0.2 * float(np.ptp(found.x)), 0.2 * float(np.ptp(found.y)))
            label = f"cost {short(p.cost)}, tangent plane with slopes {short(p.slopes[0])}, {short(p.slopes[1])}"
        axes.plot([p.x], [p.y], [p.cost], "*", color=VERMILION, markersize=8, zorder=6, linestyle="none", label=label,
                  gid="point")  # fmt: skip
    if found.move is not None:
        _move_in_space(axes, found)
    axes.set(xlim=(found.x[0], found.x[-1]), ylim=(found.y[0], found.y[-1]))
    axes.set(xlabel=found.axes[0].label, ylabel=found.axes[1].label)
    axes.text2D(0.0, 0.95, f"height: {COST}", transform=axes.transAxes)  # a label at the axis would be cut off
    axes.view_init(elev=28, azim=-58)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((0, 0, 0, 0))
        axis.set_major_locator(MaxNLocator(4))
        axis.labelpad = 0 if axis is axes.zaxis else -3
    axes.tick_params(pad=-2)
    # Labels lie outside the box, where the layout does not see them; two panels in a row leave less space for them.
    axes.set_box_aspect(None, zoom=0.84 if place[:2] == (1, 2) else 0.98)


def _plane(axes: Any, found: Surface, point: Point, across: float, up: float) -> None:
    """Draw the tangent plane at a point, so far to each side."""
    corners = point.patch(found.x, found.y, across, up)
    axes.plot_surface(*corners, color=VERMILION, alpha=0.35, zorder=3, linewidth=0).set_gid("plane")


def _move_in_space(axes: Any, found: Surface) -> None:
    move = found.move
    assert move is not None  # drawn only if there is one
    _plane(axes, found, move.point, 2.5 * abs(move.x[2] - move.x[0]), 2.5 * abs(move.y[2] - move.y[0]))
    axes.plot(move.x, move.y, move.costs, "-o", color=ink(), linewidth=1.6, markersize=3.5, zorder=6, gid="move",
              label=f"A → B → C: {', '.join(map(short, move.costs))}")  # fmt: skip
    axes.plot([move.x[0], move.x[2]], [move.y[0], move.y[2]], [move.costs[0], move.tangent_value], "--s", zorder=6,
              color=VERMILION, linewidth=1.4, markersize=3, gid="along-plane",
              label=f"tangent plane at A, {short(move.tangent_value)} above C")  # fmt: skip
    for letter, x_, y_, z in zip("ABC", move.x, move.y, move.costs, strict=True):
        axes.text(x_, y_, z, f" {letter}", weight="bold", zorder=8)


def draw_moving(found: Surface, title: str, width: float) -> tuple[Figure, Callable[[int], None]]:
    """Draw contours with paths that grow; return the figure, and a function that shows it at an epoch."""
    figure = draw_surface(found, title, width, "contours")
    make_legible(figure)
    axes = figure.axes[0]
    lines = {str(line.get_gid()): line for line in axes.get_lines()}
    heads = [
        axes.plot(
            [], [], "o", color=OVER[k % len(OVER)], markeredgecolor=EDGE, markersize=6, zorder=8, gid=f"head-{k + 1}"
        )[0]
        for k in range(len(found.trails))
    ]
    heading = axes.text(0.02, 0.98, "", transform=axes.transAxes, va="top", color="white", zorder=9, gid="epoch",
                        bbox={"facecolor": EDGE, "alpha": 0.65, "linewidth": 0, "pad": 2})  # fmt: skip

    def show(epoch: int) -> None:
        costs = []
        for k, trail in enumerate(found.trails):
            shown = max(int(np.searchsorted(trail.epochs, epoch, side="right")), 1)
            lines[f"trail-{k + 1}"].set_data(trail.coordinates[:shown, 0], trail.coordinates[:shown, 1])
            heads[k].set_data(trail.coordinates[shown - 1 : shown, 0], trail.coordinates[shown - 1 : shown, 1])
            costs.append(number(trail.costs[shown - 1], 3))
        heading.set_text(f"epoch {epoch}, cost {costs[0]}" if len(costs) == 1 else f"epoch {epoch}")

    return figure, show
