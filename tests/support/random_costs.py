"""Random costs at points that are hard: guards, ties, zeros, saturated, tiny and huge numbers.

The costs of strategies.py are smooth where they are evaluated. Those of this file need not be: branches that are not
taken may be undefined or infinite, kinks may be met, and exponentials saturate. Only a cost that has no finite value at
its point is drawn again. The value is found by exact_values.py, apart from the library.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

from exact_slopes import Point
from exact_values import KNOWN, UndefinedError
from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, PARAMETER, Expression, constant, leaf, toposort
from strategies import BASIC, Case

Shape = tuple[int, ...]

LARGEST = 1e120  # a cost beyond this overflows in the squares of an error or a step
MOST_NODES = 45
MOODS = {"moderate": 8, "ties": 4, "saturated": 3, "tiny": 3, "huge": 1}
"""Where points lie, with weights."""

_NUMBERS: dict[str, Callable[[Random], float]] = {
    "moderate": lambda r: r.choice([-1, 1]) * r.randrange(50, 3000) / 1000,
    "ties": lambda r: r.choice([0.0, 0.0, 1.0, -1.0, 1.0, 2.0, 0.5]),
    "saturated": lambda r: r.choice([-1, 1]) * r.choice([40.0, 19.5, 89.0, 300.0, 700.0, 745.5, 12.25]),
    "tiny": lambda r: r.choice([-1, 1]) * 10.0 ** r.choice([-10, -12, -16, -20, -60, -150, -300]) * r.uniform(1, 9),
    "huge": lambda r: r.choice([-1, 1]) * 10.0 ** r.choice([4, 8, 12, 20, 50]) * r.uniform(1, 9),
}
_ONE_ARGUMENT = [
    op.negate, op.exp, op.log, op.log1p, op.expm1, op.sqrt, op.sin, op.cos, op.arctan, op.tanh, op.sigmoid, op.softplus,
    op.relu, op.leaky_relu, op.step, op.absolute, op.sign, op.stop_gradient,
]  # fmt: skip
_COMPARISONS = [op.less, op.less_equal, op.greater, op.greater_equal, op.equal, op.not_equal]


def random_cost(seed: int | str, mood: str | None = None, square: bool = False) -> Case:
    """Return a random cost with a finite value, the same for the same seed; ``square`` for more square matrices."""
    for attempt in range(200):
        random = Random(f"{seed} {attempt}")
        drawn = mood or random.choices(list(MOODS), list(MOODS.values()))[0]
        case = _Maker(random, drawn, square).case()
        if case is not None:
            return case
    raise AssertionError(f"no cost with a finite value was found for the seed {seed}")


def exact_point(case: Case) -> Point:
    """Return the cost at its point for exact slopes."""
    return Point(case.cost, case.values, case.rows)


def described(case: Case) -> str:
    """Return the formula and the point on a line."""
    values = {name: np.asarray(value).tolist() for name, value in case.values.items()}
    return f"{case.cost}  at {values}"


class _Maker:
    def __init__(self, random: Random, mood: str, square: bool) -> None:
        self.random, self.mood, self.square = random, mood, square
        self.rows = random.choice([0, 1, 2, 3, 4])
        self.dims = (random.randrange(1, 4), random.randrange(1, 4))
        if square:
            self.dims = (random.randrange(2, 4),) * 2
        self.values: dict[str, Any] = {}
        self.leaves: list[Expression] = []
        columns = random.choice([1, 2]) if self.rows else 0
        for k in range(random.choice([1, 2, 2, 3])):
            self.add(f"w{k}", PARAMETER)
        for k in range(columns):
            self.add(f"x{k}", DATA)

    # -- numbers and leaves ------------------------------------------------------------------------------------

    def number(self) -> float:
        mood = self.mood if self.random.random() < 0.6 else self.random.choice(["moderate", "moderate", "ties"])
        if self.mood == "moderate":
            mood = "moderate"
        return _NUMBERS[mood](self.random)

    def shape(self) -> Shape:
        d, h = self.dims
        return self.random.choice([(), (), (), (d,), (d,), (d, h), *[(d, h)] * 6 * self.square])

    def add(self, name: str, kind: op.Operation) -> None:
        shape = self.shape()
        full = (self.rows, *shape) if kind is DATA else shape
        numbers = np.array([self.number() for _ in range(math.prod(full))]).reshape(full)
        self.values[name] = numbers if full else float(numbers)
        self.leaves.append(leaf(kind, name, shape))

    def of_shape(self, shape: Shape) -> Expression:
        """A leaf, or something simple made of one, of a shape."""
        fitting = [node for node in self.leaves if node.shape == shape]
        if fitting and self.random.random() < 0.85:
            return self.random.choice(fitting)
        node = self.random.choice(self.leaves)
        if node.shape == shape:
            return node
        if node.shape:
            node = self.random.choice([op.sum_, op.largest])(node)
        return op.expand(node, attributes=shape) if shape else node

    # -- expressions -------------------------------------------------------------------------------------------

    def make(self, shape: Shape, depth: int) -> Expression:
        """A random expression of a shape."""
        if depth <= 0 or self.random.random() < 0.08:
            return self.of_shape(shape)
        kinds: list[tuple[int, Callable[[Shape, int], Expression]]] = [
            (5, self.one), (6, self.two), (5, self.guard), (2, self.clipped), (2, self.choice), (2, self.power),
        ]  # fmt: skip
        kinds.append((4, {0: self.scalar, 1: self.vector, 2: self.matrix}[len(shape)]))
        draw = self.random.choices([kind for _, kind in kinds], [weight for weight, _ in kinds])[0]
        return draw(shape, depth - 1)

    def one(self, shape: Shape, depth: int) -> Expression:
        return self.random.choice(_ONE_ARGUMENT)(self.make(shape, depth))

    def two(self, shape: Shape, depth: int) -> Expression:
        row = self.random.choice(
            [op.add, op.subtract, op.multiply, op.multiply, op.divide, op.maximum, op.minimum, op.hypot, op.logaddexp]
        )
        args = [self.make(shape, depth), self.make(shape if self.random.random() < 0.7 else (), depth - 1)]
        if self.random.random() < 0.3:
            args[1] = constant(self.random.choice([0, 1, 2, -1, 0.5, 3]))
        if self.random.random() < 0.5:
            args.reverse()
        return row(*args)

    def power(self, shape: Shape, depth: int) -> Expression:
        base = self.make(shape, depth)
        if self.random.random() < 0.3:
            return op.power(self.random.choice([base, op.absolute(base), op.relu(base)]), self.make((), depth - 2))
        return base ** self.random.choice([2, 2, 3, -1, 0.5, 1.5, -2, 1, 0, 4])

    def comparison(self, x: Expression) -> Expression:
        bound = self.random.choice([0, 0, 0, 1, 0.5, -1, 1e-10, 30])
        return self.random.choice(_COMPARISONS)(x, bound)

    def risky(self, x: Expression) -> Expression:
        """What is undefined or infinite for some numbers."""
        return self.random.choice([
            op.sqrt, op.log, lambda x: 1 / x, lambda x: x**0.5, lambda x: x**-1.5, lambda x: op.exp(300 * x), op.log1p,
            lambda x: x * op.log(x), lambda x: op.sin(x) / x, lambda x: op.expm1(x) / x, lambda x: op.sqrt(1 - x**2),
            lambda x: op.log(op.exp(x) - 1), lambda x: op.exp(op.exp(x)), lambda x: x / op.absolute(x),
        ])(x)  # fmt: skip

    def guard(self, shape: Shape, depth: int) -> Expression:
        """A choice that guards something risky; both ways round, and nested."""
        x = self.make(shape, depth - 1)
        risky = self.risky(x)
        safe = self.random.choice([
            lambda: constant(0), lambda: constant(1), lambda: x, lambda: x**2, lambda: self.make(shape, depth - 1),
        ])()  # fmt: skip
        if self.random.random() < 0.3:
            y = self.make(shape, depth - 2)
            risky = op.where(self.comparison(y), *self.either(risky / y, safe))
        condition = self.comparison(x if self.random.random() < 0.8 else self.make(shape, depth - 2))
        found = op.where(condition, *self.either(risky, safe))
        return found if found.shape == shape else op.expand(found, attributes=shape)

    def either(self, a: Expression, b: Expression) -> list[Expression]:
        return [a, b] if self.random.random() < 0.5 else [b, a]

    def clipped(self, shape: Shape, depth: int) -> Expression:
        """Clips, norms, roots and powers at their ends."""
        x = self.make(shape, depth)
        return self.random.choice([
            lambda: op.minimum(op.maximum(x, -1), 1), lambda: op.sqrt(op.relu(x)), lambda: op.relu(x) ** 2,
            lambda: op.sqrt(x**2), lambda: op.sqrt(x**2) ** 2, lambda: op.relu(x) ** 1.5, lambda: op.absolute(x) ** 3,
            lambda: op.log(op.maximum(x, 1e-10)), lambda: op.sqrt(op.where(x > 0, x, 1)),
            lambda: op.relu(x) - op.relu(-x), lambda: op.log(op.sigmoid(x)), lambda: op.log(1 + op.exp(x)),
            lambda: 1 - op.tanh(x) ** 2, lambda: op.log(1 - op.sigmoid(x)), lambda: op.maximum(x, x),
            lambda: op.exp(-op.softplus(x)),
        ])()  # fmt: skip

    def choice(self, shape: Shape, depth: int) -> Expression:
        condition = self.make(self.random.choice([shape, ()]), depth - 1)
        if self.random.random() < 0.7:
            condition = self.comparison(condition)
        return op.where(condition, self.make(shape, depth), self.make(shape, depth - 1))

    # -- by rank -----------------------------------------------------------------------------------------------

    def scalar(self, shape: Shape, depth: int) -> Expression:
        d, h = self.dims
        make = self.make
        ways: list[Callable[[], Expression]] = [
            lambda: op.sum_(make(self.random.choice([(d,), (d, h)]), depth)),
            lambda: op.logsumexp(make(self.random.choice([(d,), (d, h)]), depth)),
            lambda: op.largest(make(self.random.choice([(d,), (d, h)]), depth)),
            lambda: op.dot(make((d,), depth), make((d,), depth - 1)),
            lambda: make((h,), depth) @ make((h,), depth - 1),
            lambda: op.log(op.sum_(op.exp(make((d,), depth)))),
            lambda: op.sqrt(op.sum_(make((d,), depth) ** 2)),
            lambda: make((), depth) * op.count() if self.rows else make((), depth),
        ]
        if self.rows:
            ways += [lambda: self.samples(shape, depth)] * 3
        return self.random.choice(ways)()

    def samples(self, shape: Shape, depth: int) -> Expression:
        node = self.make(shape, depth)
        return self.random.choice([op.mean, op.total])(node) if node.per_sample else node

    def vector(self, shape: Shape, depth: int) -> Expression:
        (n,), (d, h), make = shape, self.dims, self.make
        ways: list[Callable[[], Expression]] = [
            lambda: op.softmax(make(shape, depth)),
            lambda: op.log_softmax(make(shape, depth)),
            lambda: op.expand(make((), depth), attributes=shape),
            lambda: op.one_hot(op.absolute(make((), depth)), attributes=shape) * make((), depth),
        ]
        if n == h:
            ways.append(lambda: make((d,), depth) @ make((d, h), depth - 1))
        if n == d:
            ways.append(lambda: make((d, h), depth - 1) @ make((h,), depth))
        if self.rows:
            ways.append(lambda: self.samples(shape, depth))
        return self.random.choice(ways)()

    def matrix(self, shape: Shape, depth: int) -> Expression:
        (d, h), make = shape, self.make
        ways: list[Callable[[], Expression]] = [
            lambda: op.outer(make((d,), depth), make((h,), depth - 1)),
            lambda: op.transpose(op.outer(make((h,), depth), make((d,), depth - 1))),
            lambda: op.expand(make((), depth), attributes=shape),
            lambda: make((d, h), depth - 1) @ op.transpose(make((d, h), depth - 2)) @ make((d, h), depth - 2),
        ]
        if self.rows:
            ways += [lambda: self.samples(shape, depth), lambda: self.total_outer(shape, depth)]
        return self.random.choice(ways)()

    def total_outer(self, shape: Shape, depth: int) -> Expression:
        a, b = self.make(shape[:1], depth), self.make(shape[1:], depth - 1)
        column = next(node for node in self.leaves if node.operation is DATA)
        one = op.sum_(column) if column.shape else column
        return op.total_outer(*(node if node.per_sample else node * one for node in (a, b)))

    # -- one number --------------------------------------------------------------------------------------------

    def case(self) -> Case | None:
        """A cost and its point, or None if it has no finite value or no parameter."""
        node = self.make(self.shape(), self.random.choice([2, 3, 4, 5]))
        cost = self.reduced(node)
        if self.random.random() < 0.3:
            cost = cost + self.reduced(self.make((), 2))
        nodes = toposort([cost])
        if (
            not cost.parameters
            or len(nodes) > MOST_NODES
            or any(n.operation.name not in KNOWN for n in nodes if n.args)
        ):
            return None
        named = {n.name for n in nodes if n.is_leaf and n.name}
        if self.rows and not cost.data:
            return None
        case = Case(cost, {name: self.values[name] for name in self.values if name in named}, self.rows or 1)
        try:
            return case if abs(exact_point(case).value) <= LARGEST else None
        except UndefinedError:
            return None

    def reduced(self, node: Expression) -> Expression:
        if node.shape:
            node = op.sum_(node)
        return self.random.choice([op.mean, op.total])(node) if node.per_sample else node


def operations_left_out(cases: list[Case]) -> set[str]:
    """Return the operations of the table that no cost contains."""
    return {row.name for row in BASIC} - set().union(*(case.operations for case in cases))
