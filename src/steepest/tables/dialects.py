"""How a text is divided: comments, separator, header. Everything here precedes the reading of rows."""

from __future__ import annotations

import csv
import io
import math
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from steepest.errors import TableError, TableWarning
from steepest.messages.sentences import listed
from steepest.tables.reading import Reading

_LONGEST_HEADER = 1 << 24  # bytes; a million columns have names
_SAMPLE, _SAMPLED_ROWS = 1 << 16, 50  # bytes and rows by which a separator is chosen
_SEPARATORS = ";\t,|"  # in this order where several divide all rows alike: names and numbers have commas
_CALLED = re.compile(rb'"?sep=(.)"?[;,\t ]*\n', re.IGNORECASE)  # the first line that Excel understands
_NO_COMMENT = rb"(?!N/A|NA\b|NV\b|DIV/0!|[^\W\d]+[!?])"  # errors of spreadsheets: #N/A, #NV, #VALUE!, #NAME?
_WORDS = re.compile(rb'"(?:[^"\n]|"")*"|[^ \t\n]+')
_NUMBER = re.compile(r"[-+−]?(?=[\d.,])(\d*[.,]?\d+|\d+[.,])([.,]\d{3})*([eE][-+]?\d+)?\s*%?")


@dataclass(frozen=True)
class Dialect:
    """The rows of a text and how they are divided.

    Attributes:
        names: the names of the columns; "" for a column without a name.
        body: the rows in UTF-8, divided by line feeds.
        separator: the sign between fields.
        before: the number of lines of the file before those of ``body``, without those of ``removed``.
        removed: the lines of the file that are left out, counted from 1.
    """

    names: tuple[str, ...]
    body: bytes
    separator: str
    before: int
    removed: tuple[int, ...]

    def line_of(self, number: int) -> int:
        """Return the line of the file, from 1, that is a line of the body, from 1."""
        found = self.before + number
        for left_out in self.removed:
            if left_out > found:
                break
            found += 1
        return found


def dialect_of(data: bytes, source: str, tabs: bool, reading: Reading) -> Dialect:
    """Return how a text in UTF-8 is divided; by tabs if ``tabs`` is set.

    Raises:
        TableError: it is empty, or its first line does not name columns.
    """
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    called = _CALLED.match(data)
    if called:
        data = data[called.end() :]
    data, comments = _without_comments(data, reading.comment)
    shift = int(called is not None)
    bare = data.lstrip(b"\n")
    before, data = shift + len(data) - len(bare), bare.rstrip(b"\n")
    if not data or data.isspace():
        raise TableError(f"{source}: it is empty; give a line of column names and then one line per row")
    if len(data) > _LONGEST_HEADER and data.find(b"\n", 0, _LONGEST_HEADER) < 0:
        what = f"its first line, which names the columns, has more than {_LONGEST_HEADER:,} bytes"
        raise TableError(f"{source}: {what}; check that its lines end where rows end")
    separator = called[1].decode() if called else "\t" if tabs else _separator(data)
    if separator == " ":
        data, separator = _by_words(data), "\t"
    lines = io.BytesIO(data)
    above = [text for _, at, text in comments if not at]
    names, height = _names(lines, separator, above[-1] if above else None, source)
    if reading == Reading():
        _note_rows([text for _, at, text in comments if at], len(names), separator, source)
    removed = tuple(number + shift for number, _, _ in comments)
    return Dialect(names, data if not height else lines.read(), separator, before + height, removed)


# --- comments ---


def _without_comments(data: bytes, sign: str) -> tuple[bytes, list[tuple[int, bool, bytes]]]:
    """Return a text without its comments; of each the line, whether there is a row above it, and its text."""
    mark = sign.encode()
    if not mark or mark not in data:
        return data, []
    kept: list[bytes] = []
    comments = []
    done = number = quotes = 0
    below = False
    for found in re.finditer(rb"(?m)^ *" + re.escape(mark) + _NO_COMMENT, data):
        start = found.start()
        if start < done:
            continue
        quotes += data.count(b'"', done, start)
        number += data.count(b"\n", done, start)
        below = below or not (data[done:start].isspace() or start == done)
        kept.append(data[done:start])
        done = start
        if quotes % 2:  # inside a quoted field, which may have several lines
            continue
        end = data.find(b"\n", start)
        done = len(data) if end < 0 else end + 1
        number += 1
        comments.append((number, below, data[found.end() : done].strip(b"\n")))
    kept.append(data[done:])
    return b"".join(kept), comments


def _note_rows(comments: list[bytes], width: int, separator: str, source: str) -> None:
    """Say that comments are left out that could be rows."""
    mark = separator.encode()
    rows = sum(text.count(mark) == width - 1 for text in comments) if width > 1 else 0
    if rows:
        what = "a line that begins with '#' is left out as a comment"
        what = f"{rows} lines that begin with '#' are left out as comments" if rows > 1 else what
        warnings.warn(f"{source}: {what}; comment=None reads such lines as rows", TableWarning, stacklevel=2)


# --- separators ---


def _separator(data: bytes) -> str:
    """Return the separator; a space for any number of spaces and tabs.

    It is one that divides the header and the first rows into as many fields. If there is none, it is a comma in the
    header, or else the more frequent of semicolon and tab.
    """
    sample = data[:_SAMPLE]
    text = (sample if len(data) <= _SAMPLE else sample[: sample.rfind(b"\n") + 1] or sample).decode("utf-8", "replace")
    for separator in _SEPARATORS:
        if separator in text and _divides(_fields(text, separator)):
            return separator
    header = text.partition("\n")[0]
    outside = re.sub('"[^"]*"', "", header)
    if not any(sign in outside for sign in _SEPARATORS[:3]):
        counts = [len(_WORDS.findall(line)) for line in text.encode().split(b"\n")[:_SAMPLED_ROWS] if line.strip()]
        if _divides(counts) and min(counts) > 1:
            return " "
        rows = [row for row in text.split("\n")[1:_SAMPLED_ROWS] if row.strip()]
        if any("," in row for row in rows) and all(map(is_number, rows)):
            return ";"  # a single column, of numbers with decimal commas
    return "," if "," in outside else max(",;\t", key=outside.count)


def _fields(text: str, separator: str) -> list[int]:
    """Return the number of fields in the header and the first rows, without an empty one at the end."""
    counts: list[int] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True):
            if any(field.strip() for field in row) or len(row) > 1:
                counts.append(len(row) - (len(row) > 1 and not row[-1].strip()))
            if len(counts) > _SAMPLED_ROWS:
                break
    except csv.Error:
        return []
    return counts


def _divides(counts: list[int]) -> bool:
    """Return whether all rows have as many fields as the header, or one more, and the header has several."""
    if len(counts) < 2:
        return False
    header, rows = counts[0], set(counts[1:])
    near = len(rows) == 1 and abs(rows.copy().pop() - header) <= 1
    return header > 1 and (near or rows <= {header, header - 1})


def _by_words(data: bytes) -> bytes:
    """Return lines whose words are separated by tabs."""
    return b"\n".join(b"\t".join(_WORDS.findall(line)) for line in data.split(b"\n"))


# --- header ---


def csv_rows(lines: io.BytesIO, separator: str, most: int | None = None) -> Iterator[list[str]]:
    """Return an iterator over rows parsed by the csv module; no more of ``lines`` is consumed than the rows requested.

    A line with more than ``most`` separators ends in a row of as many fields, so that no more are made of it.
    """
    mark = separator.encode()

    def texts() -> Iterator[str]:
        for text in lines:
            if most is not None and len(text) > most and text.count(mark) > most:
                yield separator * most + "\n"
            else:
                yield text.decode("utf-8")

    return csv.reader(texts(), delimiter=separator, skipinitialspace=True, strict=True)


def _names(lines: io.BytesIO, separator: str, comment: bytes | None, source: str) -> tuple[tuple[str, ...], int]:
    """Consume the header; return the names in it and its number of lines, which is 0 if a comment has the names."""
    rows = csv_rows(lines, separator)
    try:
        names = tuple(name.strip() for name in next(rows))
    except csv.Error as error:
        raise TableError(f"{source}: the header is not valid CSV ({error}); check its quotation marks") from None
    height = rows.line_num  # type: ignore[attr-defined]
    numbers = [name for name in names if is_number(name)]
    if numbers and comment is not None:
        above = _commented(comment, separator)
        if len(above) == len(names) and not any(map(is_number, above)):
            what = f"the line of comment {shown_names(above)} names the columns, for it is above numbers"
            warnings.warn(f"{source}: {what}", TableWarning, stacklevel=2)
            names, height = above, 0
            numbers = []
    # Whole numbers may be names, such as years.
    if numbers and (len(numbers) == len(names) or any(re.search(r"[.,eE]", text) for text in numbers)):
        what = f"the first line holds numbers ({listed(numbers, 5)})"
        raise TableError(f"{source}: {what}; put a line of column names above it")
    name, times = Counter(name for name in names if name).most_common(1)[0] if any(names) else ("", 0)
    if times > 1:
        raise TableError(f"{source}: the header has the name {name!r} {times} times; rename all but one")
    if not any(names):
        raise TableError(f"{source}: no column has a name in the header; write the names there")
    return names, height


def shown_names(names: tuple[str, ...]) -> str:
    """Return names as they are in a line of a file."""
    return listed(names, 8)


def _commented(comment: bytes, separator: str) -> tuple[str, ...]:
    """Return the names in a comment, whose separators may be other than those of the rows."""
    text = comment.decode("utf-8", "replace").strip().lstrip("#%").strip()
    if separator in text:
        return tuple(name.strip() for name in next(csv.reader([text], delimiter=separator, skipinitialspace=True)))
    return tuple(text.split())


def is_number(text: str) -> bool:
    """Return whether a text is a number in some way of writing."""
    bare = re.sub("(?<=[0-9])[ \u00a0\u2007\u2009\u202f'’](?=[0-9]{3})", "", text.strip())
    try:
        return math.isfinite(float(bare))
    except ValueError:
        return _NUMBER.fullmatch(bare) is not None
