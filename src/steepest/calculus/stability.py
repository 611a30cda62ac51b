"""Rewrites for formulas that would overflow or cancel if they were computed as written.

They are applied between the formula and the engines, as in Theano (Bergstra et al. 2010, section 3), so that the
formula stays as on paper. Each maps a pattern to an expression of the same value; its docstring is the rule.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Container, Sequence

from steepest.expressions import operations as op
from steepest.expressions.expression import CONSTANT, Expression, Operation, constant, transform, with_args

_LN2 = math.log(2)


def _is(node: Expression, operation: Operation) -> bool:
    return node.operation is operation


def opposite(x: Expression) -> Expression:
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
        return -op.softplus(opposite(node.args[0].args[0]))
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


def one_minus_exp(node: Expression) -> Expression | None:
    """1 − exp(x) → −expm1(x)."""
    if _is(node, op.subtract) and node.args[0].value == 1 and _is(node.args[1], op.exp):
        return -op.expm1(node.args[1].args[0])
    return None


def log_of_one_minus_exp(node: Expression) -> Expression | None:
    """log(1 − exp(x)) → log(−expm1(x)), or log1p(−exp(x)) where exp(x) < ½ (Mächler 2012)."""
    wanted = op.expm1 if _is(node, op.log) else op.exp if _is(node, op.log1p) else None
    inner = node.args[0]
    if wanted is None or not _is(inner, op.negate) or not _is(inner.args[0], wanted):
        return None
    x = inner.args[0].args[0]
    return op.where(x < -_LN2, op.log1p(-op.exp(x)), op.log(-op.expm1(x)))


def log_of_exp_minus_one(node: Expression) -> Expression | None:
    """log(exp(x) − 1) → x + log1p(−exp(−x)) for large x, the inverse of softplus."""
    if not _is(node, op.log) or not _is(node.args[0], op.expm1):
        return None
    x = node.args[0].args[0]
    return op.where(x > _LN2, x + op.log1p(-op.exp(opposite(x))), node)


def _logarithm(terms: Sequence[Expression]) -> Expression | None:
    """Return log Σ terms for exponentials and positive numbers; None if there are other terms."""
    found: Expression | None = None
    for term in terms:
        if _is(term, op.exp):
            power = term.args[0]
        elif term.value > 0:
            power = constant(math.log(term.value))
        else:
            return None
        found = power if found is None else op.logaddexp(found, power)
    return found


def _terms(node: Expression) -> list[Expression]:
    """Return the terms of a sum."""
    found, left = [], [node]
    while left:
        node = left.pop()
        if _is(node, op.add):
            left.extend(reversed(node.args))
        else:
            found.append(node)
    return found


def log_of_sum_of_exps(node: Expression) -> Expression | None:
    """log(exp(x) + exp(y)) → logaddexp(x, y), log(sum(exp(x))) → logsumexp(x)."""
    if not _is(node, op.log):
        return None
    if _is(node.args[0], op.sum_) and _is(node.args[0].args[0], op.exp):
        return op.logsumexp(node.args[0].args[0].args[0])
    found = _logarithm(_terms(node.args[0])) if _is(node.args[0], op.add) else None
    return found if found is not None and found.args and found.shape == node.shape else None


def _negated(x: Expression) -> Expression:
    return constant(-x.value) if _is(x, CONSTANT) else opposite(x)


def share_of_exps(node: Expression) -> Expression | None:
    """exp(x)/(exp(x) + exp(y)) → σ(x − y), a/(1 + exp(x)) → a·σ(−x), exp(x)/sum(exp(x)) → softmax(x)."""
    if not _is(node, op.divide):
        return None
    part, whole = node.args
    if _is(part, op.exp) and whole is op.sum_(part) if part.shape else False:
        return op.softmax(part.args[0]) if len(part.shape) == 1 else None
    terms = _terms(whole)
    if len(terms) < 2:
        return None
    if part in terms and (_is(part, op.exp) or part.value > 0):
        terms.remove(part)
        factor: Expression | None = None
    else:
        numbers = [term for term in terms if term.value > 0]
        if len(numbers) != 1:
            return None
        factor = part if numbers[0].value == 1 else part / numbers[0]
        terms.remove(numbers[0])
        part = numbers[0]
    others = _logarithm(terms)
    if others is None:
        return None
    own = part.args[0] if _is(part, op.exp) else constant(math.log(part.value))
    z = _negated(others) if own.value == 0 else own if others.value == 0 else own - others
    found = op.sigmoid(z) if factor is None or factor.value == 1 else factor * op.sigmoid(z)
    return found if found.shape == node.shape else None


def _is_difference_of_opposite_exps(node: Expression) -> Expression | None:
    """Return x of exp(x) − exp(−x), also written by expm1."""
    if not _is(node, op.subtract):
        return None
    plus, minus = node.args
    if plus.operation not in (op.exp, op.expm1) or minus.operation is not plus.operation:
        return None
    return plus.args[0] if minus.args[0] is opposite(plus.args[0]) else None


def difference_of_opposite_exps(node: Expression) -> Expression | None:
    """exp(x) − exp(−x) → expm1(x) − expm1(−x)."""
    x = _is_difference_of_opposite_exps(node)
    return op.expm1(x) - op.expm1(opposite(x)) if x is not None and _is(node.args[0], op.exp) else None


def tanh_by_exp(node: Expression) -> Expression | None:
    """(exp(x) − exp(−x))/(exp(x) + exp(−x)) → tanh(x), (exp(x) − 1)/(exp(x) + 1) → tanh(x/2)."""
    if not _is(node, op.divide):
        return None
    above, below = node.args
    x = _is_difference_of_opposite_exps(above)
    if x is not None and _is(below, op.add) and set(below.args) == {op.exp(x), op.exp(opposite(x))}:
        return op.tanh(x)
    minus = _is(above, op.negate)
    above = above.args[0] if minus else above
    inner = _one_plus(below)
    if not _is(above, op.expm1) or inner is not op.exp(above.args[0]):
        return None
    half = above.args[0] / 2
    return op.tanh(-half) if minus else op.tanh(half)


def tanh_by_sigmoid(node: Expression) -> Expression | None:
    """2·σ(x) − 1 → tanh(x/2), 1 − 2·σ(x) → −tanh(x/2)."""
    if not _is(node, op.subtract):
        return None
    minus = node.args[0].value == 1
    twice, one = node.args[::-1] if minus else node.args
    if one.value != 1 or not _is(twice, op.multiply):
        return None
    two, share = twice.args if twice.args[0].value == 2 else twice.args[::-1]
    if two.value != 2 or not _is(share, op.sigmoid):
        return None
    found = op.tanh(share.args[0] / 2)
    return -found if minus else found


def _root(term: Expression) -> Expression | None:
    """Return x of x², √c·x of c·x², or √c of a number c; None for other terms."""
    if term.value >= 0:
        return constant(math.sqrt(term.value))
    if _is(term, op.power) and term.args[1].value == 2:
        return term.args[0]
    if not _is(term, op.multiply):
        return None
    left, right = term.args
    if left is right:
        return left
    if left.value > 0 and _is(right, op.power) and right.args[1].value == 2:
        return constant(math.sqrt(left.value)) * right.args[0]
    return None


def power_of_exp(node: Expression) -> Expression | None:
    """√exp(x) → exp(x/2), exp(x)^c → exp(c·x)."""
    if _is(node, op.sqrt) and _is(node.args[0], op.exp):
        return op.exp(node.args[0].args[0] / 2)
    if _is(node, op.power) and _is(node.args[0], op.exp) and _is(node.args[1], CONSTANT):
        return op.exp(node.args[1] * node.args[0].args[0])
    return None


def root_of_squares(node: Expression) -> Expression | None:
    """√(x²) → |x|, (x²)^c → |x|^(2c), √(x² + y²) → hypot(x, y), √(sum(x²)) → m·√(sum((x/m)²)) with m = max |x|."""
    half = _is(node, op.sqrt) or (_is(node, op.power) and node.args[1].value == 0.5)
    if not half and not (_is(node, op.power) and node.args[1].value % 1 > 0):
        return None
    inner = node.args[0]
    x = inner.args[0] if inner.args and inner in (inner.args[0] ** 2, inner.args[0] * inner.args[0]) else None
    if x is not None:
        return op.absolute(x) if half else op.absolute(x) ** (2 * node.args[1].value)
    if not half:
        return None
    if _is(inner, op.sum_):
        x = _root(inner.args[0])
        return _norm(x) if x is not None and x.shape else None
    roots = [_root(term) for term in _terms(inner)]
    if len(roots) < 2 or None in roots:
        return None
    found = functools.reduce(op.hypot, [root for root in roots if root is not None])
    return found if found.shape == node.shape else None


def _norm(x: Expression) -> Expression:
    size = op.stop_gradient(op.largest(op.absolute(x)))
    m = op.where(size, size, 1)
    return m * op.sqrt(op.sum_((x / m) ** 2))


RULES: tuple[Callable[[Expression], Expression | None], ...] = (
    log_of_exp,
    log_of_sigmoid,
    log_of_complement,
    log_of_softmax,
    log_of_chosen_softmax,
    log_of_one_plus_exp,
    log_of_one_plus,
    log_of_sum_of_exps,
    log_of_one_minus_exp,
    log_of_exp_minus_one,
    exp_minus_one,
    one_minus_exp,
    difference_of_opposite_exps,
    tanh_by_exp,
    tanh_by_sigmoid,
    share_of_exps,
    power_of_exp,
    root_of_squares,
)
"""Every stability rewrite; those with longer patterns come before those that match a part of them."""

_ROOTS = frozenset(("log", "log1p", "subtract", "divide", "sqrt", "power"))


def by_first_rule(
    roots: Sequence[Expression], rules: Sequence[Callable[[Expression], Expression | None]], names: Container[str]
) -> dict[Expression, Expression]:
    """Rewrite every node of some operations by the first rule that applies, arguments first; return the new nodes."""

    def visit(node: Expression, args: tuple[Expression, ...]) -> Expression:
        node = with_args(node, args)
        found = (rule(node) for rule in rules) if node.operation.name in names else ()
        return next((better for better in found if better is not None), node)

    return transform(roots, visit)


def stabilise(roots: Sequence[Expression]) -> dict[Expression, Expression]:
    """Rewrite a graph so that it neither overflows nor cancels where its value does not; return the new node of each.

    >>> from steepest.expressions.expression import params
    >>> z = params("z")
    >>> print(stabilise([op.log(op.sigmoid(z))])[op.log(op.sigmoid(z))])
    -softplus(-z)
    """

    return by_first_rule(roots, RULES, _ROOTS)
