"""arctan x.

Reduction: arctan|x| = arctan c + arctan t with t = (|x| − c)/(1 + c|x|), where c is 0, ½, 1 or ∞, for which t = −1/|x|
(DLMF 4.24.15). |x| − c and c·|x| are exact. |t| is at most 0.42, and below x = 1 at most 0.17 where it is rounded, so
that the rounding is little. The value is t + t³·T(t²) with arctan c added in two parts; T is a minimax polynomial with
11 terms in float64 and 5 in float32, of error below 0.06 ulp.

Errors: less than 0.95 ulp.

Sources: W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980, for the reduction; that of several
centres is described in J.-M. Muller, Elementary Functions, 3rd ed., 2016, chapter 11.
"""

from __future__ import annotations

from steepest.engines.native.functions.coefficients import ARC_TANGENT
from steepest.engines.native.functions.elementwise import ELEMENTARY, native
from steepest.engines.native.functions.vectors import Real, polynomial
from steepest.engines.native.llvm.code import Value

HALF, ONE, FAR = 0.42, 0.72, 2.4
"""From where on |x| is nearest to ½, 1 and ∞; 0.72 and 2.4 are about tan of the middles of their arctangents."""

ANGLES = {
    64: (
        (0.4636476090008061, 2.2698777452961687e-17),
        (0.7853981633974483, 3.061616997868383e-17),
        (1.5707963267948966, 6.123233995736766e-17),
    ),
    32: (
        (0.46364760398864746, 5.012158655276756e-09),
        (0.7853981852531433, -2.1855695000931213e-08),
        (1.5707963705062866, -4.3711390001862426e-08),
    ),
}
"""arctan of ½, 1 and ∞ by the bits of the precision, each rounded, and what the rounding takes from it."""


@native("arctan", *ELEMENTARY)
def arctan(builder: Value, x: Value) -> Value:
    """Write arctan x; ±π/2 at ±∞. NaN is nowhere far, and stays NaN."""
    number = Real(builder, x)
    width = number.format.width
    size = number.magnitude()
    from_half, from_one, far = size >= HALF, size >= ONE, size > FAR
    zero = number.constant(0.0)

    def chosen(half: float, one: float) -> Real:
        return from_one.choose(number.constant(one), from_half.choose(number.constant(half), zero))

    centre = chosen(0.5, 1.0)
    t = far.choose(number.constant(-1.0), size - centre) / far.choose(size, size.times(centre, plus=1.0))
    parts = zip(*ANGLES[width], strict=True)
    high, low = (far.choose(number.constant(right), chosen(half, one)) for half, one, right in parts)
    square = t * t
    rest = (polynomial(square, ARC_TANGENT[width]) * square).times(t, plus=low)
    return (high + (t + rest)).signed_as(number).value
