"""Values of a cost with many digits, from its graph and the exact inputs.

Every number is evaluated on its own, by its node, row and place, and only if something needs it: the branch of a
``where`` that is not taken has no say. Nothing is taken from the library but the graph.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import mpmath as mp
import numpy as np

from steepest.expressions.expression import CONSTANT, DATA, PARAMETER, Expression

Index = tuple[int, ...]
Key = tuple[Expression, int, Index]

LARGEST_EXPONENT = 3000
"""A larger argument of an exponential is refused: its result has too many digits before or after the point."""


class UndefinedError(ArithmeticError):
    """A value that is needed is not a finite real number, or is out of this evaluator's range."""


def _exp(x: mp.mpf) -> mp.mpf:
    if abs(x) > LARGEST_EXPONENT:
        raise UndefinedError(f"exp({mp.nstr(x, 5)})")
    return mp.exp(x)


def _power(x: mp.mpf, y: mp.mpf) -> mp.mpf:
    if x == 0 and y < 0:
        raise UndefinedError("a negative power of 0")
    if x != 0 and abs(mp.log(abs(x)) * y) > LARGEST_EXPONENT:
        raise UndefinedError("a power out of range")
    if y == int(y) and abs(y) < 1e6:
        return x ** int(y)
    if x < 0:
        raise UndefinedError("a power of a negative number")
    return mp.power(x, y)


def _tanh(x: mp.mpf) -> mp.mpf:
    tail = _exp(-2 * abs(x))
    size = (1 - tail) / (1 + tail)
    return size if x >= 0 else -size


def _positive(function: Callable[[mp.mpf], mp.mpf], low: int = 0, closed: bool = False) -> Callable[[mp.mpf], mp.mpf]:
    def checked(x: mp.mpf) -> mp.mpf:
        if x < low or (x == low and not closed):
            raise UndefinedError(f"outside of the domain: {mp.nstr(x, 5)}")
        return function(x)

    return checked


def _divide(x: mp.mpf, y: mp.mpf) -> mp.mpf:
    if y == 0:
        raise UndefinedError("division by 0")
    return x / y


SMOOTH: dict[str, Callable[..., mp.mpf]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": _divide,
    "negate": lambda x: -x,
    "power": _power,
    "exp": _exp,
    "log": _positive(mp.log),
    "log1p": _positive(lambda x: mp.log(1 + x), -1),
    "expm1": lambda x: _exp(x) - 1,
    "sqrt": _positive(mp.sqrt, closed=True),
    "hypot": lambda x, y: mp.sqrt(x * x + y * y),
    "logaddexp": lambda x, y: max(x, y) + mp.log(1 + _exp(-abs(x - y))),  # the branch leaves no kink
    "sin": mp.sin,
    "cos": mp.cos,
    "arctan": mp.atan,
    "tanh": _tanh,
    "sigmoid": lambda x: 1 / (1 + _exp(-x)),
    "softplus": lambda x: mp.log(1 + _exp(-abs(x))) + max(x, mp.mpf(0)),  # the branch leaves no kink
}
"""What has no branch, by name: a function of numbers."""

TRUTHS: dict[str, Callable[[mp.mpf], bool]] = {
    "less": lambda d: d < 0,
    "less_equal": lambda d: d <= 0,
    "greater": lambda d: d > 0,
    "greater_equal": lambda d: d >= 0,
    "equal": lambda d: d == 0,
    "not_equal": lambda d: d != 0,
}
"""Comparisons, from the difference of the two numbers."""


class Evaluator:
    """The numbers of a cost at a point, of which one element may be moved.

    Args:
        values: a value for each name.
        rows: the number of samples.
        moved: the parameter and element that is moved, by ``change``; nodes that do not depend on it are taken from
            ``still``, as are arguments of ``stop_gradient``.
        jitter: a seed: the result of each operation without branches, and the change of every number by the move, is
            then wrong by up to half a unit of double precision, by the same factor however often it is computed.
            ``plain`` is the evaluator without: branches are taken as it says.
    """

    def __init__(
        self, values: Mapping[str, Any], rows: int, moved: tuple[str, Index, Any] | None = None,
        still: Evaluator | None = None, depends: frozenset[Expression] = frozenset(),
        jitter: int | None = None, plain: Evaluator | None = None,
    ) -> None:  # fmt: skip
        self.values, self.rows, self.moved, self.still, self.depends = values, rows, moved, still, depends
        self.jitter, self.plain = jitter, plain or self
        self.known: dict[Key, mp.mpf] = {}
        self.distances: dict[Any, mp.mpf] = {}
        self.smallest, self.largest = mp.mpf(1), mp.mpf(1)

    def at(self, node: Expression, row: int, index: Index) -> mp.mpf:
        """Return one number of a node: of a row, if it has one for each, and of a place, if it has a shape."""
        key = (node, row if node.per_sample else -1, index if node.shape else ())
        if self.still is not None and node not in self.depends:
            return self.still.at(*key)
        if key not in self.known:
            found = self._number(*key)
            if not mp.isfinite(found):
                raise UndefinedError(f"not finite: {node.operation.name}")
            if self.jitter is not None:
                found *= self._rounding("value", *key) if node.operation.name in SMOOTH else 1
                if self.still is not None:
                    still = self.still.at(*key)
                    found = still + (found - still) * self._rounding("change", *key)
            self.seen(found)
            self.known[key] = found
        return self.known[key]

    def _rounding(self, what: str, node: Expression, *place: Any) -> mp.mpf:
        drawn = random.Random(f"{self.jitter} {what} {node.uid} {place}").uniform(-1, 1)
        return 1 + mp.mpf(drawn) * mp.mpf(2) ** -53

    def seen(self, number: mp.mpf) -> None:
        """Keep the smallest and largest sizes of numbers other than 0."""
        size = abs(number)
        if size:
            self.smallest, self.largest = min(self.smallest, size), max(self.largest, size)

    def _number(self, node: Expression, row: int, index: Index) -> mp.mpf:
        operation, name = node.operation, node.operation.name
        if operation is CONSTANT:
            return mp.mpf(float(node.value))
        if operation in (DATA, PARAMETER):
            array = np.asarray(self.values[node.name])
            found = mp.mpf(float(array[(row, *index) if node.per_sample else index]))
            if self.moved and self.moved[:2] == (node.name, index):
                found += self.moved[2]
            return found
        if name in SMOOTH:
            return SMOOTH[name](*(self.at(arg, row, index) for arg in node.args))
        special = getattr(self, "_" + name, None)
        if special is None and name not in TRUTHS:
            raise AssertionError(f"exact_values.py does not know {name}; add it")
        if special is None:
            return mp.mpf(TRUTHS[name](self.decided(*node.args, row, index)))
        return special(node, row, index)

    def decided(self, a: Expression, b: Expression | None, row: int, index: Index) -> mp.mpf:
        """Return a − b, by which a branch is chosen."""
        plain = self.plain
        distance = plain.at(a, row, index) - (plain.at(b, row, index) if b is not None else 0)
        return self.branched((a, b, row, index), distance)

    def branched(self, key: Any, distance: mp.mpf) -> mp.mpf:
        """Keep and return a number by whose sign a branch is chosen."""
        self.seen(distance)
        self.distances[key] = distance
        return distance

    # -- operations with branches ------------------------------------------------------------------------------

    def _where(self, node: Expression, row: int, index: Index) -> mp.mpf:
        condition, x, y = node.args
        return self.at(x if self.decided(condition, None, row, index) != 0 else y, row, index)

    def _sided(self, node: Expression, row: int, index: Index, below: int, above: int) -> mp.mpf:
        (x,) = node.args
        factor = above if self.decided(x, None, row, index) >= 0 else below
        return factor * self.at(x, row, index) if factor else mp.mpf(0)

    def _relu(self, *key: Any) -> mp.mpf:
        return self._sided(*key, 0, 1)

    def _leaky_relu(self, *key: Any) -> mp.mpf:
        return self._sided(*key, mp.mpf(0.01), 1)

    def _abs(self, *key: Any) -> mp.mpf:
        return self._sided(*key, -1, 1)

    def _step(self, node: Expression, row: int, index: Index) -> mp.mpf:
        return mp.mpf(self.decided(node.args[0], None, row, index) >= 0)

    def _sign(self, node: Expression, row: int, index: Index) -> mp.mpf:
        return mp.mpf(mp.sign(self.decided(node.args[0], None, row, index)))

    def _maximum(self, node: Expression, row: int, index: Index) -> mp.mpf:
        return self.at(node.args[self.decided(*node.args, row, index) < 0], row, index)

    def _minimum(self, node: Expression, row: int, index: Index) -> mp.mpf:
        return self.at(node.args[self.decided(*node.args, row, index) > 0], row, index)

    def _one_hot(self, node: Expression, row: int, index: Index) -> mp.mpf:
        distance = self.plain.at(node.args[0], row, ()) - index[0]
        return mp.mpf(self.branched((node, row, index), distance) == 0)

    def _largest(self, node: Expression, row: int, index: Index) -> mp.mpf:
        (x,) = node.args
        best, *others = places(x)
        for other in others:
            distance = self.plain.at(x, row, other) - self.plain.at(x, row, best)
            best = other if self.branched((node, row, other), distance) > 0 else best
        return self.at(x, row, best)

    # -- operations of several elements ------------------------------------------------------------------------

    def _dot(self, node: Expression, row: int, index: Index) -> mp.mpf:
        a, b = node.args
        return mp.fsum(self.at(a, row, (k,)) * self.at(b, row, (k,)) for k in range(a.shape[0]))

    def _matmul(self, node: Expression, row: int, index: Index) -> mp.mpf:
        a, b = node.args
        left, right = index[: len(a.shape) - 1], index[len(a.shape) - 1 :]
        return mp.fsum(self.at(a, row, (*left, k)) * self.at(b, row, (k, *right)) for k in range(b.shape[0]))

    def _outer(self, node: Expression, row: int, index: Index) -> mp.mpf:
        return self.at(node.args[0], row, index[:1]) * self.at(node.args[1], row, index[1:])

    def _transpose(self, node: Expression, row: int, index: Index) -> mp.mpf:
        return self.at(node.args[0], row, index[::-1])

    def _expand(self, node: Expression, row: int, index: Index) -> mp.mpf:
        return self.at(node.args[0], row, ())

    def _stop_gradient(self, node: Expression, row: int, index: Index) -> mp.mpf:
        return (self.still or self).at(node.args[0], row, index)

    def _sum(self, node: Expression, row: int, index: Index) -> mp.mpf:
        return mp.fsum(self.at(node.args[0], row, place) for place in places(node.args[0]))

    def _softmax(self, node: Expression, row: int, index: Index) -> mp.mpf:
        return _exp(self._log_softmax(node, row, index))

    def _logsumexp(self, node: Expression, row: int, index: Index) -> mp.mpf:
        return self.log_sum(node, row)

    def _log_softmax(self, node: Expression, row: int, index: Index) -> mp.mpf:
        return self.at(node.args[0], row, index) - self.log_sum(node, row)

    def log_sum(self, node: Expression, row: int) -> mp.mpf:
        """Return the logarithm of the sum of exponentials that a softmax divides by."""
        (x,) = node.args
        top = max(self.plain.at(x, row, place) for place in places(x))
        found = top + mp.log(mp.fsum(_exp(self.at(x, row, place) - top) for place in places(x)))
        if self.jitter is not None and self.still is not None:
            still = self.still.log_sum(node, row)
            found = still + (found - still) * self._rounding("log_sum", node, row)
        return found

    def _count(self, node: Expression, row: int, index: Index) -> mp.mpf:
        return mp.mpf(self.rows)

    def _total(self, node: Expression, row: int, index: Index) -> mp.mpf:
        return mp.fsum(self.at(node.args[0], k, index) for k in range(self.rows))

    def _mean(self, node: Expression, row: int, index: Index) -> mp.mpf:
        return self._total(node, row, index) / self.rows

    def _total_outer(self, node: Expression, row: int, index: Index) -> mp.mpf:
        a, b = node.args
        return mp.fsum(self.at(a, k, index[:1]) * self.at(b, k, index[1:]) for k in range(self.rows))


def places(node: Expression) -> list[Index]:
    """Return the places of a node's elements."""
    return list(product(*map(range, node.shape)))


KNOWN = {*SMOOTH, *TRUTHS} | {name[1:] for name in vars(Evaluator) if name[0] == "_" and name[1] != "_"}
"""The operations that are evaluated, and a few words that are none."""
