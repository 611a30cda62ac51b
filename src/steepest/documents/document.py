"""The parts of a paper in any format: headings, paragraphs, numbered equations, tables, figures.

A block contains plain text, formulas and references, and nothing of LaTeX pages, HTML or notebooks; each format of
:mod:`steepest.documents` writes all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from steepest.errors import DocumentError
from steepest.messages.hints import nearest


@dataclass(frozen=True)
class Formula:
    """A formula in the two forms from which every format writes it.

    Attributes:
        latex: as LaTeX mathematics, without ``$``.
        text: as a line of Unicode text, which is also what a screen reader says.
    """

    latex: str
    text: str


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
    """One line ``left = right``.

    Attributes:
        left: the left side; None continues the line before.
        right: the right side.
        rule: the rule by which it follows, as a phrase in lower case; empty for none.
        label: a name by which it is referred to; every equation is numbered, in the order of the document.
        sign: the sign between them: ``=``, ``≈`` or ``:=``.
    """

    left: Formula | None
    right: Formula
    rule: str = ""
    label: str = ""
    sign: str = "="


@dataclass(frozen=True)
class Equations:
    """Lines whose signs are aligned."""

    lines: tuple[Equation, ...]


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        header: the names of the columns.
        rows: the cells, as many in each row.
        caption: one sentence.
        numeric: the numbers of the columns that are flush right.
        label: a name by which it is referred to; tables are numbered.
    """

    header: tuple[Inlines, ...]
    rows: tuple[tuple[Inlines, ...], ...]
    caption: Inlines
    numeric: tuple[int, ...] = ()
    label: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture.

    Attributes:
        svg: as SVG text, for pages and notebooks; if empty, the alternative is shown instead.
        tikz: as a ``tikzpicture`` environment, for LaTeX; empty likewise.
        alternative: a description, for those who cannot see it.
        caption: one sentence.
        label: a name by which it is referred to; figures are numbered.
    """

    svg: str
    tikz: str
    alternative: str
    caption: Inlines
    label: str = ""


@dataclass(frozen=True)
class Code:
    """Lines of a program; a notebook makes them a cell that runs."""

    text: str
    language: str = "python"


Block = Heading | Paragraph | ItemList | Equations | Table | Figure | Code


EQUATION, TABLE, FIGURE = "equation", "table", "figure"


@dataclass(frozen=True)
class Place:
    """Kind and number of a numbered block or equation.

    Attributes:
        kind: equation, table or figure.
        number: counted from 1 within its kind.
    """

    kind: str
    number: int

    @property
    def text(self) -> str:
        """The number as running text has it: ``(3)`` for an equation, ``3`` for a table or figure."""
        return f"({self.number})" if self.kind == EQUATION else str(self.number)


@dataclass(frozen=True)
class Document:
    """A paper.

    Attributes:
        title: its title.
        blocks: its contents in order.
        subtitle: a line beneath the title, such as the formula.
        language: of its words, for hyphenation and screen readers.
    """

    title: Inlines
    blocks: tuple[Block, ...]
    subtitle: Inlines = field(default=())
    language: str = "en"

    def places(self) -> dict[str, Place]:
        """Return the kind and number of everything with a label; equations, tables and figures each count from 1.

        Raises:
            DocumentError: two things have one label.
        """
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
        """Raise unless every reference has its label and every row of a table its cells.

        Raises:
            DocumentError: something is missing; the sentence names it.
        """
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
