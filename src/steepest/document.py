"""What a paper consists of, whatever it is written in: headings, paragraphs, numbered equations, tables, figures.

A block holds plain text, formulas and references, and knows nothing of LaTeX pages, HTML or notebooks; each medium
in ``render/documents`` writes all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Formula:
    """A formula in the two forms from which every medium writes it.

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
Pieces = tuple[Piece, ...]


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is a section, 2 a part of one."""

    text: Pieces
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    pieces: Pieces


@dataclass(frozen=True)
class Items:
    """A list, each item running text."""

    items: tuple[Pieces, ...]


@dataclass(frozen=True)
class Equation:
    """One line ``left = right``.

    Attributes:
        left: what stands left of the sign; None goes on with the line before.
        right: what stands right of it.
        rule: the rule by which it follows, as a phrase in lower case; empty for none.
        label: a name by which it is referred to; every equation is numbered, in the order of the document.
        sign: what stands between: ``=``, ``≈`` or ``:=``.
    """

    left: Formula | None
    right: Formula
    rule: str = ""
    label: str = ""
    sign: str = "="


@dataclass(frozen=True)
class Equations:
    """Lines whose signs stand beneath one another."""

    lines: tuple[Equation, ...]


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes:
        header: the names of the columns.
        rows: the cells, as many in each row.
        caption: one sentence.
        numeric: the numbers of the columns that stand flush right.
        label: a name by which it is referred to; tables are numbered.
    """

    header: tuple[Pieces, ...]
    rows: tuple[tuple[Pieces, ...], ...]
    caption: Pieces
    numeric: tuple[int, ...] = ()
    label: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture.

    Attributes:
        svg: as SVG text, for pages and notebooks.
        tikz: as a ``tikzpicture`` environment, for LaTeX.
        alternative: what is to be seen, for those who cannot see it.
        caption: one sentence.
        label: a name by which it is referred to; figures are numbered.
    """

    svg: str
    tikz: str
    alternative: str
    caption: Pieces
    label: str = ""


@dataclass(frozen=True)
class Code:
    """Lines of a program; a notebook makes them a cell that runs."""

    text: str
    language: str = "python"


Block = Heading | Paragraph | Items | Equations | Grid | Figure | Code


@dataclass(frozen=True)
class Document:
    """A paper.

    Attributes:
        title: its title.
        blocks: its contents in order.
        subtitle: a line beneath the title, such as the formula.
    """

    title: Pieces
    blocks: tuple[Block, ...]
    subtitle: Pieces = field(default=())

    def numbers(self) -> dict[str, str]:
        """The number of everything that has a label: equations, tables and figures each count from 1."""
        found: dict[str, str] = {}
        counts = {"equation": 0, "table": 0, "figure": 0}
        for block in self.blocks:
            if isinstance(block, Equations):
                for line in block.lines:
                    counts["equation"] += 1
                    if line.label:
                        found[line.label] = str(counts["equation"])
            elif isinstance(block, Grid | Figure):
                kind = "table" if isinstance(block, Grid) else "figure"
                counts[kind] += 1
                if block.label:
                    found[block.label] = str(counts[kind])
        return found
