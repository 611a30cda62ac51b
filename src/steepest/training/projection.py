"""Searches within bounds: points along a direction, projected to the limits, and directions that keep to them.

The points P(x + t d), where P moves each parameter to the nearest value within its limits, form an arc of straight
pieces: it bends where a parameter reaches a limit, and stays there with this parameter. Without limits it is a ray.

Source: Bertsekas 1976, On the Goldstein–Levitin–Polyak gradient projection method, for the arc and Armijo's rule along
it; Bertsekas 1982, Projected Newton methods for optimization problems with simple constraints, for two metrics, one for
the free parameters and a diagonal one for those that reach a limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steepest.training.parameter_vector import Vector

Limits = tuple[Vector, Vector] | None
"""The lowest and the highest value of each parameter; None without bounds."""

# Nocedal and Wright 2006, eq. 3.6a: small, since almost any decrease is accepted.
ARMIJO_C1 = 1e-4
MIN_CURVATURE = 1e-10
"""The cosine of step and gradient change below which round-off decides the sign of the curvature."""


@dataclass(frozen=True)
class Point:
    """Cost and gradient at some parameters, with signs such that the cost is minimised."""

    params: Vector
    cost: float
    gradient: Vector


@dataclass(frozen=True)
class Trial:
    """A point of an arc.

    Attributes:
        distance: t of P(x + t d).
        point: the point.
        slope: the derivative of the cost along the arc; the one towards larger distances where the arc bends.
        enough: the cost from which on the decrease is sufficient.
        moving: how many parameters have not reached a limit.
    """

    distance: float
    point: Point
    slope: float
    enough: float
    moving: int

    @property
    def decreases(self) -> bool:
        """Whether the condition of sufficient decrease is satisfied; see :class:`Arc`."""
        return self.point.cost <= self.enough


class Arc:
    """The points along a direction, projected to the limits.

    The decrease is sufficient if the cost is at most f(x) + c₁ gᵀ(P(x + t d) − x) and below f(x).

    Args:
        evaluate: returns cost and gradient at parameters.
        start: the point x.
        direction: d, which at no limit points beyond it.
        limits: of the parameters.
    """

    def __init__(
        self, evaluate: Callable[[Vector], Point], start: Point, direction: Vector, limits: Limits = None
    ) -> None:
        self._evaluate, self._direction, self._limits = evaluate, direction, limits
        self.start = Trial(0.0, start, float(start.gradient @ direction), start.cost, len(direction))

    def trial(self, distance: float) -> Trial:
        """Return the point at a distance."""
        start, direction = self.start.point, self._direction
        params = start.params + distance * direction
        if self._limits is None:
            moving, wanted = len(params), ARMIJO_C1 * distance * self.start.slope
            point = self._evaluate(params)
        else:
            projected = np.clip(params, *self._limits)
            wanted = ARMIJO_C1 * float(start.gradient @ (projected - start.params))
            direction = np.where(projected == params, direction, 0.0)
            moving, point = int((projected == params).sum()), self._evaluate(projected)
        enough = min(start.cost + wanted, np.nextafter(start.cost, -np.inf))
        return Trial(distance, point, float(point.gradient @ direction), float(enough), moving)


def free_at(params: Vector, gradient: Vector, limits: Limits) -> NDArray[np.bool_]:
    """Return which parameters can move: not those at a limit beyond which the cost falls.

    >>> free_at(np.zeros(3), np.array([1.0, -1.0, 0.0]), (np.zeros(3), np.ones(3)))
    array([False,  True,  True])
    """
    if limits is None:
        return np.ones(len(params), bool)
    low, high = limits
    return ~(((params <= low) & (gradient > 0)) | ((params >= high) & (gradient < 0)))


def quasi_newton(point: Point, moves: NDArray[np.float64], limits: Limits) -> Vector:
    """Return the direction of L-BFGS, from curvatures of the parameters that are free.

    Parameters at a limit beyond which the cost falls stay. The others take the step of their own curvatures; where it
    leads beyond a limit, the rest of it need not go downhill any more, as the step is one for all of them. If so, these
    parameters are sent to the limit by themselves, and the others take the step of the curvatures that are left.

    Args:
        point: where it begins.
        moves: for each move the change of the parameters and that of the gradient, ``(moves, 2, p)``.
        limits: of the parameters.
    """
    if limits is None:
        return -two_loops(point.gradient, moves)
    x, g = point.params, point.gradient
    free, direction = free_at(x, g, limits), np.zeros(len(g))
    while True:
        direction[free] = -two_loops(g[free], _curved(moves[:, :, free]))
        end = np.clip(x + direction, *limits)
        within = free & (end == x + direction)
        if (within == free).all() or g[within] @ direction[within] < 0:
            break
        apart = free & ~within
        direction[apart] = np.where(g * (end - x) < 0, end - x, 0.0)[apart]
        free = within
    found: Vector = np.where(end == x, 0.0, direction)
    return found


def _curved(moves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the moves whose curvature is positive beyond round-off, which a part of a move need not have."""
    s, y = moves[:, 0], moves[:, 1]
    sizes = np.linalg.norm(s, axis=1) * np.linalg.norm(y, axis=1)
    kept: NDArray[np.float64] = moves[np.sum(s * y, axis=1) > MIN_CURVATURE * sizes]
    return kept


def two_loops(gradient: Vector, moves: NDArray[np.float64]) -> Vector:
    """Return the estimated inverse Hessian times the gradient, by the two-loop recursion.

    Source: Nocedal and Wright 2006, algorithm 7.4 and eq. 7.20.
    """
    q, shares = gradient.copy(), []
    for s, y in moves[::-1]:
        share = (s @ q) / (s @ y)
        shares.append(share)
        q -= share * y
    if len(moves):
        s, y = moves[-1]
        q *= (s @ y) / (y @ y)
    for (s, y), share in zip(moves, reversed(shares), strict=True):
        q += s * (share - (y @ q) / (s @ y))
    return q
