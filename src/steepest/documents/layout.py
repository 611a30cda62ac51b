"""Lay out equations on a page: where each is broken, and where its rule is placed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from steepest.documents.atoms import text_width, width
from steepest.documents.breaking import Line, lines
from steepest.documents.document import Equation, Equations, Formula, Inlines, Reference

_SIGN = 1.35  # of "=" with its space, em
_APART = 2.0  # between a formula and its rule
_NOTE = 0.92  # the size of a rule
_WIDE_LEFT = 0.3  # share of the page from which a left side gets a line of its own
_WIDE_NOTE = 0.55  # share of the width right of the sign from which a rule is placed below
_WIDE_INLINE = 0.5  # share of the page from which a formula leaves the running text

_MARKS = ".,;:"

INDENT = 1.0
"""Indentation of continuation lines, em."""

BESIDE, BELOW, NONE = "beside", "below", ""


@dataclass(frozen=True)
class Row:
    """The layout of an equation.

    Attributes:
        equation: what is written.
        number: its number.
        right: its right side in lines.
        rule: whether the rule is placed next to the formula, in a column, or below it.
        apart: whether the left side has a line of its own.
        long: whether the right side reaches into the column of the rules.
        room: the available width of the first line of the right side, em; the others are indented by 1 em.
    """

    equation: Equation
    number: int
    right: tuple[Line, ...]
    rule: str
    apart: bool
    long: bool
    room: float


@dataclass(frozen=True)
class Displayed:
    """A formula of running text that is displayed on lines of its own.

    Attributes:
        formula: what is written.
        lines: in lines.
        mark: the comma or full stop after it.
    """

    formula: Formula
    lines: tuple[Line, ...]
    mark: str


def rows(block: Equations, first: int, page: float) -> Iterator[Row]:
    """Lay out the equations of a block on a page of this width in em; ``first`` is the number of the first."""
    widths = [width(line.left.latex) if line.left else 0.0 for line in block.lines]
    apart = [found > _WIDE_LEFT * page for found in widths]
    left = max((found for found, own in zip(widths, apart, strict=True) if not own), default=0.0)
    room = page - left - _SIGN
    notes = [_NOTE * text_width(line.rule) for line in block.lines]
    column = room - _APART - max((note for note in notes if note < _WIDE_NOTE * room), default=0.0)
    for k, (line, own, note) in enumerate(zip(block.lines, apart, notes, strict=True)):
        right = tuple(lines(line.right.latex, room, room - INDENT))
        long = len(right) > 1 or right[0].width > column
        rule = NONE if not line.rule else BELOW if long or note >= _WIDE_NOTE * room else BESIDE
        yield Row(line, first + k, right, rule, own, long, room)


def displayed(pieces: Inlines, page: float) -> Iterator[str | Formula | Reference | Displayed]:
    """Yield running text, in which formulas that are too wide for a line are displayed."""
    left = list(pieces)
    while left:
        piece = left.pop(0)
        if not isinstance(piece, Formula) or width(piece.latex) <= _WIDE_INLINE * page:
            yield piece
            continue
        mark = ""
        if left and isinstance(left[0], str) and left[0][:1] in _MARKS:
            mark, left[0] = left[0][0], left[0][1:]  # a line of text does not begin with a comma
        yield Displayed(piece, tuple(lines(piece.latex, page, page - INDENT)), mark)


def sign_latex(sign: str) -> str:
    """Return the sign between two sides in LaTeX."""
    return {"≈": r"\approx", ":=": r"\mathrel{:=}", "≔": r"\mathrel{:=}", "≤": r"\le", "≥": r"\ge"}.get(sign, sign)
