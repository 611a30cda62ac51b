"""Rewrites that keep the relative accuracy of a program, made when it is lowered.

Gradients are written as on paper: 1 − tanh², σ(1 − σ), prediction − target. Computed so they cancel where a neuron is
saturated: 1 − tanh(20)² gives 0, though the slope is 1.7e-17. The forms below have the same value without cancellation.
Those with σ share the tail s = σ(−|z|), which is at most ½, so that 1 − s is exact to the last digit. At z = 0 they
take the branch in which |z| is z, so that the complex step through them is right there, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from steepest.calculus.stability import by_first_rule, opposite
from steepest.expressions import operations as op
from steepest.expressions.expression import CONSTANT, Expression, transform, with_args
from steepest.expressions.traversal import toposort

_WHOLE = 2.0**22  # beyond, y − 1 is rounded in single precision


def _tail(z: Expression) -> Expression:
    """Return σ(−|z|)."""
    return op.sigmoid(-op.absolute(z))


def one_minus_tanh_squared(node: Expression) -> Expression | None:
    """1 − tanh(z)² → 4·s·(1 − s) with s = σ(−2|z|)."""
    if node.operation is not op.subtract or node.args[0].value != 1:
        return None
    square = node.args[1]
    base = square.args[0] if square.args else square
    if base.operation is not op.tanh or square not in (base**2, base * base):
        return None
    size = op.absolute(base.args[0])
    s = op.sigmoid(-(size + size))
    return 4 * (s * (1 - s))


def tanh_minus_one(node: Expression) -> Expression | None:
    """tanh(z) − 1 → −2·σ(−2z), 1 − tanh(z) → 2·σ(−2z), tanh(z) + 1 → 2·σ(2z)."""
    if node.operation not in (op.add, op.subtract) or 1 not in (node.args[0].value, node.args[1].value):
        return None
    first = node.args[0].operation is op.tanh
    tanh = node.args[0] if first else node.args[1]
    if tanh.operation is not op.tanh:
        return None
    twice = 2 * tanh.args[0]
    if node.operation is op.add:
        return 2 * op.sigmoid(twice)
    return -2 * op.sigmoid(-twice) if first else 2 * op.sigmoid(-twice)


def complement_of_sigmoid(node: Expression) -> Expression | None:
    """1 − σ(z) → σ(−z)."""
    if node.operation is op.subtract and node.args[0].value == 1 and node.args[1].operation is op.sigmoid:
        return op.sigmoid(opposite(node.args[1].args[0]))
    return None


def slope_of_sigmoid(node: Expression) -> Expression | None:
    """a·σ(z)·σ(−z) → a·(s·(1 − s))."""
    if node.operation is not op.multiply or node.args[1].operation is not op.sigmoid:
        return None
    z, left = node.args[1].args[0], node.args[0]
    factor, last = left.args if left.operation is op.multiply else (None, left)
    if last.operation is not op.sigmoid or last.args[0] is not opposite(z):
        return None
    s = _tail(z.args[0] if z.operation is op.negate else z)
    slope = s * (1 - s)
    return slope if factor is None else factor * slope


def sigmoid_minus_target(node: Expression) -> Expression | None:
    """σ(z) − t → s − t, or (1 − t) − s where z ≥ 0; t − σ(z) likewise."""
    if node.operation is not op.subtract:
        return None
    left, right = node.args
    if left.operation is op.sigmoid and right.operation is not op.sigmoid:
        z = left.args[0]
        s = _tail(z)
        found = op.where(z >= 0, (1 - right) - s, s - right)
    elif right.operation is op.sigmoid and left.operation is not op.sigmoid:
        z = right.args[0]
        s = _tail(z)
        found = op.where(z >= 0, s - (1 - left), left - s)
    else:
        return None
    return found if found.shape == node.shape else None


def sigmoid_of_difference(node: Expression) -> Expression | None:
    """σ(x − y) → p + p·(1 − p)·δ where p is σ of the difference as it is rounded, by δ, if x and y are given."""
    if node.operation is not op.sigmoid or node.args[0].operation is not op.subtract:
        return None
    x, y = node.args[0].args
    if x.args or y.args:
        return None  # what is computed is as inexact as the difference
    return node + node * ((1 - node) * op.lost(x, y))


def expm1_plus_one(node: Expression) -> Expression | None:
    """expm1(x) + 1 → exp(x)."""
    if node.operation is op.add and node.args[0].operation is op.expm1 and node.args[1].value == 1:
        return op.exp(node.args[0].args[0])
    return None


def _without_top(p: Expression, values: Expression) -> Expression:
    """Return the sum of some values over the classes whose probability is at most ½."""
    return op.sum_(op.where(p > 0.5, 0, values))


def softmax_minus_target(node: Expression) -> Expression | None:
    """p − t → (1 − t) − Σ of the other p where p = softmax(x) is above ½; t − p likewise."""
    if node.operation is not op.subtract:
        return None
    left, right = node.args
    if left.operation is op.softmax and right.shape in ((), left.shape):
        return op.where(left > 0.5, (1 - right) - _without_top(left, left), node)
    if right.operation is op.softmax and left.shape in ((), right.shape):
        return op.where(right > 0.5, _without_top(right, right) - (1 - left), node)
    return None


def log_of_shares(node: Expression) -> Expression | None:
    """log(Σ exp(x − max x)) → log1p(Σ of the others)."""
    if node.operation is not op.log or node.args[0].operation is not op.sum_:
        return None
    e = node.args[0].args[0]
    if e.operation is not op.exp or e.args[0].operation is not op.subtract:
        return None
    x, most = e.args[0].args
    if most not in (op.largest(x), op.stop_gradient(op.largest(x))) if x.shape else True:
        return None
    return op.log_of_shares(x)


def slope_of_softmax(node: Expression) -> Expression | None:
    """a − Σ a·p → a·Σ p − Σ a·p where p = softmax(x) is above ½, with sums over the other classes."""
    if node.operation is not op.subtract or node.args[1].operation is not op.sum_:
        return None
    a, weighted = node.args[0], node.args[1].args[0]
    if (
        weighted.operation is not op.multiply
        or weighted.args[0] is not a
        or weighted.args[1].operation is not op.softmax
    ):
        return None
    p = weighted.args[1]
    return op.where(p > 0.5, a * _without_top(p, p) - _without_top(p, weighted), node)


def slope_of_log_softmax(node: Expression) -> Expression | None:
    """a − p·Σ a → a·Σ p − p·Σ a where p = softmax(x) is above ½, with sums over the other classes."""
    if node.operation is not op.subtract or node.args[1].operation is not op.multiply:
        return None
    a, (p, whole) = node.args[0], node.args[1].args
    if p.operation is not op.softmax or not a.shape or whole is not op.sum_(a):
        return None
    return op.where(p > 0.5, a * _without_top(p, p) - p * _without_top(p, a), node)


def power_less_one(node: Expression) -> Expression | None:
    """x^(y − 1) → x^y/x where y − 1 would be rounded, for y below ½ and for very large y."""
    if node.operation is not op.power or node.args[1].operation is not op.subtract:
        return None
    x, (y, one) = node.args[0], node.args[1].args
    if one.value != 1 or y.operation is CONSTANT:
        return None
    return op.where(op.where(y < 0.5, x, op.where(y > _WHOLE, x, 0)), x**y / x, node)


RULES: tuple[Callable[[Expression], Expression | None], ...] = (
    one_minus_tanh_squared,
    tanh_minus_one,
    complement_of_sigmoid,
    slope_of_sigmoid,
    sigmoid_minus_target,
    expm1_plus_one,
    softmax_minus_target,
    log_of_shares,
    slope_of_softmax,
    slope_of_log_softmax,
    power_less_one,
)
"""Every rewrite; at most one applies to a node."""

_ROOTS = frozenset(("subtract", "multiply", "add", "power", "log"))


def exact(roots: Sequence[Expression]) -> list[Expression]:
    """Rewrite expressions so that differences of nearly equal numbers, which a better form avoids, do not occur.

    >>> from steepest.expressions.expression import params
    >>> z = params("z")
    >>> print(exact([1 - op.sigmoid(z)])[0], exact([op.expm1(z) + 1])[0])
    sigmoid(-z) exp(z)
    """

    found = by_first_rule(roots, RULES, _ROOTS)
    shared = _shared([found[root] for root in roots])
    found = by_first_rule(shared, (sigmoid_of_difference,), ("sigmoid",))  # after the rules that look for σ
    return [found[root] for root in shared]


def _shared(roots: Sequence[Expression]) -> list[Expression]:
    """Compute σ(z) and σ(−z) from the tail where the tail is computed anyway."""
    nodes = toposort(roots)
    sigmoids = [node for node in nodes if node.operation is op.sigmoid]
    tails = {node for node in sigmoids if node.args[0].operation is op.negate}
    tails = {node for node in tails if node.args[0].args[0].operation is op.absolute}
    if not tails:
        return list(roots)

    def visit(node: Expression, args: tuple[Expression, ...]) -> Expression:
        if node.operation is not op.sigmoid or node in tails:
            return with_args(node, args)
        (z,), (new,) = node.args, args
        negated = z.operation is op.negate
        if _tail(z.args[0] if negated else z) not in tails:
            return with_args(node, args)
        new = opposite(new) if negated else new
        s = _tail(new)
        return op.where(new >= 0, s, 1 - s) if negated else op.where(new >= 0, 1 - s, s)

    found = transform(roots, visit)
    return [found[root] for root in roots]
