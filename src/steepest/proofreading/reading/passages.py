"""Finds the mathematics of a document: LaTeX and Markdown text to passages of formulas and of prose, with places.

Comments, verbatim text, program listings, pictures and tables of numbers are left out. Every passage keeps the offset
in the file of each of its characters, so that a finding can point at it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from steepest.proofreading.reading.macros import Macro, expand, read_macros

_DISPLAYS = "align|alignat|aligned|equation|gather|gathered|multline|eqnarray|flalign|displaymath|math|split"
_SKIPPED = "verbatim|lstlisting|minted|tikzpicture|comment|filecontents|tabular|thebibliography|axis"
_MAX_CHARACTERS = 2_000_000


@dataclass(frozen=True)
class Passage:
    """A stretch of a document, formulas or prose."""

    text: str  # macros in formulas are expanded
    places: tuple[int, ...]  # the offset in the document of each character of it, and of its end
    kind: str  # ``display``, ``inline``, ``prose`` or ``heading``

    @property
    def is_maths(self) -> bool:
        """Whether the passage is a formula."""
        return self.kind in ("display", "inline")


class Lines:
    """The lines of a document, and which of them holds an offset."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column of an offset, counted from 1."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


def is_latex(text: str) -> bool:
    """Return whether a document is a LaTeX source; anything else is read as Markdown."""
    return bool(re.search(r"\\(documentclass|begin\{document\}|(sub)*section\*?\{|usepackage)", text))


def passages(text: str) -> list[Passage]:
    """Return the formulas and the prose of a document in their order; beyond two million characters nothing is read."""
    latex = is_latex(text)
    text = text[:_MAX_CHARACTERS]
    clean = _blanked(text, latex)
    macros = read_macros(clean)
    found: list[Passage] = []
    at = 0
    for start, end, inner_start, inner_end, kind in _formulas(clean, latex):
        if start < at:
            continue
        found += _prose(clean, at, start, latex)
        found.append(_formula(clean, inner_start, inner_end, kind, macros))
        at = end
    return found + _prose(clean, at, len(clean), latex)


def _formula(text: str, start: int, end: int, kind: str, macros: list[Macro]) -> Passage:
    written, places = expand(text[start:end], range(start, end), [m for m in macros if m.place <= start])
    return Passage(written, (*places, end), kind)


def _prose(text: str, start: int, end: int, latex: bool) -> list[Passage]:
    """Return prose with its headings apart."""
    mark = r"\\(?:sub)*(?:section|paragraph|chapter)\*?\{[^{}\n]*\}" if latex else r"(?m)^[ \t]*#{1,6} [^\n]*"
    found: list[Passage] = []
    for part in re.finditer(mark, text[start:end]):
        found.append(_plain(text, start, start + part.start(), "prose"))
        found.append(_plain(text, start + part.start(), start + part.end(), "heading"))
        start += part.end()
    found.append(_plain(text, start, end, "prose"))
    return [passage for passage in found if passage.text.strip()]


def _plain(text: str, start: int, end: int, kind: str) -> Passage:
    return Passage(text[start:end], tuple(range(start, end + 1)), kind)


def _blanked(text: str, latex: bool) -> str:
    """Return the text with comments, listings and the like replaced by blanks; offsets stay."""

    def blank(found: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", found.group())

    if latex:
        text = re.sub(r"\\verb\*?([^A-Za-z\s*])[^\n]*?\1", blank, text)
        text = re.sub(rf"(?s)\\begin\{{({_SKIPPED})\*?\}}.*?(?:\\end\{{\1\*?\}}|\Z)", blank, text)
        return re.sub(
            r"(?<!\\)((?:\\\\)*)%[^\n]*", lambda m: m.group(1) + " " * (len(m.group()) - len(m.group(1))), text
        )
    text = re.sub(r"(?ms)^(```+|~~~+)(?![ \t]*math\b)[^\n]*\n.*?(?:^\1[ \t]*$|\Z)", blank, text)
    text = re.sub(r"(?s)<!--.*?(?:-->|\Z)", blank, text)
    return re.sub(r"(?<![`\\])(`+)(?!`)[^`\n]+?(?<!`)\1(?!`)", blank, text)


_OPENING = re.compile(
    rf"(?s)\\begin\{{(?P<name>{_DISPLAYS})\*?\}}(?P<many>\{{\d+\}})?|(?P<fence>(?m:^)```+[ \t]*math[^\n]*\n)"
    r"|(?<!\\)(?P<two>\$\$)|(?<!\\)(?P<one>\$)|(?<!\\)\\(?P<square>\[)|(?<!\\)\\(?P<round>\()"
)
_CLOSING = {"fence": r"(?m)^```+[ \t]*$", "two": r"(?<!\\)\$\$", "square": r"(?<!\\)\\\]", "round": r"(?<!\\)\\\)"}


def _formulas(text: str, latex: bool) -> list[tuple[int, int, int, int, str]]:
    """Return start and end of each formula, of the text inside its delimiters, and its kind."""
    found = []
    at = 0
    while opening := _OPENING.search(text, at):
        start, inner = opening.span()
        kind = "inline" if opening["one"] or opening["round"] else "display"
        if opening["one"]:
            closing = _closing_dollar(text, inner, latex)
        elif opening["name"]:
            closing = re.compile(rf"\\end\{{{opening['name']}\*?\}}").search(text, inner)
        else:
            closing = re.compile(_CLOSING[str(opening.lastgroup)]).search(text, inner)
        if closing is None and (opening["one"] or opening["round"] or opening["square"]):
            at = inner
            continue
        # An environment or display that nobody closed is read to the next blank line.
        closing = closing or re.compile(r"(?=\n[ \t]*\n)|\Z").search(text, inner)
        assert closing is not None  # the end of the text matches
        found.append((start, closing.end(), inner, closing.start(), kind))
        at = max(closing.end(), inner)
    return found


def _closing_dollar(text: str, inner: int, latex: bool) -> re.Match[str] | None:
    """Return the dollar that closes an inline formula; None if the first one is money or has no partner."""
    closing = re.compile(r"(?<!\\)\$").search(text, inner)
    if closing is None:
        return None
    within = text[inner : closing.start()]
    if re.search(r"\n[ \t]*\n", within) or not within.strip():
        return None
    if not latex and "\\" not in within and re.match(r"\d", within) and re.search(r"[A-Za-z]{3,}", within):
        return None  # $5 and then $6
    return closing
