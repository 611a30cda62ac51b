"""Axes of small plots: positions of values between the ends, tick labels, and the curves of costs on them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """An axis from one value to another; on a logarithmic one equal distances are equal ratios."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Return the position of a value: 0 at the low end, 1 at the high one.

        >>> Axis(1, 100, log=True).place(10)
        0.5
        """
        if self.log:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)

    def ticks(self, most: int = 6) -> list[float]:
        """Return round values between the ends, at most so many; on a short logarithmic axis at least the ends.

        >>> Axis(1, 1000, log=True).ticks(), Axis(0, 1).ticks(3)
        ([1.0, 10.0, 100.0, 1000.0], [0.0, 0.5, 1.0])
        """
        if self.log:
            lowest, highest = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            if lowest < highest:
                decades = -(-(highest - lowest + 1) // most)
                return [float(f"1e{power}") for power in range(lowest, highest + 1, decades)]
        least = (self.high - self.low) / max(most - 1, 1)
        power = 10.0 ** math.floor(math.log10(least))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def axis(values: Iterable[float], log: bool = False) -> Axis:
    """Return the axis from the smallest to the largest of some finite values, positive ones if it is logarithmic."""
    found = list(values)
    low, high = min(found), max(found)
    if low == high:  # a single value is placed in the middle
        low, high = (low / 2, high * 2) if log else (low - (abs(low) / 2 or 1), high + (abs(high) / 2 or 1))
    return Axis(low, high, log)


def written(tick: float) -> str:
    """Write a value as a tick label.

    >>> written(1e-05), written(0.25), written(2000000.0)
    ('1e-5', '0.25', '2e6')
    """
    mantissa, mark, exponent = f"{tick:.6g}".partition("e")
    if not mark and abs(tick) >= 1e5:
        mantissa, mark, exponent = f"{tick:.5e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}" if mark else mantissa


@dataclass(frozen=True)
class Curve:
    """A curve of costs, or validation costs, over epochs."""

    name: str
    points: tuple[Point, ...]  # epoch and cost, finite, those that the axes hold


@dataclass(frozen=True, repr=False)
class Costs:
    """Costs by epoch with their axes."""

    curves: tuple[Curve, ...]  # the cost, and that of the validation rows if there are any
    x: Axis
    y: Axis

    @property
    def description(self) -> str:
        """The plot in words, a sentence for each curve."""
        sentences = []
        for curve in self.curves:
            (first, start), (last, end) = curve.points[0], curve.points[-1]
            verb = "falls" if end < start else "rises" if end > start else "goes"
            sentences.append(
                f"The {curve.name} {verb} from {start:z.4g} at epoch {first:g} to {end:z.4g} at epoch {last:g}; "
                f"its lowest value is {min(cost for _, cost in curve.points):z.4g}."
            )
        return " ".join(sentences)

    def __repr__(self) -> str:
        return f"<plot of costs by epoch: {self.description}>"
