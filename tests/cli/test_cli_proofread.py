"""The command proofread, as it is typed."""

from __future__ import annotations

import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from command_line import Steepest
from command_line import steepest as steepest
from steepest.proofreading import CAUSES, VERDICTS

RIGHT = "# Notes\n\nLet $f(x) = x^3$.\n\n$$f'(x) = 3x^2$$\n"
WRONG = RIGHT.replace("3x^2", "2x^2") + "\n$$\\Delta f \\approx f'(x) \\Delta x$$\n\n$$a = \\text{unknown}$$\n"
FIELDS = ["file", "line", "column", "source", "verdict", "cause", "message", "corrected"]


@pytest.fixture
def notes(steepest: Steepest) -> None:
    Path("right.md").write_text(RIGHT, encoding="utf-8")
    Path("wrong.md").write_text(WRONG, encoding="utf-8")


@pytest.mark.usefixtures("notes")
def test_a_right_document_is_a_summary_and_status_0(steepest: Steepest) -> None:
    said = steepest("proofread", "right.md")
    assert said.status == 0
    assert said.out == "right.md: 2 equalities: 1 holds, 1 defines something\n"
    assert said.err == ""


@pytest.mark.usefixtures("notes")
def test_a_wrong_line_is_shown_with_its_place_and_the_line_as_it_should_be(steepest: Steepest) -> None:
    said = steepest("proofread", "wrong.md", "right.md")
    assert said.status == 1
    lines = said.out.splitlines()
    assert lines[0].startswith("wrong.md:5:3: wrong (factor): ")
    assert lines[1:3] == ["    f'(x) = 2x^2", "    should be  f'(x) = 3x^2"]
    assert "wrong.md:7:3: approximation: " in said.out
    assert "wrong.md:9:3: not understood: “unknown” is not a formula that can be computed" in said.out
    assert (
        "wrong.md: 4 equalities: 1 defines something, 1 is an approximation, 1 is wrong, 1 is not understood" in lines
    )
    assert lines[-1].startswith("right.md: 2 equalities")


@pytest.mark.usefixtures("notes")
def test_explain_shows_every_equality_with_numbers(steepest: Steepest) -> None:
    said = steepest("proofread", "right.md", "--explain")
    assert "right.md:5:3: holds: holds at all points tested" in said.out
    tried = re.findall(r"left (\S+), right (\S+)  at x = (\S+)", said.out)
    assert len(tried) >= 3
    for left, right, x in tried:
        assert float(left) == pytest.approx(float(right), rel=1e-9)
        assert float(left) == pytest.approx(3 * float(x) ** 2, rel=1e-2)


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize("option", [("--json",), ("--format", "json")])
def test_json_is_a_list_of_findings(steepest: Steepest, option: tuple[str, ...]) -> None:
    said = steepest("proofread", "wrong.md", *option)
    assert said.status == 1
    assert [list(row) for row in said.json] == [FIELDS] * 4
    assert [(row["verdict"], row["cause"]) for row in said.json] == [
        ("defines", None), ("differs", "factor"), ("approximation", None), ("not-understood", None),
    ]  # fmt: skip
    assert said.json[1]["corrected"] == "f'(x) = 3x^2"
    assert said.json[0]["corrected"] is None
    assert {row["verdict"] for row in said.json} <= set(VERDICTS)
    assert {row["file"] for row in said.json} == {"wrong.md"}


@pytest.mark.usefixtures("notes")
def test_sarif_has_what_the_standard_asks_for(steepest: Steepest) -> None:
    log = steepest("proofread", "wrong.md", "--format", "sarif").json
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert set(CAUSES) <= set(rules)
    assert len(rules) == len(set(rules))
    assert [result["ruleId"] for result in run["results"]] == ["factor", "approximation", "not-understood"]
    assert [result["level"] for result in run["results"]] == ["error", "note", "note"]
    for result in run["results"]:
        assert result["ruleId"] in rules
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "wrong.md"
        region = place["region"]
        start, end = (region["startLine"], region["startColumn"]), (region["endLine"], region["endColumn"])
        assert (1, 1) <= start < end


class _Tags(HTMLParser):
    """Checks that tags close, and keeps what stands between them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.marks: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        if tag == "mark":
            self.marks.append(str(dict(attrs)["class"]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)


@pytest.mark.usefixtures("notes")
def test_the_page_shows_the_document_with_each_equation_marked(steepest: Steepest) -> None:
    Path("wrong.md").write_text(WRONG + "\n<script>alert(1)</script> & $1 < 2 = 3$\n", encoding="utf-8")
    said = steepest("proofread", "wrong.md", "--format", "html", "-o", "proof.html")
    assert said.status == 1
    assert said.out == ""
    page = Path("proof.html").read_text(encoding="utf-8")
    tags = _Tags()
    tags.feed(page)
    assert not tags.open
    assert tags.marks[:4] == ["defines", "differs", "approximation", "not-understood"]
    shown = "".join(tags.text)
    assert "f'(x) = 2x^2" in shown
    assert "f'(x) = 3x^2" in shown
    assert "<script>alert(1)</script>" in shown
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")  # it needs nothing from elsewhere


def test_standard_input_is_read(steepest: Steepest, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(WRONG.encode())

    monkeypatch.setattr(sys, "stdin", Stdin())
    said = steepest("proofread", "-", "--json")
    assert said.status == 1
    assert said.json[1]["file"] == "standard input"


@pytest.mark.parametrize(("name", "content"), [("missing.md", None), ("binary.md", b"\xff\xfe\x00 $1=1$"), (".", None)])
def test_what_cannot_be_read_is_said_in_one_sentence(steepest: Steepest, name: str, content: bytes | None) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    said = steepest("proofread", name)
    assert said.status == 2
    assert said.out == ""
    assert said.err.startswith("steepest: ")
    assert name in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.usefixtures("notes")
def test_one_unreadable_file_does_not_hide_the_others(steepest: Steepest) -> None:
    said = steepest("proofread", "missing.md", "right.md")
    assert said.status == 2
    assert "right.md: 2 equalities" in said.out


def test_assumed_numbers(steepest: Steepest) -> None:
    Path("mean.md").write_text("$$\\frac{1}{n} \\sum_{i=1}^{n} 1 = \\frac{n}{4}$$\n", encoding="utf-8")
    assert steepest("proofread", "mean.md").status == 1
    assert steepest("proofread", "mean.md", "--assume", "n=4").status == 0
    assert steepest("proofread", "mean.md", "--assume", "n=four").status == 2


def test_a_document_without_equalities(steepest: Steepest) -> None:
    Path("empty.md").write_text("", encoding="utf-8")
    said = steepest("proofread", "empty.md")
    assert (said.status, said.out) == (0, "empty.md: no equality was found\n")
    assert json.loads(steepest("proofread", "empty.md", "--json").out) == []


def test_numbers_in_json_are_finite(steepest: Steepest) -> None:
    Path("odd.md").write_text("$$\\frac{1}{0} = 1e999$$ $$0/0 = \\ln(-1)$$\n", encoding="utf-8")

    def refuse(text: str) -> Any:
        raise AssertionError(text)

    found = json.loads(steepest("proofread", "odd.md", "--json").out, parse_constant=refuse)
    assert len(found) == 2
