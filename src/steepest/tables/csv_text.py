"""The text of a table in: its header and each column's texts out, and numbers out of such texts.

`read_all` empties a file object; `read_csv` finds the separator, the names and the rows, or says at which
byte, line or data row the text is no table; `to_floats` turns a column's texts into numbers. polars reads
and converts, and is imported when first needed.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from steepest.errors import TableError
from steepest.messages.sentences import line, listed, shown

if TYPE_CHECKING:
    import polars as pl

FloatArray: TypeAlias = NDArray[np.float64]

#: What a cell may hold instead of a number, in lower case, and the number it stands for; NaN is missing.
WORDS = dict.fromkeys(("", "na", "n/a", "nan", "null", "none"), "nan") | {"true": "1", "false": "0"}


def read_all(stream: Any, source: str) -> bytes:
    """All that is left in a file object of bytes or text; TableError if it cannot be read."""
    try:
        data = stream.read()
        if isinstance(data, str):
            data = data.encode("utf-8")
    except (OSError, ValueError, AttributeError) as error:  # closed, for writing only, of another encoding
        what = f"it cannot be read ({line(error)})"
        raise TableError(f"{source}: {what}; open it for reading, as UTF-8") from None
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TableError(f"{source}: reading it gave {type(data).__name__}; give a file of bytes or text")
    return bytes(data)


def read_csv(data: bytes, source: str, tabs: bool = False) -> dict[str, pl.Series]:
    """Read a header and a line a row, with commas or else semicolons or tabs between fields.

    Args:
        data: The text's bytes, UTF-8.
        source: What messages call the text.
        tabs: Whether tabs are between fields, whatever the header looks like.

    Returns:
        Each column's texts by its name, in order and of equal length; null or "" for an empty field.

    Raises:
        TableError: The bytes are not UTF-8 text, or the text is not a header over rows as wide as it.
    """
    data = _plain_lines(data, source)
    separator = "\t" if tabs else _separator(data)
    lines = io.BytesIO(data)
    names = _names(lines, separator, source)
    body = lines.read()
    columns = _rectangle(body, separator, len(names)) or _rows(body, separator, len(names), source)
    return dict(zip(names, columns, strict=True))


def to_floats(texts: pl.Series, name: str, source: str) -> FloatArray:
    """A column of texts as float64, NaN for missing values; blanks, true and false are understood."""
    import polars as pl

    values = texts.cast(pl.Float64, strict=False)
    odd = values.is_null().arg_true()
    if not len(odd):
        return values.to_numpy()
    bare = texts.gather(odd).fill_null("").str.strip_chars().str.to_lowercase()
    mended = bare.replace(WORDS).cast(pl.Float64, strict=False)
    wrong = mended.is_null().arg_true()
    if len(wrong):
        row = int(odd[int(wrong[0])])
        raise no_number(source, name, (row,), texts[row])
    return values.scatter(odd, mended).to_numpy()


# --- where a value is ---


def where(name: str, index: tuple[int, ...]) -> str:
    """Where in a column a value is; the index counts from 0 and the message's data rows from 1."""
    inside = f", entry {', '.join(map(str, index[1:]))}" if len(index) > 1 else ""
    return f"data row {index[0] + 1} of column {name!r}{inside}"


def no_number(source: str, name: str, index: tuple[int, ...], value: object) -> TableError:
    """The error for a value that is no number."""
    what, remedy = shown(value), "make it a number or leave the column out of the formula"
    what = f"the text {what}" if isinstance(value, str) else f"{what} ({type(value).__name__})"
    if isinstance(value, str) and re.fullmatch(r"\s*[-+]?\d+,\d+\s*", value):
        remedy = f"write a decimal point, {value.strip().replace(',', '.')}"
    return TableError(f"{source}: {where(name, index)} holds {what}, which is not a number; {remedy}")


# --- encoding and header ---


def _plain_lines(data: bytes, source: str) -> bytes:
    """The bytes without byte-order mark, carriage returns and empty lines around, if they are UTF-8 text."""
    save = "save it as CSV in UTF-8"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TableError(f"{source}: this is UTF-16 text, which is not read; {save}")
    zero = data.find(b"\0")
    if zero >= 0:
        raise TableError(f"{source}: this is not text (byte {zero + 1} is zero); {save}")
    try:
        if not data.isascii():
            data.decode("utf-8")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        at = f"byte {error.start + 1}, 0x{data[error.start]:02x} in line {row}"
        raise TableError(f"{source}: this is not UTF-8 text ({at}); {save}") from None
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    data = data.removeprefix(b"\xef\xbb\xbf").strip(b"\n")
    if not data or data.isspace():
        raise TableError(f"{source}: it is empty; give a line of column names and then a line a row")
    return data


def _separator(data: bytes) -> str:
    """What is between the first line's fields: commas, or else the more frequent of semicolons and tabs."""
    outside = re.sub('"[^"]*"', "", data.partition(b"\n")[0].decode("utf-8"))
    return "," if "," in outside else max(",;\t", key=outside.count)


def _csv_rows(lines: io.BytesIO, separator: str) -> Iterator[list[str]]:
    """Rows as the csv module reads them, taking from `lines` no more than the rows asked for."""
    texts = (text.decode("utf-8") for text in lines)
    return csv.reader(texts, delimiter=separator, skipinitialspace=True, strict=True)


def _names(lines: io.BytesIO, separator: str, source: str) -> tuple[str, ...]:
    """The names in the header, which is taken from the lines."""
    try:
        names = tuple(name.strip() for name in next(_csv_rows(lines, separator)))
    except csv.Error as error:
        what = f"the header is not valid CSV ({error})"
        raise TableError(f"{source}: {what}; check its quotation marks") from None
    if all(_is_number(name) for name in names):
        what = f"the first line holds numbers ({listed(names, 5)})"
        raise TableError(f"{source}: {what}; put a line of column names above it")
    if "" in names:
        what = f"column {names.index('') + 1} has no name in the header"
        raise TableError(f"{source}: {what}; name it or delete the column")
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise TableError(f"{source}: the header has the name {name!r} {times} times; rename all but one")
    return names


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


# --- rows ---


def _rectangle(body: bytes, separator: str, width: int) -> list[pl.Series] | None:
    """The columns as texts, read by polars; None if not every line has just `width` fields.

    polars fills short rows, forgives an empty field too many, and reads stray quotation marks in
    its own way, so it gets only what is a plain rectangle with whole fields quoted.
    """
    import polars as pl

    mark = separator.encode()
    quoted = rb'(?<![^\n%b])"(?:[^"]++|"")*+"(?![^\n%b])' % (mark, mark)
    outside = re.sub(quoted, b"", body) if b'"' in body else body
    ends = outside.translate(None, bytes(set(range(256)) - set(b'\n"' + mark))) + b"\n"
    rows = ends.count(b"\n")
    # the lengths are compared first, for a wide header over many short lines would need much memory
    if not body or len(ends) != width * rows or ends != (mark * (width - 1) + b"\n") * rows:
        return None
    schema = {str(column): pl.String for column in range(width)}
    try:
        frame = pl.read_csv(body, has_header=False, schema=schema, separator=separator)
    except pl.exceptions.PolarsError:
        return None
    return frame.get_columns() if len(frame) == rows else None


def _rows(body: bytes, separator: str, width: int, source: str) -> list[pl.Series]:
    """The columns as texts, read row by row: slower, but it knows which row is at fault."""
    import polars as pl

    rows: list[list[str]] = []
    try:
        for fields in _csv_rows(io.BytesIO(body), separator):
            row = fields or [""]
            if width > 1 and len(row) == 1 and not row[0].strip():
                continue  # an empty line; in a table of one column it is a missing value
            if len(row) != width:
                count = "1 field" if len(row) == 1 else f"{len(row)} fields"
                what = f"data row {len(rows) + 1} has {count} and the header has {width}"
                remedy = f"make them equal (a text with {separator!r} in it needs quotation marks around it)"
                raise TableError(f"{source}: {what}; {remedy}")
            rows.append(row)
    except csv.Error as error:
        what = f"data row {len(rows) + 1} is not valid CSV ({error})"
        raise TableError(f"{source}: {what}; check the quotation marks there") from None
    return [pl.Series([row[column] for row in rows], dtype=pl.String) for column in range(width)]
