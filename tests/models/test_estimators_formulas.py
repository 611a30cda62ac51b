"""Formulas as estimators: which names are data, starts and shapes, derivations, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

import steepest as st
from steepest.errors import FormulaError, ModelError, SteepestError

RNG = np.random.default_rng(3)
X = RNG.uniform(0, 4, (80, 3))


def test_names_of_arrays_and_frames() -> None:
    y = 2 * X[:, 0] - 3 * X[:, 2] + 1
    by_place = st.FormulaRegressor("y ~ a*x0 + c*x2 + d").fit(X, y)
    assert by_place.params_ == pytest.approx({"a": 2, "c": -3, "d": 1}, abs=1e-7)
    frame = pd.DataFrame(X, columns=["age", "x2", "dose"])
    by_name = st.FormulaRegressor("y ~ a*age + c*dose + d").fit(frame, y)
    assert by_name.params_ == pytest.approx({"a": 2, "c": -3, "d": 1}, abs=1e-7)
    assert by_name.predict(frame) == pytest.approx(y)
    # In a frame x0 is no column, and so a parameter.
    assert set(st.FormulaRegressor("y ~ x0*age + d", random_state=0).fit(frame, y).params_) == {"x0", "d"}


def test_all_features_are_one_name() -> None:
    y = X @ [1.0, 2.0, 3.0] + X[:, 0] ** 2
    start = {"w": np.zeros(3), "q": 0.0, "b": 0.0}
    fitted = st.FormulaRegressor("y ~ dot(X, w) + q*x0^2 + b", start=start).fit(X, y)
    np.testing.assert_allclose(fitted.params_["w"], [1, 2, 3], atol=1e-5)
    assert fitted.params_["q"] == pytest.approx(1, abs=1e-6)
    column = st.FormulaRegressor("y ~ a*X + b").fit(pd.DataFrame({"X": X[:, 0]}), 2 * X[:, 0] + 1)
    assert column.params_ == pytest.approx({"a": 2, "b": 1}, abs=1e-7)


def test_a_layer_of_a_formula() -> None:
    y = np.sin(X[:, 0]) * X[:, 1]
    fitted = st.FormulaRegressor(
        "y ~ x1*dense(tanh(dense(x0, 4)), 1)", random_state=1, tolerance=1e-4, optimiser="lbfgs"
    )
    fitted.fit(X, y)
    assert fitted.score(X, y) > 0.99
    assert fitted.params_["W1"].shape == (4,)


def test_the_target_may_have_any_name_and_definitions_before_it() -> None:
    fitted = st.FormulaRegressor("u = a*x0; `the yield` ~ u + b*u^2", start={"a": 1.0, "b": 0.1})
    fitted.fit(X, 2 * X[:, 0] + 0.4 * X[:, 0] ** 2)
    assert fitted.params_ == pytest.approx({"a": 2, "b": 0.1}, abs=1e-6)
    named_y = pd.DataFrame({"y": X[:, 0], "z": X[:, 1]})
    assert st.FormulaRegressor().fit(named_y, X[:, 0] + X[:, 1]).score(named_y, X[:, 0] + X[:, 1]) == pytest.approx(1)


def test_derivations_pass_through() -> None:
    fitted = st.FormulaRegressor("y ~ a*x0 + b").fit(X, X[:, 0])
    assert str(fitted.derive("a").result) == "mean(2*(a*x0 + b - y)*x0)"
    assert str(fitted.derive("a", "full")) == str(st.Model("y ~ a*x0 + b", data=["x0", "y"]).derive("a", "full"))
    with pytest.raises(NotFittedError):
        st.FormulaRegressor("y ~ a*x0 + b").derive("a")


@pytest.mark.parametrize("optimiser", ["adam", "nesterov", "lbfgs"])
def test_any_optimiser(optimiser: str) -> None:
    settings: dict[str, Any] = {"rate": None if optimiser == "lbfgs" else 0.05, "epochs": 3000}
    fitted = st.FormulaRegressor("y ~ a*x0 + b", optimiser=optimiser, **settings, random_state=0)
    assert fitted.fit(X, 2 * X[:, 0] + 1).params_ == pytest.approx({"a": 2, "b": 1}, abs=1e-4)
    batches = st.FormulaRegressor("y ~ a*x0 + b", optimiser="adam", rate=0.02, batch=16, epochs=500, random_state=0)
    assert batches.fit(X, 2 * X[:, 0] + 1).params_ == pytest.approx({"a": 2, "b": 1}, abs=1e-2)


def test_classes_of_formulas() -> None:
    """Of sigmoid, softmax, a probability written out, and an output for each class."""
    y = np.array(["low", "mid", "high"])[np.digitize(X[:, 0], [1.3, 2.7])]
    two = np.where(X[:, 0] > 2, "high", "low")
    formulas = {
        "y ~ sigmoid(k*(x0 - c))": two, "y ~ exp(-exp(k*(x0 - c)))": two, "y ~ softmax(dense(x0, 2))": two,
        "y ~ softmax(dense(x0, 3))": y, "y ~ sigmoid(dense(x0, 3))": y,
    }  # fmt: skip
    for formula, labels in formulas.items():
        start = {"k": 0.5, "c": 1.5} if "k*" in formula else None
        fitted = st.FormulaClassifier(formula, start=start, l2=1e-3, random_state=0).fit(X, labels)
        least = 0.6 if "sigmoid(dense" in formula else 0.9  # the middle has no line of its own
        assert fitted.score(X, labels) > least, formula
        assert fitted.predict_proba(X).shape == (80, len(np.unique(labels)))


ERRORS: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("log(y) ~ a*x0 + b", {}, ModelError, "the target's name alone"),
    ("y + z ~ a*x0 + b", {}, ModelError, "the target's name alone"),
    ("x1 ~ a*x0 + b", {}, ModelError, "the target 'x1' of the formula is also a feature"),
    ("y ~ a*x0 +", {}, FormulaError, "character"),
    ("y ~ a*x0 + b", {"start": {"c": 1.0}}, SteepestError, "'c', which is not a parameter"),
    ("y ~ step(a*x0 + b)", {}, ModelError, "cannot be trained by its gradient"),
    ("y ~ dot(X, w)", {}, FormulaError, "shape"),
]


@pytest.mark.parametrize(("formula", "settings", "error", "message"), ERRORS, ids=[case[0] for case in ERRORS])
def test_formulas_that_make_no_sense(
    formula: str, settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        st.FormulaRegressor(formula, **settings).fit(X, X[:, 0])


def test_as_many_outputs_as_classes() -> None:
    y = np.digitize(X[:, 0], [1.3, 2.7])
    for formula in ("y ~ sigmoid(a*x0 + b)", "y ~ softmax(dense(X, 4))"):
        with pytest.raises(ValueError, match="y has 3 classes, but the prediction has the shape"):
            st.FormulaClassifier(formula).fit(X, y)
    with pytest.raises(ModelError, match="poisson takes targets from 0"):
        st.FormulaRegressor("y ~ exp(dense(X, 1))", "poisson").fit(X, -X[:, 0])
