"""Which costs lines of equal cost are drawn at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_LEVELS = 14
_FEW = 0.1  # of the way up: a median below this, or near to the top, asks for other distances
_STEEP = 30.0  # times the distance from lowest to median, beyond which costs share the last colour


@dataclass(frozen=True)
class Levels:
    """Costs at which lines are drawn.

    Attributes:
        heights: increasing.
        capped: whether costs lie above the last one.
        power: how the distances grow: height k of n is the share (k/n)^power of the way up.
    """

    heights: Array
    capped: bool
    power: float

    def shares(self, costs: Array) -> Array:
        """Where costs lie between the first level, 0, and the last, 1, with even steps from level to level."""
        low, top = float(self.heights[0]), float(self.heights[-1])
        found: Array = np.clip((costs - low) / (top - low), 0, 1) ** (1 / self.power)
        return found


def levels(costs: Array, number: int = _LEVELS) -> Levels:
    """Levels from the lowest cost upwards, ever further apart, so that rings around a quadratic minimum are even.

    Where hardly any costs are low, or hardly any high, the distances grow so that the middle level is the median.

    Args:
        costs: a grid; what is not finite is left out.
        number: of levels.

    >>> levels(np.array([[0.0, 1.0], [4.0, 9.0]]), 4).heights
    array([0., 1., 4., 9.])
    """
    finite = costs[np.isfinite(costs)]
    low, high, median = float(finite.min()), float(finite.max()), float(np.median(finite))
    capped = 0 < _STEEP * (median - low) < high - low
    top = low + _STEEP * (median - low) if capped else high
    if not top - low > 1e-12 * max(abs(low), abs(top), 1e-290):  # a plain has no lines
        return Levels(np.array([low, low + max(abs(low), 1.0) * 1e-3]), False, 1.0)
    middle = (median - low) / (top - low)
    usual = _FEW <= middle <= 0.65
    power = 2.0 if usual else float(np.clip(np.log(max(middle, 1e-9)) / np.log(0.5), 0.1, 5.0))
    return Levels(low + (top - low) * np.linspace(0, 1, number) ** power, capped, power)


def thinned(along: Array, most: int) -> Array:
    """Indices of at most so many evenly spaced places, the first and the last among them."""
    return np.unique(np.round(np.linspace(0, len(along) - 1, min(most, len(along)))).astype(int))
