"""Drawings of a fit by Matplotlib, plotly and pgfplots: curve and bands, residuals, profiles."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.display.labels import short
from steepest.display.palette import BLUE, GREEN, SERIES, SKY, VERMILION
from steepest.expressions.characters import latex_text
from steepest.pictures.common import page, tikz
from steepest.pictures.common.levels import thinned
from steepest.pictures.common.style import canvas, ink, legend_below, legend_height, panels, wrapped
from steepest.pictures.fits.numbers import FITTED, ROW, Fit, Residuals, Section, is_bounded, shown_level
from steepest.tables.values import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DENSE = 300  # samples from which on their marks are smaller and let others through
_CROWDED = 3000  # from which on they are points that one sees through
_MOST_POINTS = 5000  # samples that are drawn
_LARGEST = 100  # residuals whose samples are always drawn
_LISTED = 3  # other inputs whose medians are on the picture; the description has all
_FAR = 3.0  # standardised residuals from which on the row is named
_NAMED = 3  # rows that are named
_SHADES = (0.22, 0.45)  # opacities of the prediction band and the confidence band


def axis_label(found: Fit) -> str:
    """Return the label of the horizontal axis."""
    return {FITTED: f"fitted {found.target}", ROW: "row"}.get(found.axis, found.axis)


def value_label(found: Fit) -> str:
    """Return the label of the vertical axis."""
    adjusted = bool(found.constant) and not found.has_classes
    return f"{found.target}, adjusted" if adjusted else found.target


def note(found: Fit) -> str:
    """Return the line below the title: where the other inputs are held, and that there are no bands; or nothing."""
    held, many = ", ".join(f"{name} = {short(value)}" for name, value in found.constant.items()), len(found.constant)
    parts = [f"at the medians of {many} other inputs" if many > _LISTED else f"at the median{'s'[: many - 1]} {held}"]
    parts *= many > 0
    return "; ".join(parts + ["no bands: the fit has no standard errors"] * (found.refusal is not None))


def band_labels(found: Fit) -> tuple[str, str]:
    """Return the names of the prediction band, which is that of a value of weight 1, and of the confidence band."""
    level, of_weight = shown_level(found.level), ", weight 1" if found.is_weighted else ""
    return f"{level} prediction{of_weight}", f"{level} confidence"


def _marks(number: int) -> dict[str, Any]:
    """Return the style of so many samples."""
    size, alpha = (3.2, 0.8) if number <= _DENSE else (2.0, 0.5) if number <= _CROWDED else (1.4, 0.25)
    return {"linestyle": "none", "marker": "o", "markersize": size, "alpha": alpha, "markeredgewidth": 0,
            "color": ink()}  # fmt: skip


def _drawn(residuals: Array) -> Array:
    """Return the samples that are drawn: of very many some, and always those with the largest residuals."""
    if len(residuals) <= _MOST_POINTS:
        return np.arange(len(residuals))
    return np.union1d(thinned(residuals, _MOST_POINTS), np.argsort(-np.abs(residuals), kind="stable")[:_LARGEST])


def draw_fit(found: Fit, title: str, width: float) -> Figure:
    """Draw samples, curve and bands, and below them the residuals."""
    labels = ["samples", "fit", *band_labels(found)]
    figure = canvas(width, 0.62 * min(width, 5.5) + 1.35 + legend_height(labels, width))
    heading = wrapped(title, width)
    figure.suptitle(f"{heading}\n{wrapped(note(found), width)}" if note(found) else heading)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    kept = _drawn(found.residuals)
    for ends, label, shade in zip((found.interval, found.confidence), band_labels(found), _SHADES, strict=True):
        if ends is not None:
            _band(above, found, ends, label, shade)
    above.plot(found.x[kept], found.y[kept], gid="samples", label="samples", zorder=3, **_marks(len(kept)))
    name = "target = fitted" if found.axis == FITTED else "fit"
    above.plot(found.places, found.curve, color=VERMILION, label=name, gid="curve", zorder=4)
    if len(found.groups[0]):
        above.plot(*found.groups, "D", color=GREEN, markersize=4, linestyle="none", label="means of groups",
                   gid="groups", zorder=5)  # fmt: skip
    above.set_ylabel(value_label(found))
    _within(above, found)
    below.axhline(0, color=VERMILION, linewidth=0.8, zorder=1)
    below.plot(found.x[kept], found.residuals[kept], gid="residuals", zorder=3, **_marks(len(kept)))
    below.margins(y=0.12)
    below.set(xlabel=axis_label(found), ylabel="residual")
    for axes in (above, below):
        axes.grid(True)
    figure.align_ylabels()
    legend_below(figure)
    return figure


def _band(axes: Axes, found: Fit, ends: tuple[Array, Array], label: str, shade: float) -> None:
    """Draw a band; over the fitted value, where other inputs differ from sample to sample, a bar for each of them."""
    name = "confidence" if shade == _SHADES[1] else "prediction"
    if found.axis == FITTED:
        thick = 2.4 if shade == _SHADES[1] else 0.8
        axes.vlines(found.places, *ends, colors=SKY, alpha=2 * shade, linewidth=thick, gid=name, zorder=1,
                    label=label)  # fmt: skip
    else:
        axes.fill_between(found.places, *ends, color=SKY, alpha=shade, linewidth=0, label=label, gid=name, zorder=1)


def _within(axes: Axes, found: Fit) -> None:
    """Keep bands that are far wider than the samples from flattening the picture."""
    shown = np.concatenate([found.y, found.curve[np.isfinite(found.curve)]])
    low, high = float(shown.min()), float(shown.max())
    reach = high - low or 1.0
    ends = [np.asarray(each) for pair in (found.confidence, found.interval) if pair is not None for each in pair]
    for each in ends:
        finite = each[np.isfinite(each)]
        low = min(low, max(float(finite.min(initial=low)), float(shown.min()) - reach))
        high = max(high, min(float(finite.max(initial=high)), float(shown.max()) + reach))
    axes.set_ylim(low - 0.04 * (high - low or 1.0), high + 0.04 * (high - low or 1.0))


def draw_residuals(found: Residuals, title: str, width: float) -> Figure:
    """Draw residuals over fitted values and, but for classes, over the quantiles of the normal distribution."""
    number = 2 if len(found.normal) else 1
    columns = 2 if number == 2 and width > 5 else 1
    rows = number // columns
    figure = canvas(width, rows * 0.72 * min(width / columns, 4.0) + 0.45)
    places = panels(figure, title, number, columns)
    style = _marks(len(found.values))
    kept = _drawn(found.values)
    places[0].axhline(0, color=VERMILION, linewidth=0.8, zorder=1)
    places[0].plot(found.fitted[kept], found.values[kept], gid="residuals", zorder=3, **style)
    if len(found.groups[0]):
        places[0].plot(*found.groups, "D-", color=GREEN, markersize=4, label="means of groups", gid="groups", zorder=5)
        legend_below(figure)
    places[0].set(xlabel=f"fitted {found.target}", ylabel=found.kind)
    if number == 2:
        start, slope = found.line
        ends = np.array([found.normal.min(), found.normal.max()])
        places[1].plot(ends, start + slope * ends, color=VERMILION, linewidth=0.8, gid="line", zorder=1)
        places[1].plot(found.normal[kept], found.values[kept], gid="quantiles", zorder=3, **style)
        places[1].set(xlabel="normal quantile", ylabel=found.kind)
    for axes, across in zip(places, (found.fitted, found.normal), strict=False):
        axes.grid(True)
        axes.margins(x=0.08)
        for k in far_rows(found):
            right = across[k] > (across.min() + across.max()) / 2
            axes.annotate(f"{found.rows[k]}", (across[k], found.values[k]), xytext=(-4 if right else 4, 0),
                          textcoords="offset points", ha="right" if right else "left", va="center")  # fmt: skip
    return figure


def far_rows(found: Residuals) -> list[int]:
    """Return the samples of the largest standardised residuals that are far from 0."""
    if found.kind == "residual":
        return []
    largest = np.argsort(-np.abs(found.values), kind="stable")[:_NAMED]
    return [int(k) for k in largest if abs(found.values[k]) >= _FAR]


def draw_profiles(found: Sequence[Section], title: str, width: float) -> Figure:
    """Draw a panel for each parameter: profile, quadratic approximation, and the interval."""
    most = 1 if width < 3 else 2 if width < 5 else 3
    columns = -(-len(found) // -(-len(found) // most))  # rows of about the same length
    each = 0.8 * min(width / columns, 3.4)
    labels = ["profile", "quadratic approximation", f"{shown_level(found[0].level)} interval"]
    figure = canvas(width, -(-len(found) // columns) * (each + 0.15) + 0.35 + legend_height(labels, width))
    for k, (axes, section) in enumerate(zip(panels(figure, title, len(found), columns), found, strict=True)):
        low, high = float(section.values.min()), float(section.values.max())
        reach = 0.04 * (high - low)
        grid = np.linspace(low - reach, high + reach, 101)
        axes.plot(grid, section.quadratic(grid), color=BLUE, linestyle=(0, (4, 2)), label=labels[1],
                  gid=f"quadratic-{k + 1}")  # fmt: skip
        axes.plot(*section.between(), color=VERMILION, label=labels[0], gid=f"profile-{k + 1}")
        ends = np.clip(section.interval, low, high)
        axes.plot(ends, [section.cut, section.cut], color=GREEN, linewidth=2, label=labels[2], gid=f"interval-{k + 1}",
                  marker="|" if is_bounded(section) else None, markersize=9)  # fmt: skip
        axes.plot([section.estimate], [0], "o", color=VERMILION, markersize=3.5)
        axes.set_ylim(-0.04 * section.cut, 2.2 * section.cut)
        axes.set_xlim(low - reach, high + reach)
        axes.set_xlabel(section.label)
        axes.xaxis.set_major_locator(_few_ticks())
        if k % columns == 0:
            axes.set_ylabel("rise of the deviance")
        axes.grid(True)
    legend_below(figure)
    return figure


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4)


def fit_figure(found: Fit, title: str) -> Any:
    """Draw samples, curve and bands with plotly."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for ends, label, shade in zip((found.interval, found.confidence), band_labels(found), _SHADES, strict=True):
        if ends is not None:
            colour = f"rgba({', '.join(str(int(SKY[k : k + 2], 16)) for k in (1, 3, 5))}, {shade})"
            for k, end in enumerate(ends):
                figure.add_scatter(
                    x=found.places, y=end, mode="lines", line={"width": 0, "color": colour}, fillcolor=colour,
                    fill="tonexty" if k else None, name=label, legendgroup=label, showlegend=bool(k), hoverinfo="skip",
                )  # fmt: skip
    kept = _drawn(found.residuals)
    figure.add_scatter(x=found.x[kept], y=found.y[kept], mode="markers", name="samples", marker={"color": "grey"})
    figure.add_scatter(x=found.places, y=found.curve, mode="lines", name="fit", line=page.line_style(1))
    figure.update_xaxes(title=escape(axis_label(found)))
    figure.update_yaxes(title=escape(value_label(found)))
    return page.layout(figure, title)


def residuals_figure(found: Residuals, title: str) -> Any:
    """Draw residuals over fitted values with plotly."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=found.fitted, y=found.values, mode="markers", name=found.kind, text=found.rows, marker={"color": "grey"},
        hovertemplate="row %{text}<br>fitted %{x:.6g}<br>%{y:.6g}<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title=escape(f"fitted {found.target}"))
    figure.update_yaxes(title=found.kind)
    return page.layout(figure, title)


def profiles_figure(found: Sequence[Section], title: str) -> Any:
    """Draw profiles with plotly, over the distance from the estimate in standard errors, so that all share an axis."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for k, section in enumerate(found):
        away = (section.values - section.estimate) / section.error
        figure.add_scatter(
            x=away, y=section.rises, mode="lines", name=escape(section.label), line=page.line_style(k),
            text=section.values, hovertemplate="%{text:.6g}: %{y:.4g}",
        )  # fmt: skip
    figure.add_hline(y=found[0].cut, line={"dash": "dot", "color": "grey"})
    figure.update_xaxes(title="standard errors from the estimate")
    figure.update_yaxes(title="rise of the deviance")
    return page.layout(figure, title)


def fit_code(found: Fit) -> str:
    """Return the pgfplots code of samples, curve and bands."""
    body: list[str] = []
    for ends, label, shade in zip((found.interval, found.confidence), band_labels(found), _SHADES, strict=True):
        if ends is None:
            continue
        chosen = thinned(found.places, tikz.POINTS)
        x, (low, high) = found.places[chosen], (end[chosen] for end in ends)
        colour = f"steepest{SERIES.index(SKY)}"
        if found.axis == FITTED:  # a bar for each sample, as the other inputs differ
            thick = "very thick" if shade == _SHADES[1] else "thin"
            bars = zip(x, low, high, strict=True)
            pairs = " ".join(f"({at:.6g},{a:.6g}) ({at:.6g},{b:.6g}) ({at:.6g},nan)" for at, a, b in bars)
            body += [rf"\addplot[{colour}, {thick}, unbounded coords=jump]", rf"    coordinates {{{pairs}}};"]
        else:
            there = [*zip(x, low, strict=True), *zip(x[::-1], high[::-1], strict=True)]
            pairs = " ".join(f"({at:.6g},{b:.6g})" for at, b in there if np.isfinite(b))
            body += [rf"\addplot[draw=none, fill={colour}, fill opacity={shade}, area legend]",
                     rf"    coordinates {{{pairs}}} -- cycle;"]  # fmt: skip
        body.append(rf"\addlegendentry{{{latex_text(label)}}}")
    kept = thinned(found.x, tikz.POINTS)
    pairs = " ".join(f"({a:.6g},{b:.6g})" for a, b in zip(found.x[kept], found.y[kept], strict=True))
    body += [r"\addplot[only marks, mark=*, mark size=0.8pt]", rf"    coordinates {{{pairs}}};",
             r"\addlegendentry{samples}"]  # fmt: skip
    body += tikz.line(found.places, found.curve, 1, "fit", ", solid")
    labels = [f"xlabel={{{latex_text(axis_label(found))}}}", f"ylabel={{{latex_text(value_label(found))}}}"]
    return tikz.picture(labels, body)
