"""The functions that a formula may use without defining them, for complex numbers too: a tangent rides along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def _real(value: Array) -> Array:
    return np.real(value)


def _sigmoid(value: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-value)))


def _largest(*values: Array) -> Array:
    best = values[0]
    for value in values[1:]:
        best, value = _fitted(best, value)
        best = np.where(_real(best) >= _real(value), best, value)
    return best


def _smallest(*values: Array) -> Array:
    best = values[0]
    for value in values[1:]:
        best, value = _fitted(best, value)
        best = np.where(_real(best) <= _real(value), best, value)
    return best


def _fitted(left: Array, right: Array) -> tuple[Array, Array]:
    """A number beside a matrix."""
    if left.ndim < right.ndim:
        return left[:, None, None], right
    if right.ndim < left.ndim:
        return left, right[:, None, None]
    return left, right


def _log(value: Array) -> Array:
    return np.log(np.where(_real(value) > 0, value, np.nan))


def _sqrt(value: Array) -> Array:
    return np.sqrt(np.where(_real(value) >= 0, value, np.nan))


def _diag(value: Array) -> Array:
    if value.ndim != 3 or value.shape[2] != 1:
        return np.full(value.shape, np.nan)
    return np.asarray(value * np.eye(value.shape[1]))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": np.exp, "log": _log, "sqrt": _sqrt, "sin": np.sin, "cos": np.cos, "tan": np.tan, "arctan": np.arctan,
    "tanh": np.tanh, "sinh": np.sinh, "cosh": np.cosh, "max": _largest, "min": _smallest, "sigmoid": _sigmoid,
    "softmax": np.exp,  # the evaluator divides by the sum, along the right axis
    "diag": _diag, "relu": lambda v: np.where(_real(v) > 0, v, 0.0 * v),
    "leaky_relu": lambda v: np.where(_real(v) > 0, v, 0.01 * v),
    "softplus": lambda v: np.log1p(np.exp(v)), "sign": lambda v: np.sign(_real(v)) + 0.0 * v,
}  # fmt: skip
"""By the names of ``reading.BUILT_IN``."""
