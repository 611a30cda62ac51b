"""Lay out equations and tables on a page: where each is broken or divided, where a rule is placed, what wraps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from steepest.documents.atoms import text_width, width
from steepest.documents.breaking import Line, lines
from steepest.documents.document import Equation, Equations, Formula, Inlines, Piece, Place, Table, plain

_SIGN = 1.35  # of "=" with its space, em
_APART = 2.0  # between a formula and its rule
_NOTE = 0.92  # the size of a rule
_WIDE_LEFT = 0.3  # share of the page from which a left side gets a line of its own
_WIDE_NOTE = 0.55  # share of the width right of the sign from which a rule is placed below
_WIDE_INLINE = 0.5  # share of the page from which a formula leaves the running text
_BETWEEN = 1.15  # em between two columns of a table
_LEAST = 9.0  # em of a column of words that wrap
_MARKS = ".,;:"

INDENT = 1.0  # em of continuation lines
BESIDE, BELOW, NONE = "beside", "below", ""  # where a rule is


@dataclass(frozen=True)
class Row:
    """The layout of an equation."""

    equation: Equation
    right: tuple[Line, ...]
    rule: str  # whether the rule is placed next to the formula, in a column, or below it
    apart: bool  # whether the left side has a line of its own
    long: bool  # whether the right side reaches into the column of the rules
    room: float  # em of the first line of the right side; the others are indented


@dataclass(frozen=True)
class Displayed:
    """A formula of running text that is displayed on lines of its own."""

    formula: Formula
    lines: tuple[Line, ...]
    mark: str  # the comma or full stop after it


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    width: float  # em
    wrapped: bool = False  # whether its words are broken over lines


def rows(block: Equations, page: float) -> Iterator[Row]:
    """Lay out the equations of a block on a page of this width in em."""
    widths = [width(line.left.latex) if line.left else 0.0 for line in block.lines]
    apart = [found > _WIDE_LEFT * page for found in widths]
    left = max((found for found, own in zip(widths, apart, strict=True) if not own), default=0.0)
    room = page - left - _SIGN
    notes = [_NOTE * text_width(line.rule) for line in block.lines]
    column = room - _APART - max((note for note in notes if note < _WIDE_NOTE * room), default=0.0)
    for line, own, note in zip(block.lines, apart, notes, strict=True):
        right = tuple(lines(line.right.latex, room, room - INDENT))
        long = len(right) > 1 or right[0].width > column
        rule = NONE if not line.rule else BELOW if long or note >= _WIDE_NOTE * room else BESIDE
        yield Row(line, right, rule, own, long, room)


def displayed(pieces: Inlines, page: float) -> Iterator[Piece | Displayed]:
    """Yield running text, in which formulas that are too wide for a line are displayed."""
    left = list(pieces)
    while left:
        piece = left.pop(0)
        if not isinstance(piece, Formula) or width(piece.latex) <= _WIDE_INLINE * page:
            yield piece
            continue
        mark = ""
        if left and isinstance(left[0], str) and left[0] and left[0][0] in _MARKS:
            mark, left[0] = left[0][0], left[0][1:]  # a line of text does not begin with a comma
        yield Displayed(piece, tuple(lines(piece.latex, page, page - INDENT)), mark)


def sign_latex(sign: str) -> str:
    """Return the sign between two sides in LaTeX."""
    return {"≈": r"\approx", ":=": r"\mathrel{:=}", "≔": r"\mathrel{:=}", "≤": r"\le", "≥": r"\ge"}.get(sign, sign)


def divided(grid: Table, places: Mapping[str, Place], page: float) -> tuple[list[Column], list[list[int]]]:
    """Return the columns of a table, and those of each part that fits a page of this width in em.

    Columns of words give way first; what is still too wide is divided, each part with the first column.
    """
    columns, least = [], []
    for k, head in enumerate(grid.header):
        cells = [head, *(row[k] for row in grid.rows)]
        natural = max(_width(cell, places) for cell in cells)
        columns.append(Column(natural))
        whole = max((_width((part,), places) for cell in cells for part in _unbroken(cell, places)), default=0.0)
        least.append(natural if k in grid.numeric else min(natural, max(_LEAST, whole)))
    excess = _total(columns) - page
    words = [k for k in range(len(columns)) if least[k] < columns[k].width]
    if excess > 0 and words:
        room = sum(columns[k].width for k in words) - excess
        cut = _cut([(columns[k].width, least[k]) for k in words], room)
        for k in words:
            if columns[k].width > cut:
                columns[k] = Column(max(cut, least[k]), wrapped=True)
    parts: list[list[int]] = [[]]
    for k in range(len(columns)):
        first = [] if len(parts) == 1 else [0]  # that every further part begins with
        if len(parts[-1]) > len(first) and _total([columns[c] for c in [*parts[-1], k]]) > page:
            parts.append([0, k])
        else:
            parts[-1].append(k)
    return columns, parts


def _total(columns: list[Column]) -> float:
    return sum(column.width for column in columns) + _BETWEEN * max(len(columns) - 1, 0)


def _cut(widths: list[tuple[float, float]], room: float) -> float:
    """Return the largest width to which columns can be cut, none below its least, so that they fit."""
    low, high = 0.0, max(natural for natural, _ in widths)
    for _ in range(40):
        middle = (low + high) / 2
        fits = sum(min(natural, max(middle, least)) for natural, least in widths) <= room
        low, high = (middle, high) if fits else (low, middle)
    return low


def _unbroken(cell: Inlines, places: Mapping[str, Place]) -> Iterator[Piece]:
    """Yield what no line is broken within: formulas and words."""
    for piece in cell:
        if isinstance(piece, Formula):
            yield piece
        else:
            yield from plain((piece,), places).split()


def _width(cell: Inlines, places: Mapping[str, Place]) -> float:
    return sum(
        width(piece.latex) if isinstance(piece, Formula) else text_width(plain((piece,), places)) for piece in cell
    )
