"""Finds a constant factor between the sides of a line: −1, 2, 1/n, 2/n, 2^(m−l)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from steepest.proofreading.causes.latex import Writer
from steepest.proofreading.causes.mismatch import Diagnosis, Mismatch
from steepest.proofreading.causes.sentences import sentence
from steepest.proofreading.causes.surroundings import find_bodies
from steepest.proofreading.meaning.document_model import DocumentModel
from steepest.proofreading.reading.tree import Node, make, number, times, walk
from steepest.proofreading.values.comparison import Comparison
from steepest.proofreading.values.fitting import ODD, as_node, fraction

# Ratios are taken where the right side is well above round-off; where it is not, the left side must vanish as well.
_LARGE, _VANISHING, _FEWEST = 1e-7, 1e-6, 4
_EXACT, _APPROXIMATE = 1e-6, 1e-3  # relative tolerance of a ratio; an approximation leaves terms of that size out
_USUAL = [Fraction(text) for text in ["1", "2", "3", "4", "1/2", "1/3", "1/4", "3/2", "2/3", "5", "6", "8"]]
_PLAIN = ("1", "2", "-1", r"\frac{1}{2}", "-2")
_EVERYWHERE = 10**6  # a statement index after every statement: all definitions count


def find_factor(mismatch: Mismatch, writer: Writer, comparison: Comparison, simple: bool) -> Diagnosis | None:
    """Diagnose a constant factor between the sides.

    Args:
        mismatch: the line.
        writer: writes the corrected side.
        comparison: the values of both sides.
        simple: whether to leave out factors that are seldom forgotten, such as 2/3.
    """
    side, right = mismatch.side, mismatch.node
    large = np.abs(comparison.right) > _LARGE
    if large.sum() < _FEWEST or np.any(np.abs(comparison.left[~large]) > _VANISHING):
        return None
    ratio = comparison.left[large] / comparison.right[large]
    middle = float(np.median(ratio))
    tolerance = _APPROXIMATE if mismatch.approximate else _EXACT
    if abs(middle) < 1e-9 or np.any(np.abs(ratio - middle) > tolerance * abs(middle)) or abs(middle - 1) < tolerance:
        return None
    named = name_factor(mismatch.document, middle, mismatch.truth, right, tolerance)
    if named is None or (simple and named[1] in ODD):
        return None
    factor, text = named
    if text == "-1":
        changed = right.args[0] if right.kind == "negate" else make("negate", (right,))
        return Diagnosis("sign", sentence("whole-sign"), _negated(side.text, right), changed)
    changed = times(factor, make("group", (right,), "(") if right.kind in ("add", "negate") else right)
    return Diagnosis("factor", sentence("factor", piece=text), _scaled(mismatch, writer, factor, text), changed)


def name_factor(
    document: DocumentModel, ratio: float, left: Node, right: Node, tolerance: float = _EXACT
) -> tuple[Node, str] | None:
    """Write a ratio as a number or by the numbers of samples or classes; return its tree and LaTeX."""
    nodes = (left, right, *find_bodies(document, [left], _EVERYWHERE))
    near = {s.base for n in nodes for s in walk(n) if s.kind == "symbol" and not s.args}
    choices = list(_usual_factors())
    for base, size in document.indices.sizes.items():
        if base in near and size > 1:
            choices += _factors_of_size(base, size)
    # A number of samples that occurs in the line and is 3 here is meant rather than the number 3, so that the factors
    # of sizes, which come last, are tried before all but the plainest numbers.
    for value, node, text in [*(c for c in choices if c[2] in _PLAIN), *reversed(choices)]:
        if abs(value - ratio) < tolerance * abs(ratio):
            return node, text
    simple = Fraction(ratio).limit_denominator(16)
    if abs(float(simple) - ratio) < 1e-7 * abs(ratio) and abs(simple.numerator) <= 64:
        return as_node(simple), fraction(simple)
    return None


def _usual_factors() -> Iterator[tuple[float, Node, str]]:
    for sign in (1, -1):
        for whole in _USUAL:
            yield sign * float(whole), as_node(whole * sign), f"{'-' if sign < 0 else ''}{fraction(whole)}"


def _factors_of_size(base: str, size: int) -> Iterator[tuple[float, Node, str]]:
    """Yield 1/n, 2/n, n and n/2 with either sign."""
    letter = make("symbol", (), (base, ()))
    for sign in (1, -1):
        mark = "-" if sign < 0 else ""
        for top in (1, 2):
            yield sign * top / size, make("divide", (number(top * sign), letter)), rf"{mark}\frac{{{top}}}{{{base}}}"
        yield sign * size, letter if sign > 0 else make("negate", (letter,)), f"{mark}{base}"
        yield sign * size / 2, make("divide", (letter, number(2 * sign))), rf"{mark}\frac{{{base}}}{{2}}"


def _negated(written: str, right: Node) -> str:
    if written.startswith("-"):
        return written[1:].lstrip()
    return rf"-\left({written}\right)" if right.kind == "add" else f"-{written}"


def _scaled(mismatch: Mismatch, writer: Writer, factor: Node, text: str) -> str:
    """Return a side with a factor before it, merged with a number at its beginning."""
    side, right = mismatch.side, mismatch.node
    written = side.text
    if right.kind in ("add", "negate"):
        return rf"{text} \left({written}\right)"
    first = right.args[0] if right.kind == "multiply" else right
    top = first.args[0] if first.kind == "divide" else first
    if top.kind == "number" and all(a.kind == "number" for a in (factor.args or (factor,))):
        value = Fraction(str((factor.args or (factor,))[0].value))
        value = value / Fraction(str(factor.args[1].value)) if factor.args else value
        merged = Fraction(str(top.value)) * value
        if merged == 1 and right.kind == "multiply" and top is first:
            return written[first.end - side.start :].lstrip().removeprefix(r"\cdot").lstrip()
        if top is first or merged.denominator == 1:
            return writer.spliced(side, top, number(fraction(merged)))
    dot = r" \cdot " if written[:1].isdigit() else " "
    return f"{text}{dot}{written}"
