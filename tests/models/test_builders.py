"""The builders of models: their formulas, names and shapes as designed, and a network against row D4 written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steepest as st
from mission_models import NETWORK, XOR
from plain_loops import sigmoid
from steepest import models
from steepest.errors import ModelError, SteepestError
from steepest.expressions.expression import PARAMETER, leaves


def shapes(model: models.Model) -> dict[str, tuple[int, ...]]:
    return {leaf.name: leaf.shape for leaf in leaves([model.prediction]) if leaf.operation is PARAMETER}


def test_linear() -> None:
    model = models.linear()
    assert (model.formula, model.data, shapes(model)) == ("y ~ x*w", ("x", "y"), {"w": ()})


def test_neuron() -> None:
    model = models.neuron()
    assert model.formula == "z ~ sigmoid(x*w1 + y*w2 + b)"
    assert model.data == ("x", "y", "z")
    assert shapes(model) == {"w1": (), "w2": (), "b": ()}
    other = models.neuron(("petal length", "p", "q"), target="is it", activation="tanh", cost="mae")
    assert other.formula == "`is it` ~ tanh(`petal length`*w1 + p*w2 + q*w3 + b)"
    assert (other.data, other.cost_name) == (("petal length", "p", "q", "is it"), "mae")


def test_threshold_unit() -> None:
    model = models.threshold_unit(("p", "q", "r"), target="it")
    assert model.formula == "it ~ step(p*w1 + q*w2 + r*w3 + b)"
    assert shapes(model) == {"w1": (), "w2": (), "w3": (), "b": ()}


@pytest.mark.parametrize("depth", [1, 3])
def test_chain(depth: int) -> None:
    model = models.chain(depth)
    expected = {
        1: "y ~ sigmoid(x*w1 + b1)",
        3: "y ~ sigmoid(sigmoid(sigmoid(x*w1 + b1)*w2 + b2)*w3 + b3)",
    }
    assert model.formula == expected[depth]
    assert list(shapes(model)) == [f"{letter}{k}" for k in range(1, depth + 1) for letter in "wb"]
    assert len(model.layers) == depth
    assert model.layers[-1] is model.prediction
    a: Any = np.array([0.3, -1.0])
    values: dict[str, Any] = {"x": a}
    for k, layer in enumerate(model.layers, start=1):
        values |= {f"w{k}": 0.5 + k, f"b{k}": -k}
        a = sigmoid(a * (0.5 + k) - k)
        np.testing.assert_allclose(st.evaluate(layer, values), a, rtol=1e-14)


@pytest.mark.parametrize(
    ("sizes", "options", "formula", "cost", "target"),
    [
        ([2, 3, 1], {}, "y ~ sigmoid(tanh(X @ W1 + b1) @ W2 + b2)", "cross_entropy", ()),
        ([4, 3], {"output": "softmax"}, "y ~ softmax(X @ W1 + b1)", "cross_entropy", ()),
        ([2, 5, 2], {"output": "linear", "activation": "relu"}, "y ~ relu(X @ W1 + b1) @ W2 + b2", "mse", (2,)),
        ([3, 2, 2, 1], {"activation": "sigmoid", "cost": "mse"},
         "y ~ sigmoid(sigmoid(sigmoid(X @ W1 + b1) @ W2 + b2) @ W3 + b3)", "mse", ()),
    ],
)  # fmt: skip
def test_network(sizes: list[int], options: dict[str, Any], formula: str, cost: str, target: tuple[int, ...]) -> None:
    model = models.network(sizes, **options)
    assert (model.formula, model.cost_name, model.data, model.target.shape) == (formula, cost, ("X", "y"), target)
    expected: dict[str, tuple[int, ...]] = {}
    for k in range(1, len(sizes)):
        expected |= {f"W{k}": (sizes[k - 1], sizes[k]), f"b{k}": (sizes[k],)}
    assert shapes(model) == expected
    assert len(model.layers) == len(sizes) - 1


def test_d4_network_learns_as_the_loop_does() -> None:
    """Row D4's formulas, vectorised with samples in rows, for 100 epochs."""
    X, y = XOR["X"], XOR["y"][:, None]
    W1, b1 = NETWORK["W1"], NETWORK["b1"]
    W2, b2 = np.array(NETWORK["W2"])[:, None], np.array([NETWORK["b2"]])
    model = models.network([2, 3, 1]).fit(XOR, start={"W1": W1, "b1": b1, "W2": W2, "b2": b2}, rate=0.5, epochs=100)
    m = len(X)
    for epoch in range(101):
        A1 = np.tanh(X @ W1 + b1)
        A2 = sigmoid(A1 @ W2 + b2)
        cost = -np.mean(y * np.log(A2) + (1 - y) * np.log(1 - A2))
        if epoch == 0:
            assert cost == pytest.approx(0.7097567018201, abs=5e-14)  # mission.md
        if epoch == 100:
            break
        dZ2 = A2 - y
        dZ1 = dZ2 @ W2.T * (1 - A1**2)
        W1, b1, W2, b2 = (
            W1 - 0.5 * X.T @ dZ1 / m,
            b1 - 0.5 * dZ1.mean(axis=0),
            W2 - 0.5 * A1.T @ dZ2 / m,
            b2 - 0.5 * dZ2.mean(axis=0),
        )
    assert model.run is not None
    assert model.run.cost == pytest.approx(cost, abs=1e-12)
    for name, array in {"W1": W1, "b1": b1, "W2": W2, "b2": b2}.items():
        np.testing.assert_allclose(model.params[name], array, atol=1e-12)
    np.testing.assert_allclose(model.predict(XOR), A2[:, 0], atol=1e-12)
    assert model.predict(XOR).shape == (4,)


def test_softmax_network_is_softmax_regression() -> None:
    """One layer: ∂C/∂W = Xᵀ(P − Y)/n, ∂C/∂b = mean(P − Y), for 60 epochs; predictions are (n, k)."""
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(30, 4)), rng.integers(0, 3, 30)
    W, b, Y = rng.normal(size=(4, 3)), np.zeros(3), np.eye(3)[y]
    model = models.network([4, 3], output="softmax").fit(
        {"X": X, "y": y}, start={"W1": W, "b1": b}, rate=0.3, epochs=60
    )

    def softmax(Z: Any) -> Any:
        E = np.exp(Z - Z.max(axis=1, keepdims=True))
        return E / E.sum(axis=1, keepdims=True)

    for _ in range(60):
        D = softmax(X @ W + b) - Y
        W, b = W - 0.3 * X.T @ D / 30, b - 0.3 * D.mean(axis=0)
    np.testing.assert_allclose(model.params["W1"], W, atol=1e-12)
    np.testing.assert_allclose(model.params["b1"], b, atol=1e-12)
    np.testing.assert_allclose(model.predict({"X": X}), softmax(X @ W + b), atol=1e-12)


def test_several_outputs_fit_least_squares() -> None:
    rng = np.random.default_rng(3)
    X, Y = rng.normal(size=(40, 2)), rng.normal(size=(40, 3))
    model = models.network([2, 3], output="linear").fit({"X": X, "y": Y}, rate=0.5, epochs=2000)
    solved = np.linalg.lstsq(np.column_stack([X, np.ones(40)]), Y, rcond=None)[0]
    np.testing.assert_allclose(model.params["W1"], solved[:2], atol=1e-10)
    np.testing.assert_allclose(model.params["b1"], solved[2], atol=1e-10)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: models.neuron(()), "at least one input"),
        (lambda: models.neuron(("x", "b")), "the input 'b' has the name of a parameter"),
        (lambda: models.threshold_unit(("w2", "x")), "the input 'w2' has the name of a parameter"),
        (lambda: models.neuron(activation="sigmod"), "sigmoid"),
        (lambda: models.chain(0), "at least one neuron, not 0"),
        (lambda: models.network([3]), "sizes are the numbers of inputs"),
        (lambda: models.network([3, 0, 1]), "sizes are the numbers of inputs"),
        (lambda: models.network([3, 1.5]), "sizes are the numbers of inputs"),
        (lambda: models.network([3, 1], cost="mee"), "did you mean 'mse'"),
    ],
)
def test_errors(build: Any, says: str) -> None:
    with pytest.raises(SteepestError) as caught:
        build()
    assert says in str(caught.value)


def test_class_numbers_out_of_range_are_refused() -> None:
    """Else such a row would add nothing to the cost, silently."""
    X = np.eye(3)
    for y, row, value in [([0, 1, 3], 3, "3"), ([-1, 0, 1], 1, "-1"), ([0, 1.5, 1], 2, "1.5")]:
        with pytest.raises(ModelError) as caught:
            models.network([3, 3], output="softmax").fit({"X": X, "y": y})
        assert f"the target y is {value} in data row {row}" in str(caught.value)
        assert "class numbers 0 to 2" in str(caught.value)
    assert models.network([3, 3], output="softmax").fit({"X": X, "y": [0, 1, 2]}, epochs=1).run is not None


def test_labels_that_are_no_probabilities_are_refused() -> None:
    with pytest.raises(
        ModelError, match="the target z is 2 in data row 2, but cross_entropy takes targets between 0 and"
    ):
        st.Model("z ~ sigmoid(x*w)", "cross_entropy").fit({"x": [0.0, 1], "z": [1.0, 2]})
    assert st.Model("z ~ sigmoid(x*w)", "mse").fit({"x": [0.0, 1], "z": [1.0, 2]}, epochs=1).run is not None
