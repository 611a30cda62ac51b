"""Second derivatives: the product of a cost's Hessian matrix with a vector, as expressions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod
from operator import add

import numpy as np
from numpy.typing import NDArray

from steepest.calculus.gradient import gradient
from steepest.calculus.sample_count import with_sample_count
from steepest.expressions import operations as op
from steepest.expressions.expression import PARAMETER, Expression, constant, leaf, substitute


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


def hessian_columns(
    products: Sequence[Expression], directions: Sequence[Expression]
) -> tuple[list[list[Expression]], dict[str, NDArray[np.float64]]]:
    """Return the columns of a Hessian matrix from its product with a vector, to be computed together.

    What does not depend on the vector is then computed once. The vectors are unit vectors: their numbers are replaced
    by 0 and 1, their arrays are leaves of their own, ``(direction 3) W`` for column 3.

    Args:
        products, directions: as :func:`hessian_product` returns them.

    Returns:
        The parts of each column, one for each parameter, and the values of the leaves by name.
    """
    columns: list[list[Expression]] = []
    values: dict[str, NDArray[np.float64]] = {}
    for k, unit in enumerate(np.eye(sum(prod(node.shape) for node in directions))):
        replaced, begin = {}, 0
        for node in directions:
            part = unit[begin : begin + prod(node.shape)].reshape(node.shape)
            begin += part.size
            name = node.name.replace("(direction)", f"(direction {k})", 1)
            replaced[node] = leaf(PARAMETER, name, node.shape) if node.shape else constant(float(part))
            values |= {name: part} if node.shape else {}
        columns.append([substitute(each, replaced) for each in products])
    return columns, values
