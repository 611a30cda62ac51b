"""Hints for names that are not known: the one that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_ALIKE = 0.7  # share of equal letters: a slip of one letter in a word of four is alike, --lr and --l1 are not


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean …?`` if one of the known names is spelt much alike, else an empty text."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=_ALIKE)
    return f"; did you mean {close[0]!r}?" if close else ""
