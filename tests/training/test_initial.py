"""Initial values: the spread of each scheme against the formula of its paper, and which parameter gets which."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest.errors import DescentError
from steepest.training import descent
from steepest.training.initialisers import SCHEMES, Initial, initial

D, H = 40, 500
X, y = st.data("X", shape=D), st.data("y")
W, b = st.params("W", shape=(D, H)), st.params("b", shape=H)


def cost(activation: Any = st.tanh) -> st.Expression:
    return st.mean(st.sum(activation(X @ W + b)))


# Name: the standard deviation by its paper, and the largest value if there is one.
SPREADS = {
    "glorot": (math.sqrt(6 / (D + H)) / math.sqrt(3), math.sqrt(6 / (D + H))),
    "glorot_normal": (math.sqrt(2 / (D + H)), math.inf),
    "he": (math.sqrt(2 / D), math.inf),
    "lecun": (math.sqrt(1 / D), math.inf),
    "zeros": (0.0, 0.0),
    "normal": (0.5, math.inf),
    "normal(0.02)": (0.02, math.inf),
    "normal( 3e-2 )": (0.03, math.inf),
}


def test_every_scheme_has_a_spread() -> None:
    assert set(SCHEMES) == {name.partition("(")[0] for name in SPREADS}


@pytest.mark.parametrize("scheme", SPREADS)
def test_spread_is_that_of_the_paper(scheme: str) -> None:
    """20,000 values: five standard errors of their deviation are 2.5 % of it, those of their mean 0.035 of it."""
    deviation, bound = SPREADS[scheme]
    drawn = initial(cost(), seed=2, scheme=scheme)["W"]
    assert drawn.shape == (D, H)
    assert np.std(drawn) == pytest.approx(deviation, rel=0.025)
    assert abs(np.mean(drawn)) <= 0.036 * deviation
    assert np.abs(drawn).max() <= bound
    if 0 < bound < math.inf:
        assert np.abs(drawn).max() > 0.999 * bound
    elif deviation:
        assert np.abs(drawn).max() > 3 * deviation


def swish(z: Any) -> Any:
    return z * st.sigmoid(z)


@pytest.mark.parametrize(
    ("activation", "scheme"),
    [
        (st.relu, "he"), (st.leaky_relu, "he"), (lambda z: st.maximum(0.1 * z, z), "he"),
        (lambda z: st.maximum(z, 0), "he"), (lambda z: st.relu(z + 1), "he"),
        (st.tanh, "glorot"), (st.sigmoid, "glorot"), (st.softmax, "glorot"), (lambda z: z, "glorot"),
        (st.sin, "glorot"), (swish, "glorot"), (st.softplus, "glorot"),
    ],
)  # fmt: skip
def test_the_activation_that_a_matrix_feeds_chooses(activation: Any, scheme: str) -> None:
    assert Initial(cost(activation)).schemes == {"W": scheme, "b": "zeros"}


def test_each_layer_has_its_own() -> None:
    model = st.models.network([4, 5, 6, 3], activation="relu", output="softmax")
    zeros = {f"b{k}": "zeros" for k in (1, 2, 3)}
    assert Initial(model.cost).schemes == {"W1": "he", "W2": "he", "W3": "glorot", **zeros}
    gentle = Initial(st.models.network([4, 5, 3], output="linear").cost)
    assert gentle.schemes == {"W1": "glorot", "W2": "glorot", "b1": "zeros", "b2": "zeros"}


def test_inputs_are_counted_on_the_side_of_the_data() -> None:
    """W of W @ x has as many inputs as columns, one of X @ W.T too."""
    x = st.data("x", shape=3)
    for product in (st.params("W", shape=(800, 3)) @ x, x @ st.params("W", shape=(800, 3)).T):
        assert np.std(initial(st.mean(st.sum(st.relu(product))))["W"]) == pytest.approx(math.sqrt(2 / 3), rel=0.06)


def test_numbers_and_lone_vectors_keep_their_half() -> None:
    """The very values that were drawn before there were schemes: README and restarts of formulas rest on them."""
    x, v = st.data("x"), st.params("v", shape=4)
    formula = st.mean((st.sum(st.tanh(x * v + st.params("c", shape=4))) - st.params("s")) ** 2)
    drawn, rng = initial(formula, seed=7), np.random.default_rng(7)
    for name, shape in (("v", (4,)), ("c", (4,)), ("s", ())):
        np.testing.assert_array_equal(drawn[name], rng.normal(0, 0.5, shape))
    assert Initial(st.models.neuron().cost).schemes == dict.fromkeys(("w1", "w2", "b"), "normal")


def test_a_vector_that_does_more_than_shift_a_layer_is_drawn() -> None:
    assert Initial(st.mean(st.sum((X @ W + b) * b))).schemes["b"] == "normal"
    assert Initial(st.mean(st.sum(X @ W + b * 2))).schemes["b"] == "normal"
    assert Initial(st.mean(st.dot(X, st.params("w", shape=D)) + st.params("c"))).schemes == {
        "w": "normal", "c": "normal",
    }  # fmt: skip
    assert Initial(st.mean(st.sum(X @ W - b))).schemes["b"] == "zeros"


def test_schemes_by_parameter() -> None:
    found = Initial(cost(), {"b": "normal(0.1)"}).schemes
    assert found == {"W": "glorot", "b": "normal(0.1)"}
    drawn = initial(cost(), scheme={"b": "normal(0.1)"})
    assert np.std(drawn["b"]) == pytest.approx(0.1, rel=0.2)
    assert Initial(cost(), "he").schemes == {"W": "he", "b": "zeros"}
    assert Initial(cost(), "normal").schemes == {"W": "normal", "b": "normal"}
    assert Initial(cost(), "zeros").schemes == {"W": "zeros", "b": "zeros"}
    vector = initial(st.mean(st.dot(X, st.params("w", shape=D))), scheme={"w": "lecun"}, seed=4)
    assert np.std(vector["w"]) == pytest.approx(math.sqrt(1 / D), rel=0.5)


def test_one_seed_one_start_and_giving_one_changes_no_other() -> None:
    drawing = Initial(st.models.network([3, 4, 2], activation="relu").cost)
    first, again, other = drawing.draw(5), drawing.draw(5), drawing.draw(6)
    part = drawing.draw(5, {"W1": np.ones((3, 4))})
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
        if name != "W1":
            np.testing.assert_array_equal(first[name], part[name])
    assert not np.array_equal(first["W2"], other["W2"])
    assert part["W1"].tolist() == np.ones((3, 4)).tolist()


def test_a_descent_starts_there() -> None:
    model = st.models.network([2, 3, 1])
    table = {"X": np.eye(2), "y": [0, 1]}
    for scheme in (None, "he", {"W1": "zeros"}):
        run = st.descend(model.cost, table, epochs=0, seed=3, initial=scheme)
        for name, value in initial(model.cost, seed=3, scheme=scheme).items():
            np.testing.assert_array_equal(run.params[name], value)
    assert model.fit(table, epochs=0, initial="zeros").params["W2"].tolist() == [[0.0]] * 3
    assert descent.initial is initial


def test_the_signal_keeps_its_size_through_twenty_layers() -> None:
    """What the schemes are for: with He's the values behind 20 rectified layers are of the size of the first."""
    model = st.models.network([100] * 21 + [1], activation="relu", output="linear")
    table = {"X": np.random.default_rng(0).normal(size=(200, 100))}
    for scheme, least, most in (("he", 0.3, 3.0), ("normal(0.05)", 0.0, 1e-3), ("normal", 1e3, math.inf)):
        values = initial(model.cost, scheme={f"W{k}": scheme for k in range(1, 22)})
        found = st.evaluate({k: model.layers[k] for k in (0, 19)}, {**table, **values})
        ratio = float(np.std(found[19]) / np.std(found[0]))
        assert least <= ratio <= most, (scheme, ratio)


@pytest.mark.parametrize(
    ("scheme", "says"),
    [
        ("gloro", "no scheme of initial values 'gloro'; did you mean 'glorot'?"),
        ("normal(-1)", "no scheme of initial values 'normal(-1)'"),
        ("normal(1.2.3)", "no scheme of initial values"),
        (3, "no scheme of initial values 3"),
        ({"W": "hee"}, "'hee' for 'W'; did you mean 'he'?"),
        ({"w": "he"}, "'w', which is not a parameter of the cost"),
    ],
)
def test_errors(scheme: Any, says: str) -> None:
    with pytest.raises(DescentError) as caught:
        initial(cost(), scheme=scheme)
    assert says in str(caught.value)
