"""The parts of a paper in any format: headings, paragraphs, numbered equations, tables, figures.

A block contains plain text, formulas and references, and nothing of LaTeX pages, HTML or notebooks; each format of
:mod:`steepest.documents` writes all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from steepest.errors import DocumentError
from steepest.messages.hints import nearest


@dataclass(frozen=True)
class Formula:
    """A formula in the two forms from which every format writes it."""

    latex: str  # LaTeX mathematics, without ``$``
    text: str  # a line of Unicode text, which is also what a screen reader says


@dataclass(frozen=True)
class Reference:
    """Points to the number of an equation, figure or table by its label."""

    label: str


Piece = str | Formula | Reference
Inlines = tuple[Piece, ...]


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is a section, 2 a part of one."""

    text: Inlines
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    pieces: Inlines


@dataclass(frozen=True)
class ItemList:
    """A list, each item running text."""

    items: tuple[Inlines, ...]


@dataclass(frozen=True)
class Equation:
    """One line ``left = right``; every one is numbered, in the order of the document."""

    left: Formula | None  # None continues the line before
    right: Formula
    rule: str = ""  # by which it follows, as a phrase in lower case
    label: str = ""  # by which it is referred to
    sign: str = "="  # or ``≈`` or ``:=``


@dataclass(frozen=True)
class Equations:
    """Lines whose signs are aligned."""

    lines: tuple[Equation, ...]


@dataclass(frozen=True)
class Table:
    """A table; tables are numbered."""

    header: tuple[Inlines, ...]
    rows: tuple[tuple[Inlines, ...], ...]  # as many cells in each
    caption: Inlines  # one sentence
    numeric: tuple[int, ...] = ()  # the columns that are flush right
    label: str = ""  # by which it is referred to


@dataclass(frozen=True)
class Figure:
    """A picture; figures are numbered. Where its text is empty, the alternative is shown instead."""

    svg: str  # for pages and notebooks
    tikz: str  # as a ``tikzpicture`` environment, for LaTeX
    alternative: str  # a description, for those who cannot see it
    caption: Inlines  # one sentence
    label: str = ""  # by which it is referred to


@dataclass(frozen=True)
class Code:
    """Lines of a program; a notebook makes them a cell that runs."""

    text: str
    language: str = "python"


Block = Heading | Paragraph | ItemList | Equations | Table | Figure | Code
EQUATION, TABLE, FIGURE = "equation", "table", "figure"


@dataclass(frozen=True)
class Place:
    """Kind and number of a numbered block or equation."""

    kind: str  # equation, table or figure
    number: int  # from 1 within its kind

    @property
    def text(self) -> str:
        """The number as running text has it: ``(3)`` for an equation, ``3`` for a table or figure."""
        return f"({self.number})" if self.kind == EQUATION else str(self.number)


@dataclass(frozen=True)
class Document:
    """A paper."""

    title: Inlines
    blocks: tuple[Block, ...]
    subtitle: Inlines = ()  # a line beneath the title, such as the formula
    language: str = "en"  # of its words, for hyphenation and screen readers

    def places(self) -> dict[str, Place]:
        """Return the place of everything with a label; raise a DocumentError where two things have one label."""
        found: dict[str, Place] = {}
        counts = dict.fromkeys((EQUATION, TABLE, FIGURE), 0)
        for block in self.blocks:
            labels: list[tuple[str, str]] = []
            if isinstance(block, Equations):
                labels = [(EQUATION, line.label) for line in block.lines]
            elif isinstance(block, Table | Figure):
                labels = [(TABLE if isinstance(block, Table) else FIGURE, block.label)]
            for kind, label in labels:
                counts[kind] += 1
                if label in found:
                    raise DocumentError(f"two things have the label {label!r}; give each one of its own")
                if label:
                    found[label] = Place(kind, counts[kind])
        return found

    def texts(self) -> Iterator[Inlines]:
        """Yield all running text: title, headings, paragraphs, items, cells and captions."""
        yield self.title
        yield self.subtitle
        for block in self.blocks:
            if isinstance(block, Heading):
                yield block.text
            elif isinstance(block, Paragraph):
                yield block.pieces
            elif isinstance(block, ItemList):
                yield from block.items
            elif isinstance(block, Figure):
                yield block.caption
            elif isinstance(block, Table):
                yield block.caption
                yield from block.header
                yield from (cell for row in block.rows for cell in row)

    def check(self) -> None:
        """Raise a DocumentError unless every reference has its label and every row of a table its cells."""
        places = self.places()
        for pieces in self.texts():
            for piece in pieces:
                if isinstance(piece, Reference) and piece.label not in places:
                    raise DocumentError(f"nothing has the label {piece.label!r}{nearest(piece.label, places)}")
        for grid in (block for block in self.blocks if isinstance(block, Table)):
            for k, row in enumerate(grid.rows):
                if len(row) != len(grid.header):
                    raise DocumentError(
                        f"row {k + 1} of the table {plain(grid.caption)!r} has {len(row)} cells, "
                        f"but there are {len(grid.header)} columns; give a cell for each"
                    )


def plain(pieces: Inlines, places: Mapping[str, Place] | None = None) -> str:
    """Return running text as plain text, formulas in their text form.

    >>> plain(("of ", Formula(r"\\sigma", "σ")))
    'of σ'
    """
    known = {} if places is None else places
    return "".join(
        piece
        if isinstance(piece, str)
        else piece.text
        if isinstance(piece, Formula)
        else known[piece.label].text
        if piece.label in known
        else piece.label
        for piece in pieces
    )
