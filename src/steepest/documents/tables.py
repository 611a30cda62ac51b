"""Choose the widths of the columns of a table, which of them wrap, and where a wide table is divided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from steepest.documents.atoms import text_width, width
from steepest.documents.document import Formula, Inlines, Piece, Place, Reference, Table, plain

_BETWEEN = 1.15  # em between two columns
_LEAST = 9.0  # em of a column of words that wrap


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        width: em.
        wrapped: whether its words are broken over lines.
    """

    width: float
    wrapped: bool = False


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
        width(piece.latex)
        if isinstance(piece, Formula)
        else text_width(plain((piece,), places))
        if isinstance(piece, Reference)
        else text_width(piece)
        for piece in cell
    )
