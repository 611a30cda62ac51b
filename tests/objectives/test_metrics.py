"""Measures of predictions against scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve

from command_line import Steepest, table
from command_line import steepest as steepest
from steepest.objectives.metrics import classification, regression


def binary(seed: int, rows: int = 200) -> tuple[Any, Any]:
    """Return classes and probabilities, some of which are equal."""
    rng = np.random.default_rng(seed)
    chance = np.round(rng.random(rows), 2)
    return (rng.random(rows) < 3 * chance**2 - 2 * chance**3).astype(float), chance


@pytest.mark.parametrize("seed", range(4))
def test_two_classes(seed: int) -> None:
    y, p = binary(seed)
    found, said = classification(y, p), (p > 0.5).astype(float)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(y, said))
    assert found["precision"] == pytest.approx(metrics.precision_score(y, said))
    assert found["recall"] == pytest.approx(metrics.recall_score(y, said))
    assert found["f1"] == pytest.approx(metrics.f1_score(y, said))
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(y, p))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(y, p))
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(y, p))
    assert found["confusion"] == metrics.confusion_matrix(y, said).tolist()


def test_calibration() -> None:
    y, p = binary(7)
    p = p + 1e-3  # scikit-learn counts the edge of an interval to the lower one
    found = classification(y, np.minimum(p, 1))
    shares, means = calibration_curve(y, np.minimum(p, 1), n_bins=10)
    assert [row["share"] for row in found["calibration"]] == pytest.approx(shares)
    assert [row["probability"] for row in found["calibration"]] == pytest.approx(means)
    counts = np.array([row["samples"] for row in found["calibration"]])
    assert counts.sum() == len(y)
    assert found["calibration_error"] == pytest.approx(counts @ np.abs(shares - means) / len(y))


def test_several_classes() -> None:
    rng = np.random.default_rng(5)
    p = rng.dirichlet([1, 1, 2, 1], size=300)
    y = np.array([rng.choice(4, p=row) for row in p]).astype(float)
    found, said = classification(y, p), p.argmax(axis=1)
    assert found["precision"] == pytest.approx(metrics.precision_score(y, said, average="macro"))
    assert found["recall"] == pytest.approx(metrics.recall_score(y, said, average="macro"))
    assert found["f1"] == pytest.approx(metrics.f1_score(y, said, average="macro"))
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(y, p, multi_class="ovr"))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(y, p))
    each = metrics.precision_recall_fscore_support(y, said)
    for k, name in enumerate(("precision", "recall", "f1")):
        assert [row[name] for row in found["classes"]] == pytest.approx(each[k])
    sure, came = p.max(axis=1), (said == y).astype(float)
    shares, means = calibration_curve(came, sure, n_bins=10)
    assert [row["share"] for row in found["calibration"]] == pytest.approx(shares)
    assert [row["probability"] for row in found["calibration"]] == pytest.approx(means)
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(came, sure))


def test_classes_without_samples() -> None:
    found = classification(np.zeros(3), np.array([0.1, 0.2, 0.3]))
    assert np.isnan(found["roc_auc"])
    assert (found["precision"], found["recall"], found["f1"]) == (0.0, 0.0, 0.0)


def test_numbers() -> None:
    rng = np.random.default_rng(2)
    y, p = rng.normal(size=(50, 2)), rng.normal(size=(50, 2))
    for target, prediction in ((y[:, 0], p[:, 0]), (y, p)):
        found = regression(target, prediction)
        assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(target, prediction))
        assert found["mse"] == pytest.approx(metrics.mean_squared_error(target, prediction))
        assert found["mae"] == pytest.approx(metrics.mean_absolute_error(target, prediction))
        assert found["r2"] == pytest.approx(metrics.r2_score(target, prediction))


def test_evaluate_prints_them(steepest: Steepest, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=120)
    y = (rng.random(120) < 1 / (1 + np.exp(-2 * x))).astype(int)
    table(tmp_path / "t.csv", "x,y\n" + "".join(f"{a!r},{b}\n" for a, b in zip(x.tolist(), y, strict=True)))
    # Neither of the formulas ends with the operation sigmoid.
    steepest("fit", "t.csv", "y ~ 1/(1 + exp(-a*x - b))", "--cost", "cross_entropy", "--save", "m.safetensors")
    found = steepest("evaluate", "m.safetensors", "t.csv", "--json").json
    p = np.array(steepest("predict", "m.safetensors", "t.csv", "--json").json["prediction"])
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(y, p))
    assert found["f1"] == pytest.approx(metrics.f1_score(y, p > 0.5))
    lines = [" ".join(line.split()) for line in steepest("evaluate", "m.safetensors", "t.csv").out.splitlines()]
    assert f"ROC-AUC {found['roc_auc']:.12g}" in lines
    assert "samples probability share" in lines
    assert [len(found["classes"]), found["classes"][1]["class"]] == [2, 1]
    steepest("fit", "t.csv", "y ~ a*x + b", "--save", "n.safetensors")
    said = steepest("evaluate", "n.safetensors", "t.csv")
    assert "root mean squared error" in said.out
    assert "ROC-AUC" not in said.out
