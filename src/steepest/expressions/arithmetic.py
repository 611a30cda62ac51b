"""Constant folding: arithmetic on numbers that the parser, the simplifier and programs evaluate early."""

from __future__ import annotations

import math
from collections.abc import Callable

from steepest.expressions.expression import CONSTANT, Expression
from steepest.expressions.traversal import toposort

ROUNDED: dict[str, Callable[..., float]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "negate": lambda x: -x,
}
"""Operations that IEEE 754 rounds correctly, so that folding gives the same bits as an engine."""


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
