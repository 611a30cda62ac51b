"""The elementary functions as straight-line LLVM vector code, within 2 ulp of the true value over the whole range.

Each function takes an ``llvmlite.ir.IRBuilder`` and vectors of 1 to 64 doubles or floats, and emits its value where the
builder stands. Signs of zero, infinities, NaN and denormal numbers are those of ISO C, Annex F. Fast-math flags are not
set anywhere.
"""

from __future__ import annotations

from collections.abc import Callable

from steepest.engines.native.functions.exponential import exp, expm1
from steepest.engines.native.functions.logarithm import log, log1p
from steepest.engines.native.functions.logistic import sigmoid, softplus, tanh
from steepest.engines.native.functions.powers import power, sqrt
from steepest.engines.native.functions.trigonometric import cos, sin
from steepest.engines.native.llvm.code import Value

FUNCTIONS: dict[str, Callable[..., Value]] = {
    "exp": exp,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "sin": sin,
    "cos": cos,
    "power": power,
    "sqrt": sqrt,
}
"""Every function by the name of its primitive."""

EXTERNAL: tuple[str, ...] = ("sin", "cos")
"""The functions of the C library that the emitted code may call: double to double."""
