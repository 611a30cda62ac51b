"""How wide the columns of a table are, which wrap, and where a table that is too wide is divided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from steepest.document import Formula, Grid, Pieces, Place, Reference, plain
from steepest.render.documents.atoms import text_width, width

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


def divided(grid: Grid, places: Mapping[str, Place], page: float) -> tuple[list[Column], list[list[int]]]:
    """The columns of a table, and its parts: the columns that stand together on a page of this width in em.

    Columns of words give way first; what is still too wide is divided, each part with the first column.
    """
    columns = []
    for k, head in enumerate(grid.header):
        cells = [head, *(row[k] for row in grid.rows)]
        columns.append(Column(max(_width(cell, places) for cell in cells)))
    excess = _total(columns) - page
    words = [k for k in range(len(columns)) if k not in grid.numeric and _wraps(grid, k, places)]
    if excess > 0 and words:
        # The widest give first, down to the next one's width, until all fits or none can give more.
        least = _shared([columns[k].width for k in words], sum(columns[k].width for k in words) - excess)
        for k in words:
            if columns[k].width > least:
                columns[k] = Column(least, wrapped=True)
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


def _shared(widths: list[float], room: float) -> float:
    """The width at which all, cut to it, fill the room."""
    low, high = _LEAST, max(max(widths), _LEAST)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(min(w, middle) for w in widths) <= room else (low, middle)
    return low


def _width(cell: Pieces, places: Mapping[str, Place]) -> float:
    return sum(
        width(piece.latex)
        if isinstance(piece, Formula)
        else text_width(plain((piece,), places))
        if isinstance(piece, Reference)
        else text_width(piece)
        for piece in cell
    )


def _wraps(grid: Grid, column: int, places: Mapping[str, Place]) -> bool:
    """Whether a column has words to break lines between."""
    return any(" " in plain(row[column], places).strip() for row in grid.rows)
