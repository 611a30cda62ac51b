r"""Convert the trees of formulas on paper to expressions of steepest, where that is possible.

A sum over the samples becomes :func:`~steepest.total`, a symbol with the sample index a column of data, and ``n`` the
number of samples. Vectors, matrices, functions of the document's own and other sums have no expression.
"""

from __future__ import annotations

from typing import Any

from steepest.calculus.gradient import gradient
from steepest.errors import SteepestError
from steepest.expressions import operations
from steepest.expressions.expression import DATA, PARAMETER, Expression, constant, leaf
from steepest.proofreading.meaning.document_model import linear
from steepest.proofreading.reading.functions import operation_of
from steepest.proofreading.reading.tree import Node, walk

_OPERATIONS: Any = operations  # its functions are made from a table, which a type checker cannot see

_SAMPLES = ("i",)
_GREEK = {"\\alpha": "α", "\\beta": "β", "\\gamma": "γ", "\\delta": "δ", "\\theta": "θ", "\\lambda": "λ", "\\mu": "μ"}


class _OnPaperError(Exception):
    """Raised when a formula has no expression."""


def expression_of(node: Node | None) -> Expression | None:
    """Return the expression of a tree, or None if it has none.

    Args:
        node: the tree; None for a side that could not be read.
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
        self.counts: set[str] = set()

    def build(self, node: Node) -> Expression:
        """Return the expression of a tree.

        Raises:
            _OnPaperError: it has none.
        """
        self.counts |= {
            str(part.args[2].base)
            for part in walk(node)
            if part.kind == "sum" and len(part.args) == 3 and part.args[2].base
        }
        return self.of(node)

    def of(self, node: Node) -> Expression:
        """Return the expression of a part."""
        method = getattr(self, "_" + node.kind, None)
        if method is None:
            raise _OnPaperError(node.kind)
        found: Expression = method(node)
        return found

    def _number(self, node: Node) -> Expression:
        return constant(float(node.value))

    def _symbol(self, node: Node) -> Expression:
        if node.base in self.counts and not node.args:
            found: Expression = _OPERATIONS.count()
            return found
        name, sampled = _GREEK.get(node.base, node.base.strip("\\")), False
        for role, index in node.indices:
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
        found: Expression = _OPERATIONS.sqrt(self.of(node.args[0]))
        return found

    def _abs(self, node: Node) -> Expression:
        found: Expression = _OPERATIONS.absolute(self.of(node.args[0]))
        return found

    def _stopped(self, node: Node) -> Expression:
        found: Expression = _OPERATIONS.stop_gradient(self.of(node.args[0]))
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
        found: Expression = _OPERATIONS.total(body)
        return found

    def _derivative(self, node: Node) -> Expression:
        body = self.of(node.args[0])
        for variable in node.args[1:]:
            name = self.of(variable).name
            partials = gradient(body)
            if body.per_sample or name not in partials:
                raise _OnPaperError(name)
            body = partials[name]
        return body
