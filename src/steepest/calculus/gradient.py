"""Back-propagation: from the graph of a cost to the graphs of its partial derivatives.

One backward pass visits each node after all nodes that use it, and pulls its adjoint ∂C/∂node back to its arguments
by the rules in the table of operations. The pass shares every subexpression of the cost, so that the gradient costs
at most about four times the cost itself (Baur and Strassen 1983; Griewank and Walther 2008, section 3.3).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from steepest.calculus.layers import find_layers
from steepest.calculus.simplify import ADJOINTS, rewritten, simplify
from steepest.calculus.stability import stabilise
from steepest.errors import GradientError
from steepest.expressions import operations as op
from steepest.expressions.expression import (
    CONSTANT,
    DATA,
    PARAMETER,
    Expression,
    constant,
    expect_expression,
    substitute,
)
from steepest.expressions.traversal import check_names, dependents, toposort
from steepest.messages.hints import nearest
from steepest.messages.sentences import short

ONE = constant(1)


@dataclass(frozen=True)
class Adjoint:
    """An adjoint ±scale · body, where scale is one number for all samples.

    The scale (1/n, a factor 2) is kept outside the sums over samples, where it costs one operation instead of n;
    with the sign apart, the sum of two adjoints can become a difference.
    """

    body: Expression
    scale: Expression = ONE
    positive: bool = True

    def expression(self) -> Expression:
        """Return the adjoint as one expression."""
        whole = _product(self.scale, self.body)
        return whole if self.positive else simplify(-whole, keep=whole.args)


def _product(a: Expression, b: Expression) -> Expression:
    if a is ONE:
        return b
    if b is ONE:
        return a
    if a.operation is CONSTANT and b.operation is CONSTANT:
        return constant(a.value * b.value)
    if a.operation is op.divide and a.args[0].operation is CONSTANT:
        if b is a.args[1]:
            return a.args[0]
        if b.operation is CONSTANT:
            return constant(a.args[0].value * b.value) / a.args[1]
    return a * b


def _is_scalar(node: Expression) -> bool:
    return not node.per_sample and not node.shape


def _times(adjoint: Adjoint, factor: Expression, keep: Sequence[Expression] = ()) -> Adjoint:
    """Multiply an adjoint by a partial derivative, factor by factor.

    Nodes in ``keep``, those of the cost, are not split into factors, because they would no longer be shared.
    """
    operation = factor.operation
    if (operation is CONSTANT and factor.value < 0) or (operation is op.negate and factor not in keep):
        opposite = constant(-factor.value) if operation is CONSTANT else factor.args[0]
        return _times(replace(adjoint, positive=not adjoint.positive), opposite, keep)
    body, scale = adjoint.body, adjoint.scale
    if operation is op.where and factor not in keep and all(arg.operation is CONSTANT for arg in factor.args[1:]):
        # Choosing between adjoints saves a product and avoids 0·∞, as in sqrt(relu(w)) below 0.
        if _is_scalar(factor):
            if not _is_scalar(body):
                return Adjoint(body, _chosen(factor, scale), adjoint.positive)
            body, scale = _product(scale, body), ONE
        body = _chosen(factor, body)
    elif _is_scalar(factor):
        scale = _product(scale, factor)
    elif operation is op.multiply and factor not in keep:
        return _times(_times(adjoint, factor.args[0], keep), factor.args[1], keep)
    elif operation is op.divide and factor not in keep and factor.args[0].operation is CONSTANT:
        body, scale = body / factor.args[1], _product(scale, factor.args[0])
    else:
        body = _product(body, factor)
    return Adjoint(rewritten(body, ADJOINTS)[0], scale, adjoint.positive)


def _chosen(choice: Expression, value: Expression) -> Expression:
    """Multiply a choice between numbers by a value: a choice between multiples of the value."""
    condition, *numbers = choice.args
    return op.where(condition, *(_product(value, x) if x.value else constant(0) for x in numbers))


def _plus(a: Adjoint | None, b: Adjoint) -> Adjoint:
    if a is None:
        return b
    if a.scale is not b.scale:
        a, b = (Adjoint(_product(each.scale, each.body), ONE, each.positive) for each in (a, b))
    if not a.positive and b.positive:
        a, b = b, a
    joined = a.body + b.body if a.positive == b.positive else a.body - b.body
    return Adjoint(rewritten(joined, ADJOINTS)[0], a.scale, a.positive)


def _total(body: Expression) -> Expression:
    """Sum over the samples; outer products are summed without a matrix per sample."""
    if body.operation is not op.outer:
        return op.total(body)
    left, right = body.args
    if left.per_sample and right.per_sample:
        return op.total_outer(left, right)
    return op.outer(op.total(left), right) if left.per_sample else op.outer(left, op.total(right))


def _reduced(adjoint: Adjoint, node: Expression, child: Expression) -> Adjoint:
    """Sum an adjoint over the samples and features along which the child's value was broadcast."""
    if node.shape and not child.shape and not node.operation.adjoints:
        if adjoint.body.shape:
            adjoint = replace(adjoint, body=op.sum_(adjoint.body))
        else:
            adjoint = replace(adjoint, scale=_product(adjoint.scale, constant(math.prod(node.shape))))
    if node.per_sample and not child.per_sample:
        if adjoint.body.per_sample:
            adjoint = replace(adjoint, body=_total(adjoint.body))
        else:
            adjoint = replace(adjoint, scale=_product(adjoint.scale, op.count()))
    return adjoint


def _filled(adjoint: Adjoint, node: Expression) -> Expression:
    """Return an adjoint as an expression of the node's feature shape."""
    whole = adjoint.expression()
    return whole if whole.shape == node.shape else op.expand(whole, attributes=node.shape)


def pullback(node: Expression, k: int, adjoint: Adjoint) -> Adjoint | None:
    """Pull a node's adjoint back to its k-th argument (its vjp); return None for zero."""
    operation, child = node.operation, node.args[k]
    if operation.adjoints:
        body = adjoint.body
        if body.shape != node.shape:
            body = op.expand(body, attributes=node.shape)
        found = operation.adjoints[k](body, *node.args, node)
        if not isinstance(found, Expression):
            return None
        found = simplify(found, keep=(body, *node.args, node))
        scale, positive = adjoint.scale, adjoint.positive
        if found.operation is op.subtract and not positive and found not in node.args:
            found, positive = found.args[1] - found.args[0], True
        if found.operation is op.divide and found.args[0] is body and _is_scalar(found.args[1]):
            found, scale = body, _product(scale, 1 / found.args[1])  # the 1/n of a mean
        return _reduced(Adjoint(found, scale, positive), node, child)
    partial = operation.partials[k](*node.args, node)
    if not isinstance(partial, Expression):
        partial = constant(partial)
    elif partial.args:
        partial = simplify(partial, keep=(*node.args, node))
    if partial.operation is CONSTANT and partial.value == 0:
        return None
    return _reduced(_times(adjoint, partial, (*node.args, node)), node, child)


def backward_pass(
    seeds: Mapping[Expression, Adjoint], wanted: Iterable[Expression], cut: Iterable[Expression] = ()
) -> dict[Expression, Adjoint]:
    """Propagate adjoints from the seeds down to ``cut``; return those of the wanted nodes that they depend on."""
    targets, ends = set(wanted), set(cut)
    order = toposort(seeds, stop=ends.__contains__)
    leads: set[Expression] = set()
    for node in order:
        if node in targets or (node not in ends and any(arg in leads for arg in node.args)):
            leads.add(node)
    adjoints: dict[Expression, Adjoint] = dict(seeds)
    for node in reversed(order):
        if node not in adjoints or node in ends or node not in leads:
            continue
        for k, child in enumerate(node.args):
            part = pullback(node, k, adjoints[node]) if child in leads else None
            if part is not None:
                adjoints[child] = _plus(adjoints.get(child), part)
    return {node: adjoints[node] for node in targets if node in adjoints}


def _cuts(root: Expression, layers: Sequence[Expression]) -> list[Expression]:
    """Return the layers that feed another layer: all but the last, unless parameters follow the last one."""
    inside = set(toposort([root]))
    chain = [layer for layer in sorted(layers, key=lambda n: n.uid) if layer in inside]
    for lower, upper in itertools.pairwise(chain):
        if lower not in toposort([upper], stop={lower}.__contains__):
            raise GradientError(
                "the layer-wise recursion needs layers that follow one another, but "
                f"{short(upper)} does not depend on {short(lower)}; use method='backprop'"
            )
    if chain:
        after = toposort([root], stop={chain[-1]}.__contains__)
        if not any(node.operation is PARAMETER for node in after):
            chain.pop()
    return chain


def _layerwise(
    root: Expression, wanted: Sequence[Expression], layers: Sequence[Expression]
) -> dict[Expression, Adjoint]:
    """Differentiate by the papers' recursion.

    C⁽ˡ⁾ = 1/n Σ (a_i⁽ˡ⁾ − e_i)² with e_i = a_i⁽ˡ⁾ − n ∂C⁽ˡ⁺¹⁾/∂a_i⁽ˡ⁾ treated as constant. Since a − e is
    n ∂C⁽ˡ⁺¹⁾/∂a by definition, ∂C⁽ˡ⁾/∂a = 2 ∂C⁽ˡ⁺¹⁾/∂a exactly: each layer starts from twice the adjoint that
    reached it.
    """
    seeds = {root: Adjoint(ONE)}
    found: dict[Expression, Adjoint] = {}
    for cut in [*reversed(_cuts(root, layers)), None]:
        ends = [] if cut is None else [cut]
        reached = backward_pass(seeds, [*wanted, *ends], ends)
        for node in wanted:
            if node in reached:
                found[node] = _plus(found.get(node), reached[node])
        if cut is None or cut not in reached:
            break
        seeds = {cut: _times(reached[cut], constant(2))}
    return found


def _with_sample_count(partials: list[Expression], cost: Expression) -> list[Expression]:
    """Write n as a sum of ones over a data column in partial derivatives without data.

    The derivative of Σ (w − x) with respect to w is n, which could not be evaluated without a column.
    """
    columns = [node for node in cost.leaves if node.operation is DATA]
    nodes = toposort(partials)
    if not columns or op.count() not in nodes:
        return partials
    on_data = dependents(nodes, DATA)
    column = min(columns, key=lambda node: len(node.shape))
    one = op.where(op.largest(column) if column.shape else column, 1, 1)
    return [p if p in on_data else substitute(p, {op.count(): op.total(one)}) for p in partials]


def gradient(
    cost: Expression,
    wrt: Iterable[str | Expression] | None = None,
    method: str = "backprop",
    layers: Sequence[Expression] | None = None,
) -> dict[Any, Expression]:
    """Return the partial derivatives of a cost as expressions, by back-propagation.

    For every node v used by nodes u, v̄ = Σ_u ū ∂u/∂v with C̄ = 1. The cost is first rewritten to its stable
    form (``log(sigmoid(z))`` to ``-softplus(-z)``), so that the gradient does not overflow where the cost does not.

    Args:
        cost: a scalar expression: of shape (), not per sample.
        wrt: names of parameters or data columns, or nodes of the cost [default: all parameters].
        method: ``"backprop"``, or ``"layerwise"`` for the papers' recursion, which gives layer l of m the
            factor 2^(m−l) of the true gradient.
        layers: for ``"layerwise"``, the activations in order; found in the cost if left out.

    Returns:
        The partial derivative with respect to each of ``wrt``: an expression of its shape, per sample for data.

    Raises:
        GradientError: the cost is not scalar, a name does not occur, or the method is unknown.

    >>> from steepest.expressions.expression import params
    >>> x, y = params("x", "y")
    >>> {name: str(partial) for name, partial in gradient(x * y).items()}
    {'x': 'y', 'y': 'x'}

    Source: Griewank and Walther 2008, table 3.6.
    """
    return differentiate(cost, wrt, method, layers)[1]


def differentiate(
    cost: Expression,
    wrt: Iterable[str | Expression] | None = None,
    method: str = "backprop",
    layers: Sequence[Expression] | None = None,
) -> tuple[Expression, dict[Any, Expression]]:
    """Return the stable form of a cost and its partial derivatives; see :func:`gradient` for the arguments."""
    expect_expression(cost, "gradient")
    if cost.per_sample or cost.shape:
        what = "has one value per sample" if cost.per_sample else f"has the shape {cost.shape}"
        raise GradientError(f"a gradient needs a scalar cost, but {short(cost)} {what}; take its mean, total or sum")
    if method not in ("backprop", "layerwise"):
        raise GradientError(f"there is no gradient method {method!r}; choose 'backprop' or 'layerwise'")
    named = {leaf.name: leaf for leaf in check_names([cost])}
    asked = cost.parameters if wrt is None else tuple(wrt)
    chosen: list[Expression] = []
    for item in asked:
        if isinstance(item, str) and item not in named:
            raise GradientError(f"the name {item!r} does not occur in {short(cost)}{nearest(item, named)}")
        chosen.append(named[item] if isinstance(item, str) else item)
    stable = stabilise([cost, *chosen])
    root, wanted = stable[cost], [stable[node] for node in chosen]
    if method == "layerwise":
        found = [layer.output for layer in find_layers(root)]
        given = found if layers is None else [stable.get(layer, layer) for layer in layers]
        adjoints = _layerwise(root, wanted, given)
    else:
        adjoints = backward_pass({root: Adjoint(ONE)}, wanted)
    zero = Adjoint(constant(0))
    partials = _with_sample_count([_filled(adjoints.get(node, zero), node) for node in wanted], cost)
    return root, dict(zip(asked, partials, strict=True))
