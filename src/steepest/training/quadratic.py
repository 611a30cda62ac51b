"""Quadratic models of a cost around a point, and their minimum within a trust region.

With D a diagonal matrix of scales, so that units of parameters do not matter, the cost is modelled as
c(θ + p) ≈ c − g·q + ½ Σ_k h_k q_k², where q = −V D p are coordinates along the principal axes V of the curvature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steepest.training.parameter_vector import Matrix, Vector

_WITHIN = 0.1  # the length of a step may differ from the radius by this share (Moré 1978, section 5)
_TRIALS = 100  # of the damping; a bracket shrinks by a factor of two at least
_EPS = float(np.finfo(float).eps)
_FLAT, _LEVEL = 1e-13, 1e-8  # of the largest curvature and slope
_TINY = 1e-150  # whose square is still a normal number


@dataclass(frozen=True)
class Quadratic:
    """A quadratic model of a cost.

    Attributes:
        scales: D, positive.
        curvatures: h, the second derivatives along the axes.
        slopes: g, the decrease of the cost along the axes to first order.
        axes: V, one axis a row.
    """

    scales: Vector
    curvatures: Vector
    slopes: Vector
    axes: Matrix

    def step(self, radius: float) -> tuple[Vector, float, float]:
        """Return the step p that minimises the model over |D p| ≤ radius, the decrease it predicts, and |D p|.

        Source: Moré and Sorensen 1983, Computing a trust region step; with the eigenvectors at hand, the damping λ is
        found by Newton's method on 1/|D p| (Hebden 1973), and the hard case by a move along the lowest axis.
        """
        lowest = float(self.curvatures.min(initial=math.inf))
        bound = max(-lowest, 0.0)
        coordinates = self._at(0.0) if lowest > 0 else None
        if coordinates is None or np.linalg.norm(coordinates) > (1 + _WITHIN) * radius:
            damping, coordinates = self._damped(bound, radius)
            if lowest <= 0 and np.linalg.norm(coordinates) < (1 - _WITHIN) * radius and damping <= bound * (1 + 1e-6):
                k = int(self.curvatures.argmin())
                rest = max(radius**2 - float(coordinates @ coordinates), 0.0)
                coordinates[k] += math.copysign(math.sqrt(rest), self.slopes[k] or 1.0)
        decrease = float(self.slopes @ coordinates - 0.5 * np.sum(self.curvatures * coordinates**2))
        return -(coordinates @ self.axes) / self.scales, decrease, float(np.linalg.norm(coordinates))

    def _at(self, damping: float) -> Vector:
        below = self.curvatures + damping
        return np.where(self.slopes != 0, self.slopes / np.where(below > 0, below, 1e-300), 0.0)

    def _damped(self, bound: float, radius: float) -> tuple[float, Vector]:
        """Return the damping λ ≥ bound at which the step has the length of the radius, and its coordinates."""
        low, high = bound, bound + float(np.linalg.norm(self.slopes)) / radius
        damping = low + 0.001 * (high - low)
        coordinates = self._at(damping)
        for _ in range(_TRIALS):
            length = float(np.linalg.norm(coordinates))
            if abs(length - radius) <= _WITHIN * radius or high - low <= _EPS * high:
                break
            low, high = (damping, high) if length > radius else (low, damping)
            slope = float(np.sum(coordinates**2 / np.maximum(self.curvatures + damping, 1e-300))) / max(length, 1e-300)
            damping += (length - radius) / radius * length / slope if slope > 0 else 0.0
            if not low < damping < high:
                damping = low + max(
                    math.sqrt(max(low - bound, 0.0) * (high - bound)) - (low - bound), 0.001 * (high - low)
                )
            coordinates = self._at(damping)
        return damping, coordinates

    def predicted(self, step: Vector) -> float:
        """Return the decrease of the cost that the model predicts for a step."""
        coordinates = -self.axes @ (self.scales * step)
        return float(self.slopes @ coordinates - 0.5 * np.sum(self.curvatures * coordinates**2))

    def spread(self, free: NDArray[np.bool_], scales: Vector) -> Quadratic:
        """Return the model for all parameters, of which only some are free to move, in terms of which this one is."""
        if free.all():
            return self
        whole = _safe(scales)
        whole[free] = self.scales
        axes = np.zeros((len(self.slopes), len(free)))
        axes[:, free] = self.axes
        return Quadratic(whole, self.curvatures, self.slopes, axes)

    def sloping(self, gradient: Vector) -> Quadratic:
        """Return the model with the same curvatures and the slopes of a gradient, ``(p,)``."""
        return Quadratic(self.scales, self.curvatures, self.axes @ (gradient / self.scales), self.axes)

    @property
    def steepness(self) -> float:
        """The norm of the gradient, in the units of the parameters."""
        return float(np.linalg.norm(self.scales * (self.slopes @ self.axes)))

    @property
    def decrement(self) -> float:
        """The decrease of the cost that a full step predicts; ∞ if a slope along an axis is not curved upwards."""
        flat = self.curvatures <= 0
        if np.any(self.slopes[flat] != 0):
            return math.inf
        safe = np.where(flat, 1.0, self.curvatures)
        return 0.5 * float(np.sum(self.slopes**2 / safe))


def _safe(scales: Vector) -> Vector:
    """Return scales with 1 in place of 0."""
    return np.where(scales > 0, scales, 1.0)


def of_squares(residuals: Vector, jacobian: Matrix, scales: Vector) -> Quadratic:
    """Return the model of |r|² that Gauss–Newton uses, |r + J p|², by a factorisation that keeps the digits of J.

    JᵀJ would lose half of them. Axes along which no residual changes are left out.

    Args:
        residuals: r, ``(m,)``.
        jacobian: J, ``(m, p)``.
        scales: the largest norms so far of the columns of J, ``(p,)``.

    Source: Moré 1978, section 3; Nocedal and Wright 2006, section 10.3; Cox and Higham 1998, Stability of Householder
    QR factorization for weighted least squares problems, for the order of the columns.
    """
    if not jacobian.shape[1]:
        return Quadratic(_safe(scales), np.zeros(0), np.zeros(0), np.zeros((0, 0)))
    norms = np.linalg.norm(jacobian, axis=0)
    safe = _safe(np.maximum(scales, norms))
    powers = np.exp2(np.round(np.log2(safe)))  # divisions by powers of two are exact, and J keeps all its digits
    order = np.argsort(-norms)  # large columns first, as by pivoting: small rows then keep their digits
    q, r = np.linalg.qr((jacobian / powers)[:, order])
    u, s, v = np.linalg.svd(r * (powers / safe)[order])
    v[:, order] = v.copy()
    kept = s > max((s[0] if s.size else 0.0) * _EPS * max(jacobian.shape), _TINY)
    axes = v[: len(s)][kept]
    slopes = s[kept] * ((q.T @ residuals) @ u)[kept]
    return Quadratic(safe, 2 * s[kept] ** 2, 2 * slopes, axes)


def of_hessian(gradient: Vector, hessian: Matrix, scales: Vector) -> Quadratic:
    """Return the second-order Taylor model of a cost.

    Axes along which the cost neither curves nor slopes but for round-off are left out, as those of a softmax, whose
    scores can all be raised together.

    Args:
        gradient: ``(p,)``.
        hessian: ``(p, p)``, symmetric.
        scales: the largest roots so far of the sizes of its diagonal, ``(p,)``.
    """
    if not len(gradient):
        return Quadratic(_safe(scales), np.zeros(0), np.zeros(0), np.zeros((0, 0)))
    scales = np.maximum(scales, np.sqrt(np.abs(np.diag(hessian))))
    safe = _safe(scales)
    h, v = np.linalg.eigh(hessian / np.outer(safe, safe))
    slopes = (gradient / safe) @ v
    flat = (np.abs(h) <= _FLAT * np.abs(h).max()) & (np.abs(slopes) <= _LEVEL * np.abs(slopes).max())
    return Quadratic(safe, h[~flat], slopes[~flat], v.T[~flat])
