"""Tables in, float columns out: built-in tables, files, Parquet, mappings and DataFrames."""

from __future__ import annotations

import csv
import datetime
import io
import os
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from places import IRIS
from steepest.errors import TableError
from steepest.tables.built_in import BUILT_IN
from steepest.tables.samples import Samples
from steepest.tables.table import open_table
from table_errors import message

# --- built-in tables and what a table is ---


@pytest.mark.parametrize(
    ("name", "z"),
    [("and", [0, 0, 0, 1]), ("or", [0, 1, 1, 1]), ("nand", [1, 1, 1, 0]), ("xor", [0, 1, 1, 0])],
)
def test_gates_are_their_truth_tables(name: str, z: list[int]) -> None:
    table = open_table(name)
    assert (table.names, table.rows, table.source) == (("x", "y", "z"), 4, f"the built-in table {name}")
    arrays = table.select(["x", "y", "z"]).arrays
    assert arrays["x"].tolist() == [0, 0, 1, 1]
    assert arrays["y"].tolist() == [0, 1, 0, 1]
    assert arrays["z"].tolist() == z


def test_twice_is_y_equal_2x() -> None:
    arrays = open_table("twice").select(["x", "y"]).arrays
    assert arrays["x"].tolist() == [0, 1, 2, 3, 4]
    assert arrays["y"].tolist() == [0, 2, 4, 6, 8]


def test_built_in_tables_carry_a_formula_and_a_start() -> None:
    assert list(BUILT_IN) == ["and", "or", "nand", "xor", "twice"]
    for name in ("and", "or", "nand"):
        assert BUILT_IN[name].formula == "z ~ sigmoid(x*w1 + y*w2 + b)"
        assert BUILT_IN[name].start == {"w1": 0.3, "w2": 0.6, "b": 0.1}
    xor, twice = BUILT_IN["xor"], BUILT_IN["twice"]
    assert xor.formula == "z ~ sigmoid(sigmoid(x*w1 + y*w2 + b1)*w5 + sigmoid(x*w3 + y*w4 + b2)*w6 + b3)"
    assert list(xor.start) == ["w1", "w2", "w3", "w4", "b1", "b2", "w5", "w6", "b3"]
    assert list(xor.start.values()) == [0.5, 0.3, -0.4, 0.8, 0.1, -0.2, 0.7, -0.6, 0.05]
    assert (twice.formula, twice.start) == ("y ~ x*w", {"w": 0.0})
    assert all(item.name == name and item.about for name, item in BUILT_IN.items())


def test_built_in_name_wins_over_a_file_and_a_path_reaches_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nand").write_text("x\n7\n")
    assert open_table("nand").rows == 4
    assert open_table("./nand").select(["x"]).arrays["x"].tolist() == [7.0]


def test_an_open_table_is_given_back() -> None:
    table = open_table("nand")
    assert open_table(table) is table
    with pytest.raises(TableError, match="it is open already"):
        open_table(table, decimal=",")


def test_columns_are_read_only_contiguous_float64() -> None:
    mine = np.arange(6.0).reshape(2, 3)
    columns = open_table({"a": mine[:, 1], "b": np.array([1, 2], dtype=np.int8), "c": mine}).select(["a", "b", "c"])
    for array in columns.arrays.values():
        assert array.dtype == np.float64
        assert array.flags.c_contiguous
        assert not array.flags.writeable
    mine[0, 0] = 9.0  # the caller's own array stays writable
    assert np.shares_memory(columns.arrays["c"], mine)


def test_columns_say_what_was_kept() -> None:
    columns = open_table("nand").select(["z"])
    assert isinstance(columns, Samples)
    assert (columns.rows, columns.dropped, columns.kept.tolist()) == (4, 0, [0, 1, 2, 3])
    assert list(columns.arrays) == ["z"]


def test_one_name_may_be_given_as_a_text_and_twice() -> None:
    assert list(open_table({"speed": [1]}).select("speed").arrays) == ["speed"]
    assert list(open_table({"x": [1], "y": [2]}).select(["y", "x", "y"]).arrays) == ["y", "x"]


@pytest.mark.parametrize("na", ["skip", "", None, True])
def test_any_other_na_is_an_error(na: Any) -> None:
    said = message("nand", "x", na=na)
    assert repr(na) in said
    assert 'na="drop"' in said


@pytest.mark.parametrize(
    ("use", "loaded"),
    [
        ("", "[]"),
        ("open_table('nand').select(['x'])", "[]"),
        ("open_table({'x': [1, None]}).select(['x'], 'drop')", "[]"),
        ("import io; open_table(io.StringIO('x\\n1'))", "['polars']"),
    ],
)
def test_heavy_imports_wait_until_needed(use: str, loaded: str) -> None:
    heavy = "{'polars', 'narwhals', 'pandas', 'pyarrow'}"
    code = f"import sys\nfrom steepest.tables.table import open_table\n{use}\nprint(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == loaded


# --- files and streams ---


@pytest.mark.parametrize(
    ("name", "text"),
    [("t.csv", "x,y\n1,2\n"), ("t.CSV", "x;y\n1;2\n"), ("t.txt", "x\ty\n1\t2\n"), ("t.tsv", "x\ty\n1\t2\n")],
)
def test_paths_are_read_by_suffix(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    for source in (tmp_path / name, str(tmp_path / name)):
        table = open_table(source)
        assert table.source == str(tmp_path / name)
        assert table.select(["y"]).arrays["y"].tolist() == [2.0]


def test_tsv_is_separated_by_tabs_even_with_a_comma_in_the_header(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("x,1\ty\n1\t2\n")
    assert open_table(tmp_path / "t.tsv").names == ("x,1", "y")


def test_messages_begin_with_the_path(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x\nabc\n")
    assert message(tmp_path / "t.csv", "x").startswith(f"{tmp_path / 't.csv'}: data row 1 of column 'x'")


def test_a_file_that_does_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert message("nope.csv").startswith("nope.csv: there is no such file")
    assert message(tmp_path / "nope.parquet").startswith(f"{tmp_path}")
    assert "did you mean 'nand'" in message("nan")
    assert "no such file" in message("")
    assert "no such file" in message("a\0b.csv")
    assert "io.StringIO" in message("x,y\n1,2\n")
    assert len(message("x" * 5000)) < 300


def test_a_directory_is_an_error(tmp_path: Path) -> None:
    assert "this is a directory" in message(tmp_path)


def test_another_suffix_is_an_error_that_names_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_bytes(b"[]")
    said = message(tmp_path / "t.json")
    assert ".json" in said
    assert ".csv, .tsv, .txt, .xlsx or .parquet" in said


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.csv").write_text("x\n1\n")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert "it cannot be read (Permission denied)" in message(tmp_path / "t.csv")


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"x\n1\nabc\n")))
    assert message("-", "x").startswith("standard input: data row 2 of column 'x'")
    monkeypatch.setattr(sys, "stdin", io.StringIO("x\n1\n"))
    assert open_table("-").select(["x"]).arrays["x"].tolist() == [1.0]
    monkeypatch.setattr(sys, "stdin", None)
    assert message("-", "x").startswith("standard input: it cannot be read")


def test_file_objects_of_bytes_and_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x\n1\n")
    for mode in ("r", "rb"):
        with (tmp_path / "t.csv").open(mode) as file:
            table = open_table(file)
        assert table.source == str(tmp_path / "t.csv")
        assert table.select(["x"]).arrays["x"].tolist() == [1.0]


def test_file_objects_that_cannot_be_read(tmp_path: Path) -> None:
    closed = io.StringIO("x\n1\n")
    closed.close()
    assert "it cannot be read" in message(closed)
    with (tmp_path / "t.csv").open("w") as file:
        assert "it cannot be read" in message(file)
    (tmp_path / "t.csv").write_bytes(b"x\n\xe9\n")
    with (tmp_path / "t.csv").open(encoding="utf-8") as file:
        assert "it cannot be read" in message(file)
    assert "it cannot be read" in message(io.StringIO("x\n\ud800\n"))
    assert "reading it gave list" in message(SimpleNamespace(read=lambda size: [1]))


# --- mappings ---


def test_a_mapping_of_lists_arrays_and_blocks() -> None:
    given_here = {
        "list": [1, 2.5],
        "tuple": (True, False),
        "int": np.array([3, 4], dtype=np.uint8),
        "block": [[1, 2, 3], [4, 5, 6]],
        "deep": np.ones((2, 3, 4)),
        "series": pd.Series([5, 6]),
        "polars": pl.Series([7, 8]),
        "exact": [Decimal("1.5"), Fraction(1, 4)],
    }
    arrays = open_table(given_here).select(given_here).arrays
    assert arrays["list"].tolist() == [1.0, 2.5]
    assert arrays["tuple"].tolist() == [1.0, 0.0]
    assert arrays["int"].tolist() == [3.0, 4.0]
    assert arrays["block"].tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    assert arrays["deep"].shape == (2, 3, 4)
    assert arrays["series"].tolist() == [5.0, 6.0]
    assert arrays["polars"].tolist() == [7.0, 8.0]
    assert arrays["exact"].tolist() == [1.5, 0.25]


def test_whole_numbers_beyond_2_to_53_become_the_nearest_float() -> None:
    assert open_table({"x": [2**53 + 1, 2**62]}).select("x").arrays["x"].tolist() == [2.0**53, 2.0**62]


@pytest.mark.parametrize(
    "values",
    [
        [1, None, 3],
        [1.0, float("nan"), 3.0],
        np.array([1, np.nan, 3], dtype=np.float32),
        np.ma.masked_array([1, 2, 3], mask=[False, True, False]),
        pd.array([1, None, 3]),
        [1, pd.NA, 3],
        [1, pd.NaT, 3],
        pl.Series([1, None, 3]),
        [Decimal(1), Decimal("sNaN"), Decimal(3)],
    ],
)
def test_missing_values_in_a_mapping(values: Any) -> None:
    table = open_table({"x": values, "y": [1, 2, 3]})
    assert "the dict given: data row 2 of column 'x' has no value" in message(table, "x", "y")
    assert table.select(["x", "y"], na="drop").arrays["x"].tolist() == [1.0, 3.0]


def test_a_missing_value_in_a_block_drops_its_row() -> None:
    table = open_table({"X": [[1, 2], [3, np.nan], [5, 6]]})
    assert "data row 2 of column 'X', entry 1 has no value" in message(table, "X")
    assert table.select("X", na="drop").arrays["X"].tolist() == [[1.0, 2.0], [5.0, 6.0]]


@pytest.mark.parametrize("values", [[1, np.inf], [1.0, 10**400], [1, -(10**400)], np.longdouble(["1", "1e400"])])
def test_infinities_in_a_mapping(values: Any) -> None:
    assert "data row 2 of column 'x' is infinite" in message({"x": values}, "x")


def test_the_first_infinity_is_named_with_its_sign() -> None:
    assert "data row 1 of column 'x' is infinite (-inf)" in message({"x": [-(10**400), 1, 10**400]}, "x")
    assert "data row 2 of column 'x' is infinite (inf)" in message({"x": [1, 10**400, -(10**400)]}, "x")


def test_different_lengths_name_both_columns() -> None:
    assert "column 'x' has 3 rows and 'y' has 2" in message({"x": [1, 2, 3], "y": [1, 2]}, "x")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["a", "b"], "data row 1 of column 'x' holds the text 'a'"),
        ([1, "b"], "data row 2 of column 'x' holds the text 'b'"),
        (np.array(["1", "2"]), "data row 1 of column 'x' holds the text '1'"),
        (np.array([1, "b"], dtype=object), "data row 2 of column 'x' holds the text 'b'"),
        ([1, 2j], "data row 1 of column 'x' holds (1+0j) (complex128)"),
        (np.array(["2020-01-02"], dtype="M8[D]"), "data row 1 of column 'x' holds 2020-01-02 (datetime64)"),
        ([datetime.date(2020, 1, 2)], "data row 1 of column 'x' holds 2020-01-02 (date)"),
        ([1, {}], "data row 2 of column 'x' holds {} (dict)"),
        ([[1, 2], [3]], "column 'x' has 2 numbers in data row 1 and 1 in data row 2"),
        (5, "column 'x' is of type int"),
        (np.float64(5), "column 'x' is of type float64"),
        (np.array(5.0), "column 'x' is of type ndarray"),
        ("abc", "column 'x' is of type str"),
        ({1, 2}, "column 'x' is of type set"),
        (iter([1]), "column 'x' is of type list_iterator"),
    ],
)
def test_what_is_no_column_of_numbers(values: Any, said: str) -> None:
    assert said in message({"x": values}, "x")


def test_mappings_without_columns_rows_or_names() -> None:
    assert "there are no columns" in message({})
    assert "no rows" in message({"x": []}, "x")
    assert "the column name 1 is not a text" in message({1: [2]}, "x")


def test_a_column_that_changed_after_opening_is_an_error() -> None:
    values = [1.0, 2.0]
    table = open_table({"x": values})
    values.append(3.0)
    assert "column 'x' has 3 rows and the table has 2" in message(table, "x")


# --- the example ---


def test_iris_is_fishers_table() -> None:
    with IRIS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    measures = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    species = ["setosa", "versicolor", "virginica"]
    assert list(rows[0]) == [*measures, "species", *species]
    assert [row["species"] for row in rows] == [name for name in species for _ in range(50)]
    assert all(row[name] == str(int(row["species"] == name)) for row in rows for name in species)
    # rows 1, 35, 38 and 150 as Fisher printed them; other copies differ in 35 and 38
    for place, line in ((1, "5.1 3.5 1.4 0.2"), (35, "4.9 3.1 1.5 0.2"), (38, "4.9 3.6 1.4 0.1")):
        assert [rows[place - 1][name] for name in measures] == line.split()
    assert [rows[149][name] for name in measures] == ["5.9", "3.0", "5.1", "1.8"]

    columns = open_table(IRIS).select([*measures, *species])
    means = {
        "setosa": [5.006, 3.428, 1.462, 0.246],
        "versicolor": [5.936, 2.770, 4.260, 1.326],
        "virginica": [6.588, 2.974, 5.552, 2.026],
    }
    for name, mean in means.items():
        members = columns.arrays[name] == 1
        assert members.sum() == 50
        np.testing.assert_allclose([columns.arrays[m][members].mean() for m in measures], mean, atol=1e-12)
