"""Write a paper as one HTML file: MathML, pictures within it, nothing from the network, no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import count

from steepest.display.mathml import mathml, mathml_lines
from steepest.display.palette import BLUE, DARK_INK, DARK_PAPER, INK, PAPER, SKY
from steepest.documents import document as doc
from steepest.documents.drawings import embedded
from steepest.documents.layout import BELOW, BESIDE, Displayed, Row, displayed, divided, rows, sign_latex

_PAGE = 39.0  # em of an equation
_TABLE = 43.0  # em of a table, in its smaller letters
_MANY = 3  # headings from which a paper has a table of contents
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
# A readable measure, light and dark, narrow screens, print.
_STYLE = f"""\
:root{{color-scheme:light dark;--ink:{INK};--paper:{PAPER};--faint:#5a5a5a;--line:#c8c8c8;--link:{BLUE};--code:#f4f4f2}}
@media (prefers-color-scheme:dark){{:root{{
--ink:{DARK_INK};--paper:{DARK_PAPER};--faint:#a9a7a3;--line:#4a4d52;--link:{SKY};--code:#22252a}}}}
*{{box-sizing:border-box}}
html{{background:var(--paper);color:var(--ink);
font:100%/1.55 "Iowan Old Style","Palatino Linotype",Palatino,Georgia,serif;
-webkit-text-size-adjust:100%;text-size-adjust:100%}}
body{{margin:0 auto;max-width:52rem;padding:1.5rem 1.25rem 4rem;overflow-wrap:break-word}}
h1,h2,h3,h4{{line-height:1.25;font-weight:600;margin:2.2em 0 .6em}}
h1{{font-size:1.8rem;margin-top:.6em}}h2{{font-size:1.35rem}}h3{{font-size:1.1rem}}h4{{font-size:1rem}}
p,ul,figcaption,caption{{max-width:40rem}}
.subtitle{{font-size:1.1rem;color:var(--faint);max-width:none}}
a{{color:var(--link)}}a:focus-visible,[tabindex]:focus-visible{{outline:2px solid var(--link);outline-offset:2px}}
main:focus{{outline:none}}
.skip{{position:absolute;left:-99rem}}.skip:focus{{position:static}}
nav ul{{list-style:none;padding:0;margin:1.5rem 0;font-size:.95rem}}
.level2{{padding-left:1.5em}}.level3{{padding-left:3em}}
math{{font-family:"Latin Modern Math","STIX Two Math","Cambria Math","Noto Sans Math",math;font-size:1.05em}}
math[display=block]{{margin:0;text-align:left;display:inline math;math-style:normal}}
.line{{display:block;padding:.15em 0}}.line+.line{{padding-left:1.2em}}
mtd[columnalign=left]{{text-align:left}}
.displayed{{display:block;margin:.7em 0 .7em 1.5em;overflow-x:auto;overflow-y:hidden}}
.equations{{display:grid;grid-template-columns:max-content max-content 1fr max-content;
overflow-x:auto;overflow-y:hidden;margin:1.2em 0;padding:.2em 0}}
.equation{{display:grid;grid-column:1/-1;grid-template-columns:subgrid;align-items:first baseline;padding:.4em 0}}
.equation:target{{background:var(--code)}}
.left{{grid-column:1;text-align:right;padding-left:1em}}.right{{grid-column:2;padding-left:.35em}}
.long .right{{grid-column:2/4}}
.apart .left{{grid-column:1/4;text-align:left}}.apart .right{{grid-row:2}}
.rule{{color:var(--faint);font-size:.88rem}}.beside{{grid-column:3;padding-left:2em}}
.below{{grid-column:2/4;padding-left:2.2em;max-width:min(36em,calc(100vw - 8rem))}}
.number{{grid-column:4;padding-left:1.5em;text-align:right;position:sticky;right:0;background:var(--paper)}}
.equation:target .number{{background:var(--code)}}
.scrolling{{overflow-x:auto;margin:1.6em 0}}
table{{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}}
caption{{text-align:left;padding-bottom:.5em;font-size:1rem;width:max-content;max-width:min(40rem,90vw)}}
th,td{{text-align:left;vertical-align:top;padding:.25em .6em;white-space:nowrap;font-weight:400}}
thead th{{font-weight:600;vertical-align:bottom}}.numeric{{text-align:right}}.words{{white-space:normal;min-width:9em}}
thead{{border-top:2px solid;border-bottom:1px solid}}tbody{{border-bottom:2px solid}}
figure{{margin:2em 0}}.alternative{{border:1px solid var(--line);padding:.8em 1em}}
figure svg{{max-width:100%;height:auto}}figcaption{{margin-top:.5em}}
pre{{background:var(--code);padding:.8em 1em;overflow-x:auto;font-size:.88rem;line-height:1.45}}
code{{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}}
@media (max-width:44rem){{
body{{padding:1rem .8rem 3rem}}h1{{font-size:1.5rem}}
.left{{padding-left:0}}.equations{{grid-template-columns:max-content max-content 0 1fr}}
.beside{{grid-row:2;grid-column:2/4;padding-left:1.5em;white-space:nowrap}}.number{{padding-left:1em}}}}
@page{{margin:2cm}}
@media print{{
:root{{--ink:#000;--paper:#fff;--faint:#333;--line:#888;--link:#000;--code:#f4f4f4}}
html{{font-size:10.5pt}}body{{max-width:none;padding:0}}nav,.skip{{display:none}}a{{text-decoration:none}}
h1,h2,h3,h4{{break-after:avoid}}.equation,figure,pre,tr,li{{break-inside:avoid}}thead{{display:table-header-group}}
p{{orphans:3;widows:3}}.equations,.scrolling,.displayed,pre{{overflow:visible}}pre{{white-space:pre-wrap}}
.number{{position:static}}}}
"""


def write(document: doc.Document) -> str:
    """Return the paper as the text of an ``.html`` file, which is well-formed XML, too; it needs latex2mathml."""
    return _Writer(document).write()


class _Writer:
    def __init__(self, document: doc.Document) -> None:
        self.document = document
        self.places = document.places()
        self.numbers = {kind: count(1) for kind in (doc.EQUATION, doc.TABLE, doc.FIGURE, "section")}

    def write(self) -> str:
        document = self.document
        language, title = escape(document.language), escape(doc.plain(document.title, self.places))
        blocks = "\n".join(self._block(block) for block in document.blocks)
        subtitle = f'<p class="subtitle">{self.running(document.subtitle)}</p>\n' if document.subtitle else ""
        return (
            f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8"/>\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"/>\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
            '<meta name="color-scheme" content="light dark"/>\n<meta name="generator" content="steepest"/>\n'
            f"<title>{title}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
            '<a class="skip" href="#content">Skip to the content</a>\n'
            f"<header>\n<h1>{self.inline(document.title)}</h1>\n{subtitle}</header>\n{self._contents()}"
            f'<main id="content" tabindex="-1">\n{blocks}\n</main>\n</body>\n</html>\n'
        )

    def _contents(self) -> str:
        headings = [block for block in self.document.blocks if isinstance(block, doc.Heading)]
        if len(headings) < _MANY:
            return ""
        links = "\n".join(
            f'<li class="level{_level(heading)}"><a href="#section-{k + 1}">{self.inline(heading.text)}</a></li>'
            for k, heading in enumerate(headings)
        )
        return f'<nav aria-label="Contents">\n<ul>\n{links}\n</ul>\n</nav>\n'

    def running(self, pieces: doc.Inlines) -> str:
        """Write running text; formulas that are too wide for a line are displayed."""
        return "".join(map(self._piece, displayed(pieces, _PAGE)))

    def inline(self, pieces: doc.Inlines) -> str:
        """Write text of a line or two, such as headings and captions."""
        return "".join(map(self._piece, pieces))

    def _piece(self, piece: doc.Piece | Displayed) -> str:
        if isinstance(piece, Displayed):
            lines = mathml_lines([line.latex for line in piece.lines], piece.formula.text, piece.mark)
            return f'<span class="displayed" role="group" aria-label="Formula" tabindex="0">{lines}</span>'
        if isinstance(piece, doc.Formula):
            return mathml(piece.latex, piece.text)
        if isinstance(piece, doc.Reference):
            place = self.places[piece.label]
            name = f"{place.kind} {place.number}"
            return f'<a href="#{place.kind}-{place.number}" aria-label="{name}">{place.text}</a>'
        return escape(piece, quote=False)

    def _block(self, block: object) -> str:
        match block:
            case doc.Heading():
                level = _level(block) + 1
                return f'<h{level} id="section-{next(self.numbers["section"])}">{self.inline(block.text)}</h{level}>'
            case doc.Paragraph():
                return f"<p>{self.running(block.pieces)}</p>"
            case doc.ItemList():
                items = "\n".join(f"<li>{self.running(item)}</li>" for item in block.items)
                return f"<ul>\n{items}\n</ul>" if items else ""
            case doc.Equations():
                return self._equations(block)
            case doc.Table():
                return self._grid(block)
            case doc.Figure():
                return self._figure(block)
            case doc.Code():
                language = escape(block.language)
                typed = escape(block.text.strip("\n"), quote=False)
                return f'<pre tabindex="0"><code class="language-{language}">{typed}</code></pre>'
        raise TypeError(f"a paper has no block of the type {type(block).__name__}")

    def _equations(self, block: doc.Equations) -> str:
        if not block.lines:
            return ""
        numbers = [next(self.numbers[doc.EQUATION]) for _ in block.lines]
        written = "\n".join(map(self._equation, rows(block, _PAGE), numbers))
        first, last = numbers[0], numbers[-1]
        name = f"Equation {first}" if first == last else f"Equations {first} to {last}"
        return f'<div class="equations" role="group" aria-label="{name}" tabindex="0">\n{written}\n</div>'

    def _equation(self, row: Row, number: int) -> str:
        equation = row.equation
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

    def _grid(self, grid: doc.Table) -> str:
        number = next(self.numbers[doc.TABLE])
        columns, parts = divided(grid, self.places, _TABLE)
        words = {k for k, column in enumerate(columns) if column.wrapped}
        made = []
        for k, part in enumerate(parts):
            which = f" (part {k + 1} of {len(parts)})" if len(parts) > 1 else ""
            caption = f"Table {number}{which}. {self.inline(grid.caption)}"
            place = f' aria-label="Table {number}{which}"' + (f' id="table-{number}"' if k == 0 else "")
            made.append(self._table(grid, part, caption, place, words))
        return "\n".join(made)

    def _table(self, grid: doc.Table, part: Sequence[int], caption: str, place: str, words: set[int]) -> str:
        def classes(column: int) -> str:
            return ' class="numeric"' if column in grid.numeric else ' class="words"' if column in words else ""

        def cell(row: Sequence[doc.Inlines], column: int, at: int) -> str:
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

    def _figure(self, figure: doc.Figure) -> str:
        number = next(self.numbers[doc.FIGURE])
        name = f"figure-{number}"
        title = doc.plain(figure.caption, self.places)
        said = f'<p class="alternative">{escape(figure.alternative, quote=False)}</p>'
        picture = embedded(figure.svg, name, title, figure.alternative) if figure.svg.strip() else said
        caption = f"Figure {number}. {self.inline(figure.caption)}"
        return f'<figure id="{name}">\n{picture}\n<figcaption>{caption}</figcaption>\n</figure>'


def _level(heading: doc.Heading) -> int:
    return max(1, min(heading.level, 3))
