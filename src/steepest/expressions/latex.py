"""Write mathematics as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain

from steepest.expressions.characters import (
    GREEK_LETTERS,
    GREEK_NAMES,
    MATHS_ESCAPES,
    latex_text_in_formula,
    markdown_formula,
    markdown_text,
)
from steepest.expressions.maths_text import FormulaText, Line, sum_last
from steepest.expressions.printing import ATOM, POWER, PRODUCT, SIGN, N, Node, Template, number, write


def latex_name(name: str, index: str = "", layer: bool = False) -> str:
    """Return a name in LaTeX: trailing digits as a subscript, or as the layer in a raised bracket.

    >>> latex_name("w1"), latex_name("x", "i"), latex_name("a2", "i", layer=True), latex_name("petal_length")
    ('w_{1}', 'x_{i}', 'a^{(2)}_{i}', '\\\\mathrm{petal\\\\_length}')
    """
    stem, digits = re.fullmatch(r"(.*?)(\d*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
    if not stem:
        stem, digits = name, ""
    stem = stem[:-1] if digits and stem.endswith("_") and len(stem) > 1 else stem
    if stem in GREEK_NAMES:
        written = "\\" + stem
    elif stem in GREEK_LETTERS:
        written = "\\" + GREEK_LETTERS[stem]
    elif len(stem) == 1 and stem.isalpha():
        written = stem
    else:
        plain = "".join(MATHS_ESCAPES.get(c, c) for c in stem)
        written = rf"\mathrm{{{plain}}}"
    raised = f"^{{({digits})}}" if layer and digits else ""
    below = ",".join(part for part in ("" if raised else digits, index) if part)
    return written + raised + (f"_{{{below}}}" if below else "")


class Latex(FormulaText):
    """The printer of LaTeX mathematics."""

    brackets = (r"\left(", r"\right)")

    def template(self, node: Node) -> Template:
        """Return the operation's own template; the derivative of a single letter needs no brackets."""
        if node.operation.name == "derivative" and self.leaf(node.args[0]):
            return Template(r"\partial_{{{attributes}}} {0}", POWER)
        return sum_last(node, r" \cdot ", "-") or node.operation.latex

    def leaf(self, node: Node) -> tuple[str, int] | None:
        """Return numbers, names of parameters, and names of data with the index i of their sample."""
        if node in self._names:
            name = latex_name(self._names[node], "i" if node.per_sample else "", layer=True)
            return name, POWER if "^" in name else ATOM
        if node.operation.name == "constant":
            return _latex_number(node.value)
        if node.is_leaf:
            return latex_name(node.name, "i" if node.per_sample else ""), ATOM
        return None

    def attributes(self, node: Node) -> str:
        """Return lengths, or the name with respect to which a derivative is taken."""
        return ", ".join(latex_name(a) if isinstance(a, str) else str(a) for a in node.attributes)


def _latex_number(value: float) -> tuple[str, int]:
    text = number(value)
    level = SIGN if text.startswith("-") else ATOM
    if "e" in text:
        mantissa, exponent = text.split("e")
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}", min(level, PRODUCT)
    text = text.replace("inf", r"\infty").replace("nan", r"\mathrm{NaN}")
    return text, level


def latex(root: N, names: Mapping[N, str] | None = None, definition: bool = False) -> str:
    r"""Return an expression as LaTeX.

    >>> from steepest.expressions.expression import data, params
    >>> latex((data("x") * params("w1")) ** 2)
    '\\left(x_{i} \\cdot w_{1}\\right)^{2}'
    """
    return write(root, Latex(names), root_is_plain=definition)


def align(blocks: Sequence[Sequence[Line]]) -> str:
    """Return lines in blocks as one ``align*`` environment."""
    rows = [
        f"{line.left} &= {line.right}" + (f" && {latex_text_in_formula(line.note)}" if line.note else "")
        for line in chain.from_iterable(blocks)
    ]
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def markdown(blocks: Sequence[Sequence[Line]]) -> str:
    """Return lines in blocks as Markdown with ``$$`` formulas, the rules as text above them."""
    parts = [
        (f"{markdown_text(line.note[0].upper() + line.note[1:])}:\n\n" if line.note else "")
        + f"$$ {markdown_formula(line.left)} = {markdown_formula(line.right)} $$"
        for line in chain.from_iterable(blocks)
    ]
    return "\n\n".join(parts) + "\n"
