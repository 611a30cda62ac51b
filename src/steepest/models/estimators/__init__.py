"""Estimators for scikit-learn: networks and user-written formulas, fitted by ``steepest.descend``.

``inputs.py`` validates input, ``descending.py`` has the base class, ``kinds.py`` regressors and classifiers,
``networks.py`` and ``formulas.py`` build the models.
"""

from __future__ import annotations

from steepest.errors import ModelError, missing

try:
    from sklearn.utils.validation import validate_data as _needed  # noqa: F401 - new in scikit-learn 1.6
except ImportError:
    raise ModelError(missing("the estimators need", "scikit-learn 1.6 or later", "sklearn")) from None

from steepest.models.estimators.formulas import FormulaClassifier, FormulaRegressor
from steepest.models.estimators.networks import NetworkClassifier, NetworkRegressor

__all__ = ["FormulaClassifier", "FormulaRegressor", "NetworkClassifier", "NetworkRegressor"]
