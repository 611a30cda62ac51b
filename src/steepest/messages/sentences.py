"""Shorten values, names and errors of other libraries for one-line messages."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST_VALUE = 60  # characters: a message of one line on a terminal of 80 columns has room for about one such value
_LONGEST_ERROR = 120


def shown(value: object) -> str:
    """Return a value shortened to one line, strings in quotation marks."""
    text = repr(str(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 4]}...{text[-1]}"


def line(error: BaseException) -> str:
    """Return the message of another library's error, shortened to one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST_ERROR else f"{text[: _LONGEST_ERROR - 3]}..."


def listed(names: Iterable[str], most: int = 20) -> str:
    """Return the first names in quotation marks, and the number of further ones."""
    each = [shown(name) for name in names]
    return ", ".join(each[:most]) + (f" and {len(each) - most} more" if len(each) > most else "")


def short(thing: object, most: int = _LONGEST_VALUE) -> str:
    """Return the text of something, cut to a length.

    >>> short("mean((x*w - y)^2)", 10)
    'mean((x*w…'
    """
    text = str(thing)
    return text if len(text) <= most else text[: most - 1] + "…"
