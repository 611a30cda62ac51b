"""Pictures as pgfplots code with the data in it, for LaTeX: a column wide, in the document's own fonts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from steepest.display.palette import SERIES
from steepest.expressions.latex import latex_name
from steepest.pictures.common.levels import thinned

POINTS = 200  # of a line
DASHES = ("solid", "dashed", "densely dotted", "dash dot", "densely dashed", "loosely dashed")
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
    kept = thinned(np.asarray(x), POINTS)
    pairs = " ".join(f"({x[i]:.6g},{y[i]:.6g})" for i in kept if np.isfinite(y[i]))
    drawn = [rf"\addplot[color=steepest{k % len(SERIES)}, {DASHES[k % len(DASHES)]}, thick{extra}]",
             rf"    coordinates {{{pairs}}};"]  # fmt: skip
    return [*drawn, rf"\addlegendentry{{{escaped(legend)}}}"] if legend else drawn
