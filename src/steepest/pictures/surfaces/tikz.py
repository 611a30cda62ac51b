"""A cost over one parameter and over two as pgfplots code."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.display.labels import figure as number
from steepest.display.labels import latex_figure, short
from steepest.expressions.characters import latex_text
from steepest.expressions.latex import latex_name
from steepest.pictures.common.levels import levels, thinned, ticks
from steepest.pictures.common.tikz import DASHES, POINTS, line, picture
from steepest.pictures.surfaces.landscape import Axis
from steepest.pictures.surfaces.numbers import Curve, Surface

_MESH = 31  # along an axis


def _label(axis: Axis) -> str:
    """Return the label of an axis: a parameter as in a formula, a direction in words."""
    if axis.element is None:
        return latex_text(axis.label)
    name, bracket, index = axis.label.partition("[")
    return f"${latex_name(name)}{bracket}{index}$"


def curve_code(found: Curve) -> str:
    """Return the code of a cost over one parameter."""
    low, high = found.heights
    options = [
        f"xlabel={{{_label(found.axis)}}}", "ylabel={cost}", f"xmin={found.x[0]:.6g}", f"xmax={found.x[-1]:.6g}",
        f"ymin={low:.6g}", f"ymax={high:.6g}",
    ]  # fmt: skip
    body = line(found.x, found.costs, 0, "cost")
    if found.tangent is not None:
        t = found.tangent
        reach = 0.22 * (found.x[-1] - found.x[0])
        ends = np.array([t.at - reach, t.at + reach])
        body += [] if t.missing else line(ends, t.height(ends), 1, f"tangent, slope {short(t.slope)}")
        body += line(np.array([t.at]), np.array([t.value]), 1, "", ", only marks, mark size=1.5pt, forget plot")
    for k, trail in enumerate(found.trails, start=2):
        body += line(trail.coordinates[:, 0], trail.heights, k, trail.legend, ", mark=*, mark size=0.8pt")
    return picture(options, body)


def surface_code(found: Surface) -> str:
    """Return the code of a cost over two parameters, as a map of colours with paths on it."""
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
        body += _over(trail.coordinates[:, 0], trail.coordinates[:, 1], k, trail.legend)
    if found.move is not None:
        body += _over(found.move.x, found.move.y, 0, f"A, B, C: {', '.join(map(short, found.move.costs))}")
    if found.point is not None:
        body += _over([found.point.x], [found.point.y], 0, found.legend, only_mark=True)
    return picture(options, body, width=2.1, height=1.75)


# Colours over the map of colours, as palette.OVER, by the names that the code defines or LaTeX has.
_OVER = ("white", "steepest3", "yellow", "steepest5", "steepest4", "steepest1")
_MARKS = ("*", "square*", "triangle*", "diamond*", "pentagon*", "x")


def _over(x: Any, y: Any, k: int, legend: str, only_mark: bool = False) -> list[str]:
    """Return a path over a map of colours."""
    kept = thinned(np.asarray(x), POINTS)
    pairs = " ".join(f"({x[i]:.6g},{y[i]:.6g},0)" for i in kept)
    each = max(len(kept) // 12, 1)
    style = "only marks" if only_mark else f"thick, {DASHES[k % len(DASHES)]}"
    return [
        rf"\addplot3[color={_OVER[k % len(_OVER)]}, {style}, mark={_MARKS[k % len(_MARKS)]}, mark size=1.2pt,"
        rf" mark repeat={each}, mark options={{solid, draw=black}},"
        " preaction={draw, black, solid, line width=1.7pt}]",
        rf"    coordinates {{{pairs}}};", rf"\addlegendentry{{{latex_text(legend)}}}",
    ]  # fmt: skip
