"""Sample weights from a column, from class weights, or both, normalised to mean 1."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from steepest.errors import ModelError
from steepest.messages.sentences import in_python

Array = NDArray[np.float64]
ClassWeight = Literal["balanced"] | Mapping[Any, float]


def check_class_weight(given: object) -> None:
    """Raise if class weights are neither "balanced" nor a mapping from class numbers to weights."""
    if given is None or (isinstance(given, str) and given == "balanced"):
        return
    if not isinstance(given, Mapping) or not given:
        raise ModelError(f"class_weight is 'balanced' or a dict such as {{0: 1, 1: 5}}, not {in_python(given)}")
    for label, weight in given.items():
        for what, number in (("class", label), ("weight", weight)):
            if not isinstance(number, numbers.Real) or not math.isfinite(number):
                raise ModelError(
                    f"class_weight has the {what} {in_python(number)}; classes and weights are finite numbers"
                )
        if weight < 0:
            raise ModelError(f"class_weight gives the class {label:g} the weight {weight:g}; weights are 0 or more")


def sample_weights(
    rows: int, column: tuple[str, Array] | None, class_weight: ClassWeight | None, target: tuple[str, Array]
) -> Array:
    """Return the weight of every sample, with mean 1, so that a learning rate has the same effect as without weights.

    ``"balanced"`` gives a class with n_c of n samples the weight n/(k·n_c) for k classes, where samples are counted
    with their own weights. Classes that a dict does not contain have weight 1. A sample's own weight and that of its
    class are multiplied.

    Args:
        rows: n, the number of samples.
        column: the name and the values ``(n,)`` of a column of weights, if there is one.
        class_weight: ``"balanced"``, or the weight of each class.
        target: the name and the values ``(n,)`` of the target.

    >>> sample_weights(4, None, "balanced", ("y", np.array([0.0, 0, 0, 1])))
    array([0.66666667, 0.66666667, 0.66666667, 2.        ])

    Source: King and Zeng 2001, eq. 8, for balanced classes.
    """
    weights = np.ones(rows)
    if column is not None:
        name, values = column
        if values.ndim != 1:
            raise ModelError(f"the weights {name!r} have the shape {values.shape}; give one weight per sample")
        wrong = np.flatnonzero(~(values >= 0) | np.isinf(values))
        if len(wrong):
            row = wrong[0]
            raise ModelError(f"the weight {name!r} is {values[row]:g} in data row {row + 1}; weights are 0 or more")
        weights = weights * values
    with np.errstate(over="ignore"):
        if class_weight is not None:
            weights = weights * _of_classes(class_weight, weights, *target)
        total = weights.sum()
    if not 0 < total < np.inf:
        what = "sum to 0" if total == 0 else "have no finite sum"
        raise ModelError(f"the sample weights {what}; give at least one row a positive, finite weight")
    return np.asarray(weights / total * rows)


def _of_classes(class_weight: ClassWeight, weights: Array, name: str, target: Array) -> Array:
    wrong = np.argwhere(target != np.floor(target))
    if target.ndim != 1 or len(wrong):
        found = f"has the shape {target.shape}" if target.ndim != 1 else f"is {target[wrong[0, 0]]:g}"
        place = f" in data row {wrong[0, 0] + 1}" if target.ndim == 1 else ""
        raise ModelError(f"class_weight needs class numbers, but the target {name} {found}{place}; leave it out")
    classes, place_of = np.unique(target, return_inverse=True)
    if isinstance(class_weight, str):
        counts = np.bincount(place_of, weights)
        shares = np.divide(weights.sum() / len(classes), counts, out=np.zeros(len(classes)), where=counts > 0)
        return np.asarray(shares[place_of])
    given = {float(label): float(weight) for label, weight in class_weight.items()}
    for label in given:
        if label not in classes:
            found = ", ".join(f"{value:g}" for value in classes[:10])
            raise ModelError(f"class_weight has the class {label:g}, which the target {name} does not: it has {found}")
    return np.array([given.get(float(label), 1.0) for label in classes])[place_of]
