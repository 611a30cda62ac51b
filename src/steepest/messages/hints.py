"""Suggest the known name that an unknown one probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_ALIKE = 0.65  # difflib's ratio: one wrong letter in three is close (0.67), one in two is not (lr and l1: 0.5)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean …?`` if one of the known names is spelt much alike, else an empty text."""
    close = closest(name, known)
    return "" if close is None else f"; did you mean {close!r}?"


def closest(name: str, known: Iterable[str], alike: float = _ALIKE) -> str | None:
    """Return the known name that is spelt most alike, if there is one."""
    known = list(known)
    folded = next((each for each in known if each.casefold() == name.casefold()), None)
    if folded is not None:
        return folded
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=alike)), None)
