r"""Evaluates lines without letters exactly, and compares numbers to the digits that are printed.

``-4.4992 = -4.50`` is right, ``-4.4992 = -4.49`` is not. Where ``3 \cdot 4`` makes a line wrong and 3.4 makes it
right, the dot is a decimal point that a scanner or a typist raised.
"""

from __future__ import annotations

import operator
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from itertools import pairwise

import numpy as np

from steepest.proofreading.reading.tree import Node, function_name, make, transform, walk
from steepest.proofreading.values.functions import apply, is_known

Exact = Fraction | float
_MAX_DIGITS = 400  # beyond the range of floats


def value_of(node: Node) -> Exact | None:
    """Return the value of a tree of numbers, exact where possible; None if it has none."""
    try:
        found = _value(node)
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    return None if isinstance(found, float) and not np.isfinite(found) else found


def _value(node: Node) -> Exact | None:
    args = [_value(a) for a in (node.args[1:] if node.kind == "call" else node.args)]
    values = [a for a in args if a is not None]
    if len(values) < len(args):
        return None
    match node.kind:
        case "number":
            return Fraction(str(node.value)) if len(str(node.value)) < _MAX_DIGITS else None
        case "group":
            return values[0]
        case "negate":
            return -values[0]
        case "add":
            signed = (v if s > 0 else -v for s, v in zip(node.value, values, strict=True))
            return reduce(operator.add, signed, Fraction(0))
        case "multiply":
            return reduce(operator.mul, values, Fraction(1))
        case "divide":
            return values[0] / values[1]
        case "power":
            return _power(values[0], values[1])
        case "abs":
            return values[0] if values[0] >= 0 else -values[0]
        case "sqrt":
            return _power(values[0], Fraction(1, 2))
        case "call" if not node.value:
            return _applied(node, values)
    return None


def _power(base: Exact, exponent: Exact) -> Exact | None:
    match base, exponent:
        case Fraction() as exact, Fraction(denominator=1, numerator=whole) if abs(whole) <= 64:
            return Fraction(exact**whole)
    raised = float(base) ** float(exponent)
    return raised if isinstance(raised, float) else None


def _applied(node: Node, values: list[Exact]) -> Exact | None:
    """Return a function of numbers; max and min stay exact."""
    name = function_name(node.args[0])
    if name in ("max", "min"):
        return max(values) if name == "max" else min(values)
    if not is_known(name) or name == "diag":
        return None
    with np.errstate(all="ignore"):
        return float(apply(name, *(np.array([float(v)]) for v in values))[0])


def decimals(node: Node) -> int:
    """Return the decimals of a printed number; of an expression the fewest of its decimal numbers."""
    digits = [len(str(n.value).partition(".")[2]) for n in walk(node) if n.kind == "number" and "." in str(n.value)]
    return min(digits) if digits else 0


def is_printed(node: Node) -> bool:
    """Return whether this is a single printed number rather than an expression."""
    while node.kind in ("group", "negate"):
        node = node.args[0]
    return node.kind == "number"


def agree(left: Exact, right: Exact, printed: Node, approximate: bool = False) -> bool:
    """Return whether a printed number equals a value to the digits that it has."""
    apart = abs(float(left) - float(right))
    if apart <= 1e-12 * max(1.0, abs(float(right))):
        return True
    places = decimals(printed)
    half = 0.5 * 10.0**-places * (1 + 1e-9)
    if approximate:
        return apart <= 2 * half or apart <= 0.01 * abs(float(left))
    if not is_printed(printed):
        # Both sides are to be worked out: rounding happened in a number with a decimal point, if at all.
        return places >= 3 and apart <= half
    if places == 0:
        return apart < half and _length(left) > 2
    return apart <= half


def _length(value: Exact) -> int:
    """Return the decimals that a value needs, at most 9."""
    if isinstance(value, Fraction):
        return next((places for places in range(9) if (value * 10**places).denominator == 1), 9)
    return 9


def with_points(node: Node) -> Node | None:
    r"""Return the tree with ``0 \cdot 8`` read as 0.8; None if there is no such place."""

    def change(part: Node) -> Node | None:
        if part.kind != "multiply":
            return None
        factors, signs = list(part.args), list(part.value)
        for at, (one, other) in enumerate(pairwise(factors)):
            whole = one.kind == other.kind == "number" and "." not in str(one.value) + str(other.value)
            if whole and signs[at] == "dot":
                joined = make("number", (), f"{one.value}.{other.value}", one.start, other.end)
                rest = [*factors[:at], joined, *factors[at + 2 :]]
                kept = [*signs[:at], *signs[at + 1 :]]
                return joined if len(rest) == 1 else replace(part, args=tuple(rest), value=tuple(kept))
        return None

    changed = transform(node, change)
    return None if changed is node else changed


def written(value: Exact, like: Node) -> str:
    """Return a value with the digits of a printed number, or with as many as it needs."""
    places = max(decimals(like), min(_length(value), 6) if isinstance(value, Fraction) and _length(value) < 9 else 4)
    text = f"{float(value):.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text and places > decimals(like) else text
