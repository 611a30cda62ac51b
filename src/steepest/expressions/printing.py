"""Write expressions through the templates of their operations, in any notation, without recursion.

A template is a pattern and the strengths with which it binds, so that one function writes formula text, mathematical
text, LaTeX and source code, with brackets only where the grammar of that notation needs them.

:class:`Node` declares what writers and orderings use of an expression, so that neither imports the class itself, which
imports them.
"""

from __future__ import annotations

import math
import string
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Protocol, Self, TypeVar

from steepest.expressions.characters import SUBSCRIPTS, SUPERSCRIPTS

# How strongly a written expression binds; an operand weaker than its place requires is bracketed.
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
        """Return the pattern as literal strings and operand numbers (−1 for the attributes)."""
        return _pieces(self.pattern)

    def strength(self, operand: int) -> int:
        """Return the least strength that an operand needs in this place to be written without brackets."""
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
    """Return the template ``name({0}, {1})``."""
    places = [f"{{{k}}}" for k in range(arity)] + (["{attributes}"] if attributes else [])
    return Template(f"{name}({', '.join(places)})")


def infix(sign: str, level: int) -> Template:
    """Return the template ``{0} sign {1}``, grouping from the left."""
    return Template("{0}" + sign + "{1}", level, (level, level + 1))


def escaped(text: str) -> str:
    """Return a text as a pattern, its braces doubled."""
    return text.replace("{", "{{").replace("}", "}}")


class Operator(Protocol):
    """What writers use of an operation of the table."""

    @property
    def name(self) -> str: ...
    @property
    def text(self) -> Template: ...
    @property
    def latex(self) -> Template: ...
    @property
    def maths(self) -> Template | None: ...


class Node(Protocol):
    """What writers and orderings use of an :class:`~steepest.expressions.expression.Expression`."""

    @property
    def operation(self) -> Operator: ...
    @property
    def args(self) -> tuple[Self, ...]: ...
    @property
    def attributes(self) -> tuple[Any, ...]: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def per_sample(self) -> bool: ...
    @property
    def uid(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> float: ...
    @property
    def is_leaf(self) -> bool: ...
    @property
    def leaves(self) -> tuple[Self, ...]: ...


N = TypeVar("N", bound=Node)
N_contra = TypeVar("N_contra", bound=Node, contravariant=True)


class Printer(Protocol[N_contra]):
    """What one notation (formula text, mathematical text, LaTeX) decides for itself."""

    brackets: tuple[str, str]

    def template(self, node: N_contra) -> Template:
        """Return the template of an inner node."""

    def leaf(self, node: N_contra) -> tuple[str, int] | None:
        """Return text and strength of a leaf, or of a node that has a name of its own; None for any other."""

    def attributes(self, node: N_contra) -> str:
        """Return what a node carries besides its operands."""


def write(root: N, printer: Printer[N], root_is_plain: bool = False) -> str:
    """Write an expression; linear in the length of the text, whatever the depth.

    ``root_is_plain`` writes the root by its template even if the printer has a name for it (a definition).
    """
    out: list[str] = []
    stack: list[str | tuple[N, int]] = [(root, 0)]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            out.append(item)
            continue
        node, strength = item
        leaf = None if (root_is_plain and node is root and node.args) else printer.leaf(node)
        level = leaf[1] if leaf else printer.template(node).level
        if level < strength:
            stack.append(printer.brackets[1])
            out.append(printer.brackets[0])
        if leaf:
            out.append(leaf[0])
            continue
        template = printer.template(node)
        for piece in reversed(template.pieces()):
            if isinstance(piece, str):
                stack.append(piece)
            elif piece < 0:
                stack.append(printer.attributes(node))
            else:
                stack.append((node.args[piece], template.strength(piece)))
    return "".join(out)


def number(value: float) -> str:
    """Return the shortest decimal text that reads back as the same double; whole numbers without a point.

    >>> number(2.0), number(-0.5), number(1e300)
    ('2', '-0.5', '1e+300')
    """
    if abs(value) < 1e15 and value == int(value):
        whole = str(int(value))
        return "-0" if whole == "0" and str(value).startswith("-") else whole
    return repr(float(value))


_DENOMINATORS, _MOST = (1, 2, 3, 4, 6), 24


def multiple_of_pi(value: float) -> Fraction | None:
    """Return the small multiple of π that a number is to the last digit; None for any other number.

    >>> multiple_of_pi(2 * math.pi), multiple_of_pi(-math.pi / 4), multiple_of_pi(3.14159)
    (Fraction(2, 1), Fraction(-1, 4), None)
    """
    if not 0 < abs(value) < 100:
        return None
    for below in _DENOMINATORS:
        above = round(value / math.pi * below)
        if 0 < abs(above) <= _MOST and value in (above * math.pi / below, above / below * math.pi):
            return Fraction(above, below)
    return None


RESERVED = {"pi": math.pi, "π": math.pi, "inf": math.inf, "nan": math.nan}
"""Names that a formula reads as numbers; a column with such a name is written in backticks."""

FUNCTION_NAMES: set[str] = {"dense"}
"""Every name and alias that a formula reads as a function: ``operations.py`` adds to ``dense``, which makes a layer."""


def quoted(name: str) -> str:
    """Return a name as it is written in a formula: between backticks if it could be read as anything else.

    >>> quoted("w1"), quoted("petal length"), quoted("log")
    ('w1', '`petal length`', '`log`')
    """
    plain = (name[0].isalpha() or name[0] == "_") and all(
        (c.isalnum() or c == "_") and c not in SUPERSCRIPTS + SUBSCRIPTS for c in name
    )
    free = plain and not name.startswith("__") and name not in RESERVED and name not in FUNCTION_NAMES
    return name if free else f"`{name}`"
