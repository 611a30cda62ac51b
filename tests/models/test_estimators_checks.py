"""scikit-learn's own checks of estimators, for all four classes; also its checks of DataFrames and column names."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import steepest as st
from processors import pretend_processor
from sampling import sampled

DEFAULTS = [st.NetworkRegressor(), st.NetworkClassifier(), st.FormulaRegressor(), st.FormulaClassifier()]

MORE = [
    st.NetworkRegressor(),
    st.FormulaClassifier(),
    st.NetworkRegressor((5, 4), "tanh", dtype="float64", batch=None, rate=0.03),
    st.NetworkClassifier((5, 4), "tanh", output="softmax", dtype="float64", batch=None, rate=0.03),
    st.NetworkClassifier((5,), "tanh", dtype="float64", optimiser="lbfgs", l2=0.01, epochs=5000, tolerance=1e-9),
    st.NetworkRegressor((8,), optimiser="momentum", engine="reference", batch=50, schedule="cosine", epochs=50),
    st.FormulaRegressor(optimiser="adam", rate=0.02, batch=50, l2=0.001),
    st.FormulaClassifier(l2=0.01, class_weight="balanced", tolerance=1e-10),  # for seven digits of what it finds
]


# Whether single precision is exact enough is a matter of luck, so that passing is no fault (scikit-learn 1.8 on).
LENIENT: dict[str, Any] = (
    {"xfail_strict": False} if "xfail_strict" in signature(parametrize_with_checks).parameters else {}
)


def expected_failures(estimator: BaseEstimator) -> dict[str, str]:
    """Checks that cannot pass, and why."""
    if estimator.dtype == "float32":
        why = "it asks for seven digits, float32 has as many"
        return {f"check_sample_weight_equivalence_on_{kind}_data": why for kind in ("dense", "sparse")}
    return {}


# Fits that end on few rows or at a chance are part of the checks; all other warnings are errors.
ENDS = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@ENDS
@parametrize_with_checks(
    [st.NetworkClassifier(), st.FormulaRegressor()], expected_failed_checks=expected_failures, **LENIENT
)
def test_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.slow
@ENDS
@parametrize_with_checks(MORE, expected_failed_checks=expected_failures, **LENIENT)
def test_checks_of_other_settings(estimator: Any, check: Any) -> None:
    check(estimator)


@ENDS
@pytest.mark.parametrize("estimator", DEFAULTS, ids=lambda estimator: type(estimator).__name__)
@pytest.mark.parametrize(
    "check",
    ["check_dataframe_column_names_consistency", "check_sample_weights_pandas_series", "check_n_features_in"],
)
def test_checks_of_frames(estimator: Any, check: str) -> None:
    getattr(estimator_checks, check)(type(estimator).__name__, clone(estimator))


PROCESSORS = {"this machine's": None, "AVX2": "haswell", "SSE2": "x86-64"}


@pytest.mark.parametrize("processor", sampled(PROCESSORS, 3, 1))
@pytest.mark.parametrize("optimiser", ["adam", "lbfgs"])
@pytest.mark.parametrize("kind", [type(estimator) for estimator in DEFAULTS])
def test_weights_in_double_precision_pass_the_check(
    kind: Any, optimiser: str, processor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that single precision fails, also in code for processors with shorter registers."""
    cpu = PROCESSORS[processor]
    if cpu is not None:
        pretend_processor(monkeypatch, cpu)
    estimator = kind(dtype="float64", optimiser=optimiser)
    estimator_checks.check_sample_weight_equivalence_on_dense_data(kind.__name__, estimator)


@pytest.mark.parametrize("seed", range(10))
def test_searches_end_where_the_classes_are_separated(seed: int) -> None:
    """As the check of weights, on tables of its kind, of which some ended elsewhere on every processor."""
    rng = np.random.default_rng(seed)
    X, y, times = rng.random((15, 30)), np.arange(15) % 3, rng.permutation(15) % 5
    weighted = st.FormulaClassifier(random_state=0).fit(X, y, sample_weight=times)
    repeated = st.FormulaClassifier(random_state=0).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    np.testing.assert_allclose(weighted.decision_function(X), repeated.decision_function(X), rtol=1e-7, atol=1e-9)
    assert "separated" in weighted.model_.run.message
    assert 1e-8 < weighted.loss_ < 1e-6
