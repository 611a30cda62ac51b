"""Quality of predictions, as ``steepest evaluate`` reports it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def regression(target: Array, prediction: Array) -> dict[str, float]:
    """Return R², the mean squared and the mean absolute error of predictions ``(n,)`` or ``(n, k)``.

    R² of several outputs is the mean over those whose targets vary.

    >>> regression(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]))["r2"]
    0.5
    """
    error = (prediction - target) ** 2
    spread = ((target - target.mean(axis=0)) ** 2).sum(axis=0)
    varies = spread > 0
    share = np.divide(error.sum(axis=0), spread, out=np.zeros_like(spread, dtype=float), where=varies)
    r2 = float(1 - np.mean(share[varies])) if np.any(varies) else float("nan")
    return {"r2": r2, "mse": float(error.mean()), "mae": float(np.abs(prediction - target).mean())}


def classification(target: Array, prediction: Array) -> dict[str, Any]:
    """Return accuracy, log-loss and the confusion matrix of probabilities of class 1, ``(n,)``, or of each, ``(n, k)``.

    The logarithm is the natural one, and probabilities are clipped by the machine epsilon of float64. Rows of the
    matrix are the true classes, columns the predicted ones.

    >>> classification(np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.9, 0.4]))["confusion"]
    [[1, 0], [1, 1]]
    """
    chances = np.stack([1 - prediction, prediction], axis=1) if prediction.ndim == 1 else prediction
    labels, predicted = target.astype(int), chances.argmax(axis=1)
    confusion = np.zeros((chances.shape[1], chances.shape[1]), int)
    np.add.at(confusion, (labels, predicted), 1)
    tiny = np.finfo(float).eps
    right = np.clip(chances[np.arange(len(labels)), labels], tiny, 1 - tiny)
    return {
        "accuracy": float((labels == predicted).mean()),
        "log_loss": float(-np.log(right).mean()),
        "confusion": confusion.tolist(),
    }
