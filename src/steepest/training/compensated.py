"""Matrix products whose sums keep the digits that cancellation would lose."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SPLIT = 2.0**27 + 1  # halves the 53 bits of a double (Dekker 1971)


def transposed_product(a: NDArray[Any], x: NDArray[Any]) -> NDArray[np.float64]:
    """Return Aᵀ x with the error of one rounding at the end, as if computed in twice the precision.

    Args:
        a: ``(m, p)``.
        x: ``(m,)``.

    Returns:
        ``(p,)`` float64.

    >>> transposed_product(np.array([[1e16], [1.0], [-1e16]]), np.ones(3))
    array([1.])

    Source: Ogita, Rump and Oishi 2005, Accurate sum and dot product, algorithms 3.1, 3.3 and 5.3, in pairs.
    """
    y = np.broadcast_to(x[:, None], a.shape)
    sums = a * y
    lost = _lost_by_product(a, y, sums).sum(axis=0)
    while len(sums) > 1:
        half = (len(sums) + 1) // 2
        first, second = sums[:half], np.zeros_like(sums[:half])
        second[: len(sums) - half] = sums[half:]
        sums = first + second
        virtual = sums - first
        lost = lost + ((first - (sums - virtual)) + (second - virtual)).sum(axis=0)
    found: NDArray[np.float64] = sums[0] + lost
    return found


def _halves(x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    scaled = _SPLIT * x
    high = scaled - (scaled - x)
    return high, x - high


def _lost_by_product(a: NDArray[Any], b: NDArray[Any], product: NDArray[Any]) -> NDArray[Any]:
    """Return a·b less its rounded value."""
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    found: NDArray[Any] = a2 * b2 - (((product - a1 * b1) - a2 * b1) - a1 * b2)
    return found
