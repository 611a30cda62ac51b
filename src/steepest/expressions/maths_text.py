"""Write expressions as text: as formulas, which :func:`steepest.parse` reads, and as mathematics for terminals.

A formula is ``mean((a - z)^2)``; as mathematics it is ``1/n Σ (a_i − z_i)²``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steepest.expressions import printing
from steepest.expressions.characters import superscript
from steepest.expressions.notation import USUAL, Notation, notation_of
from steepest.expressions.printing import (
    ATOM,
    POWER,
    PRODUCT,
    RESERVED,
    SIGN,
    SUM,
    N,
    Node,
    Template,
    multiple_of_pi,
    number,
    quoted,
    write,
)
from steepest.expressions.traversal import toposort, tree_size

_NEGATED_NUMBER = printing.call("negate", 1)  # -2 would read back as the number −2


class FormulaText:
    """The printer of the text that :func:`steepest.parse` reads. ``names`` gives some nodes a name of their own."""

    brackets = ("(", ")")

    def __init__(self, names: Mapping[Any, str] | None = None, notation: Notation = USUAL) -> None:
        self._names = {} if names is None else names
        self.notation = notation

    def template(self, node: Node) -> Template:
        """Return the operation's own template, but for the negative of a number."""
        if node.operation.name == "negate" and node.args[0].operation.name == "constant":
            return _NEGATED_NUMBER
        return node.operation.text

    def leaf(self, node: Node) -> tuple[str, int] | None:
        """Return numbers and names; None for any other node."""
        if node in self._names:
            return self._names[node], ATOM
        if node.operation.name == "constant":
            is_pi = abs(node.value) == RESERVED["pi"] and self.notation.has_pi
            text = number(node.value) if not is_pi else "pi" if node.value > 0 else "-pi"
            return text, SIGN if text.startswith("-") else ATOM
        return (quoted(node.name), ATOM) if node.is_leaf else None

    def attributes(self, node: Node) -> str:
        """Return lengths, or the name with respect to which a derivative is taken."""
        return ", ".join(str(a) for a in node.attributes)


_WRITTEN_OUT = 4000  # a text with more nodes than this names its shared parts, lest it grow exponentially


def write_formula(root: N) -> str:
    """Return the expression as formula text; :func:`steepest.parse` gives the same graph back.

    A large graph with shared parts is written with definitions: ``__1 = x*y; __1 + sin(__1)``.
    """
    if tree_size(root) <= _WRITTEN_OUT:
        return write(root, FormulaText(notation=notation_of([root])))
    order = toposort([root])
    uses = Counter(arg for node in order for arg in node.args)
    names: dict[N, str] = {}
    printer = FormulaText(names, notation_of([root]))
    lines: list[str] = []
    for node in order:
        if node.args and uses[node] > 1:
            definition = write(node, printer)
            names[node] = f"__{len(names) + 1}"
            lines.append(f"{names[node]} = {definition}")
    return "; ".join([*lines, write(root, printer)])


def sum_last(node: Node, dot: str, minus: str) -> Template | None:
    """Return the template of −Σ … and x·Σ …: a Σ at the end of a product needs no brackets."""
    name, last = node.operation.name, node.args[-1].operation.name if node.args else ""
    if last not in ("mean", "total"):
        return None
    if name == "negate":
        return Template(minus + "{0}", SUM + 5, (SUM + 5,))
    if name != "multiply":
        return None
    between = " " if node.args[0].operation.name == "divide" else dot  # 1/n Σ …
    return Template("{0}" + between + "{1}", SUM + 5, (PRODUCT, SUM + 5))


class MathsText(FormulaText):
    """The printer of mathematical text."""

    def template(self, node: Node) -> Template:
        """Return the operation's own template; whole powers as raised digits."""
        if node.operation.name == "power" and node.args[1].operation.name == "constant":
            exponent = node.args[1].value
            if 0 <= exponent < 100 and exponent == int(exponent):
                return Template("{0}" + superscript(str(int(exponent))), POWER, (POWER + 1,))
        changed = self.notation.text_templates.get(node.operation.name)
        return sum_last(node, "·", "−") or changed or node.operation.maths or node.operation.text

    def leaf(self, node: Node) -> tuple[str, int] | None:
        """Return numbers, names of parameters, and names of data with the index i of their sample."""
        if node.operation.name == "constant" and node not in self._names:
            return maths_number(node.value, self.notation)
        found = super().leaf(node)
        if found is None:
            return None
        text, level = found
        return text + (f"_{self.notation.index}" if node.per_sample else ""), level

    def attributes(self, node: Node) -> str:
        """Return lengths, or the name with respect to which a derivative is taken."""
        return ", ".join(quoted(a) if isinstance(a, str) else str(a) for a in node.attributes)


def maths_number(value: float, notation: Notation = USUAL) -> tuple[str, int]:
    """Return a number as mathematical text, and how strongly it binds; a small multiple of π by its letter.

    >>> from math import pi
    >>> maths_number(-0.5)[0], maths_number(2 * pi)[0], maths_number(-pi / 4)[0]
    ('−0.5', '2·π', '−π/4')
    """
    multiple = multiple_of_pi(value) if notation.has_pi else None
    if multiple is None:
        text = number(value)
        if "e" in text and not notation.has_e:
            mantissa, exponent = text.split("e")
            return f"{mantissa.replace('-', '−')}·10{superscript(str(int(exponent)))}", PRODUCT
        return text.replace("-", "−"), SIGN if text.startswith("-") else ATOM
    above, below = abs(multiple.numerator), multiple.denominator
    text = "−" * (multiple < 0) + ("π" if above == 1 else f"{above}·π") + (f"/{below}" if below > 1 else "")
    return text, PRODUCT if max(above, below) > 1 else SIGN if multiple < 0 else ATOM


def maths(
    root: N,
    names: Mapping[N, str] | None = None,
    definition: bool = False,
    notation: Notation | None = None,
) -> str:
    """Return an expression as mathematical text.

    >>> from steepest.expressions.expression import data, params
    >>> maths((data("x") * params("w")) ** 2)
    '(x_i·w)²'
    """
    notation = notation_of([root], (names or {}).values()) if notation is None else notation
    return write(root, MathsText(names, notation), root_is_plain=definition)


@dataclass(frozen=True)
class Line:
    """One line of a derivation: its left side (may be empty), its right side, and the rule."""

    left: str
    right: str
    note: str = ""


def lay_out(blocks: Sequence[Sequence[Line]], written: Callable[[str], str] = str) -> str:
    """Return lines in blocks, their signs aligned and their notes in one column.

    Each part of a line is first ``written``, in ASCII for example.
    """
    blocks = [[Line(written(line.left), written(line.right), written(line.note)) for line in block] for block in blocks]
    notes = max((len(_sides(line, block)) for block in blocks for line in block if line.note), default=0)
    column = min(notes, 100)
    texts = []
    for block in blocks:
        texts.append("\n".join(f"{_sides(line, block):<{column}}   {line.note}".rstrip() for line in block))
    return "\n\n".join(texts)


def _sides(line: Line, block: Sequence[Line]) -> str:
    width = max(len(other.left) for other in block)
    return f"{line.left:<{width}} = {line.right}"
