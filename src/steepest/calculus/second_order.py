"""Second derivatives: the product of a cost's Hessian matrix with a vector, as expressions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

from steepest.calculus.gradient import gradient
from steepest.calculus.sample_count import with_sample_count
from steepest.expressions import operations as op
from steepest.expressions.expression import PARAMETER, Expression, constant, leaf


def hessian_product(
    cost: Expression, partials: Sequence[Expression], parameters: Sequence[Expression]
) -> tuple[list[Expression], list[Expression]]:
    """Return H v for the Hessian matrix H of a cost: the gradient of Σ_j v_j ∂C/∂θ_j.

    Args:
        cost: the cost.
        partials: its partial derivative by each parameter.
        parameters: the parameters, leaves of the cost.

    Returns:
        The part of H v for each parameter, of its shape, and the leaves for v, of the same shapes.

    >>> from steepest.expressions.expression import params
    >>> x, y = params("x", "y")
    >>> cost = x**2 * y
    >>> print(*hessian_product(cost, list(gradient(cost).values()), [x, y])[0])
    `(direction) x`*y*2 + `(direction) y`*(2*x) `(direction) x`*(2*x)

    Source: Griewank and Walther 2008, section 5.1, reverse over reverse.
    """
    directions = [leaf(PARAMETER, f"(direction) {node.name}", node.shape) for node in parameters]
    products = [v * partial for v, partial in zip(directions, partials, strict=True)]
    slope = reduce(add, (op.sum_(each) if each.shape else each for each in products), constant(0))
    moving = [node for node in parameters if node in slope.leaves]
    found = gradient(slope, moving) if moving else {}
    products = [found.get(node, constant(0)) for node in parameters]
    return with_sample_count(products, cost), directions
