"""The costs, against NumPy and scikit-learn; their slopes against JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest import costs
from steepest.errors import ModelError

RNG = np.random.default_rng(11)
N = 50
A, Y = RNG.normal(size=N) * 2, RNG.normal(size=N)
A3, Y3 = RNG.normal(size=(N, 3)) * 2, RNG.normal(size=(N, 3))


def huber(e: Any) -> Any:
    return jnp.where(jnp.abs(e) <= 1, e**2 / 2, jnp.abs(e) - 0.5)


FORMULAS = {
    "mse": lambda a, y: jnp.mean((a - y) ** 2),
    "mae": lambda a, y: jnp.mean(jnp.abs(a - y)),
    "huber": lambda a, y: jnp.mean(huber(a - y)),
}


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("several", [False, True])
def test_errors_and_slopes(name: str, several: bool) -> None:
    """With several outputs these are means over them too; p shifts every prediction."""
    shape, a, y = ((3,), A3, Y3) if several else ((), A, Y)
    prediction, target = st.data("a", shape=shape), st.data("y", shape=shape)
    shift = st.params("p", shape=shape)
    cost = costs.cost_named(name)(prediction + shift, target)
    values = {"a": a, "y": y, "p": np.full(shape, 0.3)}
    value, slope = jax.value_and_grad(lambda p: FORMULAS[name](jnp.asarray(a) + p, y))(jnp.full(shape, 0.3))
    assert st.evaluate(cost, values) == pytest.approx(float(value), rel=1e-14)
    np.testing.assert_allclose(st.evaluate(st.gradient(cost), values)["p"], slope, rtol=1e-13, atol=1e-15)


def test_huber_joins_at_1() -> None:
    """e²/2 up to 1, |e| − 1/2 beyond: both are 1/2 there, and both kinds of row are in the data."""
    cost = costs.huber(st.data("a"), st.data("y"))
    rows = {0.0: 0.0, 0.5: 0.125, -1.0: 0.5, 1.0: 0.5, 2.0: 1.5, -4.0: 3.5}
    for error, value in rows.items():
        assert st.evaluate(cost, {"a": [error], "y": [0.0]}) == value
    assert 5 < np.sum(np.abs(A - Y) <= 1) < N - 5


def test_binary_cross_entropy_is_log_loss() -> None:
    from sklearn import metrics

    z, y = RNG.normal(size=N) * 3, RNG.integers(0, 2, N)
    cost = costs.cross_entropy(st.sigmoid(st.data("z")), st.data("y"))
    assert st.evaluate(cost, {"z": z, "y": y}) == pytest.approx(metrics.log_loss(y, 1 / (1 + np.exp(-z))), rel=1e-12)


def test_soft_targets() -> None:
    z, y = RNG.normal(size=N), RNG.uniform(size=N)
    cost = costs.cross_entropy(st.sigmoid(st.data("z")), st.data("y"))
    a = 1 / (1 + np.exp(-z))
    expected = -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))
    assert st.evaluate(cost, {"z": z, "y": y}) == pytest.approx(expected, rel=1e-13)


def test_several_binary_outputs_add_up() -> None:
    y = RNG.integers(0, 2, (N, 3))
    cost = costs.cross_entropy(st.sigmoid(st.data("z", shape=3)), st.data("y", shape=3))
    a = 1 / (1 + np.exp(-A3))
    expected = -np.mean(np.sum(y * np.log(a) + (1 - y) * np.log(1 - a), axis=1))
    assert st.evaluate(cost, {"z": A3, "y": y}) == pytest.approx(expected, rel=1e-13)


def test_softmax_with_class_numbers_or_one_hot_rows() -> None:
    from sklearn import metrics

    y = RNG.integers(0, 3, N)
    probabilities = np.exp(A3) / np.exp(A3).sum(axis=1, keepdims=True)
    expected = metrics.log_loss(y, probabilities, labels=[0, 1, 2])
    prediction = st.data("z", shape=3)
    by_number = costs.cross_entropy(st.softmax(prediction), st.data("y"))
    by_row = costs.cross_entropy(st.softmax(prediction), st.data("y", shape=3))
    assert st.evaluate(by_number, {"z": A3, "y": y}) == pytest.approx(expected, rel=1e-12)
    assert st.evaluate(by_row, {"z": A3, "y": np.eye(3)[y]}) == pytest.approx(expected, rel=1e-12)


def test_cross_entropy_far_out_is_finite() -> None:
    """−log σ(−1000) = 1000, where the sigmoid itself is 0 in double precision."""
    cost = costs.cross_entropy(st.sigmoid(st.data("z")), st.data("y"))
    assert st.evaluate(cost, {"z": [-1000.0, 1000.0], "y": [1.0, 0.0]}) == 1000.0
    wide = costs.cross_entropy(st.softmax(st.data("z", shape=2)), st.data("y"))
    assert st.evaluate(wide, {"z": [[0.0, 800.0]], "y": [0.0]}) == 800.0


def test_targets_of_cross_entropy() -> None:
    softmax, sigmoid = st.softmax(st.data("z", shape=3)), st.sigmoid(st.data("z"))
    costs.check_targets(softmax, np.array([0.0, 2.0]), "y")
    costs.check_targets(softmax, np.array([[0.2, 0.3, 0.5]]), "y")
    costs.check_targets(sigmoid, np.array([0.0, 0.3, 1.0]), "y")
    for prediction, wrong in [(softmax, [0.0, 3.0]), (softmax, [[0.0, 0.0, 1.5]]), (sigmoid, [-0.1])]:
        with pytest.raises(ModelError, match=f"data row {len(wrong)}"):
            costs.check_targets(prediction, np.array(wrong), "y")


def test_unknown_cost() -> None:
    with pytest.raises(ModelError, match="no cost 'hubr'; did you mean 'huber'"):
        costs.cost_named("hubr")
