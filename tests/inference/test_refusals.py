"""Fits without standard errors: each says why, and what the reason excludes raises that sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from exact_fits import Fit, fit
from steepest import Model
from steepest.errors import InferenceError
from steepest.inference import Uncertainty, uncertainty_of

RNG = np.random.default_rng(3)
X = np.linspace(-1, 2, 15)
Y = 1 + 2 * X + 0.3 * RNG.normal(size=15)
TABLE = {"x": X, "y": Y}
LABELS = (X + 0.5 * RNG.normal(size=15) > 0.5).astype(float)


def at(
    formula: str, params: dict[str, Any], cost: Any = "mse", table: Any = None, shapes: Any = None, **options: Any
) -> Uncertainty:
    """The uncertainty at parameters that need not be estimates."""
    table = TABLE if table is None else table
    model = Model(
        formula, cost, data={name: np.shape(column)[1:] for name, column in table.items()}, params=shapes, **options
    )
    return uncertainty_of(model, model.samples(table), params)


def line(**options: Any) -> Fit:
    return fit("y ~ a + b*x", TABLE, {"a": 0.0, "b": 0.0}, **options)


def product() -> Uncertainty:
    return fit("y ~ a*b*x + c", TABLE, {"a": 1.0, "b": 1.0, "c": 0.0}).uncertainty()


CASES: dict[str, tuple[Callable[[], Uncertainty], str]] = {
    "a product of parameters": (product, r"the Hessian is singular: 'a', 'b' are not determined.* change together"),
    "a parameter without effect": (
        lambda: fit("y ~ a + b*x + 0*c", TABLE, {"a": 0.0, "b": 0.0, "c": 3.0}).uncertainty(),
        r"singular: 'c' is not determined, as it can change without",
    ),
    "a likelihood without a constant level": (
        lambda: fit(
            "y ~ softmax(x*w + b)", {"x": X, "y": LABELS}, {"w": np.zeros(2), "b": np.zeros(2)}, "cross_entropy",
            params={"w": 2, "b": 2},
        ).uncertainty(),
        r"singular: 'w\[0\]', 'w\[1\]', 'b\[0\]', 'b\[1\]' are not determined",
    ),
    "l1": (lambda: line(l1=0.01).uncertainty(), "the penalty l1 pulls"),
    "l2": (lambda: line(l2=0.1).uncertainty(), "the penalty l2 pulls"),
    "both penalties": (lambda: line(l1=0.01, l2=0.1).uncertainty(), "the penalty l1 and l2 pulls"),
    "a hidden layer": (
        lambda: at(
            "y ~ dense(tanh(dense(X, 3)), 1)",
            {"W1": RNG.normal(size=(1, 3)), "b1": np.zeros(3), "W2": RNG.normal(size=(3, 1)), "b2": np.zeros(1)},
            table={"X": X[:, None], "y": Y[:, None]},
        ),
        "a network with 3 tanh units inside",
    ),
    "hidden units as numbers": (
        lambda: at(
            "y ~ sigmoid(v1*sigmoid(w1*x + b1) + v2*sigmoid(w2*x + b2) + c)",
            dict.fromkeys(("v1", "w1", "b1", "v2", "w2", "b2", "c"), 0.5), "cross_entropy", {"x": X, "y": LABELS},
        ),
        "a network with 2 sigmoid units inside",
    ),
    "too few rows": (
        lambda: at("y ~ a + b*x", {"a": 0.0, "b": 1.0}, table={"x": X[:1], "y": Y[:1]}),
        "1 residuals for 2 parameters: they do not determine all",
    ),
    "as many rows as parameters": (
        lambda: at("y ~ a + b*x", {"a": 0.0, "b": 1.0}, table={"x": X[:2], "y": Y[:2]}),
        "2 residuals for 2 parameters: none is left to estimate their scatter",
    ),
    "too few samples of a likelihood": (
        lambda: at("y ~ exp(a + b*x)", {"a": 0.0, "b": 0.1}, "poisson", {"x": X[:1], "y": np.ones(1)}),
        "1 samples for 2 parameters",
    ),
    "mae": (lambda: at("y ~ a + b*x", {"a": 1.0, "b": 2.0}, "mae"), "the cost mae is neither a sum of squares nor"),
    "huber": (lambda: at("y ~ a + b*x", {"a": 1.0, "b": 2.0}, "huber"), "the cost huber is neither"),
    "a formula": (
        lambda: at("y ~ a + b*x", {"a": 1.0, "b": 2.0}, "(prediction - target)^4"),
        r"the cost \(prediction - target\)\^4 is neither",
    ),
    "class weights": (
        lambda: at(
            "y ~ sigmoid(a + b*x)", {"a": 0.0, "b": 1.0}, "cross_entropy", {"x": X, "y": LABELS},
            class_weight="balanced",
        ),
        "class_weight makes the cost no likelihood",
    ),
    "separated classes": (
        lambda: at("y ~ sigmoid(a + b*x)", {"a": 0.0, "b": 9.0}, "cross_entropy", {"x": X, "y": (X > 0) * 1.0}),
        "separates the classes completely",
    ),
    "separated classes of a softmax": (
        lambda: at(
            "y ~ softmax(x*w + b)", {"w": np.array([-9.0, 9.0]), "b": np.zeros(2)}, "cross_entropy",
            {"x": X, "y": (X > 0) * 1.0}, {"w": 2, "b": 2},
        ),
        "separates the classes completely",
    ),
    "an unfinished fit": (
        lambda: at("y ~ a + b*x", {"a": 1.0, "b": 2.5}),
        r"the parameters are [\d.]+ standard errors from the minimum of the cost",
    ),
    "an unfinished fit of a likelihood": (
        lambda: at("y ~ sigmoid(a + b*x)", {"a": 1.5, "b": 0.5}, "cross_entropy", {"x": X, "y": LABELS}),
        r"the parameters are [\d.]+ standard errors from the minimum",
    ),
    "a saddle": (
        lambda: at("y ~ exp(a*b*x)", {"a": 0.0, "b": 0.0}, "poisson", {"x": X, "y": np.round(np.exp(X))}),
        "the cost curves downwards along 'a', 'b'",
    ),
    "too many parameters": (
        lambda: at("Y ~ w", {"w": np.zeros(1001)}, table={"Y": np.zeros((2, 1001))}, shapes={"w": 1001}),
        "1001 parameters and 2002 residuals are more than",
    ),
    "a cost that is not finite": (
        lambda: at("y ~ log(a + b*x)", {"a": -5.0, "b": 1.0}),
        "the cost or a derivative of it is not finite",
    ),
    "a parameter at its bound": (
        lambda: line().uncertainty(bounds={"a": (line().model.params["a"], None), "b": (None, np.inf)}),
        r"the parameter 'a' is at its bound 0\.9",
    ),
}  # fmt: skip

EXCLUDED = ("covariance", "errors", "standard_errors", "correlation", "aic", "bic", "profiles")


@pytest.mark.parametrize("name", CASES)
def test_refusals_are_sentences_and_errors(name: str) -> None:
    make, pattern = CASES[name]
    found = make()
    assert found.refusal is not None
    assert found.refusal.startswith("there are no standard errors: ")
    np.testing.assert_string_equal(found.notes[0], found.refusal)
    with pytest.raises(InferenceError, match=pattern):
        found.intervals()
    with pytest.raises(InferenceError, match=pattern):
        found.bands({"x": X, "X": X[:, None]}, 15)
    for word in EXCLUDED:
        with pytest.raises(InferenceError, match=pattern):
            getattr(found, word)
    assert found.refusal in found.summary()
    assert found.as_dict()["refusal"] == found.refusal
    assert found.as_dict()["standard_errors"] is None


def test_a_penalised_fit_keeps_the_statistics_of_its_residuals() -> None:
    found = line(l2=0.3).uncertainty()
    model = found.fitted
    residuals = Y - float(model.params["a"]) - float(model.params["b"]) * X
    assert found.residual_sum == pytest.approx(residuals @ residuals, rel=1e-12)
    assert found.r_squared == pytest.approx(1 - residuals @ residuals / np.sum((Y - Y.mean()) ** 2), rel=1e-12)


def test_as_many_rows_as_parameters_suffice_where_sigma_is_known() -> None:
    found = fit("y ~ a + b*x", {"x": X[:2], "y": Y[:2]}, {"a": 0.0, "b": 0.0}).uncertainty(absolute_sigma=True)
    design = np.column_stack([np.ones(2), X[:2]])
    assert found.refusal is None
    np.testing.assert_allclose(found.covariance, np.linalg.inv(design.T @ design), rtol=1e-12)


@pytest.mark.parametrize(
    ("formula", "params"),
    [
        ("y ~ a + b*sigmoid(c*(x - d))", {"a": 0.0, "b": 5.0, "c": 2.0, "d": 0.5}),  # one unit: a growth curve
        ("y ~ a*exp(-b*x) + c*exp(d*x)", {"a": 1.0, "b": 1.5, "c": 2.0, "d": 1.0}),  # terms of which no parameter is 0
        ("y ~ a + b*relu(x - c)", {"a": 0.0, "b": 2.0, "c": 0.4}),
    ],
)
def test_what_only_looks_like_a_network_has_errors(formula: str, params: dict[str, float]) -> None:
    columns = {"x": X, "y": X}
    model = Model(formula, data=["x", "y"])
    noisy = model.predict(columns, params) + 0.05 * np.random.default_rng(8).normal(size=15)
    assert fit(formula, {"x": X, "y": noisy}, params).uncertainty().refusal is None


def test_several_outputs_are_no_hidden_units() -> None:
    columns = {"x": X, "Y": np.column_stack([Y, -Y])}
    start = {"w": np.array([2.0, -2]), "b": np.array([0.1, -0.1])}
    found = fit("Y ~ 9*tanh(x*w + b)", columns, start, params={"w": 2, "b": 2}).uncertainty()
    assert found.refusal is None


def test_correct_classes_of_a_model_of_limited_slope_are_not_separated() -> None:
    table = {"x": X, "y": (X > 0) * 1.0}
    found = fit("y ~ sigmoid(tanh(w*x) - b^2)", table, {"w": 2.0, "b": 0.4}, "cross_entropy").uncertainty()
    assert "separates" not in str(found.refusal)


def test_a_custom_sum_of_squares_is_least_squares() -> None:
    half = line(cost="0.5*(prediction - target)^2").uncertainty()
    whole = line().uncertainty()
    np.testing.assert_allclose(half.covariance, whole.covariance, rtol=1e-10)
    assert half.residual_sum == pytest.approx(whole.residual_sum, rel=1e-12)
    assert half.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-12)


def test_a_fit_that_is_nearly_finished_has_a_note() -> None:
    found, fitted = line().uncertainty(), line()
    fitted.model.params["b"] = fitted.model.params["b"] + 0.02 * float(found.standard_errors["b"])
    near = fitted.uncertainty()
    assert near.refusal is None
    assert near.notes == [
        f"the parameters are {near.estimation.information.offset:.1g} standard errors from the minimum of the cost; "
        "a longer fit is nearer"
    ]
    # Along b alone, the step back to the minimum has the length 0.02 / √(1 − ρ²) in units of the error ellipse.
    rho = found.correlation[0, 1]
    assert near.estimation.information.offset == pytest.approx(0.02 / np.sqrt(1 - rho**2), rel=1e-3)


def test_models_without_parameters_yet() -> None:
    model = Model("y ~ a + b*x", data=["x", "y"])
    with pytest.raises(InferenceError, match="parameter 'b' has no value yet; fit the model first"):
        uncertainty_of(model, model.samples(TABLE), {"a": 1.0})


def test_bounds_name_parameters() -> None:
    with pytest.raises(InferenceError, match="bounds has 'q', which is no parameter"):
        line().uncertainty(bounds={"q": (0, 1)})
