"""Judge a number against the derivative, known in higher precision or from finite differences with an error bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.checking.finite_differences import Difference
from steepest.checking.precise import mp
from steepest.checking.report import CORRECT, INCONCLUSIVE, KINK, WRONG
from steepest.checking.slopes import Slope

_BARS = 5  # error bars; estimates of error bars are themselves wrong by a factor of two or three
_RESOLVED = 3e-5  # a wider tolerance, as a share of the derivative, would hide faults of 0.01 %
_RESOLVED_IN_SINGLE = 5e-3  # differences in float32 have two or three digits
_SINGLE = 1e-8
_SLACK = 4  # bounds of round-off hold to first order
_SMALLEST = 2e-323  # a few units of the smallest double, by which results that underflow may be off
_BELOW_SMALLEST = mp.ldexp(1, -1085)

HIDDEN = "round-off hides the derivative; choose a point where it is larger"
NOT_FINITE = "the cost is not finite at or near this point; choose another point"


@dataclass(frozen=True)
class Given:
    """A number under test.

    Attributes:
        value: the number.
        round_off: a bound of the round-off of the sums that lead to it.
        exact: the same by its formula in higher precision; None if it is no formula, or the formula gives no number.
        unit: the relative precision in which it was computed.
        terms: the sum of the magnitudes of its terms, for a direction; 0 for an element.
    """

    value: float
    round_off: float = 0.0
    exact: Any = None
    unit: float = 2.0**-52
    terms: float = 0.0

    def tolerance(self, size: float) -> float:
        """Return how far it may be off if it is right."""
        known = self.round_off if np.isfinite(self.round_off) else 0.0
        return _SLACK * known + (2**22 if self.unit < _SINGLE else 2**10) * self.unit * size + _SMALLEST


@dataclass(frozen=True)
class Judgement:
    """A verdict, the figures that decided it, and a reason."""

    verdict: str
    against: Difference
    detail: str = ""


def by_slope(given: Given, slope: Slope, where: str) -> Judgement:
    """Judge a number by the one-sided derivatives; ``where`` names the kink, if there is one."""
    if slope.jumps:
        return _at_kink(given.value, slope, where, given.tolerance)
    true = slope.value
    if mp.isnan(true):
        return Judgement(INCONCLUSIVE, Difference(np.nan, np.inf, 0.0), "the cost has no values beside this point")
    near = float(true)
    rounding = abs(near) * 2.0**-53 if np.isfinite(near) else 0.0  # of the derivative as it is shown
    against = Difference(near, max(float(slope.error), rounding), 0.0)
    if given.value == near:
        # Infinite, if the derivative is beyond the range of doubles.
        return Judgement(CORRECT, against) if given.exact is None else _formula(given, slope, against, 0.0)
    if not np.isfinite(given.value):
        return Judgement(WRONG, against, "the partial derivative is not a finite number")
    if not np.isfinite(near):
        return Judgement(WRONG, against, "the derivative is beyond the range of floating-point numbers")
    tolerance = given.tolerance(abs(near)) + float(slope.error)
    if given.exact is not None:
        return _formula(given, slope, against, tolerance)
    if abs(given.value - near) > tolerance:
        return Judgement(WRONG, against)
    vanishes = abs(near) <= float(slope.error)
    if vanishes or tolerance <= (_RESOLVED if given.unit < _SINGLE else _RESOLVED_IN_SINGLE) * abs(near):
        return Judgement(CORRECT, against)
    return Judgement(INCONCLUSIVE, against, HIDDEN)


def _formula(given: Given, slope: Slope, against: Difference, tolerance: float) -> Judgement:
    """Judge a formula by its value in higher precision, and then its value in doubles."""
    true = slope.value
    if abs(given.exact - true) > mp.ldexp(abs(true), -40) + 4 * slope.error + _BELOW_SMALLEST:
        return Judgement(WRONG, against)
    if abs(given.value - against.value) <= tolerance or given.value == against.value:
        far = abs(given.value - against.value) > 1e-6 * abs(against.value)
        return Judgement(CORRECT, against, "the formula is right; its value is within round-off" if far else "")
    if not np.isfinite(given.round_off):
        return Judgement(INCONCLUSIVE, against, "the formula is right, but round-off hides its value here")
    return Judgement(WRONG, against, "the formula is right, but its floating-point value is not")


def _at_kink(value: float, slope: Slope, where: str, tolerance: Any) -> Judgement:
    low, high = slope.bounds()
    size = max((abs(side) for side in (low, high) if np.isfinite(side)), default=0.0)
    slack = tolerance(size)
    middle = (low + high) / 2 if np.isfinite([low, high]).all() else (low if np.isinf(low) else high)
    against = Difference(middle, (high - low) / 2 if np.isfinite([low, high]).all() else np.inf, 0.0)
    if low == high or (np.isinf(low) and low == high):
        sides = f"is {low:z.10g} on both sides of a jump" if np.isfinite(low) else "is infinite"
    else:
        sides = f"jumps from {float(slope.left):z.10g} to {float(slope.right):z.10g}"
    if low - slack <= value <= high + slack:
        return Judgement(KINK, against, f"the slope {sides} at {where}")
    return Judgement(WRONG, against, f"the slope {sides} at {where}, and the gradient is neither of them nor between")


def agrees(given: Given, found: Difference) -> bool | None:
    """Return whether a number is the derivative by differences; None if the error bar is too wide to tell."""
    if not np.isfinite([given.value, found.value, found.error]).all():
        return None
    size = max(abs(given.value), abs(found.value), given.terms)
    tolerance = _BARS * found.error + given.tolerance(size) + 1e-9 * size
    if abs(given.value - found.value) > tolerance:
        return False
    return True if tolerance <= (_RESOLVED if given.unit < _SINGLE else _RESOLVED_IN_SINGLE) * size else None
