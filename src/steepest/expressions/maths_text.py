"""Write mathematics as Unicode text, for terminals: ``C = 1/n Σ (a_i − z_i)²``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steepest.expressions.characters import superscript
from steepest.expressions.printing import (
    ATOM,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    N,
    Node,
    Template,
    number,
    quoted,
    write,
)


@dataclass(frozen=True)
class Line:
    """One line of a derivation: its left side (may be empty), its right side, and the rule."""

    left: str
    right: str
    note: str = ""


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


class MathsText:
    """The printer of mathematical text. ``names`` gives some nodes a name of their own."""

    brackets = ("(", ")")

    def __init__(self, names: Mapping[Any, str] | None = None) -> None:
        self._names = {} if names is None else names

    def template(self, node: Node) -> Template:
        """Return the operation's own template; whole powers as raised digits."""
        if node.operation.name == "power" and node.args[1].operation.name == "constant":
            exponent = node.args[1].value
            if 0 <= exponent < 100 and exponent == int(exponent):
                return Template("{0}" + superscript(str(int(exponent))), POWER, (POWER + 1,))
        return sum_last(node, "·", "−") or node.operation.maths or node.operation.text

    def leaf(self, node: Node) -> tuple[str, int] | None:
        """Return numbers, names of parameters, and names of data with the index i of their sample."""
        if node in self._names:
            return self._names[node] + ("_i" if node.per_sample else ""), ATOM
        if node.operation.name == "constant":
            text = number(node.value).replace("-", "−")
            return text, SIGN if text.startswith("−") else ATOM
        if node.is_leaf:
            return quoted(node.name) + ("_i" if node.per_sample else ""), ATOM
        return None

    def attributes(self, node: Node) -> str:
        """Return lengths, or the name with respect to which a derivative is taken."""
        return ", ".join(str(a) for a in node.attributes)


def maths(root: N, names: Mapping[N, str] | None = None, definition: bool = False) -> str:
    """Return an expression as mathematical text.

    >>> from steepest.expressions.expression import data, params
    >>> maths((data("x") * params("w")) ** 2)
    '(x_i·w)²'
    """
    return write(root, MathsText(names), root_is_plain=definition)


def lay_out(blocks: Sequence[Sequence[Line]], written: Callable[[str], str] = str) -> str:
    """Return lines in blocks, their signs aligned and their notes in one column.

    Args:
        blocks: the lines.
        written: applied to each part of a line before it is aligned.
    """
    blocks = [[Line(written(line.left), written(line.right), written(line.note)) for line in block] for block in blocks]
    notes = max((len(_sides(line, block)) for block in blocks for line in block if line.note), default=0)
    column = min(notes, 100)
    texts = []
    for block in blocks:
        rows = []
        for line in block:
            row = _sides(line, block)
            if line.note:
                row = f"{row:<{column}}   {line.note}" if len(row) <= column else f"{row}   {line.note}"
            rows.append(row.rstrip())
        texts.append("\n".join(rows))
    return "\n\n".join(texts)


def _sides(line: Line, block: Sequence[Line]) -> str:
    width = max(len(other.left) for other in block)
    return f"{line.left:<{width}} = {line.right}"
