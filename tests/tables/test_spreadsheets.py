"""Workbooks, written part by part as Excel and LibreOffice define them."""

from __future__ import annotations

import io
import sys
import zipfile
from datetime import date
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from command_line import Steepest
from command_line import steepest as steepest
from steepest.errors import TableError, TableWarning
from steepest.tables.table import open_table

pytest.importorskip("python_calamine")
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def _cell(value: Any) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, date):
        return f'<c s="1"><v>{value.toordinal() - 693594}</v></c>'
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f"<c><v>{value!r}</v></c>"


def workbook(**sheets: list[list[Any]]) -> bytes:
    """Return an .xlsx file with these sheets (ECMA-376, part 1)."""
    names = list(sheets)
    ids = range(1, len(names) + 1)
    listed = "".join(f'<sheet name="{name}" sheetId="{k}" r:id="r{k}"/>' for k, name in zip(ids, names, strict=True))
    links = "".join(
        f'<Relationship Id="r{k}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{k}.xml"/>' for k in ids
    )
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType='
        f'"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="{types}.'
        f'sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" Type="{_OFFICE}/'
        f'officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{links}<Relationship Id="s" '
        f'Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_SHEET}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
        "</styleSheet>",
    }
    for k, rows in zip(ids, sheets.values(), strict=True):
        body = "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows)
        parts[f"xl/worksheets/sheet{k}.xml"] = f'<worksheet xmlns="{_SHEET}"><sheetData>{body}</sheetData></worksheet>'
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in parts.items():
            file.writestr(name, text)
    return packed.getvalue()


ROWS = [
    ["x", " y ", "s", "b", None],
    [1.5, 2, "a", True, None],
    [1.234, None, "NA", False, None],
    [1e300, -3, "5", True, None],
]


def test_a_sheet_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_bytes(workbook(data=[[], *ROWS]))
    for source in (tmp_path / "t.xlsx", io.BytesIO((tmp_path / "t.xlsx").read_bytes())):
        table = open_table(source)
        assert (table.names, table.rows) == (("x", "y", "s", "b"), 3)
        assert table.select("x").arrays["x"].tolist() == [1.5, 1.234, 1e300]
        assert table.select("b").arrays["b"].tolist() == [1.0, 0.0, 1.0]
        found = table.select("y", na="drop")
        assert (found.arrays["y"].tolist(), found.kept.tolist()) == ([2.0, -3.0], [0, 2])
        with pytest.raises(TableError, match="data row 1 of column 's' holds the text 'a'"):
            table.select("s")


def test_one_of_several_sheets(tmp_path: Path) -> None:
    book = workbook(empty=[], first=[["x"], [1]], second=[["x"], [2]])
    with pytest.warns(TableWarning, match="the sheet 'first' is read; others are 'second'; sheet='NAME' chooses one"):
        assert open_table(io.BytesIO(book)).select("x").arrays["x"].tolist() == [1.0]
    assert open_table(io.BytesIO(book), sheet="second").select("x").arrays["x"].tolist() == [2.0]
    with pytest.raises(TableError, match="there is no sheet 'third'; its sheets are 'empty', 'first', 'second'"):
        open_table(io.BytesIO(book), sheet="third")
    with pytest.raises(TableError, match="it is empty"):
        open_table(io.BytesIO(book), sheet="empty")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["x", "x"], [1, 2]], "the header has the name 'x' 2 times"),
        ([[1.5, 2], [1, 2]], "the first row holds numbers"),
        ([["x"]], "there are column names but no rows"),
        ([["x"], [date(2020, 1, 2)]], "holds the text '2020-01-02', which is not a number; a date needs"),
    ],
)
def test_sheets_that_are_refused(rows: list[list[Any]], said: str) -> None:
    with pytest.raises(TableError, match=said):
        open_table(io.BytesIO(workbook(data=rows))).select("x")


def test_damaged_workbooks_and_a_missing_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    book = workbook(data=ROWS)
    for damaged in (book[:200], book[: len(book) // 2], b"PK\x03\x04", b"\xd0\xcf\x11\xe0" + bytes(500)):
        with pytest.raises(TableError, match="not a workbook that can be read"):
            open_table(io.BytesIO(damaged))
    monkeypatch.setattr("steepest.tables.spreadsheets.most_text", lambda: 100)
    with pytest.raises(TableError, match="save the sheet as CSV, or as Parquet"):
        open_table(io.BytesIO(book))
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(TableError, match=r"pip install 'steepest\[excel\]'"):
        open_table(io.BytesIO(book))


def test_options_of_the_command_line(steepest: Steepest, tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_bytes(workbook(a=[["x", "y"], [1, 3], [2, 5]], b=[["x", "y"], [1, 4], [2, 8], [-9, 1]]))
    done = steepest("fit", "t.xlsx", "y ~ a*x", "--sheet", "b", "--missing", "-9", "--na", "drop", "--json")
    assert done.status == 0
    assert done.json["params"]["a"] == pytest.approx(4)
    (tmp_path / "t.csv").write_text("x;y\n1.200;1,5\n2.400;3\nk.A.;1\n", encoding="utf-16")
    words = ["t.csv", "y ~ a*x", "--json"]
    done = steepest("fit", *words, "--missing", "k.A.", "--na", "drop")
    assert "may be 1200 or 1.2; say which with --thousands . for 1200, or --decimal ." in done.err
    done = steepest("fit", *words, "--thousands", ".")
    assert "if it means that there is no value, say so with --missing 'k.A.'; else" in done.err
    done = steepest("fit", *words, "--thousands", ".", "--missing", "k.A.", "--na", "drop")
    assert done.json["params"]["a"] == pytest.approx(0.00125)
    assert "note" not in done.err.replace("note: optimiser", "")
