"""Costs: one number for how far predictions are from targets, the mean over the samples.

Each is a function of a prediction and a target expression. With several features (outputs) a sample
the squared, absolute and Huber errors are means over these too; cross-entropies are sums over them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest import operations as op
from steepest.errors import ModelError, nearest
from steepest.expression import Expression

Cost = Callable[[Expression, Expression], Expression]


def _over_features(error: Expression) -> Expression:
    if not error.shape:
        return error
    size = math.prod(error.shape)
    return op.sum_(error) if size == 1 else op.sum_(error) / size


def mse(prediction: Expression, target: Expression) -> Expression:
    """Mean squared error: 1/n Σ (a − y)².

    >>> from steepest.expression import data, params
    >>> print(mse(data("x") * params("w"), data("y")))
    mean((x*w - y)^2)

    Source: Legendre 1805; rows A2 and A3 of the notes.
    """
    return op.mean(_over_features((prediction - target) ** 2))


def mae(prediction: Expression, target: Expression) -> Expression:
    """Mean absolute error: 1/n Σ |a − y|.

    Source: Boscovich 1757; definition.
    """
    return op.mean(_over_features(abs(prediction - target)))


def huber(prediction: Expression, target: Expression) -> Expression:
    """Mean Huber loss with δ = 1: e²/2 where |e| ≤ 1, else |e| − 1/2, for e = a − y.

    Source: Huber 1964, Robust estimation of a location parameter.
    """
    error = prediction - target
    return op.mean(_over_features(op.where(abs(error) <= 1, error**2 / 2, abs(error) - 0.5)))


def cross_entropy(prediction: Expression, target: Expression) -> Expression:
    """Cross-entropy of targets and predicted probabilities.

    Two classes: 1/n Σ −(y ln a + (1 − y) ln(1 − a)), y and a between 0 and 1. With ``softmax`` as the
    prediction: 1/n Σ −Σ_k y_k ln a_k, where a target of shape () holds class numbers from 0.

    >>> from steepest.expression import data, params
    >>> print(cross_entropy(op.sigmoid(data("x") * params("w")), data("y")))
    mean(-(y*log(sigmoid(x*w)) + (1 - y)*log(1 - sigmoid(x*w))))

    Source: Bridle 1990; Bishop 2006, eqs 4.90 and 4.108.
    """
    if prediction.operation is op.softmax:
        classes = prediction.shape[0]
        chosen = target if target.shape else op.one_hot(target, attributes=(classes,))
        return op.mean(-op.sum_(chosen * op.log(prediction)))
    error = -(target * op.log(prediction) + (1 - target) * op.log(1 - prediction))
    return op.mean(op.sum_(error) if error.shape else error)


def check_targets(prediction: Expression, target: NDArray[Any], name: str) -> None:
    """Raise unless the targets are what :func:`cross_entropy` takes with this prediction.

    Args:
        prediction: the prediction.
        target: ``(n,)`` or ``(n, k)``.
        name: what the target is called.

    Raises:
        ModelError: a class number or probability is out of its range; the sentence names the row.
    """
    classes = prediction.shape[0] if prediction.operation is op.softmax and target.ndim == 1 else 0
    if classes:
        wrong = (target != np.floor(target)) | (target < 0) | (target >= classes)
        wanted = f"class numbers 0 to {classes - 1}"
    else:
        wrong = (target < 0) | (target > 1)
        wanted = "targets between 0 and 1"
    if wrong.any():
        place = tuple(np.argwhere(wrong)[0].tolist())
        raise ModelError(
            f"the target {name} is {target[place]:g} in data row {place[0] + 1}, but cross_entropy takes {wanted}; "
            "change the column or the cost"
        )


COSTS: dict[str, Cost] = {"mse": mse, "cross_entropy": cross_entropy, "mae": mae, "huber": huber}
"""Every named cost."""


def cost_named(name: str) -> Cost:
    """The cost of this name.

    Raises:
        ModelError: there is none.
    """
    if name not in COSTS:
        raise ModelError(f"there is no cost {name!r}{nearest(name, COSTS)}; the costs are {', '.join(COSTS)}")
    return COSTS[name]
