"""Finds a wrong constant: a factor between the sides of a line, such as −1, 2 or 2/n, or a number in it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from steepest.proofreading.causes.latex import Writer
from steepest.proofreading.causes.mismatch import Diagnosis, Mismatch, Verifier, sentence
from steepest.proofreading.causes.surroundings import find_bodies
from steepest.proofreading.meaning.document_model import DocumentModel
from steepest.proofreading.reading.tree import Node, make, number, same, swap, symbol, times, walk
from steepest.proofreading.values.comparison import Comparison, compared

# Ratios are taken where the right side is well above round-off; where it is not, the left side must vanish as well.
_LARGE, _VANISHING, _FEWEST = 1e-7, 1e-6, 4
_EXACT, _APPROXIMATE = 1e-6, 1e-3  # relative tolerance of a ratio; an approximation leaves terms of that size out
_RARE = {rf"{sign}\frac{{{a}}}{{{b}}}" for sign in ("", "-") for a in range(1, 65) for b in range(3, 65)}
_RARE |= {r"\frac{3}{2}", r"-\frac{3}{2}"}
"""Factors that are tried last: another change is the likelier mistake."""

_POSITIVE = [Fraction(text) for text in ["1", "2", "3", "4", "1/2", "1/3", "1/4", "3/2", "2/3", "5", "6", "8"]]
_USUAL = [*_POSITIVE, *(-value for value in _POSITIVE)]
_PLAIN = ("1", "2", "-1", r"\frac{1}{2}", "-2")
_EVERYWHERE = 10**6  # a statement index after every statement: all definitions count

_SERIES = (1, 2, 3, 4, 6, 8, 24)
"""Numbers in the coefficients of Taylor series, 1/n! and powers of 2."""

_STEEP, _FEWEST_STEEP = 1e-6, 2  # at so many points the side must change by more than round-off when the number does
_SAME = 1e-6  # relative; by how much the number that each point asks for may differ
_SMALL_DENOMINATOR, _LARGE_DENOMINATOR = 20, 1000  # a fraction as people write it, else a decimal number


def find_factor(mismatch: Mismatch, writer: Writer, comparison: Comparison, simple: bool) -> Diagnosis | None:
    """Diagnose a constant factor between the sides; ``simple`` leaves out unlikely ones, such as 2/3."""
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
    if named is None or (simple and named[1] in _RARE):
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
    choices = [(float(value), as_node(value), fraction(value)) for value in _USUAL]
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


def _factors_of_size(base: str, size: int) -> Iterator[tuple[float, Node, str]]:
    """Yield 1/n, 2/n, n and n/2 with either sign."""
    letter = symbol(base)
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


def find_number(mismatch: Mismatch, verifier: Verifier, writer: Writer, comparison: Comparison) -> Diagnosis | None:
    """Diagnose a wrong number: every point asks for the same other value in its place."""
    for part in _numbers(mismatch.node):
        usual = (Fraction(v) for v in _SERIES if not same(part, number(v)))
        for value in usual if mismatch.is_series else _wanted(mismatch, part, comparison):
            new = as_node(value)
            changed = swap(mismatch.node, part, new)
            if verifier.agrees(mismatch, changed):
                opposite = not mismatch.is_series and value == -Fraction(str(part.value))
                message = sentence("number", str(part.value), fraction(value))
                corrected = writer.spliced(mismatch.side, part, new)
                return Diagnosis("sign" if opposite else "factor", message, corrected, changed)
    return None


def _numbers(node: Node) -> Iterator[Node]:
    """Yield the numbers of a tree outside exponents, indices and limits of sums."""
    apart = set()
    for part in walk(node):
        inner = part.args if part.kind == "symbol" else part.args[1:] if part.kind in ("sum", "product") else ()
        inner = part.args[1:2] if part.kind == "power" else inner
        apart |= {id(n) for a in inner for n in walk(a)}
    return (part for part in walk(node) if part.kind == "number" and id(part) not in apart)


def _wanted(mismatch: Mismatch, part: Node, comparison: Comparison) -> Iterator[Fraction]:
    """Yield the number that makes the sides equal at all points if it takes the place of a number.

    The side is taken to be linear in the number: its slope is found by adding 1; whether the side is linear shows when
    the changed line is verified.
    """
    value = float(part.value)
    moved_node = swap(mismatch.node, part, make("number", (), repr(value + 1)))
    index, how = mismatch.statement_index, mismatch.interpretation
    moved = compared(mismatch.document, mismatch.truth, moved_node, index, how)
    if moved is None or moved.right.shape != comparison.right.shape:
        return
    slope = moved.right - comparison.right
    steep = np.abs(slope) > _STEEP
    if steep.sum() < _FEWEST_STEEP:
        return
    wanted = value + (comparison.left - comparison.right)[steep] / slope[steep]
    middle = float(np.median(wanted))
    simple = Fraction(middle).limit_denominator(_SMALL_DENOMINATOR)
    if abs(float(simple) - middle) > 1e-9:
        simple = Fraction(middle).limit_denominator(_LARGE_DENOMINATOR)
    if not np.any(np.abs(wanted - middle) > _SAME * max(1, abs(middle))) and abs(float(simple) - middle) <= _SAME:
        yield simple


def fraction(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return rf"{'-' if value < 0 else ''}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def as_node(value: Fraction) -> Node:
    if value.denominator == 1:
        return number(value.numerator)
    if value.denominator in (10, 20, 25, 50, 100, 200, 250, 500, 1000):
        return number(f"{float(value):g}")
    return make("divide", (number(value.numerator), number(value.denominator)))
