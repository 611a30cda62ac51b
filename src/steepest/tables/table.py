"""Open tables of any kind and select their columns as float64; errors name row and column.

Opening a table reads its column names and its number of rows. Columns are converted when they are selected, so
columns that no formula uses may contain anything. `csv_text` reads CSV, polars reads Parquet and narwhals reads
DataFrames; the libraries are imported on first use.
"""

from __future__ import annotations

import difflib
import io
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.errors import TableError
from steepest.messages.sentences import counted, line, listed, shown
from steepest.storage.reading import UnreadableFileError, read_file
from steepest.tables.array_columns import array_floats, not_a_column, series_floats
from steepest.tables.built_in import BUILT_IN
from steepest.tables.cells import as_text
from steepest.tables.contents import AS_PARQUET, BINARY, OLD_EXCEL, PARQUET, ZIP, unpacked, watch_lines
from steepest.tables.csv_text import read_all, read_csv
from steepest.tables.numerals import FloatArray, where, without
from steepest.tables.parquet import collect, refuse_repetition
from steepest.tables.reading import Reading, reading
from steepest.tables.samples import Samples
from steepest.tables.spreadsheets import SUFFIXES as SHEET_SUFFIXES
from steepest.tables.spreadsheets import read_sheet

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".data", ".tab")
PACKED_SUFFIXES = (".gz", ".zst")
PARQUET_SUFFIX = ".parquet"


@dataclass(frozen=True, eq=False)
class Table:
    """An open table, whose columns are read by `select`.

    Args:
        names: The names of the columns, in order.
        source: The name of the table in messages: its path, "standard input", "the dict given".
        rows: n, the number of rows; 0 raises a TableError.
        read: Returns a column as float64, (n,) or (n, d), with NaN for missing values.
        texts: Returns the cells of a column as they were written; None if they are numbers.
        slice: Returns a table of some rows without reading the others, given the first row, their number and the
            columns; None if the table is in memory.

    Examples:
        >>> open_table("nand")
        Table(names=('x', 'y', 'z'), source='the built-in table nand', rows=4)
    """

    names: tuple[str, ...]
    source: str
    rows: int
    read: Callable[[str], FloatArray] = field(repr=False)
    slice: Callable[[int, int, tuple[str, ...]], Table] | None = field(default=None, repr=False)
    texts: Callable[[str], list[str]] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.rows:
            raise TableError(f"{self.source}: there are column names but no rows; add one row per sample below them")

    @property
    def in_parts(self) -> bool:
        """True if some rows can be read without the others."""
        return self.slice is not None

    def part(self, first: int, count: int, names: Iterable[str]) -> Table:
        """Return a table of consecutive rows, counted from 0, with the named columns.

        Examples:
            >>> open_table({"x": [1, 2, 3, 4]}).part(1, 2, ["x"]).select(["x"]).arrays["x"]
            array([2., 3.])
        """
        if self.slice is not None:
            return self.slice(first, count, tuple(dict.fromkeys(names)))
        source = f"{self.source}, counted from data row {first + 1}"
        return Table(self.names, source, count, lambda name: self.read(name)[first : first + count])

    def cells(self, name: str) -> list[str]:
        """Return the cells of a column as they were written, or its numbers as texts; empty where one is missing."""
        return [*map(as_text, self.read(name).tolist())] if self.texts is None else self.texts(name)

    def select(self, names: Iterable[str], na: str = "error") -> Samples:
        """Return the named columns, each (n,) or (n, d) float64.

        Args:
            names: The columns; no other is read.
            na: "error" raises at a missing value (an empty cell, NA, N/A, NaN, null, None, ?, -, ., and what `missing`
                of `open_table` names), "drop" leaves out each row with a missing value in one of the columns.

        Raises:
            TableError: A column does not exist, has a value that is not a finite number, or misses a value.
                Messages count data rows from 1, without the header.

        Examples:
            >>> columns = open_table({"x": [1, None, 3], "y": [2, 4, 6]}).select(["x", "y"], na="drop")
            >>> columns.arrays["y"], columns.dropped, columns.kept
            (array([2., 6.]), 1, array([0, 2]))
        """
        if na not in ("error", "drop"):
            raise TableError(f'na={na!r} is unknown; use na="error" or na="drop"')
        needed = dict.fromkeys([names] if isinstance(names, str) else names)
        for name in needed:
            if name not in self.names:
                what = f"there is no column {name!r}{_nearest(str(name), self.names)}"
                raise TableError(f"{self.source}: {what}; its columns are {listed(self.names)}")
        arrays = {name: np.ascontiguousarray(self.read(name)) for name in needed}
        missing = np.zeros(self.rows, dtype=bool)
        for name, array in arrays.items():
            if len(array) != self.rows:
                what = f"column {name!r} has {counted(len(array), 'row')} and the table has {self.rows}"
                remedy = "the file is damaged or was changed while it was read; open it again"
                raise TableError(f"{self.source}: {what}; {remedy}")
            missing |= _missing(name, array, self.source, na)
        kept = np.flatnonzero(~missing)
        if len(kept) < self.rows:
            arrays = {name: array[kept] for name, array in arrays.items()}
        if not len(kept):
            what = f'na="drop" leaves no row: every row misses a value in one of {listed(needed)}'
            raise TableError(f"{self.source}: {what}; fill in values or choose other columns")
        for name, array in arrays.items():
            arrays[name] = array.view()
            arrays[name].flags.writeable = False
        return Samples(arrays, len(kept), self.rows - len(kept), kept, source=self.source)


def open_table(
    source: object, *, decimal: str | None = None, thousands: str | None = None, comment: str | None = "#",
    missing: str | float | Iterable[str | float] = (), encoding: str | None = None, sheet: str | None = None,
) -> Table:  # fmt: skip
    """Open a table, which everything that takes a table takes, too.

    Where texts and bytes leave no doubt, numbers, separators and encodings are read as programs and spreadsheets of any
    country write them, and a `TableWarning` says what was read otherwise than Python reads it. The arguments say so
    instead, and settle what is doubtful, which is an error otherwise.

    Args:
        source: One of
            a `Table`, returned as it is;
            the name of a built-in table: and, or, nand, xor, twice (`./nand` is the file of that name);
            a path to `.csv`, `.tsv`, `.txt`, `.dat`, `.data`, `.tab` or no suffix (a header, then one line per row,
            separated by commas, semicolons, tabs, bars or spaces), to `.parquet`, or to a workbook (`.xlsx`, `.ods`),
            also compressed as `.gz` or `.zst`;
            "-" for one of these from standard input;
            a file object, of bytes or text, with one of these in it;
            a mapping from names to arrays (n,), or (n, d) for a feature group;
            a DataFrame of pandas, polars, pyarrow or another library that narwhals supports.
        decimal: The decimal sign of texts, "." or ",".
        thousands: The sign between thousands in texts: ",", ".", a space (of any width) or "'".
        comment: How lines begin that are no rows; None if there are none.
        missing: Further values, numbers or texts, that mean that there is none, such as -999.
        encoding: The encoding of a text by its name in Python.
        sheet: The sheet of a workbook.

    Raises:
        TableError: The table cannot be read, or could be read in two ways.

    Examples:
        >>> table = open_table(io.StringIO("x,name\\n1,one\\n2,two\\n"))
        >>> table.names, table.rows, table.select(["x"]).arrays
        (('x', 'name'), 2, {'x': array([1., 2.])})
        >>> open_table(io.StringIO("x;y\\n1.200;0,5\\n"), decimal=",", thousands=".").select(["x", "y"]).arrays
        {'x': array([1200.]), 'y': array([0.5])}
    """
    how = reading(decimal, thousands, comment, missing, encoding, sheet)
    if not isinstance(source, Table):
        return _opened(source, how)
    if how != Reading():
        raise TableError(f"{source.source}: it is open already; say how it is read where it is opened")
    return source


def _opened(source: object, how: Reading) -> Table:
    if isinstance(source, str) and source in BUILT_IN:
        return _mapping_table(BUILT_IN[source].columns, f"the built-in table {source}", how)
    if isinstance(source, str) and source == "-":
        stream, label = getattr(sys.stdin, "buffer", sys.stdin), "standard input"
        return _bytes_table(read_all(stream, label), label, how)
    if isinstance(source, (str, os.PathLike)):
        return _path_table(source, how)
    if isinstance(source, Mapping):
        return _mapping_table(source, f"the {type(source).__name__} given", how)
    if hasattr(source, "read"):
        name = getattr(source, "name", None)
        label = name if isinstance(name, str) else "the file object given"
        return _bytes_table(read_all(source, label), label, how)
    return _frame_table(source, how)


def _nearest(name: str, names: Iterable[str]) -> str:
    folded = {known.strip().casefold(): known for known in names}
    close = difflib.get_close_matches(name.strip().casefold(), folded, n=1)
    return f" (did you mean {folded[close[0]]!r}?)" if close else ""


def _missing(name: str, array: FloatArray, source: str, na: str) -> NDArray[np.bool_]:
    """Return which rows, (n,), miss a value; raise for an infinite value, or for a missing one if na="error"."""
    if np.isfinite(array).all():  # the common case, checked first because it is fast
        return np.zeros(len(array), dtype=bool)
    infinite, gone = np.isinf(array), np.isnan(array)
    if infinite.any():
        index = _first(infinite)
        remedy = 'write a finite number there, or leave it empty and use na="drop"'
        raise TableError(f"{source}: {where(name, index)} is infinite ({array[index]}); {remedy}")
    rows = np.asarray(gone.any(axis=tuple(range(1, gone.ndim))))
    if na == "error" and rows.any():
        first = where(name, _first(gone))
        more = f" ({rows.sum()} such rows in all)" if rows.sum() > 1 else ""
        remedy = 'fill it in, or leave such rows out with na="drop"'
        raise TableError(f"{source}: {first} has no value{more}; {remedy}")
    return rows


def _first(found: NDArray[np.bool_]) -> tuple[int, ...]:
    """Return the index of the first true element."""
    return tuple(int(k) for k in np.unravel_index(int(np.argmax(found)), found.shape))


# --- arrays ---


def _mapping_table(columns: Mapping[Any, Any], source: str, how: Reading) -> Table:
    lengths: dict[str, int] = {}
    for name, values in columns.items():
        if not isinstance(name, str):
            raise TableError(f"{source}: the column name {shown(name)} is not a text; write it as one")
        try:
            lengths[name] = len(values)
        except TypeError:  # a number, an iterator, an array without dimensions
            raise not_a_column(source, name, values) from None
    if not lengths:
        raise TableError(f"{source}: there are no columns; give at least one, such as {{'x': [0, 1]}}")
    first, rows = next(iter(lengths.items()))
    for name, length in lengths.items():
        if length != rows:
            raise TableError(
                f"{source}: column {first!r} has {counted(rows, 'row')} and {name!r} has {length}; make them equal"
            )
    return Table(
        tuple(lengths), source, rows, lambda name: without(array_floats(columns[name], name, source), how),
        texts=lambda name: [*map(as_text, np.asarray(columns[name], object).tolist())],
    )  # fmt: skip


# --- DataFrames and Parquet ---


def _frame_table(source: Any, how: Reading) -> Table:
    import narwhals as nw

    label = f"the {type(source).__name__} given"
    try:
        frame = nw.from_native(source, eager_only=True)
    except TypeError:
        remedy = "collect() it first" if hasattr(source, "collect") else "give a dict, a DataFrame or a path"
        raise TableError(f"{label}: this is not a table that can be read; {remedy}") from None
    except nw.exceptions.DuplicateError as error:
        raise TableError(f"{label}: columns share a name; rename one ({line(error)})") from None
    native = {str(name): name for name in frame.columns}
    names, rows = tuple(native), len(frame)
    return Table(
        names, label, rows, lambda name: series_floats(frame.get_column(native[name]), name, label, how),
        texts=lambda name: [*map(as_text, frame.get_column(native[name]).to_list())],
    )  # fmt: skip


def _parquet_table(file: Path | io.BytesIO, source: str, size: int, how: Reading) -> Table:
    import narwhals as nw
    import polars as pl

    def scan(part: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.DataFrame:
        return collect(file, part, source)

    def series_of(name: str) -> pl.Series:
        # Selected by index, because polars treats "*" and "^x$" as patterns.
        return scan(lambda frame: frame.select(pl.nth(names.index(name)))).to_series()

    def read(name: str) -> FloatArray:
        return series_floats(nw.from_native(series_of(name), series_only=True), name, source, how)

    def rows_of(first: int, count: int, wanted: tuple[str, ...]) -> Table:
        places = [names.index(name) for name in wanted]
        found = scan(lambda frame: frame.slice(first, count).select(pl.nth(*places)))
        return replace(_frame_table(found, how), source=f"{source}, counted from data row {first + 1}")

    names = tuple(scan(lambda frame: frame.limit(0)).columns)
    rows = scan(lambda frame: frame.select(pl.len())).item()
    refuse_repetition(rows, size, source)
    return Table(names, source, rows, read, rows_of, lambda name: [*map(as_text, series_of(name).to_list())])


# --- files ---


def _path_table(source: str | os.PathLike[str], how: Reading) -> Table:
    path, label = Path(os.fsdecode(source)), os.fsdecode(source)
    label = label if label.isprintable() and 0 < len(label) <= 200 else shown(label)
    suffix = path.suffix.lower()
    inner = Path(path.stem).suffix.lower() if suffix in PACKED_SUFFIXES else suffix
    try:
        _refuse_path(path, label, source)
        if suffix == PARQUET_SUFFIX and path.is_file():
            return _parquet_table(path, label, path.stat().st_size, how)
        if inner and inner not in (*TEXT_SUFFIXES, PARQUET_SUFFIX, *SHEET_SUFFIXES):
            raise TableError(f"{label}: files ending in {inner} are not read; save it as {_READABLE}")
        data = read_file(path, instead=AS_PARQUET, binary=BINARY, watch=watch_lines(label))
        return _bytes_table(data, label, how, tabs=inner in (".tsv", ".tab"), is_sheet=inner in SHEET_SUFFIXES)
    except UnreadableFileError as error:
        raise TableError(f"{label}: it cannot be read ({error.why}); {error.remedy}") from None
    except OSError as error:
        what = f"it cannot be read ({error.strerror or error})"
        raise TableError(f"{label}: {what}; check the path and its permissions") from None


_READABLE = f"{', '.join(TEXT_SUFFIXES[:3])}, {SHEET_SUFFIXES[0]} or {PARQUET_SUFFIX}"


def _refuse_path(path: Path, label: str, source: str | os.PathLike[str]) -> None:
    """Raise if there is no such file, or it is a directory."""
    if not path.exists() or not os.fspath(source):
        remedy = f"check its path, or name a built-in table: {', '.join(BUILT_IN)}"
        if "\n" in str(path):
            remedy = "give the text of a table as io.StringIO(text)"
        elif "~" in str(path)[1:]:  # a leading ~ is a home directory
            remedy = "it reads like a formula; name the table first, then the formula"
        raise TableError(f"{label}: there is no such file{_nearest(label, BUILT_IN)}; {remedy}")
    if path.is_dir():
        raise TableError(f"{label}: this is a directory; name a {_READABLE} file in it")


def _bytes_table(data: bytes, source: str, how: Reading, tabs: bool = False, is_sheet: bool = False) -> Table:
    data = unpacked(data, source)
    if data.startswith(PARQUET) and data.endswith(PARQUET):
        return _parquet_table(io.BytesIO(data), source, len(data), how)
    is_sheet = is_sheet or data.startswith((ZIP, OLD_EXCEL))
    texts = read_sheet(data, source, how) if is_sheet else read_csv(data, source, tabs, how)
    return Table(texts.names, source, texts.rows, texts.floats, texts=texts.cells)
