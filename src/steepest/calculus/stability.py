"""Rewrites for formulas that would overflow or cancel if they were computed as written.

They are applied between the formula and the engines, as in Theano (Bergstra et al. 2010, section 3), so that the
formula stays as on paper. Each maps a pattern to an expression of the same value; its docstring is the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from steepest.expressions import operations as op
from steepest.expressions.expression import CONSTANT, Expression, Operation, transform, with_args


def _is(node: Expression, operation: Operation) -> bool:
    return node.operation is operation


def _opposite(x: Expression) -> Expression:
    """Return −x; −(−x) gives x."""
    return x.args[0] if _is(x, op.negate) else -x


def _one_plus(node: Expression) -> Expression | None:
    """Return x of 1 + x or x + 1."""
    if not _is(node, op.add):
        return None
    left, right = node.args
    return right if left.value == 1 else left if right.value == 1 else None  # the value of all but numbers is NaN


def log_of_exp(node: Expression) -> Expression | None:
    """log(exp(x)) → x."""
    return node.args[0].args[0] if _is(node, op.log) and _is(node.args[0], op.exp) else None


def log_of_sigmoid(node: Expression) -> Expression | None:
    """log(σ(x)) → −softplus(−x)."""
    if _is(node, op.log) and _is(node.args[0], op.sigmoid):
        return -op.softplus(_opposite(node.args[0].args[0]))
    return None


def log_of_complement(node: Expression) -> Expression | None:
    """log(1 − σ(x)) → −softplus(x)."""
    if _is(node, op.log) and _is(node.args[0], op.subtract):
        one, inner = node.args[0].args
        if one.value == 1 and _is(inner, op.sigmoid):
            return -op.softplus(inner.args[0])
    if _is(node, op.log1p) and _is(node.args[0], op.negate) and _is(node.args[0].args[0], op.sigmoid):
        return -op.softplus(node.args[0].args[0].args[0])
    return None


def log_of_softmax(node: Expression) -> Expression | None:
    """log(softmax(x)) → log_softmax(x)."""
    if _is(node, op.log) and _is(node.args[0], op.softmax):
        return op.log_softmax(node.args[0].args[0])
    return None


def log_of_chosen_softmax(node: Expression) -> Expression | None:
    """log(dot(one_hot(y), softmax(x))) → dot(one_hot(y), d) − log(Σ exp(d)) with d = x − max x."""
    if not _is(node, op.log) or not _is(node.args[0], op.dot):
        return None
    chosen, share = node.args[0].args
    if not _is(chosen, op.one_hot) or not _is(share, op.softmax):
        return None
    x = share.args[0]
    # The value does not depend on the shift, so the gradient need not pass through the maximum.
    d = x - op.stop_gradient(op.largest(x))
    return op.dot(chosen, d) - op.log(op.sum_(op.exp(d)))


def log_of_one_plus_exp(node: Expression) -> Expression | None:
    """log(1 + exp(x)) → softplus(x)."""
    inner = _one_plus(node.args[0]) if _is(node, op.log) else node.args[0] if _is(node, op.log1p) else None
    return op.softplus(inner.args[0]) if inner is not None and _is(inner, op.exp) else None


def log_of_one_plus(node: Expression) -> Expression | None:
    """log(1 + x) → log1p(x)."""
    inner = _one_plus(node.args[0]) if _is(node, op.log) else None
    return op.log1p(inner) if inner is not None and inner.operation is not CONSTANT else None


def exp_minus_one(node: Expression) -> Expression | None:
    """exp(x) − 1 → expm1(x)."""
    if _is(node, op.subtract) and _is(node.args[0], op.exp) and node.args[1].value == 1:
        return op.expm1(node.args[0].args[0])
    return None


def sigmoid_by_exp(node: Expression) -> Expression | None:
    """1/(1 + exp(−x)) → σ(x)."""
    if not _is(node, op.divide) or node.args[0].value != 1:
        return None
    inner = _one_plus(node.args[1])
    return op.sigmoid(_opposite(inner.args[0])) if inner is not None and _is(inner, op.exp) else None


def tanh_by_exp(node: Expression) -> Expression | None:
    """(exp(x) − exp(−x))/(exp(x) + exp(−x)) → tanh(x)."""
    if not _is(node, op.divide) or not _is(node.args[0], op.subtract) or not _is(node.args[1], op.add):
        return None
    plus, minus = node.args[0].args
    if {plus, minus} != set(node.args[1].args) or not _is(plus, op.exp) or not _is(minus, op.exp):
        return None
    return op.tanh(plus.args[0]) if minus.args[0] is _opposite(plus.args[0]) else None


RULES: tuple[Callable[[Expression], Expression | None], ...] = (
    log_of_exp,
    log_of_sigmoid,
    log_of_complement,
    log_of_softmax,
    log_of_chosen_softmax,
    log_of_one_plus_exp,
    log_of_one_plus,
    exp_minus_one,
    sigmoid_by_exp,
    tanh_by_exp,
)
"""Every stability rewrite; those with longer patterns come before those that match a part of them."""

_ROOTS = frozenset(("log", "log1p", "subtract", "divide"))


def stabilise(roots: Sequence[Expression]) -> dict[Expression, Expression]:
    """Rewrite a graph so that it neither overflows nor cancels where its value does not; return the new node of each.

    >>> from steepest.expressions.expression import params
    >>> z = params("z")
    >>> print(stabilise([op.log(op.sigmoid(z))])[op.log(op.sigmoid(z))])
    -softplus(-z)
    """

    def visit(node: Expression, args: tuple[Expression, ...]) -> Expression:
        node = with_args(node, args)
        if node.operation.name in _ROOTS:
            for rule in RULES:
                better = rule(node)
                if better is not None:
                    return better
        return node

    return transform(roots, visit)
