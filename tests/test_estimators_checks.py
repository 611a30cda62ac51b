"""scikit-learn's own checks of estimators, for all four classes."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import steepest as st

QUICK = [
    st.NetworkRegressor(dtype="float64"),
    st.NetworkClassifier(dtype="float64"),
    st.FormulaRegressor(),
    st.FormulaClassifier(),
]


@parametrize_with_checks(QUICK)
def test_checks(estimator: Any, check: Any) -> None:
    check(estimator)
