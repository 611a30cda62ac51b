"""Convert columns of dicts and DataFrames to float64; errors name the first value that is not a number."""

from __future__ import annotations

import math
import numbers
import warnings
from decimal import Decimal
from typing import Any

import numpy as np

from steepest.errors import TableError, TableWarning
from steepest.messages.sentences import line
from steepest.tables.numerals import FloatArray, Numerals, no_number, without
from steepest.tables.reading import Reading


def not_a_column(source: str, name: str, values: Any) -> TableError:
    what = f"column {name!r} is of type {type(values).__name__}"
    return TableError(f"{source}: {what}; give a list or an array with one number per row")


def array_floats(values: Any, name: str, source: str) -> FloatArray:
    """Convert a column of a mapping, or a column of a DataFrame without a numeric type, to float64."""
    if isinstance(values, (str, bytes)):
        raise not_a_column(source, name, values)
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise TableError(f"{source}: column {name!r} {_why_not_an_array(values, error)}") from None
    if array.ndim == 0:
        raise not_a_column(source, name, values)
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


def series_floats(series: Any, name: str, source: str, reading: Reading) -> FloatArray:
    """Convert a column of a DataFrame, as narwhals has it, to float64 ``(n,)``, with NaN for missing values.

    Texts are read as those of a CSV are, and a note says so. A categorical column is one of its categories, not of
    their numbers.
    """
    import narwhals as nw

    if series.dtype.is_numeric() or series.dtype == nw.Boolean:
        return without(np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64), reading)
    values = series.to_list()
    texts = [value for value in values if isinstance(value, str)]
    if texts and all(isinstance(value, str) or _number(value) is not None for value in values):
        return _text_floats(series, values, name, source, reading)
    if series.dtype == nw.Duration:
        remedy = "a duration needs a column of numbers, such as its seconds (dt.total_seconds())"
        raise TableError(f"{source}: column {name!r} holds durations, which are no numbers; {remedy}")
    return without(array_floats(np.fromiter(values, dtype=object, count=len(values)), name, source), reading)


def _text_floats(series: Any, values: list[Any], name: str, source: str, reading: Reading) -> FloatArray:
    """Convert texts, and numbers and missing values among them."""
    import narwhals as nw
    import polars as pl

    texts = pl.Series([_as_text(value) for value in values], dtype=pl.String)
    try:
        with warnings.catch_warnings(record=True) as noted:
            warnings.simplefilter("always", TableWarning)
            found = Numerals({name: [texts]}, source, reading, doubtful=True).floats(name)
    except TableError:
        if not (series.dtype == nw.Categorical or series.dtype == nw.Enum):
            raise
        kinds = "pandas.get_dummies(frame), or frame.to_dummies() of polars"
        what = f"column {name!r} is categorical, with categories such as {texts.drop_nulls()[0]!r}"
        raise TableError(f"{source}: {what}; make a column of 0 and 1 for each of them, by {kinds}") from None
    if not noted and reading.decimal is None and reading.thousands is None:
        warnings.warn(f"{source}: column {name!r} has texts, which are read as numbers", TableWarning, stacklevel=2)
    for each in noted:
        warnings.warn(each.message, TableWarning, stacklevel=2)
    return found


def _as_text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    number = _number(value)
    return None if number is None or math.isnan(number) else repr(number)
