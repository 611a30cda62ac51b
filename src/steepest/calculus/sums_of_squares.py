"""Costs as weighted sums of squares: their residuals, and the partial derivatives of these.

A least-squares cost is c(θ) = Σ_k Σ_i v_ki r_ki(θ)², with weights v that no parameter changes. Methods for such costs
need the residuals r and their Jacobian matrix ∂r_i/∂θ_j, not the gradient of the sum alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steepest.calculus.gradient import gradient
from steepest.calculus.stability import stabilise
from steepest.expressions import operations as op
from steepest.expressions.expression import (
    CONSTANT,
    DATA,
    PARAMETER,
    Expression,
    constant,
    leaf,
    substitute,
    toposort,
)


@dataclass(frozen=True)
class SquaredTerm:
    """The term Σ v·r² of a cost.

    Attributes:
        weight: v, without parameters; one number, or one per sample.
        residual: r, an expression of any feature shape.
        over_samples: whether the sum is over the samples, too; if not, r is not per sample.
    """

    weight: Expression
    residual: Expression
    over_samples: bool


def squared_terms(cost: Expression) -> tuple[SquaredTerm, ...] | None:
    """Return the squares of which a cost is the sum, apart from what no parameter changes; None for other costs.

    >>> from steepest.expressions.expression import data, params
    >>> x, y, w = data("x", "y") + (params("w"),)
    >>> [str(term.residual) for term in squared_terms(op.mean((x * w - y) ** 2) + 0.1 * w**2)]
    ['x*w - y', 'w']
    >>> squared_terms(op.mean(abs(x * w - y))) is None
    True
    """
    found = _terms(cost, constant(1), over_samples=False)
    return tuple(found) if found else None


def is_whole(cost: Expression) -> bool:
    """Return whether a sum of squares has no terms besides, which no parameter changes.

    >>> from steepest.expressions.expression import params
    >>> is_whole(params("w") ** 2), is_whole(params("w") ** 2 + 1)
    (True, False)
    """
    sums = (op.add, op.subtract)
    nodes = toposort([cost], stop=lambda node: node.operation is op.power)
    return all(arg.parameters for node in nodes if node.operation in sums for arg in node.args)


def _terms(node: Expression, weight: Expression, over_samples: bool) -> list[SquaredTerm] | None:
    """Return the squared terms of weight·node; an empty list if no parameter changes it, None if it is no such sum."""
    if not node.parameters:
        return []
    operation, args = node.operation, node.args
    if operation is op.add:
        return _joined(_terms(args[0], weight, over_samples), _terms(args[1], weight, over_samples))
    if operation is op.subtract and not args[1].parameters:
        return _terms(args[0], weight, over_samples)
    if operation in (op.mean, op.total) and not over_samples:
        return _terms(args[0], weight / op.count() if operation is op.mean else weight, over_samples=True)
    if operation is op.sum_:
        return _terms(args[0], weight, over_samples)
    if operation is op.power and args[1].operation is CONSTANT and args[1].value == 2:
        return _square(args[0], weight, over_samples)
    if operation is op.multiply and args[0] is args[1]:
        return _square(args[0], weight, over_samples)
    if operation is op.dot and args[0] is args[1]:
        return _square(args[0], weight, over_samples)
    if operation in (op.multiply, op.divide):
        first, second = args if operation is op.divide or not args[0].parameters or args[1].parameters else args[::-1]
        if operation is op.multiply and not first.parameters and not first.shape:
            return _terms(second, first * weight, over_samples)
        if operation is op.divide and not second.parameters and not second.shape:
            return _terms(first, weight / second, over_samples)
    return None


def _joined(a: list[SquaredTerm] | None, b: list[SquaredTerm] | None) -> list[SquaredTerm] | None:
    return None if a is None or b is None else a + b


def _square(residual: Expression, weight: Expression, over_samples: bool) -> list[SquaredTerm] | None:
    if any(node.operation.over_samples and node.parameters for node in toposort([residual])):
        return None  # each residual would depend on every sample
    if residual.per_sample and not over_samples:
        return None
    return [SquaredTerm(weight, residual, over_samples)]


@dataclass(frozen=True)
class Jacobian:
    """The rows of a Jacobian matrix that belong to one squared term.

    Attributes:
        partials: the partial derivatives of Σ_e u_e r_e by each parameter, of the parameter's shape, where u is
            :attr:`chosen`; of a residual without features, those of r itself.
        chosen: the leaf for u, of the residual's shape; None for a residual without features.
    """

    partials: tuple[Expression, ...]
    chosen: Expression | None


def jacobian(residual: Expression, parameters: Sequence[Expression]) -> Jacobian:
    """Return the partial derivatives of a residual by parameters, for each sample.

    Each sample is given parameters of its own, so that one backward pass over the sum of the residuals yields the
    derivatives of each. Afterwards the samples share their parameters again.

    >>> from steepest.expressions.expression import data, params
    >>> x, y, w = data("x", "y") + (params("w"),)
    >>> print(*jacobian(x * w**2 - y, [w]).partials)
    2*(x*w)
    """
    own = {node: leaf(DATA, f"(own) {node.name}", node.shape) for node in parameters}
    chosen = leaf(PARAMETER, "(chosen)", residual.shape) if residual.shape else None
    lifted = substitute(residual, own)
    whole = lifted if chosen is None else op.sum_(chosen * lifted)
    present = [node for node in own.values() if node in toposort([whole])]
    found = gradient(op.total(whole), present) if present else {}
    back = {node: parameter for parameter, node in own.items()}
    partials = tuple(substitute(found[node], back) if node in found else constant(0) for node in own.values())
    return Jacobian(partials, chosen)


def stable_residuals(terms: Sequence[SquaredTerm]) -> list[Expression]:
    """Return the residuals of terms, rewritten so that they neither overflow nor cancel."""
    stable = stabilise([term.residual for term in terms])
    return [stable[term.residual] for term in terms]
