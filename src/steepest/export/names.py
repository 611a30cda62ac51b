"""Turn names of columns and parameters, which may be any printable text, into identifiers and comments."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection


class Identifiers:
    """Assigns a unique identifier to every name; with ``unicode`` it may contain letters beyond ASCII.

    No identifier begins with ``_``, because those are reserved in C.

    >>> taken = Identifiers({"double"})
    >>> taken.pick("petal length"), taken.pick("(petal length)"), taken.pick("double"), taken.pick("1st")
    ('petal_length', 'petal_length_2', 'double_', 'x1st')
    """

    def __init__(self, reserved: Collection[str], unicode: bool = False) -> None:
        self._taken = set(reserved)
        self._reserved = frozenset(reserved)
        self._unicode = unicode

    def inner(self) -> Identifiers:
        """Return the identifiers of an inner scope, such as a function."""
        found = Identifiers(self._reserved, self._unicode)
        found._taken = set(self._taken)
        return found

    def pick(self, wanted: str) -> str:
        """Return a new identifier that resembles the name."""
        # Python normalises identifiers to NFKC, so names that differ only by it would collide.
        text = unicodedata.normalize("NFKC", wanted)
        text = re.sub(r"\W" if self._unicode else r"[^A-Za-z0-9_]", "_", text)
        text = "".join(c if c == "_" or f"a{c}".isidentifier() else "_" for c in text)
        text = re.sub("__+", "_", text).strip("_") or "x"
        if not text[0].isidentifier():
            text = "x" + text
        if text in self._reserved:
            text += "_"
        found = unused(text, self._taken)
        self._taken.add(found)
        return found


def unused(wanted: str, taken: Collection[str], join: str = "_") -> str:
    """Return the name, with the least number from 2 on if it is taken."""
    found, k = wanted, 1
    while found in taken:
        k += 1
        found = f"{wanted}{join}{k}"
    return found


def one_line(text: str) -> str:
    """Replace line breaks and other characters that are not printable by blanks."""
    return "".join(c if c.isprintable() else " " for c in text)


def in_c_comment(text: str) -> str:
    """Escape a text so that it neither ends a comment in C nor causes a warning.

    >>> in_c_comment("*/ int x; /*")
    '* / int x; / *'
    """
    return one_line(text).replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?").replace("??", "? ?")


def in_docstring(text: str) -> str:
    r"""Escape a text so that it does not end a docstring.

    >>> print(in_docstring('x" + y'))
    x\" + y
    """
    return one_line(text).replace("\\", "\\\\").replace('"', '\\"')
