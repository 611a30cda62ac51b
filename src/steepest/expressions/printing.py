"""Writes an expression through the templates of its operations, in any medium, without recursion.

A template is a pattern and the strengths with which it binds, so that one walk serves the formula
text, the mathematical text and LaTeX, and sets brackets only where the grammar of that medium needs them.
"""

from __future__ import annotations

import math
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from steepest.expressions.characters import SUBSCRIPTS, SUPERSCRIPTS
from steepest.expressions.traversal import toposort, tree_size

if TYPE_CHECKING:
    from steepest.expressions.expression import Expression

# How strongly a written expression holds together; an operand weaker than its place asks for is bracketed.
COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = 10, 20, 30, 40, 50, 100


@dataclass(frozen=True, slots=True)
class Template:
    """How an operation is written: ``{0}`` is the first operand, ``{attributes}`` what else the node carries.

    ``level`` is the strength of the whole, ``operands`` the least strength each operand must have.
    """

    pattern: str
    level: int = ATOM
    operands: tuple[int, ...] = ()

    def pieces(self) -> tuple[str | int, ...]:
        """The pattern as literal strings and operand numbers (−1 stands for the attributes)."""
        return _pieces(self.pattern)

    def strength(self, operand: int) -> int:
        """The least strength of an operand that stands in this place without brackets."""
        return self.operands[operand] if operand < len(self.operands) else 0


@lru_cache(maxsize=1024)
def _pieces(pattern: str) -> tuple[str | int, ...]:
    found: list[str | int] = []
    for literal, field, _, _ in string.Formatter().parse(pattern):
        if literal:
            found.append(literal)
        if field is not None:
            found.append(-1 if field == "attributes" else int(field))
    return tuple(found)


def call(name: str, arity: int, attributes: bool = False) -> Template:
    """``name({0}, {1})``."""
    places = [f"{{{k}}}" for k in range(arity)] + (["{attributes}"] if attributes else [])
    return Template(f"{name}({', '.join(places)})")


def infix(sign: str, level: int) -> Template:
    """``{0} sign {1}``, grouping from the left."""
    return Template("{0}" + sign + "{1}", level, (level, level + 1))


class Printer(Protocol):
    """What one medium (formula text, mathematical text, LaTeX) decides for itself."""

    brackets: tuple[str, str]

    def template(self, node: Expression) -> Template:
        """The template of an inner node."""

    def leaf(self, node: Expression) -> tuple[str, int] | None:
        """Text and strength of a leaf, or of a node that has a name of its own; None for any other."""

    def attributes(self, node: Expression) -> str:
        """What a node carries besides its operands."""


def write(root: Expression, medium: Printer, root_is_plain: bool = False) -> str:
    """Write an expression in a medium; linear in the length of the text, whatever the depth.

    ``root_is_plain`` writes the root by its template even if the medium has a name for it (a definition).
    """
    out: list[str] = []
    stack: list[str | tuple[Expression, int]] = [(root, 0)]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            out.append(item)
            continue
        node, strength = item
        leaf = None if (root_is_plain and node is root and node.args) else medium.leaf(node)
        level = leaf[1] if leaf else medium.template(node).level
        if level < strength:
            stack.append(medium.brackets[1])
            out.append(medium.brackets[0])
        if leaf:
            out.append(leaf[0])
            continue
        template = medium.template(node)
        for piece in reversed(template.pieces()):
            if isinstance(piece, str):
                stack.append(piece)
            elif piece < 0:
                stack.append(medium.attributes(node))
            else:
                stack.append((node.args[piece], template.strength(piece)))
    return "".join(out)


def number(value: float) -> str:
    """The shortest decimal text that reads back as the same double; whole numbers without a point.

    >>> number(2.0), number(-0.5), number(1e300)
    ('2', '-0.5', '1e+300')
    """
    if abs(value) < 1e15 and value == int(value):
        whole = str(int(value))
        return "-0" if whole == "0" and str(value).startswith("-") else whole
    return repr(float(value))


RESERVED = {"pi": math.pi, "π": math.pi, "inf": math.inf, "nan": math.nan}
"""Names that a formula reads as numbers; a column of such a name goes between backticks."""

FUNCTION_NAMES: set[str] = {"dense"}
"""Every name and alias that a formula reads as a function: ``operations.py`` adds to ``dense``, which makes a layer."""


def quoted(name: str) -> str:
    """A name as it is written in a formula: between backticks if it could be read as anything else.

    >>> quoted("w1"), quoted("petal length"), quoted("log")
    ('w1', '`petal length`', '`log`')
    """
    plain = (name[0].isalpha() or name[0] == "_") and all(
        (c.isalnum() or c == "_") and c not in SUPERSCRIPTS + SUBSCRIPTS for c in name
    )
    free = plain and not name.startswith("__") and name not in RESERVED and name not in FUNCTION_NAMES
    return name if free else f"`{name}`"


_NEGATED_NUMBER = call("negate", 1)  # -2 would read back as the number −2


class FormulaText:
    """The medium that :func:`steepest.parse` reads back."""

    brackets = ("(", ")")

    def __init__(self, names: Mapping[Expression, str] | None = None) -> None:
        self._names = {} if names is None else names

    def template(self, node: Expression) -> Template:
        if node.operation.name == "negate" and node.args[0].operation.name == "constant":
            return _NEGATED_NUMBER
        return node.operation.text

    def leaf(self, node: Expression) -> tuple[str, int] | None:
        if node in self._names:
            return self._names[node], ATOM
        if node.operation.name == "constant":
            text = number(node.value)
            return text, SIGN if text.startswith("-") else ATOM
        return (quoted(node.name), ATOM) if node.is_leaf else None

    def attributes(self, node: Expression) -> str:
        return ", ".join(str(a) for a in node.attributes)


_WRITTEN_OUT = 4000  # a text with more nodes than this names its shared parts, lest it grow exponentially


def write_formula(root: Expression) -> str:
    """The expression as formula text; :func:`steepest.parse` gives the same graph back.

    A large graph with shared parts is written with definitions: ``__1 = x*y; __1 + sin(__1)``.
    """
    if tree_size(root) <= _WRITTEN_OUT:
        return write(root, FormulaText())
    uses: dict[Expression, int] = {}
    order = toposort([root])
    for node in order:
        for arg in node.args:
            uses[arg] = uses.get(arg, 0) + 1
    names: dict[Expression, str] = {}
    medium = FormulaText(names)
    lines: list[str] = []
    for node in order:
        if node.args and uses.get(node, 0) > 1:
            definition = write(node, medium)
            names[node] = f"__{len(names) + 1}"
            lines.append(f"{names[node]} = {definition}")
    return "; ".join([*lines, write(root, medium)])
