"""Labels of names, gates and numbers in pictures, as text and as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from steepest.expressions.characters import baseline, subscript, superscript
from steepest.expressions.expression import CONSTANT, Expression
from steepest.expressions.latex import Latex
from steepest.expressions.maths_text import MathsText, maths_number
from steepest.expressions.notation import USUAL, Notation, notation_of
from steepest.expressions.printing import ATOM, Node, Template, quoted, write

PLACE = "•"  # the placeholder of an operand in the sign of an operation


def pretty(name: str, layer: bool = False) -> str:
    """Write a name with its trailing digits as subscripts, or as a layer's superscript in brackets.

    >>> pretty("w1"), pretty("a2", layer=True), pretty("petal_length")
    ('w₁', 'a⁽²⁾', 'petal_length')
    """
    stem = name.rstrip("0123456789")
    digits = name[len(stem) :]
    if not stem or not digits:
        return name
    stem = stem[:-1] if stem.endswith("_") and len(stem) > 1 else stem
    if layer:
        return f"{stem}⁽{superscript(digits)}⁾"
    return stem + subscript(digits)


class Plain(MathsText):
    """Mathematical text in which nodes are written by their names, without the index of a sample."""

    def __init__(
        self, names: Mapping[Any, str], places: Mapping[Any, str] | None = None, notation: Notation = USUAL
    ) -> None:
        super().__init__(names, notation)
        self._places = places or {}

    def leaf(self, node: Node) -> tuple[str, int] | None:
        """Return a name, a number, or the placeholder of an operand."""
        if node in self._places:
            return self._places[node], ATOM
        if node in self._names and not node.is_leaf:
            return self._names[node], ATOM
        if node.operation is CONSTANT:
            return maths_number(node.value, self.notation)
        return (quoted(node.name), ATOM) if node.is_leaf else None


class _Places(Latex):
    """LaTeX with a dot in the place of each operand."""

    def __init__(self, places: Collection[Expression]) -> None:
        super().__init__()
        self._places = places

    def template(self, node: Node) -> Template:
        return node.operation.latex

    def leaf(self, node: Node) -> tuple[str, int] | None:
        return (r"\bullet", ATOM) if node in self._places else super().leaf(node)


def described(node: Expression, names: Mapping[Expression, str]) -> str:
    """Write the operation of a node on its arguments by their names: ``q·z``."""
    if node.is_leaf:
        return "data" if node.per_sample else "parameter"
    return write(node, Plain(names, None, notation_of([node], names.values())), root_is_plain=True)


def written(part: Expression, names: Mapping[Expression, str], places: Mapping[Expression, str] | None = None) -> str:
    """Write an expression of nodes that have names."""
    return write(part, Plain(names, places, notation_of([part], names.values())))


# The signs of operations whose template does not give a short one, as text and in LaTeX.
_SIGNS = {
    "where": ("where", r"\mathrm{where}"), "matmul": ("@", r"\mathtt{@}"), "relu": ("ReLU", r"\mathrm{ReLU}"),
    "mean": ("1/n Σ", r"\frac{1}{n} \sum"), "total": ("Σ", r"\sum"),
    "transpose": ("ᵀ", r"\bullet^{\top}"), "outer": ("outer", r"\mathrm{outer}"),
    "total_outer": ("Σ outer", r"\sum \mathrm{outer}"), "stop_gradient": ("stop gradient", r"\mathrm{stop\ gradient}"),
}  # fmt: skip
_GATES = {
    "multiply": ("×", r"\times"), "divide": ("÷", r"\div"), "maximum": ("max", r"\max"), "minimum": ("min", r"\min"),
}  # fmt: skip


def is_number(node: Expression) -> bool:
    """Return whether a node is a number of the formula or n, which has no box of its own in a picture."""
    return node.operation is CONSTANT or node.operation.name == "count"


def sign(node: Expression) -> str:
    """Return the sign of an operation: ``+``, ``×``, ``σ``, ``•²``."""
    changed = notation_of([node]).text_templates.get(node.operation.name)
    found = _short_sign(node, 0, (changed or node.operation.maths or node.operation.text).pattern)
    return write(node, Plain({}, dict.fromkeys(_operands(node), PLACE)), root_is_plain=True) if found is None else found


def latex_sign(node: Expression) -> str:
    """Return the sign of an operation in LaTeX, without ``$``."""
    changed = notation_of([node]).latex_templates.get(node.operation.name)
    pattern = (changed or node.operation.latex).pattern.replace("{{", "{").replace("}}", "}")
    found = _short_sign(node, 1, pattern.replace(r"\left", "").replace(r"\right", ""))
    return write(node, _Places(_operands(node)), root_is_plain=True) if found is None else found


def _operands(node: Expression) -> set[Expression]:
    """Return the operands that a placeholder stands for: all but numbers, each once."""
    return {arg for arg in node.args if not is_number(arg)}


def _short_sign(node: Expression, column: int, pattern: str) -> str | None:
    """Return the sign in a column of the tables, or in a pattern ``name({0})``, ``{0} sign {1}`` or ``sign {0}``."""
    name, arity = node.operation.name, len(node.args)
    if name in _SIGNS:
        count, found = notation_of([node]).count, _SIGNS[name][column]
        return found.replace("1/n", f"1/{count}").replace("{n}", f"{{{count}}}") if name == "mean" else found
    if len(_operands(node)) < arity:  # a number, or an operand that is there twice, belongs to the sign
        return None
    if name in _GATES:
        return _GATES[name][column]
    if "{attributes}" in pattern:
        return None
    places = ", ".join(f"{{{k}}}" for k in range(arity))
    if pattern.endswith(f"({places})"):
        return pattern[: -len(places) - 2]
    if arity == 2 and pattern.startswith("{0}") and pattern.endswith("{1}"):
        return pattern[3:-3].strip()
    if arity == 1 and pattern.endswith(" {0}"):
        return pattern[:-4].strip()
    return pattern.strip() if not arity else None


def figure(value: float, digits: int = 6) -> str:
    """Write a number with six digits, or fewer, and a true minus sign.

    >>> figure(-4.0), figure(0.7310585786), figure(1.5e-9)
    ('−4', '0.731059', '1.5e−09')
    """
    return f"{value + 0.0:.{digits}g}".replace("-", "−").replace("inf", "∞").replace("nan", "NaN")


def short(value: float) -> str:
    """Write a number with four digits, for sentences and legends.

    >>> short(-2.15234), short(-0.0)
    ('−2.152', '0')
    """
    return figure(value, 4)


def sentence_start(label: str) -> str:
    """Return the label of a descent as a sentence begins: a name that was given stays as it is.

    >>> sentence_start("descent 2"), sentence_start("lbfgs"), sentence_start("rate 0.1")
    ('Descent 2', 'lbfgs', 'rate 0.1')
    """
    return f"D{label[1:]}" if label.startswith("descent") else label


def power(value: float, position: float = 0.0) -> str:
    """Write a tick of a logarithmic axis: as a number where that is short, else as a power of ten.

    >>> power(0.01), power(20000.0), power(1e-7)
    ('0.01', '2·10⁴', '10⁻⁷')
    """
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return figure(value)
    digits, _, exponent = f"{value:.3e}".partition("e")
    factor = figure(float(digits))
    raised = superscript(str(int(exponent)))
    return f"10{raised}" if factor == "1" else f"{factor}·10{raised}"


_LATEX = {"−": "-", " ‖": r"\ \|", "‖": r"\|", " … ": r" \dots ", "∞": r"\infty ", "NaN": r"\mathrm{NaN}"}
_POWER = re.compile("10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_EXPONENT = re.compile(r"e([-+]?)0*(\d+)")


def latex_figure(text: str) -> str:
    """Convert a text of :func:`figure` or :func:`summary` to LaTeX, with its ``$``.

    >>> latex_figure("−1.5e−09"), latex_figure("(2, 3) ‖0.5‖")
    ('$-1.5 \\\\cdot 10^{-9}$', '$(2, 3)\\\\ \\\\|0.5\\\\|$')
    """
    text = _POWER.sub(lambda found: f"10^{{{baseline(found[1])}}}", text.replace("·", r" \cdot "))
    for old, new in _LATEX.items():
        text = text.replace(old, new)
    text = _EXPONENT.sub(lambda found: rf" \cdot 10^{{{found[1].replace('+', '')}{found[2]}}}", text)
    return f"${text}$"


def printable(text: str) -> str:
    r"""Return a text with blanks for characters that show nothing, some of which XML forbids; lines are kept.

    >>> printable("a\x1bb\nc")
    'a b\nc'
    """
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)
