"""Break long formulas into lines: before a sum rather than a factor, outside brackets rather than within."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from steepest.documents.atoms import BINARY, CLOSE, FRACTION, LARGE, OPEN, ORDINARY, RELATION, SPACE, Atom, atoms

_A_LINE = 30.0  # penalty of a further line, added to that of its break
_A_BRACKET = 45.0  # penalty of a break within a bracket; within two of them four times that, and so on
_A_GAP = 4.0  # penalty of a line that is all but empty, unless it is the last
_NEVER = 1e6
_SLACK = 1.03  # widths are estimates
_DELIMITER = re.compile(r"\\(left|right)\s*(\\[a-zA-Z]+|\\.|.)", re.DOTALL)


@dataclass(frozen=True)
class Line:
    """A line of a broken formula."""

    latex: str
    width: float  # em
    fits: bool = True  # whether it is as short as was asked for


def lines(latex: str, first: float, rest: float | None = None) -> list[Line]:
    r"""Break a formula into lines; ``first`` is the width of the first in em, ``rest`` of the others if not the same.

    Brackets still open at the end of a line have a fixed size, so that TeX reads each line as a formula.

    >>> [line.latex for line in lines(r"\left(a + b\right) \cdot \left(c + d\right)", 4.5)]
    ['\\left(a + b\\right) ', '{}\\cdot \\left(c + d\\right)']
    """
    rest = first if rest is None else rest
    found = _without_wide_fractions(latex, min(first, rest))
    total = _SLACK * sum(atom.width for atom in found)
    if total <= first:
        return [Line(latex, total)]
    breaks = _breaks(found, first, rest)
    texts = _texts(found, breaks)
    made = []
    for k, (begin, end) in enumerate(zip([0, *breaks], [*breaks, len(found)], strict=True)):
        room = first if k == 0 else rest
        size = _SLACK * sum(atom.width for atom in found[begin:end])
        text = "".join(texts[begin:end])
        # A sign at the beginning would else be set as one of a single operand.
        made.append(Line("{}" + text if k and found[begin].kind == BINARY else text, size, size <= room + 1e-9))
    return made


def _without_wide_fractions(latex: str, room: float) -> list[Atom]:
    """Return the atoms; fractions that are wider than any line are written with a stroke."""
    found = atoms(latex)
    while True:
        wide = [atom for atom in found if atom.kind == FRACTION and _SLACK * atom.width > room]
        if not wide:
            return found
        latex = "".join(_with_stroke(atom) if atom in wide else atom.text for atom in found)
        found = atoms(latex)


def _with_stroke(atom: Atom) -> str:
    sides = []
    for part in atom.parts:
        inside = atoms(part)
        size = "Big" if any(each.tall for each in inside) else "big"
        sides.append(part if len(inside) == 1 else rf"\{size}l({part}\{size}r)")
    return rf"{sides[0]} \big/ {sides[1]} "


def _penalty(found: Sequence[Atom], k: int) -> float:
    """Return the penalty of a break before atom k."""
    atom, before = found[k], found[k - 1]
    within = _A_BRACKET * atom.depth**2
    if atom.kind == RELATION:
        return within
    if atom.kind == BINARY:
        return within + (4.0 if atom.text.strip() in ("+", "-", r"\pm") else 14.0)
    if before.text.strip() == "," and before.kind == ORDINARY:
        return within + 8.0
    if atom.kind == LARGE and before.kind in (ORDINARY, FRACTION, CLOSE):
        return within + 18.0
    if before.kind == SPACE and atom.kind != SPACE:
        return within + 18.0
    return within + 20.0 if atom.kind in (OPEN, FRACTION) and before.kind == CLOSE else _NEVER


def _breaks(found: Sequence[Atom], first: float, rest: float) -> list[int]:
    """Return the breaks of least total penalty, by dynamic programming over the places where one is possible."""
    places = [0, *(k for k in range(1, len(found)) if _penalty(found, k) < _NEVER), len(found)]
    sums = [0.0]
    for atom in found:
        sums.append(sums[-1] + _SLACK * atom.width)
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(places)):
        choices = []
        for begin in range(end - 1, -1, -1):
            room = first if begin == 0 else rest
            excess = sums[places[end]] - sums[places[begin]] - room
            if excess > 1e-9 and begin < end - 1:
                break  # a line from further back is longer still
            cost = best[begin][0] + _A_LINE + (_NEVER + excess if excess > 1e-9 else 0.0)
            if begin:
                cost += _penalty(found, places[begin])
            if end < len(places) - 1:
                cost += _A_GAP * max(0.0, -excess) / room
            choices.append((cost, begin))
        best.append(min(choices))
    breaks, at = [], len(places) - 1
    while best[at][1]:
        at = best[at][1]
        breaks.append(places[at])
    return breaks[::-1]


def _texts(found: Sequence[Atom], breaks: Sequence[int]) -> list[str]:
    """Return the texts of the atoms; brackets of a pair that a break separates get a fixed size."""
    texts = [atom.text for atom in found]
    opened: list[int] = []
    for k, atom in enumerate(found):
        if atom.kind == OPEN:
            opened.append(k)
        elif atom.kind == CLOSE and opened:
            begin = opened.pop()
            if any(begin < place <= k for place in breaks):
                size = "Big" if atom.tall else "big"
                texts[begin], texts[k] = _fixed(texts[begin], size), _fixed(texts[k], size)
    return texts


def _fixed(text: str, size: str) -> str:
    found = _DELIMITER.match(text)
    if found is None:
        return text
    side = "l" if found[1] == "left" else "r"
    bracket = "{}" if found[2] == "." else rf"\{size}{side}{found[2]}"
    return bracket + text[found.end() :]
