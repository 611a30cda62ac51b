"""Mathematics as Unicode text, for terminals: ``C = 1/n Σ (a_i − z_i)²``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from steepest.expressions.characters import superscript
from steepest.expressions.expression import CONSTANT, DATA, Expression
from steepest.expressions.printing import (
    ATOM,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    Template,
    number,
    quoted,
    write,
)


@dataclass(frozen=True)
class Line:
    """One line of a derivation: what stands left of the sign (may be empty), right of it, and why."""

    left: str
    right: str
    note: str = ""


def sum_last(node: Expression, dot: str, minus: str) -> Template | None:
    """−Σ … and x·Σ …: a Σ reaches to the end of its product, so that it stands last without brackets."""
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
    """The medium of mathematical text. ``names`` gives some nodes a name of their own."""

    brackets = ("(", ")")

    def __init__(self, names: Mapping[Expression, str] | None = None) -> None:
        self._names = {} if names is None else names

    def template(self, node: Expression) -> Template:
        """The operation's own template; whole powers as raised digits."""
        if node.operation.name == "power" and node.args[1].operation is CONSTANT:
            exponent = node.args[1].value
            if 0 <= exponent < 100 and exponent == int(exponent):
                return Template("{0}" + superscript(str(int(exponent))), POWER, (POWER + 1,))
        return sum_last(node, "·", "−") or node.operation.maths or node.operation.text

    def leaf(self, node: Expression) -> tuple[str, int] | None:
        """Numbers, parameters by their names, data with the index i of their sample."""
        if node in self._names:
            return self._names[node] + ("_i" if node.per_sample else ""), ATOM
        if node.operation is CONSTANT:
            text = number(node.value).replace("-", "−")
            return text, SIGN if text.startswith("−") else ATOM
        if node.is_leaf:
            return quoted(node.name) + ("_i" if node.operation is DATA else ""), ATOM
        return None

    def attributes(self, node: Expression) -> str:
        """Lengths, or the name that a derivative is taken by."""
        return ", ".join(str(a) for a in node.attributes)


def maths(root: Expression, names: Mapping[Expression, str] | None = None, definition: bool = False) -> str:
    """An expression as mathematical text.

        >>> from steepest.expressions.characters import superscript
    from steepest.expressions.expression import data, params
        >>> maths((data("x") * params("w")) ** 2)
        '(x_i·w)²'
    """
    return write(root, MathsText(names), root_is_plain=definition)


def lay_out(blocks: Sequence[Sequence[Line]], written: Callable[[str], str] = str) -> str:
    """Lines in blocks, their signs beneath one another and their notes in one column.

    Args:
        blocks: the lines.
        written: how each part of a line is written, which may change its length.
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
