"""The numbers of a computational graph: values forward, adjoints backward, and the contribution of each step.

Values are those of the engines. Adjoints follow the graph as written, so that each step of the picture is one rule of
the table of operations; those of the leaves, and any that overflow, are from the stable form of
:func:`steepest.gradient`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.calculus.adjoints import Adjoint
from steepest.calculus.gradient import backward_pass, gradient, pullback
from steepest.calculus.simplify import simplify
from steepest.diagrams.graph.names import summary
from steepest.display.labels import is_number
from steepest.engines import evaluate
from steepest.errors import PictureError
from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, PARAMETER, Expression, constant, expect_expression, leaf, substitute
from steepest.expressions.traversal import in_reading_order
from steepest.messages.sentences import in_python, short
from steepest.tables.values import Array, bind

Step = tuple[Expression, int]
"""A node and the number of one of its arguments."""

SEED = "(sample)"  # a column that is 1 for the chosen sample and 0 for any other; no formula has such a name
_FREE = "(free)"
_MOST_REPAIRED = 200  # adjoints that are derived again one by one


@dataclass(frozen=True)
class Local:
    """The derivative of an operation with respect to one of its arguments: a factor of the adjoint, or else a rule."""

    factor: Expression | None  # an expression of the arguments and the result
    rule: Expression | None = None  # the term passed back to the argument, in terms of ``adjoint``
    adjoint: Expression | None = None  # the symbol of the operation's own adjoint in the rule
    value: Array | None = None  # of the factor, with the samples in front if it has one value a sample


@dataclass(frozen=True, eq=False)
class Numbers:
    """The numbers of a graph."""

    root: Expression
    nodes: tuple[Expression, ...]  # all but numbers, in reading order: arguments before what uses them
    values: dict[Expression, Array]  # ``(n, …)`` of a node that has one value a sample
    adjoints: dict[Expression, Array]  # ∂root/∂node of each node, shaped as its value
    # The term of an argument's adjoint that a node contributes, shaped as that argument's value; with a sample chosen
    # and an argument that all samples share, the contribution of this sample.
    shares: dict[Step, Array]
    local: dict[Step, Local]
    samples: int  # how many there are
    sample: int | None  # the chosen one

    def as_one_number(self, free: Mapping[Expression, str]) -> tuple[Expression, dict[str, Array]]:
        """Return the differentiated quantity as one number, and its values; some nodes become leaves of these names."""
        given = {node.name: value for node, value in self.values.items() if node.is_leaf}
        given[SEED] = np.eye(1, self.samples, self.sample or 0)[0]
        leaves = {node: leaf(DATA if node.per_sample else PARAMETER, name, node.shape) for node, name in free.items()}
        cost = substitute(_one_number(self.root, self.sample), leaves)
        return cost, {**given, **{name: self.values[node] for node, name in free.items()}}

    def of_sample(self, array: Array, per_sample: bool) -> Array:
        """Return the part of an array that is shown: the chosen sample's, or the only one's, or the whole."""
        if not per_sample:
            return array
        if self.sample is not None:
            return np.asarray(array[self.sample])
        return np.asarray(array[0]) if self.samples == 1 else array

    def shown(self, array: Array, node: Expression) -> str:
        """Return a node's value or adjoint in a few signs."""
        several = node.per_sample and self.samples > 1 and self.sample is None
        return summary(self.of_sample(array, node.per_sample), several)


def compute(root: Expression, values: Mapping[str, ArrayLike], sample: int | None = None) -> Numbers:
    """Evaluate a graph of one number, or of one a sample, forward and backward."""
    expect_expression(root, "graph")
    if root.shape not in ((), (1,), (1, 1)):
        raise PictureError(
            f"a graph carries back the derivatives of one number, but {short(root)} has the shape {root.shape}; "
            "take its sum, or its dot product with a unit vector"
        )
    bound = bind([root], values)
    if sample is not None and (isinstance(sample, bool) or not isinstance(sample, int)):
        raise PictureError(f"sample is a whole number from 0, not {in_python(sample)}")
    if sample is not None and not 0 <= sample < bound.rows:
        others = f" to {bound.rows - 1}" if bound.rows != 1 else " alone"
        raise PictureError(f"there is no sample {sample}; the table's are 0{others}")
    given = {**bound.arrays, SEED: np.eye(1, bound.rows, sample or 0)[0]}
    nodes = tuple(node for node in in_reading_order([root]) if not is_number(node))
    if not nodes:
        raise PictureError(f"{short(root)} is a number, without data or parameters; there is nothing to draw")
    seed = leaf(DATA, SEED) if root.per_sample and sample is not None else constant(1)
    carried = backward_pass({root: Adjoint(seed)}, nodes)
    steps = [(node, k) for node in nodes for k, arg in enumerate(node.args) if not is_number(arg)]
    local = {step: _local(*step) for step in steps}
    asked: dict[Any, Expression] = {("value", node): node for node in nodes}
    asked |= {("adjoint", node): adjoint.expression() for node, adjoint in carried.items()}
    shares = {step: _share(*step, carried.get(step[0]), sample) for step in steps}
    asked |= {("share", *step): share for step, share in shares.items() if share is not None}
    asked |= {("local", *step): part.factor for step, part in local.items() if part.factor is not None}
    # Columns keep their sample axis, also those of a single sample.
    found = evaluate(asked, given | {name: np.ascontiguousarray(array) for name, array in bound.data.items()})
    adjoints = {n: _as(found.get(("adjoint", n), 0.0), n, bound.rows) for n in nodes}
    _put_stable(root, nodes, sample, given, adjoints, np.asarray(found["value", root]))
    return Numbers(
        root, nodes,
        {n: _as(found["value", n], n, bound.rows) for n in nodes},
        adjoints,
        {(n, k): _as(found.get(("share", n, k), 0.0), n.args[k], bound.rows) for n, k in steps},
        {s: replace(p, value=np.asarray(found["local", *s])) if p.factor is not None else p for s, p in local.items()},
        bound.rows, sample,
    )  # fmt: skip


def _share(node: Expression, k: int, adjoint: Adjoint | None, sample: int | None) -> Expression | None:
    """Return a node's term of its k-th argument's adjoint; only the chosen sample's where samples would be added up."""
    if adjoint is None:
        return None
    if sample is not None and node.per_sample and not node.args[k].per_sample:
        adjoint = Adjoint(leaf(DATA, SEED) * adjoint.body, adjoint.scale, adjoint.positive)
    share = pullback(node, k, adjoint)
    return None if share is None else share.expression()


def _local(node: Expression, k: int) -> Local:
    row = node.operation
    if not row.adjoints:
        partial = row.partials[k](*node.args, node)
        factor = partial if isinstance(partial, Expression) else constant(partial)
        return Local(simplify(factor, keep=(*node.args, node)) if factor.args else factor)
    adjoint = leaf(DATA if node.per_sample else PARAMETER, "(bar)", node.shape)
    rule = row.adjoints[k](adjoint, *node.args, node)
    if not isinstance(rule, Expression):
        return Local(constant(rule))
    rule = simplify(rule, keep=(adjoint, *node.args, node))
    factor_of_bar = _factor(rule, adjoint)
    return Local(None, rule, adjoint) if factor_of_bar is None else Local(factor_of_bar)


def _factor(rule: Expression, adjoint: Expression) -> Expression | None:
    """Return the factor of the adjoint, if a rule is such a product: y of bar·y."""
    if rule is adjoint:
        return constant(1)
    if rule.operation is op.multiply and adjoint in rule.args:
        other = rule.args[1] if rule.args[0] is adjoint else rule.args[0]
    elif rule.operation is op.divide and rule.args[0] is adjoint:
        other = 1 / rule.args[1]
    else:
        return None
    return None if adjoint in in_reading_order([other]) else other


def _as(value: Any, node: Expression, rows: int) -> Array:
    """Return a value in the shape of a node's; an adjoint is kept as one number where all are equal."""
    array = np.asarray(value)
    whole = (rows, *node.shape) if node.per_sample else node.shape
    if array.ndim == 1 and node.per_sample and node.shape and array.shape == (rows,):
        array = array.reshape(rows, *[1] * len(node.shape))
    return array if array.shape == whole else np.broadcast_to(array, whole)


def _one_number(root: Expression, sample: int | None) -> Expression:
    """Return an expression as one number: the sum of its values over the samples, or the chosen one."""
    cost = op.total(root if sample is None else leaf(DATA, SEED) * root) if root.per_sample else root
    return op.sum_(cost) if cost.shape else cost


def _put_stable(
    root: Expression, nodes: tuple[Expression, ...], sample: int | None, given: Mapping[str, Array],
    adjoints: dict[Expression, Array], value: Array,
) -> None:  # fmt: skip
    """Take the adjoints of the leaves, and those that are not finite as written, from the stable gradient."""
    cost = _one_number(root, sample)
    rows = len(given[SEED])
    leaves = [node for node in nodes if node.is_leaf]
    for node, partial in evaluate(gradient(cost, leaves), given).items() if leaves else ():
        adjoints[node] = _as(partial, node, rows)
    if not np.isfinite(value).all():
        return
    inner = [n for n in nodes if not n.is_leaf and n is not root and not np.isfinite(adjoints[n]).all()]
    for node in inner[:_MOST_REPAIRED]:
        free = leaf(DATA if node.per_sample else PARAMETER, _FREE, node.shape)
        rest = substitute(cost, {node: free})
        at = np.asarray(evaluate({"": node, SEED: leaf(DATA, SEED)}, given)[""])
        adjoints[node] = _as(evaluate(gradient(rest, [free])[free], {**given, _FREE: at}), node, rows)
