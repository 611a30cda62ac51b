"""Write a paper as one HTML file: MathML, pictures within it, nothing from the network, no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from steepest.display.mathml import mathml, mathml_lines
from steepest.documents.document import (
    Code,
    Document,
    Equations,
    Figure,
    Formula,
    Heading,
    Inlines,
    ItemList,
    Paragraph,
    Piece,
    Place,
    Reference,
    Table,
    plain,
)
from steepest.documents.drawings import embedded
from steepest.documents.layout import BELOW, BESIDE, Displayed, Row, displayed, rows, sign_latex
from steepest.documents.page_style import STYLE
from steepest.documents.tables import divided

_PAGE = 39.0  # em of an equation
_TABLE = 43.0  # em of a table, in its smaller letters
_MANY = 3  # headings from which a paper has a table of contents
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def write(document: Document) -> str:
    """Return the paper as the text of an ``.html`` file, which is well-formed XML, too.

    Raises:
        DocumentError: latex2mathml is not installed.
    """
    return _Writer(document).write()


class _Writer:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.places: Mapping[str, Place] = document.places()
        self.counts = {"equation": 0, "table": 0, "figure": 0, "section": 0}

    def write(self) -> str:
        document = self.document
        language, title = escape(document.language), escape(plain(document.title, self.places))
        blocks = "\n".join(self._block(block) for block in document.blocks)
        subtitle = f'<p class="subtitle">{self.running(document.subtitle)}</p>\n' if document.subtitle else ""
        return (
            f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8"/>\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"/>\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
            '<meta name="color-scheme" content="light dark"/>\n<meta name="generator" content="steepest"/>\n'
            f"<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
            '<a class="skip" href="#content">Skip to the content</a>\n'
            f"<header>\n<h1>{self.inline(document.title)}</h1>\n{subtitle}</header>\n{self._contents()}"
            f'<main id="content" tabindex="-1">\n{blocks}\n</main>\n</body>\n</html>\n'
        )

    def _contents(self) -> str:
        headings = [block for block in self.document.blocks if isinstance(block, Heading)]
        if len(headings) < _MANY:
            return ""
        links = "\n".join(
            f'<li class="level{_level(heading)}"><a href="#section-{k + 1}">{self.inline(heading.text)}</a></li>'
            for k, heading in enumerate(headings)
        )
        return f'<nav aria-label="Contents">\n<ul>\n{links}\n</ul>\n</nav>\n'

    def running(self, pieces: Inlines) -> str:
        """Write running text; formulas that are too wide for a line are displayed."""
        made = []
        for piece in displayed(pieces, _PAGE):
            if isinstance(piece, Displayed):
                lines = mathml_lines([line.latex for line in piece.lines], piece.formula.text, piece.mark)
                made.append(f'<span class="displayed" role="group" aria-label="Formula" tabindex="0">{lines}</span>')
            else:
                made.append(self._piece(piece))
        return "".join(made)

    def inline(self, pieces: Inlines) -> str:
        """Write text of a line or two, such as headings and captions."""
        return "".join(map(self._piece, pieces))

    def _piece(self, piece: Piece) -> str:
        if isinstance(piece, Formula):
            return mathml(piece.latex, piece.text)
        if isinstance(piece, Reference):
            place = self.places[piece.label]
            name = f"{place.kind} {place.number}"
            return f'<a href="#{place.kind}-{place.number}" aria-label="{name}">{place.text}</a>'
        return escape(piece, quote=False)

    def _next(self, kind: str) -> int:
        self.counts[kind] += 1
        return self.counts[kind]

    def _block(self, block: object) -> str:
        match block:
            case Heading():
                level = _level(block) + 1
                return f'<h{level} id="section-{self._next("section")}">{self.inline(block.text)}</h{level}>'
            case Paragraph():
                return f"<p>{self.running(block.pieces)}</p>"
            case ItemList():
                items = "\n".join(f"<li>{self.running(item)}</li>" for item in block.items)
                return f"<ul>\n{items}\n</ul>" if items else ""
            case Equations():
                return self._equations(block)
            case Table():
                return self._grid(block)
            case Figure():
                return self._figure(block)
            case Code():
                language = escape(block.language)
                typed = escape(block.text.strip("\n"), quote=False)
                return f'<pre tabindex="0"><code class="language-{language}">{typed}</code></pre>'
        raise TypeError(f"a paper has no block of the type {type(block).__name__}")

    def _equations(self, block: Equations) -> str:
        if not block.lines:
            return ""
        first = self.counts["equation"] + 1
        written = "\n".join(self._equation(row) for row in rows(block, first, _PAGE))
        self.counts["equation"] += len(block.lines)
        last = self.counts["equation"]
        name = f"Equation {first}" if first == last else f"Equations {first} to {last}"
        return f'<div class="equations" role="group" aria-label="{name}" tabindex="0">\n{written}\n</div>'

    def _equation(self, row: Row) -> str:
        equation, number = row.equation, row.number
        left = "" if equation.left is None else mathml(equation.left.latex, equation.left.text, display=True)
        latex = [line.latex for line in row.right]
        latex[0] = f"{sign_latex(equation.sign)} {latex[0]}"
        right = mathml_lines(latex, f"{equation.sign} {equation.right.text}")
        classes = "equation" + " apart" * row.apart + " long" * row.long
        # What follows from a rule is read after it.
        rule = f'<span class="rule {row.rule}">{escape(equation.rule, quote=False)}</span>' if row.rule else ""
        above, below = (rule, "") if row.rule == BESIDE else ("", rule if row.rule == BELOW else "")
        return (
            f'<div class="{classes}" id="equation-{number}"><span class="left">{left}</span>'
            f'<span class="right">{right}</span>{above}<span class="number">({number})</span>{below}</div>'
        )

    def _grid(self, grid: Table) -> str:
        number = self._next("table")
        columns, parts = divided(grid, self.places, _TABLE)
        words = {k for k, column in enumerate(columns) if column.wrapped}
        made = []
        for k, part in enumerate(parts):
            which = f" (part {k + 1} of {len(parts)})" if len(parts) > 1 else ""
            caption = f"Table {number}{which}. {self.inline(grid.caption)}"
            place = f' aria-label="Table {number}{which}"' + (f' id="table-{number}"' if k == 0 else "")
            made.append(self._table(grid, part, caption, place, words))
        return "\n".join(made)

    def _table(self, grid: Table, part: Sequence[int], caption: str, place: str, words: set[int]) -> str:
        def classes(column: int) -> str:
            return ' class="numeric"' if column in grid.numeric else ' class="words"' if column in words else ""

        def cell(row: Sequence[Inlines], column: int, at: int) -> str:
            inside = self.inline(row[column])
            if at == 0 and column not in grid.numeric:
                return f'<th scope="row"{classes(column)}>{inside}</th>'
            return f"<td{classes(column)}>{inside}</td>"

        heads = "".join(f'<th scope="col"{classes(column)}>{self.inline(grid.header[column])}</th>' for column in part)
        lines = "\n".join(
            f"<tr>{''.join(cell(row, column, at) for at, column in enumerate(part))}</tr>" for row in grid.rows
        )
        return (
            f'<div class="scrolling" role="group" tabindex="0"{place}>\n<table>\n<caption>{caption}</caption>\n'
            f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{lines}\n</tbody>\n</table>\n</div>"
        )

    def _figure(self, figure: Figure) -> str:
        number = self._next("figure")
        name = f"figure-{number}"
        title = plain(figure.caption, self.places)
        said = f'<p class="alternative">{escape(figure.alternative, quote=False)}</p>'
        picture = embedded(figure.svg, name, title, figure.alternative) if figure.svg.strip() else said
        caption = f"Figure {number}. {self.inline(figure.caption)}"
        return f'<figure id="{name}">\n{picture}\n<figcaption>{caption}</figcaption>\n</figure>'


def _level(heading: Heading) -> int:
    return max(1, min(heading.level, 3))
