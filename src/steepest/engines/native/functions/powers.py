"""x^y and √x.

x^y = e^(y·log|x|), and y·log|x| reaches 745, so that float64 needs the logarithm to some 65 bits. It is computed as an
unrounded sum of two numbers: artanh s = s(1 + s²(⅓ + s²·R(s²))) with s = f/(2 + f), each product of leading parts made
of numbers that end in zeros, hence exact (Dekker 1971), fused or not. The error of the logarithm is about 2^-65 of it,
that of x^y less than 1 ulp. float32 is computed in float64 with a logarithm of 53 bits and rounded: less than 0.51.

The special values are those of C's pow (ISO C, Annex F): x^0 = 1 and 1^y = 1 even for NaN, a negative base has a power
where the exponent is whole, and zeros and infinities keep the sign of an odd one.

Sources: T. J. Dekker, Numerische Mathematik 18 (1971); J.-M. Muller et al., Handbook of Floating-Point Arithmetic, 2nd
ed., 2018, chapter 4; J.-M. Muller, Elementary Functions, 3rd ed., 2016, chapter 13.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from steepest.engines.native.functions.coefficients import AREA_TANGENT
from steepest.engines.native.functions.elementwise import ELEMENTARY, native
from steepest.engines.native.functions.exponential import LN2_HIGH, LN2_LOW, exponential, near
from steepest.engines.native.functions.logarithm import Split, combine, ratio, split, split_all
from steepest.engines.native.functions.vectors import DOUBLE, Mask, Real, polynomial
from steepest.engines.native.llvm.code import Value

_HALF_ZEROS = -1 << 27  # what leaves 26 bits of a significand: their products are exact

_THIRD_LOW = float.fromhex("0x1.5555555555555p-56")
"""⅓ less its float64."""


@dataclass(frozen=True)
class Pair:
    """A number as an unrounded sum: ``high`` has 26 bits, ``low`` is what is missing."""

    high: Real
    low: Real


def _halved(x: Real) -> tuple[Real, Real]:
    """Return x as a number of 26 bits and the rest, exactly."""
    high = (x.bits() & _HALF_ZEROS).real()
    return high, x - high


def _pair(main: Real, more: Real) -> Pair:
    """Return main + more, where ``more`` is the smaller."""
    high, _ = _halved(main + more)
    return Pair(high, (main - high) + more)


def _product(a: Pair, b: Pair) -> Pair:
    """Return a·b; the errors are those of the low parts."""
    low = a.high.times(b.low, plus=a.low * (b.high + b.low))
    return _pair(a.high * b.high, low)


def _quotient(f: Real) -> Pair:
    """Return s = f/(2 + f): the truncated quotient, and the share of the remainder."""
    divisor = f + 2.0
    lost = f - (divisor - 2.0)
    inverse = 1.0 / divisor
    high, _ = _halved(f * inverse)
    top, bottom = _halved(divisor)
    remainder = high.times(-lost, plus=high.times(-bottom, plus=high.times(-top, plus=f)))
    return Pair(high, remainder * inverse)


def _logarithm(x: Split) -> Pair:
    """Return k·ln 2 + 2 artanh s."""
    s = _quotient(x.f)
    square = _product(s, s)
    z = square.high + square.low
    bracket = _pair(z.constant(1.0 / 3.0), polynomial(z, AREA_TANGENT[64]).times(z, plus=_THIRD_LOW))
    beyond = _product(s, _product(square, bracket))
    # Each sum has its larger part first: where k is not 0, k·ln 2 is more than 2s.
    main, lost = _fast_sum(x.k * LN2_HIGH[64], s.high * 2.0)
    main, more = _fast_sum(main, beyond.high * 2.0)
    low = (s.low + beyond.low).times(2.0, plus=x.k.times(LN2_LOW[64], plus=lost + more))
    return _pair(main, low)


def _fast_sum(large: Real, small: Real) -> tuple[Real, Real]:
    """Return the rounded sum and what rounding lost."""
    total = large + small
    return total, small - (total - large)


def _powered(size: Real, y: Real, width: int) -> Real:
    """Return size^y in float64 for size ≥ 0; arbitrary at y = 0, and at size = 1 with y = ∞."""
    limit = size.equals(0.0).choose(size.constant(-math.inf), size)
    limitless = size.equals(0.0) | (size >= math.inf)
    if width == 64:
        logarithm = _logarithm(split_all(size))
        main, more = _times(logarithm, y)
    else:
        parts = split(size)  # no float32 is denormal as a float64
        main, more = combine(parts, ratio(parts.f)) * y, None
    main = limitless.choose(limit * y, main)
    end = (main > 0.0).choose(main.constant(math.inf), 0.0)
    return near(main).choose(exponential(main, more).value(), end)


def _times(logarithm: Pair, y: Real) -> tuple[Real, Real]:
    """Return logarithm·y: the main part, which is exact, and the rest."""
    high, low = _halved(y)
    more = low.times(logarithm.high + logarithm.low, plus=logarithm.low * high)
    return logarithm.high * high, more


def _parity(y: Real) -> tuple[Mask, Mask]:
    """Return whether y is whole, and whether it is odd."""
    size = y.magnitude()
    large = size >= 2.0**52  # these are whole; from 2^53 on they are even
    shifted = size + 2.0**52
    whole = large | (shifted - 2.0**52).equals(size)
    lowest = large.choose(size, shifted).bits() << 63
    return whole, whole & lowest.negative() & (size < 2.0**53)


@native("power", 4 * ELEMENTARY[0], ELEMENTARY[1])
def power(builder: Value, x: Value, y: Value) -> Value:
    """Write x^y."""
    given = Real(builder, x)
    base, exponent = given.converted(DOUBLE), Real(builder, y).converted(DOUBLE)
    size = base.magnitude()
    whole, odd = _parity(exponent)
    found = _powered(size, exponent, given.format.width)
    found = size.equals(1.0).choose(base.constant(1.0), found)
    found = odd.choose(found.signed_as(base), found)
    impossible = (base < 0.0) & (base > -math.inf) & ~whole
    found = impossible.choose(base.constant(math.nan), found)
    found = (base.missing() | exponent.missing()).choose(base + exponent, found)
    found = (exponent.equals(0.0) | base.equals(1.0)).choose(base.constant(1.0), found)
    return found.converted(given.format).value


@native("sqrt", latency=ELEMENTARY[1])
def sqrt(builder: Value, x: Value) -> Value:
    """Write √x, correctly rounded; NaN below 0, −0 at −0."""
    return Real(builder, x).root().value
