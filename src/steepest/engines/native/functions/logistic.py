"""tanh x, the logistic function σ(x) = 1/(1 + e^-x) and softplus log(1 + e^x).

All start from the pieces of the exponential function, before these are joined: 1 + e^y, scaled by a power of two, is a
single rounding away from the polynomial, and is ready as soon as e^y would be.

Errors: tanh less than 1.4 ulp in float64 and 1.5 in float32, σ and softplus less than 1.7 and 1.9.

Sources: as for the exponential function; J.-M. Muller, Elementary Functions, 3rd ed., 2016, chapter 11.
"""

from __future__ import annotations

from steepest.engines.native.functions.coefficients import TANGENT
from steepest.engines.native.functions.elementwise import ELEMENTARY, native
from steepest.engines.native.functions.exponential import exponential, near, power_of_two
from steepest.engines.native.functions.logarithm import log_one_plus
from steepest.engines.native.functions.vectors import Real, polynomial
from steepest.engines.native.llvm.code import Value

SMALL = 0.55
"""Up to here tanh x is a polynomial; tanh 0.55 is a little more than ½."""

_ONE = {64: 20.0, 32: 10.0}  # from here on tanh x is 1


@native("sigmoid", *ELEMENTARY)
def sigmoid(builder: Value, x: Value) -> Value:
    """Write σ(x) = 2^-k/(2^-k·(1 + e^-x)).

    k is about half the exponent of e^-x, so that nothing overflows; the numerator is exact, and the quotient is rounded
    once, be it denormal or not. The form is good for both signs: there is nothing to choose between.
    """
    number = Real(builder, x)
    decay = exponential(-number)
    positive = number > 0.0
    found = power_of_two(-decay.other) / decay.plus_power(below_one=positive)
    return near(number).choose(found, positive.choose(number.constant(1.0), 0.0)).value


@native("tanh", *ELEMENTARY)
def tanh(builder: Value, x: Value) -> Value:
    """Write tanh x = ±(1 − 2/(1 + e^2|x|)), or x + x³·T(x²) where that would cancel.

    T is a minimax polynomial with 11 terms in float64 and 5 in float32, of error below 0.04 ulp.
    """
    number = Real(builder, x)
    form = number.format
    size = number.magnitude()
    one = number.constant(1.0).signed_as(number)
    growth = exponential(size + size)
    twice = number.constant(2.0).signed_as(number) * power_of_two(-growth.other)
    square = number * number
    small = (polynomial(square, TANGENT[form.width]) * square).times(size, plus=size).signed_as(number)
    # The two easy cases are joined first: the last choice then waits for the quotient alone, and is part of the sum.
    easy = (size < 1.0).choose(small, one)
    hard = ~(size < SMALL) & size.within(_ONE[form.width])
    return hard.choose(one - twice / growth.plus_power(), easy).value


@native("softplus", *ELEMENTARY)
def softplus(builder: Value, x: Value) -> Value:
    """Write log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)."""
    number = Real(builder, x)
    size = number.magnitude()
    decay = near(number).choose(exponential(-size).value(), 0.0)
    positive = (number <= 0.0).choose(number.constant(0.0), number)  # NaN stays
    return (log_one_plus(decay) + positive).value
