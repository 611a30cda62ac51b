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

from importlib import import_module
from typing import TYPE_CHECKING, Any

from steepest.errors import SteepestError, SteepestWarning
from steepest.expressions.activations import elu, gelu, hard_sigmoid, hard_swish, hard_tanh, mish, selu, silu
from steepest.expressions.elementary import (
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan2,
    arctanh,
    cbrt,
    ceil,
    clip,
    cosh,
    exp2,
    floor,
    fmod,
    log2,
    log10,
    mod,
    norm,
    sech,
    sinh,
    tan,
)
from steepest.expressions.error_functions import erf, erfc, gauss, normal_cdf, normal_pdf
from steepest.expressions.expression import Expression, Operation, constant, data, params
from steepest.expressions.operations import FUNCTIONS as _FUNCTIONS
from steepest.expressions.operations import absolute as abs
from steepest.expressions.operations import (
    arctan,
    cos,
    count,
    dot,
    equal,
    exp,
    expand,
    expm1,
    hypot,
    largest,
    leaky_relu,
    less,
    less_equal,
    log,
    log1p,
    log_softmax,
    logaddexp,
    logsumexp,
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
from steepest.expressions.operations import greater as greater
from steepest.expressions.operations import greater_equal as greater_equal
from steepest.expressions.operations import sum_ as sum
from steepest.messages.vocabulary import hint as _hint
from steepest.messages.vocabulary import ours as _ours
from steepest.version import __version__ as __version__

if TYPE_CHECKING:
    from steepest import models as models
    from steepest import pictures as pictures
    from steepest.calculus.gradient import gradient
    from steepest.calculus.simplify import simplify
    from steepest.checking.finite_differences import finite_difference, shrinking_steps
    from steepest.checking.gradient_check import check
    from steepest.checking.report import Report
    from steepest.checking.tangent import Tangent, tangent
    from steepest.derivations.line_by_line import Derivation, derive
    from steepest.diagrams.graph import graph
    from steepest.engines import evaluate
    from steepest.language.formula import Limits, parse
    from steepest.models.estimators import FormulaClassifier as FormulaClassifier
    from steepest.models.estimators import FormulaRegressor as FormulaRegressor
    from steepest.models.estimators import NetworkClassifier as NetworkClassifier
    from steepest.models.estimators import NetworkRegressor as NetworkRegressor
    from steepest.models.model import Model, load
    from steepest.objectives import costs as costs
    from steepest.proofreading import Proof, proofread
    from steepest.tables.table import open_table
    from steepest.training import optimisers as optimisers
    from steepest.training import schedules as schedules
    from steepest.training.descent import Descent, descend

_HOMES = {
    "Descent": "training.descent",
    "Derivation": "derivations.line_by_line",
    "FormulaClassifier": "models.estimators",
    "FormulaRegressor": "models.estimators",
    "Limits": "language.formula",
    "Model": "models.model",
    "Proof": "proofreading",
    "NetworkClassifier": "models.estimators",
    "NetworkRegressor": "models.estimators",
    "Report": "checking.report",
    "Tangent": "checking.tangent",
    "check": "checking.gradient_check",
    "derive": "derivations.line_by_line",
    "descend": "training.descent",
    "evaluate": "engines",
    "finite_difference": "checking.finite_differences",
    "gradient": "calculus.gradient",
    "graph": "diagrams.graph",
    "load": "models.model",
    "open_table": "tables.table",
    "parse": "language.formula",
    "proofread": "proofreading",
    "shrinking_steps": "checking.finite_differences",
    "simplify": "calculus.simplify",
    "tangent": "checking.tangent",
}
# The estimators are not in __all__, for "from steepest import *" and dir(steepest) are to work without scikit-learn.
_MODULES = {
    "costs": "objectives.costs",
    "models": "models",
    "optimisers": "training.optimisers",
    "pictures": "pictures",
    "schedules": "training.schedules",
}

__all__ = [
    "Derivation",
    "Descent",
    "Expression",
    "Limits",
    "Model",
    "Operation",
    "Proof",
    "Report",
    "SteepestError",
    "SteepestWarning",
    "Tangent",
    "abs",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cbrt",
    "ceil",
    "check",
    "clip",
    "constant",
    "cos",
    "cosh",
    "costs",
    "count",
    "data",
    "derive",
    "descend",
    "dot",
    "elu",
    "equal",
    "erf",
    "erfc",
    "evaluate",
    "exp",
    "exp2",
    "expand",
    "expm1",
    "finite_difference",
    "floor",
    "fmod",
    "gauss",
    "gelu",
    "gradient",
    "graph",
    "greater",
    "greater_equal",
    "hard_sigmoid",
    "hard_swish",
    "hard_tanh",
    "hypot",
    "largest",
    "leaky_relu",
    "less",
    "less_equal",
    "load",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "matmul",
    "maximum",
    "mean",
    "minimum",
    "mish",
    "mod",
    "models",
    "norm",
    "normal_cdf",
    "normal_pdf",
    "not_equal",
    "one_hot",
    "open_table",
    "optimisers",
    "outer",
    "params",
    "parse",
    "pictures",
    "power",
    "proofread",
    "relu",
    "schedules",
    "sech",
    "selu",
    "shrinking_steps",
    "sigmoid",
    "sign",
    "silu",
    "simplify",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "sqrt",
    "step",
    "stop_gradient",
    "sum",
    "tan",
    "tangent",
    "tanh",
    "total",
    "total_outer",
    "transpose",
    "where",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        found = globals()[name] = import_module(f"steepest.{_MODULES[name]}")
        return found
    if name in _HOMES:
        found = getattr(import_module(f"steepest.{_HOMES[name]}"), name)
        globals()[name] = found
        return found
    operation = _FUNCTIONS.get(_ours("function", name) or name)  # added later, or by another library's name
    if operation is not None:
        return operation
    meant = _hint("package", name, ()) or _hint("function", name, __all__)
    raise AttributeError(f"module 'steepest' has no attribute {name!r}{meant}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
