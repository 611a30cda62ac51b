"""Suggest the known name that an unknown one probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_ALIKE = 0.65  # difflib's ratio: one wrong letter in three is close (0.67), one in two is not (lr and l1: 0.5)


def nearest(name: object, known: Iterable[str]) -> str:
    """Return ``; did you mean …?`` if one of the known names is spelt much alike, else an empty text."""
    close = closest(name, known)
    return "" if close is None else f"; did you mean {close!r}?"


def closest(name: object, known: Iterable[str], alike: float = _ALIKE) -> str | None:
    """Return the known name that is spelt most alike, if there is one; what is no text is read as if it was printed."""
    word, known = str(name), list(known)
    folded = next((each for each in known if each.casefold() == word.casefold()), None)
    if folded is not None:
        return folded
    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=alike)), None)
