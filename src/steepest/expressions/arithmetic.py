"""Constant folding: arithmetic on numbers that the parser, the simplifier and programs evaluate early.

Programs round as an engine does (``ROUNDED``). Formulas and derivations are folded as on paper: a number is the decimal
that was typed, so that 0.1·3 is 0.3, and what has no short decimal (1/3, a multiple of π) is not folded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from steepest.expressions.expression import CONSTANT, Expression
from steepest.expressions.traversal import toposort

ROUNDED: dict[str, Callable[..., float]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "negate": lambda x: -x,
}
"""Operations that IEEE 754 rounds correctly, so that folding gives the same bits as an engine."""


_ON_PAPER: dict[str, Callable[..., Fraction]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
}


def as_written(value: float) -> Fraction | None:
    """Return a number as the decimal that is typed for it; None for π, whose decimals end too early, ∞ and NaN.

    >>> as_written(0.1), as_written(math.pi)
    (Fraction(1, 10), None)
    """
    if not math.isfinite(value) or abs(value) == math.pi:
        return None
    return Fraction(repr(float(value)))


def as_number(exact: Fraction) -> float | None:
    """Return the number that is typed as an exact decimal; None if no double has this decimal as its shortest.

    >>> as_number(Fraction(3, 10)), as_number(Fraction(1, 3))
    (0.3, None)
    """
    try:
        value = float(exact)
    except OverflowError:
        return None
    return value if Fraction(repr(value)) == exact else None


def folded(operation: str, *numbers: float) -> float | None:
    """Return a sum, difference or product of numbers as on paper; None if it has no short decimal.

    >>> folded("multiply", 0.1, 3), folded("multiply", 2, math.pi)
    (0.3, None)
    """
    if operation == "negate":
        return -numbers[0]
    parts = [as_written(each) for each in numbers]
    exact = [part for part in parts if part is not None]
    if len(exact) < len(parts):
        return None
    value = as_number(_ON_PAPER[operation](*exact))
    # −0 and 0 are one fraction, but two doubles.
    return ROUNDED[operation](*numbers) if value == 0 and ROUNDED[operation](*numbers) == 0 else value


def _power(x: float, y: float) -> float:
    try:
        return math.pow(x, y)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


_WRITTEN: dict[str, Callable[..., float]] = {
    **ROUNDED,
    "divide": lambda x, y: x / y if y else math.nan,
    "power": _power,
}


def number_value(root: Expression) -> float | None:
    """Return the value of arithmetic on numbers; None if the expression has names or functions."""
    value: dict[Expression, float] = {}
    for node in toposort([root]):
        if node.operation is CONSTANT:
            value[node] = node.value
        elif node.operation.name in _WRITTEN:
            value[node] = _WRITTEN[node.operation.name](*(value[arg] for arg in node.args))
        else:
            return None
    return value[root]
