"""Computational graphs: their numbers against differences, the sentences against their own numbers."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

import steepest as st
from graph_cases import E6, e6, e7, x, y, z
from mission_models import MODELS
from steepest.diagrams.graph import ComputationalGraph
from steepest.display.labels import latex_sign, sign
from steepest.errors import PictureError, ValuesError
from steepest.expressions.expression import DATA, PARAMETER, Expression, leaf, substitute
from steepest.expressions.operations import TABLE


def numbers(graph: ComputationalGraph) -> dict[str, tuple[float, float]]:
    return {row.node: (float(row.value), float(row.gradient)) for row in graph.table()}


# -- the numbers ---------------------------------------------------------------------------------------------------


def test_the_method_of_an_expression_forwards_for_one_release() -> None:
    x, y = st.params("x", "y")
    values, names = {"x": 2.0, "y": 3.0}, {"q": x * y}
    assert str((x * y + x).graph(values, names=names)) == str(st.graph(x * y + x, values, names=names))


def test_e6_has_the_numbers_of_the_notes() -> None:
    assert numbers(e6()) == {"x": (-2, -4), "y": (5, -4), "q": (3, -4), "z": (-4, 3), "f": (-12, 1)}


def test_e7_has_the_numbers_of_the_notes() -> None:
    found = numbers(e7())
    assert {name: value for name, (value, _) in found.items()} == {
        "w": 1, "x": 5, "y": 4, "b": 1, "s": 5, "z": 6, "a": 6, "e": -2, "J": 4,
    }  # fmt: skip
    assert (found["w"][1], found["b"][1]) == (20, 4)


def test_e8_has_the_local_derivative_of_the_notes() -> None:
    graph = st.graph(st.sigmoid(x), {"x": 1})
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
    graph = st.graph(root, values)
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
    found = st.graph(root, values, sample=sample).numbers
    rows = range(found.samples)
    every = [st.graph(root, values, sample=k).numbers for k in rows] if sample is not None else [found]
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
    rows = {row.node: row for row in st.graph(root, values, sample=3).table()}
    a = 1 / (1 + math.exp(-(0.3 + 0.6 + 0.1)))
    assert rows["a"].value == pytest.approx(a)
    assert rows["a"].gradient == pytest.approx(2 * (a - 0) / 4)  # of a mean over four samples
    assert rows["w1"].gradient == pytest.approx(0.0236576192, abs=1e-9)  # README: of all samples
    explained = st.graph(root, values, sample=3).explain("w1")
    assert explained.endswith(f"sample 3 gives {2 * a / 4 * a * (1 - a):.6g} · 1 = {2 * a / 4 * a * (1 - a):.6g} of it")


def test_one_value_a_sample_is_differentiated_by_the_sample() -> None:
    column, w = st.data("c"), st.params("w")
    root = (w * column) ** 2
    given = {"c": [1.0, 2, 3], "w": 2.0}
    assert [float(st.graph(root, given, sample=k).table()[0].gradient) for k in range(3)] == [4, 16, 36]
    assert float(st.graph(root, given).table()[0].gradient) == 56
    assert st.graph(root, given).explain("w").startswith("∂Σf/∂w = Σᵢ")
    assert st.graph(root, given, sample=1).explain("w") == "∂f/∂w = ∂f/∂v1 · ∂v1/∂w = 8 · 2 = 16"
    one = st.graph(root, {"c": 3.0, "w": 2.0})
    assert one.explain("w") == "∂f/∂w = ∂f/∂v1 · ∂v1/∂w = 12 · 3 = 36"


def test_a_sample_beside_the_mean_of_all_is_differentiated_alone() -> None:
    column, w = st.data("c"), st.params("w")
    mean = st.mean(column * w)
    graph = st.graph((column - mean) ** 2, {"c": [1.0, 2, 6], "w": 1.0}, names={"m": mean}, sample=2)
    rows = {row.node: row for row in graph.table()}
    assert (float(rows["m"].value), float(rows["f"].value)) == (3, 9)
    assert float(rows["m"].gradient) == -2 * (6 - 3)
    assert float(rows["w"].gradient) == -2 * (6 - 3) * 3


def test_a_gradient_that_overflows_as_written_is_taken_in_its_stable_form() -> None:
    graph = st.graph(st.log(1 - st.sigmoid(100 * x)), {"x": 20.0})
    found = numbers(graph)
    assert found["x"][1] == pytest.approx(-100)
    assert found["v1"][1] == pytest.approx(-1)  # of 100·x: −σ(2000)
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
    graph = st.graph(x * y + (x - y) * z, {"x": 2, "y": 3, "z": -5})
    assert graph.explain("y") == "∂f/∂y = ∂f/∂v1 · ∂v1/∂y + ∂f/∂v2 · ∂v2/∂y = 1 · 2 + (−5) · (−1) = 7"
    square = st.graph(x * x, {"x": 3})
    assert square.explain("x") == "∂f/∂x = x + x = 6"


_NUMBER = r"\(?−?[\d.]+(?:e[−+]?\d+)?\)?"


@pytest.mark.parametrize("sample", [None, 1])
@pytest.mark.parametrize("name", MODELS)
def test_what_is_said_is_true(name: str, sample: int | None) -> None:
    """Every sum of products in a sentence has the value that the sentence gives it."""
    root, values = MODELS[name]()
    graph = st.graph(root, values, sample=sample if root.data else None)
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
    graph = st.graph(root, values)
    assert graph.explain("a1").startswith("∂C/∂a1 = ∂C/∂v2 · ∂v2/∂a1 = (4, 3) ‖")
    assert "Σᵢ outer(Xᵢ, ∂C/∂v1ᵢ) = (2, 3) ‖" in graph.explain("W1")
    norm = float(np.linalg.norm(st.evaluate(st.gradient(root)["W1"], values)))
    assert graph.explain("W1").endswith(f"‖{norm:.4g}‖")


# -- names and errors ----------------------------------------------------------------------------------------------


def test_layers_have_the_names_of_the_papers() -> None:
    root, values = MODELS["B3 chain of 2"]()
    assert {"a1", "z1", "a2", "z2", "C"} <= set(st.graph(root, values).names.values())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: st.graph(x, {"y": 1}), "no value given for the parameter 'x'"),
        (lambda: st.graph(x * 2, {"x": 1}, names={"q": x + y}), "names has 'q' for x \\+ y, which is no part"),
        (lambda: st.graph(x + y, E6, names={"x": x + y}), "a name of the graph already"),
        (lambda: e6().explain("w"), "there is no node 'w' in the graph; its nodes are 'x', 'y', 'z', 'q', 'f'"),
        (lambda: e6().explain(x**5), "is not a node of the graph"),
        (lambda: st.graph(x * 2, {"x": 1}, sample=1), "there is no sample 1; the table's are 0 alone"),
        (lambda: st.graph(x * 2, {"x": 1}, sample=True), "sample is a whole number"),
        (lambda: st.graph(st.constant(2), {}), "nothing to draw"),
        (lambda: st.graph(st.params("v", shape=3), {"v": [1, 2, 3]}), "has the shape \\(3,\\); take its sum"),
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
