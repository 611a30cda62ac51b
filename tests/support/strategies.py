"""Random costs that draw on every operation of the table, with values at which they are smooth and finite.

A maker keeps the value of every node it builds (computed by meanings.py, apart from the library), so that it can
put an argument inside the domain of the next operation, away from kinks, and within ±8. Nothing is filtered out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from meanings import numpy_evaluate
from steepest.expressions import operations
from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, PARAMETER, Expression, constant, leaf, toposort

MOST_NODES = 40
MOST_SAMPLES = 7
BASIC = [row for row in operations.TABLE if row in vars(operations).values()]
"""The operations of ``operations.py``; those of the other files are made of them."""
LARGEST = 8.0  # no value is larger
CLEAR = 0.2  # what must be positive is at least this
KINK = 0.02  # no value is nearer to a kink


@dataclass(frozen=True)
class Case:
    """A cost of one number, a value for every name in it, and the number of samples."""

    cost: Expression
    values: dict[str, Any]
    rows: int

    @property
    def shapes(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The feature shapes of the data columns and of the parameters, as ``parse`` takes them."""
        found = [node for node in toposort([self.cost]) if node.is_leaf and node.name]
        data = {node.name: node.shape for node in found if node.operation is DATA}
        return data, {node.name: node.shape for node in found if node.operation is PARAMETER}

    @property
    def operations(self) -> set[str]:
        """The names of the operations in the cost."""
        return {node.operation.name for node in toposort([self.cost])}


def make_case(random: Random, without: Collection[str] = ()) -> Case:
    """A random cost; ``without`` names operations that are not to be chosen."""
    maker = _Maker(random)
    rows = [row for row in BASIC if row.name not in without and (maker.rows or not row.over_samples)]
    target = random.randrange(3, MOST_NODES + 1)
    cost = None
    while cost is None or len(toposort([cost])) < target:
        maker.apply(random.choice(rows))
        closed = maker.closed()
        if cost is not None and len(toposort([closed])) > MOST_NODES:
            break
        cost = closed
    values = {node.name: maker.value[node] for node in toposort([cost]) if node.is_leaf and node.name}
    return Case(cost, values, maker.rows or 1)


def random_cases(count: int, seed: int = 0, without: Collection[str] = ()) -> list[Case]:
    """The same ``count`` random cases each time."""
    return [make_case(Random(seed * 1_000_003 + k), without) for k in range(count)]


cases = st.randoms(use_true_random=False).map(make_case)
"""The random costs as a strategy of hypothesis, which shrinks them."""


class _Maker:
    def __init__(self, random: Random) -> None:
        self.random = random
        # Without data the cost is a function of parameters alone.
        self.rows = random.choice([0, *range(1, MOST_SAMPLES + 1)])
        self.dims = (random.randrange(1, 4), random.randrange(1, 4))
        self.value: dict[Expression, Any] = {}
        self.values: dict[str, Any] = {}
        self.unused: list[Expression] = []
        self.built: list[Expression] = []
        self.leaves: list[Expression] = []

    def number(self) -> float:
        """A number that is neither near 0 nor longer than three decimals."""
        return self.random.choice([-1, 1]) * self.random.randrange(100, 2000) / 1000

    def see(self, node: Expression) -> np.ndarray:
        """The value of a node, and of those below it."""
        if node not in self.value:
            self.value.update(numpy_evaluate([node], self.values, self.rows or 1))
        return np.asarray(self.value[node])

    def leaf(self, shape: tuple[int, ...], per_sample: bool | None = None) -> Expression:
        """A data column or parameter: one of those at hand, or a new one."""
        if per_sample is None:
            per_sample = self.random.random() < 0.5
        per_sample = per_sample and bool(self.rows)
        fitting = [x for x in self.leaves if x.shape == shape and x.per_sample == per_sample]
        if fitting and self.random.random() < 0.6:
            return self.random.choice(fitting)
        k = len(self.leaves)
        name = self.random.choice([f"x{k}", f"β{k}", f"no {k}"]) if per_sample else f"w{k}"
        made = leaf(DATA if per_sample else PARAMETER, name, shape)
        full = (self.rows, *shape) if per_sample else shape
        numbers = [self.number() for _ in range(math.prod(full))]
        self.values[name] = np.array(numbers).reshape(full) if full else np.float64(numbers[0])
        self.leaves.append(made)
        return made

    def need(self, shape: tuple[int, ...], per_sample: bool | None = None) -> Expression:
        """A node of a shape, rather one that nothing uses yet."""

        def fits(node: Expression) -> bool:
            return node.shape == shape and (per_sample is None or node.per_sample == per_sample)

        for pool, chance in ((self.unused, 0.8), (self.built, 0.4)):
            fitting = [node for node in pool if fits(node)]
            if fitting and self.random.random() < chance:
                return self.random.choice(fitting)
        return self.leaf(shape, per_sample)

    def shape(self, rank: int | None = None) -> tuple[int, ...]:
        d, h = self.dims
        ranks = [rank] if rank is not None else [0, 0, 0, 1, 2]
        wanted = self.random.choice(ranks)
        return self.random.choice([s for s in ((), (d,), (h,), (d, h), (h, d)) if len(s) == wanted])

    # -- keeping values where they belong ----------------------------------------------------------------------

    def bounded(self, node: Expression, most: float) -> Expression:
        size = float(np.max(np.abs(self.see(node))))
        return node if size <= most else node / constant(math.ceil(10 * size / most) / 10)

    def positive(self, node: Expression) -> Expression:
        """Something that depends on the node and is at least CLEAR."""
        ways: list[Callable[[Expression], Expression]] = [
            lambda x: x,
            op.exp,
            op.softplus,
            op.sigmoid,
            lambda x: op.softplus(x) + 0.25,
            lambda x: 1 + self.bounded(x, 2.5) ** 2,
        ]
        return self.random.choice([w for w in ways if np.min(self.see(w(node))) >= CLEAR and self.small(w(node))])(node)

    def small(self, node: Expression) -> bool:
        return float(np.max(np.abs(self.see(node)))) <= LARGEST

    def off_kinks(self, row: op.Operation, args: list[Expression]) -> list[Expression]:
        """Move the first argument by a number until no value lies near a kink."""
        shifted = args[0]
        for k in range(400):
            tried = [shifted, *args[1:]]
            if all(np.min(np.abs(self.see(kink(*tried)))) >= KINK for kink in row.kinks):
                return tried
            shifted = args[0] + constant((-1) ** k * (k + 1) * 0.05)
        raise AssertionError(f"no shift keeps {row.name} off its kinks")

    # -- applying operations -----------------------------------------------------------------------------------

    def apply(self, row: op.Operation) -> None:
        special = getattr(self, "_" + row.name, None)
        made = special() if special else self.elementwise(row)
        if row.name not in {node.operation.name for node in toposort([made])}:
            raise AssertionError(f"{row.name} was to be applied")
        made = self.bounded(made, LARGEST)
        self.see(made)
        below = set(toposort([made]))
        self.unused = [node for node in self.unused if node not in below] + [made]
        self.built.append(made)

    def elementwise(self, row: op.Operation) -> Expression:
        if row.adjoints or row.shape is not None:
            raise AssertionError(
                f"strategies.py does not know what arguments {row.name} takes; add a method _{row.name}"
            )
        shape = self.shape()
        args = [self.need(shape if self.random.random() < 0.7 else ()) for _ in range(row.arity)]
        args[self.random.randrange(row.arity)] = self.need(shape)
        for k, (low, _) in enumerate(row.domain):
            if low != -math.inf and not (row is op.divide and np.min(np.abs(self.see(args[k]))) >= CLEAR):
                args[k] = self.positive(args[k]) + constant(low) if low else self.positive(args[k])
        if row in (op.exp, op.expm1):
            args[0] = self.bounded(args[0], 2.0)
        if row is op.power:
            args = self.power_arguments(*args)
        if row.arity == 2 and row.kinks and self.random.random() < 0.15:
            args[1] = args[0]  # x == x holds everywhere, so it has no kink
        elif row.kinks:
            args = self.off_kinks(row, args)
        return row(*args)

    def power_arguments(self, base: Expression, exponent: Expression) -> list[Expression]:
        if self.random.random() < 0.6:
            return [base, constant(self.random.choice([2, 2, 3, -1, 0.5, -0.5, 1.5]))]
        return [base, self.bounded(exponent, 2.0)]

    def _where(self) -> Expression:
        shape = self.shape()
        condition = self.need(self.random.choice([shape, ()]))
        if self.random.random() < 0.7:
            args = self.off_kinks(op.less, [condition, self.need(self.random.choice([condition.shape, ()]))])
            condition = self.random.choice([op.less, op.less_equal, op.greater, op.greater_equal])(*args)
        else:
            (condition,) = self.off_kinks(op.relu, [condition])
        return op.where(condition, self.need(shape), self.need(self.random.choice([shape, ()])))

    def _matmul(self) -> Expression:
        d, h = self.dims
        left, right = self.random.choice([((d,), (d,)), ((d,), (d, h)), ((d, h), (h,)), ((d, h), (h, d))])
        return self.need(left) @ self.need(right)

    def _transpose(self) -> Expression:
        return op.transpose(self.need(self.dims))

    def _dot(self) -> Expression:
        return op.dot(self.need(self.dims[:1]), self.need(self.dims[:1]))

    def _outer(self) -> Expression:
        return op.outer(self.need(self.dims[:1]), self.need(self.dims[1:]))

    def _sum(self) -> Expression:
        return op.sum_(self.need(self.random.choice([self.dims[:1], self.dims])))

    def _expand(self) -> Expression:
        shape = self.random.choice([self.dims[:1], self.dims])
        return op.expand(self.need(()), attributes=shape)

    def _largest(self) -> Expression:
        return op.largest(self.distinct(self.random.choice([self.dims[:1], self.dims])))

    def _one_hot(self) -> Expression:
        classes = self.random.randrange(1, 4)
        if self.rows and self.random.random() < 0.7:
            name = f"class{len(self.leaves)}"
            self.values[name] = np.array([float(self.random.randrange(classes)) for _ in range(self.rows)])
            return op.one_hot(leaf(DATA, name), attributes=(classes,))
        # Anything that is not near a class number.
        return op.one_hot(1.5 + self.bounded(self.need(()), 8) / 20, attributes=(classes,))

    def distinct(self, shape: tuple[int, ...]) -> Expression:
        """Features of which the largest is far from the others."""
        node = self.need(shape)
        rank = len(shape)
        flat = self.see(node).reshape(*self.see(node).shape[: self.see(node).ndim - rank], -1)
        ordered = np.sort(flat, axis=-1)
        if flat.shape[-1] == 1 or np.min(ordered[..., -1] - ordered[..., -2]) >= KINK:
            return node
        name = f"rank{len(self.leaves)}"
        rank_of = leaf(PARAMETER, name, shape)
        places = list(range(math.prod(shape)))
        self.random.shuffle(places)
        self.values[name] = np.array(places, dtype=float).reshape(shape) - 1
        self.leaves.append(rank_of)
        return rank_of + 0.1 * op.sin(node)

    def _softmax(self) -> Expression:
        return op.softmax(self.need(self.dims[:1]))

    def _logsumexp(self) -> Expression:
        return op.logsumexp(self.need(self.shape(self.random.choice([1, 2]))))

    def _log_softmax(self) -> Expression:
        return op.log_softmax(self.need(self.dims[:1]))

    def _count(self) -> Expression:
        return self.need(()) / op.count() if self.random.random() < 0.5 else self.need(()) * op.count()

    def per_sample(self, shape: tuple[int, ...]) -> Expression:
        node = self.need(shape)
        return node if node.per_sample else node * self.need((), per_sample=True)

    def _mean(self) -> Expression:
        return op.mean(self.per_sample(self.shape()))

    def _total(self) -> Expression:
        return op.total(self.per_sample(self.shape()))

    def _total_outer(self) -> Expression:
        return op.total_outer(self.per_sample(self.dims[:1]), self.per_sample(self.dims[1:]))

    # -- one number --------------------------------------------------------------------------------------------

    def reduced(self, node: Expression) -> Expression:
        """One number from a node, by sum over the features and mean or total over the samples."""
        if node.shape:
            node = op.sum_(node)
        if node.per_sample:
            node = op.mean(node) if len(toposort([node])) % 2 else op.total(node)
        return self.bounded(node, LARGEST)

    def closed(self) -> Expression:
        """One number that depends on every node not used so far, on a parameter and, if there are rows, on data."""
        cost = self.reduced(self.unused[0])
        for node in self.unused[1:]:
            other = self.reduced(node)
            join = (op.add, op.subtract, op.multiply)[len(toposort([node])) % 3]
            cost = self.bounded(join(cost, other), LARGEST)
        if not cost.parameters:
            cost = cost * self.spare(PARAMETER)
        if self.rows and not cost.data:
            cost = cost + op.mean(self.spare(DATA))
        self.see(cost)
        return cost

    def spare(self, kind: op.Operation) -> Expression:
        """A leaf of its own, so that closing a cost again gives the same one."""
        name = "wz" if kind is PARAMETER else "xz"
        self.values.setdefault(name, np.float64(1.25) if kind is PARAMETER else np.linspace(-1, 1.5, self.rows))
        return leaf(kind, name)
