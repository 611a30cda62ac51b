"""Quantiles of the normal distribution and of Student's t, without SciPy.

The tail of Student's t beyond ±q is I_x(ν/2, 1/2), the regularised incomplete beta function, with x = ν/(ν + q²).
"""

from __future__ import annotations

import math
from functools import lru_cache

import mpmath as mp

from steepest.errors import InferenceError
from steepest.messages.numbers import confidence_level
from steepest.messages.sentences import in_python

_DIGITS = 30  # of the arithmetic; the results are rounded to float64
_MANY = 20_000.0  # degrees of freedom from which three terms of the expansion are exact to rounding
_STEPS = 100


def check_level(level: float) -> float:
    """Return a confidence level as it was given.

    Raises:
        InferenceError: it is not between 0 and 1.
    """
    return confidence_level(level, InferenceError)


@lru_cache(maxsize=256)
def normal_quantile(level: float) -> float:
    """Return q with P(−q ≤ Z ≤ q) = level for a standard normal Z: √2 erf⁻¹(level).

    >>> round(normal_quantile(0.95), 10)
    1.9599639845

    Source: definition; Abramowitz and Stegun 1964, 7.1.22.
    """
    check_level(level)
    with mp.workdps(_DIGITS):
        return float(mp.sqrt(2) * mp.erfinv(mp.mpf(level)))


@lru_cache(maxsize=256)
def t_quantile(level: float, freedom: float) -> float:
    """Return q with P(−q ≤ T ≤ q) = level for Student's t with ``freedom`` degrees of freedom, any positive number.

    Newton's method on the logarithm of the tail as a function of log q, which is nearly straight for few degrees of
    freedom, from the normal quantile; for many the expansion in 1/ν.

    >>> round(t_quantile(0.95, 10), 10)
    2.228138852

    Source: Abramowitz and Stegun 1964, 26.5.27 (the tail), 26.7.5 (the expansion).
    """
    check_level(level)
    if not freedom > 0:
        raise InferenceError(f"Student's t has a positive number of degrees of freedom, not {in_python(freedom)}")
    z = normal_quantile(level)
    if freedom >= _MANY:
        return _expanded(z, freedom)
    with mp.workdps(_DIGITS):
        v, wanted = mp.mpf(freedom), mp.log(1 - mp.mpf(level))
        s = mp.log(mp.mpf(z))
        for _ in range(_STEPS):
            q = mp.exp(s)
            tail = mp.betainc(v / 2, 0.5, 0, v / (v + q**2), regularized=True)
            slope = -2 * q * _density(q, v) / tail
            step = (mp.log(tail) - wanted) / slope
            s -= step
            if abs(step) < mp.mpf(10) ** -18:
                break
        return float(mp.exp(s))


def _density(q: mp.mpf, v: mp.mpf) -> mp.mpf:
    """Return the density of Student's t at q."""
    scale = mp.exp(mp.loggamma((v + 1) / 2) - mp.loggamma(v / 2)) / mp.sqrt(v * mp.pi)
    return scale * (1 + q**2 / v) ** (-(v + 1) / 2)


def _expanded(z: float, freedom: float) -> float:
    """Return the quantile by three terms of its expansion in 1/ν about the normal quantile z."""
    if math.isinf(freedom):
        return z
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / freedom ** (k + 1) for k, term in enumerate(terms))
