"""Parquet files and DataFrames as tables."""

from __future__ import annotations

import datetime
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import steepest as st
from steepest.errors import TableWarning
from steepest.tables.table import open_table
from table_errors import message

# --- Parquet ---


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    path = tmp_path / "t.parquet"
    columns = {"x": [1.5, None, 3.0], "*": [1, 2, 3], "b": [True, False, True], "s": ["a", "b", "c"]}
    pl.DataFrame(columns).write_parquet(path)
    return path


def test_parquet_is_read(parquet: Path) -> None:
    table = open_table(parquet)
    assert (table.names, table.rows) == (("x", "*", "b", "s"), 3)
    columns = table.select(["*", "b", "x"], na="drop")
    assert columns.arrays["*"].tolist() == [1.0, 3.0]
    assert columns.arrays["b"].tolist() == [1.0, 1.0]
    assert columns.arrays["x"].tolist() == [1.5, 3.0]
    assert open_table(io.BytesIO(parquet.read_bytes())).select("*").arrays["*"].tolist() == [1.0, 2.0, 3.0]


def test_parquet_errors_name_row_and_column(parquet: Path) -> None:
    assert "t.parquet: data row 2 of column 'x' has no value" in message(parquet, "x")
    assert "data row 1 of column 's' holds the text 'a'" in message(parquet, "s")
    assert "no column 'y'" in message(parquet, "y")


def test_a_path_with_pattern_signs_is_a_path(parquet: Path) -> None:
    odd = parquet.rename(parquet.with_name("t[1]*.parquet"))
    assert open_table(odd).rows == 3


@pytest.mark.parametrize("part", [0.0, 0.02, 0.5, 0.9, 0.999])
def test_a_truncated_parquet_file_is_an_error(parquet: Path, part: float) -> None:
    data = parquet.read_bytes()
    parquet.write_bytes(data[: int(len(data) * part)])
    assert "it is not a Parquet file that can be read" in message(parquet, "*")


def test_a_damaged_parquet_file_is_an_error(parquet: Path) -> None:
    data = parquet.read_bytes()
    parquet.write_bytes(data[:4] + b"\xff" * (len(data) - 12) + data[-8:])
    assert "it is not a Parquet file that can be read" in message(parquet, "*")
    assert "it is not a Parquet file that can be read" in message(io.BytesIO(b"PAR1 and nothing PAR1"), "*")


def test_a_panic_inside_polars_is_an_error(parquet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def panic(*args: Any, **options: Any) -> None:
        raise pl.exceptions.PanicException("range end index 9")

    monkeypatch.setattr(pl, "scan_parquet", panic)
    assert "it is not a Parquet file that can be read (polars fails to decode it)" in message(parquet, "*")


def test_parquet_without_rows_is_an_error(tmp_path: Path) -> None:
    pl.DataFrame({"x": []}, schema={"x": pl.Float64}).write_parquet(tmp_path / "t.parquet")
    assert "no rows" in message(tmp_path / "t.parquet", "x")


# --- DataFrames ---

MAKERS: list[Callable[[dict[str, list[Any]]], Any]] = [pd.DataFrame, pl.DataFrame, pa.table]


@pytest.mark.parametrize("make", MAKERS)
def test_data_frames_are_read(make: Callable[..., Any]) -> None:
    frame = make({"i": [1, 2, 3], "f": [0.5, None, 2.5], "b": [True, None, False], "s": ["a", "b", "c"]})
    table = open_table(frame)
    assert (table.names, table.rows) == (("i", "f", "b", "s"), 3)
    assert table.select("i").arrays["i"].tolist() == [1.0, 2.0, 3.0]
    assert table.select(["f", "b"], na="drop").arrays["f"].tolist() == [0.5, 2.5]
    assert table.select(["f", "b"], na="drop").arrays["b"].tolist() == [1.0, 0.0]
    kind = type(frame).__name__
    assert message(table, "f").startswith(f"the {kind} given: data row 2 of column 'f' has no value")
    assert "data row 1 of column 's' holds the text 'a'" in message(table, "s")
    assert "no column 'y'" in message(table, "y")


@pytest.mark.parametrize("make", MAKERS)
def test_data_frame_values_that_are_no_numbers(make: Callable[..., Any]) -> None:
    frame = make({"d": [None, datetime.datetime(2020, 1, 2)], "n": [None, None], "l": [[1], [2]]})
    assert "data row 2 of column 'd' holds 2020-01-02 00:00:00" in message(frame, "d")
    assert "data row 1 of column 'n' has no value" in message(frame, "n")
    assert "data row 1 of column 'l' holds [1] (list)" in message(frame, "l")


@pytest.mark.parametrize("make", MAKERS)
def test_decimals_are_numbers_and_infinities_are_not(make: Callable[..., Any]) -> None:
    frame = make({"d": [Decimal("1.5"), Decimal("2.25")], "f": [1.0, float("-inf")]})
    assert open_table(frame).select("d").arrays["d"].tolist() == [1.5, 2.25]
    assert "data row 2 of column 'f' is infinite (-inf)" in message(frame, "f")


@pytest.mark.parametrize("dtype", ["Int64", "Float32", "boolean", "int64[pyarrow]"])
def test_pandas_nullable_types(dtype: str) -> None:
    frame = pd.DataFrame({"x": pd.array([1, None, 0], dtype=dtype)})
    assert open_table(frame).select("x", na="drop").arrays["x"].tolist() == [1.0, 0.0]
    assert "data row 2 of column 'x' has no value" in message(frame, "x")


def test_complex_and_mixed_pandas_columns() -> None:
    frame = pd.DataFrame({"c": [1j, 2], "o": pd.Series([1, "two"], dtype=object)})
    assert "data row 1 of column 'c' holds 1j (complex)" in message(frame, "c")
    assert "data row 2 of column 'o' holds the text 'two'" in message(frame, "o")


def test_narwhals_frames_are_read() -> None:
    assert open_table(nw.from_native(pl.DataFrame({"x": [1, 2]}))).select("x").arrays["x"].tolist() == [
        1.0,
        2.0,
    ]


def test_data_frames_with_duplicate_names_or_no_rows() -> None:
    assert "columns share a name" in message(pd.DataFrame([[1, 2]], columns=["x", "x"]), "x")
    assert "no rows" in message(pd.DataFrame({"x": []}), "x")
    assert "no rows" in message(pd.DataFrame(), "x")


@pytest.mark.parametrize("source", [np.zeros((2, 2)), [1, 2], 3, None, pl.Series([1]), b"x\n1\n"])
def test_what_is_no_table(source: Any) -> None:
    said = message(source)
    assert said.startswith(f"the {type(source).__name__} given: this is not a table")
    assert "give a dict" in said


def test_a_lazy_frame_is_to_be_collected() -> None:
    assert "collect() it first" in message(pl.LazyFrame({"x": [1]}))


def test_a_parquet_file_that_holds_hardly_anything_is_refused(tmp_path: Path) -> None:
    """A column of one value, repeated 10⁸ times, is 370 kB on disk and 800 MB in memory."""
    column = pl.select(x=pl.repeat(1.0, 1_000_000)).to_series()
    pl.DataFrame({"x": pl.concat([column] * 40)}).write_parquet(tmp_path / "t.parquet", row_group_size=40_000_000)
    for source in (tmp_path / "t.parquet", io.BytesIO((tmp_path / "t.parquet").read_bytes())):
        assert "it has 40,000,000 rows in " in (said := message(source))
        assert "bytes, so that they hold hardly anything; check where it comes from" in said


# --- columns of DataFrames that are not plainly numbers ---


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.Categorical([1, 2, 1]), [1, 2, 1]),
        (pd.Categorical([1.5, None, 2.5]), [1.5, 2.5]),
        (pd.array([1.5, None, 2.5], dtype="Float64"), [1.5, 2.5]),
        (pd.array([True, None, False], dtype="boolean"), [1, 0]),
        (pd.arrays.SparseArray([0, 0, 1.5]), [0, 0, 1.5]),
        (pd.Series([1, 2.5, None, True, Decimal("1.5"), np.float32(2)], dtype=object), [1, 2.5, 1, 1.5, 2]),
        (pl.Series([Decimal("1.5"), None, Decimal("2.25")]), [1.5, 2.25]),
        (pl.Series([1, 2], dtype=pl.Int128), [1, 2]),
    ],
)
def test_columns_of_numbers_of_other_types(values: Any, expected: list[float]) -> None:
    frame = (pl.DataFrame if isinstance(values, pl.Series) else pd.DataFrame)({"x": values})
    assert open_table(frame).select("x", na="drop").arrays["x"].tolist() == expected


TEXTS = ["1.5", "NA", "2"]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"x": pd.array(TEXTS, dtype="string")}),
        pd.DataFrame({"x": pd.Series(TEXTS, dtype=object)}),
        pd.DataFrame({"x": pd.Series(["1.5", None, 2], dtype=object)}),
        pd.DataFrame({"x": pd.Categorical(TEXTS)}),
        pl.DataFrame({"x": TEXTS}),
        pl.DataFrame({"x": TEXTS}, schema={"x": pl.Enum(["1.5", "NA", "2"])}),
        pa.table({"x": TEXTS}),
    ],
)
def test_texts_that_are_numbers_are_read_as_those_of_a_csv_with_a_note(frame: Any) -> None:
    with pytest.warns(TableWarning, match="column 'x' has texts, which are read as numbers"):
        found = open_table(frame).select("x", na="drop")
    assert found.arrays["x"].tolist() == [1.5, 2.0]
    assert found.kept.tolist() == [0, 2]


def test_texts_of_other_countries_in_a_frame() -> None:
    frame = pd.DataFrame({"x": ["1.234,5", "2"], "y": ["1,200", "2,500"], "z": ["5%", "7.5%"]})
    with pytest.warns(TableWarning, match=r"'1\.234,5' in column 'x' is read as 1234\.5"):
        assert open_table(frame).select("x").arrays["x"].tolist() == [1234.5, 2.0]
    with pytest.warns(TableWarning, match="percentages"):
        assert open_table(frame).select("z").arrays["z"].tolist() == [0.05, 0.075]
    said = message(frame, "y")
    assert "may be 1200 or 1.2; say which with thousands=',' for 1200, or decimal=',' for 1.2" in said
    assert "argument of st.open_table" in said
    assert st.open_table(frame, thousands=",").select("y").arrays["y"].tolist() == [1200.0, 2500.0]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            pd.Categorical(["lo", "hi"]),
            "column 'x' is categorical, with categories such as 'lo'; make a column of",
        ),
        (pl.Series(["lo", "hi"], dtype=pl.Categorical), "column 'x' is categorical, with categories such as 'lo'"),
        (pd.to_datetime(["2020-01-01", "2020-01-02"]), "a date needs a column of numbers, such as the days since"),
        (pl.Series([datetime.date(2020, 1, 1)]), "a date needs a column of numbers, such as the days since"),
        (pd.to_timedelta([1, 2], unit="D"), "column 'x' holds durations, which are no numbers; a duration needs"),
    ],
)
def test_columns_that_are_no_numbers_say_what_to_do(values: Any, said: str) -> None:
    frame = (pl.DataFrame if isinstance(values, pl.Series) else pd.DataFrame)({"x": values})
    assert said in message(frame, "x")
