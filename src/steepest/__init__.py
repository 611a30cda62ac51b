"""steepest: write a cost as a formula; it derives the gradient line by line, checks it, and descends it.

    >>> import steepest as st
    >>> x, y, z = st.data("x", "y", "z")
    >>> w1, w2, b = st.params("w1", "w2", "b")
    >>> C = st.mean((st.sigmoid(x * w1 + y * w2 + b) - z) ** 2)
    >>> run = st.descend(C, "nand", start={"w1": 0.3, "w2": 0.6, "b": 0.1})
    >>> round(run.cost, 4)
    0.0626

The expressions and their operations are here at once; everything that needs NumPy is loaded on first use.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from steepest.errors import SteepestError, SteepestWarning
from steepest.expression import Expression, Operation, constant, data, params
from steepest.operations import absolute as abs
from steepest.operations import (
    cos,
    count,
    dot,
    equal,
    exp,
    expand,
    expm1,
    largest,
    leaky_relu,
    less,
    less_equal,
    log,
    log1p,
    log_softmax,
    matmul,
    maximum,
    mean,
    minimum,
    not_equal,
    one_hot,
    outer,
    power,
    relu,
    sigmoid,
    sign,
    sin,
    softmax,
    softplus,
    sqrt,
    step,
    stop_gradient,
    tanh,
    total,
    total_outer,
    transpose,
    where,
)
from steepest.operations import greater as greater
from steepest.operations import greater_equal as greater_equal
from steepest.operations import sum_ as sum

if TYPE_CHECKING:
    from steepest import costs, models, optimisers, pictures, schedules
    from steepest.checking import Report, check
    from steepest.derivation import Derivation, derive
    from steepest.descent import Descent, descend
    from steepest.differences import finite_difference, shrinking_steps
    from steepest.engines import evaluate
    from steepest.estimators import FormulaClassifier as FormulaClassifier
    from steepest.estimators import FormulaRegressor as FormulaRegressor
    from steepest.estimators import NetworkClassifier as NetworkClassifier
    from steepest.estimators import NetworkRegressor as NetworkRegressor
    from steepest.formula import Limits, parse
    from steepest.gradient import gradient
    from steepest.model import Model, load
    from steepest.proofreading import Proof, proofread
    from steepest.simplify import simplify
    from steepest.tangent import Tangent, tangent

__version__ = "0.1.0"

_HOMES = {
    "Descent": "descent",
    "Derivation": "derivation",
    "FormulaClassifier": "estimators",
    "FormulaRegressor": "estimators",
    "Limits": "formula",
    "Model": "model",
    "Proof": "proofreading",
    "NetworkClassifier": "estimators",
    "NetworkRegressor": "estimators",
    "Report": "checking",
    "Tangent": "tangent",
    "check": "checking",
    "derive": "derivation",
    "descend": "descent",
    "evaluate": "engines",
    "finite_difference": "differences",
    "gradient": "gradient",
    "load": "model",
    "parse": "formula",
    "proofread": "proofreading",
    "shrinking_steps": "differences",
    "simplify": "simplify",
    "tangent": "tangent",
}
# The estimators are not in __all__, for "from steepest import *" and dir(steepest) are to work without scikit-learn.
_MODULES = ("costs", "models", "optimisers", "pictures", "schedules")

__all__ = [
    "Derivation", "Descent", "Expression", "Limits", "Model", "Operation", "Proof", "Report", "SteepestError",
    "SteepestWarning", "Tangent", "abs", "check", "constant", "cos", "costs", "count", "data", "derive", "descend",
    "dot", "equal", "evaluate", "exp", "expand", "expm1", "finite_difference", "gradient", "greater",
    "greater_equal", "largest", "leaky_relu", "less", "less_equal", "load", "log", "log1p", "log_softmax", "matmul",
    "maximum", "mean", "minimum", "models", "not_equal", "one_hot", "optimisers", "outer", "params", "parse",
    "pictures", "power", "proofread", "relu", "schedules", "shrinking_steps", "sigmoid", "sign", "simplify", "sin",
    "softmax", "softplus", "sqrt", "step", "stop_gradient", "sum", "tangent", "tanh", "total", "total_outer",
    "transpose", "where",
]  # fmt: skip


class _Package(ModuleType):
    """Keeps ``st.gradient`` the function when the module of that name is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in _HOMES):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"steepest.{name}")
    if name in _HOMES:
        found = getattr(import_module(f"steepest.{_HOMES[name]}"), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module 'steepest' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
