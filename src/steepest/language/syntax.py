"""Parse formula text: limits, the grammar ``formula.lark``, and errors that show the position."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steepest.errors import FormulaError

if TYPE_CHECKING:
    from lark import Lark, Token


@dataclass(frozen=True)
class Limits:
    """Limits of formula text, checked before anything is built; they bound the time and memory of untrusted text."""

    characters: int = 20_000  # parsed in well under a second
    nesting: int = 200  # lark's and the writers' stacks grow with it
    exponent: float = 1000  # keeps printed and derived powers readable; larger constants only over- or underflow
    elements: int = 100_000  # elements of a value of expand or one_hot
    weights: int = 10_000_000  # elements of a weight matrix of dense: 80 MB


LIMITS = Limits()

_CLOSING = {"$END": "the end", "COMMA": "','", "RPAR": "')'", "SEMICOLON": "';'"}
"""What may follow a value besides an operator."""


def error_at(text: str, position: int, message: str) -> FormulaError:
    """Return a FormulaError that shows the line with a caret under the character."""
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    # A tab would displace the caret, and control characters can change the state of a terminal.
    line = "".join(c if c.isprintable() else " " for c in text[start : end if end >= 0 else len(text)])
    column = position - start
    if len(line) > 100:
        left = max(0, column - 60)
        line, column = "…" + line[left : left + 98] + "…", column - left + 1
    place = f"character {position - start + 1}"
    if start:
        place += f" of line {text.count(chr(10), 0, start) + 1}"
    return FormulaError(f"{message} ({place})\n    {line}\n    {' ' * column}^")


@functools.lru_cache(maxsize=1)
def grammar() -> Lark:
    """Return the parser of ``formula.lark``, built on first use."""
    from lark import Lark

    return Lark.open("formula.lark", rel_to=__file__, parser="lalr", propagate_positions=False)


def without_names(text: str) -> str:
    """Return a formula with blanks for names in backticks, which may contain any sign."""
    return re.sub(r"`[^`\n]*`", lambda name: " " * len(name[0]), text)


def left_side(text: str) -> str:
    """Return what stands left of the ``~`` of a formula, without the parts that it defines; empty without a ``~``.

    >>> left_side("a = x*w; y ~ sigmoid(a)"), left_side("`~;` ~ a*x"), left_side("a*x")
    ('y', '`~;`', '')
    """
    signs = without_names(text)
    end = signs.find("~")
    return text[signs.rfind(";", 0, end) + 1 : end].strip() if end >= 0 else ""


def read(text: str, limits: Limits) -> Any:
    """Return the parse tree of a text, within the limits."""
    if not isinstance(text, str):
        raise FormulaError(f"a formula is a text, not {type(text).__name__}")
    if len(text) > limits.characters:
        raise FormulaError(f"the formula has {len(text):,} characters; at most {limits.characters:,} are read")
    if not text.strip():
        raise FormulaError("the formula is empty; write an expression such as (x*w - y)^2")
    from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

    _check_nesting(text, limits.nesting)
    try:
        return grammar().parse(text)
    except UnexpectedCharacters as error:
        position = int(error.pos_in_stream or 0)
        raise error_at(text, position, _about_character(text, position)) from None
    except UnexpectedToken as error:
        raise _unexpected(text, error) from None
    except UnexpectedInput as error:  # pragma: no cover - lark knows no third kind
        raise FormulaError(f"the formula cannot be read: {error}") from None


_SIGN = re.compile(r"`[^`\n]*`|\*\*|\S")
_BINARY = frozenset("+-−*/·⋅×÷@<>=≤≥≠,;~")


def _check_nesting(text: str, limit: int) -> None:
    """Count brackets within brackets and exponents of exponents, before anything is parsed."""
    powers = [0]
    before = "("
    for match in _SIGN.finditer(text):
        sign = match[0]
        if sign == "(":
            powers.append(powers[-1])
        elif sign == ")" and len(powers) > 1:
            powers.pop()
        elif sign in ("^", "**"):
            powers[-1] += 1
        elif sign in _BINARY and before not in _BINARY and before not in ("^", "**"):
            powers[-1] = powers[-2] if len(powers) > 1 else 0
        before = sign
        if len(powers) - 1 + powers[-1] > limit:
            raise error_at(text, match.start(), f"the formula is nested deeper than {limit}")


_SINGLE_EQUAL = "a single '=' defines a name and ends with ';'; a model is written with '~', a comparison with '=='"


def _about_character(text: str, position: int) -> str:
    c = text[position]
    if c == "`":
        return "this backtick is not closed; a name is written between two backticks"
    if c in "\"'":
        return "a formula has no quotes; write the name of a column between backticks"
    if c == "=":
        return _SINGLE_EQUAL
    if c in "[{":
        return f"expected an expression, found {c!r}; group by round brackets"
    return f"the character {c!r} has no meaning in a formula"


_BEGINNING = ("NAME", "NUMBER", "LPAR", "QUOTED", "ROOT")
"""What begins a value: after another one, a '*' is missing."""
_LONGEST = 80  # characters of a formula that a message repeats


def with_products(text: str, position: int) -> str:
    """Return a formula with a '*' at a position, and wherever else one is missing; empty if that does not mend it."""
    from lark.exceptions import UnexpectedInput, UnexpectedToken

    while len(text) <= _LONGEST:
        text = f"{text[:position].rstrip()}*{text[position:]}"
        try:
            grammar().parse(text)
        except UnexpectedToken as error:
            if error.token.type not in _BEGINNING or "NAME" in (error.accepts or error.expected):
                return ""
            position = int(error.token.start_pos or 0)
        except UnexpectedInput:
            return ""
        else:
            return "" if "\n" in text else text.strip()
    return ""


def _unexpected(text: str, error: Any) -> FormulaError:
    token: Token = error.token
    names = error.accepts or error.expected
    after_value = "NAME" not in names
    if after_value:
        expected = ["an operator", *[text for name, text in _CLOSING.items() if name in names]]
    else:
        expected = ["a number, a name or '('"] + (["')'"] if "RPAR" in names else [])
    wanted = " or ".join(expected)
    at_end = token.type == "$END"
    position = len(text.rstrip()) if at_end else int(token.start_pos or 0)
    found = "the end" if at_end else repr(str(token))
    hint = ""
    if after_value and token.type in _BEGINNING:
        written = with_products(text, position)
        hint = "; write a product with '*'" + (f": {written}" if written else "")
        if token.type == "NAME" and re.search(r"[^\W\d]\w*\s+$", text[:position]):
            hint += ", a name with blanks between backticks"
    if token.type == "COMPARISON" and after_value:
        hint = "; compare two values at a time"
    if token.type == "EQUAL" or (at_end and "SEMICOLON" in names):
        hint = "; " + _SINGLE_EQUAL
    return error_at(text, position, f"expected {wanted}, found {found}{hint}")
