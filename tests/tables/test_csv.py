"""CSV in, float columns out, against numbers written by hand, the csv module and pandas."""

from __future__ import annotations

import csv
import io
import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.errors import TableError, TableWarning
from steepest.tables import csv_text
from steepest.tables.table import Table, open_table


def read(text: str | bytes, *names: str, na: str = "error") -> dict[str, list[Any]]:
    """The columns named of a CSV text, as lists."""
    data = text.encode() if isinstance(text, str) else text
    columns = open_table(io.BytesIO(data)).select(names, na)
    return {name: array.tolist() for name, array in columns.arrays.items()}


def complaint(text: str | bytes, *names: str, na: str = "error") -> str:
    """What the error says when the columns named are read from a CSV text; every such error is one line."""
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(TableError) as caught:
        open_table(io.BytesIO(data)).select(names, na)
    said = str(caught.value)
    assert "\n" not in said
    return said


# --- CSV that is right ---


@pytest.mark.parametrize(
    "text",
    [
        "x,y\n1,2\n3,4\n",
        "x,y\n1,2\n3,4",
        "x,y\r\n1,2\r\n3,4\r\n",
        "x,y\r1,2\r3,4\r",
        "\ufeffx,y\n1,2\n3,4\n",
        " x , y \n 1 ,\t2\n3  ,  4.0\n",
        "x;y\n1;2\n3;4\n",
        "x\ty\n1\t2\n3\t4\n",
        '"x","y"\n"1","2"\n"3","4"\n',
        '"x", "y"\n1, "2"\n3, "4"\n',
        "x,y\n1,2\n\n3,4\n\n\n",
        "\n\nx,y\n1,2\n   \n3,4\n",
        "x,y\n+1,2.\n3e0,.4E+1\n",
    ],
)
def test_csv_spellings_of_one_table(text: str) -> None:
    assert read(text, "x", "y") == {"x": [1.0, 3.0], "y": [2.0, 4.0]}


def test_quoted_fields_may_hold_separators_newlines_and_quotation_marks() -> None:
    text = 'name,x\n"one, or ""1""",1\n"two\nlines",2\nthree,3\n'
    table = open_table(io.StringIO(text))
    assert (table.names, table.rows) == (("name", "x"), 3)
    assert table.select(["x"]).arrays["x"].tolist() == [1.0, 2.0, 3.0]


def test_a_quoted_header_may_hold_the_separator_and_a_newline() -> None:
    assert read('"a,b";"c\nd";e\n1;2;3\n', "a,b", "c\nd", "e") == {"a,b": [1.0], "c\nd": [2.0], "e": [3.0]}


def test_true_and_false_are_1_and_0() -> None:
    assert read("x\ntrue\nFalse\n TRUE\n0\n", "x") == {"x": [1.0, 0.0, 1.0, 0.0]}


def test_a_text_column_that_is_not_needed_is_no_problem() -> None:
    assert read("x,name,y\n1,one,\n2,two,5\n", "x") == {"x": [1.0, 2.0]}


def test_text_late_in_a_long_column_is_found() -> None:
    text = "x\n" + "1\n" * 50_000 + "oops\n"
    assert "data row 50001 of column 'x' holds the text 'oops'" in complaint(text, "x")


def test_numbers_are_those_of_python_float_to_the_last_bit() -> None:
    draw = random.Random(1)
    texts = [repr(draw.uniform(-1, 1) * 10.0 ** draw.randint(-300, 300)) for _ in range(2000)]
    texts += [
        "9007199254740993",
        "0.1",
        "1e-400",
        "5e-324",
        "2.2250738585072011e-308",
        "123456789012345678901234",
    ]
    assert read("x\n" + "\n".join(texts), "x") == {"x": [float(text) for text in texts]}


def test_a_large_csv_gives_back_the_numbers_that_pandas_wrote() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(20_000, 5)), columns=list("abcde"))
    frame["f"] = rng.integers(0, 9, 20_000)
    columns = open_table(io.StringIO(frame.to_csv(index=False))).select(frame.columns)
    for name, array in columns.arrays.items():
        np.testing.assert_array_equal(array, frame[name].to_numpy())


@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_whatever_the_csv_module_writes_is_read(quoting: Any, separator: str) -> None:
    texts = ["plain", "a,b", "c;d", "e\tf", "two\nlines", 'say "hi"', '"', "", '""', "\n", " spaced "]
    draw = random.Random(2)
    rows = [[draw.choice(texts), draw.randint(-9, 9), draw.choice(texts), draw.random()] for _ in range(500)]
    out = io.StringIO()
    writer = csv.writer(out, quoting=quoting, delimiter=separator)
    writer.writerows([["s", "n", "t", "v"], *rows])
    columns = open_table(io.StringIO(out.getvalue())).select(["n", "v"])
    assert columns.arrays["n"].tolist() == [row[1] for row in rows]
    assert columns.arrays["v"].tolist() == [row[3] for row in rows]


def test_a_comma_in_the_header_is_the_separator_whatever_else_is_there() -> None:
    assert open_table(io.StringIO("x,y;z;w\n1,2\n")).names == ("x", "y;z;w")


def test_names_that_polars_takes_for_patterns_are_names() -> None:
    assert read("*,^x$,x\n1,2,3\n", "^x$", "*") == {"^x$": [2.0], "*": [1.0]}


# --- CSV that is wrong ---


def test_text_in_a_needed_column_is_shown_with_its_place() -> None:
    said = complaint("x,y\n1,2\n3,abc\n4,def\n", "x", "y")
    assert "data row 2 of column 'y' holds the text 'abc'" in said
    assert "leave the column out" in said


@pytest.mark.parametrize(
    "text", ["1_000", "0x10", "1 2", "1 23", "1e", "٣", "1.2.3", "yes", "%", "5%%", "%5", "1e3%", "0 123", "1,"]
)
def test_what_is_no_number_is_text(text: str) -> None:
    assert f"data row 2 of column 'x' holds the text {text!r}" in complaint(f'x,y\n1,1\n"{text}",1\n', "x")


def test_long_texts_are_cut_and_control_characters_are_escaped() -> None:
    said = complaint("x\n\x1b[31m" + "long" * 100 + "\n", "x")
    assert "\x1b" not in said
    assert len(said) < 250


MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", " ", '""', " NA ", "?", ".", "-", "–", "#N/A", "<NA>"]


@pytest.mark.parametrize("word", MISSING)
def test_missing_values_are_named_by_row_and_column(word: str) -> None:
    said = complaint(f"x,y\n1,2\n{word},3\n4,5\n", "x")
    assert "data row 2 of column 'x' has no value; fill it in" in said
    assert 'na="drop"' in said


@pytest.mark.parametrize("word", MISSING)
def test_drop_leaves_out_rows_with_missing_values(word: str) -> None:
    columns = open_table(io.StringIO(f"x,y\n1,2\n{word},3\n4,5\n6,{word}\n")).select(["y", "x"], na="drop")
    assert columns.arrays["x"].tolist() == [1.0, 4.0]
    assert columns.arrays["y"].tolist() == [2.0, 5.0]
    assert (columns.rows, columns.dropped, columns.kept.tolist()) == (2, 2, [0, 2])


def test_missing_values_are_counted() -> None:
    assert "data row 2 of column 'x' has no value (3 such rows in all)" in complaint("x\n1\nNA\nNA\n2\nNA\n", "x")


def test_a_blank_line_in_a_table_of_one_column_is_a_missing_value() -> None:
    assert "data row 2 of column 'x' has no value" in complaint("x\n1\n\n3\n", "x")


def test_drop_looks_at_needed_columns_only() -> None:
    assert read("x,y\n1,\n2,3\n", "x", na="drop") == {"x": [1.0, 2.0]}


def test_drop_does_not_drop_infinities_or_text() -> None:
    assert "data row 2 of column 'x' is infinite" in complaint("x\nNA\ninf\n1\n", "x", na="drop")
    assert "data row 2 of column 'x' holds the text 'a'" in complaint("x\nNA\na\n1\n", "x", na="drop")


def test_dropping_every_row_is_an_error() -> None:
    said = complaint("x,y\n1,\n,2\n", "x", "y", na="drop")
    assert "leaves no row" in said
    assert "'x', 'y'" in said


@pytest.mark.parametrize("word", ["inf", "-inf", "Infinity", " INF ", "1e999", "-1e999"])
def test_infinities_are_named_by_row_and_column(word: str) -> None:
    assert "data row 2 of column 'y' is infinite" in complaint(f"x,y\n1,2\n1,{word}\n", "y")


@pytest.mark.parametrize(
    ("rows", "row", "fields"),
    [
        ("1,2,3\n4,5\n", 2, "2 fields"),
        ("1,2,3\n4\n", 2, "1 field "),
        ("1,2,3\n4,5,6,7\n", 2, "4 fields"),
        ("1,2,3,4\n", 1, "4 fields"),
        (
            "1,2,3\n4,5\n6,7,8,9\n",
            2,
            "2 fields",
        ),  # one too few and one too many: the separators' sum is right
        ("1,,\n,,,,\n1,,", 2, "5 fields"),
        ("1,2,3\n\n4,5,6\n7,8\n", 3, "2 fields"),
        ('"1,2",3\n', 1, "2 fields"),
        ('1,2,"a,b"\n1,2,"c",3\n', 2, "4 fields"),
    ],
)
def test_ragged_rows_are_named_with_their_fields(rows: str, row: int, fields: str) -> None:
    said = complaint("x,y,z\n" + rows, "x")
    assert f"data row {row} has {fields}".rstrip() in said
    assert "the header has 3" in said


def test_rows_that_end_in_empty_fields_are_not_ragged() -> None:
    assert read("x,y,z\n1,,\n2,,\n3,,\n", "x") == {"x": [1.0, 2.0, 3.0]}
    assert read('x,y,z\n1,,"a,b"\n2,,\n', "x") == {"x": [1.0, 2.0]}


def test_a_huge_header_over_many_empty_lines_costs_no_memory() -> None:
    names = ",".join(f"c{i}" for i in range(300_000))
    assert "data row 1 has 1 field and the header has 300000" in complaint(names + "\n1" * 300_000, "c0")


def test_duplicate_names_are_an_error() -> None:
    said = complaint("x,y, x\n1,2,3\n", "x")
    assert "the name 'x' 2 times" in said
    assert "rename" in said


def test_a_column_without_a_name_is_left_out() -> None:
    table = open_table(io.StringIO(pd.DataFrame({"x": [4, 5]}).to_csv()))
    assert table.names == ("x",)
    assert table.select("x").arrays["x"].tolist() == [4.0, 5.0]
    with pytest.warns(TableWarning, match="column 3 has no name in the header"):
        assert read('x,y," "\n0,1,2\n', "y") == {"y": [1.0]}
    assert "no column has a name" in complaint(",\n0,1\n", "x")


def test_a_header_of_numbers_is_taken_for_a_missing_header() -> None:
    said = complaint("0,0,1\n0,1,1\n", "x")
    assert "the first line holds numbers ('0', '0', '1')" in said
    assert "put a line of column names above it" in said


def test_an_absent_column_is_named_with_the_nearest_and_all() -> None:
    said = complaint("height,weight,age\n1,2,3\n", "wieght")
    assert "no column 'wieght' (did you mean 'weight'?)" in said
    assert "'height', 'weight', 'age'" in said
    assert "did you mean 'X'" in complaint("X,y\n1,2\n", "x")
    assert "did you mean" not in complaint("height,weight\n1,2\n", "q")


def test_a_long_list_of_columns_is_cut() -> None:
    names = [f"c{i}" for i in range(500)]
    assert "and 480 more" in complaint(",".join(names) + "\n" + ",".join("1" * 500), "zzz")


@pytest.mark.parametrize("text", ["", "\n", "\r\n\r\n", "\ufeff", "  \n \t\n"])
def test_an_empty_file_is_an_error(text: str) -> None:
    assert "it is empty" in complaint(text, "x")


@pytest.mark.parametrize("text", ["x,y\n", "x,y", "x\n\n\n", "x,y\n  \n"])
def test_a_header_without_rows_is_an_error(text: str) -> None:
    assert "no rows" in complaint(text, "x")


def test_utf_8_names_and_texts_are_read() -> None:
    assert read("größe,城\n1,京\n", "größe") == {"größe": [1.0]}


@pytest.mark.parametrize("junk", [b"\x89PNG\r\n\x1a\n\x00\x00", b"x\0y\n1\n", b"x\n\xff\x01\n", b"x\n\x81\n"])
def test_binary_junk_is_an_error(junk: bytes) -> None:
    assert "save it as CSV in UTF-8" in complaint(junk, "x")


@pytest.mark.parametrize("rows", ['1,"2\n3,4\n', '1,"2" 3\n'])
def test_faulty_quotation_marks_are_named_by_row(rows: str) -> None:
    assert "data row 1 is not valid CSV" in complaint("x,y\n" + rows, "x")


def test_a_cell_that_is_too_long_is_named_by_row() -> None:
    assert "a cell of data row 1 is too long" in complaint('x,y\n1,"' + "2" * 200_000 + '"\n3\n', "x")


def test_a_faulty_header_is_an_error() -> None:
    assert "the header is not valid CSV" in complaint('x,"y\n1,2\n', "x")


def test_a_stray_quotation_mark_inside_a_field_is_part_of_it() -> None:
    assert read('size,x\n5" pipe,1\n6" pipe,2\n', "x") == {"x": [1.0, 2.0]}


# --- anything at all ---

SCRAPS = st.sampled_from(
    [b"x", b"y", b",", b";", b"\t", b"\n", b"\r\n", b'"', b'""', b" ", b"1", b"2.5", b"NA", b"\xe9"]
)


def try_everything(data: bytes) -> Table | None:
    try:
        table = open_table(io.BytesIO(data))
    except TableError:
        return None
    for na in ("error", "drop"):
        for name in table.names[:3]:
            try:
                columns = table.select([name], na)
            except TableError:
                continue
            assert columns.rows + columns.dropped == table.rows
            assert np.isfinite(columns.arrays[name]).all()
    return table


@pytest.mark.filterwarnings("ignore::steepest.errors.TableWarning")
@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_give_a_table_or_a_table_error(data: bytes) -> None:
    try_everything(data)


@pytest.mark.filterwarnings("ignore::steepest.errors.TableWarning")
@settings(max_examples=500, deadline=None)
@given(st.lists(SCRAPS, max_size=40).map(b"".join))
def test_scraps_of_csv_are_read_as_the_csv_module_reads_them(data: bytes) -> None:
    table = try_everything(b"x,y\n" + data)
    if table is None:
        return
    text = data.decode("cp1252" if b"\xe9" in data else "utf-8").replace("\r\n", "\n")
    rows = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    kept = [row for row in rows if len(row) > 1]
    full = [k for k, row in enumerate(kept) if any(field.strip() for field in row)]
    assert (full[-1] + 1 if full else 0) <= table.rows <= len(kept)  # rows of separators at the end are left out
    assert {len(row) - (len(row) == 3 and not row[2].strip()) for row in kept[: table.rows]} == {2}


def test_the_slow_path_gives_what_the_fast_path_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "x,y,s\n1, NA,a\n2.5,3,\ntrue,1e5,c\n"
    fast = open_table(io.StringIO(text)).select(["x", "y"], "drop")
    monkeypatch.setattr(csv_text, "_rectangle", lambda *_: None)
    slow = open_table(io.StringIO(text)).select(["x", "y"], "drop")
    for columns in (fast, slow):
        assert columns.arrays["x"].tolist() == [2.5, 1.0]
        assert columns.arrays["y"].tolist() == [3.0, 100000.0]
        assert columns.kept.tolist() == [1, 2]


def test_the_slow_path_takes_empty_lines_as_the_fast_path_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "_rectangle", lambda *_: None)
    assert read("x\n1\n\n3\n", "x", na="drop") == {"x": [1.0, 3.0]}
    assert "data row 2 of column 'x' has no value" in complaint("x\n1\n\n3\n", "x")
    assert "data row 2 of column 'y' has no value" in complaint("x,y\n1,2\n\n3,\n", "y")


# --- size ---


MANY = 9_000_000  # above the number of cells from which texts are converted while they are read


@pytest.mark.slow
@pytest.mark.parametrize("blank", [b"\n", b" \n", b"\t \n"])
def test_empty_lines_between_rows_cost_little(blank: bytes) -> None:
    table = open_table(io.BytesIO(b"x,y\n" + blank * MANY + b"1,2\n" + blank * 20 + b'"3",4\n' + blank * 20))
    assert table.select(["x", "y"]).arrays["x"].tolist() == [1.0, 3.0]


@pytest.mark.slow
def test_a_long_table_is_read_in_blocks() -> None:
    rows = 4_600_000
    lines = b"".join(b"%d,%d.5,%s\n" % (k, k, b"a" if k == rows - 1 else b"7") for k in range(rows))
    table = open_table(io.BytesIO(b"x,y,z\n" + lines))
    assert table.rows == rows
    columns = table.select(["x", "y"]).arrays
    assert np.array_equal(columns["x"], np.arange(rows))
    assert np.array_equal(columns["y"], np.arange(rows) + 0.5)
    with pytest.raises(TableError, match=f"data row {rows} of column 'z' holds the text 'a'"):
        table.select(["z"])


@pytest.mark.slow
def test_a_long_column_of_missing_values() -> None:
    table = open_table(io.BytesIO(b"x\n" + b"\n" * MANY + b"1\n"))
    assert table.rows == MANY + 1
    found = table.select(["x"], na="drop")
    assert (found.rows, found.dropped, found.arrays["x"].tolist()) == (1, MANY, [1.0])


@pytest.mark.slow
def test_a_long_table_with_a_row_that_is_too_long() -> None:
    with pytest.raises(TableError, match="data row 300001 has 3 fields and the header has 2"):
        open_table(io.BytesIO(b"x,y\n" + b"1,2\n" * 300_000 + b"1,2,3\n"))


def test_a_header_of_commas_alone_is_refused() -> None:
    with pytest.raises(TableError, match="its first line, which names the columns, has more than 16,777,216 bytes"):
        open_table(io.BytesIO(b"," * ((1 << 24) + 1)))


@pytest.mark.parametrize(
    ("text", "rows"),
    [("x,y\n1,2\n3,4\n,\n,\n", 2), ("x,y\n1,2\n3,\n,\n\n", 2), ("x\ty\n1\t2\n\t\n \t \n", 1), ("x;y\n1;2\n;\n; \n", 1)],
)
def test_rows_of_separators_at_the_end_are_left_out(text: str, rows: int) -> None:
    assert open_table(io.StringIO(text)).rows == rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,y\n,\n,\n", "no rows"), ("x,y\n1,2\n,,,,\n", "data row 2 has 5 fields"),
        ("x\ty\n1\t2\n\t\n\t\t\t\n", "data row 3 has 4 fields"),
    ],
)  # fmt: skip
def test_other_rows_of_separators_are_refused(text: str, said: str) -> None:
    with pytest.raises(TableError, match=said):
        open_table(io.StringIO(text))
