"""Read a sheet of a workbook (Excel, LibreOffice) with python-calamine, which is imported on first use."""

from __future__ import annotations

import importlib
import io
import math
import warnings
import zipfile
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.errors import TableError, TableWarning, missing
from steepest.messages.sentences import line, listed
from steepest.storage.reading import most_text
from steepest.tables.dialects import is_number
from steepest.tables.numerals import Column, FloatArray, Numerals
from steepest.tables.reading import Reading

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")


def read_sheet(data: bytes, source: str, reading: Reading) -> Numerals:
    """Read the sheet that the user has named, or else the first one with cells.

    Its first row has the names of the columns. Cells are numbers as the workbook has them: a percentage is 0.125 there
    already, and its decimal sign is one of display.

    Raises:
        TableError: the workbook is damaged, or has no such sheet, or python-calamine is not installed.
    """
    try:
        calamine: Any = importlib.import_module("python_calamine")
    except ImportError:
        needs = missing("workbooks need", "python-calamine", "excel", "save the sheet as CSV")
        raise TableError(f"{source}: {needs}") from None
    _refuse_large(data, source)
    try:
        book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = list(book.sheet_names)
        if reading.sheet is not None and reading.sheet not in names:
            raise TableError(f"{source}: there is no sheet {reading.sheet!r}; its sheets are {listed(names)}")
        sheets = [reading.sheet] if reading.sheet is not None else names
        filled = [(name, rows) for name in sheets if (rows := _filled(book.get_sheet_by_name(name)))]
    except TableError:
        raise
    except BaseException as error:  # calamine panics, which is no Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit, MemoryError)):
            raise
        raise TableError(f"{source}: it is not a workbook that can be read ({line(error)}); save it as CSV") from None
    if not filled:
        raise TableError(f"{source}: it is empty; give a row of column names and then one row per sample")
    if len(filled) > 1:
        what = f"the sheet {filled[0][0]!r} is read; others are {listed([name for name, _ in filled[1:]], 5)}"
        warnings.warn(f"{source}: {what}; sheet='NAME' chooses one", TableWarning, stacklevel=2)
    return Numerals(_columns(filled[0][1], source), source, reading, doubtful=True)


def _filled(sheet: Any) -> list[list[Any]]:
    """Return the rows of a sheet without empty ones."""
    return [row for row in sheet.to_python(skip_empty_area=True) if any(cell != "" for cell in row)]


def _columns(rows: list[list[Any]], source: str) -> dict[str, Column]:
    """Return the columns below the first row: numbers, or texts where a cell is a text or a date."""
    names = [str(cell).strip() for cell in rows[0]]
    if any(isinstance(cell, float) and not cell.is_integer() for cell in rows[0]) or all(map(is_number, names)):
        what = f"the first row holds numbers ({listed(names, 5)})"
        raise TableError(f"{source}: {what}; put a row of column names above it")
    name, times = Counter(filter(None, names)).most_common(1)[0]
    if times > 1:
        raise TableError(f"{source}: the header has the name {name!r} {times} times; rename all but one")
    found: dict[str, Column] = {}
    for k, name in enumerate(names):
        cells = [row[k] for row in rows[1:]]
        if name:
            found[name] = [_cells(cells)]
        elif any(cell != "" for cell in cells):
            what = f"column {k + 1} has no name in the header and is left out"
            warnings.warn(f"{source}: {what}", TableWarning, stacklevel=2)
    return found


def _cells(cells: list[Any]) -> FloatArray | pl.Series:
    import polars as pl

    if all(isinstance(cell, (int, float)) or cell == "" for cell in cells):
        return np.array([math.nan if cell == "" else float(cell) for cell in cells])
    return pl.Series([repr(cell) if isinstance(cell, float) else str(cell) for cell in cells], dtype=pl.String)


def _refuse_large(data: bytes, source: str) -> None:
    """Raise if a compressed workbook would become larger than a text may be."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        size = sum(part.file_size for part in parts.infolist())
    if size > most_text() // 4:  # cells need more memory than their text
        what = f"its parts have {size / 1e6:,.0f} MB"
        raise TableError(f"{source}: {what}; save the sheet as CSV, or as Parquet")
