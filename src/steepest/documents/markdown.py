"""Write a paper as Markdown with formulas between dollars, as GitHub, MyST and notebooks read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from itertools import count

from steepest.documents import document as doc
from steepest.documents.atoms import width
from steepest.documents.breaking import lines
from steepest.documents.drawings import address
from steepest.documents.layout import sign_latex
from steepest.expressions.characters import markdown_formula, markdown_text

_PAGE = 42.0  # em of a formula
_AT_LINE = re.compile(r"^(\s*)([#+>-]|\d+[.)])(?=\s|$)")  # what would begin a heading, a list or a quotation


def write(document: doc.Document) -> str:
    r"""Return the paper as the text of an ``.md`` file.

    >>> print(write(doc.Document(("Slopes",), (doc.Paragraph(("50 % of x_i",)),))))
    # Slopes
    <BLANKLINE>
    50 % of x\_i
    <BLANKLINE>
    """
    writer = Writer(document)
    return "\n\n".join([writer.head(), *map(writer.block, document.blocks)]) + "\n"


class Writer:
    """Writes blocks of a document as Markdown, numbering them in order."""

    def __init__(self, document: doc.Document) -> None:
        self.document = document
        self.places = document.places()
        self.numbers = {kind: count(1) for kind in (doc.EQUATION, doc.TABLE, doc.FIGURE)}

    def head(self) -> str:
        """Write title and subtitle."""
        title = f"# {self.running(self.document.title)}"
        return f"{title}\n\n{self.running(self.document.subtitle)}" if self.document.subtitle else title

    def block(self, block: object) -> str:
        """Write a block, without an empty line at its end."""
        match block:
            case doc.Heading():
                return f"{'#' * (1 + max(1, min(block.level, 3)))} {self.running(block.text)}"
            case doc.Paragraph():
                return _line(self.running(block.pieces))
            case doc.ItemList():
                return "\n".join(f"- {_line(self.running(item))}" for item in block.items)
            case doc.Equations():
                return "\n\n".join(map(self._equation, block.lines))
            case doc.Table():
                return self._grid(block)
            case doc.Figure():
                number = next(self.numbers[doc.FIGURE])
                # An element, since several readers of Markdown take no SVG as the address of an image.
                said = escape(re.sub(r"\s+", " ", block.alternative).strip())
                caption = f"{_anchor('figure', number)}*Figure {number}. {self.running(block.caption)}*"
                if not block.svg.strip():
                    return f"{caption}\n\n{_line(markdown_text(block.alternative))}"
                source = address(block.svg, doc.plain(block.caption, self.places), block.alternative)
                return f'{caption}\n\n<img alt="{said}" src="{source}"/>'
            case doc.Code():
                fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", block.text)), default=0))
                return f"{fence}{block.language}\n{block.text.strip(chr(10))}\n{fence}"
        raise TypeError(f"a paper has no block of the type {type(block).__name__}")

    def running(self, pieces: doc.Inlines, in_table: bool = False) -> str:
        """Write running text on one line."""
        return "".join(self._piece(piece, in_table) for piece in pieces)

    def _piece(self, piece: doc.Piece, in_table: bool) -> str:
        if isinstance(piece, doc.Formula):
            return f"${_within(piece.latex, in_table)}$"
        if isinstance(piece, doc.Reference):
            place = self.places[piece.label]
            return f"[{place.text}](#{place.kind}-{place.number})"
        return markdown_text(re.sub(r"[ \t\r\n]+", " ", piece))

    def _equation(self, line: doc.Equation) -> str:
        number = next(self.numbers[doc.EQUATION])
        left = f"{line.left.latex} " if line.left else "{} "
        sign = sign_latex(line.sign)
        taken = width(line.left.latex) if line.left else 0.0
        room = max(_PAGE - taken, _PAGE / 2)
        right = lines(line.right.latex, room, room - 1)
        if len(right) == 1:
            formula = f"{left}{sign} {right[0].latex}"
        else:
            rows = [f"{left}&{sign} {right[0].latex}", *(rf"&\quad {part.latex}" for part in right[1:])]
            formula = "\\begin{aligned}\n" + " \\\\\n".join(map(str.strip, rows)) + "\n\\end{aligned}"
        rule = f"{markdown_text(line.rule[0].upper() + line.rule[1:])}:\n\n" if line.rule else ""
        anchor = _anchor("equation", number) if line.label else ""
        return f"{anchor}{rule}$$\n{_within(formula, False).strip()} \\tag{{{number}}}\n$$"

    def _grid(self, grid: doc.Table) -> str:
        number = next(self.numbers[doc.TABLE])
        marks = ["--:" if k in grid.numeric else ":--" for k in range(len(grid.header))]
        rows = [self._row(grid.header), f"| {' | '.join(marks)} |", *map(self._row, grid.rows)]
        caption = f"*Table {number}. {self.running(grid.caption)}*"
        return f"{_anchor('table', number)}{caption}\n\n" + "\n".join(rows)

    def _row(self, cells: Sequence[doc.Inlines]) -> str:
        return f"| {' | '.join(self.running(cell, in_table=True) or ' ' for cell in cells)} |"


def _anchor(kind: str, number: int) -> str:
    return f'<a id="{kind}-{number}"></a>\n\n'


def _line(text: str) -> str:
    """Escape what would begin a heading, list or quotation at the beginning of a line."""
    return _AT_LINE.sub(lambda m: f"{m[1]}{m[2][:-1]}\\{m[2][-1]}", text)


def _within(latex: str, in_table: bool) -> str:
    """Replace signs of a formula that a page or a table would read as markup."""
    latex = markdown_formula(latex)
    latex = re.sub(r"\\\|", r"\\Vert ", latex) if in_table else latex
    latex = latex.replace("|", r"\vert ") if in_table else latex
    return re.sub(r"\s*\n\s*", " ", latex) if in_table else latex.strip()
