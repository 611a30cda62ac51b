r"""Formulas on paper as expressions of steepest, where they can be.

A sum over the samples becomes :func:`~steepest.total`, what has its index a column of data, and ``n`` the count of
samples. Vectors, matrices, functions of the document's own and sums over anything else stay on paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steepest.errors import SteepestError
from steepest.proofreading.meaning.document_model import linear
from steepest.proofreading.reading.functions import operation_of
from steepest.proofreading.reading.tree import Node

if TYPE_CHECKING:
    from steepest.expressions.expression import Expression

_SAMPLES = ("i",)
_GREEK = {"\\alpha": "α", "\\beta": "β", "\\gamma": "γ", "\\delta": "δ", "\\theta": "θ", "\\lambda": "λ", "\\mu": "μ"}


class _OnPaperError(Exception):
    """A formula is no expression."""


def expression_of(node: Node | None) -> Expression | None:
    """The expression that a tree is; None if it is none.

    Args:
        node: the tree; None for a side that was not understood.
    """
    if node is None:
        return None
    try:
        return _Builder().build(node)
    except (_OnPaperError, SteepestError, ArithmeticError, ValueError):
        return None


class _Builder:
    """Builds an expression; the tree's depth is bounded by the parser."""

    def __init__(self) -> None:
        from steepest.expressions import operations

        self.operations: Any = operations
        self.counts: set[str] = set()

    def build(self, node: Node) -> Expression:
        """The expression of a tree.

        Raises:
            _OnPaperError: it has none.
        """
        self.counts |= {
            str(part.args[2].base)
            for part in _parts(node)
            if part.kind == "sum" and len(part.args) == 3 and part.args[2].base
        }
        return self.of(node)

    def of(self, node: Node) -> Expression:
        """The expression of a part."""
        method = getattr(self, "_" + node.kind, None)
        if method is None:
            raise _OnPaperError(node.kind)
        found: Expression = method(node)
        return found

    def _number(self, node: Node) -> Expression:
        from steepest.expressions.expression import constant

        return constant(float(node.value))

    def _symbol(self, node: Node) -> Expression:
        from steepest.expressions.expression import DATA, PARAMETER, leaf

        if node.base in self.counts and not node.args:
            found: Expression = self.operations.count()
            return found
        name, sampled = _GREEK.get(node.base, node.base.strip("\\")), False
        for role, index in zip(node.roles, node.args, strict=True):
            letter, offset = linear(index)
            if letter in _SAMPLES and offset == 0:
                sampled = True
            elif letter is None:
                name += str(offset) if role == "sub" else f"^({offset})"
            else:
                raise _OnPaperError(name)
        return leaf(DATA if sampled else PARAMETER, name)

    def _group(self, node: Node) -> Expression:
        return self.of(node.args[0])

    def _negate(self, node: Node) -> Expression:
        return -self.of(node.args[0])

    def _add(self, node: Node) -> Expression:
        total: Expression | None = None
        for sign, term in zip(node.value, node.args, strict=True):
            part = self.of(term)
            signed = part if sign > 0 else -part
            total = signed if total is None else total + part if sign > 0 else total - part
        assert total is not None  # a sum has terms
        return total

    def _multiply(self, node: Node) -> Expression:
        total = self.of(node.args[0])
        for factor in node.args[1:]:
            total = total * self.of(factor)
        return total

    def _divide(self, node: Node) -> Expression:
        return self.of(node.args[0]) / self.of(node.args[1])

    def _power(self, node: Node) -> Expression:
        return self.of(node.args[0]) ** self.of(node.args[1])

    def _sqrt(self, node: Node) -> Expression:
        found: Expression = self.operations.sqrt(self.of(node.args[0]))
        return found

    def _abs(self, node: Node) -> Expression:
        found: Expression = self.operations.absolute(self.of(node.args[0]))
        return found

    def _stopped(self, node: Node) -> Expression:
        found: Expression = self.operations.stop_gradient(self.of(node.args[0]))
        return found

    def _call(self, node: Node) -> Expression:
        function = node.args[0]
        name = function.value if function.kind == "function" else "sigmoid" if function.base == "\\sigma" else ""
        operation = operation_of(name)
        if node.value or operation is None:
            raise _OnPaperError(str(name))
        return operation(*(self.of(a) for a in node.args[1:]))

    def _sum(self, node: Node) -> Expression:
        if node.value not in _SAMPLES:
            raise _OnPaperError("sum")
        body = self.of(node.args[0])
        if not body.per_sample:
            raise _OnPaperError("sum")
        found: Expression = self.operations.total(body)
        return found

    def _derivative(self, node: Node) -> Expression:
        from steepest.calculus.gradient import gradient

        body = self.of(node.args[0])
        for variable in node.args[1:]:
            name = self.of(variable).name
            slopes = gradient(body)
            if body.per_sample or name not in slopes:
                raise _OnPaperError(name)
            body = slopes[name]
        return body


def _parts(node: Node) -> list[Node]:
    from steepest.proofreading.reading.tree import walk

    return list(walk(node))
