"""What results show of themselves in notebooks and on terminals: by parsers, IPython and rich."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest

import steepest as st
from steepest.checking.report import Report, Verdict
from steepest.display.summaries import Summary, SummaryTable

NASTY = '<b>&"x"</b>'
VOID = {"meta", "br", "img"}
SVG = "{http://www.w3.org/2000/svg}"


def fitted() -> st.Model:
    return st.Model("z ~ sigmoid(x*w1 + y*w2 + b)").fit("nand", start={"w1": 0.3, "w2": 0.6, "b": 0.1})


def parsed(html: str) -> ElementTree.Element:
    """By an XML parser, after an HTML parser has seen every element closed."""

    class Balanced(HTMLParser):
        open: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            self.open.append(tag)

        def handle_startendtag(self, tag: str, attrs: Any) -> None:
            pass

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    reader = Balanced()
    reader.open = []
    reader.feed(html)
    assert reader.open == []
    return ElementTree.fromstring(html)


def cells(root: ElementTree.Element) -> list[list[str]]:
    return [["".join(cell.itertext()) for cell in row] for row in root.iter("tr")]


def test_verdicts_are_a_table() -> None:
    x, w = st.data("x"), st.params("w")
    report = st.check(st.mean((x * w) ** 2), {"x": [1.0, 2.0], "w": 3.0}, gradient={"w": 2 * st.mean(x**2) * 2 * w})
    root = parsed(report._repr_html_())
    assert cells(root)[0][:4] == ["parameter", "verdict", "gradient", "by differences"]
    assert cells(root)[1][:3] == ["w", "wrong by a factor 2", "30" if False else f"{report['w'].given:.10g}"]
    assert [row.get("class") for row in root.iter("tr")][1:] == ["bad"]
    assert "0 of 1 partial derivatives correct" in "".join(root.itertext())
    heads = [head.get("scope") for head in root.iter("th")]
    assert heads == ["col"] * 5 + ["row"]


def test_html_is_escaped() -> None:
    report = Report((Verdict(NASTY, "kink", 1.0, 2.0, 0.5, None, NASTY),))
    root = parsed(report._repr_html_())
    assert cells(root)[1][0] == cells(root)[1][4] == NASTY
    assert not list(root.iter("b"))
    card = Summary(NASTY, (SummaryTable(NASTY, (NASTY,), ((NASTY,),)),), None, (NASTY,))
    root = parsed(card.html())
    assert "".join(root.itertext()).count(NASTY) == 5
    assert not list(root.iter("b"))


def test_a_descent_shows_its_end_and_a_curve_with_a_description() -> None:
    run = fitted().run
    assert run is not None
    root = parsed(run._repr_html_())
    rows = {row[0]: row[1] for row in cells(root)}
    assert float(rows["cost"]) == pytest.approx(0.0626237279065, rel=1e-9)
    assert {name: float(rows[name]) for name in ("w1", "w2", "b")} == pytest.approx(run.params, rel=1e-9)
    (picture,) = root.iter(f"{SVG}svg")
    assert picture.get("role") == "img"
    described = picture.find(f"{SVG}desc")
    assert described is not None
    assert "falls from 0.25" in (described.text or "")
    assert "0.06262 at epoch 1000" in (described.text or "")
    (line,) = picture.iter(f"{SVG}polyline")
    points = [tuple(map(float, pair.split(","))) for pair in line.get("points", "").split()]
    frame = next(path.get("d", "") for path in picture.iter(f"{SVG}path") if path.get("fill") == "none")
    left, top, bottom, right = map(float, re.findall(r"[\d.]+", frame))
    assert (points[0][0], points[0][1]) == pytest.approx((left, top), abs=0.1)  # the highest cost is the first one
    assert (points[-1][0], points[-1][1]) == pytest.approx((right, bottom), abs=0.1)
    labels = {text.text: text for text in picture.iter(f"{SVG}text")}
    # The curve ends above its last epoch, and passes the height of the label 0.1 at the epoch of that cost.
    assert points[-1][0] == pytest.approx(float(labels["1000"].get("x", "")), abs=0.1)
    height = float(labels["0.1"].get("y", "")) - 4
    epoch = next(epoch for epoch, cost in run.history if cost < 0.1)
    x = next(x for x, y in points if y >= height - 0.05)
    left, right = (float(labels[text].get("x", "")) for text in ("100", "1000"))
    assert 10 ** (2 + (x - left) / (right - left)) == pytest.approx(epoch, rel=0.03)
    assert "currentColor" in run._repr_html_()


def test_a_model_shows_formula_cost_and_parameters() -> None:
    model = st.Model("z ~ sigmoid(x*w1 + y*w2 + b)")
    assert "not fitted yet" in "".join(parsed(model._repr_html_()).itertext())
    model = fitted()
    rows = {row[0]: row[1] for row in cells(parsed(model._repr_html_()))}
    assert rows["formula"] == "z ~ sigmoid(x*w1 + y*w2 + b)"
    assert rows["cost"] == "0.06262372791"  # of the last descent, which stands below the kind of cost
    assert float(rows["b"]) == pytest.approx(2.7718489622682, rel=1e-9)
    text = "".join(parsed(model._repr_html_()).itertext())
    assert "mse, C = 1/n Σ (σ(x_i·w1 + y_i·w2 + b) − z_i)²" in text


def test_networks_show_the_numbers_of_their_arrays_and_warnings_are_kept() -> None:
    gate = {"X": [[0, 0], [0, 1], [1, 0], [1, 1]], "y": [0, 1, 1, 0]}
    run = st.descend(st.models.network([2, 2, 1]).cost, gate, epochs=20, validate=gate)
    run.warnings.append(NASTY)
    root = parsed(run._repr_html_())
    rows = {row[0]: row[1] for row in cells(root)}
    (a, b), (c, d) = run.params["W1"].tolist()
    assert rows["W1"] == f"[[{a:.6g}, {b:.6g}], [{c:.6g}, {d:.6g}]]"
    assert NASTY in "".join(root.itertext())
    assert len(list(root.iter(f"{SVG}polyline"))) == 2
    assert len({line.get("stroke-dasharray") for line in root.iter(f"{SVG}polyline")}) == 2


def test_ipython_shows_each_of_them() -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    formatter = formatters.DisplayFormatter()
    model = fitted()
    x, w = st.data("x"), st.params("w")
    cost = st.mean((x * w) ** 2)
    shown = {name: formatter.format(value)[0] for name, value in {
        "expression": cost, "derivation": st.derive(cost, "w"), "report": model.check("nand"), "model": model,
        "descent": model.run,
    }.items()}  # fmt: skip
    assert shown["expression"]["text/plain"] == "1/n Σ (x_i·w)²"
    assert shown["expression"]["text/latex"].startswith(r"$\displaystyle \frac{1}{n} \sum_{i=1}^{n}")
    assert shown["derivation"]["text/latex"].startswith(r"\begin{align*}")
    assert "∂C/∂w" in shown["derivation"]["text/plain"]
    for name in ("report", "model", "descent"):
        parsed(shown[name]["text/html"])
    assert "3 of 3 partial derivatives correct" in shown["report"]["text/plain"]
    assert re.search("[\u2801-\u28ff]{3}", shown["descent"]["text/plain"])
    assert re.search(r"^  b +2\.771848962$", shown["model"]["text/plain"], re.MULTILINE)


def test_a_formula_that_nobody_reads_is_not_typeset() -> None:
    node = st.params("w")
    for _ in range(3000):
        node = st.sigmoid(node)
    assert node._repr_latex_() is None


def test_rich_shows_each_of_them_as_its_console_can() -> None:
    console = pytest.importorskip("rich.console")
    model = fitted()
    cost = st.mean((st.data("x") * st.params("w")) ** 2)
    for encoding, plain in (("utf-8", False), ("ascii", True), ("latin-1", True)):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        where = console.Console(file=stream, width=60)
        for value in (cost, st.derive(cost, "w"), model.check("nand"), model, model.run):
            where.print(value)
        stream.seek(0)
        text = stream.read()
        assert text.isascii() is plain
        assert ("dC/dw" if plain else "∂C/∂w") in text
        assert max(map(len, text.splitlines())) <= 60
        assert "cost by epoch" in text


def test_a_long_table_says_how_much_is_left_out() -> None:
    table = SummaryTable("many", ("k",), tuple((str(k),) for k in range(100)))
    assert cells(parsed(table.html()))[-1] == ["… and 60 more"]
