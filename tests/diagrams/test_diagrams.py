"""Pictures of models: what they are taken apart into, against the models' own numbers; drawings by structure."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from drawings import SVG, assert_compiles, groups, inches, parsed, texts, tip
from steepest.calculus.layers import decompose
from steepest.diagrams.network import _free_place
from steepest.display.palette import COLUMN, NEGATIVE, POSITIVE
from steepest.errors import ModelError, PictureError
from steepest.expressions.expression import DATA, leaf

XOR = "z ~ sigmoid(sigmoid(x*w1 + y*w2 + b1)*w5 + sigmoid(x*w3 + y*w4 + b2)*w6 + b3)"
GATE = {"X": [[0, 0], [0, 1], [1, 0], [1, 1]], "y": [0, 1, 1, 0]}
MADE = {
    "linear": st.models.linear,
    "neuron": st.models.neuron,
    "chain": lambda: st.models.chain(3),
    "network": lambda: st.models.network([3, 4, 2], activation="z*sigmoid(z)", output="linear"),
    "softmax": lambda: st.models.network([3, 4, 5], activation="leaky_relu", output="softmax"),
    "xor": lambda: st.Model(XOR, data=["x", "y", "z"]),
    "parabola": lambda: st.Model("y ~ a*x^2 - b*x + c", data=["x", "y"]),
    "decay": lambda: st.Model("y ~ a*exp(-k*x) + c", data=["x", "y"]),
    "dense": lambda: st.Model("y ~ dense(tanh(dense(x, 3)), 2)", data={"x": (), "y": (2,)}),
    "rows": lambda: st.Model(
        "y ~ dot(v, tanh(W @ x - b))", data={"x": (3,), "y": ()}, params={"W": (4, 3), "b": (4,), "v": (4,)}
    ),
    "each": lambda: st.Model(
        "y ~ dot(v, tanh(x*u + b))", data={"x": (3,), "y": ()}, params={"u": (3,), "b": (3,), "v": (3,)}
    ),
    "residual": lambda: st.Model("y ~ sigmoid(x*w1 + b1) - 0.5*x + b", data=["x", "y"]),
}


def drawn_values(model: st.Model, seed: int = 0) -> dict[str, Any]:
    """Numbers for every name of a model."""
    from steepest.expressions.expression import leaves

    random = np.random.default_rng(seed)
    return {
        node.name: random.normal(size=(7, *node.shape) if node.operation is DATA else node.shape)
        for node in leaves([model.prediction])
    }


@pytest.mark.parametrize("name", MADE)
def test_the_neurons_compute_what_the_model_predicts(name: str) -> None:
    """Each neuron summed up one weight at a time, from where the structure says that weights stand."""
    model = MADE[name]()
    values = drawn_values(model)
    structure = decompose(model.prediction)
    assert structure is not None
    outputs: dict[Any, np.ndarray] = {}
    for node in structure.inputs:
        outputs[node] = np.reshape(st.evaluate(node, values), (7, -1))
    for layer in structure.layers:
        total = np.zeros((7, layer.size))
        for term in layer.terms:
            weight = np.asarray(1.0 if term.weight is None else st.evaluate(term.weight, values))
            for i in range(outputs[term.source].shape[1]):
                for j in range(layer.size):
                    place = term.place(i, j)
                    if place is not None:
                        factor = weight[place] if weight.ndim else weight
                        total[:, j] += (-1) ** term.negative * factor * outputs[term.source][:, i]
        for bias, negative in layer.biases:
            total = total + (-1) ** negative * np.asarray(st.evaluate(bias, values))
        free = leaf(DATA, "free", layer.total.shape)
        applied = layer.activation(free)
        shaped = total if layer.total.shape else total[:, 0]
        outputs[layer.output] = np.reshape(st.evaluate(applied, {**values, "free": shaped}), (7, -1))
    found = outputs[model.prediction]
    np.testing.assert_allclose(found, np.reshape(st.evaluate(model.prediction, values), (7, -1)), rtol=1e-12, atol=0)


def test_levels_follow_what_feeds_them() -> None:
    structure = decompose(MADE["xor"]().prediction)
    assert structure is not None
    assert [layer.level for layer in structure.layers] == [1, 1, 2]
    assert [str(node) for node in structure.inputs] == ["x", "y"]


@pytest.mark.parametrize(
    "formula", ["y ~ sin(w*x)*cos(v*x)", "y ~ max(a*(x*w + b), x*w + b)", "y ~ x/(w + x)", "y ~ x", "y ~ (x*w)^b"]
)
def test_what_is_no_sum_of_weighted_inputs_is_not_made_of_layers(formula: str) -> None:
    assert decompose(st.Model(formula, data=["x", "y"]).prediction) is None


# -- drawings ------------------------------------------------------------------------------------------------------


def circles(root: Any) -> int:
    return len(list(root.iter(f"{SVG}circle")))


def test_the_line_is_drawn_as_in_the_notes() -> None:
    root = parsed(st.models.linear().diagram().svg())
    assert (circles(root), texts(root, "activation")) == (1, ["w"])
    assert texts(root, "name") == ["x", "y"]
    assert len(groups(root, "weight")) == 2  # x to the neuron, the neuron to y


def test_the_neuron_is_drawn_as_in_the_notes() -> None:
    diagram = st.models.neuron().diagram()
    root = parsed(diagram.svg())
    assert (circles(root), texts(root, "activation")) == (1, ["σ, b"])
    assert texts(root, "weight") == ["w₁", "w₂"]
    assert texts(root, "name") == ["x", "y", "z"]
    assert r"$\sigma, b$" in diagram.tikz()
    assert "$w_{1}$" in diagram.tikz()


def test_the_chain_has_the_names_of_its_layers_in_brackets() -> None:
    diagram = st.models.chain(2).diagram()
    root = parsed(diagram.svg())
    assert texts(root, "activation") == ["σ, b⁽¹⁾", "σ, b⁽²⁾"]
    assert texts(root, "weight") == ["w⁽¹⁾", "w⁽²⁾"]
    assert "$w^{(2)}$" in diagram.tikz()


def test_a_network_has_a_circle_a_neuron_and_an_edge_a_weight() -> None:
    root = parsed(st.models.network([2, 3, 1]).diagram().svg())
    assert circles(root) == 4
    assert texts(root, "activation") == ["tanh"] * 3 + ["σ"]
    assert len(groups(root, "weight")) == 2 * 3 + 3 * 1 + 1  # and the one to the target
    assert texts(root, "caption") == ["W⁽¹⁾: 2 × 3", "b⁽¹⁾: 3", "W⁽²⁾: 3 × 1", "b⁽²⁾: 1"]
    assert any(tip(group).startswith("W⁽¹⁾[2, 3]") for group in groups(root, "weight"))


def test_neurons_of_single_numbers_stand_side_by_side() -> None:
    root = parsed(MADE["xor"]().diagram().svg())
    assert texts(root, "activation") == ["σ, b₁", "σ, b₂", "σ, b₃"]
    assert sorted(texts(root, "weight")) == [f"w{c}" for c in "₁₂₃₄₅₆"]


def test_wide_and_deep_models_are_abbreviated() -> None:
    root = parsed(st.models.network([64, 32, 10], output="softmax").diagram().svg())
    assert circles(root) == 5 + 5
    assert texts(root, "ellipsis") == ["⋮"] * 4
    assert texts(root, "name") == ["x₁", "x₂", "x₃", "x₄", "x₆₄", "y = 0", "y = 1", "y = 2", "y = 3", "y = 9"]
    assert "32 neurons" in texts(root, "caption")
    assert len(groups(root, "weight")) == 5 * 5 + 5 * 5 + 5
    deep = parsed(st.models.chain(30).diagram().svg())
    assert texts(deep, "ellipsis") == ["⋯"]
    assert texts(deep, "activation") == [f"σ, b⁽{k}⁾" for k in ("¹", "²", "³", "²⁹", "³⁰")]


@pytest.mark.parametrize("name", ["linear", "neuron", "xor"])
def test_small_models_fit_a_column(name: str) -> None:
    assert inches(parsed(MADE[name]().diagram().svg())) < COLUMN
    for model in (st.models.chain(2), st.models.network([2, 2, 1]), st.models.network([64, 32, 10])):
        assert inches(parsed(model.diagram().svg())) < COLUMN


def test_a_fitted_model_shows_its_weights_by_number_width_and_colour() -> None:
    model = st.models.network([2, 3, 1])
    model.params = {
        "W1": [[1.0, -2.0, 0.5], [0.25, 3.0, -4.0]], "b1": [0.1, -0.2, 0.3], "W2": [[-1.5], [2.5], [0.0]], "b2": [0.5],
    }  # fmt: skip
    root = parsed(model.diagram().svg())
    weights = [*np.ravel(model.params["W1"]), *np.ravel(model.params["W2"])]
    edges = [group for group in groups(root, "weight") if " = " in tip(group)]
    assert len(edges) == 9
    widths = {}
    for edge in edges:
        value = float(tip(edge).split(" = ")[1].replace("−", "-"))
        path = next(edge.iter(f"{SVG}path"))
        assert path.get("stroke") == (NEGATIVE if value < 0 else POSITIVE)
        assert (path.get("stroke-dasharray") is not None) == (value < 0)
        widths[abs(value)] = float(path.get("stroke-width") or 0)
    assert sorted(widths, key=lambda size: widths[size]) == sorted(widths)
    assert sorted(float(t.replace("−", "-")) for t in texts(root, "weight")) == sorted(weights)
    assert texts(root, "bias") == ["0.1", "−0.2", "0.3", "0.5"]
    assert "widest: 4" in texts(root, "legend")
    assert "dashed" in model.diagram().tikz()


def test_the_columns_of_a_block_are_named() -> None:
    table = {"up": [0.0, 1, 2], "down": [1.0, 0, 1], "y": [0.0, 1, 1]}
    model = st.Model("y ~ sigmoid(dense(X, 1))", features=["up", "down"]).fit(table, epochs=2)
    assert texts(parsed(model.diagram().svg()), "name") == ["up", "down", "y"]


def test_a_formula_without_layers_is_a_box() -> None:
    diagram = st.Model("y ~ sin(w*x)*cos(v*x)", data=["x", "y"]).diagram()
    root = parsed(diagram.svg())
    assert (circles(root), len(list(root.iter(f"{SVG}rect")))) == (0, 1)
    assert texts(root, "formula") == ["sin(w·x)·cos(v·x)"]
    assert "w, v" in diagram.description
    long = "y ~ " + "*".join(f"sin(w{k}*x)" for k in range(20))
    assert texts(parsed(st.Model(long, data=["x", "y"]).diagram().svg()), "formula") == ["f(x; w0, w1, w2, …, w19)"]


def test_mistakes_are_answered_by_a_sentence() -> None:
    with pytest.raises(ModelError, match="does not know yet which names are columns"):
        st.Model("z ~ x*w").diagram()
    with pytest.raises(PictureError, match=r"no format 'gif'.*\.svg, \.png, \.tex"):
        st.models.linear().diagram().save("model.gif")


@pytest.mark.parametrize("engine", ["pdflatex", "lualatex"])
def test_the_tikz_compiles(engine: str, tmp_path: Path) -> None:
    fitted = st.models.network([2, 3, 1]).fit(GATE, epochs=3)
    models = [make() for make in MADE.values()] + [fitted, st.models.network([64, 32, 10], output="softmax")]
    models.append(st.Model("y ~ sin(w*x)*cos(v*`p_1 %`)", data=["x", "p_1 %", "y"]))
    assert_compiles("\n\n".join(model.diagram().tikz() for model in models), tmp_path, engine)


def test_what_is_seen_is_said() -> None:
    said = st.models.network([2, 3, 1]).diagram().description
    assert "Layer 1: 3 neurons, tanh; weights W⁽¹⁾; bias b⁽¹⁾." in said
    assert "The inputs are X of 2 features." in said


@pytest.mark.parametrize("sizes", [[2, 4, 3], [3, 4, 3], [2, 3, 1], [2, 6, 2]])
def test_labels_of_a_fitted_network_do_not_cover_each_other(sizes: list[int]) -> None:
    """Boxes of the texts, 0.55 of their size a sign wide; what finds no room is in the tooltip of its edge."""
    rng = np.random.default_rng(4)
    table = {"X": rng.normal(size=(30, sizes[0])), "y": rng.integers(0, max(sizes[-1], 2), 30).astype(float)}
    output = "softmax" if sizes[-1] > 1 else "sigmoid"
    drawn = st.models.network(sizes, output=output).fit(table, rate=0.3, epochs=100).diagram()
    marks = [mark for mark in drawn.scene.marks() if getattr(mark, "role", "") in ("weight", "bias")]
    boxes = [(m.x - 0.275 * m.size * len(m.text), m.y, m.x + 0.275 * m.size * len(m.text), m.size) for m in marks]
    for k, (left, y, right, size) in enumerate(boxes):
        for other in boxes[:k]:
            apart = left >= other[2] or other[0] >= right or abs(y - other[1]) >= 0.7 * size
            assert apart, (marks[k].text, boxes[k], other)
    edges = sum(a * b for a, b in pairwise(sizes))
    titles = [group for group in drawn.scene.groups if group.role == "weight" and group.title[0] == "W"]
    assert len(titles) == edges
    assert sum(mark.role == "weight" for mark in marks) >= 0.7 * edges


def test_neurons_of_a_softmax_say_so() -> None:
    drawn = st.models.network([2, 3], output="softmax").diagram()
    root = parsed(drawn.svg())
    assert texts(root, "activation") == ["softmax"] * 3
    assert "3 neurons, softmax;" in drawn.description


def test_a_label_without_room_is_left_to_its_tooltip() -> None:
    line = ((0.0, 0.0), (100.0, 40.0))
    assert _free_place("−0.25", *line, [], []) is not None
    assert _free_place("−0.25", *line, [], [(-50.0, -100.0, 150.0, 100.0)]) is None
