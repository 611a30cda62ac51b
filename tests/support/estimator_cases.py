"""Data and estimators that the tests of estimators share."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

import steepest as st

X, SPECIES = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
WIDTH = X[:, 3] + 0.2 * X[:, 0] ** 2
EVERY = [st.NetworkRegressor, st.NetworkClassifier, st.FormulaRegressor, st.FormulaClassifier]
NETWORKS = EVERY[:2]


def target(kind: Any) -> Any:
    return NAMES if "Classifier" in kind.__name__ else WIDTH


def quick(kind: Any, **settings: Any) -> Any:
    """An estimator that is fitted in an instant."""
    small: dict[str, Any] = {"random_state": 0}
    if kind in NETWORKS:
        small |= {"hidden": (8,), "rate": 0.05, "epochs": 30}
    return kind(**{**small, **settings})
