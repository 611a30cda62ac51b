"""Nonlinear models written for NumPy and as formulas, for comparisons with other libraries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nist import NONLINEAR

Array = Any
_RNG = np.random.default_rng(23)


@dataclass(frozen=True)
class Peer:
    """A model.

    Attributes:
        formula: ``"y ~ …"``.
        function: the same of x and the parameters, in the order of ``start``.
        x, y: the data, ``(n,)``.
        start: the parameters to start from.
        cost: the name of the cost.
        sigma: standard deviations of the errors, ``(n,)``.
    """

    formula: str
    function: Callable[..., Array]
    x: Array
    y: Array
    start: dict[str, float]
    cost: str = "mse"
    sigma: Array = None

    @property
    def table(self) -> dict[str, Array]:
        """The columns; the weights 1/σ² in w, if there are σ."""
        return {"x": self.x, "y": self.y} | ({} if self.sigma is None else {"w": self.sigma**-2.0})


def _nist(name: str, function: Callable[..., Array]) -> Peer:
    problem = NONLINEAR[name]
    return Peer(problem.formula, function, problem.columns["x"], problem.columns["y"], problem.certified)


def _with_errors(formula: str, function: Callable[..., Array], x: Array, start: dict[str, float]) -> Peer:
    """A model with data of errors that differ in size."""
    sigma = _RNG.uniform(0.5, 2, len(x)) * 0.03 * np.ptp(function(x, *start.values()))
    return Peer(
        formula, function, x, function(x, *start.values()) + sigma * _RNG.normal(size=len(x)), start, sigma=sigma
    )


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


SQUARES = {
    "Misra1a": _nist("Misra1a", lambda x, b1, b2: b1 * (1 - np.exp(-b2 * x))),
    "Misra1c": _nist("Misra1c", lambda x, b1, b2: b1 * (1 - (1 + 2 * b2 * x) ** -0.5)),
    "DanWood": _nist("DanWood", lambda x, b1, b2: b1 * x**b2),
    "BoxBOD": _nist("BoxBOD", lambda x, b1, b2: b1 * (1 - np.exp(-b2 * x))),
    "Chwirut2": _nist("Chwirut2", lambda x, b1, b2, b3: np.exp(-b1 * x) / (b2 + b3 * x)),
    "Rat42": _nist("Rat42", lambda x, b1, b2, b3: b1 / (1 + np.exp(b2 - b3 * x))),
    "Rat43": _nist("Rat43", lambda x, b1, b2, b3, b4: b1 / (1 + np.exp(b2 - b3 * x)) ** (1 / b4)),
}
"""Least squares without weights."""

WEIGHTED = {
    "Michaelis-Menten": _with_errors(
        "y ~ v*x/(k + x)", lambda x, v, k: v * x / (k + x), np.linspace(0.2, 6, 14), {"v": 4.0, "k": 1.3}
    ),
    "decay": _with_errors(
        "y ~ a*exp(-b*x) + c", lambda x, a, b, c: a * np.exp(-b * x) + c, np.linspace(0, 5, 20),
        {"a": 3.0, "b": 0.8, "c": 0.5},
    ),
    "line": _with_errors("y ~ a + b*x", lambda x, a, b: a + b * x, np.linspace(-1, 4, 9), {"a": 1.0, "b": -2.0}),
}  # fmt: skip
"""Least squares with σ."""

_DOSES = np.repeat(np.linspace(-2, 3, 12), 12)
_TIMES = np.linspace(0, 4, 40)
LIKELIHOODS = {
    "logit": Peer(
        "y ~ sigmoid(a + b*x)", lambda x, a, b: _sigmoid(a + b * x), _DOSES,
        (_RNG.random(144) < _sigmoid(1.2 * _DOSES - 0.4)).astype(float), {"a": -0.4, "b": 1.2}, "cross_entropy",
    ),
    "dose and response": Peer(
        "y ~ c + (1 - c)*sigmoid(b*(x - m))", lambda x, c, b, m: c + (1 - c) * _sigmoid(b * (x - m)), _DOSES,
        (_RNG.random(144) < 0.35 + 0.65 * _sigmoid(2 * (_DOSES - 0.8))).astype(float),
        {"c": 0.35, "b": 2.0, "m": 0.8}, "cross_entropy",
    ),
    "counts": Peer(
        "y ~ exp(a + b*x)", lambda x, a, b: np.exp(a + b * x), _TIMES,
        _RNG.poisson(np.exp(1.5 - 0.5 * _TIMES)).astype(float), {"a": 1.5, "b": -0.5}, "poisson",
    ),
    "decaying counts": Peer(
        "y ~ a*exp(-b*x) + c", lambda x, a, b, c: a * np.exp(-b * x) + c, _TIMES,
        _RNG.poisson(30 * np.exp(-1.1 * _TIMES) + 4).astype(float), {"a": 30.0, "b": 1.1, "c": 4.0}, "poisson",
    ),
}  # fmt: skip
"""Likelihoods; "logit" and "counts" are generalised linear models, the others are not."""
