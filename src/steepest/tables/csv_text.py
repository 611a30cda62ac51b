"""Read CSV: `read_all` reads a file object, `read_csv` splits it into columns of text, `to_floats` converts them.

Errors name the byte, line or data row. polars is imported on first use.
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
from steepest.storage.reading import UnreadableFileError, read_blocks

if TYPE_CHECKING:
    import polars as pl

FloatArray: TypeAlias = NDArray[np.float64]
AS_PARQUET = "write it as Parquet, which needs less memory"
_LONGEST_HEADER = 1 << 24  # bytes; a million columns have names
_BLOCK, _WIDE = 1 << 22, 1 << 10  # bytes of a long text that are read at once, at least and for each column
_MOST_CELLS = 1 << 18  # cells of rows that are read one by one, until they become numbers
_MANY = 1 << 23  # cells that are converted before they are needed, because texts need more memory
_TRIED = 64  # of these are tried first, for a column of text

Column: TypeAlias = "list[FloatArray | pl.Series]"
"""Consecutive parts of a column: numbers, or text where that is not all numbers, with null for an empty field."""

#: Words in cells and the numbers they stand for, in lower case: spellings of a missing value, and booleans.
WORDS = dict.fromkeys(("", "na", "n/a", "nan", "null", "none"), "nan") | {"true": "1", "false": "0"}


def read_all(stream: Any, source: str) -> bytes:
    """Read the rest of a file object of bytes or text; raise TableError if it cannot be read."""

    def block(size: int) -> Any:
        found = stream.read(size)
        if not isinstance(found, (str, bytes, bytearray, memoryview)):
            raise TableError(f"{source}: reading it gave {type(found).__name__}; give a file of bytes or text")
        return found

    try:
        return read_blocks(block, instead=AS_PARQUET)
    except (OSError, ValueError, AttributeError) as error:  # closed, for writing only, of another encoding
        raise TableError(f"{source}: it cannot be read ({line(error)}); open it for reading, as UTF-8") from None
    except UnreadableFileError as error:
        raise TableError(f"{source}: it cannot be read ({error.why}); {error.remedy}") from None


def read_csv(data: bytes, source: str, tabs: bool = False) -> dict[str, Column]:
    """Read a header and one line per row, separated by commas, else semicolons or tabs; by tabs only if `tabs` is set.

    The columns are of equal length, and for `to_floats`.
    """
    data = _plain_lines(data, source)
    separator = "\t" if tabs else _separator(data)
    lines = io.BytesIO(data)
    names = _names(lines, separator, source)
    body = lines.read()
    del data, lines
    columns = _rectangle(body, separator, len(names)) or _rows(body, separator, len(names), source)
    return dict(zip(names, columns, strict=True))


def to_floats(column: Column, name: str, source: str) -> FloatArray:
    """Convert a column to float64, with NaN for missing values; see `WORDS`."""
    for k, part in enumerate(column):
        if not isinstance(part, np.ndarray):
            _, wrong = _numbers(part)
            if wrong is not None:
                row = sum(map(len, column[:k])) + wrong
                raise no_number(source, name, (row,), part[wrong])
    parts = [part if isinstance(part, np.ndarray) else _numbers(part)[0] for part in column]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _numbers(texts: pl.Series) -> tuple[FloatArray, int | None]:
    """Return a text as numbers, NaN where a value is missing, and the index of the first that is no number."""
    import polars as pl

    values = texts.cast(pl.Float64, strict=False)
    odd = (values.is_null() & texts.is_not_null()).arg_true()
    if len(odd):
        bare = texts.gather(odd).str.strip_chars().str.to_lowercase()
        mended = bare.replace(WORDS).cast(pl.Float64, strict=False)
        wrong = mended.is_null().arg_true()
        if len(wrong):
            return np.empty(0), int(odd[int(wrong[0])])
        values = values.scatter(odd, mended)
    return values.fill_null(math.nan).to_numpy(), None


# --- messages ---


def where(name: str, index: tuple[int, ...]) -> str:
    """Describe the position of a value in a column; the index counts from 0, data rows in messages from 1."""
    inside = f", entry {', '.join(map(str, index[1:]))}" if len(index) > 1 else ""
    return f"data row {index[0] + 1} of column {name!r}{inside}"


def no_number(source: str, name: str, index: tuple[int, ...], value: object) -> TableError:
    """Return the error for a value that is not a number."""
    what, remedy = shown(value), "make it a number or leave the column out of the formula"
    what = f"the text {what}" if isinstance(value, str) else f"{what} ({type(value).__name__})"
    if isinstance(value, str) and re.fullmatch(r"\s*[-+]?\d+,\d+\s*", value):
        remedy = f"write a decimal point, {value.strip().replace(',', '.')}"
    return TableError(f"{source}: {where(name, index)} holds {what}, which is not a number; {remedy}")


# --- encoding and header ---


def _plain_lines(data: bytes, source: str) -> bytes:
    """Check that the bytes are UTF-8; strip byte-order mark, carriage returns and surrounding empty lines."""
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
        raise TableError(f"{source}: it is empty; give a line of column names and then one line per row")
    return data


def _separator(data: bytes) -> str:
    """Return the separator of the first line: a comma, or else the more frequent of semicolon and tab."""
    outside = re.sub('"[^"]*"', "", data.partition(b"\n")[0].decode("utf-8"))
    return "," if "," in outside else max(",;\t", key=outside.count)


def _csv_rows(lines: io.BytesIO, separator: str) -> Iterator[list[str]]:
    """Yield rows parsed by the csv module; no more of `lines` is consumed than the rows requested."""
    texts = (text.decode("utf-8") for text in lines)
    return csv.reader(texts, delimiter=separator, skipinitialspace=True, strict=True)


def _names(lines: io.BytesIO, separator: str, source: str) -> tuple[str, ...]:
    """Consume the header and return the names in it."""
    data = lines.getbuffer()
    if data.nbytes > _LONGEST_HEADER and b"\n" not in data[:_LONGEST_HEADER].tobytes():
        what = f"its first line, which names the columns, has more than {_LONGEST_HEADER:,} bytes"
        raise TableError(f"{source}: {what}; check that its lines end where rows end")
    try:
        names = tuple(name.strip() for name in next(_csv_rows(lines, separator)))
    except csv.Error as error:
        raise TableError(f"{source}: the header is not valid CSV ({error}); check its quotation marks") from None
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


def _rectangle(body: bytes, separator: str, width: int) -> list[Column] | None:
    """Read the columns block by block with polars; return None unless every line has exactly `width` fields."""
    if not body:
        return None
    most = body.count(b"\n") + 1
    columns = [_Growing(most, width) for _ in range(width)]
    start, size = 0, max(_BLOCK, _WIDE * width) if most * width > _MANY else len(body)
    while start <= len(body):
        end = body.find(b"\n", start + size)
        end = len(body) if end < 0 else end
        lines = _without_empty_lines(body[start:end], separator, width)
        start = end + 1
        if not lines and width > 1:
            continue
        parts = _block(lines, separator, width)
        if parts is None:
            return None
        for column, part in zip(columns, parts, strict=True):
            column.add(part)
    return [column.column() for column in columns]


def _without_empty_lines(lines: bytes, separator: str, width: int) -> bytes:
    """Return lines without empty ones, which are missing values in a table of one column."""
    empty = rb"\n[ \n]++" if separator == "\t" else rb"\n[ \t\n]++"
    return lines if width == 1 else re.sub(empty, b"\n", b"\n" + lines).strip(b"\n")


def _block(body: bytes, separator: str, width: int) -> list[pl.Series] | None:
    """Read some lines as text with polars; return None unless each has exactly `width` fields.

    polars fills short rows, ignores an extra empty field and tolerates stray quotation marks, so it is given only
    text that is checked to be a rectangle in which quotation marks enclose whole fields.
    """
    import polars as pl

    mark = separator.encode()
    quoted = rb'(?<![^\n%b])"(?:[^"]++|"")*+"(?![^\n%b])' % (mark, mark)
    outside = re.sub(quoted, b"", body) if b'"' in body else body
    ends = outside.translate(None, bytes(set(range(256)) - set(b'\n"' + mark))) + b"\n"
    rows = ends.count(b"\n")
    # The lengths are compared first: for a wide header over many short lines the expected text would be huge.
    if len(ends) != width * rows or ends != (mark * (width - 1) + b"\n") * rows:
        return None
    schema = {str(column): pl.String for column in range(width)}
    try:
        frame = pl.read_csv(body + b"\n", has_header=False, schema=schema, separator=separator)
    except pl.exceptions.PolarsError:
        return None
    return frame.get_columns() if len(frame) == rows else None


class _Growing:
    """A column that grows part by part.

    Of a table with many cells, numbers go into one array, which is as long as the table at most.
    """

    def __init__(self, most: int, width: int) -> None:
        self._most, self._many, self._count = most, most * width > _MANY, 0
        self._values: FloatArray | None = None
        self._texts: Column = []

    def add(self, texts: pl.Series) -> None:
        """Append texts; as numbers if there are many cells, and all of them are numbers and all before were."""
        if not self._many or self._texts or _numbers(texts.head(_TRIED))[1] is not None:
            self._texts.append(texts)
            return
        values, wrong = _numbers(texts)
        if wrong is not None:
            self._texts.append(texts)
            return
        if self._values is None:
            self._values = np.empty(self._most)
        self._values[self._count : self._count + len(values)] = values
        self._count += len(values)

    def column(self) -> Column:
        """Return the parts."""
        numbers: Column = [] if self._values is None else [self._values[: self._count]]
        return [*numbers, *self._texts]


def _rows(body: bytes, separator: str, width: int, source: str) -> list[Column]:
    """Read the columns row by row: slower than `_rectangle`, but errors name the row."""
    import polars as pl

    most = body.count(b"\n") + 1
    columns = [_Growing(most, width) for _ in range(width)]
    rows: list[list[str]] = []
    done = 0

    def flush() -> None:
        nonlocal done
        for k, column in enumerate(columns if rows else ()):
            column.add(pl.Series([row[k] for row in rows], dtype=pl.String))
        done += len(rows)
        rows.clear()

    try:
        for fields in _csv_rows(io.BytesIO(body), separator):
            row = fields or [""]
            if width > 1 and len(row) == 1 and not row[0].strip():
                continue  # an empty line; in a table with one column it is a missing value
            if len(row) != width:
                count = "1 field" if len(row) == 1 else f"{len(row)} fields"
                what = f"data row {done + len(rows) + 1} has {count} and the header has {width}"
                remedy = f"make them equal (a text with {separator!r} in it needs quotation marks around it)"
                raise TableError(f"{source}: {what}; {remedy}")
            rows.append(row)
            if len(rows) * width >= _MOST_CELLS:
                flush()
    except csv.Error as error:
        what = f"data row {done + len(rows) + 1} is not valid CSV ({error})"
        if "field limit" in str(error):
            raise TableError(f"{source}: a cell of data row {done + len(rows) + 1} is too long; shorten it") from None
        raise TableError(f"{source}: {what}; check the quotation marks there") from None
    flush()
    return [column.column() for column in columns]
