"""tanh x, the logistic function σ(x) = 1/(1 + e^-x) and softplus log(1 + e^x).

All start from the reduction of the exponential function, y = n·ln 2 + r, and never form e^y itself where a quotient
follows: with 2ⁿ = a/b, numerator and denominator are multiplied by b, and each is a single rounding away from the
polynomial. The quotient is right up to overflow and is rounded once where it is denormal.

Errors: tanh at most 1.6 ulp, σ at most 1.6 ulp, softplus at most 1.6 ulp.

Sources: as for the exponential function; J.-M. Muller, Elementary Functions, 3rd ed., 2016, chapter 11.
"""

from __future__ import annotations

import math

from steepest.engines.native.functions.coefficients import EXPONENTIAL, LESS_ONE
from steepest.engines.native.functions.exponential import FAR, exponential, reduce, series
from steepest.engines.native.functions.logarithm import log_one_plus
from steepest.engines.native.functions.vectors import Real, Value

_ONE = {64: 20.0, 32: 10.0}  # from here on tanh x is 1


def sigmoid(builder: Value, x: Value) -> Value:
    """σ(x) = e^x/(1 + e^x) = (a + a·p)/((a + b) + a·p) with e^x = a(1 + p)/b.

    There is nothing to choose between: the form is good for both signs. As x grows, b/a vanishes and the quotient
    is 1; as it falls, a/b vanishes, gradually.
    """
    number = Real(builder, x)
    reduced = reduce(number)
    p = series(reduced.r, reduced.r, EXPONENTIAL)
    a, b = reduced.quotient()
    found = p.times(a, plus=a) / p.times(a, plus=a + b)
    limit = (number > 0.0).choose(number.constant(1.0), 0.0)
    return (number.magnitude() > FAR[number.format.width]).choose(limit, found).value


def tanh(builder: Value, x: Value) -> Value:
    """tanh x = ±m/(m + 2), m = e^2|x| − 1 = a·(e^r − 1) + (a − 1), a = 2ⁿ.

    The sign is given to a and a − 1, long before the quotient needs them.
    """
    number = Real(builder, x)
    form = number.format
    size = number.magnitude()
    sign = number.bits() & form.sign
    reduced = reduce(size, times=2.0)
    small = series(reduced.r, -reduced.low, LESS_ONE)
    a = reduced.scale()
    signed = (a.bits() | sign).real(form)
    signed_less_one = ((a - 1.0).bits() ^ sign).real(form)
    numerator = small.times(signed, plus=reduced.high.times(signed, plus=signed_less_one))
    denominator = small.times(a, plus=reduced.high.times(a, plus=a + 1.0))
    limit = number.constant(1.0).signed_as(number)
    return (size > _ONE[form.width]).choose(limit, numerator / denominator).value


def softplus(builder: Value, x: Value) -> Value:
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)."""
    number = Real(builder, x)
    size = number.magnitude()
    decay = (size > FAR[number.format.width]).choose(number.constant(0.0), exponential(-size))
    positive = (number <= 0.0).choose(number.constant(0.0), number)  # NaN stays
    return (log_one_plus(decay) + positive).value
