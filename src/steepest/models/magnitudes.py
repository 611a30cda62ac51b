"""Magnitudes that parameters have by the units of columns, for starts where nothing else is known.

If a column is measured in another unit, parameters change theirs, too: τ in exp(−t/τ) has the unit of t, and a rate k
in exp(−k·t) its inverse. With x·s for a column x, the prediction f stays the same if each parameter θ is multiplied by
s^e, and the exponents e solve x ∂f/∂x + Σ e θ ∂f/∂θ = 0, Euler's equation of homogeneous functions. For the unit of the
target the right side is f.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.engines.reference import compile_expressions
from steepest.expressions.expression import DATA, PARAMETER, Expression
from steepest.objectives.specification import Specification

_ROWS, _DRAWS = 20, 4  # points at which the equation is to hold
_STEP = 1e-4  # of logarithms in central differences, whose errors are then about 1e-8
_SOLVED = 1e-5  # of the sizes in the equation
_USUAL = 10.0  # a column whose size is within this factor of 1 needs no other starts


def magnitudes(model: Specification, arrays: Mapping[str, Any]) -> dict[str, float]:
    """Return the magnitude of each parameter by the sizes of the columns; 1 where these are usual or do not tell.

    Args:
        model: the model; its columns are known.
        arrays: the columns, ``(rows, …)``.

    >>> from steepest import Model
    >>> table = {"t": np.array([1e-6, 2e-6, 8e-6]), "y": np.array([400.0, 200, 100])}
    >>> model = Model("y ~ a*exp(-t/tau)")
    >>> found = magnitudes(model, model.samples(table).arrays)
    >>> {name: float(f"{value:.3g}") for name, value in found.items()}
    {'a': 400.0, 'tau': 8e-06}
    """
    nodes = model.prediction.leaves
    names = [node.name for node in nodes if node.operation is PARAMETER]
    shapes = {node.name: node.shape for node in nodes if node.operation in (DATA, PARAMETER)}
    sizes = {node.name: _size(arrays[node.name]) for node in nodes if node.operation is DATA}
    sizes = {name: size for name, size in sizes.items() if size != 1}
    target = _size(np.asarray(arrays[model.target.name])) if model.target.operation is DATA else 1.0
    found = dict.fromkeys(names, 0.0)
    if not names or not (sizes or target != 1):
        return dict.fromkeys(names, 1.0)
    values, slopes = _samples(model.prediction, shapes)
    matrix = np.stack([slopes[name] for name in names], axis=1)
    for right, size in [*((-slopes[name], size) for name, size in sizes.items()), (values, target)]:
        for name, exponent in zip(names, _exponents(matrix, right), strict=True):
            found[name] += exponent * math.log(size)
    return {name: math.exp(min(max(logarithm, -600.0), 600.0)) for name, logarithm in found.items()}


def _size(array: Any) -> float:
    """Return the largest value of a column; 1 if it is not far from that."""
    size = float(np.abs(array).max(initial=0.0))
    return 1.0 if not math.isfinite(size) or 1 / _USUAL <= size <= _USUAL or size == 0 else size


@np.errstate(all="ignore")
def _samples(
    prediction: Expression, shapes: Mapping[str, tuple[int, ...]]
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Return f and x ∂f/∂x for each parameter and column x, at random positive values of all, where they are finite."""
    run, random = compile_expressions([prediction], "float64"), np.random.default_rng(0)
    columns = [node.name for node in prediction.leaves if node.operation is DATA]
    values, slopes = list[Any](), {name: list[Any]() for name in shapes}
    for _ in range(_DRAWS):
        point = {
            name: np.exp(0.5 * random.standard_normal((_ROWS, *shape) if name in columns else shape))
            for name, shape in shapes.items()
        }

        def at(name: str, factor: float, point: Mapping[str, Any] = point) -> Any:
            found = np.asarray(run({**point, name: point[name] * factor}, _ROWS)[0], np.float64)
            return np.ravel(np.broadcast_to(found, (_ROWS, *prediction.shape)))

        values.append(at(next(iter(shapes)), 1.0))
        for name, parts in slopes.items():
            parts.append((at(name, math.exp(_STEP)) - at(name, math.exp(-_STEP))) / (2 * _STEP))
    whole = {name: np.concatenate(parts) for name, parts in slopes.items()}
    flat: NDArray[np.float64] = np.concatenate(values)
    finite = np.isfinite(flat) & np.isfinite(list(whole.values())).all(axis=0)
    return flat[finite], {name: each[finite] for name, each in whole.items()}


def _exponents(matrix: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the exponents that solve the equation, as small as possible; 0 if none do."""
    count = matrix.shape[1]
    if not matrix.size or not right.any():
        return np.zeros(count)
    found = np.asarray(np.linalg.lstsq(matrix, right, rcond=1e-6)[0], np.float64)
    left = np.abs(matrix @ found - right)
    sizes = np.abs(matrix).sum(axis=1) + np.abs(right)
    return found if (left <= _SOLVED * sizes.max()).all() else np.zeros(count)
