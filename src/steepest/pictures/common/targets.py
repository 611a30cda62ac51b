"""The targets of a model as pictures need them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.engines import evaluate
from steepest.tables.values import Array

if TYPE_CHECKING:
    from steepest.objectives.specification import Specification


def targets_of(model: Specification, arrays: Mapping[str, Any]) -> Array:
    """Return the values of the target in its unit, ``(n,)``, or ``(n, k)`` of several outputs."""
    found: Array = model.in_own_units(np.asarray(evaluate(model.target, arrays), float))
    return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found


def in_own_units(model: Specification, name: str, place: int, values: Any) -> Any:
    """Return values of a column in its unit, which a scale takes away.

    Args:
        model: the model.
        name: the column or feature group in the formula.
        place: the place of the column in the group.
        values: numbers.
    """
    scale = model.scales.get(name)
    if scale is None:
        return values
    mean, deviation = (float(np.ravel(each)[place]) for each in (scale.mean, scale.deviation))
    return mean + deviation * values
