"""Finds one number of a line that should be another."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from steepest.proofreading.causes.latex import Writer
from steepest.proofreading.causes.mismatch import Diagnosis, Mismatch
from steepest.proofreading.causes.sentences import sentence
from steepest.proofreading.causes.verifier import Verifier
from steepest.proofreading.reading.tree import Node, make, number, same, swap, walk
from steepest.proofreading.values.comparison import Comparison, compare
from steepest.proofreading.values.errors import ShapeClashError, UndecidedError
from steepest.proofreading.values.fitting import as_node, fraction

_SERIES = (1, 2, 3, 4, 6, 8, 24)
"""Numbers in the coefficients of Taylor series, 1/n! and powers of 2."""

_STEEP, _FEWEST = 1e-6, 2  # at so many points the side must change by more than round-off when the number does
_SAME = 1e-6  # relative; by how much the number that each point asks for may differ
_SMALL_DENOMINATOR, _LARGE_DENOMINATOR = 20, 1000  # a fraction as people write it, else a decimal number


def find_number(mismatch: Mismatch, verifier: Verifier, writer: Writer, comparison: Comparison) -> Diagnosis | None:
    """Diagnose a wrong number: every point asks for the same other value in its place."""
    for part in _numbers(mismatch.node):
        if mismatch.is_series:
            values: Iterator[Fraction] = (Fraction(v) for v in _SERIES if not same(part, number(v)))
        else:
            values = _wanted(mismatch, part, comparison)
        for value in values:
            new = as_node(value)
            changed = swap(mismatch.node, part, new)
            if verifier.agrees(mismatch, changed):
                opposite = not mismatch.is_series and value == -Fraction(str(part.value))
                return Diagnosis(
                    "sign" if opposite else "factor",
                    sentence("number", str(part.value), fraction(value)),
                    writer.spliced(mismatch.side, part, new),
                    changed,
                )
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
    try:
        moved = compare(
            mismatch.document, mismatch.truth, moved_node, mismatch.statement_index, mismatch.interpretation
        )
    except (ShapeClashError, UndecidedError):
        return
    if moved.right.shape != comparison.right.shape:
        return
    slope = moved.right - comparison.right
    steep = np.abs(slope) > _STEEP
    if steep.sum() < _FEWEST:
        return
    wanted = value + (comparison.left - comparison.right)[steep] / slope[steep]
    middle = float(np.median(wanted))
    simple = Fraction(middle).limit_denominator(_SMALL_DENOMINATOR)
    if abs(float(simple) - middle) > 1e-9:
        simple = Fraction(middle).limit_denominator(_LARGE_DENOMINATOR)
    if not np.any(np.abs(wanted - middle) > _SAME * max(1, abs(middle))) and abs(float(simple) - middle) <= _SAME:
        yield simple
