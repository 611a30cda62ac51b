"""Bounds of the round-off in the value of a program, by running error analysis.

Every primitive adds half a unit in the last place of its result (one or two for functions) to what it passes on of the
errors of its arguments. The bound holds to first order, so that it does not depend on chance, as estimates from
differences do: an argument that is swallowed whole by a large one shows no noise at all.

Source: Wilkinson 1963, Rounding Errors in Algebraic Processes; Higham 2002, section 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from steepest.calculus.program import Program
from steepest.engines.reference import ELEMENTWISE, STRUCTURAL, Compiled
from steepest.expressions.expression import DATA, PARAMETER, Expression

Values = tuple[Any, ...]

_PASSED: dict[str, Callable[[Values, Values, Any], Any]] = {
    "add": lambda x, e, r: e[0] + e[1],
    "subtract": lambda x, e, r: e[0] + e[1],
    "multiply": lambda x, e, r: np.abs(x[0]) * e[1] + np.abs(x[1]) * e[0],
    "divide": lambda x, e, r: (e[0] + np.abs(r) * e[1]) / np.abs(x[1]),
    "negate": lambda x, e, r: e[0],
    "power": lambda x, e, r: (
        np.where(e[0] > 0, np.abs(x[1] * np.abs(x[0]) ** (x[1] - 1)) * e[0], 0)
        + np.where(e[1] > 0, np.abs(r * np.log(np.abs(x[0]))) * e[1], 0)
    ),
    "exp": lambda x, e, r: np.abs(r) * e[0],
    "expm1": lambda x, e, r: np.abs(r + 1) * e[0],
    "log": lambda x, e, r: e[0] / np.abs(x[0]),
    "log1p": lambda x, e, r: e[0] / np.abs(1 + x[0]),
    "sqrt": lambda x, e, r: np.minimum(e[0] / (2 * r), np.sqrt(e[0])),
    "sin": lambda x, e, r: e[0],
    "cos": lambda x, e, r: e[0],
    "arctan": lambda x, e, r: e[0] / (1 + x[0] ** 2),
    "floor": lambda x, e, r: np.where(np.floor(x[0] - e[0]) == np.floor(x[0] + e[0]), 0.0, 1.0),
    "fmod": lambda x, e, r: e[0] + np.abs((x[0] - r) / x[1]) * e[1],
    "tanh": lambda x, e, r: np.minimum(e[0], 4 * np.exp(-2 * np.abs(x[0])) * e[0]),
    "sigmoid": lambda x, e, r: np.exp(-np.abs(x[0])) * e[0],
    "softplus": lambda x, e, r: np.minimum(1, np.exp(x[0])) * e[0],
    "abs": lambda x, e, r: e[0],
    "maximum": lambda x, e, r: np.maximum(e[0], e[1]),
    "minimum": lambda x, e, r: np.maximum(e[0], e[1]),
    "where": lambda x, e, r: np.where(x[0] != 0, e[1], e[2]),
}
"""What an elementwise primitive passes on of errors ``e`` of arguments ``x`` to its result ``r``, without its own."""

_WITHOUT_ERROR = frozenset(
    (
        "sign",
        "floor",
        "fmod",
        "less",
        "less_equal",
        "greater",
        "greater_equal",
        "equal",
        "not_equal",
        "one_hot",
        "negate",
        "abs",
    )
)  # exact results; whether a comparison is decided rightly is another question
_SELECTING = frozenset(("where", "maximum", "minimum", "largest", "transpose", "expand"))
_FUNCTION = 2.0  # units in the last place that an elementary function may be off


class RoundOff:
    """A program whose values come with bounds of their round-off.

    Args:
        program: the program.
        dtype: the precision in which it is run.
    """

    def __init__(self, program: Program, dtype: str = "float64") -> None:
        self._program = program
        nodes = program.nodes
        self._compiled = Compiled(Program(nodes, nodes), dtype)
        self._unit = float(np.finfo(dtype).eps) / 2
        self._tiny = float(np.finfo(dtype).smallest_subnormal)

    def __call__(self, values: Mapping[str, Any], rows: int, given: Mapping[str, Any] | None = None) -> list[Any]:
        """Return a bound of the error of each output; ``given`` has the errors of the names themselves."""
        found = dict(zip(self._program.nodes, self._compiled(values, rows), strict=True))
        errors: dict[Expression, Any] = {}
        with np.errstate(all="ignore"):
            for node in self._program.nodes:
                errors[node] = self._error(node, found, errors, given or {})
        return [errors[output] for output in self._program.outputs]

    def _error(
        self,
        node: Expression,
        found: Mapping[Expression, Any],
        errors: Mapping[Expression, Any],
        given: Mapping[str, Any],
    ) -> Any:
        if not node.args:
            return given.get(node.name, 0.0) if node.operation in (DATA, PARAMETER) else 0.0 * found[node]
        rank = len(node.shape)
        x, e = (
            tuple(
                _column(each[arg], rank) if rank and arg.per_sample and not arg.shape and _aligned(node) else each[arg]
                for arg in node.args
            )
            for each in (found, errors)
        )
        result = found[node]
        name = node.operation.name
        own = 0.0 if name in _SELECTING or name in _WITHOUT_ERROR else self._unit * np.abs(result) + self._tiny
        if name in _PASSED:
            if name not in _SIMPLE:
                own = own * _FUNCTION
            return np.nan_to_num(_PASSED[name](x, e, result), nan=np.inf) + own
        if name in _WITHOUT_ERROR:
            return 0.0 * np.nan_to_num(result)
        if name in STRUCTURAL:
            return self._mixed(node, x, e) + own
        return self._by_values(node, x, e, result) + own * _FUNCTION

    def _by_values(self, node: Expression, x: Values, e: Values, result: Any) -> Any:
        """Return what a primitive that was registered later passes on: how far its value moves with its arguments."""
        kernel = ELEMENTWISE[node.operation.name]
        found = 0.0
        for k, error in enumerate(e):
            for moved in (x[k] + error, x[k] - error):
                there = kernel(*(moved if j == k else each for j, each in enumerate(x)))
                found = np.maximum(found, np.abs(there - result))
        return found * len(e)

    def _mixed(self, node: Expression, x: Values, e: Values) -> Any:
        """Return what a primitive that mixes elements passes on, with the round-off of its sums."""
        name = node.operation.name
        if name == "largest":
            return np.max(np.broadcast_to(e[0], np.shape(x[0])), axis=_axes(node))
        if name in ("sum", "total"):
            axes = _axes(node) if name == "sum" else (0,)
            each = np.broadcast_to(e[0], np.shape(x[0]))
            count = max(int(np.prod([np.shape(x[0])[axis] for axis in axes])), 1)
            return each.sum(axis=axes) + self._sum(count) * np.abs(x[0]).sum(axis=axes)
        if name not in ("matmul", "dot", "outer", "total_outer"):
            return _LINEAR[name](node, np.broadcast_to(e[0], np.shape(x[0])))
        kernel = STRUCTURAL[name](node)
        a, b = np.abs(x[0]), np.abs(x[1])
        ea, eb = np.broadcast_to(e[0], a.shape), np.broadcast_to(e[1], b.shape)
        terms = {"outer": 1, "total_outer": len(a)}.get(name, a.shape[-1])
        return kernel(a, eb) + kernel(ea, b) + self._sum(terms) * kernel(a, b)

    def _sum(self, count: int) -> float:
        """Return the relative round-off of a sum in any order that NumPy may take."""
        return self._unit * (min(count, 128) + math.log2(count + 1)) / 2


_SIMPLE = frozenset(("add", "subtract", "multiply", "divide", "negate", "sqrt", "abs", "maximum", "minimum", "where"))


def _axes(node: Expression) -> tuple[int, ...]:
    return tuple(range(-len(node.args[0].shape), 0))


def _column(x: Any, extra: int) -> Any:
    return x[(..., *(None,) * extra)] if np.ndim(x) else x


def _aligned(node: Expression) -> bool:
    return node.operation.name in _PASSED or node.operation.name in _WITHOUT_ERROR - {"one_hot"}


_LINEAR: dict[str, Callable[[Expression, Any], Any]] = {
    "transpose": lambda node, e: np.swapaxes(e, -1, -2),
    "expand": lambda node, e: np.broadcast_to(_column(e, len(node.shape)), np.shape(e) + node.shape),
}
