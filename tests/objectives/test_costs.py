"""The costs, against NumPy and scikit-learn; their slopes against JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

import steepest as st
from steepest import costs
from steepest.errors import ModelError, SteepestError

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


def test_targets_of_poisson() -> None:
    a = st.exp(st.data("z"))
    costs.check_targets(a, np.array([0.0, 7.0, 2.5]), "y", "poisson")
    with pytest.raises(ModelError, match="target y is -1 in data row 2, but poisson takes targets from 0"):
        costs.check_targets(a, np.array([0.0, -1.0]), "y", "poisson")
    costs.check_targets(a, np.array([-5.0]), "y", "mse")


# -- Poisson ---------------------------------------------------------------------------------------------------------


def test_poisson_is_half_the_deviance_up_to_a_constant() -> None:
    from sklearn import metrics

    z, y = RNG.normal(size=N), RNG.poisson(2.0, N).astype(float)
    cost = costs.poisson(st.exp(st.data("z")), st.data("y"))
    saturated = np.mean(y - np.where(y > 0, y * np.log(np.where(y > 0, y, 1)), 0))
    expected = metrics.mean_poisson_deviance(y, np.exp(z)) / 2 + saturated
    assert st.evaluate(cost, {"z": z, "y": y}) == pytest.approx(expected, rel=1e-12)


def test_poisson_of_several_outputs_adds_up() -> None:
    y = RNG.poisson(2.0, (N, 3)).astype(float)
    cost = costs.poisson(st.data("a", shape=3), st.data("y", shape=3))
    a = np.exp(A3)
    assert st.evaluate(cost, {"a": a, "y": y}) == pytest.approx(np.mean(np.sum(a - y * np.log(a), axis=1)), rel=1e-13)


def test_poisson_far_out_is_finite_where_its_prediction_underflows() -> None:
    """exp(−800) is 0 in double precision, ln of it −800 all the same; the slope is a − y."""
    z = st.data("z")
    cost = costs.poisson(st.exp(z), st.data("y"))
    values = {"z": [-800.0, -800.0, 3.0], "y": [0.0, 2.0, 20.0]}
    assert st.evaluate(cost, values) == pytest.approx((0 + 1600 + np.exp(3) - 60) / 3, rel=1e-15)
    slope = st.evaluate(st.gradient(st.total(cost.args[0]), ["z"])["z"], values)
    np.testing.assert_allclose(slope, [0.0, -2.0, np.exp(3) - 20], rtol=1e-15)


def test_poisson_regression_is_that_of_scikit_learn() -> None:
    from sklearn import linear_model

    X = RNG.normal(size=(200, 2)) / 2
    y = RNG.poisson(np.exp(X @ [0.7, -0.4] + 0.5)).astype(float)
    oracle = linear_model.PoissonRegressor(alpha=0, tol=1e-12, max_iter=10_000).fit(X, y)
    model = st.models.network([2, 1], output="exp", cost="poisson").fit({"X": X, "y": y}, rate=0.2, epochs=4000)
    np.testing.assert_allclose(model.params["W1"][:, 0], oracle.coef_, rtol=1e-6)
    np.testing.assert_allclose(model.params["b1"], oracle.intercept_, rtol=1e-6)


# -- far from the target -----------------------------------------------------------------------------------------------

FAR: dict[str, Any] = {
    # z, y, and the loss and its slope by z in any number of digits
    "cross_entropy": (st.sigmoid, [(-900, 1), (-900, 0), (900, 1), (900, 0), (30, 1), (-30, 0), (0.5, 0.3)],
                      lambda z, y: y * mp.log(1 + mp.exp(-z)) + (1 - y) * mp.log(1 + mp.exp(z)),
                      lambda z, y: 1 / (1 + mp.exp(-z)) - y),
    "poisson": (st.exp, [(-900, 0), (-900, 3), (5, 0), (5, 900), (700, 1e300)],
                lambda z, y: mp.exp(z) - y * z, lambda z, y: mp.exp(z) - y),
    "huber": (lambda z: z, [(1e300, 0), (-1e300, 1), (1e200, -1e200), (0.2, 0)],
              lambda z, y: abs(z - y) - 0.5 if abs(z - y) > 1 else (z - y) ** 2 / 2,
              lambda z, y: mp.sign(z - y) if abs(z - y) > 1 else z - y),
    "mae": (lambda z: z, [(1e300, 0), (-1e300, 1), (0.2, 0)], lambda z, y: abs(z - y), lambda z, y: mp.sign(z - y)),
    "mse": (lambda z: z, [(1e150, 0), (-1e150, 1), (0.2, 0)], lambda z, y: (z - y) ** 2, lambda z, y: 2 * (z - y)),
}  # fmt: skip


@pytest.mark.parametrize("name", FAR)
def test_far_from_the_target_value_and_slope_are_right(name: str) -> None:
    """Against mpmath with 1000 digits. A slope near 0 is exact to the rounding of the prediction."""
    output, points, loss, slope = FAR[name]
    z = st.data("z")
    graph = costs.cost_named(name)(output(z), st.data("y")).args[0]
    gradient = st.gradient(st.total(graph), ["z"])["z"]
    for at, y in points:
        values = {"z": [float(at)], "y": [float(y)]}
        with mp.workdps(1000):
            truth, wanted = float(loss(mp.mpf(at), mp.mpf(y))), float(slope(mp.mpf(at), mp.mpf(y)))
        assert st.evaluate(graph, values)[0] == pytest.approx(truth, rel=1e-15, abs=1e-300), (at, y)
        assert st.evaluate(gradient, values)[0] == pytest.approx(wanted, rel=1e-15, abs=2.3e-16), (at, y)


def test_every_named_cost_is_taken_far_out() -> None:
    assert set(FAR) == set(costs.COSTS)


# -- weights of samples ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", costs.COSTS)
def test_a_weight_multiplies_the_loss_of_its_sample(name: str) -> None:
    """Whole weights are rows written several times; the slope too."""
    times = RNG.integers(0, 4, N)
    y = np.abs(Y) % 1
    output = {"cross_entropy": st.sigmoid, "poisson": st.exp}.get(name, lambda z: z)
    prediction, target = output(st.data("a") + st.params("p")), st.data("y")
    weighted = costs.cost_named(name)(prediction, target, st.data("w"))
    plain = costs.cost_named(name)(prediction, target)
    once = {"a": A, "y": y, "w": times / times.mean(), "p": 0.3}
    many = {"a": np.repeat(A, times), "y": np.repeat(y, times), "p": 0.3}
    assert st.evaluate(weighted, once) == pytest.approx(st.evaluate(plain, many), rel=1e-13)
    slopes = [st.evaluate(st.gradient(cost)["p"], values) for cost, values in ((weighted, once), (plain, many))]
    assert slopes[0] == pytest.approx(slopes[1], rel=1e-12)


# -- costs as formulas -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("(prediction - target)^4", lambda a, y: (a - y) ** 4),
        ("e = prediction - target; softplus(2*e) - e - log(2)", lambda a, y: np.log(np.cosh(a - y))),
        ("abs(prediction - target)*where(prediction > target, 0.9, 0.1)",
         lambda a, y: np.where(a > y, 0.9, 0.1) * np.abs(a - y)),
    ],
)  # fmt: skip
def test_a_formula_is_the_loss_of_a_sample(text: str, meaning: Any) -> None:
    cost = costs.cost_named(text)
    assert st.evaluate(cost(st.data("a"), st.data("y")), {"a": A, "y": Y}) == pytest.approx(np.mean(meaning(A, Y)))
    several = cost(st.data("a", shape=3), st.data("y", shape=3))
    assert st.evaluate(several, {"a": A3, "y": Y3}) == pytest.approx(np.mean(meaning(A3, Y3)))
    weighted = cost(st.data("a"), st.data("y"), st.data("w"))
    assert st.evaluate(weighted, {"a": A, "y": Y, "w": A**2}) == pytest.approx(np.mean(A**2 * meaning(A, Y)))


def test_a_formula_may_take_its_own_mean() -> None:
    cost = costs.cost_named("sqrt(mean((prediction - target)^2))")(st.data("a"), st.data("y"))
    assert st.evaluate(cost, {"a": A, "y": Y}) == pytest.approx(np.sqrt(np.mean((A - Y) ** 2)))
    with pytest.raises(ModelError, match="computes its own mean"):
        costs.cost_named("sqrt(mean((prediction - target)^2))")(st.data("a"), st.data("y"), st.data("w"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hubr", "no cost 'hubr'; did you mean 'huber'?"),
        ("", "no cost ''"),
        ("prediction^2", "lacks 'target'"),
        ("target^2", "lacks 'prediction'"),
        ("(prediction - y)^2", "the name 'y' is neither data nor a parameter"),
        ("(predction - target)^2", "did you mean 'prediction'?"),
        ("target ~ prediction", "has a '~'"),
        ("(sum(dense(prediction, 3)) - target)^2", "contains dense, which has parameters"),
        ("(prediction - target", "expected"),
    ],
)
def test_costs_that_are_none(text: str, says: str) -> None:
    with pytest.raises(SteepestError) as caught:
        costs.cost_named(text)
    assert says in str(caught.value)


# -- biases and penalties ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("x*w1 + y*w2 + b", "b"), ("sigmoid(x*w - b)", "b"), ("b - x*w", "b"), ("x*(a + w) + b", "a w b"),
        ("b", "b"), ("exp(b) + x*w", ""), ("-b + x*w", ""), ("b*x + b", ""), ("x*w + 2*b", ""),
        ("tanh(x + c)*w + c", "c"), ("x^p + c", "c"), ("where(x > t, l, r)", ""),
    ],
)  # fmt: skip
def test_a_bias_is_only_ever_added(text: str, free: str) -> None:
    assert costs.biases(st.parse(text, data=["x", "y"])) == tuple(free.split())


def test_biases_of_a_network() -> None:
    assert costs.biases(st.models.network([2, 3, 4, 2], output="softmax").prediction) == ("b1", "b2", "b3")
    assert costs.biases(st.parse("dense(tanh(dense(x, 3)), 2)", data=["x"])) == ("b1", "b2")


def test_penalties_and_their_slopes() -> None:
    """l1·Σ|w| + l2/2·Σw² with slopes l1·sgn(w) + l2·w, written out."""
    model = st.models.network([2, 3, 1], output="linear")
    v = {"W1": RNG.normal(size=(2, 3)), "b1": RNG.normal(size=3), "W2": RNG.normal(size=(3, 1)), "b2": [0.4]}
    for l1, l2 in ((0.3, 0.0), (0.0, 0.7), (0.3, 0.7)):
        found = costs.penalty(model.prediction, l1, l2)
        assert found is not None
        size = sum(l1 * np.abs(v[n]).sum() + l2 / 2 * (v[n] ** 2).sum() for n in ("W1", "W2"))
        assert st.evaluate(found, v) == pytest.approx(size, rel=1e-14)
        assert found.parameters == ("W1", "W2")
        for name, slope in st.evaluate(st.gradient(found), v).items():
            np.testing.assert_allclose(slope, l1 * np.sign(v[name]) + l2 * v[name], rtol=1e-14)
    assert costs.penalty(model.prediction) is None
    assert costs.penalty(st.parse("b", data=[]), 1.0, 1.0) is None


@pytest.mark.parametrize("factor", [-0.1, np.inf, np.nan, "a", None, True, [1]])
def test_penalties_that_are_none(factor: Any) -> None:
    for name in ("l1", "l2"):
        with pytest.raises(ModelError, match=f"{name} is a finite number from 0"):
            st.Model("y ~ x*w", **{name: factor})


def test_a_loss_of_vectors_and_one_hot_in_python() -> None:
    """The focal loss of three classes, as a text and as a function, against NumPy."""
    rng = np.random.default_rng(0)
    table = {"X": rng.normal(size=(20, 2)), "y": rng.integers(0, 3, 20).astype(float)}
    text = "-(1 - dot(target, prediction))^2*log(dot(target, prediction))"
    start = {"W1": rng.normal(size=(2, 3)), "b1": np.array([0.1, 0.2, 0.3])}

    def focal(prediction: Any, target: Any) -> Any:
        right = st.dot(target, prediction)
        return -((1 - right) ** 2) * st.log(right)

    z = table["X"] @ start["W1"] + start["b1"]
    chances = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    right = chances[np.arange(20), table["y"].astype(int)]
    for cost in (text, focal):
        model = st.Model("y ~ softmax(X @ W1 + b1)", cost, {"X": 2, "y": ()}, {"W1": (2, 3), "b1": 3})
        found = st.evaluate(model.cost, {**table, **start})
        assert found == pytest.approx(float(np.mean(-((1 - right) ** 2) * np.log(right))), rel=1e-12)
    y = st.data("y")
    assert st.one_hot(y, 3) is st.one_hot(y, attributes=(3,))


def test_class_weights_of_classes_that_are_not_there_are_refused() -> None:
    with pytest.raises(ModelError, match="has the class 5, which the target y does not: it has 0, 1"):
        st.Model("y ~ x*w", class_weight={0: 1, 5: 5}).fit({"x": [1, 2, 3], "y": [0, 1, 1]}, epochs=1)
