"""Check numbers that users give: predicates, and one check for each range that settings have."""

from __future__ import annotations

import math
import numbers
from typing import Any

from steepest.errors import SteepestError
from steepest.messages.sentences import in_python


def is_number(value: object, kind: type = numbers.Real) -> bool:
    """Return whether the value is an instance of this class of :mod:`numbers`; booleans do not count."""
    return isinstance(value, kind) and not isinstance(value, bool)


def is_finite(value: object) -> bool:
    """Return whether the value is a real number that float64 can hold."""
    try:
        return is_number(value) and math.isfinite(float(value))  # type: ignore[arg-type]
    except OverflowError:  # an integer beyond the range of float64
        return False


def positive(name: str, value: Any, error: type[SteepestError], also: str = "") -> Any:
    """Return a positive, finite number as it was given; for the message, ``also`` says what else may be given."""
    if not (is_finite(value) and value > 0):
        raise error(f"{name} is a positive number{also}, not {in_python(value)}")
    return value


def from_zero(name: str, value: Any, error: type[SteepestError]) -> Any:
    """Return a finite number from 0 as it was given."""
    if not (is_finite(value) and value >= 0):
        raise error(f"{name} is a finite number from 0, not {in_python(value)}")
    return value


def share(name: str, value: Any, error: type[SteepestError], below: bool = False) -> Any:
    """Return a number from 0 to 1, or to below 1, as it was given."""
    if not (is_number(value) and 0 <= value <= 1 and not (below and value == 1)):
        raise error(f"{name} is a number from 0 to {'below ' if below else ''}1, not {in_python(value)}")
    return value


def confidence_level(value: Any, error: type[SteepestError]) -> float:
    """Return the probability of an interval as it was given, a number between 0 and 1."""
    if not (is_finite(value) and 0 < value < 1):
        raise error(f"a confidence level is a number between 0 and 1, such as 0.95, not {in_python(value)}")
    return float(value)


def whole(name: str, value: Any, low: int, error: type[SteepestError]) -> int:
    """Return an integer of at least ``low``."""
    if not (is_number(value, numbers.Integral) and value >= low):
        raise error(f"{name} is a whole number from {low}, not {in_python(value)}")
    return int(value)
