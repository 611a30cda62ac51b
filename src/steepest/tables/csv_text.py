"""Read CSV: `read_all` reads a file object, `read_csv` splits it into columns of text, which `numerals` converts.

Errors name the byte, line or data row. polars is imported on first use.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.errors import TableError, TableWarning
from steepest.messages.sentences import line
from steepest.storage.reading import UnreadableFileError, is_stream, most_streamed, read_blocks
from steepest.tables.contents import AS_PARQUET, BINARY, as_utf8, watch_lines
from steepest.tables.dialects import Dialect, csv_rows, dialect_of
from steepest.tables.numerals import Column, FloatArray, Numerals, is_unusual, plain_numbers
from steepest.tables.reading import Reading

if TYPE_CHECKING:
    import polars as pl

_BLOCK, _WIDE = 1 << 22, 1 << 10  # bytes of a long text that are read at once, at least and for each column
_MOST_CELLS = 1 << 18  # cells of rows that are read one by one, until they become numbers
_MANY = 1 << 23  # cells that are converted before they are needed, because texts need more memory
_TRIED = 64  # of these are tried first, for a column of text
_BEYOND = 1 << 10  # fields that a row has beyond those of the header before they are no longer counted


def read_all(stream: Any, source: str) -> bytes:
    """Read the rest of a file object of bytes or text; raise TableError if it cannot be read."""

    def block(size: int) -> Any:
        found = stream.read(size)
        if not isinstance(found, (str, bytes, bytearray, memoryview)):
            raise TableError(f"{source}: reading it gave {type(found).__name__}; give a file of bytes or text")
        return found

    try:
        most, instead = None, AS_PARQUET
        with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):  # most streams have no such number
            if is_stream(stream.fileno()):
                most, instead = most_streamed(), "write it to a file, and name that"
        return read_blocks(block, most, instead, binary=BINARY, watch=watch_lines(source))
    except (OSError, ValueError, AttributeError) as error:  # closed, for writing only, of another encoding
        raise TableError(f"{source}: it cannot be read ({line(error)}); open it for reading, as UTF-8") from None
    except UnreadableFileError as error:
        raise TableError(f"{source}: it cannot be read ({error.why}); {error.remedy}") from None


def read_csv(data: bytes, source: str, tabs: bool, reading: Reading) -> Numerals:
    """Read a header and one line per row, as :mod:`steepest.tables.dialects` divides them.

    The columns are of equal length. Columns without a name are left out, which is said unless they name the rows, as in
    what R and pandas write.
    """
    dialect = dialect_of(as_utf8(data, source, reading.encoding), source, tabs, reading)
    del data
    doubtful = _may_have_commas(dialect)
    columns, names = _columns(dialect, source, None if doubtful or is_unusual(reading) else reading)
    found = {}
    for k, (name, column) in enumerate(zip(names, columns, strict=True)):
        if name:
            found[name] = column
        elif not all(_is_empty(part) for part in column) and not (k == 0 and _are_row_names(column)):
            what = f"column {k + 1} has no name in the header and is left out"
            warnings.warn(f"{source}: {what}", TableWarning, stacklevel=2)
    return Numerals(found, source, reading, doubtful)


def _may_have_commas(dialect: Dialect) -> bool:
    """Return whether numbers of the rows may have commas in them."""
    pattern = rb'"[^"\n,]*,[0-9]' if dialect.separator == "," else rb",[0-9]"
    return re.search(pattern, dialect.body) is not None


def _columns(dialect: Dialect, source: str, early: Reading | None) -> tuple[list[Column], tuple[str, ...]]:
    """Return the columns and their names.

    Rows may have a separator at their end that the header has not, or the header one that they have not. As R writes
    tables, each row may begin with its name, for which there is none in the header.
    """
    names, separator = dialect.names, dialect.separator
    width = len(names)
    body = _without_empty_rows(dialect.body, separator, width) if width > 1 else dialect.body
    found = _rectangle(body, separator, width, early)
    if found is not None or width == 1:
        return found or _rows(dialect, body, source, early), names
    if names[-1] == "" and (found := _rectangle(body, separator, width - 1, early)) is not None:
        return found, names[:-1]
    found = _rectangle(body, separator, width + 1, early)
    if found is not None and all(_is_empty(part) for part in found[-1]):
        return found[:-1], names
    # With commas, more fields are rather a decimal comma or a text without its quotation marks; R quotes the names.
    if found is not None and (separator != "," or body.startswith(b'"')) and _are_row_names(found[0]):
        what = "rows have one field more than the header, and the first is taken as the name of the row, as R writes it"
        warnings.warn(f"{source}: {what}", TableWarning, stacklevel=2)
        return found[1:], names
    return _rows(dialect, body, source, early), names


def _is_empty(part: FloatArray | pl.Series) -> bool:
    """Return whether a part of a column has no value."""
    if isinstance(part, np.ndarray):
        return bool(np.isnan(part).all())
    return bool((part.is_null() | (part.str.strip_chars() == "")).all())


def _are_row_names(column: Column) -> bool:
    """Return whether the texts of a column are the numbers of the rows, or words."""
    texts: list[str | None] = []
    for part in column:
        texts += [f"{value:.0f}" for value in part.tolist()] if isinstance(part, np.ndarray) else part.to_list()
    if texts and texts[0] in ("0", "1") and texts == [str(k + int(texts[0])) for k in range(len(texts))]:
        return True
    return not any(text is None or text.strip()[:1] in "+-.,0123456789" for text in texts)


def _without_empty_rows(body: bytes, separator: str, width: int) -> bytes:
    """Return rows without those at the end that have only separators, as spreadsheets write them."""
    end, blank = len(body), separator.encode() + b" \t"
    filled = len(body.rstrip(blank + b"\n"))
    last = body.find(b"\n", filled) if filled else 0
    spaces = blank[1:].replace(blank[:1], b"")
    too_many = b"(?:%b[%b]*+){%d}" % (re.escape(blank[:1]), spaces, width + 1)
    if last >= 0 and width <= _BEYOND and re.search(too_many, memoryview(body)[last:]) is None:
        return body[:last]
    while end > 0:
        start = body.rfind(b"\n", 0, end) + 1
        if end - start > _BEYOND * width or body[start:end].strip(blank) or body.count(blank[:1], start, end) > width:
            break
        end = max(start - 1, 0)
    return body[:end]


# --- rows ---


def _rectangle(body: bytes, separator: str, width: int, early: Reading | None) -> list[Column] | None:
    """Read the columns block by block with polars; return None unless every line has exactly `width` fields.

    Numbers of a large table are converted at once if `early` says how.
    """
    if not body:
        return None
    most = body.count(b"\n") + 1
    columns = [_Growing(most, width, early) for _ in range(width)]
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

    Of a table with many cells, numbers go into one array, which is as long as the table at most, if `early` says how
    they are read.
    """

    def __init__(self, most: int, width: int, early: Reading | None) -> None:
        self._most, self._count = most, 0
        self._reading = early if most * width > _MANY else None
        self._values: FloatArray | None = None
        self._texts: Column = []

    def add(self, texts: pl.Series) -> None:
        """Append texts; as numbers if there are many cells, and all of them are numbers and all before were."""
        reading = self._reading
        if reading is None or self._texts or plain_numbers(texts.head(_TRIED), reading)[1] is not None:
            self._texts.append(texts)
            return
        values, wrong = plain_numbers(texts, reading)
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


def _rows(dialect: Dialect, body: bytes, source: str, early: Reading | None) -> list[Column]:
    """Read the columns row by row: slower than `_rectangle`, but errors name the row and the line."""
    import polars as pl

    separator, width = dialect.separator, len(dialect.names)
    most = body.count(b"\n") + 1
    columns = [_Growing(most, width, early) for _ in range(width)]
    rows: list[list[str]] = []
    done = first = 0  # rows that are in the columns, and lines before the row

    def flush() -> None:
        nonlocal done
        for k, column in enumerate(columns if rows else ()):
            column.add(pl.Series([row[k] for row in rows], dtype=pl.String))
        done += len(rows)
        rows.clear()

    def here() -> str:
        return f"{source}, line {dialect.line_of(first + 1)}: data row {done + len(rows) + 1}"

    reader = csv_rows(io.BytesIO(body), separator, width + _BEYOND)
    try:
        for fields in reader:
            row = fields or [""]
            empty = width > 1 and len(row) == 1 and not row[0].strip()  # in a table of one column a missing value
            if len(row) == width + 1 > 2 and not row[-1].strip():
                del row[-1]
            elif len(row) == width - 1 and dialect.names[-1] == "":
                row.append("")
            if not empty and len(row) != width:
                count = "1 field" if len(row) == 1 else f"{len(row)} fields"
                count = f"more than {width + _BEYOND} fields" if len(row) > width + _BEYOND else count
                remedy = f"make them equal (a text with {separator!r} in it needs quotation marks around it)"
                raise TableError(f"{here()} has {count} and the header has {width}; {remedy}")
            if not empty:
                rows.append(row)
            first = reader.line_num  # type: ignore[attr-defined]
            if len(rows) * width >= _MOST_CELLS:
                flush()
    except csv.Error as error:
        if "field limit" in str(error):
            raise TableError(f"{source}: a cell of data row {done + len(rows) + 1} is too long; shorten it") from None
        raise TableError(f"{here()} is not valid CSV ({error}); check the quotation marks there") from None
    flush()
    return [column.column() for column in columns]
