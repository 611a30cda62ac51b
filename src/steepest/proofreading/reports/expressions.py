r"""Convert the trees of formulas on paper to expressions of steepest, where that is possible.

A sum over the samples becomes :func:`~steepest.total`, a symbol with the sample index a column of data, and ``n`` the
number of samples. Vectors, matrices, functions of the document's own and other sums have no expression.
"""

from __future__ import annotations

from functools import reduce
from operator import mul

from steepest.calculus.gradient import gradient
from steepest.errors import SteepestError
from steepest.expressions import operations
from steepest.expressions.expression import DATA, PARAMETER, Expression, constant, leaf
from steepest.proofreading.meaning.document_model import linear
from steepest.proofreading.reading.tree import Node, function_name, walk
from steepest.proofreading.reading.vocabulary import operation_of

_UNARY = {"sqrt": operations.sqrt, "abs": operations.absolute, "stopped": operations.stop_gradient}
_SAMPLES = ("i",)
_GREEK = {"\\alpha": "α", "\\beta": "β", "\\gamma": "γ", "\\delta": "δ", "\\theta": "θ", "\\lambda": "λ", "\\mu": "μ"}


class _OnPaperError(Exception):
    """Raised when a formula has no expression."""


def expression_of(node: Node | None) -> Expression | None:
    """Return the expression of a tree, None if it has none or for a side that could not be read."""
    if node is None:
        return None
    try:
        return _Builder(node).of(node)
    except (_OnPaperError, SteepestError, ArithmeticError, ValueError):
        return None


class _Builder:
    """Builds an expression; the tree's depth is bounded by the parser."""

    def __init__(self, root: Node) -> None:
        limits = [part.args[2] for part in walk(root) if part.kind == "sum" and len(part.args) == 3]
        self.counts = {limit.base for limit in limits if limit.base}

    def of(self, node: Node) -> Expression:
        """Return the expression of a part; raise _OnPaperError if it has none."""
        match node.kind:
            case "number":
                return constant(float(node.value))
            case "symbol":
                return self._symbol(node)
            case "group":
                return self.of(node.args[0])
            case "negate":
                return -self.of(node.args[0])
            case "add":
                total = self.of(node.args[0]) if node.value[0] > 0 else -self.of(node.args[0])
                for sign, term in zip(node.value[1:], node.args[1:], strict=True):
                    total = total + self.of(term) if sign > 0 else total - self.of(term)
                return total
            case "multiply":
                return reduce(mul, map(self.of, node.args))
            case "divide":
                return self.of(node.args[0]) / self.of(node.args[1])
            case "power":
                return self.of(node.args[0]) ** self.of(node.args[1])
            case "sqrt" | "abs" | "stopped":
                return _UNARY[node.kind](self.of(node.args[0]))
            case "call":
                operation = operation_of(function_name(node.args[0]))
                if node.value or operation is None or operation.arity != len(node.args) - 1:
                    raise _OnPaperError("call")
                return operation(*(self.of(a) for a in node.args[1:]))
            case "sum":
                if node.value not in _SAMPLES or not (body := self.of(node.args[0])).per_sample:
                    raise _OnPaperError("sum")
                return operations.total(body)
            case "derivative":
                return self._derivative(node)
        raise _OnPaperError(node.kind)

    def _symbol(self, node: Node) -> Expression:
        if node.base in self.counts and not node.args:
            return operations.count()
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

    def _derivative(self, node: Node) -> Expression:
        body = self.of(node.args[0])
        for variable in node.args[1:]:
            name = self.of(variable).name
            partials = gradient(body)
            if body.per_sample or name not in partials:
                raise _OnPaperError(name)
            body = partials[name]
        return body
