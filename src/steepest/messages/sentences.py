"""Shorten values, names and errors of other libraries for one-line messages."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LONGEST_VALUE = 60  # characters: a message of one line on a terminal of 80 columns has room for about one such value
_LONGEST_ERROR = 120


# Control characters but line feed and tab, separators of lines, and marks that turn the direction of text: from a file
# they would move the cursor, change colours, set titles and links of a terminal, or reorder what is printed.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

_LONG_LINE = re.compile(r"^(.{500}).{500,}(.{250})$", re.MULTILINE)
_LONG_WORD = re.compile(r"\S{400,}")  # a path or a name may be long, but no sentence is read with more


def visible(text: str) -> str:
    """Return a text for a terminal, with control characters as Python writes them.

    >>> print(visible("a\\x1b[31mb"))
    a\\x1b[31mb
    """
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def legible(text: str) -> str:
    """Return sentences for a terminal: visible, and without the middle of words or lines that are far too long.

    >>> print(legible(f"there is no {'x' * 5000}"))
    there is no xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...xxxxxxxx
    """
    shorter = _LONG_WORD.sub(lambda found: f"{found[0][:_LONGEST_VALUE]}...{found[0][-8:]}", visible(text))
    return _LONG_LINE.sub(r"\1 ... \2", shorter)


def visible_json(text: str) -> str:
    """Return JSON with control characters, which its writer leaves beyond the first 32, as escapes of JSON."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def shown(value: object) -> str:
    """Return a value shortened to one line, strings in quotation marks."""
    text = repr(str(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 4]}...{text[-1]}"


def in_python(value: object) -> str:
    """Return the repr of a value with plain numbers in place of NumPy's, whose own repr names their type.

    >>> import numpy as np
    >>> in_python([np.int64(0), "a"]), in_python({np.str_("b"): np.float64(0.5)})
    ("[0, 'a']", "{'b': 0.5}")
    """
    return repr(_plain(value))


def _plain(value: object, deep: int = 3) -> object:
    if callable(plain := getattr(value, "tolist", None)):  # an array or a number of NumPy, which need not be loaded
        return plain()
    if deep and type(value) in (list, tuple, set):
        return type(value)(_plain(each, deep - 1) for each in value)  # type: ignore[call-arg,attr-defined]
    if deep and type(value) is dict:
        return {_plain(key): _plain(each, deep - 1) for key, each in value.items()}
    return value


def line(error: BaseException) -> str:
    """Return the message of another library's error, shortened to one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST_ERROR else f"{text[: _LONGEST_ERROR - 3]}..."


def listed(names: Iterable[str], most: int = 20) -> str:
    """Return the first names in quotation marks, and the number of further ones."""
    each = [shown(name) for name in names]
    return ", ".join(each[:most]) + (f" and {len(each) - most} more" if len(each) > most else "")


def counted(number: int, noun: str, more: str = "") -> str:
    """Return a number of things; the plural of the noun has an s, or is given.

    >>> counted(1, "column"), counted(1200, "row"), counted(0, "class", "classes")
    ('1 column', '1,200 rows', '0 classes')
    """
    return f"{number:,} {noun if number == 1 else more or noun + 's'}"


def short(thing: object, most: int = _LONGEST_VALUE) -> str:
    """Return the text of something, cut to a length.

    >>> short("mean((x*w - y)^2)", 10)
    'mean((x*w…'
    """
    text = str(thing)
    return text if len(text) <= most else text[: most - 1] + "…"
