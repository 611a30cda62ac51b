r"""Index notation: elements of named arrays, sums over an index, brackets that are 1 or 0, partial derivatives.

These operations join those of the table in the lines of a layered derivation; no formula of a user holds them. A name
may carry its layer: ``w^(2)`` is written w with a raised (2), ``W^[2]`` with [2], as texts do that give each sample a
column.
"""

from __future__ import annotations

import re

from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, OPERATIONS, PARAMETER, Expression, Operation, Shape, leaf, make
from steepest.expressions.latex import Latex
from steepest.expressions.maths_text import FormulaText, MathsText
from steepest.expressions.printing import ATOM, POWER, PRODUCT, SUM, Node, Template, call, escaped

SAMPLE = "i"
"""The index of the samples."""


ELEMENT = Operation(
    "element", 1, "one element of an array: x with indices", shape=lambda row, args, attributes: (),
    text=call("element", 1, attributes=True),
)  # fmt: skip
INDEX = Operation("index", 0, "an index as a number, from 1", text=Template("{attributes}"))
BRACKET = Operation(
    "bracket", 2, "1 if both are equal, else 0",
    text=Template("[{0} = {1}]"), maths=Template("[{0} = {1}]"), latex=Template("[{0} = {1}]"),
    source="Iverson 1962; Knuth 1992, Two notes on notation",
)  # fmt: skip
INDEX_SUM = Operation("index_sum", 1, "sum over an index", text=call("index_sum", 1, attributes=True))
PARTIAL = Operation(
    "partial", 2, "partial derivative of a number with respect to another, or to each element",
    shape=lambda row, args, attributes: args[1].shape, text=call("partial", 2),
)  # fmt: skip
SAMPLE_MEAN = Operation("sample_mean", 1, "mean over the index of the samples", text=call("sample_mean", 1))
FACTOR = Operation("factor", 1, "a power of 2 with a symbolic exponent", text=call("factor", 1, attributes=True))
for _row in (ELEMENT, INDEX, BRACKET, INDEX_SUM, PARTIAL, SAMPLE_MEAN, FACTOR):
    OPERATIONS[_row.name] = _row


def symbol(
    letter: str, layer: str = "", shape: Shape = (), per_sample: bool = False, square: bool = False
) -> Expression:
    """Return a named array of a layer, which may be ``l-1`` or ``m``: ``a^(1)``, ``a^[1]`` with samples in columns.

    The shape is that of one sample's value if it has one ``per_sample``, and so the index i.
    """
    opening, closing = "[]" if square else "()"
    name = f"{letter}^{opening}{layer}{closing}" if layer else letter
    return leaf(DATA if per_sample else PARAMETER, name, shape)


def element(array: Expression, *indices: str) -> Expression:
    """Return an element of a named array; empty indices are left out, and an array without any is a number."""
    return make(ELEMENT, (array,), tuple(index for index in indices if index))


def index(letter: str) -> Expression:
    """Return an index as a number, counted from 1."""
    return make(INDEX, (), (letter,))


def bracket(left: Expression, right: Expression) -> Expression:
    """Return [left = right], 1 or 0."""
    return make(BRACKET, (left, right))


def index_sum(body: Expression, letter: str, upper: str) -> Expression:
    """Return Σ over an index from 1 to ``upper``; the body itself without a letter."""
    return make(INDEX_SUM, (body,), (letter, upper)) if letter else body


def partial(of: Expression, by: Expression) -> Expression:
    """Return ∂of/∂by."""
    return make(PARTIAL, (of, by))


def over_samples(body: Expression) -> Expression:
    """Return 1/n Σ over the samples, in index notation."""
    return make(SAMPLE_MEAN, (body,))


SUMS = (INDEX_SUM, SAMPLE_MEAN, op.total, op.mean, op.total_outer)
"""Operations written with a leading Σ, which reaches to the end of its product: last in it, they need no brackets."""
_LAYERED = re.compile(r"(.+)\^([(\[])(.+)[)\]]", re.DOTALL)
HAT = "\u0302"
"""Marks a name as having a hat."""
_LETTERS = {"(weight)": r"\omega", "ℓ": r"\ell", "1": r"\mathbf{1}"}


def _parts(name: str) -> tuple[str, str]:
    """Split a name into its letter and its raised layer with brackets."""
    found = _LAYERED.fullmatch(name)
    if found is None:
        return name, ""
    letter, opening, layer = found.groups()
    return letter, f"({layer})" if opening == "(" else f"[{layer}]"


def _indices(node: Node) -> tuple[str, tuple[str, ...]] | None:
    """Return the name and indices of an element or named array; None for any other node."""
    if node.operation is ELEMENT:
        return node.args[0].name, tuple(str(a) for a in node.attributes)
    if node.operation is DATA:
        return node.name, (SAMPLE,)
    return (node.name, ()) if node.operation is PARAMETER else None


def _is_mixed(node: Node) -> bool:
    return node.operation is op.multiply and bool(node.args[0].shape) and bool(node.args[1].shape)


def _around_odot(node: Node) -> tuple[int, int]:
    """Return the strengths next to ⊙: a product of matrices, which binds as strongly, needs brackets."""
    first, second = (PRODUCT + 1 if arg.operation in (op.matmul, op.outer) else PRODUCT for arg in node.args)
    return first, max(second, PRODUCT + 1)


class _Paper(FormulaText):
    """What layered derivations write alike as text and, with other signs, as LaTeX: vectors are rows."""

    between, odot, dot, minus, ones = " ", " ⊙ ", "·", "−", "1"
    slope, operator = "∂{0}/∂{1}", "∂/∂{1}[{0}]"
    column = PRODUCT  # how strongly a column must bind that is written as the transpose of a row

    @property
    def total(self) -> str:
        """The pattern of a Σ over the samples."""
        return "sum " if "sum" in self.notation.changed else "Σ "

    @property
    def mean(self) -> str:
        """The pattern of 1/n and a Σ over the samples."""
        return f"1/{self.notation.count} {self.total}"

    def limits(self, letter: str, upper: str) -> str:
        """Return the pattern of a Σ over an index."""
        return self.total if letter == SAMPLE else f"Σ_{letter} "

    def factor(self, exponent: str) -> str:
        """Return the pattern of a power of 2 and its product with the operand."""
        return f"2^({exponent})·{{0}}"

    def turned(self, node: Node, k: int = 0) -> str:
        """Return the pattern of an operand's transpose."""
        return f"{{{k}}}ᵀ"

    def index(self, letter: str) -> str:
        """Return an index as it is written, that of the samples by its letter in this notation."""
        return self.notation.index if letter == SAMPLE else letter

    def written(self, name: str, indices: tuple[str, ...]) -> tuple[str, int]:
        """Return a name with its layer and indices, ``a^(1)_ij``, and how strongly it binds."""
        letter, layer = _parts(name)
        letter = self.notation.letters.get(letter, letter)
        letter = "ω" if letter == "(weight)" else letter
        below = "".join(map(self.index, indices))
        return letter + (f"^{layer}" if layer else "") + (f"_{below}" if below else ""), ATOM

    def template(self, node: Node) -> Template:
        """Return sums with limits, ∂/∂ of two names, ⊙ between arrays; the operation's own template for the rest."""
        row, both = node.operation, "{0}" + self.between + "{1}"
        if row is INDEX_SUM:
            return Template(self.limits(*node.attributes) + "{0}", SUM + 5, (PRODUCT,))
        if row is SAMPLE_MEAN:
            return Template(self.mean + "{0}", SUM + 5, (PRODUCT,))
        if row is PARTIAL:
            return Template(self.slope if self.leaf(node.args[0]) else self.operator, POWER)
        if row is FACTOR:
            return Template(self.factor(node.attributes[0]), PRODUCT, (PRODUCT + 1,))
        if row is op.transpose:
            return Template(self.turned(node), POWER, (ATOM,))
        if row is op.outer and node.args[0].name == "1":
            return Template(both, PRODUCT, (PRODUCT, POWER))
        if row is op.dot or (row is op.outer and node.args[1].name == "1"):
            return Template("{0}" + self.between + self.turned(node, 1), PRODUCT, (PRODUCT, ATOM))
        if row is op.outer:
            return Template(self.turned(node) + self.between + "{1}", PRODUCT, (ATOM, PRODUCT))
        if row is op.total_outer:
            return Template(self.total + self.turned(node) + self.between + "{1}", SUM + 5, (ATOM, PRODUCT))
        if row is op.matmul and len(node.args[0].shape) == 1 and not node.args[0].per_sample:  # a column, such as 1
            return Template(self.turned(node) + self.between + "{1}", PRODUCT, (self.column, PRODUCT + 1))
        if row is op.matmul:
            return Template(both, PRODUCT, (PRODUCT, PRODUCT + 1))
        if row is op.sum_:  # a row times a column of ones
            return Template("{0}" + self.between + self.ones, PRODUCT, (PRODUCT + 1,))
        if _is_mixed(node):
            return Template("{0}" + self.odot + "{1}", PRODUCT, _around_odot(node))
        if row is op.multiply and not node.args[0].shape and node.args[1].operation in (op.matmul, op.outer):
            return Template(both, PRODUCT, (PRODUCT, PRODUCT))  # a number times a product of matrices
        if row is op.negate and node.args[0].operation in SUMS:
            return Template(self.minus + "{0}", SUM + 5, (SUM + 5,))
        if row is op.multiply and node.args[1].operation in SUMS:
            return Template("{0}" + self.dot + "{1}", SUM + 5, (PRODUCT, SUM + 5))
        return super().template(node)

    def leaf(self, node: Node) -> tuple[str, int] | None:
        """Return names with their layer and indices."""
        if node.operation is INDEX:
            return self.index(str(node.attributes[0])), ATOM
        found = _indices(node)
        return super().leaf(node) if found is None else self.written(*found)


class PaperText(_Paper, MathsText):
    """Text of layered derivations."""


class PaperLatex(_Paper, Latex):
    """LaTeX of layered derivations."""

    between, odot, dot, minus, ones = r"\, ", r" \odot ", r" \cdot ", "-", r"\mathbf{{1}}"
    slope = r"\frac{{\partial {0}}}{{\partial {1}}}"
    operator = r"\frac{{\partial}}{{\partial {1}}} \left({0}\right)"
    column = ATOM

    @property
    def total(self) -> str:
        """The pattern of a Σ over the samples."""
        return rf"\sum_{{{{{self.notation.index}=1}}}}^{{{{{self.notation.count}}}}} "

    @property
    def mean(self) -> str:
        """The pattern of 1/n and a Σ over the samples."""
        return rf"\frac{{{{1}}}}{{{{{self.notation.count}}}}} {self.total}"

    def limits(self, letter: str, upper: str) -> str:
        """Return the pattern of a Σ over an index."""
        return escaped(rf"\sum_{{{letter}=1}}^{{{upper}}} ")

    def factor(self, exponent: str) -> str:
        """Return the pattern of a power of 2 and its product with the operand."""
        return rf"2^{{{{{exponent}}}}} \cdot {{0}}"

    def turned(self, node: Node, k: int = 0) -> str:
        """Return the pattern of a transpose: ⊤ next to the layer of a name that has one, else after it."""
        found = _indices(node.args[k])
        if found is None or not _parts(found[0])[1]:
            return f"{{{k}}}" + r"^{{\top}}"
        return escaped(self.written(*found, r"\top")[0])

    def written(self, name: str, indices: tuple[str, ...], more: str = "") -> tuple[str, int]:
        """Return a name with its layer and ``more`` above it, its indices below, and how strongly it binds."""
        letter, layer = _parts(name)
        letter = self.notation.letters.get(letter, letter)
        if letter.endswith(HAT):
            found = rf"\hat{{{self.notation.latex_name(letter[:-1])}}}"
        else:
            found = _LETTERS.get(letter) or self.notation.latex_name(letter)
        below = ("" if all(len(x) == 1 for x in indices) else ",").join(map(self.index, indices))
        if below and "_{" in found:
            found, below = found[:-1] + "," + below + "}", ""
        raised = f"^{{{layer}{more}}}" if layer else ""
        # A raised layer is no power, and a power of it goes outside of brackets.
        return found + raised + (f"_{{{below}}}" if below else ""), POWER if layer else ATOM
