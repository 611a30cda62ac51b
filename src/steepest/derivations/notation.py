r"""Index notation: elements of named arrays, sums over an index, brackets that are 1 or 0, partial derivatives.

These operations join those of the table in the lines of a layered derivation; no formula of a user holds them. A name
may carry its layer: ``w^(2)`` is written w with a raised (2), ``W^[2]`` with [2], as texts do that give each sample a
column.
"""

from __future__ import annotations

import re
from typing import Any

from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, OPERATIONS, PARAMETER, Expression, Operation, Shape, leaf, make
from steepest.expressions.latex import Latex, latex_name
from steepest.expressions.maths_text import MathsText
from steepest.expressions.printing import ATOM, POWER, PRODUCT, SUM, Node, Template, call

SAMPLE = "i"
"""The index of the samples."""


def _of_scalar(row: Operation, args: tuple[Expression, ...], attributes: tuple[Any, ...]) -> Shape:
    return args[1].shape


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
    "partial", 2, "partial derivative of a number with respect to another, or to each element", shape=_of_scalar,
    text=call("partial", 2),
)  # fmt: skip
SAMPLE_MEAN = Operation("sample_mean", 1, "mean over the index of the samples", text=call("sample_mean", 1))
FACTOR = Operation("factor", 1, "a power of 2 with a symbolic exponent", text=call("factor", 1, attributes=True))
for _row in (ELEMENT, INDEX, BRACKET, INDEX_SUM, PARTIAL, SAMPLE_MEAN, FACTOR):
    OPERATIONS[_row.name] = _row


def symbol(
    letter: str, layer: str = "", shape: Shape = (), per_sample: bool = False, square: bool = False
) -> Expression:
    """Return a named array, ``a^(1)``; with ``square`` brackets for samples in columns.

    Args:
        letter: its letter.
        layer: a number, or ``l``, ``l-1``, ``m``; none if empty.
        shape: of one sample's value if ``per_sample``, else of the whole.
        per_sample: whether it has one value a sample, and so the index i.
        square: ``[1]`` in place of ``(1)``.
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


def _with_a_sum_last(node: Node, dot: str, minus: str) -> Template | None:
    """Return the template of −Σ … or x·Σ …, which need no brackets around their sum."""
    row = node.operation
    if row is op.negate and node.args[0].operation in SUMS:
        return Template(minus + "{0}", SUM + 5, (SUM + 5,))
    if row is op.multiply and node.args[1].operation in SUMS and not _is_mixed(node):
        return Template("{0}" + dot + "{1}", SUM + 5, (PRODUCT, SUM + 5))
    return None


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


def _is_scaled_product(node: Node) -> bool:
    """Return whether a node is a number times a product of matrices."""
    return node.operation is op.multiply and not node.args[0].shape and node.args[1].operation in (op.matmul, op.outer)


def _is_ones(node: Node) -> bool:
    return node.name == "1"


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


class PaperLatex(Latex):
    """LaTeX of layered derivations: vectors are rows."""

    def _turned(self, node: Node) -> str:
        """Return the pattern of a transpose: ⊤ next to the layer of a name that has one, else after it."""
        found = _indices(node)
        if found is None or not _parts(found[0])[1]:
            return r"{0}^{{\top}}"
        return _escaped(self._written(*found, r"\top"))

    def template(self, node: Node) -> Template:
        """Return sums with limits, ∂/∂ as fractions, ⊙ between arrays; the operation's own template for the rest."""
        row = node.operation
        if row is INDEX_SUM:
            letter, upper = node.attributes
            limits = rf"\sum_{{{letter}=1}}^{{{upper}}} ".replace("{", "{{").replace("}", "}}")
            return Template(limits + "{0}", SUM + 5, (PRODUCT,))
        if row is SAMPLE_MEAN:
            return Template(r"\frac{{1}}{{n}} \sum_{{i=1}}^{{n}} {0}", SUM + 5, (PRODUCT,))
        if row is PARTIAL:
            if self.leaf(node.args[0]):
                return Template(r"\frac{{\partial {0}}}{{\partial {1}}}", POWER)
            return Template(r"\frac{{\partial}}{{\partial {1}}} \left({0}\right)", POWER)
        if row is FACTOR:
            return Template(rf"2^{{{{{node.attributes[0]}}}}} \cdot {{0}}", PRODUCT, (PRODUCT + 1,))
        if row is op.transpose:
            return Template(self._turned(node.args[0]), POWER, (ATOM,))
        if row is op.outer:
            if _is_ones(node.args[0]):
                return Template(r"{0}\, {1}", PRODUCT, (PRODUCT, POWER))
            if _is_ones(node.args[1]):
                return Template(r"{0}\, {1}^{{\top}}", PRODUCT, (PRODUCT, ATOM))
            return Template(self._turned(node.args[0]) + r"\, {1}", PRODUCT, (ATOM, PRODUCT))
        if row is op.total_outer:
            turned = r"\sum_{{i=1}}^{{n}} " + self._turned(node.args[0]) + r"\, {1}"
            return Template(turned, SUM + 5, (ATOM, PRODUCT))
        if row is op.matmul and len(node.args[0].shape) == 1 and not node.args[0].per_sample:
            turned = self._turned(node.args[0])  # a column, such as 1
            return Template(turned + r"\, {1}", PRODUCT, (ATOM, PRODUCT + 1))
        if row is op.sum_:
            return Template(r"{0}\, \mathbf{{1}}", PRODUCT, (PRODUCT + 1,))  # a row times a column of ones
        if row is op.dot:
            turned = self._turned(node.args[1]).replace("{0}", "{1}")
            return Template(r"{0}\, " + turned, PRODUCT, (PRODUCT, ATOM))
        if _is_mixed(node):
            return Template(r"{0} \odot {1}", PRODUCT, _around_odot(node))
        if _is_scaled_product(node):
            return Template(r"{0}\, {1}", PRODUCT, (PRODUCT, PRODUCT))
        return _with_a_sum_last(node, r" \cdot ", "-") or super().template(node)

    def leaf(self, node: Node) -> tuple[str, int] | None:
        """Return names with their layer and indices."""
        if node.operation is INDEX:
            return str(node.attributes[0]), ATOM
        found = _indices(node)
        if found is None:
            return super().leaf(node)
        # A raised layer is no power, and a power of it goes outside of brackets.
        return self._written(*found), POWER if _parts(found[0])[1] else ATOM

    def _written(self, name: str, indices: tuple[str, ...], more: str = "") -> str:
        """Return a name with its layer and ``more`` above it, its indices below."""
        letter, layer = _parts(name)
        if letter.endswith(HAT):
            written = rf"\hat{{{latex_name(letter[:-1])}}}"
        else:
            written = _LETTERS.get(letter) or latex_name(letter)
        below = "".join(indices) if all(len(x) == 1 for x in indices) else ",".join(indices)
        if below and "_{" in written:
            written = written[:-1] + "," + below + "}"
            below = ""
        raised = f"^{{{layer}{more}}}" if layer else ""
        return written + raised + (f"_{{{below}}}" if below else "")


class PaperText(MathsText):
    """Text of layered derivations."""

    def template(self, node: Node) -> Template:
        """Return the same templates as in LaTeX."""
        row = node.operation
        if row is INDEX_SUM:
            letter = node.attributes[0]
            return Template(f"Σ_{letter} {{0}}" if letter != SAMPLE else "Σ {0}", SUM + 5, (PRODUCT,))
        if row is SAMPLE_MEAN:
            return Template("1/n Σ {0}", SUM + 5, (PRODUCT,))
        if row is PARTIAL:
            return Template("∂{0}/∂{1}" if self.leaf(node.args[0]) else "∂/∂{1}[{0}]", POWER)
        if row is FACTOR:
            return Template(f"2^({node.attributes[0]})·{{0}}", PRODUCT, (PRODUCT + 1,))
        if row is op.outer:
            if _is_ones(node.args[0]):
                return Template("{0} {1}", PRODUCT, (PRODUCT, POWER))
            if _is_ones(node.args[1]):
                return Template("{0} {1}ᵀ", PRODUCT, (PRODUCT, ATOM))
            return Template("{0}ᵀ {1}", PRODUCT, (ATOM, PRODUCT))
        if row is op.total_outer:
            return Template("Σ {0}ᵀ {1}", SUM + 5, (ATOM, PRODUCT))
        if row is op.transpose:
            return Template("{0}ᵀ", POWER, (ATOM,))
        if row is op.matmul:
            column = len(node.args[0].shape) == 1 and not node.args[0].per_sample
            return Template("{0}ᵀ {1}" if column else "{0} {1}", PRODUCT, (PRODUCT, PRODUCT + 1))
        if row is op.sum_:
            return Template("{0} 1", PRODUCT, (PRODUCT + 1,))
        if row is op.dot:
            return Template("{0} {1}ᵀ", PRODUCT, (PRODUCT, ATOM))
        if _is_mixed(node):
            return Template("{0} ⊙ {1}", PRODUCT, _around_odot(node))
        if _is_scaled_product(node):
            return Template("{0} {1}", PRODUCT, (PRODUCT, PRODUCT))
        return _with_a_sum_last(node, "·", "−") or super().template(node)

    def leaf(self, node: Node) -> tuple[str, int] | None:
        """Return names with their layer and indices: ``a^(1)_ij``."""
        if node.operation is INDEX:
            return str(node.attributes[0]), ATOM
        found = _indices(node)
        if found is None:
            return super().leaf(node)
        letter, layer = _parts(found[0])
        letter = "ω" if letter == "(weight)" else letter
        below = "".join(found[1])
        return letter + (f"^{layer}" if layer else "") + (f"_{below}" if below else ""), ATOM
