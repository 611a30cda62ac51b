"""Suggest the known name that an unknown one probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_ALIKE = 0.65  # difflib's ratio: one wrong letter in three is close (0.67), one in two is not (lr and l1: 0.5)


def nearest(name: object, known: Iterable[str]) -> str:
    """Return ``; did you mean …?`` if one of the known names is spelt much alike, else an empty text."""
    close = closest(name, known)
    return "" if close is None else f"; did you mean {close!r}?"


def closest(name: object, known: Iterable[str], alike: float = _ALIKE) -> str | None:
    """Return the known name that is spelt most alike, if there is one; what is no text is read as if it was printed."""
    word, known = str(name), list(known)
    same = next((each for each in known if each.casefold() == word.casefold()), None) or same_but_for_signs(word, known)
    if same is not None:
        return same
    exchanged = [each for each in known if len(each) > 2 and sorted(each) == sorted(word)]  # as tahn for tanh
    return exchanged[0] if exchanged else next(iter(difflib.get_close_matches(word, known, n=1, cutoff=alike)), None)


_UNIT = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")  # as in "petal width (cm)"


def same_but_for_signs(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is the same but for case, spaces, signs and a unit in brackets, if there is one.

    >>> same_but_for_signs("petal_width", ["petal length (cm)", "petal width (cm)"])
    'petal width (cm)'
    """
    wanted = _letters(name)
    return next((each for each in known if wanted and wanted in (_letters(each), _letters(_UNIT.sub("", each)))), None)


def _letters(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())
