"""Convert columns of text to numbers: decimal signs, thousands, percentages, booleans and missing values.

A text is converted as Python does unless a column has others. Then each text is tried in the two ways in which
numbers are written, with a decimal point (1,234.5) and with a decimal comma (1.234,5). ``1.5`` can only be the first,
``1,5`` and ``0,123`` only the second, ``1,234`` either. A column is read in the way that its texts, or else other
columns of the table, leave no doubt about; what remains doubtful is an error that names both readings.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from steepest.errors import TableError, TableWarning
from steepest.messages.sentences import shown
from steepest.tables.cells import written
from steepest.tables.reading import Reading

if TYPE_CHECKING:
    import polars as pl

FloatArray: TypeAlias = NDArray[np.float64]
Column: TypeAlias = "list[FloatArray | pl.Series]"
"""Consecutive parts of a column: numbers, or text where that is not all numbers, with null for an empty field."""

#: Texts that mean that there is no value, in lower case: those of pandas and R, of spreadsheets, and printed ones.
MISSING = frozenset(
    ["", "na", "n/a", "n.a.", "nan", "-nan", "null", "none", "<na>", "nat", "#n/a", "#n/a n/a", "#na", "#nv", "?", ".",
     "..", "...", "-", "--", "---", "–", "—", "−", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"]
)  # fmt: skip
_WORDS = dict.fromkeys(MISSING, "nan") | {"true": "1", "false": "0"}

_SPACES = "[ \u00a0\u2007\u2009\u202f'’]"  # in thousands: spaces of all widths, apostrophes of Switzerland
_SPACED = re.compile(rf"^[+-]?[1-9][0-9]{{0,2}}(?:{_SPACES}[0-9]{{3}})+(?:[.,][0-9]*)?$").pattern
OF = " (an argument of st.open_table)"
"""What the command line, where arguments are options, leaves out of messages."""

_INFINITE = "(?i)^[+-]?inf(?:inity)?$"


def _pattern(decimal: str, thousands: str) -> str:
    """Return the pattern of numbers; groups have 3 digits, or 2 but for the last one, as in India."""
    groups = rf"[1-9][0-9]{{0,2}}(?:{thousands}[0-9]{{2,3}})*{thousands}[0-9]{{3}}"
    whole = rf"(?:[0-9]+|{groups})" if thousands else "[0-9]+"
    fewest = "+" if decimal == "," else "*"  # Python reads "1.", and nobody writes "1,"
    return rf"^[+-]?(?:{whole}(?:{decimal}[0-9]{fewest})?|{decimal}[0-9]+)(?:[eE][+-]?[0-9]+)?$"


_WRITTEN = {".": _pattern(r"\.", ","), ",": _pattern(",", r"\.")}
_ALONE = {".": _pattern(r"\.", ""), ",": _pattern(",", "")}


def plain_numbers(texts: pl.Series, reading: Reading) -> tuple[FloatArray, int | None]:
    """Return texts as numbers, NaN where a value is missing, and the index of the first that Python does not read."""
    import polars as pl

    values = texts.cast(pl.Float64, strict=False)
    odd = (values.is_null() & texts.is_not_null()).arg_true()
    if len(odd):
        bare = texts.gather(odd).str.strip_chars()
        mended = bare.str.to_lowercase().replace(_WORDS).cast(pl.Float64, strict=False)
        if reading.missing:
            mended = mended.zip_with(~bare.is_in([*reading.missing]), pl.repeat(math.nan, len(odd), eager=True))
        wrong = mended.is_null().arg_true()
        if len(wrong):
            return np.empty(0), int(odd[int(wrong[0])])
        values = values.scatter(odd, mended)
    return without(values.fill_null(math.nan).to_numpy(), reading), None


def without(values: FloatArray, reading: Reading) -> FloatArray:
    """Return the values, NaN for the numbers that the user has named as missing."""
    numbers = reading.numbers
    return np.where(np.isin(values, numbers), math.nan, values) if numbers else values


class Numerals:
    """The columns of a table as texts, and how their numbers are written.

    Args:
        columns: the columns by name.
        source: the name of the table in messages.
        reading: what the user has said.
        doubtful: True if commas may be in numbers.

    Attributes:
        names, rows: the names of the columns and the number of rows.
    """

    def __init__(self, columns: Mapping[str, Column], source: str, reading: Reading, doubtful: bool) -> None:
        self.names, self.rows = tuple(columns), sum(map(len, next(iter(columns.values()), [])))
        self._columns, self._source, self._reading = columns, source, reading
        self._closely = doubtful or is_unusual(reading)
        self._said: set[str] = set()

    def floats(self, name: str) -> FloatArray:
        """Return a column as float64 ``(n,)``, with NaN for missing values.

        Raises:
            TableError: a text is not a number, or could be two.
        """
        found: list[FloatArray] = []
        before = 0
        parts = self._columns[name]
        for part in parts:
            if isinstance(part, np.ndarray):
                values = without(part, self._reading)
            else:
                values, odd = plain_numbers(part, self._reading)
                if odd is not None or self._closely:
                    return self._unusual(name, found, parts[len(found) :], before)
            found.append(values)
            before += len(values)
        return found[0] if len(found) == 1 else np.concatenate(found)

    def cells(self, name: str) -> list[str]:
        """Return the cells of a column as they were written."""
        return written(self._columns[name])

    def _unusual(self, name: str, found: list[FloatArray], parts: Column, before: int) -> FloatArray:
        """Return a column whose further parts have texts that Python does not read as numbers."""
        import polars as pl

        texts = pl.concat([part for part in parts if not isinstance(part, np.ndarray)])
        written = _Written(texts, self._reading)

        def at(rows: pl.Series) -> str:
            return f"{where(name, (before + int(rows[0]),))} holds the text {shown(texts[int(rows[0])])}"

        if len(written.wrong):
            raise no_number(self._source, name, (before + int(written.wrong[0]),), texts[int(written.wrong[0])])
        if written.percent.any() and (not written.percent.all() or any(map(len, found))):
            plain = written.rows.filter(~written.percent)
            other = at(plain) if len(plain) else f"data row 1 of column {name!r} holds a number"
            what = f"{at(written.rows.filter(written.percent))} and {other} without a percent sign"
            raise TableError(f"{self._source}: {what}; write all of them with the sign, or none")
        decimal = self._decimal(written, at)
        values = written.floats(decimal)
        self._note(name, written, decimal, values)
        return np.concatenate([*found, without(values, self._reading)])

    def _decimal(self, written: _Written, at: Callable[[pl.Series], str]) -> str:
        """Return the decimal sign of a column; raise if the texts leave it open."""
        reading = self._reading
        if reading.decimal or reading.thousands in (",", "."):
            return reading.decimal or (",." if reading.thousands == "." else ".,")[0]
        point, comma = written.only(".", ","), written.only(",", ".")
        if len(point) and len(comma):
            what = f"{at(comma)}, with a decimal comma, and {at(point)}, with a decimal point"
            raise TableError(f"{self._source}: {what}; write all of them alike")
        if len(point) or len(comma):
            return "." if len(point) else ","
        for sign, other in ((",", "."), (".", ",")):
            both = written.either(sign)
            if len(both) and (sign == "," or self._has_commas):
                if sign == "," and self._has_commas and not self._has_points:
                    return ","
                grouped, decimal = (f"{written.floats(each)[int(both[0])]:.15g}" for each in (other, sign))
                what = f"{at(both)}, which may be {grouped} or {decimal}"
                remedy = f"say which with thousands={sign!r} for {grouped}, or decimal={sign!r} for {decimal}{OF}"
                raise TableError(f"{self._source}: {what}; {remedy}")
        return "."

    @cached_property
    def _others(self) -> tuple[bool, bool]:
        """Whether the texts of a column can only be numbers with a decimal point, and whether those of another can
        only be numbers with a decimal comma."""
        import polars as pl

        point = comma = False
        for parts in self._columns.values() if self._closely else ():
            texts = [part for part in parts if not isinstance(part, np.ndarray)]
            written = _Written(pl.concat(texts), self._reading) if texts else None
            if written is not None and not len(written.wrong):
                point |= bool(len(written.only(".", ",")))
                comma |= bool(len(written.only(",", ".")))
        return point, comma

    @property
    def _has_points(self) -> bool:
        return self._others[0]

    @property
    def _has_commas(self) -> bool:
        return self._others[1]

    def _note(self, name: str, written: _Written, decimal: str, values: FloatArray) -> None:
        """Say how texts were read that other programs read otherwise, unless the user has said so."""

        def example(rows: pl.Series) -> str:
            row = int(rows[0])
            return f"{shown(written.texts[row])} in column {name!r} is read as {values[row]:.15g}"

        if written.percent.any():
            rows = written.rows.filter(written.percent)
            self._say(f"percent {name}", f"numbers are percentages, {example(rows)}")
        grouped = written.grouped(decimal)
        if len(grouped) and self._reading.thousands is None:
            self._say("thousands", f"numbers have signs between thousands, {example(grouped)}")
        elif decimal == "," and self._reading.decimal is None and self._reading.thousands not in (",", "."):
            rows = written.having(",")
            if len(rows):
                self._say("decimal", f"numbers have decimal commas, {example(rows)}")

    def _say(self, kind: str, sentence: str) -> None:
        if kind not in self._said:
            self._said.add(kind)
            warnings.warn(f"{self._source}: {sentence}", TableWarning, stacklevel=2)


def is_unusual(reading: Reading) -> bool:
    """Return whether the user has said that numbers are not as Python writes them."""
    return reading.decimal == "," or reading.thousands is not None


class _Written:
    """Texts of a column that are not missing, and the ways in which they can be read as numbers.

    Attributes:
        texts: all texts of the column.
        rows: the rows whose texts are not missing.
        percent: for these rows, whether there is a percent sign.
        wrong: the rows whose texts are no numbers in any way.
    """

    def __init__(self, texts: pl.Series, reading: Reading) -> None:
        import polars as pl

        self.texts = texts
        bare = texts.str.strip_chars()
        gone = bare.is_null() | bare.str.to_lowercase().is_in([*MISSING])
        gone = gone | bare.is_in([*reading.missing]) if reading.missing else gone
        self.rows = (~gone).arg_true()
        here = bare.gather(self.rows).str.replace_all("−", "-", literal=True)
        self.percent = here.str.ends_with("%")
        here = here.str.strip_suffix("%").str.strip_chars()
        here = here.str.to_lowercase().replace({"true": "1", "false": "0"})
        self._spaced = here.str.contains(_SPACED)
        if reading.thousands in (None, " ", "'"):
            bound = here.str.replace_all(_SPACES, "")
            here = pl.select(pl.when(self._spaced).then(bound).otherwise(here)).to_series()
        self._here = here
        signs = "." if reading.decimal == "." else "," if reading.decimal == "," else ".,"
        if reading.thousands in (".", ","):
            signs = signs.replace(reading.thousands, "")
        patterns = _ALONE if reading.thousands in (" ", "'") else _WRITTEN
        infinite = here.str.contains(_INFINITE) & ~self.percent
        self._can = {sign: (here.str.contains(patterns[sign]) | infinite) for sign in ".,"}
        known = self._can[signs] if len(signs) == 1 else self._can["."] | self._can[","]
        scaled = self.percent & here.str.contains("[eE]")
        self.wrong = self.rows.filter(~known | scaled)

    def only(self, sign: str, other: str) -> pl.Series:
        """Return the rows whose texts are numbers with this decimal sign and not with the other."""
        return self.rows.filter(self._can[sign] & ~self._can[other])

    def either(self, sign: str) -> pl.Series:
        """Return the rows whose texts have the sign, which may be a decimal sign or between thousands."""
        return self.rows.filter(self._can["."] & self._can[","] & self._here.str.contains(sign, literal=True))

    def having(self, sign: str) -> pl.Series:
        """Return the rows whose texts have a sign."""
        return self.rows.filter(self._here.str.contains(sign, literal=True))

    def grouped(self, decimal: str) -> pl.Series:
        """Return the rows whose texts have signs between thousands."""
        other = "," if decimal == "." else "."
        return self.rows.filter(self._spaced | self._here.str.contains(other, literal=True))

    def floats(self, decimal: str) -> FloatArray:
        """Return all rows as numbers with this decimal sign, NaN where a value is missing."""
        import polars as pl

        other = "," if decimal == "." else "."
        texts = self._here.str.replace_all(other, "", literal=True).str.replace(decimal, ".", literal=True)
        # The exponent divides a percentage by 100 with one rounding: 12.3 % is 0.123, not the double next to it.
        scaled = pl.select(pl.when(self.percent).then(texts + pl.lit("e-2")).otherwise(texts)).to_series()
        values = np.full(len(self.texts), math.nan)
        values[self.rows.to_numpy()] = scaled.cast(pl.Float64).to_numpy()
        return values


# --- messages ---


def where(name: str, index: tuple[int, ...]) -> str:
    """Describe the position of a value in a column; the index counts from 0, data rows in messages from 1."""
    inside = f", entry {', '.join(map(str, index[1:]))}" if len(index) > 1 else ""
    return f"data row {index[0] + 1} of column {name!r}{inside}"


_DATE = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})\b")
_LONGEST_WORD = 12  # letters of a text that may mean that there is no value


def no_number(source: str, name: str, index: tuple[int, ...], value: object) -> TableError:
    """Return the error for a value that is not a number."""
    what, remedy = shown(value), "make it a number or leave the column out of the formula"
    is_text = isinstance(value, str)
    what = f"the text {what}" if is_text else f"{what} ({type(value).__name__})"
    text = str(value).strip()
    if hasattr(value, "isoformat") or type(value).__name__ == "datetime64" or (is_text and _DATE.match(text)):
        remedy = "a date needs a column of numbers, such as the days since the first one"
    elif is_text and re.fullmatch(r"[-+]?[\d.]*,\d+", text):
        remedy = f"if its comma is a decimal comma, say so with decimal=','{OF}"
    elif is_text and re.search(r"[€$£¥]", text):
        remedy = "leave out the sign of the currency"
    elif is_text and 0 < len(text) <= _LONGEST_WORD and not re.search(r"\d", text):
        remedy = f"if it means that there is no value, say so with missing=[{text!r}]{OF}; else {remedy}"
    return TableError(f"{source}: {where(name, index)} holds {what}, which is not a number; {remedy}")
