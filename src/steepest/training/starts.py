"""Ranges of starts: how they are given, and how values are drawn from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steepest.errors import DescentError
from steepest.messages.numbers import is_finite, is_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from steepest.expressions.expression import Shape

_ENDS = 2


@dataclass(frozen=True)
class Range:
    """A range from which a start is drawn.

    Where both ends have the same sign and neither is 0, the logarithm of the size is uniform, so that each decade is
    as likely as another; else the value is uniform.

    Attributes:
        low, high: the ends, finite, low below high.

    >>> import numpy as np
    >>> drawn = Range(0.01, 100.0).draw(np.random.default_rng(0), (10_000,))
    >>> round(float(np.median(drawn)), 1), round(float(np.mean(drawn < 0.1)), 2)
    (1.0, 0.25)
    """

    low: float
    high: float

    def within(self, lower: float, upper: float) -> Range | None:
        """Return the part of the range between two bounds; None if it is empty."""
        low, high = max(self.low, lower), min(self.high, upper)
        return Range(low, high) if low < high else None

    def draw(self, rng: np.random.Generator, shape: Shape) -> NDArray[np.float64]:
        """Return an array of a shape, each element drawn by itself."""
        import numpy as np

        share = rng.random(shape)
        if self.low > 0 or self.high < 0:
            sign, ends = (1.0, (self.low, self.high)) if self.low > 0 else (-1.0, (-self.high, -self.low))
            smallest, largest = map(math.log, ends)
            drawn = sign * np.exp(smallest + (largest - smallest) * share)
        else:
            drawn = self.low * (1 - share) + self.high * share  # high − low might overflow
        return np.clip(drawn, self.low, self.high)  # by rounding, exp(log(high)) may be above high


def range_of(name: str, value: Any, shape: Shape, what: str = "start") -> Range | None:
    """Return the range that a start is given as; None if it is a value.

    A pair (low, high) is a range, but for an array of two elements, of which it is the value; a text ``"low:high"`` is
    one for any.

    Args:
        name: the parameter.
        value: what is given for it.
        shape: its shape.
        what: the name of the argument, for messages.

    Raises:
        DescentError: an end is missing or not finite, or the first is not below the second.

    >>> range_of("tau", (0.1, 10), ()), range_of("tau", "0.1:10", (3,)), range_of("w", (1.0, 2.0), (2,))
    (Range(low=0.1, high=10.0), Range(low=0.1, high=10.0), None)
    """
    if isinstance(value, str):
        if ":" not in value:
            return None
        ends: list[Any] = [_number(name, value, text.strip(), what) for text in value.split(":")]
    elif isinstance(value, tuple) and shape != (_ENDS,):
        ends = list(value)
    else:
        return None
    if isinstance(value, str) and len(ends) != _ENDS:
        raise _malformed(name, value, what)
    if len(ends) != _ENDS or not all(end is None or is_number(end) for end in ends):
        return None  # an array, which is refused if it does not fit
    if None in ends:
        raise DescentError(f"the range {value!r} of {name!r} in {what} lacks an end; give both, as 0.1:10")
    if not all(map(is_finite, ends)):
        raise DescentError(f"the ends of the range {value!r} of {name!r} in {what} are not finite; give finite numbers")
    low, high = map(float, ends)
    if low == high:
        raise DescentError(f"the range {value!r} of {name!r} in {what} is empty; give the number {low:g} alone")
    if low > high:
        raise DescentError(f"the range {value!r} of {name!r} in {what} does not go from low to high")
    return Range(low, high)


def _number(name: str, value: str, text: str, what: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise _malformed(name, value, what) from None


def _malformed(name: str, value: str, what: str) -> DescentError:
    return DescentError(f"the range {value!r} of {name!r} in {what} is not of the form low:high, with finite numbers")


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random numbers of a parameter's range, which do not depend on other parameters."""
    import numpy as np

    return np.random.default_rng([seed, *name.encode()])


def refuse_equal(start: Mapping[str, Any] | None, shapes: Mapping[str, Shape], restarts: int | None) -> None:
    """Raise if all restarts would begin at the same parameters.

    Raises:
        DescentError: each parameter has a number in ``start``, and there are several restarts.
    """
    given = start or {}
    drawn = [name for name, shape in shapes.items() if name not in given or range_of(name, given[name], shape)]
    if (restarts or 1) > 1 and not drawn:
        raise DescentError(
            f"every parameter has a number in start, so that all {restarts} restarts would be the same; give a range "
            "such as (0.1, 10) in start=, or leave restarts out"
        )
