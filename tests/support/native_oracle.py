"""The true values of the native engine's elementary functions, and how far a computed value is from them.

``NUMPY`` in extended precision is fast and serves to find the worst arguments; ``exact`` is mpmath, which
judges. Errors are in units in the last place of the true value; that of a denormal number is the least positive number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from mpmath import mp
from numpy.typing import NDArray

Array = NDArray[Any]

FRACTION = {64: 52, 32: 23}
LEAST_EXPONENT = {64: -1022, 32: -126}


def _logistic(x: Array) -> Array:
    decay = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + decay), decay / (1 + decay))


NUMPY: dict[str, Callable[..., Array]] = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sigmoid": _logistic,
    "softplus": lambda x: np.where(x > 0, x, 0) + np.log1p(np.exp(-np.abs(x))),
    "sin": np.sin,
    "cos": np.cos,
    "arctan": np.arctan,
    "power": np.power,
    "sqrt": np.sqrt,
}

EXACT: dict[str, Callable[..., Any]] = {
    "exp": mp.exp,
    "expm1": mp.expm1,
    "log": mp.log,
    "log1p": mp.log1p,
    "tanh": mp.tanh,
    "sigmoid": lambda x: mp.exp(x) / (1 + mp.exp(x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "sin": mp.sin,
    "cos": mp.cos,
    "arctan": mp.atan,
    "power": mp.power,
    "sqrt": mp.sqrt,
}


def exact(name: str, *arguments: float) -> Any:
    """The true value, to more than 200 bits beyond what the reduction of any argument takes away."""
    with mp.workprec(1400 if name in ("sin", "cos") else 400):
        return EXACT[name](*(mpmath.mpf(argument) for argument in arguments))


def finite(name: str, *arguments: float) -> bool:
    """Whether the true value is a finite real number, and no argument is beyond what mpmath has the time for."""
    if not all(math.isfinite(x) for x in arguments):
        return False
    x = arguments[0]
    if name in ("exp", "expm1", "sigmoid", "softplus", "tanh"):
        return abs(x) < 1e5
    if name == "log":
        return x > 0
    if name == "log1p":
        return x > -1
    if name == "sqrt":
        return x >= 0
    if name == "power":
        y = arguments[1]
        return x != 0 and (x > 0 or y == round(y)) and abs(y * math.log(abs(x))) < 1e5
    return True


def error(found: float, true: Any, width: int) -> float:
    """How far a computed number is from the true one, ulp.

    ∞ counts as the power of two after the largest finite number, so that overflow is judged like any rounding.
    """
    with mp.workprec(300):
        top = mpmath.ldexp(1, 2 ** (10 if width == 64 else 7))
        near = mpmath.mpf(float(found)) if np.isfinite(found) else mpmath.sign(found) * top
        if np.isnan(found):
            return float("inf")
        bounded = max(min(true, top), -top)
        exponent = mpmath.frexp(bounded)[1] - 1 if bounded else LEAST_EXPONENT[width]
        exponent = min(max(exponent, LEAST_EXPONENT[width]), 2 ** (10 if width == 64 else 7) - 1)
        return float(abs(near - bounded) / mpmath.ldexp(1, exponent - FRACTION[width]))


def estimates(name: str, found: Array, *arguments: Array) -> Array:
    """The errors by extended precision, ulp; NaN counts as ∞."""
    width = 8 * found.dtype.itemsize
    wider = np.longdouble if width == 64 else np.float64
    with np.errstate(all="ignore"):
        true = NUMPY[name](*(argument.astype(wider) for argument in arguments))
        top = wider(2.0) ** (1024 if width == 64 else 128)
        exponents = np.clip(np.frexp(true)[1] - 1, LEAST_EXPONENT[width], (1023 if width == 64 else 127))
        distance = np.abs(np.clip(found.astype(wider), -top, top) - np.clip(true, -top, top))
        errors = np.ldexp(distance, FRACTION[width] - exponents).astype(np.float64)
    return np.where(np.isnan(errors), np.where(np.isnan(true) & np.isnan(found), 0.0, np.inf), errors)
