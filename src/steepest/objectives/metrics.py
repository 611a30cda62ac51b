"""Quality of predictions, as ``steepest evaluate`` reports it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


_BINS = 10  # of probabilities, for the calibration


def regression(target: Array, prediction: Array) -> dict[str, float]:
    """Return R², the mean squared error, its root and the mean absolute error of predictions ``(n,)`` or ``(n, k)``.

    R² of several outputs is the mean over those whose targets vary, the root the mean over the outputs.

    >>> regression(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]))["r2"]
    0.5
    """
    error = (prediction - target) ** 2
    spread = ((target - target.mean(axis=0)) ** 2).sum(axis=0)
    varies = spread > 0
    share = np.divide(error.sum(axis=0), spread, out=np.zeros_like(spread, dtype=float), where=varies)
    r2 = float(1 - np.mean(share[varies])) if np.any(varies) else float("nan")
    return {
        "r2": r2, "mse": float(error.mean()), "rmse": float(np.mean(np.sqrt(error.mean(axis=0)))),
        "mae": float(np.abs(prediction - target).mean()),
    }  # fmt: skip


def classification(target: Array, prediction: Array, labels: Sequence[Any] = ()) -> dict[str, Any]:
    """Return measures of probabilities of class 1, ``(n,)``, or of each class, ``(n, k)``.

    The logarithm is the natural one, and probabilities are clipped by the machine epsilon of float64. Rows of the
    confusion matrix are the true classes, columns the predicted ones. Precision, recall, F1 and ROC-AUC are those of
    class 1 of two, else the means over the classes, each against all others; ``classes`` has those of each, with its
    label. A share of
    no samples is 0; ROC-AUC is NaN for a class that has all samples or none.

    >>> found = classification(np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.9, 0.4]))
    >>> found["confusion"], found["precision"], found["recall"], found["roc_auc"]
    ([[1, 0], [1, 1]], 1.0, 0.5, 1.0)
    """
    chances = np.stack([1 - prediction, prediction], axis=1) if prediction.ndim == 1 else prediction
    own, predicted, count = target.astype(int), chances.argmax(axis=1), chances.shape[1]
    named = list(labels) or list(range(count))
    confusion = np.zeros((count, count), int)
    np.add.at(confusion, (own, predicted), 1)
    tiny = np.finfo(float).eps
    right = np.clip(chances[np.arange(len(own)), own], tiny, 1 - tiny)
    each = [
        {"class": named[k], **_of_class(confusion, k), "roc_auc": _area(chances[:, k], own == k)} for k in range(count)
    ]
    names = ("precision", "recall", "f1", "roc_auc")
    whole = {name: each[1][name] if count == 2 else float(np.mean([row[name] for row in each])) for name in names}
    sure = chances[:, 1] if count == 2 else chances.max(axis=1)
    came = own == 1 if count == 2 else own == predicted
    return {
        "accuracy": float((own == predicted).mean()), "log_loss": float(-np.log(right).mean()), **whole,
        **_calibration(sure, came), "classes": each, "confusion": confusion.tolist(),
    }  # fmt: skip


def _of_class(confusion: NDArray[np.int_], k: int) -> dict[str, float]:
    """Return precision, recall and F1 of a class against all others."""
    hits, claimed, true = int(confusion[k, k]), int(confusion[:, k].sum()), int(confusion[k].sum())
    return {
        "precision": hits / claimed if claimed else 0.0,
        "recall": hits / true if true else 0.0,
        "f1": 2 * hits / (claimed + true) if claimed + true else 0.0,
    }


def _area(chance: Array, positive: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve: how often a positive sample has the higher probability; ties count half.

    Source: Mann and Whitney 1947.
    """
    inside = int(positive.sum())
    if not 0 < inside < len(chance):
        return float("nan")
    _, place, counts = np.unique(chance, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    pairs = inside * (len(chance) - inside)
    return float((ranks[positive].sum() - inside * (inside + 1) / 2) / pairs)


def _calibration(sure: Array, came: NDArray[np.bool_]) -> dict[str, Any]:
    """Return how probabilities agree with the shares of samples for which they came true.

    The probability is that of class 1 of two, else that of the likeliest class. ``calibration`` has, for each of 10
    intervals of probability with samples in it, their number, the mean probability and the share; ``calibration_error``
    is the mean distance of the two, weighted by the samples (Guo et al. 2017), and ``brier`` the mean squared one.
    """
    place = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    rows = [
        {"samples": int(inside.sum()), "probability": float(sure[inside].mean()), "share": float(came[inside].mean())}
        for inside in (place == k for k in range(_BINS)) if inside.any()
    ]  # fmt: skip
    error = sum(row["samples"] * abs(row["probability"] - row["share"]) for row in rows) / len(sure)
    return {"brier": float(((sure - came) ** 2).mean()), "calibration_error": error, "calibration": rows}
