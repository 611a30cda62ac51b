"""Write formulas as the text that :func:`steepest.parse` reads back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steepest.expressions.printing import ATOM, SIGN, N, Node, Template, call, number, quoted, write
from steepest.expressions.traversal import toposort, tree_size

_NEGATED_NUMBER = call("negate", 1)  # -2 would read back as the number −2


class FormulaText:
    """The printer of the text that :func:`steepest.parse` reads."""

    brackets = ("(", ")")

    def __init__(self, names: Mapping[Any, str] | None = None) -> None:
        self._names = {} if names is None else names

    def template(self, node: Node) -> Template:
        if node.operation.name == "negate" and node.args[0].operation.name == "constant":
            return _NEGATED_NUMBER
        return node.operation.text

    def leaf(self, node: Node) -> tuple[str, int] | None:
        if node in self._names:
            return self._names[node], ATOM
        if node.operation.name == "constant":
            text = number(node.value)
            return text, SIGN if text.startswith("-") else ATOM
        return (quoted(node.name), ATOM) if node.is_leaf else None

    def attributes(self, node: Node) -> str:
        return ", ".join(str(a) for a in node.attributes)


_WRITTEN_OUT = 4000  # a text with more nodes than this names its shared parts, lest it grow exponentially


def write_formula(root: N) -> str:
    """Return the expression as formula text; :func:`steepest.parse` gives the same graph back.

    A large graph with shared parts is written with definitions: ``__1 = x*y; __1 + sin(__1)``.
    """
    if tree_size(root) <= _WRITTEN_OUT:
        return write(root, FormulaText())
    uses: dict[N, int] = {}
    order = toposort([root])
    for node in order:
        for arg in node.args:
            uses[arg] = uses.get(arg, 0) + 1
    names: dict[N, str] = {}
    printer = FormulaText(names)
    lines: list[str] = []
    for node in order:
        if node.args and uses.get(node, 0) > 1:
            definition = write(node, printer)
            names[node] = f"__{len(names) + 1}"
            lines.append(f"{names[node]} = {definition}")
    return "; ".join([*lines, write(root, printer)])
