"""Evaluate expressions in higher precision: the truth that decides where double precision cannot.

Every number is an mpmath number of as many bits as asked for and with an exponent of any size, so that nothing
overflows or underflows. Expressions are evaluated as they are written, without the rewrites of the engines, and a
branch that ``where`` does not take does not matter.

Source: mpmath, https://mpmath.org; Griewank and Walther 2008, chapter 2, for the order of evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mpmath
import numpy as np

from steepest.errors import GradientError
from steepest.expressions.expression import CONSTANT, DATA, PARAMETER, Expression, transform, with_args
from steepest.expressions.traversal import toposort

mp = mpmath.mp.clone()  # with a precision of its own
Number = Any
"""An mpmath number, or an array of them."""

FUNCTION_UNITS = 15
"""What a function takes, in units of an arithmetic operation, about."""

_MOST_MAGNITUDE = 20_000  # bits of an argument of the exponential function; beyond, the result has no use


def _exp(x: Any) -> Any:
    if mp.isnan(x) or mp.mag(x) < _MOST_MAGNITUDE:
        return mp.exp(x)
    return mp.inf if x > 0 else mp.zero


def _log(x: Any) -> Any:
    if mp.isnan(x) or x < 0:
        return mp.nan
    return mp.log(x) if x else -mp.inf


def _expm1(x: Any) -> Any:
    return mp.expm1(x) if mp.isnan(x) or abs(x) < 1 else _exp(x) - 1


def _log1p(x: Any) -> Any:
    return mp.log1p(x) if abs(x) < 0.5 else _log(1 + x)


def _divide(x: Any, y: Any) -> Any:
    if y:
        return x / y
    return mp.nan if not x or mp.isnan(x) else mp.inf * mp.sign(x)


def _power(x: Any, y: Any) -> Any:
    if y == 0 or x == 1:
        return mp.one
    if mp.isnan(x) or mp.isnan(y):
        return mp.nan
    whole = mp.isint(y)
    if x == 0:
        return mp.zero if y > 0 else mp.inf
    if x < 0 and not whole:
        return mp.nan
    if whole and abs(y) < 2**20:
        return x ** int(y)
    size = _exp(y * mp.log(abs(x)))
    return -size if x < 0 and whole and int(y) % 2 else size


def _sqrt(x: Any) -> Any:
    return mp.nan if x < 0 else mp.sqrt(x)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + _exp(-x))


def _softplus(x: Any) -> Any:
    return _log1p(_exp(x)) if x < 0 else x + _log1p(_exp(-x))


def _tanh(x: Any) -> Any:
    e = _expm1(-2 * abs(x))
    return -e / (2 + e) * mp.sign(x)


def _circular(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: function(x) if mp.isfinite(x) and mp.mag(x) < _MOST_MAGNITUDE else mp.nan


def _remainder(x: Any, y: Any) -> Any:
    if not mp.isfinite(x) or mp.isnan(y) or y == 0:
        return mp.nan
    if mp.isinf(y) or mp.mag(x) - mp.mag(y) > _MOST_MAGNITUDE:
        return x if mp.isinf(y) else mp.nan
    found = mp.fmod(abs(x), abs(y))
    return found if x >= 0 else -found


def _larger(x: Any, y: Any) -> Any:
    return x if x >= y or mp.isnan(x) else y


def _smaller(x: Any, y: Any) -> Any:
    return x if x <= y or mp.isnan(x) else y


def _truth(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    return lambda x, y: mp.one if compare(x, y) else mp.zero


_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "negate": lambda x: -x,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "divide": _divide,
    "power": _power,
    "exp": _exp,
    "log": _log,
    "log1p": _log1p,
    "expm1": _expm1,
    "sqrt": _sqrt,
    "sin": _circular(mp.sin),
    "cos": _circular(mp.cos),
    "arctan": mp.atan,
    "floor": lambda x: mp.floor(x) if mp.isfinite(x) else x,
    "fmod": _remainder,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "abs": abs,
    "sign": lambda x: mp.mpf(mp.sign(x)),
    "maximum": _larger,
    "minimum": _smaller,
    "where": lambda c, x, y: x if c != 0 else y,
    "less": _truth(lambda x, y: x < y),
    "less_equal": _truth(lambda x, y: x <= y),
    "greater": _truth(lambda x, y: x > y),
    "greater_equal": _truth(lambda x, y: x >= y),
    "equal": _truth(lambda x, y: x == y),
    "not_equal": _truth(lambda x, y: x != y),
}
_ELEMENTWISE = {
    name: np.frompyfunc(function, function.__code__.co_argcount if hasattr(function, "__code__") else 1, 1)
    for name, function in _FUNCTIONS.items()
} | _ARITHMETIC
_UNITS = {
    **dict.fromkeys(_FUNCTIONS, FUNCTION_UNITS),
    **dict.fromkeys(("where", "maximum", "minimum", "abs", "divide"), 2),
}


def _axes(node: Expression) -> tuple[int, ...]:
    return tuple(range(-len(node.args[0].shape), 0))


def _column(x: Any, extra: int) -> Any:
    return np.asarray(x)[(..., *(None,) * extra)] if extra else x


def _one_hot(node: Expression, x: Any) -> Any:
    classes = np.arange(node.shape[0])
    return np.frompyfunc(lambda a, k: mp.nan if mp.isnan(a) else mp.mpf(a == int(k)), 2, 1)(_column(x, 1), classes)


def _matmul(node: Expression, x: Any, y: Any) -> Any:
    a, b = node.args
    if len(a.shape) == 1 and len(b.shape) == 1:
        return (x * y).sum(axis=-1)
    if len(a.shape) == 1:
        return (x[..., :, None] * y).sum(axis=-2)
    if len(b.shape) == 1:
        return (x * y[..., None, :]).sum(axis=-1)
    return (x[..., :, :, None] * y[..., None, :, :]).sum(axis=-2)


_STRUCTURAL: dict[str, Callable[..., Any]] = {
    "sum": lambda node, x: x.sum(axis=_axes(node)),
    "largest": lambda node, x: np.asarray(x).max(axis=_axes(node)),
    "total": lambda node, x: x.sum(axis=0),
    "transpose": lambda node, x: np.swapaxes(x, -1, -2),
    "outer": lambda node, x, y: x[..., :, None] * y[..., None, :],
    "total_outer": lambda node, x, y: (x[..., :, None] * y[..., None, :]).sum(axis=0),
    "expand": lambda node, x: np.broadcast_to(_column(x, len(node.shape)), np.shape(x) + node.shape),
    "one_hot": _one_hot,
    "matmul": _matmul,
    "dot": _matmul,
}


def _expanded(roots: Sequence[Expression]) -> list[Expression]:
    """Write operations that are not known here by those that are."""

    def visit(node: Expression, args: tuple[Expression, ...]) -> Expression:
        known = node.operation.name in _ELEMENTWISE or node.operation.name in _STRUCTURAL
        if node.operation.expansion is not None and not known:
            return node.operation.expansion(*args)
        return with_args(node, args)

    new = transform(roots, visit)
    return [new[root] for root in roots]


exactly = np.frompyfunc(mp.mpf, 1, 1)
"""Converts doubles, which are exact, one by one."""


class Precise:
    """Expressions that are evaluated in higher precision near one point.

    Args:
        roots: the expressions.
        arrays: a double or array for every name, ``(rows, …)`` for data columns.
        rows: the number of samples.

    Raises:
        GradientError: an operation is not known here and has no expansion.
    """

    def __init__(self, roots: Sequence[Expression], arrays: Mapping[str, Any], rows: int) -> None:
        self._arrays, self._rows = arrays, rows
        self._roots = _expanded(roots)
        self._nodes = toposort(self._roots)
        for node in self._nodes:
            name = node.operation.name
            if node.args and name not in _ELEMENTWISE and name not in _STRUCTURAL:
                raise GradientError(f"the operation {name!r} is not known in higher precision")
        self._base: dict[int, dict[Expression, Any]] = {}
        self._largest: dict[int, Any] = {}

    @property
    def units(self) -> int:
        """What one evaluation takes, in arithmetic operations, about."""
        found = 0
        for node in self._nodes:
            size = max((_size(each, self._rows) for each in (node, *node.args)), default=1)
            if node.operation.name == "matmul":
                size *= node.args[0].shape[-1]
            found += size * _UNITS.get(node.operation.name, 1) if node.args else 0
        return found

    def __call__(self, bits: int, moved: Mapping[str, Any] | None = None) -> list[Any]:
        """Return the values of the roots, with some parameters at other values."""
        with mp.workprec(bits):
            if bits not in self._base:
                self._base[bits] = self._values({}, frozenset())
            known = self._base[bits]
            if not moved:
                return [known[root] for root in self._roots]
            found = self._values(known, frozenset(moved), moved)
            return [found.get(root, known[root]) for root in self._roots]

    def largest(self, bits: int) -> Any:
        """Return the largest magnitude of a finite value on the way."""
        if bits not in self._largest:
            values = (item for value in self._base[bits].values() for item in np.asarray(value, object).flat)
            self._largest[bits] = max((abs(item) for item in values if mp.isfinite(item)), default=mp.one)
        return self._largest[bits]

    def _values(
        self, known: Mapping[Expression, Any], moved: frozenset[str], at: Mapping[str, Any] | None = None
    ) -> dict[Expression, Any]:
        """Evaluate the nodes that depend on what is moved; all, if nothing is known."""
        found: dict[Expression, Any] = {}
        for node in self._nodes:
            if not node.args:
                if node.name in moved:
                    found[node] = (at or {})[node.name]
                elif not known:
                    found[node] = self._leaf(node)
            elif not known or any(arg in found for arg in node.args):
                args = [found[arg] if arg in found else known[arg] for arg in node.args]
                found[node] = _apply(node, args)
        return found

    def _leaf(self, node: Expression) -> Any:
        if node.operation is CONSTANT:
            return mp.mpf(node.value)
        if node.operation in (DATA, PARAMETER):
            return exactly(np.asarray(self._arrays[node.name], dtype=float))
        return mp.mpf(self._rows)  # the number of samples


def _size(node: Expression, rows: int) -> int:
    return int(np.prod(node.shape, dtype=int)) * (rows if node.per_sample else 1)


def _apply(node: Expression, args: list[Any]) -> Any:
    name = node.operation.name
    if name in _STRUCTURAL:
        return _STRUCTURAL[name](node, *args)
    rank = len(node.shape)
    lifted = [
        _column(x, rank) if rank and arg.per_sample and not arg.shape else x
        for x, arg in zip(args, node.args, strict=True)
    ]
    return _ELEMENTWISE[name](*lifted)
