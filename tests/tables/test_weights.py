"""Weights of samples and classes, and penalties, in models: against scikit-learn and against rows written out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import linear_model
from sklearn.utils.class_weight import compute_sample_weight

import steepest as st
from model_files import ABOUT, forge
from steepest.errors import ModelError, SteepestError, TableError
from steepest.objectives.costs import WEIGHT
from steepest.tables.sample_weights import sample_weights

RNG = np.random.default_rng(21)
N = 60
X = RNG.normal(size=(N, 2))
Y = (X @ [1.5, -1.0] + RNG.logistic(size=N) > 1.0).astype(float)
W = RNG.uniform(0, 3, N)
TABLE = {"x": X[:, 0], "y": X[:, 1], "z": Y, "w": W}
NEURON = "z ~ sigmoid(x*w1 + y*w2 + b)"
SETTINGS: dict[str, Any] = {"rate": 1.0, "epochs": 20_000, "gradient_tolerance": 1e-10}


def weights(*given: Any) -> Any:
    return sample_weights(*given)


# -- the numbers -----------------------------------------------------------------------------------------------------


def test_weights_are_1_on_average() -> None:
    found = weights(N, ("w", W), None, ("z", Y))
    np.testing.assert_allclose(found, W / W.mean(), rtol=1e-15)
    assert found.mean() == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("given", ["balanced", {0: 1, 1: 7}, {0: 0.5, 1: 0.25}, {1: 0}])
def test_weights_of_classes_are_scikit_learns(given: Any) -> None:
    expected = compute_sample_weight(given, Y)
    np.testing.assert_allclose(weights(N, None, given, ("z", Y)), expected / expected.mean(), rtol=1e-14)
    # "balanced" counts a sample as much as its weight, so that it is the classes' weights together that are equal.
    shares = {k: W[k == Y].sum() for k in (0, 1)}
    both = W / np.where(Y == 1, shares[1], shares[0]) if given == "balanced" else expected * W
    np.testing.assert_allclose(weights(N, ("w", W), given, ("z", Y)), both / both.mean(), rtol=1e-14)


def test_balanced_classes_weigh_the_same_together() -> None:
    labels = np.array([0.0, 0, 0, 0, 2, 2, 5])
    found = weights(7, None, "balanced", ("y", labels))
    sums = [found[labels == k].sum() for k in (0, 2, 5)]
    assert sums == pytest.approx([7 / 3] * 3, rel=1e-15)
    own = np.array([3.0, 1, 0, 1, 2, 5, 0])
    found = weights(7, ("w", own), "balanced", ("y", labels))
    assert [found[labels == k].sum() for k in (0, 2, 5)] == pytest.approx([3.5, 3.5, 0], rel=1e-15)


@pytest.mark.parametrize(
    ("column", "classes", "target", "says"),
    [
        ([1.0, -2.0], None, [0.0, 1.0], "the weight 'w' is -2 in data row 2"),
        ([0.0, 0.0], None, [0.0, 1.0], "sum to 0; give at least one row"),
        ([[1.0], [1.0]], None, [0.0, 1.0], "'w' have the shape (2, 1)"),
        ([1e308, 1e308], None, [0.0, 1.0], "no finite sum"),
        ([np.inf, 1.0], None, [0.0, 1.0], "'w' is inf in data row 1"),
        ([np.nan, 1.0], None, [0.0, 1.0], "'w' is nan in data row 1"),
        (None, {0: 0.0, 1: 0.0}, [0.0, 1.0], "sum to 0"),
        (None, "balanced", [0.0, 0.5], "needs class numbers, but the target y is 0.5 in data row 2"),
        (None, "balanced", [[0.0], [1.0]], "has the shape (2, 1)"),
    ],
)
def test_weights_that_are_none(column: Any, classes: Any, target: Any, says: str) -> None:
    with pytest.raises(ModelError) as caught:
        weights(2, column if column is None else ("w", np.array(column)), classes, ("y", np.array(target)))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("even", "'balanced' or a dict"), ({}, "'balanced' or a dict"), ([1, 2], "'balanced' or a dict"),
        ({0: -1.0}, "the class 0 the weight -1"), ({"a": 1.0}, "the class 'a'"), ({0: "b"}, "the weight 'b'"),
        ({0: np.inf}, "the weight inf"),
    ],
)  # fmt: skip
def test_class_weights_that_are_none(given: Any, says: str) -> None:
    with pytest.raises(ModelError) as caught:
        st.Model(NEURON, class_weight=given)
    assert says in str(caught.value)


# -- in a model ------------------------------------------------------------------------------------------------


def fitted(**settings: Any) -> tuple[st.Model, np.ndarray]:
    model = st.Model(NEURON, "cross_entropy", **settings).fit(TABLE, **SETTINGS)
    assert model.run is not None
    assert model.run.stop == "gradient"
    return model, np.array([model.params[name] for name in ("w1", "w2", "b")])


@pytest.mark.parametrize("classes", [None, "balanced", {0: 1.0, 1: 4.0}])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_weighted_fit_is_scikit_learns(classes: Any, weighted: bool) -> None:
    oracle = linear_model.LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000, class_weight=classes)
    oracle.fit(X, Y, sample_weight=W if weighted else None)
    model, found = fitted(weights="w" if weighted else None, class_weight=classes)
    np.testing.assert_allclose(found, [*oracle.coef_[0], *oracle.intercept_], rtol=1e-4)
    assert model.check(TABLE).ok
    assert model.data == ("x", "y", "z")
    assert (WEIGHT in model.cost.data) == (weighted or classes is not None)


def test_l2_is_that_of_scikit_learn() -> None:
    """It minimises C·Σ loss + |w|²/2 and leaves the intercept free: l2 = 1/(C·n)."""
    oracle = linear_model.LogisticRegression(C=0.3, tol=1e-12, max_iter=10_000).fit(X, Y)
    _, found = fitted(l2=1 / (0.3 * N))
    np.testing.assert_allclose(found, [*oracle.coef_[0], *oracle.intercept_], rtol=1e-5)


def test_l1_and_l2_are_scikit_learns_elastic_net() -> None:
    """It minimises |e|²/(2n) + α·ρ·|w| + α(1 − ρ)/2·|w|²; mse is twice the first term, so both factors are doubled."""
    rng = np.random.default_rng(3)
    A = rng.normal(size=(80, 3))
    t = A @ [2.0, -1.0, 0.5] + 3 + rng.normal(size=80) / 5
    oracle = linear_model.ElasticNet(alpha=0.4, l1_ratio=0.5, tol=1e-14, max_iter=100_000).fit(A, t)
    assert np.all(np.abs(oracle.coef_) > 0.1)  # the slope of |w| jumps at 0, where plain descent would hover
    model = st.models.network([3, 1], output="linear", l1=2 * 0.4 * 0.5, l2=2 * 0.4 * 0.5)
    model.fit({"X": A, "y": t}, rate=0.2, epochs=3000)
    np.testing.assert_allclose(model.params["W1"][:, 0], oracle.coef_, rtol=1e-8)
    np.testing.assert_allclose(model.params["b1"], oracle.intercept_, rtol=1e-8)


def test_a_sample_of_weight_0_is_left_out() -> None:
    table = {"x": [1.0, 2, 3], "y": [2.0, 4, 100], "w": [1.0, 1, 0]}
    model = st.Model("y ~ a*x", weights="w").fit(table, rate=0.05, epochs=500)
    assert model.params["a"] == pytest.approx(2, abs=1e-12)


def test_the_column_of_weights_may_be_an_input_too() -> None:
    """The formula sees it as it is in the table, not divided by its mean."""
    table = {"x": [1.0, 2, 4], "y": [3.0, 6, 12]}
    model = st.Model("y ~ a*x", weights="x").fit(table, rate=0.05, epochs=500)
    assert model.params["a"] == pytest.approx(3, abs=1e-12)


def test_rows_without_a_weight_are_missing_rows() -> None:
    table = {"x": [1.0, 2, 3], "y": [2.0, 4, 5], "w": [1.0, 1, None]}
    with pytest.raises(TableError, match="data row 3 of column 'w' has no value"):
        st.Model("y ~ a*x", weights="w").fit(table)
    model = st.Model("y ~ a*x", weights="w").fit(table, na="drop", rate=0.05, epochs=500)
    assert model.params["a"] == pytest.approx(2, abs=1e-12)


def test_predicting_needs_no_weights() -> None:
    model = st.Model("y ~ a*x", weights="w").fit({"x": [1.0, 2], "y": [2.0, 4], "w": [1, 2]}, rate=0.05, epochs=500)
    np.testing.assert_allclose(model.predict({"x": [5.0]}), [10])
    with pytest.raises(TableError, match="no column 'w'"):
        model.fit({"x": [1.0, 2], "y": [2.0, 4]})


def test_check_weighs_by_the_whole_table() -> None:
    table = {"x": np.arange(2000.0) / 1000, "y": np.arange(2000.0) / 500, "w": [1.0] * 1000 + [3.0] * 1000}
    model = st.Model("y ~ a*x", weights="w")
    row = next(iter(model.check(table, at={"a": 1.0})))
    x = table["x"][:1000]
    assert row.given == pytest.approx(np.mean(0.5 * 2 * (x - 2 * x) * x), rel=1e-12)


def test_a_named_cost_a_formula_and_a_function_agree() -> None:
    forms: list[Any] = ["mse", "(prediction - target)^2", lambda a, y: (a - y) ** 2, lambda a, y: st.mean((a - y) ** 2)]
    found = [st.Model("y ~ a*x", form).fit({"x": [1.0, 2], "y": [1.0, 5]}, epochs=7).params["a"] for form in forms]
    assert found == [found[0]] * 4
    weighted = [
        st.Model("y ~ a*x", form, weights="w").fit({"x": [1.0, 2], "y": [1.0, 5], "w": [3, 1]}, epochs=7).params["a"]
        for form in forms[:3]
    ]
    assert weighted == [weighted[0]] * 3
    assert weighted[0] != found[0]
    with pytest.raises(ModelError, match="computes its own mean over the samples"):
        st.Model("y ~ a*x", forms[3], weights="w").fit({"x": [1.0, 2], "y": [1.0, 5], "w": [3, 1]})


@pytest.mark.parametrize(
    ("cost", "says"),
    [(lambda a, y: 3.0, "returned float, not an expression"), (3, "not 3"), (None, "not None")],
)
def test_costs_that_are_none(cost: Any, says: str) -> None:
    with pytest.raises(ModelError) as caught:
        st.Model("y ~ a*x", cost).fit({"x": [1.0], "y": [1.0]})
    assert says in str(caught.value)


def test_a_penalty_alone_does_not_make_a_model_trainable() -> None:
    """Its slope would draw the weights to 0 and nothing else."""
    with pytest.raises(ModelError, match="the derivative of step is 0"):
        st.Model("z ~ step(x*w + b)", l1=0.1, l2=0.1).fit("and")


def test_weights_by_something_else_than_a_name() -> None:
    with pytest.raises(ModelError, match="weights is the name of a column, not list"):
        st.Model("y ~ a*x", weights=[1, 2])


# -- there and back --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [None, "balanced", {0: 1.0, 1: 4.5}])
def test_everything_is_saved(classes: Any, tmp_path: Path) -> None:
    text = "(prediction - target)^4"
    model = st.Model(NEURON, text, weights="w", class_weight=classes, l1=0.01, l2=0.02).fit(TABLE, epochs=5)
    model.save(tmp_path / "m.safetensors")
    back = st.load(tmp_path / "m.safetensors")
    assert (back.cost_name, back.weights, back.class_weight) == (text, "w", classes)
    assert (back.objective.l1, back.objective.l2) == (0.01, 0.02)
    assert back.cost is model.cost
    again = back.fit(TABLE, start=back.params, epochs=5).params
    assert again == model.fit(TABLE, start=model.params, epochs=5).params


@pytest.mark.parametrize(
    "change",
    [
        {"l1": -1}, {"l1": "much"}, {"l2": [1]}, {"weights": 5}, {"class_weight": "even"}, {"class_weight": [[1]]},
        {"class_weight": 5}, {"class_weight": [[0, -1]]}, {"features": 5}, {"features": {"X": []}},
        {"features": {"X": [1]}}, {"cost": "prediction^2"}, {"cost": "target ~ prediction"},
    ],
    ids=str,
)  # fmt: skip
def test_settings_in_a_file_that_are_none(change: dict[str, Any], tmp_path: Path) -> None:
    path = forge(tmp_path / "m.safetensors", {**ABOUT, **change})
    with pytest.raises(SteepestError, match="not a usable model"):
        st.load(path)
