"""Which costs lines of equal cost are drawn at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_LEVELS = 14
_STEEP = 30.0  # times the distance from lowest to median, beyond which costs share the last colour


def levels(costs: Array, number: int = _LEVELS) -> tuple[Array, bool]:
    """Levels from the lowest cost upwards, ever further apart, so that rings around a quadratic minimum are even.

    Args:
        costs: a grid; what is not finite is left out.
        number: of levels.

    Returns:
        The levels, increasing, and whether costs lie above the last one.

    >>> levels(np.array([[0.0, 1.0], [4.0, 9.0]]), 4)
    (array([0., 1., 4., 9.]), False)
    """
    finite = costs[np.isfinite(costs)]
    low, high = float(finite.min()), float(finite.max())
    usual = _STEEP * float(np.median(finite) - low)
    capped = 0 < usual < high - low
    top = low + usual if capped else high
    if not top - low > 1e-12 * max(abs(low), abs(top), 1e-290):  # a plain has no lines
        return np.array([low, low + max(abs(low), 1.0) * 1e-3]), False
    return low + (top - low) * np.linspace(0, 1, number) ** 2, capped


def thinned(along: Array, most: int) -> Array:
    """Indices of at most so many evenly spaced places, the first and the last among them."""
    return np.unique(np.round(np.linspace(0, len(along) - 1, min(most, len(along)))).astype(int))
