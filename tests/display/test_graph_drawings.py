"""Computational graphs as they are drawn and folded: the structure of SVG, DOT, TikZ, PNG and HTML."""

from __future__ import annotations

import math
import re
import struct
import sys
from pathlib import Path

import pytest

import steepest as st
from drawings import SVG, assert_compiles, groups, inches, parsed, texts, tip
from graph_cases import E6, chain, e6, e7, x, y
from mission_models import MODELS
from steepest.display.graphviz import Arc, Box, beyond_budget, lay_out
from steepest.display.palette import COLUMN, DARK_PAPER, PAPER, READABLE
from steepest.errors import PictureError

# -- drawings ------------------------------------------------------------------------------------------------------


def test_the_svg_shows_values_above_and_gradients_below_the_wires() -> None:
    root = parsed(e7().svg())
    edges = groups(root, "edge")
    assert len(edges) == 9  # two into each of ×, + and −, one into ReLU and ², one out
    found = {}
    for edge in edges:
        above, below = (next(t for t in edge.iter(f"{SVG}text") if role in str(t.get("class")))
                        for role in ("value", "gradient"))  # fmt: skip
        wire = next(edge.iter(f"{SVG}path"))
        ends = [float(v) for v in re.findall(r",(-?[\d.]+)", str(wire.get("d")))]
        assert float(above.get("y") or 0) < float(below.get("y") or 0)
        assert min(ends) - 20 < float(above.get("y") or 0) < max(ends) + 20
        found[tip(edge).split(" = ")[0]] = (above.text, below.text)
    assert found == {
        "w": ("1", "20"), "x": ("5", "4"), "s": ("5", "4"), "b": ("1", "4"), "z": ("6", "4"), "a": ("6", "4"),
        "y": ("4", "−4"), "e": ("−2", "−4"), "J": ("4", "1"),
    }  # fmt: skip
    assert sorted(texts(root, "operation")) == sorted(["×", "+", "ReLU", "−", "•²"])
    assert any("∂s/∂w = x = 5" in tip(edge) for edge in edges)  # the local derivative, on the wire
    assert any("∂e/∂a = −1" in tip(node) for node in groups(root, "operation"))
    assert inches(parsed(e6().svg())) < COLUMN


def test_a_name_is_drawn_once_however_many_use_it() -> None:
    graph = st.graph(x * x + st.sin(x), {"x": 2.0})
    root = parsed(graph.svg())
    leaves = groups(root, "leaf")
    assert [leaf.get("data-name") for leaf in leaves] == ["x"]
    shares = [texts(edge, "gradient")[0] for edge in groups(root, "edge") if tip(edge).startswith("x = ")]
    assert sorted(shares) == sorted(["4", f"{math.cos(2):.6g}".replace("-", "−")])
    assert texts(leaves[0], "sum") == [f"Σ {4 + math.cos(2):.6g}"]


def test_the_dot_text_is_read_by_graphviz() -> None:
    import pygraphviz

    graph = pygraphviz.AGraph(e7().dot())
    assert len(graph.nodes()) == 10  # nine and the way out
    labels = {edge.attr["label"] for edge in graph.edges()}
    assert {"1\\n20", "5\\n4", "−2\\n−4"} <= labels
    odd = st.graph(st.params('a "b" \\ c') * 2, {'a "b" \\ c': 1.0}).dot()
    graph = pygraphviz.AGraph(odd)
    assert 'a "b" \\\\ c' in {node.attr["label"] for node in graph.nodes()}


@pytest.mark.parametrize("engine", ["pdflatex", "lualatex"])
def test_the_tikz_compiles(engine: str, tmp_path: Path) -> None:
    root, values = MODELS["D4 network"]()
    deep, given = MODELS["B3 chain of 6"]()
    drawn = [
        e7(),
        st.graph(root, values),
        st.graph(root, values, unfold=()),
        st.graph(deep, given, sample=1, unfold=["a2"]),
    ]
    for graph in drawn[:2] if engine == "lualatex" else drawn:
        assert_compiles(graph.tikz(), tmp_path, engine)


def test_the_png_is_as_large_as_the_drawing(tmp_path: Path) -> None:
    graph = e6()
    graph.save(tmp_path / "graph.png")
    content = (tmp_path / "graph.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert width == pytest.approx(graph.scene.width * 200 / 72, abs=1)
    assert height == pytest.approx(graph.scene.height * 200 / 72, abs=1)
    assert b"Computational graph of f" in content


def test_without_pygraphviz_the_table_and_the_dot_text_remain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    graph = e6()
    assert len(graph.table()) == 5
    assert graph.dot().startswith("digraph")
    with pytest.raises(PictureError, match=r"needs pygraphviz.*pip install 'steepest\[pictures\]'"):
        graph.svg()


def test_without_matplotlib_a_png_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(
        PictureError, match=r"needs matplotlib, which is not installed: pip install 'steepest\[pictures\]'"
    ):
        e6().png()


def _luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_coloured_letters_can_be_read() -> None:
    """A contrast of 4.5, as WCAG 2.2 asks for in 1.4.3, on light and on dark."""
    for light, dark in READABLE.values():
        for letters, page in ((light, PAPER), (dark, DARK_PAPER)):
            a, b = sorted((_luminance(letters), _luminance(page)))
            assert (b + 0.05) / (a + 0.05) >= 4.5


# -- folding -------------------------------------------------------------------------------------------------------


def test_a_large_graph_is_folded_by_layer_and_unfolded_on_demand() -> None:
    root, values = chain(20)
    graph = st.graph(root, values)
    assert graph.layers == (*(f"a{k}" for k in range(1, 21)), "cost")
    assert graph.folded == graph.layers
    drawn = parsed(graph.svg())
    assert texts(drawn, "label") == ["layer 1", "layer 2", "layers 3 … 19", "layer 20", "cost"]
    assert [leaf.get("data-name") for leaf in groups(drawn, "leaf")] == ["x", "y"]
    one = graph.unfold("a7")
    assert set(one.folded) == set(graph.layers) - {"a7"}
    names = {group.get("data-name") for group in groups(parsed(one.svg()), "operation")}
    assert {"z7", "a7"} <= names
    assert len(groups(parsed(graph.unfold().svg()), "group")) == 0
    with pytest.raises(PictureError, match="there is no layer 'a21' to unfold; did you mean"):
        graph.unfold("a21")
    assert len(graph.table()) == len(graph.unfold().table()) == 105


def test_folding_changes_no_number() -> None:
    root, values = chain(5)
    whole, folded = st.graph(root, values, unfold="all"), st.graph(root, values, unfold=())
    shown = {tip(e).split(" = ")[0]: (texts(e, "value"), texts(e, "gradient"))
             for e in groups(parsed(whole.svg()), "edge")}  # fmt: skip
    between = groups(parsed(folded.svg()), "edge")
    assert len(between) == 8  # x, y, five layers, and the way out
    for edge in between:
        name = tip(edge).split(" = ")[0]
        assert (texts(edge, "value"), texts(edge, "gradient")) == shown[name]


def test_the_page_needs_no_network_and_opens_its_layers() -> None:
    root, values = MODELS["D4 network"]()
    page = st.graph(root, values, unfold=()).html()
    assert page.count("<details>") == 3
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)=", page)
    assert set(re.findall(r"https?://[^\"]+", page)) == {"http://www.w3.org/2000/svg"}
    assert "Σᵢ outer(Xᵢ, ∂C/∂v1ᵢ)" in page
    assert page.count('<th scope="row">') == len(st.graph(root, values).table())


def test_long_wires_of_large_graphs_have_no_part_in_the_layout() -> None:
    """Of a sum whose terms share a name, each but one; every box keeps a wire. Of small graphs none."""

    def shared(terms: int) -> tuple[list[Box], list[Arc]]:
        boxes, arcs = [Box("x", 9, 9)], []
        for k in range(terms):
            boxes += [Box(f"t{k}", 9, 9), Box(f"s{k}", 9, 9)]
            arcs += [Arc("x", f"t{k}"), Arc(f"t{k}", f"s{k}")] + ([Arc(f"s{k - 1}", f"s{k}")] if k else [])
        return boxes, arcs

    assert not beyond_budget(*shared(20))
    boxes, arcs = shared(700)
    free = beyond_budget(boxes, arcs)
    assert free
    kept = [arc for k, arc in enumerate(arcs) if k not in free]
    assert {arc.source for arc in kept} == {box.name for box in boxes} - {"s699"}
    layout = lay_out(boxes, arcs)
    assert all(len(layout.curves[k]) == 2 for k in free)


@pytest.mark.parametrize("layers", [150, pytest.param(400, marks=pytest.mark.slow)])
def test_hundreds_of_layers_are_folded_and_unfolded(layers: int) -> None:
    root, values = chain(layers)
    assert len(groups(parsed(st.graph(root, values).svg()), "group")) == 5
    whole = st.graph(root, values, unfold="all")
    assert len(groups(parsed(whole.svg()), "operation")) == 3 * layers + 3


def test_thousands_of_nodes_are_drawn() -> None:
    """A sum of terms that share names, whose wires would be endless to Graphviz."""
    total, given = x * y, dict(E6)
    for k in range(400):
        total, given[f"w{k}"] = total + st.params(f"w{k}") * st.sin(x * k + y), 1
    graph = st.graph(total, given)
    assert len(graph.numbers.nodes) > 2000
    edges = sum(bool(arg.args or arg.name) for node in graph.numbers.nodes for arg in node.args)
    assert len(groups(parsed(graph.svg()), "edge")) == edges + 1  # that of the result


@pytest.mark.slow
def test_a_graph_of_too_many_nodes_is_refused() -> None:
    with pytest.raises(PictureError, match=r"this graph has [\d,]+ nodes, and at most 5,000 are drawn"):
        st.graph(chain(1100)[0], chain(1100)[1], unfold="all")
