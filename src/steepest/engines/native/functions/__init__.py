"""Elementwise primitives as straight-line LLVM vector code; importing this package registers them all.

The elementary functions are within 2 ulp of the true value over the whole range. Each takes an
``llvmlite.ir.IRBuilder`` and vectors of 1 to 64 doubles or floats, and emits its value at the builder's position. Signs
of zero, infinities, NaN and denormal numbers are those of ISO C, Annex F. They set no fast-math flags. The emitted code
calls two functions of the C library: ``sin`` and ``cos`` for arguments beyond 2^20.
"""

from __future__ import annotations

from steepest.engines.native.functions import (
    arctangent,
    arithmetic,
    exponential,
    logarithm,
    logistic,
    powers,
    trigonometric,
)
from steepest.engines.native.functions.elementwise import ELEMENTWISE

__all__ = [
    "ELEMENTWISE", "arctangent", "arithmetic", "exponential", "logarithm", "logistic", "powers", "trigonometric",
]  # fmt: skip
