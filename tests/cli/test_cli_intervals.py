"""The option ``predict --interval``: its columns in CSV and JSON, and how it answers mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm

from command_line import Steepest, steepest, table

__all__ = ["steepest"]

X = np.arange(8.0)
Y = np.array([1.1, 1.9, 3.2, 3.9, 5.3, 5.8, 7.2, 7.7])
CLASSES = [0, 0, 1, 0, 1, 0, 1, 1]


def written(folder: Path) -> None:
    table(folder / "t.csv", "x,y,z\n" + "".join(f"{x},{y},{z}\n" for x, y, z in zip(X, Y, CLASSES, strict=True)))
    table(folder / "new.csv", "x\n9\n\n10.5\n".replace("\n\n", "\n"))


def test_columns_of_a_regression(steepest: Steepest, tmp_path: Path) -> None:
    written(tmp_path)
    assert steepest("fit", "t.csv", "y ~ a + b*x", "--save", "m.safetensors").status == 0
    said = steepest("predict", "m.safetensors", "new.csv", "--interval", "0.9")
    head, *rows = said.out.splitlines()
    assert head == "prediction,lower,upper,prediction_lower,prediction_upper"
    new = sm.add_constant(np.array([9, 10.5]), has_constant="add")
    true = sm.OLS(Y, sm.add_constant(X)).fit().get_prediction(new).summary_frame(0.1)
    wanted = true[["mean", "mean_ci_lower", "mean_ci_upper", "obs_ci_lower", "obs_ci_upper"]]
    np.testing.assert_allclose([[float(part) for part in row.split(",")] for row in rows], wanted, rtol=1e-9)
    found = steepest("predict", "m.safetensors", "new.csv", "--interval", "0.9", "--json").json
    assert found["interval"] == 0.9
    np.testing.assert_allclose(np.transpose([found[name] for name in head.split(",")]), wanted, rtol=1e-9)
    for _ in range(2):  # a file of these columns is known as one of predictions, and replaced
        said = steepest("predict", "m.safetensors", "new.csv", "--interval", "0.9", "-o", "p.csv")
        assert (said.status, said.out) == (0, "")


def test_columns_of_probabilities(steepest: Steepest, tmp_path: Path) -> None:
    written(tmp_path)
    steepest("fit", "t.csv", "z ~ sigmoid(a + b*x)", "--cost", "cross_entropy", "--save", "m.safetensors")
    said = steepest("predict", "m.safetensors", "new.csv", "--interval", "0.95", "--na", "drop")
    head, *rows = said.out.splitlines()
    assert head == "row,prediction,lower,upper"
    assert "no prediction_lower and prediction_upper" in said.err
    new = sm.add_constant(np.array([9, 10.5]), has_constant="add")
    fitted = sm.GLM(CLASSES, sm.add_constant(X), family=sm.families.Binomial()).fit(tol=1e-14)
    wanted = fitted.get_prediction(new).summary_frame(0.05)[["mean", "mean_ci_lower", "mean_ci_upper"]]
    np.testing.assert_allclose([[float(part) for part in row.split(",")][1:] for row in rows], wanted, rtol=1e-6)


def test_a_weighted_fit_says_of_which_weight_its_prediction_band_is(steepest: Steepest, tmp_path: Path) -> None:
    written(tmp_path)
    table(tmp_path / "w.csv", "x,y,w\n" + "".join(f"{x},{y},{1 + x % 3}\n" for x, y in zip(X, Y, strict=True)))
    steepest("fit", "w.csv", "y ~ a + b*x", "--weights", "w", "--save", "m.safetensors")
    said = steepest("predict", "m.safetensors", "new.csv", "--interval", "0.9")
    true = sm.WLS(Y, sm.add_constant(X), weights=1 + X % 3).fit()
    new = sm.add_constant(np.array([9, 10.5]), has_constant="add")
    wanted = true.get_prediction(new, weights=1).summary_frame(0.1)[["obs_ci_lower", "obs_ci_upper"]]
    rows = [[float(part) for part in row.split(",")][3:] for row in said.out.splitlines()[1:]]
    np.testing.assert_allclose(rows, wanted, rtol=1e-8)
    assert "are those of a value of weight 1" in said.err


def test_columns_of_classes(steepest: Steepest, tmp_path: Path) -> None:
    rows = zip(X, [0, 1, 2, 0, 1, 1, 2, 0], strict=True)
    table(tmp_path / "t.csv", "x,k\n" + "".join(f"{x},{k}\n" for x, k in rows))
    steepest("fit", "t.csv", "k", "--layers", "1", "--save", "m.safetensors", "--epochs", "3")
    said = steepest("predict", "m.safetensors", "t.csv")
    assert said.out.splitlines()[0] == "prediction_0,prediction_1,prediction_2,class"
    said = steepest("predict", "m.safetensors", "t.csv", "--interval", "0.95")
    assert (said.status, said.out) == (2, "")
    assert "there are no standard errors" in said.err


@pytest.mark.parametrize(
    ("level", "said"),
    [("95", "a confidence level is a number between 0 and 1, such as 0.95, not 95"), ("0", "between 0 and 1"),
     ("1", "between 0 and 1"), ("nan", "between 0 and 1"), ("high", "'high' is not a valid float")],
)  # fmt: skip
def test_levels_that_are_none(steepest: Steepest, tmp_path: Path, level: str, said: str) -> None:
    written(tmp_path)
    steepest("fit", "t.csv", "y ~ a + b*x", "--save", "m.safetensors")
    found = steepest("predict", "m.safetensors", "new.csv", "--interval", level)
    assert (found.status, found.out) == (2, "")
    assert said in found.err


def test_a_fit_that_has_not_converged_has_no_interval(steepest: Steepest) -> None:
    steepest("fit", "nand", "--save", "m.safetensors")
    assert steepest("predict", "m.safetensors", "nand").status == 0
    found = steepest("predict", "m.safetensors", "nand", "--interval", "0.95")
    assert (found.status, found.out) == (2, "")
    assert "standard errors from the minimum of the cost; fit longer" in found.err
