"""Computational graphs: their numbers against differences, their drawings by structure."""

from __future__ import annotations

import math
import re
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from drawings import SVG, assert_compiles, groups, inches, parsed, texts, tip
from mission_models import MODELS
from steepest.errors import PictureError, ValuesError
from steepest.expression import DATA, PARAMETER, Expression, leaf, substitute
from steepest.graphs import ComputationalGraph
from steepest.operations import TABLE
from steepest.render.graphviz import Arc, Box, beyond_budget, lay_out
from steepest.render.labels import latex_sign, sign
from steepest.render.palette import COLUMN, DARK_PAPER, PAPER, READABLE

x, y, z = st.params("x", "y", "z")
E6 = {"x": -2, "y": 5, "z": -4}


def e6() -> ComputationalGraph:
    return ((x + y) * z).graph(E6, names={"q": x + y})


def e7() -> ComputationalGraph:
    x, y, w, b = st.params("x", "y", "w", "b")
    s = w * x
    z = s + b
    a = st.relu(z)
    e = y - a
    named = {"s": s, "z": z, "a": a, "e": e, "J": e**2}
    return (e**2).graph({"x": 5, "y": 4, "w": 1, "b": 1}, names=named)


def numbers(graph: ComputationalGraph) -> dict[str, tuple[float, float]]:
    return {row.node: (float(row.value), float(row.gradient)) for row in graph.table()}


# -- the numbers ---------------------------------------------------------------------------------------------------


def test_e6_has_the_numbers_of_the_notes() -> None:
    assert numbers(e6()) == {"x": (-2, -4), "y": (5, -4), "q": (3, -4), "z": (-4, 3), "f": (-12, 1)}


def test_e7_has_the_numbers_of_the_notes() -> None:
    found = numbers(e7())
    assert {name: value for name, (value, _) in found.items()} == {
        "w": 1, "x": 5, "y": 4, "b": 1, "s": 5, "z": 6, "a": 6, "e": -2, "J": 4,
    }  # fmt: skip
    assert (found["w"][1], found["b"][1]) == (20, 4)


def test_e8_has_the_local_derivative_of_the_notes() -> None:
    graph = st.sigmoid(x).graph({"x": 1})
    assert numbers(graph)["f"][0] == pytest.approx(0.731059, abs=5e-7)
    assert graph.table()[-1].local == ("∂f/∂x = f·(1 − f) = 0.196612",)


def _perturbed(root: Expression, node: Expression, values: dict[str, Any], at: np.ndarray) -> float:
    """The sum of a root's values with a node held at a value."""
    free = leaf(DATA if node.per_sample else PARAMETER, "free", node.shape)
    return float(np.sum(st.evaluate(substitute(root, {node: free}), {**values, "free": at})))


@pytest.mark.parametrize("name", MODELS)
def test_every_gradient_is_what_moving_the_node_does(name: str) -> None:
    """Against central differences, each node cut loose from what it is computed of."""
    root, values = MODELS[name]()
    graph = root.graph(values)
    nodes = {graph.names[node]: node for node in graph.numbers.nodes}
    for row in graph.table():
        node = nodes[row.node]
        value = np.array(row.value, dtype=float)
        if node.is_leaf:
            value = np.array(graph.numbers.values[node])
        flat = value.reshape(-1)
        for k in range(min(flat.size, 6)):
            ends = []
            for h in (1e-5, -1e-5):
                moved = flat.copy()
                moved[k] += h
                ends.append(_perturbed(root, node, values, moved.reshape(value.shape)))
            slope = (ends[0] - ends[1]) / 2e-5
            assert np.reshape(row.gradient, -1)[k] == pytest.approx(slope, rel=1e-6, abs=1e-8), row.node


@pytest.mark.parametrize("sample", [None, 0, 2])
@pytest.mark.parametrize("name", ["A3 neuron", "B3 chain of 3", "D4 network", "E5 regression"])
def test_what_is_handed_back_adds_up(name: str, sample: int | None) -> None:
    """The shares of a node's users are its gradient; with a sample, those of all samples are."""
    root, values = MODELS[name]()
    found = root.graph(values, sample=sample).numbers
    rows = range(found.samples)
    every = [root.graph(values, sample=k).numbers for k in rows] if sample is not None else [found]
    for node in found.nodes[:-1]:
        into = np.zeros_like(found.adjoints[node])
        for user in found.nodes:
            for k, arg in enumerate(user.args):
                if arg is node:
                    summed = sample is not None and user.per_sample and not node.per_sample
                    into = into + sum(each.shares[user, k] for each in (every if summed else [found]))
        np.testing.assert_allclose(into, found.adjoints[node], rtol=1e-9, atol=1e-14)


def test_a_sample_shows_its_own_values() -> None:
    root, values = MODELS["A3 neuron"]()
    rows = {row.node: row for row in root.graph(values, sample=3).table()}
    a = 1 / (1 + math.exp(-(0.3 + 0.6 + 0.1)))
    assert rows["a"].value == pytest.approx(a)
    assert rows["a"].gradient == pytest.approx(2 * (a - 0) / 4)  # of a mean over four samples
    assert rows["w1"].gradient == pytest.approx(0.0236576192, abs=1e-9)  # README: of all samples
    explained = root.graph(values, sample=3).explain("w1")
    assert explained.endswith(f"sample 3 gives {2 * a / 4 * a * (1 - a):.6g} · 1 = {2 * a / 4 * a * (1 - a):.6g} of it")


def test_one_value_a_sample_is_differentiated_by_the_sample() -> None:
    column, w = st.data("c"), st.params("w")
    root = (w * column) ** 2
    given = {"c": [1.0, 2, 3], "w": 2.0}
    assert [float(root.graph(given, sample=k).table()[0].gradient) for k in range(3)] == [4, 16, 36]
    assert float(root.graph(given).table()[0].gradient) == 56
    assert root.graph(given).explain("w").startswith("∂Σf/∂w = Σᵢ")
    assert root.graph(given, sample=1).explain("w") == "∂f/∂w = ∂f/∂v1 · ∂v1/∂w = 8 · 2 = 16"
    one = root.graph({"c": 3.0, "w": 2.0})
    assert one.explain("w") == "∂f/∂w = ∂f/∂v1 · ∂v1/∂w = 12 · 3 = 36"


def test_a_sample_beside_the_mean_of_all_is_differentiated_alone() -> None:
    column, w = st.data("c"), st.params("w")
    mean = st.mean(column * w)
    graph = ((column - mean) ** 2).graph({"c": [1.0, 2, 6], "w": 1.0}, names={"m": mean}, sample=2)
    rows = {row.node: row for row in graph.table()}
    assert (float(rows["m"].value), float(rows["f"].value)) == (3, 9)
    assert float(rows["m"].gradient) == -2 * (6 - 3)
    assert float(rows["w"].gradient) == -2 * (6 - 3) * 3


def test_a_gradient_that_overflows_as_written_is_taken_in_its_stable_form() -> None:
    graph = st.log(1 - st.sigmoid(100 * x)).graph({"x": 2.0})
    found = numbers(graph)
    assert found["x"][1] == pytest.approx(-100)
    assert found["v1"][1] == pytest.approx(-1)  # of 100·x: −σ(200)
    assert "does not overflow" in graph.explain("v1")


# -- the chain rule ------------------------------------------------------------------------------------------------


def test_the_chain_rule_is_said_with_its_numbers() -> None:
    graph = e6()
    assert graph.explain("x") == "∂f/∂x = ∂f/∂q · ∂q/∂x = −4 · 1 = −4"
    assert graph.explain(z) == "∂f/∂z = q = 3"
    assert graph.explain("x + y") == graph.explain("q") == "∂f/∂q = z = −4"
    assert graph.explain("f") == "∂f/∂f = 1"
    assert e7().explain("w") == "∂J/∂w = ∂J/∂s · ∂s/∂w = 4 · 5 = 20"
    assert e7().explain("a") == "∂J/∂a = ∂J/∂e · ∂e/∂a = −4 · (−1) = 4"


def test_the_products_of_several_users_are_added() -> None:
    graph = (x * y + (x - y) * z).graph({"x": 2, "y": 3, "z": -5})
    assert graph.explain("y") == "∂f/∂y = ∂f/∂v1 · ∂v1/∂y + ∂f/∂v2 · ∂v2/∂y = 1 · 2 + (−5) · (−1) = 7"
    square = (x * x).graph({"x": 3})
    assert square.explain("x") == "∂f/∂x = x + x = 6"


_NUMBER = r"\(?−?[\d.]+(?:e[−+]?\d+)?\)?"


@pytest.mark.parametrize("sample", [None, 1])
@pytest.mark.parametrize("name", MODELS)
def test_what_is_said_is_true(name: str, sample: int | None) -> None:
    """Every sum of products in a sentence has the value that the sentence gives it."""
    root, values = MODELS[name]()
    graph = root.graph(values, sample=sample if root.data else None)
    checked = 0
    for node in graph.names.values():
        sentence = graph.explain(node)
        for left, right in re.findall(rf"= ({_NUMBER}(?: [·+] {_NUMBER})+) = ({_NUMBER})", sentence):
            terms = [term.split(" · ") for term in left.split(" + ")]
            value = sum(math.prod(_read(factor) for factor in term) for term in terms)
            assert value == pytest.approx(_read(right), rel=2e-5, abs=1e-5), sentence
            checked += 1
    assert checked or (root.data and sample is None) or len(graph.table()) == 3  # of x·y nothing is a product


def _read(text: str) -> float:
    return float(text.strip("()").replace("−", "-"))


def test_vectors_are_explained_by_the_rule_of_their_operation() -> None:
    root, values = MODELS["D4 network"]()
    graph = root.graph(values)
    assert graph.explain("a1").startswith("∂C/∂a1 = ∂C/∂v2 · ∂v2/∂a1 = (4, 3) ‖")
    assert "Σᵢ outer(Xᵢ, ∂C/∂v1ᵢ) = (2, 3) ‖" in graph.explain("W1")
    norm = float(np.linalg.norm(st.evaluate(st.gradient(root)["W1"], values)))
    assert graph.explain("W1").endswith(f"‖{norm:.4g}‖")


# -- names and errors ----------------------------------------------------------------------------------------------


def test_layers_have_the_names_of_the_papers() -> None:
    root, values = MODELS["B3 chain of 2"]()
    assert {"a1", "z1", "a2", "z2", "C"} <= set(root.graph(values).names.values())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: x.graph({"y": 1}), "no value given for the parameter 'x'"),
        (lambda: (x * 2).graph({"x": 1}, names={"q": x + y}), "names has 'q' for x \\+ y, which is no part"),
        (lambda: (x + y).graph(E6, names={"x": x + y}), "a name of the graph already"),
        (lambda: e6().explain("w"), "there is no node 'w' in the graph; its nodes are x, y, z, q, f"),
        (lambda: e6().explain(x**5), "is no node of the graph"),
        (lambda: (x * 2).graph({"x": 1}, sample=1), "there is no sample 1; the table's are 0 alone"),
        (lambda: (x * 2).graph({"x": 1}, sample=True), "sample is a whole number"),
        (lambda: st.constant(2).graph({}), "nothing to draw"),
        (lambda: st.params("v", shape=3).graph({"v": [1, 2, 3]}), "has the shape \\(3,\\); take its sum"),
        (lambda: e6().unfold("a1"), "no layer 'a1' to unfold; this graph has no layers"),
        (lambda: e6().save("graph.gif"), "no format 'gif'.*\\.svg, \\.png, \\.dot, \\.tex, \\.html"),
    ],
)
def test_mistakes_are_answered_by_a_sentence(call: Any, message: str) -> None:
    with pytest.raises((PictureError, ValuesError), match=message):
        call()


def test_every_operation_has_a_sign() -> None:
    for row in TABLE:
        for shape in ((), (3,), (3, 3)):
            args = [leaf(DATA, f"x{k}", shape) for k in range(row.arity)]
            try:
                node = row(*args, attributes=(3,) * bool(row.attributes))
            except st.SteepestError:
                continue
            assert sign(node).strip(), row.name
            latex = latex_sign(node)
            assert latex.strip(), row.name
            assert latex.count("{") == latex.count("}")
            break
        else:
            pytest.fail(f"no shape suits {row.name}")


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
    graph = (x * x + st.sin(x)).graph({"x": 2.0})
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
    odd = (st.params('a "b" \\ c') * 2).graph({'a "b" \\ c': 1.0}).dot()
    graph = pygraphviz.AGraph(odd)
    assert 'a "b" \\\\ c' in {node.attr["label"] for node in graph.nodes()}


@pytest.mark.parametrize("engine", ["pdflatex", "lualatex"])
def test_the_tikz_compiles(engine: str, tmp_path: Path) -> None:
    root, values = MODELS["D4 network"]()
    deep, given = MODELS["B3 chain of 6"]()
    drawn = [e7(), root.graph(values), root.graph(values, unfold=()), deep.graph(given, sample=1, unfold=["a2"])]
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
    with pytest.raises(PictureError, match=r"needs Matplotlib: pip install 'steepest\[pictures\]'"):
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


def chain(depth: int) -> tuple[Expression, dict[str, Any]]:
    a, target = st.data("x", "y")
    values: dict[str, Any] = {"x": [0.2, 0.3], "y": [1.0, 0.0]}
    for k in range(1, depth + 1):
        a = st.sigmoid(a * st.params(f"w{k}") + st.params(f"b{k}"))
        values |= {f"w{k}": 0.5 * (-1) ** k, f"b{k}": 0.1}
    return st.mean((a - target) ** 2), values


def test_a_large_graph_is_folded_by_layer_and_unfolded_on_demand() -> None:
    root, values = chain(20)
    graph = root.graph(values)
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
    whole, folded = root.graph(values, unfold="all"), root.graph(values, unfold=())
    shown = {tip(e).split(" = ")[0]: (texts(e, "value"), texts(e, "gradient"))
             for e in groups(parsed(whole.svg()), "edge")}  # fmt: skip
    between = groups(parsed(folded.svg()), "edge")
    assert len(between) == 8  # x, y, five layers, and the way out
    for edge in between:
        name = tip(edge).split(" = ")[0]
        assert (texts(edge, "value"), texts(edge, "gradient")) == shown[name]


def test_the_page_needs_no_network_and_opens_its_layers() -> None:
    root, values = MODELS["D4 network"]()
    page = root.graph(values, unfold=()).html()
    assert page.count("<details>") == 3
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)=", page)
    assert set(re.findall(r"https?://[^\"]+", page)) == {"http://www.w3.org/2000/svg"}
    assert "Σᵢ outer(Xᵢ, ∂C/∂v1ᵢ)" in page
    assert page.count('<th scope="row">') == len(root.graph(values).table())


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


def test_thousands_of_nodes_are_drawn() -> None:
    """A chain of layers unfolded, and a sum of terms that share names, whose wires would be endless to Graphviz."""
    root, values = chain(400)
    assert len(groups(parsed(root.graph(values).svg()), "group")) == 5
    whole = root.graph(values, unfold="all")
    assert len(groups(parsed(whole.svg()), "operation")) == 3 * 400 + 3
    total, given = x * y, dict(E6)
    for k in range(400):
        total, given[f"w{k}"] = total + st.params(f"w{k}") * st.sin(x * k + y), 1
    drawn = parsed(total.graph(given).svg())
    assert len(groups(drawn, "edge")) == sum(
        len([arg for arg in node.args if arg.args or arg.name]) for node in total.graph(given).numbers.nodes
    ) + 1  # fmt: skip
    with pytest.raises(PictureError, match=r"this graph has [\d,]+ nodes, and at most 5,000 are drawn"):
        chain(1100)[0].graph(chain(1100)[1], unfold="all")
