"""Estimators among scikit-learn's tools: pipelines, searches, calibration, processes, pickles; and without it."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_digits, load_iris
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import steepest as st
from places import ROOT

X, SPECIES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
WIDTH = X[:, 3] + 0.2 * X[:, 0] ** 2
EVERY = [st.NetworkRegressor, st.NetworkClassifier, st.FormulaRegressor, st.FormulaClassifier]


def target(kind: Any) -> Any:
    return NAMES if "Classifier" in kind.__name__ else WIDTH


def quick(kind: Any, **settings: Any) -> Any:
    small: dict[str, Any] = {"random_state": 0, "l2": 0.001}
    if "Network" in kind.__name__:
        small |= {"hidden": (8,), "rate": 0.05, "epochs": 40}
    return kind(**{**small, **settings})


@pytest.mark.parametrize("kind", EVERY)
def test_cross_validation_in_a_pipeline(kind: Any) -> None:
    scores = cross_val_score(make_pipeline(StandardScaler(), quick(kind)), X, target(kind), cv=3, error_score="raise")
    assert (scores > 0.85).all() if "Classifier" in kind.__name__ else np.isfinite(scores).all()


def test_a_search_in_two_processes() -> None:
    grid = {"networkclassifier__hidden": [(4,), (8, 4)], "networkclassifier__rate": [0.01, 0.05]}
    pipe = make_pipeline(StandardScaler(), quick(st.NetworkClassifier))
    alone, many = (GridSearchCV(pipe, grid, cv=3, n_jobs=jobs, error_score="raise").fit(X, NAMES) for jobs in (1, 2))
    np.testing.assert_allclose(many.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert many.best_score_ > 0.9
    assert many.score(X, NAMES) > 0.9


@pytest.mark.parametrize("kind", [st.NetworkClassifier, st.FormulaClassifier])
def test_calibration(kind: Any) -> None:
    for method in ("sigmoid", "isotonic"):
        for y in (NAMES, SPECIES > 0):
            calibrated = CalibratedClassifierCV(quick(kind), method=method, cv=3).fit(X, y)
            assert calibrated.score(X, y) > 0.9


def test_meta_estimators() -> None:
    scaled = TransformedTargetRegressor(quick(st.NetworkRegressor), transformer=StandardScaler())
    assert make_pipeline(StandardScaler(), scaled).fit(X, WIDTH * 1000).score(X, WIDTH * 1000) > 0.9
    many = MultiOutputClassifier(quick(st.NetworkClassifier)).fit(X, np.stack([SPECIES, SPECIES > 0], axis=1))
    assert many.predict(X).shape == (150, 2)
    fitted = quick(st.NetworkClassifier).fit(X, NAMES)
    assert permutation_importance(fitted, X, NAMES, n_repeats=2).importances_mean.max() > 0.1


def test_weights_are_routed() -> None:
    """Through a pipeline in a cross-validation to fit and to score, if they are asked for."""
    weights = np.where(SPECIES == 2, 0.0, 1.0)  # the third species does not count
    with config_context(enable_metadata_routing=True):
        asking = quick(st.NetworkClassifier).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), asking)
        found = cross_validate(
            pipe, X, NAMES, params={"sample_weight": weights}, return_estimator=True, error_score="raise", cv=3
        )
        assert (found["test_score"] == 1).all()
        assert all((fitted.predict(X[100:]) != "virginica").all() for fitted in found["estimator"])
        parts = quick(st.NetworkClassifier).set_partial_fit_request(sample_weight=True, classes=True)
        assert parts.get_metadata_routing().partial_fit.requests == {"sample_weight": True, "classes": True}


@pytest.mark.parametrize("kind", EVERY)
def test_clones(kind: Any) -> None:
    fitted = quick(kind).fit(X, target(kind))
    again = clone(fitted)
    assert not hasattr(again, "model_")
    assert again.get_params() == fitted.get_params()
    np.testing.assert_array_equal(again.fit(X, target(kind)).predict(X), fitted.predict(X))
    assert set(again.get_params()) >= {"rate", "epochs", "optimiser", "l2", "dtype", "random_state"}
    assert repr(again).startswith(kind.__name__ + "(")


# -- pickles and copies


@pytest.mark.parametrize("kind", EVERY)
def test_copies_predict_the_same(kind: Any) -> None:
    fitted = quick(kind).fit(X, target(kind))
    for again in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
        again.fit(X[::2], target(kind)[::2])  # which leaves the first alone
    name = next(iter(fitted.params_))
    assert not np.array_equal(again.params_[name], fitted.params_[name])


def test_pickles_are_small() -> None:
    """Parameters, what Adam remembers of each, a few kilobytes; an MLP's is larger. So after many epochs, too."""
    digits, numbers = load_digits(return_X_y=True)
    fitted = st.NetworkClassifier((32,), epochs=300, random_state=0).fit(digits / 16, numbers)
    arrays = sum(value.nbytes for value in fitted.params_.values())
    size = len(pickle.dumps(fitted))
    assert size < 3 * arrays + 15_000
    peer = MLPClassifier((32,), max_iter=2)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        peer.fit(digits / 16, numbers)
    assert size < len(pickle.dumps(peer))
    # Of L-BFGS, up to ten steps are remembered.
    assert len(pickle.dumps(quick(st.FormulaClassifier).fit(X, NAMES))) < 12_000
    fitted.predict_proba(digits)
    assert len(pickle.dumps(fitted)) == size


def test_a_copy_goes_on_as_the_original_would() -> None:
    fitted = quick(st.NetworkClassifier, warm_start=True).fit(X, NAMES)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.fit(X, NAMES).params_["W1"], fitted.fit(X, NAMES).params_["W1"])


# -- DataFrames


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames(frame: Any) -> None:
    table = frame({"sepal length": X[:, 0], "petal_width": X[:, 3], "petal_length": X[:, 2]})
    formula = "species ~ softmax(dense(X, 3))"
    for estimator in (quick(st.NetworkClassifier), st.FormulaClassifier(formula, l2=0.001)):
        fitted = estimator.fit(table, NAMES)
        assert fitted.feature_names_in_.tolist() == ["sepal length", "petal_width", "petal_length"]
        assert fitted.score(table, NAMES) > 0.9
        with pytest.raises(ValueError, match="feature names"):
            fitted.predict(table[["petal_width", "sepal length", "petal_length"]])
    line = st.FormulaRegressor("w ~ a*`sepal length` + b*petal_width + c").fit(table, 2 * X[:, 0] - X[:, 3] + 1)
    assert line.params_ == pytest.approx({"a": 2, "b": -1, "c": 1}, abs=1e-6)
    assert line.predict(table).shape == (150,)


# -- without scikit-learn


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.strip()


def test_the_package_loads_without_scikit_learn() -> None:
    assert run("import sys, steepest; steepest.Model('y ~ x*w'); print('sklearn' in sys.modules)") == "False"
    assert run("import steepest as st; print(st.NetworkClassifier.__name__)") == "NetworkClassifier"
    hidden = "import sys; sys.modules['sklearn'] = None\nimport steepest as st\nfrom steepest import *\n"
    code = hidden + "try: st.NetworkClassifier\nexcept st.SteepestError as error: print(error)"
    assert run(code) == (
        "the estimators need scikit-learn 1.6 or later, which is not installed: pip install 'steepest[sklearn]' "
        "('.[sklearn]' in a clone)"
    )
