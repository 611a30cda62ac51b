"""e^x and e^x − 1, and the pieces that other functions make of e^x.

Reduction (Cody & Waite 1980): x = n·ln 2 + r with whole n and |r| ≤ ½ ln 2. Adding 1.5·2^52 to x/ln 2 rounds it to n
and leaves n in the lowest bits, from which powers of two are made without a conversion. ln 2 is split into a high part,
whose trailing zeros make n·high exact, fused or not, and a low part. Then e^x = 2ⁿ·e^r, and e^r is a minimax
polynomial of degree 11 in float64 and 6 in float32 (12 and 7 for e^x − 1), evaluated in tree form.

2ⁿ is applied as two factors of half the exponent: the second product is exact unless the result is denormal or
overflows, and is then rounded where it must be; n may so reach from −1082 to 1082.

Errors: the polynomial at most 0.03 ulp; e^x altogether at most 0.7 ulp, e^x − 1 at most 1.2 ulp.

Sources: W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980; P. T. P. Tang, ACM TOMS 15 (1989);
J.-M. Muller, Elementary Functions, 3rd ed., 2016.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from steepest.engines.native.functions.coefficients import EXPONENTIAL, LESS_ONE, Coefficients
from steepest.engines.native.functions.polynomials import polynomial
from steepest.engines.native.functions.vectors import Bits, Real, Value

LN2_HIGH = {64: float.fromhex("0x1.62e42fefa38p-1"), 32: float.fromhex("0x1.62e4p-1")}
"""ln 2 cut off after 42 or 16 bits, so that its product with a whole number below 2^11 or 2^8 is exact."""

LN2_LOW = {64: float.fromhex("0x1.ef35793c7673p-45"), 32: float.fromhex("0x1.7f7d1cp-20")}
"""The rest of ln 2."""

FAR = {64: 750.0, 32: 105.0}
"""From here on e^x is ∞ and e^-x is 0 whatever the rounding."""


@dataclass(frozen=True)
class Reduced:
    """x = n·ln 2 + r, r = high − low.

    Attributes:
        shifted: n + 1.5·2^fraction.
        high: x less n times the high part of ln 2, exactly.
        low: n times the low part of ln 2.
        r: their difference, rounded.
    """

    shifted: Real
    high: Real
    low: Real
    r: Real

    def scale(self) -> Real:
        """2ⁿ, for n that keep it normal."""
        form = self.r.format
        return ((self.shifted.bits() + form.bias) << form.fraction).real(form)

    def _halves(self) -> tuple[Bits, Bits]:
        """⌊n/2⌋ and n − ⌊n/2⌋ in the low bits; the shifter's own bits above are even and are shifted out later."""
        whole = self.shifted.bits()
        half = whole >> 1
        return half, whole - half

    def scales(self) -> tuple[Real, Real]:
        """Two powers of two whose product is 2ⁿ."""
        form = self.r.format
        half, other = self._halves()
        return ((half + form.bias) << form.fraction).real(form), ((other + form.bias) << form.fraction).real(form)

    def quotient(self) -> tuple[Real, Real]:
        """Two powers of two whose quotient is 2ⁿ."""
        form = self.r.format
        half, other = self._halves()
        divisor = Bits(half.builder, other.operand(form.bias)) - other
        return ((half + form.bias) << form.fraction).real(form), (divisor << form.fraction).real(form)


def reduce(x: Real, times: float = 1.0, more: Real | None = None) -> Reduced:
    """Split ``times·x + more`` into whole multiples of ln 2 and a rest.

    Where |times·x| is beyond ``FAR`` the outcome means nothing.

    Args:
        x: any numbers.
        times: 1 or a power of two.
        more: a small part that x lacks.
    """
    form = x.format
    shifted = x.times(times / math.log(2), plus=form.shifter)
    n = shifted - form.shifter
    high = n.times(-LN2_HIGH[form.width], plus=x if times == 1.0 else x * times)
    low = n * LN2_LOW[form.width] if more is None else n.times(LN2_LOW[form.width], plus=-more)
    return Reduced(shifted, high, low, high - low)


def series(r: Real, start: Real, coefficients: Coefficients) -> Real:
    """start + (e^r − 1 − r), the terms from r² on; no step waits longer than the tree of all of them is deep."""
    numbers = (0.5, *coefficients[r.format.width])
    square = r * r
    lower = polynomial(r, numbers[:4]).times(square, plus=start)
    return polynomial(r, numbers[4:]).times(square * (square * square), plus=lower)


def exponential(x: Real) -> Real:
    """e^x for |x| up to ``FAR``; beyond it the outcome means nothing. NaN stays."""
    reduced = reduce(x)
    less_one = series(reduced.r, reduced.r, EXPONENTIAL)
    first, second = reduced.scales()
    return less_one.times(first, plus=first) * second


def exp(builder: Value, x: Value) -> Value:
    """e^x."""
    number = Real(builder, x)
    limit = (number > 0.0).choose(number.constant(math.inf), 0.0)
    return (number.magnitude() > FAR[number.format.width]).choose(limit, exponential(number)).value


def expm1(builder: Value, x: Value) -> Value:
    """e^x − 1 = 2ⁿ(e^r − 1) + (2ⁿ − 1).

    With 2ⁿ = a/b it is (a·(e^r − 1) + (a − b))/b. The rest r enters as ``high``, which is exact, and ``low`` among the
    small terms, so that the cancellation at n = 1 and n = −1 finds no rounded r.
    """
    number = Real(builder, x)
    reduced = reduce(number)
    a, b = reduced.quotient()
    _, back = reduced.scales()
    small = series(reduced.r, -reduced.low, LESS_ONE)
    found = small.times(a, plus=reduced.high.times(a, plus=a - b)) * back
    limit = (number > 0.0).choose(number.constant(math.inf), -1.0)
    found = (number.magnitude() > FAR[number.format.width]).choose(limit, found)
    return found.signed_as(number).value  # −0 stays
