"""Every page and picture that steepest writes does nothing in Chromium, whatever columns and parameters are called.

That the same names act in a page or a picture that writes them as they are shows that the browser would tell.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from pygraphviz import AGraph

import steepest as st
from browser import PLOTLY, Browser, Visit, browser, harmless
from hostile import GROUPED, HARMFUL, INERT, NAMES, PACKS, network, neuron, numbers
from steepest import pictures
from steepest.diagrams.graph import graph
from steepest.expressions.printing import quoted
from tools import needs

pytestmark = [pytest.mark.slow, needs("chromium"), pytest.mark.filterwarnings("ignore::steepest.SteepestWarning")]
__all__ = ["browser", "harmless"]
TITLE = "".join([*GROUPED, *PACKS])


# -- the browser tells -----------------------------------------------------------------------------------------------


def unescaped_page(name: str) -> str:
    """A page that has a name in every place as it is; also with its quotation marks escaped, and its entities read."""
    half = name.replace('"', '\\"')
    return (
        f'<!DOCTYPE html><meta charset="utf-8"><title>{name}</title><p>{name}</p><p>{unescape(name)}</p>'
        f'<p title="{name}">a</p><p title=\'{name}\'>b</p><a href="{name}">c</a><p style="background:{name}">d</p>'
        f'<script>var a = "{name}";</script><script>String(\'{name}\');</script><script>var b = "{half}";</script>'
        f"<script>String(`{name}`);</script>"
    )


def test_unescaped_pages_do_harm(browser: Browser, tmp_path: Path) -> None:
    for name in (each for each in [*HARMFUL, *GROUPED] if not each.startswith("<image")):
        (tmp_path / "page.html").write_text(unescaped_page(name), encoding="utf-8")
        assert numbers(name) <= browser.visit(tmp_path / "page.html").ran, name
    for name in PACKS:
        (tmp_path / "page.html").write_text(f"<p>{name}</p>", encoding="utf-8")
        assert browser.visit(tmp_path / "page.html").ran & numbers(name), name


SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"><title>{0}</title><text>{0}</text></svg>'


@pytest.mark.parametrize("page", [SVG, f"<!DOCTYPE html><title>x</title><p>{SVG}</p>"], ids=["alone", "inline"])
def test_unescaped_pictures_do_harm(browser: Browser, tmp_path: Path, page: str) -> None:
    file = tmp_path / ("page.svg" if page is SVG else "page.html")
    tried = [name for name in HARMFUL if re.fullmatch(r"<script.*|<image.*|.*<g xmlns.*|<svg xmlns.*", name)]
    assert len(tried) == 4
    for name in tried:
        broken = name.removeprefix('">').removesuffix('<a b="')
        file.write_text(page.format(broken), encoding="utf-8")
        assert numbers(name) <= browser.visit(file).ran, name


def test_dialogs_errors_titles_and_places_are_seen(browser: Browser, tmp_path: Path) -> None:
    for code, word in (
        ("alert('a dialog')", "a dialog"), ("missing()", "missing"),
        ("onmouseover = () => document.title = 'b'", "title: b"),
        ("location = 'http://evil.example/1'", "evil"), ("fetch('http://evil.example/2')", "evil"),
        ("new WebSocket('ws://evil.example/3')", "evil"),
    ):  # fmt: skip
        (tmp_path / "page.html").write_text(f"<title>a</title><script>{code}</script>")
        assert word in str(browser.visit(tmp_path / "page.html").events or pytest.fail(code))


# -- what steepest writes --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted() -> tuple[st.Model, dict[str, Any]]:
    """A neuron of the names, fitted."""
    model, table = neuron(NAMES)
    model.fit(table, epochs=5)
    return model, table


@pytest.fixture(scope="module")
def grouped() -> tuple[st.Model, dict[str, Any]]:
    """A network whose feature group has columns of all the names."""
    model, table = network([*NAMES, *GROUPED])
    model.fit(table, epochs=5)
    return model, table


def test_papers(harmless: Visit, fitted: tuple[st.Model, Any], grouped: tuple[st.Model, Any]) -> None:
    """As HTML, and as Markdown by a reader that knows neither formulas nor any danger."""
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    for model, table in (fitted, grouped):
        paper = model.paper(table, compare=False, title=TITLE)
        names = [*NAMES, *GROUPED] if model is grouped[0] else [*NAMES, TITLE]
        harmless(paper.text(".html"), ".html", names)
        harmless(f"<!DOCTYPE html><title>x</title>{reader.render(paper.text('.md'))}", ".html", names)


def test_graphs(harmless: Visit, fitted: tuple[st.Model, Any]) -> None:
    model, table = fitted
    values = {**table, **model.params}
    whole = graph(model.cost, values, unfold="all")
    harmless(whole.svg(), ".svg", NAMES)
    harmless(whole.html(), ".html", NAMES)
    harmless(AGraph(whole.dot()).draw(format="svg", prog="dot").decode(), ".svg", NAMES)
    harmless(graph(model.cost, values).html(), ".html", NAMES, hovered("g"))
    x, w, v = st.params(*HARMFUL[:3])
    parts = dict(zip(HARMFUL[3:5], (x * w, x * w + v), strict=True))
    named = graph((x * w + v) ** 2, {leaf.name: 1.0 for leaf in (x, w, v)}, names=parts)
    harmless(named.html(), ".html", HARMFUL[:5], hovered("g"))


def hovered(selector: str) -> Callable[[Any], None]:
    """Point at some elements, and click them, as a reader does."""

    def act(page: Any) -> None:
        for element in page.query_selector_all(selector)[:8]:
            box = element.bounding_box()
            if box:
                page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
                page.mouse.down()
                page.mouse.up()

    return act


def test_diagrams(harmless: Visit, fitted: tuple[st.Model, Any], grouped: tuple[st.Model, Any]) -> None:
    harmless(fitted[0].diagram().svg(), ".svg", NAMES, hovered("g"))
    harmless(grouped[0].diagram().svg(), ".svg", [])


def drawn(made: Any, harmless: Visit, names: list[str], page: bool = True) -> None:
    """A picture as SVG, alone and inline, and as a page of plotly."""
    svg = made.svg()
    harmless(svg, ".svg", names, hovered("g"))
    harmless(f"<!DOCTYPE html><title>x</title>{svg}", ".html", names)
    if page:
        harmless(made.html(), ".html", names, read, PLOTLY)


def read(page: Any) -> None:
    """Read numbers from a picture of plotly, and choose from its legend."""
    page.wait_for_selector("#picture .main-svg")
    box = page.query_selector("#picture").bounding_box()
    for k in range(3, 8):
        page.mouse.move(box["x"] + box["width"] * k / 10, box["y"] + box["height"] * k / 10)
        page.wait_for_timeout(30)
    page.mouse.down()
    page.mouse.up()
    for item in page.query_selector_all(".legendtoggle")[:4]:
        item.dispatch_event("mousedown")
        item.dispatch_event("mouseup")


def test_surfaces(harmless: Visit) -> None:
    first, second, *others = PACKS
    cost = st.parse(f"({quoted(first)} - 1)^2 + 2*({quoted(second)} + 1)^2")
    run = st.descend(cost, start={first: 2.0, second: 1.0}, epochs=5, progress=False)
    paths = dict.fromkeys([*others, *GROUPED], run)
    drawn(pictures.surface(cost, paths=paths, points=12, title=TITLE, look="contours"), harmless, PACKS)
    curve = st.parse(f"({quoted(first)} - 1)^2")
    one = st.descend(curve, start={first: 2.0}, epochs=5, progress=False)
    drawn(pictures.surface(curve, at={first: 1.0}, paths=dict.fromkeys(others, one)), harmless, [first, *others])
    moving = pictures.animate(paths, cost, points=8, frames=2, title=TITLE)
    harmless(f"<!DOCTYPE html><title>x</title>{moving._repr_html_()}", ".html", PACKS)


def test_trainings(harmless: Visit, fitted: tuple[st.Model, Any]) -> None:
    model, table = fitted
    drawn(pictures.training(model, table=table, title=TITLE), harmless, PACKS)
    names = [INERT[0], *HARMFUL[:5]]
    drawn(pictures.training(dict.fromkeys([*names, *GROUPED[:6]], model.run)), harmless, names)
    harmless(f"<!DOCTYPE html><title>x</title>{model.run._repr_html_()}{model._repr_html_()}", ".html", [])


@pytest.mark.parametrize("names", [HARMFUL[:5], HARMFUL[5:10], HARMFUL[10:15], HARMFUL[22:27], PACKS], ids=range(5))
def test_predictions(harmless: Visit, names: list[str]) -> None:
    target, first, second, *others = names
    model, table = neuron([target, first, "w", second, "v"])
    model.fit(table, epochs=5)
    long = names is PACKS  # shortened in the picture
    title = others[0] + TITLE
    drawn(
        pictures.boundary(model, table, title=title),
        harmless,
        [title] if long else [target, first, second, title],
        long,
    )
    drawn(pictures.predicted(model, table), harmless, [] if long else [target], long)
    drawn(pictures.confusion(model, table), harmless, [] if long else [target], long)
    drawn(pictures.fit(model, table, along=first), harmless, [] if long else [target, first, second], long)
    drawn(pictures.residuals(model, table), harmless, [] if long else [target], long)


def test_profiles(harmless: Visit) -> None:
    """Of parameters whose names are harmful."""
    first, second = HARMFUL[:2]
    table = {"x": [0.0, 1, 2, 3, 4], "y": [0.1, 0.9, 2.2, 2.9, 4.1]}
    model = st.Model(f"y ~ {quoted(first)} + {quoted(second)}*x").fit(table)
    drawn(pictures.profile(model, title=TITLE), harmless, [first, second])


def test_activations(harmless: Visit) -> None:
    drawn(pictures.activation("sigmoid", "relu", title=TITLE), harmless, [TITLE])
