"""Formulas in plain words: ``f(x,y)=xy``, ``if x=4, y=-3``, ``At point (4, -3) f = -12``.

Notes that were turned from slides into text lose their dollars. What reads as a formula defines things; a line of prose
is called wrong only where a function at a point has another value than the one that is printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from steepest.proofreading.reading.passages import Passage
from steepest.proofreading.reading.vocabulary import IN_PROSE

_LEFT = re.compile(
    r"(?<![\w$\\^_}{|./=−-])(?P<left>[A-Za-z](?:_\w|\d)?\s?(?:\([A-Za-z](?:\s*,?\s*[A-Za-z])*\))?)\s*=(?!=)\s*"
)
_SHORT_WORDS = {
    "is", "at", "so", "in", "of", "to", "we", "it", "if", "or", "as", "an", "by", "be", "on", "up", "do", "no",
    "he", "us", "my", "go",
}  # fmt: skip
_POINT = re.compile(r"(?:at|at the)\s+point\s*\(\s*([^()]*)\)", re.IGNORECASE)
_NUMBER = r"[-−+]?\s*\d+(?:\.\d+)?"


def spans(passage: Passage) -> Iterator[tuple[int, int, int]]:
    """Yield the formulas in prose: start, offset after the sign of equality, end."""
    text = passage.text
    for found in _LEFT.finditer(text):
        end = _end_of_right(text, found.end())
        if end > found.end():
            yield found.start("left"), found.end(), end


def _end_of_right(text: str, at: int) -> int:
    """Return the end of the right side of a formula in prose."""
    depth = 0
    end = at
    position = at
    while position < len(text):
        sign = text[position]
        if sign == "\n" or sign in "$=<>≈\\{}[]|:;?!“”\"'`":
            break
        if sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
            if depth < 0:
                break
        elif (sign == "," and depth == 0) or (sign == "." and not re.match(r"\.\d", text[position : position + 2])):
            break
        elif sign.isalpha():
            word = re.match(r"[^\W\d_]+", text[position:])
            assert word is not None  # a letter begins one
            plain = word.group()
            begins = plain in ("a", "A", "I") and re.match(r"\s+(?!(?:and|or)\b)[a-z]{2,}", text[position + 1 :])
            if (len(plain) > 2 and plain not in IN_PROSE) or plain in _SHORT_WORDS or begins:
                break
            position += len(plain)
            end = position
            continue
        elif sign != "." and not (sign.isdigit() or sign in "+-−*/^·× _²³" or sign in "σ∂Δ"):
            break
        position += 1
        if not sign.isspace():
            end = position
    while end > at and text[end - 1] in "+-−*/^·× _.":
        end -= 1
    return end if text[at:end].count("(") == text[at:end].count(")") else at


def points(passage: Passage) -> Iterator[tuple[int, tuple[float, ...]]]:
    """Yield the points that prose names, ``At point (4, -3)``, with their offsets."""
    for found in _POINT.finditer(passage.text):
        parts = [p.strip().replace("−", "-").replace(" ", "") for p in found[1].split(",")]
        if all(re.fullmatch(r"[-+]?\d+(?:\.\d+)?", p) for p in parts):
            yield found.start(), tuple(float(p) for p in parts)
