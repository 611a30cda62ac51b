"""Estimators against scikit-learn's: the same optimum, and the same path from the same start."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

import steepest as st
from sampling import sampled

RNG = np.random.default_rng(7)
CANCER, MALIGNANT = load_breast_cancer(return_X_y=True)
CANCER = StandardScaler().fit_transform(CANCER)
IRIS, SPECIES = load_iris(return_X_y=True)
IRIS = StandardScaler().fit_transform(IRIS)
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
DIABETES = StandardScaler().fit_transform(DIABETES)

# -- the same optimum


def test_linear_regression() -> None:
    ours, theirs = st.FormulaRegressor().fit(DIABETES, PROGRESS), LinearRegression().fit(DIABETES, PROGRESS)
    np.testing.assert_allclose(ours.params_["W1"][:, 0], theirs.coef_, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ours.params_["b1"], theirs.intercept_, rtol=1e-7)
    np.testing.assert_allclose(ours.predict(DIABETES), theirs.predict(DIABETES), rtol=1e-7)
    assert ours.score(DIABETES, PROGRESS) == pytest.approx(theirs.score(DIABETES, PROGRESS), rel=1e-9)


def test_ridge_with_weights() -> None:
    """Ridge minimises Σ w e² + α‖a‖², a formula with l2 the mean of w e² by the mean weight, + l2/2 ‖a‖²."""
    weights = RNG.uniform(0.1, 3, len(PROGRESS))
    ours = st.FormulaRegressor(l2=2 * 5.0 / weights.sum()).fit(DIABETES, PROGRESS, sample_weight=weights)
    theirs = Ridge(alpha=5.0).fit(DIABETES, PROGRESS, sample_weight=weights)
    np.testing.assert_allclose(ours.params_["W1"][:, 0], theirs.coef_, rtol=1e-5, atol=1e-6)


def test_several_outputs() -> None:
    y = np.stack([PROGRESS, DIABETES @ RNG.normal(size=10)], axis=1)
    ours, theirs = st.FormulaRegressor().fit(DIABETES, y), LinearRegression().fit(DIABETES, y)
    assert ours.n_outputs_ == 2
    np.testing.assert_allclose(ours.predict(DIABETES), theirs.predict(DIABETES), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 1: 0.5}])
def test_logistic_regression(class_weight: Any) -> None:
    """With weights of classes the mean of the loss is one over their sum, which is n for balanced ones."""
    total = compute_sample_weight(class_weight, MALIGNANT).sum()
    ours = st.FormulaClassifier(l2=1 / total, class_weight=class_weight).fit(CANCER, MALIGNANT)
    settings = {"tol": 1e-12, "solver": "newton-cholesky", "class_weight": class_weight}
    theirs = LogisticRegression(**settings).fit(CANCER, MALIGNANT)
    np.testing.assert_allclose(ours.params_["W1"][:, 0], theirs.coef_[0], atol=1e-6)
    np.testing.assert_allclose(ours.params_["b1"], theirs.intercept_, atol=1e-6)
    np.testing.assert_allclose(ours.decision_function(CANCER), theirs.decision_function(CANCER), atol=1e-5)
    np.testing.assert_allclose(ours.predict_proba(CANCER), theirs.predict_proba(CANCER), atol=1e-6)


def test_softmax_regression() -> None:
    ours = st.FormulaClassifier(l2=1 / len(SPECIES)).fit(IRIS, SPECIES)
    theirs = LogisticRegression(tol=1e-12, solver="newton-cholesky").fit(IRIS, SPECIES)
    np.testing.assert_allclose(ours.predict_proba(IRIS), theirs.predict_proba(IRIS), atol=1e-6)
    np.testing.assert_allclose(ours.predict_log_proba(IRIS), theirs.predict_log_proba(IRIS), atol=1e-5)
    assert (ours.predict(IRIS) == theirs.predict(IRIS)).all()


def test_a_network_without_hidden_layers_is_the_logistic_regression() -> None:
    ours = st.NetworkClassifier((), optimiser="lbfgs", dtype="float64", l2=1 / len(MALIGNANT), random_state=0)
    ours.fit(CANCER, MALIGNANT)
    theirs = LogisticRegression(tol=1e-12, solver="newton-cholesky").fit(CANCER, MALIGNANT)
    np.testing.assert_allclose(ours.coefs_[0][:, 0], theirs.coef_[0], atol=1e-5)


def test_poisson_regression() -> None:
    counts = RNG.poisson(np.exp(0.3 * DIABETES[:, 0] - 0.2 * DIABETES[:, 3] + 1)).astype(float)
    ours = st.FormulaRegressor("y ~ exp(dense(X, 1))", "poisson").fit(DIABETES, counts)
    theirs = PoissonRegressor(alpha=0, tol=1e-12, solver="newton-cholesky").fit(DIABETES, counts)
    np.testing.assert_allclose(ours.params_["W1"][:, 0], theirs.coef_, atol=1e-6)


# -- the same path


def both(classes: int, activation: str, epochs: int, optimiser: Any, solver: str) -> tuple[Any, Any]:
    """A network and an MLP after the same epochs of the whole table from the same start."""
    X = IRIS[:120]
    if classes:
        y = np.where(SPECIES[:120] >= classes - 1, classes - 1, SPECIES[:120])
    else:
        y = np.stack([IRIS[:120, 0] ** 2, IRIS[:120, 1]], axis=1)
    kind, peer = (st.NetworkClassifier, MLPClassifier) if classes else (st.NetworkRegressor, MLPRegressor)
    named = {"tanh": "tanh", "relu": "relu", "sigmoid": "logistic", "linear": "identity"}[activation]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = peer(
            hidden_layer_sizes=(6, 5), activation=named, solver=solver, alpha=0.3, batch_size=120, shuffle=False,
            max_iter=1, momentum=0, learning_rate_init=0.05, warm_start=True, random_state=3, epsilon=1e-12,
        ).fit(X, y)  # fmt: skip
        ours = kind(
            (6, 5), activation, optimiser="gradient-descent", rate=0.05, batch=None, epochs=1, warm_start=True,
            dtype="float64", l2=0.3 / 120,
        ).fit(X, y)  # fmt: skip
        for k in range(3):
            ours.params_[f"W{k + 1}"], ours.params_[f"b{k + 1}"] = theirs.coefs_[k].copy(), theirs.intercepts_[k].copy()
        ours.set_params(epochs=epochs, optimiser=optimiser).fit(X, y)
        theirs.set_params(max_iter=epochs).fit(X, y)
    return ours, theirs


@pytest.mark.parametrize("activation", sampled(["tanh", "relu", "sigmoid", "linear"], 4))
@pytest.mark.parametrize("classes", [0, 2, 3])
@pytest.mark.parametrize("how", ["sgd", "adam"])
def test_the_path_of_an_mlp(how: str, classes: int, activation: str) -> None:
    # An MLP descends half the sum of the squared errors of a sample: with two outputs their mean, the mse.
    optimiser = "gradient-descent" if how == "sgd" else st.optimisers.adam(epsilon=1e-12)
    ours, theirs = both(classes, activation, 8, optimiser, how)
    for mine, peer in zip([*ours.coefs_, *ours.intercepts_], [*theirs.coefs_, *theirs.intercepts_], strict=True):
        np.testing.assert_allclose(mine, peer, atol=1e-6)
    X = IRIS[120:]
    if classes:
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)
        np.testing.assert_allclose(ours.predict_log_proba(X), theirs.predict_log_proba(X), atol=1e-5)
        np.testing.assert_allclose(ours.loss_curve_[1:], theirs.loss_curve_[1:], rtol=1e-6)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-6)


# -- weights


@pytest.mark.parametrize("kind", [st.NetworkRegressor, st.FormulaRegressor, st.NetworkClassifier, st.FormulaClassifier])
def test_a_weight_is_that_many_rows(kind: Any) -> None:
    times = RNG.integers(0, 4, len(SPECIES))
    y = (SPECIES == 1).astype(int) if "Classifier" in kind.__name__ else IRIS[:, 2] ** 2
    settings = {"l2": 0.01, "dtype": "float64", "random_state": 0, "batch": None, "epochs": 150}
    if kind in (st.NetworkRegressor, st.NetworkClassifier):
        settings |= {"hidden": (4,), "activation": "tanh", "rate": 0.01}
    weighted = kind(**settings).fit(IRIS, y, sample_weight=times)
    repeated = kind(**settings).fit(np.repeat(IRIS, times, axis=0), np.repeat(y, times))
    for name, value in weighted.params_.items():
        np.testing.assert_allclose(value, repeated.params_[name], rtol=1e-6, atol=1e-7)
    whole = weighted.score(IRIS, y, sample_weight=times)
    assert whole == pytest.approx(repeated.score(np.repeat(IRIS, times, axis=0), np.repeat(y, times)), rel=1e-6)


@pytest.mark.parametrize("kind", [st.NetworkClassifier, st.FormulaClassifier])
def test_weights_of_classes_are_those_of_their_samples(kind: Any) -> None:
    labels = np.array(["a", "b", "c"])[SPECIES]
    settings = {"l2": 0.01, "dtype": "float64", "random_state": 0, "epochs": 100, "batch": None}
    by_class = kind(**settings, class_weight={"a": 2.0, "c": 0.25}).fit(IRIS, labels)
    by_sample = kind(**settings).fit(IRIS, labels, sample_weight=np.array([2.0, 1.0, 0.25])[SPECIES])
    np.testing.assert_allclose(by_class.predict_proba(IRIS), by_sample.predict_proba(IRIS), atol=1e-9)
    plain = kind(**settings).fit(IRIS, labels)
    assert abs(by_class.predict_proba(IRIS) - plain.predict_proba(IRIS)).max() > 0.01


def test_balanced_classes_of_one_against_the_rest() -> None:
    """Each class has an output of its own, so that its target is a row; the weights are still those of classes."""
    keep = np.r_[0:50, 50:70, 100:130]
    settings = {"hidden": (), "optimiser": "lbfgs", "dtype": "float64", "output": "sigmoid", "l2": 0.01}
    ours = st.NetworkClassifier(**settings, class_weight="balanced").fit(IRIS[keep], SPECIES[keep])
    weights = compute_sample_weight("balanced", SPECIES[keep])
    again = st.NetworkClassifier(**settings).fit(IRIS[keep], SPECIES[keep], sample_weight=weights)
    np.testing.assert_allclose(ours.decision_function(IRIS), again.decision_function(IRIS), atol=1e-4)
    for k in range(3):
        alone = LogisticRegression(C=1 / (0.01 * weights.sum()), tol=1e-12, solver="newton-cholesky")
        alone.fit(IRIS[keep], SPECIES[keep] == k, sample_weight=weights)
        np.testing.assert_allclose(ours.coefs_[0][:, k], alone.coef_[0], atol=1e-4)


def test_weights_are_repeated_rows_to_line_searches_of_networks_too() -> None:
    """As long as no kink stops the search, where round-off would choose between minima."""
    rng = np.random.default_rng(42)
    inputs, labels, times = rng.random((15, 30)), rng.integers(0, 3, 15), rng.integers(0, 5, 15)

    def network() -> st.NetworkClassifier:
        return st.NetworkClassifier((5,), dtype="float64", optimiser="lbfgs", l2=0.01, epochs=20, random_state=0)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # twenty epochs are no end
        weighted = network().fit(inputs, labels, sample_weight=times)
        repeated = network().fit(np.repeat(inputs, times, axis=0), np.repeat(labels, times))
    found, wanted = weighted.predict_proba(inputs), repeated.predict_proba(inputs)
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
