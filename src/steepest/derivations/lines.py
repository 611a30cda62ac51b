"""The lines that a layered derivation consists of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from steepest.derivations.notation import PaperLatex, PaperText
from steepest.documents.document import Equation, Equations, Formula, Inlines, Paragraph
from steepest.expressions.expression import Expression
from steepest.expressions.notation import Remark, Written, current_notation
from steepest.expressions.printing import write


def formula(expression: Expression) -> Formula:
    """Return an expression in index or array notation, as LaTeX and text, with the signs of the current document."""
    notation = current_notation()
    return Formula(write(expression, PaperLatex(None, notation)), write(expression, PaperText(None, notation)))


def inlines(remarks: Iterable[Remark]) -> Inlines:
    """Return sentences on signs and names as running text."""
    found: list[str | Formula] = []
    for remark in remarks:
        found += [" "] * bool(found)
        found += [Formula(*piece) if isinstance(piece, Written) else piece for piece in remark]
    return tuple(found)


@dataclass(frozen=True)
class Line:
    """``left = right``, by a rule.

    Attributes:
        left: the left side; None continues the line before.
        right: the right side.
        rule: why; empty for a definition.
        label: a name by which it is referred to.
    """

    left: Expression | None
    right: Expression
    rule: str = ""
    label: str = ""


@dataclass(frozen=True)
class Passage:
    """A sentence or two, and the lines that follow.

    Attributes:
        text: running text before the lines.
        lines: equations; a line without a left side continues the one before.
        numbers: the layers that the label ``l`` denotes; empty if it does not occur.
    """

    text: Inlines
    lines: tuple[Line, ...]
    numbers: tuple[int, ...] = ()

    def blocks(self) -> list[Paragraph | Equations]:
        """Return the passage as blocks of a document."""
        found: list[Paragraph | Equations] = [Paragraph(self.text)] if self.text else []
        if self.lines:
            found.append(Equations(tuple(map(equation, self.lines))))
        return found


def equation(line: Line) -> Equation:
    """Return a line as an equation of a document."""
    left = None if line.left is None else formula(line.left)
    return Equation(left, formula(line.right), line.rule, line.label)


@dataclass(frozen=True)
class Form:
    """A derivation in one notation.

    Attributes:
        name: ``"indices"``, ``"vectors"``, ``"matrices"`` or ``"columns"``.
        title: its heading.
        passages: what it says, in order.
    """

    name: str
    title: str
    passages: tuple[Passage, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """Every line, passage after passage."""
        return tuple(line for passage in self.passages for line in passage.lines)


def chained(left: Expression, *steps: tuple[Expression, str], label: str = "") -> list[Line]:
    """Return ``left = a = b = …``, each with its rule; steps that change nothing are left out."""
    lines: list[Line] = []
    before: Expression | None = None
    for right, rule in steps:
        if right is before:
            continue
        lines.append(Line(left if not lines else None, right, rule))
        before = right
    if label:
        lines[-1] = replace(lines[-1], label=label)
    return lines
