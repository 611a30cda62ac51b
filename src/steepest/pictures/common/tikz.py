"""Pictures as pgfplots code with the data in it, for LaTeX: a column wide, in the document's own fonts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from steepest.display.palette import SERIES
from steepest.expressions.characters import latex_text
from steepest.pictures.common.levels import thinned

POINTS = 200  # of a line
DASHES = ("solid", "dashed", "densely dotted", "dash dot", "densely dashed", "loosely dashed")


def picture(options: Iterable[str], body: Iterable[str], width: float = 2.6, height: float = 1.75) -> str:
    """Return a ``tikzpicture`` of one axis of so many inches, with labels and all at most a column wide."""
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
    """Return a line in style number k, of at most 200 points."""
    kept = thinned(np.asarray(x), POINTS)
    pairs = " ".join(f"({x[i]:.6g},{y[i]:.6g})" for i in kept if np.isfinite(y[i]))
    drawn = [rf"\addplot[color=steepest{k % len(SERIES)}, {DASHES[k % len(DASHES)]}, thick{extra}]",
             rf"    coordinates {{{pairs}}};"]  # fmt: skip
    return [*drawn, rf"\addlegendentry{{{latex_text(legend)}}}"] if legend else drawn
