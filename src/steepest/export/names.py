"""Names of columns and parameters, which may be any printable text, as identifiers and comments of other languages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection


class Identifiers:
    """Gives every name an identifier of its own.

    Args:
        reserved: words that are taken already.
        unicode: whether letters beyond ASCII may stand in an identifier.

    None begins with ``_``: those are C's own.

    >>> taken = Identifiers({"double"})
    >>> taken.pick("petal length"), taken.pick("(petal length)"), taken.pick("double"), taken.pick("1st")
    ('petal_length', 'petal_length_2', 'double_', 'x1st')
    """

    def __init__(self, reserved: Collection[str], unicode: bool = False) -> None:
        self._taken = set(reserved)
        self._reserved = frozenset(reserved)
        self._unicode = unicode

    def inner(self) -> Identifiers:
        """The identifiers of one function, whose own ones are free again outside of it."""
        found = Identifiers(self._reserved, self._unicode)
        found._taken = set(self._taken)
        return found

    def pick(self, wanted: str) -> str:
        """An identifier like the name, which nothing else has or will get."""
        # Python reads an identifier in this form, so two that differ only by it are one.
        text = unicodedata.normalize("NFKC", wanted)
        text = re.sub(r"\W" if self._unicode else r"[^A-Za-z0-9_]", "_", text)
        text = "".join(c if c == "_" or f"a{c}".isidentifier() else "_" for c in text)
        text = re.sub("__+", "_", text).strip("_") or "x"
        if not text[0].isidentifier():
            text = "x" + text
        if text in self._reserved:
            text += "_"
        found, k = text, 1
        while found in self._taken:
            k += 1
            found = f"{text}_{k}"
        self._taken.add(found)
        return found


def one_line(text: str) -> str:
    """A text without line breaks and other signs that are not printed."""
    return "".join(c if c.isprintable() else " " for c in text)


def in_c_comment(text: str) -> str:
    """A text that neither ends a comment of C nor makes a compiler warn.

    >>> in_c_comment("*/ int x; /*")
    '* / int x; / *'
    """
    return one_line(text).replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?").replace("??", "? ?")


def in_docstring(text: str) -> str:
    r"""A text that does not end a docstring of Python.

    >>> print(in_docstring('x" + y'))
    x\" + y
    """
    return one_line(text).replace("\\", "\\\\").replace('"', '\\"')
