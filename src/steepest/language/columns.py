"""Names of a formula that a table has as columns, although they are spelled like a number, a function or a power.

A column comes before anything else that its name could mean: of a table with the columns ``pi`` and ``x²``, the formula
``a*pi + b*x²`` uses both. Such names are put between backticks before the text is parsed.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection
from dataclasses import dataclass

from steepest.expressions.characters import SUBSCRIPTS, SUPERSCRIPTS
from steepest.expressions.printing import FUNCTION_NAMES, RESERVED
from steepest.language.syntax import LIMITS, Limits, grammar, read

DIGITS = str.maketrans(SUPERSCRIPTS + "⁻" + SUBSCRIPTS, "0123456789-0123456789")
"""Superscripts and subscripts, and the digits that a formula reads them as."""


@dataclass(frozen=True)
class _Spelling:
    """A part of a formula that is the name of a column if the table has one of that name.

    Attributes:
        start, end: of the part, in characters.
        name: the part.
        otherwise: what it means in other tables, as the end of a sentence.
    """

    start: int
    end: int
    name: str
    otherwise: str


def as_columns(text: str, columns: Collection[str], limits: Limits = LIMITS) -> str:
    """Return a formula with backticks around the names of columns that would be read as something else.

    Raises:
        FormulaError: the text is not a formula.

    >>> as_columns("y ~ a*pi + b*x² + c*z²", ["y", "pi", "x²", "z"])
    'y ~ a*`pi` + b*`x²` + c*z²'
    """
    used = _used(text, columns, limits)
    if not used:
        return text
    parts, done = [], 0
    for found in used:
        parts += [text[done : found.start], f"`{found.name}`"]
        done = found.end
    return "".join([*parts, text[done:]])


def notes_on_spellings(text: str, columns: Collection[str], limits: Limits = LIMITS) -> list[str]:
    """Return a sentence on each name that is a column of the table, and something else without that column.

    >>> notes_on_spellings("y ~ a*pi", ["y", "pi"])
    ["'pi' is the column of that name here, not the number"]
    """
    return [
        f"{name!r} is the column of that name here, {otherwise}"
        for name, otherwise in {found.name: found.otherwise for found in _used(text, columns, limits)}.items()
    ]


def _used(text: str, columns: Collection[str], limits: Limits) -> list[_Spelling]:
    """Return the spellings that are columns, from left to right, the longer of two that begin together."""
    found: list[_Spelling] = []
    for spelling in _spellings(text, limits) if columns else ():
        if spelling.name in columns and (not found or spelling.start >= found[-1].end):
            found.append(spelling)
    return found


@functools.lru_cache(maxsize=256)
def _spellings(text: str, limits: Limits) -> tuple[_Spelling, ...]:
    read(text, limits)  # raises a FormulaError for what cannot be split into tokens
    tokens = list(grammar().lex(text))
    defined = {str(name).translate(DIGITS) for name, sign in itertools.pairwise(tokens) if sign.type == "EQUAL"}
    found = []
    for token, after in itertools.zip_longest(tokens, tokens[1:]):
        name, start = str(token), int(token.start_pos or 0)
        if token.type != "NAME" or name.translate(DIGITS) in defined:
            continue
        following = "" if after is None else after.type
        if following == "SUPERSCRIPT" and after.start_pos == token.end_pos:
            power = f"not a power, which is written {name.translate(DIGITS)}^{str(after).translate(DIGITS)}"
            found.append(_Spelling(start, int(after.end_pos or 0), name + str(after), power))
        if following == "LPAR":
            continue
        if name in RESERVED:
            found.append(_Spelling(start, start + len(name), name, "not the number"))
        elif name in FUNCTION_NAMES:
            found.append(_Spelling(start, start + len(name), name, f"not the function {name}(…)"))
        elif (plain := name.translate(DIGITS)) != name:
            found.append(_Spelling(start, start + len(name), name, f"not the name {plain!r}"))
    return tuple(found)
