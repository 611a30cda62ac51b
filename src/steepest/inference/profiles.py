"""Profiles of the deviance: the smallest one for each value of a parameter, and the intervals they give.

With D(θ_k) the smallest deviance over the other parameters and D̂ the smallest of all, τ(θ_k) = ±√(D(θ_k) − D̂) is a
straight line (θ_k − θ̂_k)/se if the model is linear in its parameters. The interval holds the values with |τ| ≤ q for
a quantile q of Student's t or the normal distribution.

Source: Bates and Watts 1988, chapter 6, for least squares; Venzon and Moolgavkar 1988, for likelihoods.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from steepest.errors import InferenceError
from steepest.inference.fitted import Fitted
from steepest.inference.information import Estimation
from steepest.training.parameter_vector import Matrix, Vector

_EXPANSIONS = 60
_GROWTH = 4.0  # factor by which a step outwards may grow
_ENDLESS = 1e8  # standard errors from which on a profile counts as never reaching the quantile
_STEPS = 200  # of the search for a root
_CLOSE = 1e-10  # of a root, as a share of its distance from the estimate and of the quantile
_LOWER = 1e-6  # decrease of the deviance that rounding does not explain


@dataclass(frozen=True, eq=False)
class Profile:
    """The profile of a parameter, as a curve.

    Attributes:
        label: the parameter.
        values: the values of the parameter, ascending, ``(m,)``, in its unit.
        deviations: τ at each, ``(m,)``; without unit.
        params: all parameters at each, ``(m, p)``.
        interval: the ends of the interval of the level that was asked for.
    """

    label: str
    values: Vector
    deviations: Vector
    params: Matrix
    interval: tuple[float, float]


@dataclass(frozen=True, eq=False)
class _Point:
    """A value of the parameter, its |τ|, and all parameters there."""

    value: float
    deviation: float
    flat: Vector


class Profiles:
    """The profiles of the parameters of a fit.

    Args:
        estimation: the cost around its estimates.
        fitted: the fit.
        covariance: the covariance of the estimates, ``(p, p)``.
        quantile: q as a function of the level.
    """

    def __init__(
        self, estimation: Estimation, fitted: Fitted, covariance: Matrix, quantile: Callable[[float], float]
    ) -> None:
        self._estimation, self._fitted, self._covariance = estimation, fitted, covariance
        self._quantile = quantile

    @cached_property
    def _lowest(self) -> tuple[Vector, float]:
        """The parameters at the minimum, and the deviance there."""
        return self._estimation.minimised(self._fitted.estimate, np.ones(len(self._fitted.estimate), bool))

    def interval(self, k: int, level: float) -> tuple[float, float]:
        """Return the ends of the interval of the k-th parameter; infinite where the profile stays below the quantile.

        Raises:
            InferenceError: the profile leads to a lower cost than that of the estimates.
        """
        q = self._quantile(level)
        if not self._covariance[k, k]:
            value = float(self._fitted.estimate[k])
            return value, value
        return self._end(k, -1, q), self._end(k, 1, q)

    def curve(self, k: int, level: float, points: int) -> Profile:
        """Return the profile of the k-th parameter over its interval of a level, or three standard errors beyond."""
        ends = self.interval(k, level)
        flat, _ = self._lowest
        middle = _Point(float(flat[k]), 0.0, flat)
        error = math.sqrt(self._covariance[k, k])
        sides = []
        for side, end in zip((-1, 1), ends, strict=True):
            far = end if math.isfinite(end) else middle.value + side * 3 * self._quantile(level) * error
            walked, point = [], middle
            for value in np.linspace(middle.value, far, points + 1)[1:]:
                point = self._at(k, float(value), point)
                walked.append(point)
                if not math.isfinite(point.deviation):
                    break
            sides.append(walked)
        found = [*sides[0][::-1], middle, *sides[1]]
        return Profile(
            self._fitted.vector.labels[k],
            np.array([point.value for point in found]),
            np.array([math.copysign(point.deviation, point.value - middle.value) for point in found]),
            np.array([point.flat for point in found]),
            ends,
        )

    def _at(self, k: int, value: float, near: _Point) -> _Point:
        """Return the profile at a value of the k-th parameter, searched for from a point nearby.

        Raises:
            InferenceError: the cost is lower than that of the estimates.
        """
        free = np.arange(len(near.flat)) != k
        along = near.flat + self._covariance[:, k] * ((value - near.value) / self._covariance[k, k])
        held = near.flat.copy()
        along[k] = held[k] = value
        starts = {True: along, False: held}
        deviances = {key: self._estimation.deviance(start) for key, start in starts.items()}
        straight = not deviances[True] > deviances[False] and math.isfinite(deviances[True])
        flat, deviance = self._estimation.minimised(starts[straight], free)
        gained = self._lowest[1] - deviance
        if gained > _LOWER * max(1.0, abs(self._lowest[1])):
            better = ", ".join(f"{name} = {x:.6g}" for name, x in zip(self._fitted.vector.labels, flat, strict=True))
            raise InferenceError(
                f"the estimates are at no minimum: a profile found a lower cost at {better}; fit again from there"
            )
        return _Point(value, math.sqrt(max(-gained, 0.0)) if math.isfinite(gained) else math.inf, flat)

    def _end(self, k: int, side: int, q: float) -> float:
        """Return the end of the interval below (side −1) or above (1) the estimate."""
        flat, _ = self._lowest
        middle = inside = _Point(float(flat[k]), 0.0, flat)
        error = math.sqrt(self._covariance[k, k])
        step = q * error
        for _ in range(_EXPANSIONS):
            point = self._at(k, inside.value + side * step, inside)
            if not point.deviation < q:
                return self._crossing(k, middle, inside, point, q)
            if abs(point.value - middle.value) > _ENDLESS * error:
                break
            rise = (point.deviation - inside.deviation) / step
            wanted = 1.05 * (q - point.deviation) / rise if rise > 0 else math.inf
            step, inside = min(max(wanted, 0.1 * step), _GROWTH * step), point
        return side * math.inf

    def _crossing(self, k: int, middle: _Point, inside: _Point, outside: _Point, q: float) -> float:
        """Return where |τ| is q between two points, by secants that keep the root between them.

        Infinite if the cost is not finite beyond a point at which |τ| is still below q.

        Source: Dowell and Jarratt 1971, A modified regula falsi method (the Illinois rule).
        """
        low, high = inside.deviation - q, outside.deviation - q
        side = math.copysign(1, outside.value - middle.value)
        for _ in range(_STEPS):
            width = outside.value - inside.value
            if abs(width) <= _CLOSE * abs(outside.value - middle.value):
                break
            share = -low / (high - low) if math.isfinite(high) else 0.5
            point = self._at(k, inside.value + min(max(share, 1e-3), 1 - 1e-3) * width, inside)
            if abs(point.deviation - q) <= _CLOSE * q:
                return point.value
            if point.deviation < q:
                inside, low, high = point, point.deviation - q, high / 2
            else:
                outside, high, low = point, point.deviation - q, low / 2
        return inside.value if math.isfinite(outside.deviation) else side * math.inf
