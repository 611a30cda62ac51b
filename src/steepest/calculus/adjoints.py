"""Adjoints ∂C/∂node as scaled expressions, and how they are multiplied, added and guarded.

A product of partial derivatives may hold 0·∞ although the derivative is finite: in a branch that ``where`` does not
take, below an exponential that has underflowed, or along a variable that is multiplied by 0. An adjoint therefore
carries a *guard*: where that is 0, the adjoint is 0 whatever its factors are. The selection is made after the
products, not before, because 0·∞ is NaN.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from steepest.calculus.simplify import ADJOINTS, rewritten, simplify
from steepest.expressions import operations as op
from steepest.expressions.expression import CONSTANT, Expression, constant

ONE = constant(1)
ZERO = constant(0)


@dataclass(frozen=True)
class Adjoint:
    """An adjoint ±scale · body, where scale is one number for all samples.

    The scale (1/n, a factor 2) is kept outside the sums over samples, where it costs one operation instead of n;
    with the sign apart, the sum of two adjoints can become a difference.

    Attributes:
        guard: where its value is 0, the adjoint is 0; None if it holds everywhere.
        zeros: factors whose zeros are zeros of the adjoint; they join the guard once a factor may be infinite.
        steep: whether a factor may be infinite although the cost is finite.
    """

    body: Expression
    scale: Expression = ONE
    positive: bool = True
    guard: Expression | None = None
    zeros: tuple[Expression, ...] = ()
    steep: bool = False

    def expression(self) -> Expression:
        """Return the adjoint as one expression."""
        whole = product(self.scale, self.body)
        whole = whole if self.positive else simplify(-whole, keep=whole.args)
        return whole if self.guard is None else selected(self.guard, whole)


def product(a: Expression, b: Expression) -> Expression:
    """Return a·b without factors 1, with numbers multiplied."""
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


def is_scalar(node: Expression) -> bool:
    """Return whether a node is one number for all samples."""
    return not node.per_sample and not node.shape


def times(adjoint: Adjoint, factor: Expression, keep: Sequence[Expression] = ()) -> Adjoint:
    """Multiply an adjoint by a partial derivative, factor by factor.

    Nodes in ``keep``, those of the cost, are not split into factors, because they would no longer be shared. A number
    for all samples becomes part of the scale, but not below the guard of a sample, as it may be infinite.
    """
    operation = factor.operation
    if (operation is CONSTANT and factor.value < 0) or (operation is op.negate and factor not in keep):
        opposite = constant(-factor.value) if operation is CONSTANT else factor.args[0]
        return times(replace(adjoint, positive=not adjoint.positive), opposite, keep)
    body, scale = adjoint.body, adjoint.scale
    if operation is op.where and factor not in keep and all(arg.operation is CONSTANT for arg in factor.args[1:]):
        return _times_choice(adjoint, factor)
    guarded_alone = adjoint.guard is not None and not is_scalar(adjoint.guard)
    if is_scalar(factor) and (operation is CONSTANT or not guarded_alone):
        scale = product(scale, factor)
    elif operation is op.multiply and factor not in keep:
        return times(times(adjoint, factor.args[0], keep), factor.args[1], keep)
    elif operation is op.divide and factor not in keep and factor.args[0].operation is CONSTANT:
        body, scale = body / factor.args[1], product(scale, factor.args[0])
    else:
        body = product(body, factor)
    return replace(adjoint, body=rewritten(body, ADJOINTS)[0], scale=scale)


def _times_choice(adjoint: Adjoint, choice: Expression) -> Adjoint:
    """Multiply an adjoint by a choice between two numbers; where 0 is chosen, later factors do not matter."""
    condition, first, second = choice.args
    if 0 in (first.value, second.value):
        taken = condition if second.value == 0 else op.where(condition, 0, 1)
        adjoint = vanishing(settled(adjoint), taken)
    if is_scalar(choice) and not is_scalar(adjoint.body):
        return replace(adjoint, scale=_chosen(choice, adjoint.scale))
    if is_scalar(choice):
        return replace(adjoint, body=_chosen(choice, product(adjoint.scale, adjoint.body)), scale=ONE)
    return replace(adjoint, body=_chosen(choice, adjoint.body))


def _chosen(choice: Expression, value: Expression) -> Expression:
    """Multiply a choice between numbers by a value: a choice between multiples of the value."""
    condition, *numbers = choice.args
    return op.where(condition, *(product(value, number) if number.value else ZERO for number in numbers))


def selected(guard: Expression, value: Expression) -> Expression:
    """Return a value where the guard is not 0, else 0."""
    if guard.operation is op.where and guard.args[1].value == 0 and guard.args[2].value == 1:
        return op.where(guard.args[0], 0, value)
    return op.where(guard, value, 0)


def guarded(adjoint: Adjoint, condition: Expression) -> Adjoint:
    """Return an adjoint that is 0 also where a condition is 0."""
    known = adjoint.guard
    return replace(adjoint, guard=condition if known is None or known is condition else op.where(known, condition, 0))


def held(adjoint: Adjoint) -> Adjoint:
    """Return an adjoint that stays 0 where it is 0 now, whatever it is multiplied by afterwards."""
    inside = _has_parameters(adjoint.scale)
    whole = replace(adjoint, body=product(adjoint.scale, adjoint.body), scale=ONE) if inside else adjoint
    whole = settled(whole)
    return whole if whole.body.operation is CONSTANT else replace(whole, guard=whole.body)


def _has_parameters(scale: Expression) -> bool:
    return bool(scale.parameters)


def steep(adjoint: Adjoint) -> Adjoint:
    """Return an adjoint a factor of which may be infinite: the zeros of its other factors join the guard."""
    body = adjoint.body
    for zero in adjoint.zeros:
        adjoint = guarded(adjoint, zero)
        if body.operation is op.where and body is selected(zero, _choice(body)):
            body = _choice(body)  # the guard says it from now on
    return replace(adjoint, body=body, zeros=(), steep=True)


def _choice(choice: Expression) -> Expression:
    """Return what a choice between an expression and 0 may give."""
    return choice.args[2] if choice.args[1].value == 0 else choice.args[1]


def vanishing(adjoint: Adjoint, factor: Expression) -> Adjoint:
    """Return an adjoint that is 0 where a factor is, because nothing that it multiplies can then matter."""
    if adjoint.steep:
        return guarded(adjoint, factor)
    return adjoint if factor in adjoint.zeros else replace(adjoint, zeros=(*adjoint.zeros, factor))


def settled(adjoint: Adjoint) -> Adjoint:
    """Return an adjoint with the guard as part of its body."""
    if adjoint.guard is None:
        return adjoint
    zeros = (*adjoint.zeros, adjoint.guard)
    if is_scalar(adjoint.guard) and not adjoint.steep and not is_scalar(adjoint.body):
        return replace(adjoint, scale=selected(adjoint.guard, adjoint.scale), guard=None, zeros=zeros)
    body, scale = adjoint.body, adjoint.scale
    if is_scalar(body) or (adjoint.steep and _has_parameters(scale)):
        body, scale = product(scale, body), ONE
    return replace(adjoint, body=selected(adjoint.guard, body), scale=scale, guard=None, zeros=zeros)


def plus(a: Adjoint | None, b: Adjoint) -> Adjoint:
    """Add two adjoints of a node."""
    if a is None:
        return b
    guard = a.guard
    if a.guard is not b.guard:
        a, b, guard = settled(a), settled(b), None
    zeros, steep_ = _common_zeros(a.zeros, b.zeros), a.steep or b.steep
    if a.scale is not b.scale:
        a, b = (Adjoint(product(each.scale, each.body), ONE, each.positive) for each in (a, b))
    if not a.positive and b.positive:
        a, b = b, a
    joined = a.body + b.body if a.positive == b.positive else a.body - b.body
    return Adjoint(rewritten(joined, ADJOINTS)[0], a.scale, a.positive, guard, zeros, steep_)


def _common_zeros(a: tuple[Expression, ...], b: tuple[Expression, ...]) -> tuple[Expression, ...]:
    """Return conditions that are 0 only where a condition of both adjoints is."""
    common = tuple(zero for zero in a if zero in b)
    rest = [[zero for zero in zeros if zero not in common][-_MOST_ZEROS:] for zeros in (a, b)]
    if not all(rest):
        return common
    either, other = (functools.reduce(lambda p, q: op.where(p, q, 0), zeros) for zeros in rest)
    return (*common, op.where(either, 1, other))


_MOST_ZEROS = 8  # of an adjoint that are remembered when it is added to another


def _total(body: Expression) -> Expression:
    """Sum over the samples; outer products are summed without a matrix per sample."""
    if body.operation is not op.outer:
        return op.total(body)
    left, right = body.args
    if left.per_sample and right.per_sample:
        return op.total_outer(left, right)
    return op.outer(op.total(left), right) if left.per_sample else op.outer(left, op.total(right))


def summed_over_features(adjoint: Adjoint, count: int) -> Adjoint:
    """Sum an adjoint over the features along which a number was repeated."""
    if adjoint.guard is not None and adjoint.guard.shape:
        adjoint = settled(adjoint)
    zeros = tuple(zero for zero in adjoint.zeros if not zero.shape)
    if adjoint.body.shape:
        body = op.sum_(adjoint.body)
        return replace(adjoint, body=body, zeros=zeros if zeros == adjoint.zeros else (*zeros, body))
    return replace(adjoint, scale=product(adjoint.scale, constant(count)), zeros=zeros)


def summed_over_samples(adjoint: Adjoint) -> Adjoint:
    """Sum an adjoint over the samples, for which a value was shared."""
    if adjoint.guard is not None and adjoint.guard.per_sample:
        adjoint = settled(adjoint)
    zeros = tuple(zero for zero in adjoint.zeros if not zero.per_sample)
    if adjoint.body.per_sample:
        body = _total(adjoint.body)
        all_zero = () if zeros == adjoint.zeros else (body,)
        return replace(adjoint, body=body, zeros=(*zeros, *all_zero))
    return replace(adjoint, scale=product(adjoint.scale, op.count()), zeros=zeros)
