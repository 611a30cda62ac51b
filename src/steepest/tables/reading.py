"""How tables are read, where the user says so: decimal sign, thousands, comments, missing values, encoding, sheet."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass

from steepest.errors import TableError
from steepest.messages.sentences import shown

_SIGNS = {".", ",", " ", "'"}


@dataclass(frozen=True)
class Reading:
    """How a table is read. None leaves it to the numbers and bytes of the table, which is then said in a note.

    Attributes:
        decimal: the decimal sign, "." or ",".
        thousands: the sign between thousands: ".", ",", a space (of any width) or "'".
        comment: how lines begin that are no rows; "" if all lines are rows.
        missing: further values that mean that there is none: texts as they are written, or numbers.
        encoding: the encoding of a text, by its name in Python.
        sheet: the name of a sheet of a workbook.
    """

    decimal: str | None = None
    thousands: str | None = None
    comment: str = "#"
    missing: tuple[str, ...] = ()
    encoding: str | None = None
    sheet: str | None = None

    @property
    def numbers(self) -> tuple[float, ...]:
        """The missing values that are numbers."""
        return tuple(float(text) for text in self.missing if _is_float(text))


def reading(
    decimal: str | None = None, thousands: str | None = None, comment: str | None = "#",
    missing: str | float | Iterable[str | float] = (), encoding: str | None = None, sheet: str | None = None,
) -> Reading:  # fmt: skip
    """Return how a table is read, as a user states it.

    Raises:
        TableError: a sign cannot be one of numbers, or there is no such encoding.

    >>> reading(decimal=",", missing=-999).missing
    ('-999',)
    """
    if decimal is not None and decimal not in (".", ","):
        raise TableError(f"the decimal sign is '.' or ',', not {shown(decimal)}; give decimal=',' or leave it out")
    thousands = " " if isinstance(thousands, str) and thousands and thousands.isspace() else thousands
    if thousands is not None and thousands not in _SIGNS:
        what = f"{shown(thousands)} is no sign between thousands"
        raise TableError(f"{what}; give one of ',', '.', a space and an apostrophe")
    if thousands is not None and thousands == decimal:
        raise TableError(f"{thousands!r} cannot be both the decimal sign and the one between thousands; change one")
    if encoding is not None:
        try:
            codecs.lookup(encoding)
        except LookupError:
            raise TableError(f"there is no encoding {shown(encoding)}; give one such as 'cp1250'") from None
    if comment is not None and ("\n" in comment or '"' in comment):
        raise TableError(f"{shown(comment)} cannot begin a comment; give a sign such as '%'")
    given = [missing] if isinstance(missing, (str, int, float)) else missing
    words = tuple(text.strip() if isinstance(text, str) else repr(text) for text in given)
    return Reading(decimal, thousands, comment or "", words, encoding, sheet)


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
