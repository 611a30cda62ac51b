"""Open tables of any kind and select their columns as float64; errors name row and column.

Opening a table reads its column names and its number of rows. Columns are converted when they are selected, so
columns that no formula uses may contain anything. `csv_text` reads CSV, polars reads Parquet and narwhals reads
DataFrames; the libraries are imported on first use.
"""

from __future__ import annotations

import difflib
import io
import math
import numbers
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.errors import TableError
from steepest.messages.sentences import counted, line, listed, shown
from steepest.storage.reading import UnreadableFileError, read_file
from steepest.tables.built_in import BUILT_IN
from steepest.tables.cells import as_text, written
from steepest.tables.csv_text import AS_PARQUET, FloatArray, no_number, read_all, read_csv, to_floats, where
from steepest.tables.parquet import collect, refuse_repetition
from steepest.tables.samples import Samples

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIX, PARQUET_MAGIC = ".parquet", b"PAR1"


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
            na: "error" raises at a missing value (an empty cell, NA, N/A, NaN, null, None), "drop" leaves out
                each row with a missing value in one of the columns.

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


def open_table(source: object) -> Table:
    """Open a table.

    Args:
        source: One of
            a `Table`, returned as it is;
            the name of a built-in table: and, or, nand, xor, twice (`./nand` is the file of that name);
            a path to `.csv`, `.tsv`, `.txt` or no suffix (a header, then one line per row, UTF-8, separated by commas
            or else semicolons or tabs) or to `.parquet`;
            "-" for CSV from standard input;
            a file object, of bytes or text, with CSV or Parquet in it;
            a mapping from names to arrays (n,), or (n, d) for a feature group;
            a DataFrame of pandas, polars, pyarrow or another library that narwhals supports.

    Examples:
        >>> table = open_table(io.StringIO("x,name\\n1,one\\n2,two\\n"))
        >>> table.names, table.rows, table.select(["x"]).arrays
        (('x', 'name'), 2, {'x': array([1., 2.])})
    """
    if isinstance(source, Table):
        return source
    if isinstance(source, str) and source in BUILT_IN:
        return _mapping_table(BUILT_IN[source].columns, f"the built-in table {source}")
    if isinstance(source, str) and source == "-":
        stream, label = getattr(sys.stdin, "buffer", sys.stdin), "standard input"
        return _bytes_table(read_all(stream, label), label)
    if isinstance(source, (str, os.PathLike)):
        return _path_table(source)
    if isinstance(source, Mapping):
        return _mapping_table(source, f"the {type(source).__name__} given")
    if hasattr(source, "read"):
        name = getattr(source, "name", None)
        label = name if isinstance(name, str) else "the file object given"
        return _bytes_table(read_all(source, label), label)
    return _frame_table(source)


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


def _mapping_table(columns: Mapping[Any, Any], source: str) -> Table:
    lengths: dict[str, int] = {}
    for name, values in columns.items():
        if not isinstance(name, str):
            raise TableError(f"{source}: the column name {shown(name)} is not a text; write it as one")
        try:
            lengths[name] = len(values)
        except TypeError:  # a number, an iterator, an array without dimensions
            raise _not_a_column(source, name, values) from None
    if not lengths:
        raise TableError(f"{source}: there are no columns; give at least one, such as {{'x': [0, 1]}}")
    first, rows = next(iter(lengths.items()))
    for name, length in lengths.items():
        if length != rows:
            raise TableError(
                f"{source}: column {first!r} has {counted(rows, 'row')} and {name!r} has {length}; make them equal"
            )
    return Table(tuple(lengths), source, rows, lambda name: _floats(columns[name], name, source),
                 texts=lambda name: [*map(as_text, np.asarray(columns[name], object).tolist())])  # fmt: skip


def _not_a_column(source: str, name: str, values: Any) -> TableError:
    what = f"column {name!r} is of type {type(values).__name__}"
    return TableError(f"{source}: {what}; give a list or an array with one number per row")


def _floats(values: Any, name: str, source: str) -> FloatArray:
    """Convert a column of a mapping, or a column of a DataFrame without a numeric type, to float64."""
    if isinstance(values, (str, bytes)):
        raise _not_a_column(source, name, values)
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise TableError(f"{source}: column {name!r} {_why_not_an_array(values, error)}") from None
    if array.ndim == 0:
        raise _not_a_column(source, name, values)
    if array.dtype.kind in "biuf":
        with np.errstate(over="ignore"):  # a long double may become infinite, which is reported with its row
            floats = array.astype(np.float64, copy=False)
        if isinstance(values, np.ma.MaskedArray):
            floats = np.where(np.ma.getmaskarray(values), np.nan, floats)
        return floats
    # NumPy converts [1, "a"] to two strings; an array of objects keeps the elements as given.
    if array.dtype.kind in "US" and not isinstance(values, np.ndarray):
        array = np.array(values, dtype=object)
    floats = np.empty(array.shape, dtype=np.float64)
    for index in np.ndindex(array.shape):
        number = _number(array[index])
        if number is None:
            raise no_number(source, name, index, array[index])
        floats[index] = number
    return floats


def _why_not_an_array(values: Any, error: Exception) -> str:
    sizes = [len(row) if hasattr(row, "__len__") else 1 for row in values]
    for row, size in enumerate(sizes, start=1):
        if size != sizes[0]:
            return f"has {sizes[0]} numbers in data row 1 and {size} in data row {row}; make them equal"
    return f"is not an array of numbers ({line(error)}); make it one"


def _number(value: Any) -> float | None:
    """Convert an object to a number: NaN for a missing value, None if it is not a number."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):  # of pandas, which is not imported for this
        return math.nan
    is_number = isinstance(value, (numbers.Real, Decimal, np.bool_))
    if not is_number:
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except ValueError:  # a signalling NaN of decimal
        return math.nan


# --- DataFrames and Parquet ---


def _frame_table(source: Any) -> Table:
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
        names, label, rows, lambda name: _series_floats(frame.get_column(native[name]), name, label),
        texts=lambda name: [*map(as_text, frame.get_column(native[name]).to_list())],
    )  # fmt: skip


def _series_floats(series: Any, name: str, source: str) -> FloatArray:
    import narwhals as nw

    if series.dtype.is_numeric() or series.dtype == nw.Boolean:
        return np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    # A column of text, dates, lists or objects: the error names the first value that is not a number.
    return _floats(np.fromiter(series.to_list(), dtype=object, count=len(series)), name, source)


def _parquet_table(file: Path | io.BytesIO, source: str, size: int) -> Table:
    import narwhals as nw
    import polars as pl

    def scan(part: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.DataFrame:
        return collect(file, part, source)

    def series_of(name: str) -> pl.Series:
        # Selected by index, because polars treats "*" and "^x$" as patterns.
        return scan(lambda frame: frame.select(pl.nth(names.index(name)))).to_series()

    def read(name: str) -> FloatArray:
        series = series_of(name)
        return _series_floats(nw.from_native(series, series_only=True), name, source)

    def rows_of(first: int, count: int, wanted: tuple[str, ...]) -> Table:
        places = [names.index(name) for name in wanted]
        found = scan(lambda frame: frame.slice(first, count).select(pl.nth(*places)))
        return replace(_frame_table(found), source=f"{source}, counted from data row {first + 1}")

    names = tuple(scan(lambda frame: frame.limit(0)).columns)
    rows = scan(lambda frame: frame.select(pl.len())).item()
    refuse_repetition(rows, size, source)
    return Table(names, source, rows, read, rows_of, lambda name: [*map(as_text, series_of(name).to_list())])


# --- files ---


def _path_table(source: str | os.PathLike[str]) -> Table:
    path, label = Path(os.fsdecode(source)), os.fsdecode(source)
    label = label if label.isprintable() and 0 < len(label) <= 200 else shown(label)
    readable = f"{', '.join(TEXT_SUFFIXES)} or {PARQUET_SUFFIX}"
    suffix = path.suffix.lower()
    try:
        if not path.exists() or not os.fspath(source):
            remedy = f"check its path, or name a built-in table: {', '.join(BUILT_IN)}"
            if "\n" in str(path):
                remedy = "give the text of a table as io.StringIO(text)"
            elif "~" in str(path)[1:]:  # a leading ~ is a home directory
                remedy = "it reads like a formula; name the table first, then the formula"
            raise TableError(f"{label}: there is no such file{_nearest(label, BUILT_IN)}; {remedy}")
        if path.is_dir():
            raise TableError(f"{label}: this is a directory; name a {readable} file in it")
        if suffix == PARQUET_SUFFIX and path.is_file():
            return _parquet_table(path, label, path.stat().st_size)
        if suffix and suffix not in (*TEXT_SUFFIXES, PARQUET_SUFFIX):
            raise TableError(f"{label}: files ending in {suffix} are not read; save it as {readable}")
        return _bytes_table(read_file(path, instead=AS_PARQUET), label, tabs=suffix == ".tsv")
    except UnreadableFileError as error:
        raise TableError(f"{label}: it cannot be read ({error.why}); {error.remedy}") from None
    except OSError as error:
        what = f"it cannot be read ({error.strerror or error})"
        raise TableError(f"{label}: {what}; check the path and its permissions") from None


def _bytes_table(data: bytes, source: str, tabs: bool = False) -> Table:
    if data.startswith(PARQUET_MAGIC) and data.endswith(PARQUET_MAGIC):
        return _parquet_table(io.BytesIO(data), source, len(data))
    texts = read_csv(data, source, tabs)
    rows = sum(map(len, next(iter(texts.values()))))
    return Table(
        tuple(texts), source, rows, lambda name: to_floats(texts[name], name, source),
        texts=lambda name: written(texts[name]),
    )  # fmt: skip
