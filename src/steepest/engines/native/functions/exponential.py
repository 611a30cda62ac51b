"""e^x and e^x − 1, and the pieces that other functions make of e^x.

Reduction (Cody & Waite 1980): x = m·(ln 2)/K + r with whole m and |r| ≤ (ln 2)/2K. Adding 1.5·2^52 to x·K/ln 2 rounds
it to m and leaves m in the lowest bits, from which powers of two are made without a conversion. (ln 2)/K is split into
a high part, whose trailing zeros make m·high exact, fused or not, and a low part.

e^x in float64 takes K = 4: e^x = 2ⁿ·2^(j/4)·e^r, where 2^(j/4) is picked out of four numbers while the polynomial is
under way, and what they lack of 2^(j/4) is added to r. (e^r − 1)/r then has 8 terms, a tree of three steps; with K = 1
it would have 12, and four steps. In float32, K = 1 and 6 terms do. e^x − 1 takes K = 1, so that 2ⁿ − 1 is exact, and
13 terms (8 in float32).

2ⁿ is applied as two factors of half the exponent: the second product is exact unless the result is denormal or
overflows, and is then rounded where it must be; |n| may so reach 1082.

Errors: the polynomials at most 0.03 ulp; e^x less than 0.9 ulp in float64 and 1.4 in float32, e^x − 1 less than 1.3.

Sources: W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980; P. T. P. Tang, ACM TOMS 15 (1989);
J.-M. Muller, Elementary Functions, 3rd ed., 2016.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from steepest.engines.native.functions.coefficients import EXPONENTIAL, LESS_ONE
from steepest.engines.native.functions.elementwise import ELEMENTARY, native
from steepest.engines.native.functions.vectors import Bits, Mask, Real, polynomial
from steepest.engines.native.llvm.code import Value

LN2_HIGH = {64: float.fromhex("0x1.62e42fefa2p-1"), 32: float.fromhex("0x1.62e4p-1")}
"""ln 2 cut off after 40 or 16 bits, so that its product with a whole number below 2^13 or 2^8 is exact."""

LN2_LOW = {64: float.fromhex("0x1.9ef35793c7673p-41"), 32: float.fromhex("0x1.7f7d1cp-20")}
"""The rest of ln 2."""

FAR = {64: 750.0, 32: 105.0}
"""From here on e^x is ∞ and e^-x is 0 whatever the rounding."""

PARTS = {64: 4, 32: 1}
"""K, for e^x."""

ROOTS = tuple(2.0 ** (j / 4) for j in range(4))
"""2^(j/4), rounded."""

LACKING = (0.0, 3.3484623336251524e-17, -6.835808657661923e-17, 4.875160526227062e-17)
"""What the logarithms of ``ROOTS`` lack of j/4·ln 2."""


@dataclass(frozen=True)
class Reduced:
    """x = m·(ln 2)/K + r, r = high − low.

    Attributes:
        shifted: m + 1.5·2^fraction.
        high: x less m times the high part of (ln 2)/K, exactly.
        low: m times the low part.
        r: their difference, rounded.
    """

    shifted: Real
    high: Real
    low: Real
    r: Real


def reduce(x: Real, parts: int = 1, more: Real | None = None) -> Reduced:
    """Split ``x + more`` into whole multiples of (ln 2)/parts and a rest.

    The result is arbitrary where |x| is beyond ``FAR``.

    Args:
        x: any numbers.
        parts: K, 1 or a power of two.
        more: a small part that x lacks.
    """
    form = x.format
    shifted = x.times(parts / math.log(2), plus=form.shifter)
    m = shifted - form.shifter
    high = m.times(-LN2_HIGH[form.width] / parts, plus=x)
    lowest = LN2_LOW[form.width] / parts
    low = m * lowest if more is None else m.times(lowest, plus=-more)
    return Reduced(shifted, high, low, high - low)


def power_of_two(exponent: Bits) -> Real:
    """Return 2 to a whole number in the lowest bits; what is above the exponent's bits is shifted out."""
    form = exponent.format
    return ((exponent + form.bias) << form.fraction).real()


def _halves(shifted: Real, parts: int) -> tuple[Bits, Bits]:
    """Return ⌊n/2⌋ and n − ⌊n/2⌋ in the low bits, where n = ⌊m/K⌋. The bits of the shifter itself are all higher up."""
    bits = shifted.bits()
    shift = parts.bit_length() - 1
    half = bits >> (shift + 1)
    return half, (bits >> shift if shift else bits) - half


@dataclass(frozen=True)
class Exponential:
    """e^x = (root + root·rest·bracket)·2^other; only ``bracket`` takes long to compute.

    Attributes:
        root: 2^(j/4) times about the square root of 2ⁿ.
        rest: r, and what the rounded ``root`` lacks.
        bracket: (e^r − 1)/r.
        other: a whole number, in the lowest bits.
    """

    root: Real
    rest: Real
    bracket: Real
    other: Bits

    def value(self) -> Real:
        """Return e^x."""
        return (self.root * self.rest).times(self.bracket, plus=self.root) * power_of_two(self.other)

    def plus_power(self, below_one: Mask | None = None) -> Real:
        """Return (1 + e^x)/2^other, that is root + 2^-other and the rest.

        What the sum of these two loses joins the small product, whose other factor is near 1. The loss is found by
        taking the larger from the sum first (Dekker 1971); which that is must be known early.

        Args:
            below_one: where x < 0; nowhere, if left out.
        """
        root, back = self.root, power_of_two(-self.other)
        total = root + back
        if below_one is None:
            lost = back - (total - root)
        else:
            lost = below_one.choose(root, back) - (total - below_one.choose(back, root))
        return (root * self.rest + lost).times(self.bracket, plus=total)


def exponential(x: Real, more: Real | None = None) -> Exponential:
    """Return the pieces of e^(x + more) for |x| up to ``FAR``; beyond, they are arbitrary. NaN stays."""
    form = x.format
    parts = PARTS[form.width]
    reduced = reduce(x, parts, more)
    bracket = polynomial(reduced.r, (1.0, 0.5, *EXPONENTIAL[form.width]))
    half, other = _halves(reduced.shifted, parts)
    if parts == 1:
        return Exponential(power_of_two(half), reduced.r, bracket, other)
    root, lacking = (_quarter(reduced.shifted, table) for table in (ROOTS, LACKING))
    scaled = (root.bits() + (half << form.fraction)).real()
    return Exponential(scaled, reduced.r + lacking, bracket, other)


def _quarter(shifted: Real, table: tuple[float, ...]) -> Real:
    """Return the entry of a table that the two lowest bits select."""
    bits = shifted.bits()
    odd, upper = (bits << 63).negative(), (bits << 62).negative()
    first, second, third, fourth = (shifted.constant(entry) for entry in table)
    return upper.choose(odd.choose(fourth, third), odd.choose(second, first))


def near(x: Real) -> Mask:
    """Return where |x| ≤ ``FAR`` or x is NaN; asked in this form, the selection is fused with the operation before."""
    return x.magnitude().within(FAR[x.format.width])


@native("exp", *ELEMENTARY)
def exp(builder: Value, x: Value) -> Value:
    """Write e^x."""
    number = Real(builder, x)
    limit = (number > 0.0).choose(number.constant(math.inf), 0.0)
    return near(number).choose(exponential(number).value(), limit).value


@native("expm1", *ELEMENTARY)
def expm1(builder: Value, x: Value) -> Value:
    """Write e^x − 1 = 2ⁿ(e^r − 1) + (2ⁿ − 1).

    With 2ⁿ = a/b it is (a·(e^r − 1) + (a − b))/b. The rest r enters as ``high``, which is exact, and ``low`` among the
    small terms, so that the cancellation at n = 1 and n = −1 finds no rounded r.
    """
    number = Real(builder, x)
    reduced = reduce(number)
    half, other = _halves(reduced.shifted, 1)
    a, b = power_of_two(half), power_of_two(-other)
    small = _beyond_linear(reduced)
    found = small.times(a, plus=reduced.high.times(a, plus=a - b)) * power_of_two(other)
    limit = (number > 0.0).choose(number.constant(math.inf), -1.0)
    found = near(number).choose(found, limit)
    return found.signed_as(number).value  # −0 stays


def _beyond_linear(reduced: Reduced) -> Real:
    """Return e^r − 1 − ``high``: the terms of e^r from r² on, and −``low``."""
    r = reduced.r
    numbers = (0.5, *LESS_ONE[r.format.width])
    square = r * r
    lower = polynomial(r, numbers[:4]).times(square, plus=-reduced.low)
    return polynomial(r, numbers[4:]).times(square * (square * square), plus=lower)
