"""Write a paper as LaTeX: one file in plain ASCII for pdflatex and lualatex alike."""

from __future__ import annotations

from collections.abc import Sequence

from steepest.documents import characters, layout
from steepest.documents import document as doc
from steepest.documents.atoms import width
from steepest.documents.breaking import Line
from steepest.expressions.ascii import transliterated

_PAGE = 37.5  # em of a displayed formula: the text width less indentation and number
_TABLE = 42.0  # em of a table
_MARGIN = 1.0  # em by which a line may be longer than was estimated
_TYPED = 84  # signs of a line of a program
_PREAMBLE = r"""\documentclass[11pt,fleqn]{article}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage[textwidth=6.5in,textheight=9in,centering]{geometry}  % fits A4 and Letter
\usepackage{amsmath,amssymb}
\usepackage{booktabs,longtable,array,graphicx}
\usepackage{tikz}
\usepackage{pgfplots}
\pgfplotsset{compat=1.18}
\usepackage[hidelinks]{hyperref}
\setlength{\mathindent}{1em}
\allowdisplaybreaks
\sloppy
\hbadness=10000
\renewcommand{\topfraction}{.9}\renewcommand{\bottomfraction}{.8}
\renewcommand{\textfraction}{.07}\renewcommand{\floatpagefraction}{.75}
\newsavebox{\paperbox}
% What is wider than #1 or higher than the page is made smaller, whatever it is.
\DeclareRobustCommand{\fitted}[2]{\sbox{\paperbox}{#2}%
  \ifdim\wd\paperbox>#1\relax\sbox{\paperbox}{\resizebox{#1}{!}{\usebox{\paperbox}}}\fi
  \ifdim\ht\paperbox>.85\textheight\resizebox{!}{.85\textheight}{\usebox{\paperbox}}\else\usebox{\paperbox}\fi}
% A formula in a title or caption; a line may end before it, however short that is, and a full stop has room after it.
\DeclareRobustCommand{\wide}[1]{\hfil\penalty0\hfilneg\fitted{.9\linewidth}{#1}}
% A line of a formula that reaches into the column of the rules; #1 is the room for it.
\newcommand{\across}[2]{\rlap{\fitted{#1}{$\displaystyle #2$}}}
\newcommand{\ruleof}[1]{\text{\small #1}}
"""
_SECTIONS = {1: "section", 2: "subsection", 3: "subsubsection"}
_SIZES = (("", 1.0), (r"\small", 0.92), (r"\footnotesize", 0.84))


def write(document: doc.Document) -> str:
    r"""Return the paper as the text of a ``.tex`` file.

    >>> write(doc.Document(("Slopes",), (doc.Paragraph(("50 %",)),))).splitlines()[-3:]
    ['50 \\%', '', '\\end{document}']
    """
    return _Writer(document).write()


class _Writer:
    def __init__(self, document: doc.Document) -> None:
        self.document = document
        self.places = document.places()

    def write(self) -> str:
        title = transliterated(doc.plain(self.document.title, self.places))
        subtitle = rf"\\[1ex]\large {self.inline(self.document.subtitle)}" if self.document.subtitle else ""
        parts = [
            _PREAMBLE,
            rf"\hypersetup{{pdftitle={{{characters.text(title)}}},pdflang={{{self.document.language}}}}}",
            rf"\title{{{self.inline(self.document.title)}{subtitle}}}",
            "\\author{}\n\\date{\\vspace{-4em}}\n\\begin{document}\n\\maketitle\n",
        ]
        parts += [self._block(block) for block in self.document.blocks]
        return "\n".join([*parts, "\\end{document}"]) + "\n"

    def inline(self, pieces: doc.Inlines) -> str:
        """Write text of a line or two, such as titles; formulas that are too wide for a line are made smaller."""
        return "".join(
            rf"\wide{{{self._piece(piece)}}}"
            if isinstance(piece, doc.Formula) and width(piece.latex) > 0.5 * _PAGE
            else self._piece(piece)
            for piece in pieces
        )

    def running(self, pieces: doc.Inlines) -> str:
        """Write running text; formulas that are too wide for a line are displayed."""
        return "".join(map(self._piece, layout.displayed(pieces, _PAGE)))

    def _piece(self, piece: doc.Piece | layout.Displayed) -> str:
        if isinstance(piece, layout.Displayed):
            return f"\\[\\begin{{aligned}}\n{_lines(piece.lines)}{piece.mark}\n\\end{{aligned}}\\]\n"
        if isinstance(piece, doc.Formula):
            return f"${characters.mathematics(piece.latex)}$"
        if isinstance(piece, doc.Reference):
            command = r"\eqref" if self.places[piece.label].kind == doc.EQUATION else r"\ref"
            return rf"{command}{{{self._label(piece.label)}}}"
        return characters.text(piece)

    def _label(self, label: str) -> str:
        place = self.places[label]
        return f"{place.kind}:{place.number}"

    def _labelled(self, label: str) -> str:
        return rf"\label{{{self._label(label)}}}" if label else ""

    def _block(self, block: object) -> str:
        match block:
            case doc.Heading():
                said = characters.text(transliterated(doc.plain(block.text, self.places)))
                section = _SECTIONS[max(1, min(block.level, 3))]
                return rf"\{section}{{\texorpdfstring{{{self.inline(block.text)}}}{{{said}}}}}" + "\n"
            case doc.Paragraph():
                return _going_on(block.pieces) + self.running(block.pieces) + "\n"
            case doc.ItemList():
                items = "\n".join(rf"\item {self.running(item)}" for item in block.items)
                return f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}\n" if items else ""
            case doc.Equations():
                return self._equations(block)
            case doc.Table():
                return self._grid(block)
            case doc.Figure():
                return self._figure(block)
            case doc.Code():
                return _code(block)
        raise TypeError(f"a paper has no block of the type {type(block).__name__}")

    # -- equations -------------------------------------------------------------------------------------------

    def _equations(self, block: doc.Equations) -> str:
        if not block.lines:
            return ""
        # A rule is nearer to its own formula than to the next.
        written = "\n\\\\[.4em]\n".join("".join(self._row(row)) for row in layout.rows(block, _PAGE))
        return f"\\begin{{alignat}}{{2}}\n{written}\n\\end{{alignat}}\n"

    def _row(self, row: layout.Row) -> list[str]:
        """Return the lines of one equation; the last line of the formula has the number."""
        equation, made = row.equation, []
        left = characters.mathematics(equation.left.latex) if equation.left else ""
        if row.apart:
            made.append(rf"&\across{{{_PAGE}em}}{{{left}}}")
            left = ""
        # A command at the end of a name must not swallow the sign after it.
        before = rf"{left} &{layout.sign_latex(equation.sign)} "
        for k, line in enumerate(row.right):
            formula = characters.mathematics(line.latex).strip()
            room = row.room - (layout.INDENT if k else 0.0) + _MARGIN
            start = before if k == 0 else r"&\quad "
            made.append(start + (rf"\across{{{room:.1f}em}}{{{formula}}}" if row.long else formula))
        if row.rule == layout.BESIDE:
            made[-1] += rf" &\qquad&\ruleof{{{characters.text(equation.rule)}}}"
        made = [rf"{line} \notag\\" + "\n" for line in made[:-1]] + [made[-1] + self._labelled(equation.label)]
        if row.rule == layout.BELOW:
            note = rf"\parbox{{{0.75 * _PAGE:.0f}em}}{{\small\raggedright {characters.text(equation.rule)}}}"
            made.append("\n" + r"\\[-.2em]" + "\n" + rf"&\qquad\rlap{{{note}}} \notag")
        return made

    # -- tables, figures, programs ---------------------------------------------------------------------------

    def _grid(self, grid: doc.Table) -> str:
        for command, scale in _SIZES:
            found = command, *layout.divided(grid, self.places, _TABLE / scale)
            if len(found[2]) == 1:
                break
        size, columns, parts = found  # of the largest letters with which the table fits in one part
        caption = self.inline(grid.caption)
        written = [self._tabular(grid, columns, part, caption, k, len(parts)) for k, part in enumerate(parts)]
        if len(grid.rows) > 30:
            return "".join(f"{{{size}\n{text}}}\n" for text in written)
        return "".join(f"\\begin{{table}}[!htbp]\n\\centering{size}\n{text}\\end{{table}}\n" for text in written)

    def _tabular(
        self, grid: doc.Table, columns: Sequence[layout.Column], part: Sequence[int], caption: str, k: int, parts: int
    ) -> str:
        kinds = "".join(
            "r" if c in grid.numeric else rf">{{\raggedright\arraybackslash}}p{{{columns[c].width:.1f}em}}"
            if columns[c].wrapped else "l"
            for c in part
        )  # fmt: skip
        # The first of several parts has the number; the others continue it.
        title = rf"\caption{{{caption}}}{self._labelled(grid.label)}" if k == 0 else ""
        more = rf"\textit{{Table continued, part {k + 1} of {parts}}}" if k else ""
        head, *lines = [
            " & ".join("".join(map(self._piece, row[c])) for c in part) + r" \\" for row in (grid.header, *grid.rows)
        ]
        body = "\n".join(lines)
        top = f"\\toprule\n{head}\n\\midrule\n"
        if len(grid.rows) > 30:
            first = rf"{title} \\" if title else rf"\multicolumn{{{len(part)}}}{{l}}{{{more}}} \\"
            return (
                f"\\begin{{longtable}}{{{kinds}}}\n{first}\n{top}\\endfirsthead\n{top}\\endhead\n"
                f"\\bottomrule\n\\endfoot\n{body}\n\\end{{longtable}}\n"
            )
        table = f"\\begin{{tabular}}{{{kinds}}}\n{top}{body}\n\\bottomrule\n\\end{{tabular}}"
        return f"{title or more}\\par\\smallskip\n\\fitted{{\\linewidth}}{{{table}}}\n"

    def _figure(self, figure: doc.Figure) -> str:
        said = "\n".join(f"% {line}" for line in transliterated(figure.alternative).splitlines() if line.strip())
        drawn = characters.picture(figure.tikz).strip()
        if not drawn:  # the description replaces a missing picture
            drawn = rf"\fbox{{\parbox{{.8\linewidth}}{{{characters.text(figure.alternative)}}}}}"
        return (
            f"\\begin{{figure}}[!htbp]\n\\centering\n% Alternative text:\n{said}\n"
            f"\\fitted{{\\linewidth}}{{%\n{drawn}}}\n"
            f"\\caption{{{self.inline(figure.caption)}}}{self._labelled(figure.label)}\n\\end{{figure}}\n"
        )


def _lines(broken: Sequence[Line]) -> str:
    made = []
    for k, line in enumerate(broken):
        formula = characters.mathematics(line.latex).strip()
        if not line.fits:
            formula = rf"\fitted{{{_PAGE - 1}em}}{{$\displaystyle {formula}$}}"
        made.append((r"&\quad " if k else "&") + formula)
    return " \\\\\n".join(made)


def _going_on(pieces: doc.Inlines) -> str:
    """Return the command against indenting a paragraph that continues the sentence before it."""
    first = pieces[0] if pieces else ""
    return "\\noindent " if isinstance(first, str) and first[:1].islower() else ""


def _code(block: doc.Code) -> str:
    lines = block.text.strip("\n").splitlines()
    pieces = [line[k : k + _TYPED] for line in lines for k in range(0, len(line) or 1, _TYPED)]
    typed = "\n".join(characters.typed(piece) or "~" for piece in pieces)
    return f"{{\\parindent=0pt\\small\\ttfamily\\obeylines%\n{typed}\n}}\n\\smallskip\n"
