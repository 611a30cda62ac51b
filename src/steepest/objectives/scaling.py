"""Standardised inputs and targets of a model: which columns have a scale, and models without one that predict alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.calculus.layers import Term, WeightedLayer, decompose
from steepest.calculus.polynomials import terms
from steepest.errors import ModelError
from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, PARAMETER, Expression, leaves, toposort
from steepest.objectives.costs import Objective
from steepest.tables.standardised import Scale, scale_of
from steepest.tables.table import Table

_COSTS = ("mse", "mae", "huber")  # of a quantity, whose unit may be changed
_PRODUCTS = (op.multiply, op.matmul, op.dot)


def scales_of(prediction: Expression, target: Expression, objective: Objective, table: Table) -> dict[str, Scale]:
    """Return the scale of each column that a model standardises: all inputs, and a numeric target.

    The target is a quantity whose scale the parameters can undo: the cost is ``mse``, ``mae`` or ``huber`` and the
    prediction is a sum of a parameter and of terms with a parameter as a factor, as a·x + b or H @ W + b. Columns that
    are both input and target keep their units.

    Args:
        prediction, target: the two sides of the formula.
        objective: what is minimised.
        table: the table with feature groups.

    Returns:
        A scale by the name of the column or feature group.
    """
    names = [name for name in prediction.data if name not in target.data]
    if target.operation is DATA and not target.shape and objective.cost in _COSTS and _is_affine(prediction):
        names += [name for name in target.data if name not in prediction.data]
    return {name: scale_of(table, name) for name in names}


def _is_affine(prediction: Expression) -> bool:
    """Return whether s·prediction + m is the same formula with other parameters, for all numbers s and m."""
    added = [node for _, node in terms(prediction, stop=lambda _: False)]
    free = [node for node in added if node.operation is PARAMETER]
    scaled = [_factors(node) for node in added if node.operation is not PARAMETER]
    own = [node for factors in scaled for node in factors]
    once = all(_uses(prediction, node) == 1 for node in [*free, *own])
    return bool(free) and once and all(scaled)


def _factors(node: Expression) -> list[Expression]:
    """Return a parameter that is a factor of a term, in a list; an empty list if there is none."""
    while node.operation in _PRODUCTS or node.operation is op.divide or node.operation is op.negate:
        if node.operation in _PRODUCTS and node.args[1].operation is PARAMETER:
            return [node.args[1]]
        node = node.args[0]
    return [node] if node.operation is PARAMETER else []


def _uses(root: Expression, node: Expression) -> int:
    """Return how many nodes of a graph have another as an argument, each as often as it has it."""
    return sum(arg is node for each in toposort([root]) for arg in each.args)


def unscaled(
    prediction: Expression, target: Expression, scales: Mapping[str, Scale], params: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the parameters with which the formula predicts the same from columns in their own units.

    A weight w of a column x with the mean μ and the deviation σ becomes w/σ, and μ·w/σ is taken from the bias of its
    sum. For a target with mean m and deviation s, the weights and the bias of the last sum are multiplied by s, and m
    is added to the bias.

    Args:
        prediction, target: the two sides of the formula.
        scales: as of :func:`scales_of`.
        params: the parameters for standardised columns.

    Returns:
        All parameters by name, in the shapes that they had.

    Raises:
        ModelError: no parameters undo the scale, as a column with a scale is not only in sums with a bias of their
            own, or the prediction is no such sum.
    """
    structure = decompose(prediction)
    if structure is None:
        raise _no_unscaled("the formula is not made of weighted sums")
    found = {name: np.array(value, np.float64) for name, value in params.items()}
    for layer in structure.layers:
        for term in layer.terms:
            names = [name for name in term.source.data if name in scales]
            if term.source.operation is DATA and names:
                _undo_input(prediction, layer, term, scales[names[0]], found)
            elif names and not term.source.parameters:
                raise _no_unscaled(f"{names[0]!r} is used other than times a parameter")
    scale = scales.get(target.name)
    if scale is not None:
        last = structure.layers[-1]
        bias = _bias(prediction, last)
        for term in last.terms:
            found[_weight(prediction, term)] *= float(scale.deviation)
        found[bias] = found[bias] * float(scale.deviation) + float(scale.mean)
    return {name: value[()] for name, value in found.items()}


def slopes_of_unscaled(
    prediction: Expression, target: Expression, scales: Mapping[str, Scale]
) -> NDArray[np.float64]:  # fmt: skip
    """Return the partial derivatives of the parameters after :func:`unscaled` by those before, ``(p, p)``.

    They are numbers: the transformation is linear but for a constant, the mean of the target.
    """
    linear = {
        name: replace(scale, mean=scale.mean * 0) if name == target.name else scale for name, scale in scales.items()
    }
    shapes = {node.name: node.shape for node in leaves([prediction]) if node.operation is PARAMETER}
    edges = np.cumsum([0, *(math.prod(shape) for shape in shapes.values())])

    def after(flat: NDArray[np.float64]) -> NDArray[np.float64]:
        parts = zip(shapes.items(), edges, edges[1:], strict=False)
        found = unscaled(prediction, target, linear, {name: flat[a:b].reshape(shape) for (name, shape), a, b in parts})
        return np.concatenate([np.ravel(found[name]) for name in shapes])

    count = int(edges[-1])
    return np.stack([after(unit) for unit in np.eye(count)], axis=1)


def obstacle(prediction: Expression, target: Expression, scales: Mapping[str, Scale]) -> str:
    """Return why no parameters undo the scale, so that the formula is another one; an empty text if some do."""
    nodes = [node for node in leaves([prediction]) if node.operation is PARAMETER]
    try:
        unscaled(prediction, target, scales, {node.name: np.ones(node.shape) for node in nodes})
    except ModelError as error:
        return str(error)
    return ""


def _undo_input(
    prediction: Expression, layer: WeightedLayer, term: Term, scale: Scale, found: dict[str, NDArray[Any]]
) -> None:
    """Undo the scale of a column in one weighted sum."""
    weight, bias = _weight(prediction, term), _bias(prediction, layer)
    sign = -1.0 if term.negative else 1.0
    w = found[weight]
    if term.kind == "rows":
        w = w / scale.deviation
        moved = w @ scale.mean
    elif term.kind == "columns":
        w = (w.T / scale.deviation).T
        moved = scale.mean @ w
    else:
        w = w / scale.deviation
        moved = scale.mean * w
    found[weight] = w
    if np.shape(moved) != found[bias].shape:
        raise _no_unscaled(f"the bias {bias!r} has another shape than the sum")
    found[bias] = found[bias] - sign * moved


def _weight(prediction: Expression, term: Term) -> str:
    weight = term.weight
    if weight is None or weight.operation is not PARAMETER or _uses(prediction, weight) > 1:
        raise _no_unscaled(f"{term.source} has no parameter of its own as a factor")
    return weight.name


def _bias(prediction: Expression, layer: WeightedLayer) -> str:
    for node, negative in layer.biases:
        if node.operation is PARAMETER and not negative and _uses(prediction, node) == 1:
            return node.name
    raise _no_unscaled(f"the sum {layer.total} has no bias of its own")


def _no_unscaled(why: str) -> ModelError:
    return ModelError(f"no parameters of the formula undo its scale, as {why}; leave the scale out")
