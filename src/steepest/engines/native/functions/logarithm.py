"""log x and log(1 + x).

Reduction: x = 2ᵏ·(1 + f) with 1 + f from √½ to √2, read off the bits. With s = f/(2 + f), log(1 + f) = 2 artanh s =
2s + s·R(s²); since 2s = f − s·f, the leading f is exact, and log(1 + f) = f − (f²/2 − s·(f²/2 + R)). R is a
minimax polynomial with 7 terms in float64 and 3 in float32. k·ln 2 is added in two parts, the high one exact.

Errors: the polynomial at most 0.01 ulp, the whole less than 0.9 ulp.

Sources: W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980; P. T. P. Tang, ACM TOMS 16 (1990);
the form with f²/2 is that of fdlibm (Sun Microsystems, 1993).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steepest.engines.native.functions.coefficients import LOGARITHM
from steepest.engines.native.functions.elementwise import ELEMENTARY, native
from steepest.engines.native.functions.exponential import LN2_HIGH, LN2_LOW, power_of_two
from steepest.engines.native.functions.vectors import Format, Real, polynomial
from steepest.engines.native.llvm.code import Value


def _pattern(number: float, form: Format) -> int:
    """Return the bits of a number as a whole number."""
    return int(np.array(number, f"f{form.width // 8}").view(f"i{form.width // 8}"))


@dataclass(frozen=True)
class Split:
    """x = 2ᵏ·(1 + f), both parts exact."""

    k: Real
    f: Real


def split(x: Real) -> Split:
    """Split x > 0 that is neither denormal nor ∞."""
    return _split(x, x.constant(0.0))


def split_all(x: Real) -> Split:
    """Split x > 0, denormal or not."""
    form = x.format
    shift = form.fraction + 2
    tiny = x < form.smallest
    return _split(tiny.choose(x * 2.0**shift, x), tiny.choose(x.constant(shift), 0.0))


def _split(x: Real, shift: Real) -> Split:
    form = x.format
    root, one = _pattern(math.sqrt(0.5), form), _pattern(1.0, form)
    shifted = x.bits() + (one - root)  # so that the exponent changes at √½, not at 1
    # k + bias is put behind the point of 2^fraction: a conversion that every machine has.
    k = ((shifted >> form.fraction) | _pattern(2.0**form.fraction, form)).real()
    f = ((shifted & ((1 << form.fraction) - 1)) + root).real() - 1.0
    return Split(k - (shift + (2.0**form.fraction + form.bias)), f)


def ratio(f: Real) -> Real:
    """Return s = f/(2 + f); log(1 + f) = 2 artanh s."""
    return f / (f + 2.0)


def combine(split: Split, s: Real, more: Real | float = 0.0) -> Real:
    """Return k·ln 2 + log(1 + f) + more, where ``more`` is as small as a rounding error."""
    form = s.format
    k, f = split.k, split.f
    z = s * s
    rest = polynomial(z, LOGARITHM[form.width]) * z
    half = f * f * 0.5
    low = k.times(LN2_LOW[form.width], plus=more)
    inner = f - (half - s.times(half + rest, plus=low))
    return k.times(LN2_HIGH[form.width], plus=inner)


@native("log", *ELEMENTARY)
def log(builder: Value, x: Value) -> Value:
    """Write log x; −∞ at ±0, NaN below."""
    number = Real(builder, x)
    parts = split_all(number)
    found = combine(parts, ratio(parts.f))
    below = (number < 0.0).choose(number.constant(math.nan), number)  # ∞ and NaN are their own logarithms
    special = number.equals(0.0).choose(number.constant(-math.inf), below)
    return ((number > 0.0) & (number < math.inf)).choose(found, special).value


def log_one_plus(x: Real) -> Real:
    """Return log(1 + x) for finite x > −1; at ±0 it is 0 of either sign.

    1 + x = u + c with u rounded and c exact. u is split; c enters as c/u, for which 2⁻ᵏ/(1 + f) ≈ 2⁻ᵏ(1 − 2s +
    2s²) will do, since c is less than half an ulp of u. Where k = 0, f is x itself and c is 0.
    """
    form = x.format
    u = x + 1.0
    one = u - x
    c = (x - (u - one)) + (1.0 - one)
    parts = split(u)
    near = parts.k.equals(0.0)
    f = near.choose(x, parts.f)
    s = ratio(f)
    # 2⁻ᵏ from the bits of k, which are the lowest of k + 1.5·2^fraction; it is left out where it would not be normal.
    shrink = power_of_two((x.constant(form.shifter) - parts.k).bits())
    share = s.times(s - 1.0, plus=0.5) * (c * shrink) * 2.0
    wanted = ~near & (x < 2.0 ** (form.fraction + 8))
    return combine(Split(parts.k, f), s, wanted.choose(share, 0.0))


@native("log1p", *ELEMENTARY)
def log1p(builder: Value, x: Value) -> Value:
    """Write log(1 + x); −∞ at −1, NaN below, ±0 at ±0."""
    number = Real(builder, x)
    below = (number < -1.0).choose(number.constant(math.nan), number)
    special = number.equals(-1.0).choose(number.constant(-math.inf), below)
    found = ((number > -1.0) & (number < math.inf)).choose(log_one_plus(number), special)
    return found.signed_as(number).value
