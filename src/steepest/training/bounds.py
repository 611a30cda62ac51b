"""Bounds of parameters: how they are given, and how starts keep to them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from steepest.engines.step import Params
from steepest.errors import DescentError
from steepest.expressions.expression import PARAMETER, Expression
from steepest.messages.hints import nearest

Bounds = tuple[tuple[str, float, float], ...]
"""Name, lowest and highest value of each bounded parameter; infinite where there is no bound."""


def read_bounds(given: Mapping[str, Any] | None, cost: Expression) -> Bounds:
    """Return bounds as they were given, checked.

    Args:
        given: (low, high) by name; None or an infinity for no bound on a side.
        cost: the cost of the parameters.

    Raises:
        DescentError: a name is no parameter, or a pair is no interval.

    >>> from steepest.expressions.expression import params
    >>> read_bounds({"w": (0, None)}, params("w") ** 2)
    (('w', 0.0, inf),)
    """
    names = [leaf.name for leaf in cost.leaves if leaf.operation is PARAMETER]
    found = []
    for name, pair in (given or {}).items():
        if name not in names:
            raise DescentError(
                f"bounds has {name!r}, which is not a parameter of the cost{nearest(str(name), names)}; its parameters "
                f"are {', '.join(names)}"
            )
        try:
            low, high = pair
            ends = -math.inf if low is None else float(low), math.inf if high is None else float(high)
        except (TypeError, ValueError):
            ends = math.nan, math.nan
        if not ends[0] < ends[1]:
            raise DescentError(f"the bounds of {name!r} are (low, high) with low below high, not {pair!r}")
        found.append((name, *ends))
    return tuple(found)


def rounded(bounds: Bounds, dtype: str) -> Bounds:
    """Return bounds in a precision, so that a parameter at one of them equals it.

    >>> rounded((("w", 0.0, 0.7),), "float32")
    (('w', 0.0, 0.699999988079071),)
    """
    kind = np.dtype(dtype).type
    return tuple((name, float(kind(low)), float(kind(high))) for name, low, high in bounds)


def within(bounds: Bounds, params: Params, given: Mapping[str, Any] | None) -> Params:
    """Return parameters with those that were drawn moved within the bounds: reflected at an end, or to the middle.

    The end itself is often a place where the cost is not defined, as τ = 0 in exp(−t/τ).

    Raises:
        DescentError: a parameter that was given is outside.
    """
    found = dict(params)
    for name, low, high in bounds:
        value = np.asarray(found[name])
        if name in (given or {}) and not np.all((value >= low) & (value <= high)):
            raise DescentError(
                f"the start {name} = {value.tolist()} is outside of its bounds {low:g} and {high:g}; start within them"
            )
        middle = (high - low) / 2  # ∞ with one bound
        above = low + np.minimum(np.abs(low - value), middle) if low > -np.inf else value
        below = high - np.minimum(np.abs(value - high), middle) if high < np.inf else value
        found[name] = np.where(value < low, above, np.where(value > high, below, value))[()]
    return found


def at_bounds(bounds: Bounds, params: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each parameter that ended at a bound."""
    found = []
    for name, low, high in bounds:
        value = np.asarray(params[name])
        for end, word in ((low, "lower"), (high, "upper")):
            if np.any(value == end):
                found.append(f"{name} is at its {word} bound {end:g}")
    return found
