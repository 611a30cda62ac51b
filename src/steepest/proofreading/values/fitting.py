"""Evidence from a comparison: points at which the sides differ, conditions, fractions as factors."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from steepest.proofreading.meaning.document_model import Key
from steepest.proofreading.reading.tree import Node, make, number
from steepest.proofreading.values.arrays import POINTS
from steepest.proofreading.values.comparison import Comparison

ODD = {rf"{sign}\frac{{{a}}}{{{b}}}" for sign in ("", "-") for a in range(1, 65) for b in range(3, 65)} | {
    r"\frac{3}{2}",
    r"-\frac{3}{2}",
}
"""Factors that are rarely forgotten as such: another change is looked for first."""


def counterexample(comparison: Comparison) -> tuple[int, dict[str, float]]:
    """Return the index of a value at which the sides differ, and the letters' values there."""
    wrong = int(np.argmax(~comparison.agree))
    point = int(comparison.points[wrong]) % POINTS
    found: dict[str, float] = {}
    for key, values in comparison.letters.items():
        if key in comparison.leaves or key[0].startswith("\\Delta "):
            value: Any = np.asarray(values)
            if value.ndim == 1:
                found[name_of(key)] = float(np.real(value[point]))
    return wrong, found


def name_of(key: Key) -> str:
    """Return a letter with its indices as LaTeX."""
    subs = "".join(str(n) for r, n in key[1] if r == "sub")
    ups = "".join(f"[{n}]" if r == "bracket" else f"({n})" for r, n in key[1] if r != "sub")
    return key[0] + (f"_{{{subs}}}" if len(subs) > 1 else f"_{subs}" if subs else "") + (f"^{{{ups}}}" if ups else "")


def holds_for_some(comparison: Comparison) -> bool:
    """Return whether the sides agree at some points for all indices, not counting those where both are 0."""
    telling = (np.abs(comparison.left) > 1e-9) | (np.abs(comparison.right) > 1e-9)
    good = total = 0
    for point in np.unique(comparison.points):
        here = comparison.points == point
        if telling[here].any():
            total += 1
            good += bool(comparison.agree[here].all())
    return total >= 6 and 0 < good < total


def fraction(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    sign = "-" if value < 0 else ""
    return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def as_node(value: Fraction) -> Node:
    if value.denominator == 1:
        return number(value.numerator)
    if value.denominator in (10, 20, 25, 50, 100, 200, 250, 500, 1000):
        return number(f"{float(value):g}")
    return make("divide", (number(value.numerator), number(value.denominator)))
