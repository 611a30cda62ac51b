"""Back-propagation: from the graph of a cost to the graphs of its partial derivatives.

One backward pass visits each node after all nodes that use it, and pulls its adjoint ∂C/∂node back to its arguments
by the rules in the table of operations. The pass shares every subexpression of the cost, so that the gradient costs
at most about four times the cost itself (Baur and Strassen 1983; Griewank and Walther 2008, section 3.3).
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from steepest.calculus.adjoints import (
    ONE,
    Adjoint,
    guarded,
    held,
    is_scalar,
    plus,
    product,
    settled,
    steep,
    summed_over_features,
    summed_over_samples,
    times,
    vanishing,
)
from steepest.calculus.layers import find_layers
from steepest.calculus.ranges import WITHOUT_SLOPE, Ranges, showing
from steepest.calculus.sample_count import with_sample_count
from steepest.calculus.simplify import simplify
from steepest.calculus.stability import stabilise
from steepest.errors import GradientError
from steepest.expressions import operations as op
from steepest.expressions.expression import (
    CONSTANT,
    PARAMETER,
    Expression,
    constant,
    expect_expression,
)
from steepest.expressions.traversal import check_names, toposort
from steepest.messages.hints import nearest
from steepest.messages.sentences import short


@dataclass(frozen=True)
class Surroundings:
    """What a backward pass knows of the nodes around an argument.

    Attributes:
        reach: the wanted nodes that a node depends on, as bits.
        showing: the nodes at which an infinity makes the cost infinite or NaN.
        ranges: the signs of nodes.
    """

    reach: Mapping[Expression, int]
    showing: Container[Expression]
    ranges: Ranges = field(default_factory=Ranges)

    def independent(self, factor: Expression, child: Expression) -> bool:
        """Return whether a factor stays as it is when the wanted nodes below an argument change."""
        return not self.reach.get(factor, 0) & self.reach.get(child, 0)


def _reduced(adjoint: Adjoint, node: Expression, child: Expression) -> Adjoint:
    """Sum an adjoint over the samples and features along which the child's value was broadcast."""
    if node.shape and not child.shape and not node.operation.adjoints:
        adjoint = summed_over_features(adjoint, math.prod(node.shape))
    if node.per_sample and not child.per_sample:
        adjoint = summed_over_samples(adjoint)
    return adjoint


def _filled(adjoint: Adjoint, node: Expression) -> Expression:
    """Return an adjoint as an expression of the node's feature shape."""
    whole = adjoint.expression()
    return whole if whole.shape == node.shape else op.expand(whole, attributes=node.shape)


def pullback(node: Expression, k: int, adjoint: Adjoint, around: Surroundings | None = None) -> Adjoint | None:
    """Pull a node's adjoint back to its k-th argument (its vjp); return None for zero.

    Without ``around``, the pass it belongs to, factors that may be infinite are not guarded.
    """
    operation, child = node.operation, node.args[k]
    if operation.adjoints:
        return _pulled_back_whole(node, k, adjoint, around)
    partial = operation.partials[k](*node.args, node)
    if not isinstance(partial, Expression):
        partial = constant(partial)
    elif partial.args:
        partial = simplify(partial, keep=(*node.args, node))
    if partial.operation is CONSTANT and partial.value == 0:
        return None
    if around is not None:
        adjoint = _prepared_for(adjoint, node, k, partial, around)
    return _reduced(times(adjoint, partial, (*node.args, node)), node, child)


def _prepared_for(adjoint: Adjoint, node: Expression, k: int, partial: Expression, around: Surroundings) -> Adjoint:
    """Guard an adjoint against a partial derivative that may be infinite, and note factors that may be 0.

    If the cost shows an infinity of the node, it is not finite where the partial derivative is infinite, and nothing
    need be guarded.
    """
    moving = node.operation is op.power and node.args[1].operation is not CONSTANT
    if moving:
        x, y = node.args
        if k == 0 and around.independent(y, x):
            adjoint = vanishing(adjoint, y)  # x^0 is 1 for every x
        if k == 1:
            adjoint = vanishing(adjoint, node)  # where x^y is 0, log(x) may be infinite
            adjoint = steep(adjoint) if around.ranges.may_overflow(x) else adjoint
            if node not in around.showing and around.ranges.may_fail(x) and not around.reach.get(x):
                adjoint = steep(vanishing(adjoint, 1 / x))  # where x is infinite, x^y is so for every y
    if around.ranges.steep_at_finite_values(node):
        if not moving and around.ranges.not_negative(node.args[0]):
            adjoint = guarded(adjoint, node)  # 0 at the minimum, as of √(x²), where the slope may jump
        return steep(adjoint)
    if node not in around.showing:
        if around.ranges.may_overflow(partial):
            return held(adjoint)
        if k == 0 and around.ranges.has_pole(node) and node.operation is op.divide:
            x, y = node.args
            return steep(adjoint if around.reach.get(y) else vanishing(adjoint, y))  # x/0 is ∞ for every x
        if around.ranges.has_pole(node) or around.ranges.may_fail(partial):
            return steep(adjoint)
    factor = partial if node.operation is op.multiply else node.args[0] if node.operation is op.divide and k else None
    if factor is None or around.ranges.away_from_zero(factor) or not around.independent(factor, node.args[k]):
        return adjoint
    return vanishing(adjoint, factor)


def _pulled_back_whole(node: Expression, k: int, adjoint: Adjoint, around: Surroundings | None) -> Adjoint | None:
    """Pull the adjoint of an operation that mixes elements back to its k-th argument."""
    adjoint = settled(adjoint)
    body = adjoint.body
    if body.shape != node.shape:
        body = op.expand(body, attributes=node.shape)
    args = node.args
    if around is not None and node.operation.bilinear and node not in around.showing:
        args = _shielded(node, k, body, around)
    found = node.operation.adjoints[k](body, *args, node)
    if not isinstance(found, Expression):
        return None
    found = simplify(found, keep=(body, *node.args, node))
    scale, positive = adjoint.scale, adjoint.positive
    if found.operation is op.subtract and not positive and found not in node.args:
        found, positive = found.args[1] - found.args[0], True
    if found.operation is op.divide and found.args[0] is body and is_scalar(found.args[1]):
        found, scale = body, product(scale, 1 / found.args[1])  # the 1/n of a mean
    zeros = tuple(zero for zero in adjoint.zeros if not zero.shape)
    zeros = zeros if zeros == adjoint.zeros else (*zeros, found)  # 0 where all that it sums is
    result = replace(adjoint, body=found, scale=scale, positive=positive, zeros=zeros)
    if around is not None and node.operation.bilinear and around.independent(node.args[1 - k], node.args[k]):
        factor = _factor_of_elements(found, node.args[1 - k])
        result = result if factor is None else vanishing(result, factor)
    if around is not None and node not in around.showing:
        used = () if node.operation.linear else node.args
        if any(around.ranges.may_fail(arg) or around.ranges.may_overflow(arg) for arg in used):
            result = steep(result)
    return _reduced(result, node, node.args[k])


def _shielded(node: Expression, k: int, body: Expression, around: Surroundings) -> tuple[Expression, ...]:
    """Return the arguments of a product, with 0 in the other one where what it adds to an adjoint is multiplied by 0.

    The rule for the other argument, with adjoints made positive and ones for the k-th argument, gives a sum that is 0
    where all adjoints are that an element of the other one meets.
    """
    other = node.args[1 - k]
    if not (around.ranges.may_fail(other) or around.ranges.may_overflow(other)):
        return node.args
    ones = op.expand(1, attributes=node.args[k].shape) if node.args[k].shape else ONE
    with_ones = tuple(ones if j == k else arg for j, arg in enumerate(node.args))
    met = node.operation.adjoints[1 - k](op.absolute(body), *with_ones, node)
    met = op.total(met) if met.per_sample and not other.per_sample else met
    shielded = op.where(met, other, 0)
    return tuple(arg if j == k else shielded for j, arg in enumerate(node.args))


def _factor_of_elements(found: Expression, other: Expression) -> Expression | None:
    """Return the factor that each element of an adjoint has of the other argument; None if it is a sum of such."""
    if found is other or (found.operation is op.multiply and other in found.args):
        return other  # of a dot product
    if found.operation is op.outer and other in found.args:
        ones = (op.expand(1, attributes=arg.shape) for arg in found.args)
        return op.outer(*(arg if arg is other else one for arg, one in zip(found.args, ones, strict=True)))
    return None


def _reaching(
    order: Iterable[Expression], targets: Iterable[Expression], ends: Container[Expression], without: Container[Any]
) -> dict[Expression, int]:
    """Return the targets that nodes depend on, as bits, not through ends or some operations; none is left out."""
    found = {node: 1 << k for k, node in enumerate(targets)}
    for node in order:
        if node in ends or node.operation in without:
            continue
        below = functools.reduce(operator.or_, (found.get(arg, 0) for arg in node.args), 0)
        if below:
            found[node] = found.get(node, 0) | below
    return found


def backward_pass(
    seeds: Mapping[Expression, Adjoint], wanted: Iterable[Expression], cut: Iterable[Expression] = ()
) -> dict[Expression, Adjoint]:
    """Propagate adjoints from the seeds down to ``cut``; return those of the wanted nodes that they depend on."""
    targets, ends = list(dict.fromkeys(wanted)), set(cut)
    order = toposort(seeds, stop=ends.__contains__)
    leads = _reaching(order, targets, ends, ())
    around = Surroundings(_reaching(order, targets, ends, WITHOUT_SLOPE), showing(order, seeds))
    adjoints: dict[Expression, Adjoint] = dict(seeds)
    for node in reversed(order):
        if node not in adjoints or node in ends or node not in leads:
            continue
        for k, child in enumerate(node.args):
            part = pullback(node, k, adjoints[node], around) if child in leads else None
            if part is not None:
                adjoints[child] = plus(adjoints.get(child), part)
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
                found[node] = plus(found.get(node), reached[node])
        if cut is None or cut not in reached:
            break
        seeds = {cut: times(reached[cut], constant(2))}
    return found


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
    partials = with_sample_count([_filled(adjoints.get(node, zero), node) for node in wanted], cost)
    return root, dict(zip(asked, partials, strict=True))
