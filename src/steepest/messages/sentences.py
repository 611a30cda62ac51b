"""Put values, names and other libraries' errors into one short sentence."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST_VALUE = 60  # characters: a message of one line on a terminal of 80 columns has room for about one such value
_LONGEST_ERROR = 120


def shown(value: object) -> str:
    """Return a value on one line and short, a text in quotation marks."""
    text = repr(str(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 4]}...{text[-1]}"


def line(error: BaseException) -> str:
    """Return what another library says went wrong, on one line and short."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST_ERROR else f"{text[: _LONGEST_ERROR - 3]}..."


def listed(names: Iterable[str], most: int = 20) -> str:
    """Return the first names in quotation marks, and how many more there are."""
    each = [shown(name) for name in names]
    return ", ".join(each[:most]) + (f" and {len(each) - most} more" if len(each) > most else "")


def short(thing: object, most: int = _LONGEST_VALUE) -> str:
    """Return the text of something, cut to a length.

    >>> short("mean((x*w - y)^2)", 10)
    'mean((x*w…'
    """
    text = str(thing)
    return text if len(text) <= most else text[: most - 1] + "…"
