"""Pictures as pgfplots code with the data in it, for LaTeX: a column wide, in the document's own fonts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from steepest.display.labels import figure as number
from steepest.display.labels import latex_figure, power, short
from steepest.display.palette import SERIES
from steepest.expressions.latex import latex_name
from steepest.pictures.common.levels import is_wide, levels, logarithmic_ticks, thinned, ticks
from steepest.pictures.surfaces.landscape import Axis
from steepest.pictures.surfaces.paths import Trail
from steepest.pictures.surfaces.slices import Curve, Sheet
from steepest.pictures.trainings.numbers import Course

_POINTS = 200  # of a line
_MESH = 31  # along an axis
_DASHES = ("solid", "dashed", "densely dotted", "dash dot", "densely dashed", "loosely dashed")
_SPECIAL = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "∞": r"$\infty$", "−": "$-$",
    **{sign: "\\" + sign for sign in "{}_#%&$"},
}  # fmt: skip


def escaped(text: str) -> str:
    """A text as LaTeX shows it, Greek letters as mathematics.

    >>> escaped("50% of λ_1")
    '50\\\\% of $\\\\lambda$\\\\_1'
    """
    greek = {c: f"${latex_name(c)}$" for c in text if latex_name(c)[:1] == "\\" and c.isalpha()}
    return "".join(greek.get(c, _SPECIAL.get(c, c)) for c in text)


def _label(axis: Axis) -> str:
    """What an axis is called: a parameter as in a formula, a direction in words."""
    if axis.element is None:
        return escaped(axis.label)
    name, bracket, index = axis.label.partition("[")
    return f"${latex_name(name)}{bracket}{index}$"


def picture(options: Iterable[str], body: Iterable[str], width: float = 2.6, height: float = 1.75) -> str:
    """A ``tikzpicture`` of one axis, with labels and all at most a column wide.

    Args:
        options: of the axis.
        body: lines within it.
        width, height: of the axis itself, in inches.
    """
    colours = [f"\\definecolor{{steepest{k}}}{{HTML}}{{{colour[1:]}}}" for k, colour in enumerate(SERIES)]
    shared = [
        f"width={width}in, height={height}in, scale only axis", r"tick label style={font=\footnotesize}",
        r"label style={font=\footnotesize}", "xticklabel style={inner xsep=0pt}", "ylabel style={inner ysep=1pt}",
        r"legend style={font=\footnotesize, draw=none, fill=none, at={(0.5,0)}, yshift=-0.42in, anchor=north,"
        " legend columns=1, cells={anchor=west}}",
    ]  # fmt: skip
    axis = ",\n    ".join([*shared, *options])
    lines = [r"\begin{tikzpicture}", *colours, rf"\begin{{axis}}[{axis}]", *body, r"\end{axis}", r"\end{tikzpicture}"]
    return "\n".join(lines) + "\n"


def line(x: Any, y: Any, k: int, legend: str = "", extra: str = "") -> list[str]:
    """A line in the look number k, of at most 200 points."""
    kept = thinned(np.asarray(x), _POINTS)
    pairs = " ".join(f"({x[i]:.6g},{y[i]:.6g})" for i in kept if np.isfinite(y[i]))
    drawn = [rf"\addplot[color=steepest{k % len(SERIES)}, {_DASHES[k % len(_DASHES)]}, thick{extra}]",
             rf"    coordinates {{{pairs}}};"]  # fmt: skip
    return [*drawn, rf"\addlegendentry{{{escaped(legend)}}}"] if legend else drawn


def curve_code(found: Curve) -> str:
    """A cost over one parameter."""
    finite = found.costs[np.isfinite(found.costs)]
    margin = 0.06 * float(np.ptp(finite)) or 0.5
    options = [
        f"xlabel={{{_label(found.axis)}}}", "ylabel={cost}", f"xmin={found.x[0]:.6g}", f"xmax={found.x[-1]:.6g}",
        f"ymin={float(finite.min()) - margin:.6g}", f"ymax={float(finite.max()) + margin:.6g}",
    ]  # fmt: skip
    body = line(found.x, found.costs, 0, "cost")
    if found.tangent is not None:
        t = found.tangent
        reach = 0.22 * (found.x[-1] - found.x[0])
        ends = np.array([t.at - reach, t.at + reach])
        body += [] if t.missing else line(ends, t.height(ends), 1, f"tangent, slope {short(t.slope)}")
        body += line(np.array([t.at]), np.array([t.value]), 1, "", ", only marks, mark size=1.5pt, forget plot")
    for k, trail in enumerate(found.trails, start=2):
        body += line(trail.places[:, 0], trail.heights, k, _called(trail), ", mark=*, mark size=0.8pt")
    return picture(options, body)


def _called(trail: Trail) -> str:
    ended = "diverged" if trail.diverged else f"cost {number(trail.final, 3)}"
    return f"{trail.label}, {int(trail.epochs[-1])} epochs: {ended}"


def sheet_code(found: Sheet) -> str:
    """A cost over two parameters, as a map of colours with paths on it."""
    columns, rows = thinned(found.x, _MESH), thinned(found.y, _MESH)
    lines = levels(found.costs)
    first, second = (_label(axis) for axis in found.axes)
    costs = ticks(lines, 4)
    places = ",".join(f"{share:.4g}" for share in lines.shares(np.array(costs)))
    labels = ",".join(latex_figure(number(cost, 12)) for cost in costs)
    options = [
        "view={0}{90}", "colormap/viridis", "colorbar", "colorbar shift/.style={xshift=2mm}", "axis on top",
        rf"colorbar style={{width=2mm, ytick={{{places}}}, yticklabels={{{labels}}},"
        r" tick label style={font=\footnotesize}}",
        f"xlabel={{{first}}}", f"ylabel={{{second}}}", f"xmin={found.x[0]:.6g}", f"xmax={found.x[-1]:.6g}",
        f"ymin={found.y[0]:.6g}", f"ymax={found.y[-1]:.6g}", "zmin=-1", "zmax=1", "point meta min=0",
        "point meta max=1", "unbounded coords=jump", "z buffer=none",
    ]  # fmt: skip
    table = []
    for row in rows:
        for column in columns:
            cost = float(found.costs[row, column])
            share = float(lines.shares(np.array(cost))) if np.isfinite(cost) else float("nan")
            table.append(rf"{found.x[column]:.6g} {found.y[row]:.6g} {share:.4g}\\")
    body = [
        rf"\addplot3[surf, shader=interp, mesh/rows={len(rows)}, forget plot, point meta=explicit]",
        "    table[x index=0, y index=1, z expr=0, meta index=2, row sep=\\\\] {",
        *table, "};",
    ]  # fmt: skip
    for k, trail in enumerate(found.trails):
        body += _over(trail.places[:, 0], trail.places[:, 1], k, _called(trail))
    if found.move is not None:
        move = found.move
        body += _over(np.array(move.x), np.array(move.y), 0, "A, B, C: " + ", ".join(short(c) for c in move.costs))
    if found.point is not None:
        p = found.point
        body += _over(np.array([p.x]), np.array([p.y]), 0, f"the point, cost {short(p.cost)}", only_mark=True)
    return picture(options, body, width=2.1, height=1.75)


_OVER = ("white", "steepest3", "yellow", "steepest5", "steepest4", "steepest1")
_MARKS = ("*", "square*", "triangle*", "diamond*", "pentagon*", "x")


def _over(x: Any, y: Any, k: int, legend: str, only_mark: bool = False) -> list[str]:
    """A path over a map of colours."""
    kept = thinned(np.asarray(x), _POINTS)
    pairs = " ".join(f"({x[i]:.6g},{y[i]:.6g},0)" for i in kept)
    each = max(len(kept) // 12, 1)
    style = "only marks" if only_mark else f"thick, {_DASHES[k % len(_DASHES)]}"
    return [
        rf"\addplot3[color={_OVER[k % len(_OVER)]}, {style}, mark={_MARKS[k % len(_MARKS)]}, mark size=1.2pt,"
        rf" mark repeat={each}, mark options={{solid, draw=black}},"
        " preaction={draw, black, solid, line width=1.7pt}]",
        rf"    coordinates {{{pairs}}};", rf"\addlegendentry{{{escaped(legend)}}}",
    ]  # fmt: skip


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
        chosen = evenly(epochs, _POINTS, long)
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
