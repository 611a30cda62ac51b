"""Literals and reserved words of C."""

from __future__ import annotations

import math

import numpy as np

from steepest.export.prepared import Array, wrapped

TYPES = {"float64": "double", "float32": "float"}

_WORDS = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl complex const const_cast
constexpr continue decltype default delete do double dynamic_cast else enum explicit export extern false float for
friend goto if imaginary inline int long main mutable namespace new noexcept not not_eq nullptr operator or or_eq
private protected public register reinterpret_cast restrict return short signed sizeof static static_assert static_cast
struct switch template this thread_local throw true try typedef typeid typename typeof union unsigned using virtual void
volatile wchar_t while xor xor_eq
size_t ptrdiff_t offsetof NULL max_align_t nullptr_t linux unix i386 errno signgam HUGE HUGE_VAL HUGE_VALF HUGE_VALL
INFINITY NAN FP_NAN FP_INFINITE FP_ZERO FP_NORMAL FP_SUBNORMAL FP_FAST_FMA FP_FAST_FMAF FP_ILOGB0 FP_ILOGBNAN MATH_ERRNO
MATH_ERREXCEPT math_errhandling float_t double_t fpclassify isfinite isinf isnan isnormal signbit isgreater
isgreaterequal isless islessequal islessgreater isunordered DOMAIN SING OVERFLOW UNDERFLOW PLOSS TLOSS
n s i j k T
"""
_MATHS = """
acos asin atan atan2 cos sin tan acosh asinh atanh cosh sinh tanh exp exp2 expm1 frexp ilogb ldexp log log10 log1p log2
logb modf scalbn scalbln cbrt fabs hypot pow sqrt erf erfc lgamma tgamma ceil floor nearbyint rint lrint llrint round
lround llround trunc fmod remainder remquo copysign nan nextafter nexttoward fdim fmax fmin fma j0 j1 jn y0 y1 yn gamma
drem significand scalb finite exp10 pow10 sincos
"""
MATHS_FUNCTIONS = tuple(_MATHS.split())
RESERVED = frozenset(_WORDS.split()).union(
    f"{name}{end}" for name in MATHS_FUNCTIONS for end in ("", "f", "l")
)  # fmt: skip
"""Reserved words of C, C++ and <math.h>, and the loop indices of the generated code."""


def literal(value: float, dtype: str) -> str:
    """Return a literal that C converts back to the same bits.

    >>> literal(2.0, "float64"), literal(0.1, "float64"), literal(0.5, "float32")
    ('2.0', '0x1.999999999999ap-4', '0x1p-1f')
    """
    end = "f" if dtype == "float32" else ""
    if not math.isfinite(value):
        cast = "" if dtype == "float32" else "(double)"  # the macros are of type float
        return f"{cast}NAN" if math.isnan(value) else f"{'-' if value < 0 else ''}{cast}INFINITY"
    if value == int(value) and abs(value) < 1e6:
        return f"{value!r}{end}"
    digits, _, exponent = value.hex().partition("p")
    digits = digits.rstrip("0").rstrip(".")
    return f"{digits}p{int(exponent)}{end}"


def array_literal(array: Array, dtype: str) -> str:
    """Return the elements of an array between braces, in C order, on lines of bounded length."""
    lines = wrapped((literal(float(value), dtype) for value in np.asarray(array).ravel()), 111)
    return "{\n" + "".join(f"    {line}\n" for line in lines) + "}"
