"""Texts as spreadsheets, R and other programs write them, compared with pandas told how to read them."""

from __future__ import annotations

import codecs
import gzip
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from steepest.errors import TableError, TableWarning
from steepest.tables.table import open_table

NARROW, NO_BREAK = "\u202f", "\u00a0"  # spaces between thousands


def both(text: str | bytes, how: dict[str, Any], **said: Any) -> list[str]:
    """Assert that all numbers of a text are those that pandas reads, told how; return the notes."""
    data = text.encode() if isinstance(text, str) else text
    plain = data
    if how.get("thousands") in (NARROW, NO_BREAK):  # which pandas does not know
        plain, how = data.decode().replace(how["thousands"], "").encode(), {**how, "thousands": None}
    expected = pd.read_csv(io.BytesIO(plain), **{"skipinitialspace": True, **how})
    assert len(expected.select_dtypes("number").columns)
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        table = open_table(io.BytesIO(data), **said)
        for name in expected.select_dtypes("number"):
            found = table.select(name.strip(), na="drop")
            column = expected[name]
            np.testing.assert_array_equal(found.arrays[name.strip()], column.dropna())
            assert found.kept.tolist() == np.flatnonzero(column.notna()).tolist()
    assert table.rows == len(expected)
    assert set(table.names) >= {name.strip() for name in expected.select_dtypes("number")}
    return [str(each.message) for each in noted]


def complaint(text: str | bytes, *names: str, **said: Any) -> str:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(TableError) as caught:
        open_table(io.BytesIO(data), **said).select(names)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- numbers ---

COMMA, POINT = {"decimal": ",", "thousands": "."}, {"decimal": ".", "thousands": ","}
LOCALES = [
    ("de", "Länge;Preis;Anzahl\r\n1,5;1.234,56;3\r\n0,25;12,00;4\r\n", {"sep": ";", **COMMA}),
    ("de, thousands alone in a column with decimal commas", "x;y\n1,5;1.200\n2,5;4,25\n", {"sep": ";", **COMMA}),
    ("fr", f"x;y\n1{NARROW}234,5;2\n0,5;3\n", {"sep": ";", "decimal": ",", "thousands": NARROW}),
    ("fr, no-break space", "x\ty\n1\u00a0234,5\t2\n0,5\t3\n", {"sep": "\t", "decimal": ",", "thousands": "\u00a0"}),
    ("pt-BR", 'valor,nome\n"1.234.567,89",a\n"0,5",b\n', COMMA),
    ("en-IN", 'x,y\n"12,34,567.5",1\n"1,00,000",2\n', POINT),
    ("sv", f"x;y\n1{NARROW}234{NARROW}567;-0,5\n12;0,75\n", {"sep": ";", "decimal": ",", "thousands": NARROW}),
    ("de-CH", "x;y\n1'234.50;1\n2.25;2\n", {"sep": ";", "thousands": "'"}),
    ("en-US", 'x,y\n"1,234.5",1\n"1,200",2\n', POINT),
    ("en-US, bars", "A|B|C\n1|2,334.01|5\n10|13|10\n", {"sep": "|", **POINT}),
    ("millions", 'x,y\n"1,200,000",1\n"1,200",2\n', POINT),
    ("a fraction that cannot be thousands", "x;y\n0,125;1\n1,250;2\n", {"sep": ";", "decimal": ","}),
    ("one column", "x\n1,5\n0,25\n3\n", {"sep": ";", "decimal": ","}),
    ("another column decides", "x;y\n1,250;0,5\n2,750;1,5\n", {"sep": ";", "decimal": ","}),
]


@pytest.mark.parametrize(("text", "how"), [case[1:] for case in LOCALES], ids=[case[0] for case in LOCALES])
def test_numbers_of_other_countries(text: str, how: dict[str, Any]) -> None:
    notes = both(text, how)
    assert notes
    assert all("is read as" in note for note in notes)


def test_a_minus_sign_of_typography_is_one() -> None:
    table = open_table(io.StringIO("x,y\n\u22121.5,1\n2,\u22123\n"))
    assert table.select(["x", "y"]).arrays["x"].tolist() == [-1.5, 2.0]


@pytest.mark.parametrize(("text", "how"), [(case[1], case[2]) for case in LOCALES])
def test_what_the_user_has_said_is_no_news(text: str, how: dict[str, Any]) -> None:
    said = {"decimal": ".", **{name: how[name] for name in ("decimal", "thousands") if name in how}}
    notes = both(text, how, **said)
    assert notes == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('x,y\n"1,200",1\n"2,500",2\n', ["may be 1200 or 1.2;", "thousands=','", "decimal=','"]),
        ('x,y\n950,1\n"1,200",2\n', ["data row 2", "may be 1200 or 1.2;"]),
        ("x;y\n1,200;1\n2,500;2\n", ["may be 1200 or 1.2;"]),
        ("x;y\n1.234;0,5\n2.345;1,5\n", ["may be 1234 or 1.234;", "thousands='.'", "decimal='.'"]),
        ('x,y\n"-1,200",1.5\n', ["may be -1200 or -1.2;"]),
        ("x;y\n1,5;1\n2.25;2\n", ["'1,5', with a decimal comma", "data row 2 of column 'x' holds the text '2.25'"]),
        ('x,y\n"12,5%",1\n3,2\n', ["'12,5%' and data row 2 of column 'x' holds the text '3' without a percent sign"]),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_with_both(text: str, said: list[str]) -> None:
    found = complaint(text, "x")
    assert all(part in found for part in said), found


def test_the_remedies_of_a_refusal_work() -> None:
    text = 'x,y\n"1,200",1\n"2,500",2\n'
    assert both(text, {"thousands": ","}, thousands=",") == []
    assert both(text, {"decimal": ","}, decimal=",") == []
    text = "x;y\n1.234;0,5\n2.345;1,5\n"
    assert both(text, {"sep": ";", "thousands": ".", "decimal": ","}, thousands=".") == []


def test_points_without_a_comma_anywhere_are_decimal_points() -> None:
    assert both("x;y\n1.234;1\n2.345;2\n", {"sep": ";"}) == []


@pytest.mark.parametrize(("text", "said"), [("1,5", "--"), ("1.234,5", "--")])
def test_a_stated_decimal_point_refuses_decimal_commas(text: str, said: str) -> None:
    assert "if its comma is a decimal comma, say so with decimal=','" in complaint(f"x;y\n{text};1\n", "x", decimal=".")


@pytest.mark.parametrize(
    "text", ["12,5 €", "$12", "2020-01-02", "01.02.2020", "1.2.3", "192.168.1.1", "1,2,3", "12 34"]
)
def test_what_is_no_number_in_any_country(text: str) -> None:
    found = complaint(f"x;y\n1;1\n{text};0,5\n", "x")
    assert f"data row 2 of column 'x' holds the text {text!r}, which is not a number" in found
    assert ("date" in found) == (text in ("2020-01-02", "01.02.2020"))
    assert ("currency" in found) == ("€" in text or "$" in text)


def test_percentages_are_fractions_to_the_last_digit() -> None:
    texts = ["12.5%", "12.3 %", "100%", "0.1%", "-7%", "NA"]
    with pytest.warns(TableWarning, match=r"numbers are percentages, '12\.5%' in column 'x' is read as 0\.125"):
        found = open_table(io.StringIO("x,y\n" + "".join(f"{text},1\n" for text in texts))).select("x", na="drop")
    assert found.arrays["x"].tolist() == [0.125, 0.123, 1.0, 0.001, -0.07]
    with pytest.warns(TableWarning, match="percentages"):
        found = open_table(io.StringIO("x;y\n12,5\u00a0%;1\n0,5%;2\n"), decimal=",").select("x")
    assert found.arrays["x"].tolist() == [0.125, 0.005]


# --- missing values ---


def test_missing_values_that_the_user_names() -> None:
    text = "x,y,s\n-999,1,k.A.\n2,-999.0,3\n3,-99,4\n"
    how = {"na_values": [-999, "k.A."]}
    assert both(text, how, missing=[-999, "k.A."]) == []
    table = open_table({"x": [1.0, -999.0], "y": [1, 2]}, missing=-999)
    assert table.select("x", na="drop").arrays["x"].tolist() == [1.0]
    frame = open_table(pd.DataFrame({"x": [1, -999], "s": ["2", "-"]}), missing="-999")
    assert frame.select("x", na="drop").arrays["x"].tolist() == [1.0]


def test_a_word_that_may_mean_that_there_is_no_value() -> None:
    assert "say so with missing=['k.A.']" in complaint("x,y\n1,2\nk.A.,3\n", "x")


# --- comments, separators, headers ---


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("# made by a program\nx,y\n1,2\n# half, way, through\n3,4\n", {"comment": "#"}),
        ('# a "quote\nx,y\n1,2\n3,4\n', {"comment": "#"}),
        ("\n# one\n\n# two\nx,y\n1,2\n", {"comment": "#"}),
        ('x,s\n1,"two\n# lines"\n2,b\n', {}),
        ("x,y\n#N/A,2\n3,#NAME?\n", {"na_values": "#NAME?"}),
        ("sep=;\nx;y\n1;2\n3;4\n", {"sep": ";", "skiprows": 1}),
        ('"sep=\t"\r\nx\ty\r\n1\t2\r\n', {"sep": "\t", "skiprows": 1}),
        ("x|y\n1|2\n3|4\n", {"sep": "|"}),
        ("x y z\n1 2 3\n4 5 6\n", {"sep": r"\s+"}),
        ("  x     y\n  1.5  -2\n 10     3\n", {"sep": r"\s+"}),
        ("x\t y\n1\t 2\n", {"sep": "\t"}),
        ('"a b" "c"\n1 2\n3 4\n', {"sep": r"\s+"}),
        ("petal length\n1.5\n2\n", {}),
        ("length, m;y\n2;5\n3;5\n", {"sep": ";"}),
        ("a;b, c\n1;2\n3;4\n", {"sep": ";"}),
        (" x , y \n1,2\n", {}),
        ("x;y;\n1;2;\n3;4;\n", {"sep": ";", "usecols": [0, 1]}),
        ("A,B,C\n1,4,7,\n2,5,8,\n3,6,9,\n", {"index_col": False}),
        ("x;y;\n1;2\n3;4\n", {"sep": ";", "usecols": [0, 1]}),
        ("x;y\n1;2\n3;4\n;\n;\n", {"sep": ";", "nrows": 2}),
        ('s,x\n"two\nlines",1\n"a ""b""",2\n', {}),
        ("x,y\r1,2\r3,4\r", {"lineterminator": "\r"}),
        ('"","x","y"\n"1",5,6\n"2",7,8\n', {"index_col": 0}),
        ('"","x","y"\n"Ann",5,6\n"Bob",7,8\n', {"index_col": 0}),
        ("year,1990,1991\n5,1.5,2\n6,7,8\n", {}),
    ],
)  # fmt: skip
def test_layouts(text: str, how: dict[str, Any]) -> None:
    if "NAME?" in text:
        assert "holds the text '#NAME?'" in complaint(text, "y")
        text = text.replace("#NAME?", "")
    assert both(text, how) == []


@pytest.mark.parametrize(
    ("text", "how", "note"),
    [
        ("x,y\n1,2\n#9,9\n3,4\n", {"comment": "#"}, "a line that begins with '#' is left out as a comment"),
        ("# x, y\n1,2\n3,4\n", {"header": None, "names": ["x", "y"], "skiprows": 1}, "'x', 'y' names the columns"),
        ("# a\n# x y\n1 2\n3 4\n", {"names": ["x", "y"], "skiprows": 2, "sep": " "}, "'x', 'y' names the columns"),
        ('"","x","y"\n"1.5",5,6\n"2",7,8\n', {"index_col": 0}, "column 1 has no name in the header and is left out"),
        ('"x" "y"\n"1" 5 6\n"2" 7 8\n', {"sep": " "}, "the first is taken as the name of the row"),
        ('"x","y"\n"one",5,6\n"two",7,8\n', {}, "the first is taken as the name of the row"),
        ("x\ty\na\t5\t6\nb\t7\t8\n", {"sep": "\t"}, "the first is taken as the name of the row"),
    ],
)
def test_layouts_that_are_said(text: str, how: dict[str, Any], note: str) -> None:
    notes = both(text, how)
    assert len(notes) == 1
    assert note in notes[0]


def test_other_comments() -> None:
    assert both("% a\nx,y\n1,2\n%3,4\n", {"comment": "%"}, comment="%") == []
    assert "the name '#x'" not in complaint("#x,y\n1,2\n", "q", comment=None)
    assert open_table(io.StringIO("#x,y\n1,2\n"), comment=None).names == ("#x", "y")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,x\n1,2\n", "the header has the name 'x' 2 times"),
        ("# c\n\nx,y,z\n1,2,3\n\n# c\n4,5\n", "line 7: data row 2 has 2 fields and the header has 3"),
        ("sep=;\nx;y\n1;2\n1;2;3\n", "line 4: data row 2 has 3 fields and the header has 2"),
        ('x,y\n1,"a\nb"\n3,4,5\n', "line 4: data row 2 has 3 fields"),
        ("x,y\n1,5,2\n2,5,3\n", "line 2: data row 1 has 3 fields and the header has 2"),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", "the first line holds numbers ('5.1', '3.5')"),
        ("1,5;2,5\n2,5;3,5\n", "the first line holds numbers ('1,5', '2,5')"),
        ("1;2\n3;4\n", "the first line holds numbers ('1', '2')"),
        ("1 234;2\n3;4\n", "the first line holds numbers ('1 234', '2')"),
    ],
)
def test_layouts_that_are_refused(text: str, said: str) -> None:
    assert said in complaint(text, "x")


# --- encodings and compression ---

TEXT = "größe;y\n1,5;2\n0,25;3\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "latin-1"])
def test_encodings(encoding: str) -> None:
    notes = both(TEXT.encode(encoding), {"sep": ";", "decimal": ",", "encoding": encoding}, decimal=",")
    assert len(notes) == (encoding in ("cp1252", "latin-1"))
    assert all("(byte 3, 0xf6 in line 1), and is read as Windows-1252" in note for note in notes)
    assert (
        both(TEXT.encode(encoding), {"sep": ";", "decimal": ",", "encoding": encoding}, decimal=",", encoding=encoding)
        == []
    )


def test_other_encodings() -> None:
    text = "česká;y\n1;2\n".encode("cp1250")
    assert open_table(io.BytesIO(text), encoding="cp1250").names == ("česká", "y")
    assert "not text in ascii" in complaint(text, encoding="ascii")
    big = codecs.BOM_UTF16_BE + "x,y\n1,2\n".encode("utf-16-be")
    assert open_table(io.BytesIO(big)).select("y").arrays["y"].tolist() == [2.0]
    assert "this is not text (byte 2 is zero)" in complaint("x,y\n1,2\n".encode("utf-16-le"))
    assert "not text in utf-16" in complaint(codecs.BOM_UTF16_LE + b"x")


def test_compressed_files(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    text = b"x,y\n1,2\n3,4\n"
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text))
    (tmp_path / "t.tsv.zst").write_bytes(zstandard.compress(text.replace(b",", b"\t")))
    for name in ("t.csv.gz", "t.tsv.zst"):
        for source in (tmp_path / name, io.BytesIO((tmp_path / name).read_bytes())):
            assert open_table(source).select("y").arrays["y"].tolist() == [2.0, 4.0]
    for packed in (gzip.compress(text), zstandard.compress(text)):
        assert "it cannot be decompressed as" in complaint(packed[:-4])
    (tmp_path / "t.json.gz").write_bytes(gzip.compress(b"[]"))
    with pytest.raises(TableError, match=r"files ending in \.json are not read"):
        open_table(tmp_path / "t.json.gz")


def test_zstandard_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    monkeypatch.setitem(__import__("sys").modules, "compression.zstd", None)
    assert "pip install 'steepest[zstd]'" in complaint(b"\x28\xb5\x2f\xfd")


# --- what has no end ---


def test_long_lines_and_many_separators_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steepest.tables.contents._LONGEST_LINE", 1 << 20)
    assert "line 3 has more than 1 MB" in complaint(b"x,y\n1,2\n" + b"1" * (6 << 20))
    assert "line 1 has more than 1 MB" in complaint(gzip.compress(b"1" * (6 << 20)))
    assert "more than 1026 fields and the header has 2" in complaint(b"x,y\n1,2\n" + b"," * (1 << 19) + b"\n1,2\n")


def test_what_a_pipe_or_compression_delivers_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    monkeypatch.setattr("steepest.storage.reading._STREAM", 1 << 20)
    assert "decompressed, it has more than 1 MB; decompress it to a file" in complaint(
        gzip.compress(b"x\n1\n" * (1 << 20))
    )
    with subprocess.Popen(["yes", "1,2"], stdout=subprocess.PIPE) as endless:
        assert endless.stdout is not None
        with pytest.raises(TableError, match=r"it has more than 1 MB\)?; write it to a file, and name that"):
            open_table(endless.stdout)
        endless.kill()
