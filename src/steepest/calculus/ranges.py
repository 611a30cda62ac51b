"""What is known of the values of a node without evaluating it: signs, overflow, and where an infinity shows.

The answers are cautious: "may overflow" and "may vanish" are said unless the structure of the graph excludes it.
"""

from __future__ import annotations

from collections.abc import Iterable

from steepest.expressions import activations, elementary, error_functions
from steepest.expressions import operations as op
from steepest.expressions.expression import CONSTANT, Expression
from steepest.expressions.traversal import toposort

_GAUSSIAN = (error_functions.gauss, error_functions.erfc, error_functions.normal_pdf, error_functions.normal_cdf)
_NOT_NEGATIVE = (
    op.absolute, op.exp, op.sigmoid, op.softplus, op.relu, op.sqrt, op.softmax, op.one_hot, op.count,
    *_GAUSSIAN, elementary.exp2, elementary.cosh, elementary.sech, elementary.arccos, elementary.arccosh,
    elementary.norm, activations.hard_sigmoid,
)  # fmt: skip
_KEEPING_SIGN = (op.add, op.multiply, op.divide, op.sum_, op.total, op.mean)
_BOUNDED = (
    op.sigmoid, op.tanh, op.sin, op.cos, op.arctan, op.sign, op.step, op.softmax, op.one_hot, op.count, op.less,
    op.less_equal, op.greater, op.greater_equal, op.equal, op.not_equal, *_GAUSSIAN, error_functions.erf,
    elementary.arcsin, elementary.arccos, elementary.arctan2, elementary.sech, activations.hard_sigmoid,
    activations.hard_tanh,
)  # fmt: skip
_ENDING = (elementary.arcsin, elementary.arccos, elementary.arccosh, elementary.arctanh)
_GROWING = (op.exp, op.expm1, elementary.exp2, elementary.sinh, elementary.cosh)
_COMPARING = (op.less, op.less_equal, op.greater, op.greater_equal, op.equal, op.not_equal, op.one_hot)
WITHOUT_SLOPE = (*_COMPARING, op.sign, op.step, op.stop_gradient, elementary.floor, elementary.ceil, elementary.round_)
"""Operations that do not change with their arguments, but for jumps."""
_SPREADING = (
    op.add, op.subtract, op.multiply, op.negate, op.absolute, op.log, op.log1p, op.sqrt, op.total, op.mean, op.sum_,
    op.expand, op.dot, op.matmul, op.outer, op.transpose, op.total_outer,
)  # fmt: skip


class Ranges:
    """The signs and the overflow of nodes, found once for each node, arguments first."""

    def __init__(self) -> None:
        self._known: set[Expression] = set()
        self._not_negative: set[Expression] = set()
        self._away_from_zero: set[Expression] = set()
        self._may_overflow: set[Expression] = set()
        self._may_fail: set[Expression] = set()

    def not_negative(self, node: Expression) -> bool:
        """Return whether a node is known to be 0 or more, wherever it is a number."""
        self._learn(node)
        return node in self._not_negative

    def away_from_zero(self, node: Expression) -> bool:
        """Return whether a node is known to be above some positive number, as 1 + x² is, or is a number but 0."""
        self._learn(node)
        return node in self._away_from_zero

    def may_overflow(self, node: Expression) -> bool:
        """Return whether a node may be infinite at ordinary values of its leaves, as an exponential may."""
        self._learn(node)
        return node in self._may_overflow

    def may_fail(self, node: Expression) -> bool:
        """Return whether a node may be infinite or NaN because of a pole or the end of a domain, as log(x) may."""
        self._learn(node)
        return node in self._may_fail

    def steep_at_finite_values(self, node: Expression) -> bool:
        """Return whether a node can be finite where its slope is infinite, as √x and x^0.7 are at 0."""
        if node.operation in (op.sqrt, elementary.cbrt):
            return not self.away_from_zero(node.args[0])
        if node.operation is op.power:
            base, exponent = node.args
            fractional = not exponent.value >= 1 and not exponent.value <= 0  # the value of all but numbers is NaN
            return fractional and not self.away_from_zero(base)
        return False

    def has_pole(self, node: Expression) -> bool:
        """Return whether a node, or its slope, can be infinite at finite arguments, as 1/x and log(x) are at 0."""
        if node.operation in _ENDING:
            return True
        if node.operation in (op.log, op.log1p, elementary.log2, elementary.log10):
            return not self.away_from_zero(node.args[0])
        if node.operation is op.divide:
            return not self.away_from_zero(node.args[1])
        if node.operation is op.power:
            return not node.args[1].value >= 0 and not self.away_from_zero(node.args[0])
        return False

    def _learn(self, root: Expression) -> None:
        if root in self._known:
            return
        for node in toposort([root], stop=self._known.__contains__):
            if node not in self._known:
                self._known.add(node)
                self._note(node)

    def _note(self, node: Expression) -> None:
        operation, args = node.operation, node.args
        signs = [arg in self._not_negative for arg in args]
        if operation is CONSTANT:
            positive, away = node.value >= 0, node.value != 0
        elif operation is op.power:
            positive = args[1].value % 2 == 0 or signs[0]
            away = args[1].value > 0 and args[0] in self._away_from_zero
        elif operation is op.multiply and args[0] is args[1]:
            positive, away = True, args[0] in self._away_from_zero
        else:
            positive = operation in _NOT_NEGATIVE or (operation in _KEEPING_SIGN and all(signs))
            clear = any(arg in self._away_from_zero for arg in args)
            away = operation is op.count or (operation is op.add and positive and clear)
            away = away or (operation is op.sqrt and clear)
            away = away or (operation is op.multiply and all(arg in self._away_from_zero for arg in args))
        if positive:
            self._not_negative.add(node)
        if away:
            self._away_from_zero.add(node)
        if operation in _GROWING:
            falling = (
                operation is not elementary.cosh
                and args[0].operation is op.negate
                and args[0].args[0] in self._not_negative
            )
            overflows = not falling
        else:
            overflows = operation not in _BOUNDED and any(arg in self._may_overflow for arg in args)
        if overflows:
            self._may_overflow.add(node)
        partial_domain = self.steep_at_finite_values(node) or self.has_pole(node)
        if partial_domain or (operation not in _COMPARING and any(arg in self._may_fail for arg in args)):
            self._may_fail.add(node)


def spreads(node: Expression, k: int) -> bool:
    """Return whether a node is infinite or NaN wherever its k-th argument is."""
    if node.operation is op.power:
        return k == 0 and node.args[1].value > 0
    return node.operation in _SPREADING or (node.operation is op.divide and k == 0)


def showing(order: Iterable[Expression], roots: Iterable[Expression]) -> set[Expression]:
    """Return the nodes at which an infinity makes a root infinite or NaN.

    Args:
        order: the nodes in topological order.
        roots: the results.
    """
    found = set(roots)
    for node in reversed(list(order)):
        if node in found:
            found.update(arg for k, arg in enumerate(node.args) if spreads(node, k))
    return found
