"""Levels of contour lines, and ticks of axes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_LEVELS = 14  # lines of a picture, about as many as a column has space for
_FEW = 0.1  # of the way up: a median below this, or near to the top, asks for other distances
_STEEP = 30.0  # times the distance from lowest to median, beyond which costs share the last colour


@dataclass(frozen=True)
class Levels:
    """The levels of contour lines."""

    heights: Array  # increasing
    capped: bool  # whether costs are above the last one
    power: float  # the growth of the distances: height k of n is the share (k/n)^power of the way up

    def shares(self, costs: Array) -> Array:
        """Return positions of costs between the first level, 0, and the last, 1, evenly from level to level."""
        low, top = float(self.heights[0]), float(self.heights[-1])
        found: Array = np.clip((costs - low) / (top - low), 0, 1) ** (1 / self.power)
        return found


def levels(costs: Array, number: int = _LEVELS) -> Levels:
    """Return levels from the lowest cost upwards, ever further apart: rings around a quadratic minimum are even.

    Where hardly any costs are low, or hardly any high, the distances grow so that the middle level is the median.
    Costs that are not finite are left out.

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


_WIDE = 10.0  # how often the lowest number is in the highest where a logarithmic axis has several round numbers


def is_wide(values: Array) -> bool:
    """Return whether numbers are positive, and so far apart that a logarithmic axis has ticks to show.

    >>> is_wide(np.array([17.0, 21.7])), is_wide(np.array([0.01, 21.7])), is_wide(np.array([0.0, 5.0]))
    (False, True, False)
    """
    finite = values[np.isfinite(values)]
    return bool(len(finite)) and float(finite.min()) > 0 and float(finite.max()) >= _WIDE * float(finite.min())


def round_number(low: float, high: float) -> float:
    """Return the number from low to high with the fewest digits; of several the one nearest to the middle.

    >>> round_number(17.13, 17.9), round_number(-3.4, 2.0), round_number(0.000211, 0.000239)
    (17.5, 0.0, 0.00022)
    """
    if low <= 0 <= high:
        return 0.0
    if not low < high:
        return low
    middle = low / 2 + high / 2
    for exponent in range(int(np.floor(np.log10(max(abs(low), abs(high))))), -400, -1):
        for step in (10, 5, 2, 1):  # tens of the digit that is left away are roundest
            unit = Decimal(step).scaleb(exponent)
            if not np.isfinite(float(unit)):
                continue
            first, last = np.ceil(low / float(unit)), np.floor(high / float(unit))
            if first <= last:
                return float(Decimal(int(np.clip(np.round(middle / float(unit)), first, last))) * unit)
    return middle


def ticks(lines: Levels, number: int = 5) -> list[float]:
    """Return round numbers spread evenly over the levels, for a colour bar.

    >>> ticks(Levels(17.03 + 4.71 * np.linspace(0, 1, 14) ** 2, False, 2.0))
    [17.05, 17.5, 18.0, 20.0, 21.0]
    """
    low, top = float(lines.heights[0]), float(lines.heights[-1])
    reach = 0.35 / (number - 1)
    found = []
    for share in np.linspace(0, 1, number):
        ends = (low + (top - low) * np.clip(share + aside, 0, 1) ** lines.power for aside in (-reach, reach))
        found.append(round_number(*(float(end) for end in ends)))
    return list(dict.fromkeys(found))


def logarithmic_ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Return round ticks of a logarithmic axis: 1, 2 and 5 times powers of ten, or only some powers.

    >>> logarithmic_ticks(0.3, 40.0), logarithmic_ticks(1e-8, 3.0)
    ([0.5, 1.0, 2.0, 5.0, 10.0, 20.0], [1e-08, 1e-06, 0.0001, 0.01, 1.0])
    """
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for factors, every in (((1, 2, 5), 1), *(((1,), k) for k in range(1, len(powers) + 1))):
        found = [float(f"{f}e{power}") for power in powers if not power % every for f in factors]
        found = [tick for tick in found if low <= tick <= high]
        if len(found) <= most:
            break
    return found


def thinned(along: Array, most: int) -> Array:
    """Return the indices of at most so many evenly spaced points, the first and the last among them."""
    return np.unique(np.round(np.linspace(0, len(along) - 1, min(most, len(along)))).astype(int))
