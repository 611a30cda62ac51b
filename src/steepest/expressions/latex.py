"""Write mathematics as LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from steepest.expressions.characters import latex_text_in_formula, markdown_formula, markdown_text
from steepest.expressions.maths_text import FormulaText, Line, sum_last
from steepest.expressions.names import latex_name as latex_name
from steepest.expressions.notation import Notation, notation_of
from steepest.expressions.printing import (
    ATOM,
    POWER,
    PRODUCT,
    SIGN,
    N,
    Node,
    Template,
    multiple_of_pi,
    number,
    write,
)


class Latex(FormulaText):
    """The printer of LaTeX mathematics."""

    brackets = (r"\left(", r"\right)")

    def template(self, node: Node) -> Template:
        """Return the operation's own template; the derivative of a single letter needs no brackets."""
        if node.operation.name == "derivative" and self.leaf(node.args[0]):
            return Template(r"\partial_{{{attributes}}} {0}", POWER)
        changed = self.notation.latex_templates.get(node.operation.name)
        return sum_last(node, r" \cdot ", "-") or changed or node.operation.latex

    def leaf(self, node: Node) -> tuple[str, int] | None:
        """Return numbers, names of parameters, and names of data with the index i of their sample."""
        index = self.notation.index if node.per_sample else ""
        if node in self._names:
            name = self.notation.latex_name(self._names[node], index, layer=True)
            return name, POWER if "^" in name else ATOM
        if node.operation.name == "constant":
            return _latex_number(node.value, self.notation)
        if node.is_leaf:
            return self.notation.latex_name(node.name, index), ATOM
        return None

    def attributes(self, node: Node) -> str:
        """Return lengths, or the name with respect to which a derivative is taken."""
        return ", ".join(self.notation.latex_name(a) if isinstance(a, str) else str(a) for a in node.attributes)


def _latex_number(value: float, notation: Notation) -> tuple[str, int]:
    multiple = multiple_of_pi(value) if notation.has_pi else None
    if multiple is not None:
        above, below = abs(multiple.numerator), multiple.denominator
        sign, top = "-" * (multiple < 0), r"\pi" if above == 1 else rf"{above} \cdot \pi"
        if below == 1:
            return sign + top, PRODUCT if above > 1 else SIGN if sign else ATOM
        return rf"{sign}\frac{{{top}}}{{{below}}}", SIGN if sign else POWER
    text = number(value)
    level = SIGN if text.startswith("-") else ATOM
    if "e" in text:
        mantissa, exponent = text.split("e")
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}", min(level, PRODUCT)
    text = text.replace("inf", r"\infty").replace("nan", r"\mathrm{NaN}")
    return text, level


def latex(
    root: N,
    names: Mapping[N, str] | None = None,
    definition: bool = False,
    notation: Notation | None = None,
) -> str:
    r"""Return an expression as LaTeX.

    >>> from steepest.expressions.expression import data, params
    >>> latex((data("x") * params("w1")) ** 2)
    '\\left(x_{i} \\cdot w_{1}\\right)^{2}'
    """
    notation = notation_of([root], (names or {}).values()) if notation is None else notation
    return write(root, Latex(names, notation), root_is_plain=definition)


def latex_without_index(root: Node) -> str:
    """Return an expression as LaTeX without the index of the samples, for pictures of a model."""
    notation = notation_of([root])
    return latex(root, notation=notation).replace(f"_{{{notation.index}}}", "")


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
