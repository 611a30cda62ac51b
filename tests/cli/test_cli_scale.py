"""Networks by ``steepest fit TABLE target --layers 8`` without options, against scikit-learn; ``--scale``."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
import statsmodels.api as sm
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from command_line import Steepest, table
from command_line import steepest as steepest
from sampling import sampled


def data(name: str) -> pd.DataFrame:
    settings = {"scaled": False} if name == "diabetes" else {}
    found: pd.DataFrame = getattr(sklearn.datasets, f"load_{name}")(as_frame=True, **settings).frame
    found.columns = [*(f"c{k}" for k in range(found.shape[1] - 1)), "target"]
    return found


def split(name: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    whole = data(name)
    classes = None if name == "diabetes" else whole["target"]
    train, test = train_test_split(whole, test_size=0.3, random_state=seed, stratify=classes)
    return train, test


def ours(steepest: Steepest, train: pd.DataFrame, test: pd.DataFrame) -> float:
    train.to_csv("train.csv", index=False)
    test.to_csv("test.csv", index=False)
    assert steepest("fit", "train.csv", "target", "--layers", "8", "--save", "m.safetensors", "--force").status == 0
    found = steepest("evaluate", "m.safetensors", "test.csv", "--json").json
    return float(found["accuracy"] if "accuracy" in found else found["r2"])


def peer(train: pd.DataFrame, test: pd.DataFrame, seed: int, longest: int) -> float:
    """A network of scikit-learn behind a StandardScaler; of a quantity with a standardised target, which is better."""
    X, y = train.drop(columns="target").to_numpy(), train["target"].to_numpy()
    if len(np.unique(y)) > 20:
        network = MLPRegressor(hidden_layer_sizes=(8,), random_state=seed, max_iter=longest)
        found = TransformedTargetRegressor(make_pipeline(StandardScaler(), network), transformer=StandardScaler())
    else:
        found = make_pipeline(StandardScaler(), MLPClassifier((8,), random_state=seed, max_iter=longest))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        found.fit(X, y)
    return float(found.score(test.drop(columns="target").to_numpy(), test["target"].to_numpy()))


@pytest.mark.parametrize("longest", [200, 2000])
@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits", "diabetes"])
@pytest.mark.parametrize("splits", sampled([2, 12], 2))
def test_networks_without_options_are_as_good_as_those_of_scikit_learn(
    splits: int, name: str, longest: int, steepest: Steepest
) -> None:
    gaps, scores = [], []
    for seed in range(splits):
        train, test = split(name, seed)
        scores.append(peer(train, test, seed, longest))
        gaps.append(ours(steepest, train, test) - scores[-1])
    rows = len(test)
    # The standard error of a score on the held-out rows of one split, and of a difference over the splits.
    one = 0.05 if name == "diabetes" else np.sqrt(np.mean(scores) * (1 - np.mean(scores)) / rows)
    over = np.std(gaps, ddof=1) / np.sqrt(splits)
    assert np.mean(gaps) >= -max(one / np.sqrt(splits), over)


def test_the_scale_is_printed_saved_and_undone(steepest: Steepest, tmp_path: Path) -> None:
    text = "sqft,price\n" + "".join(f"{x},{150 * x + 20000 + (x * 7) % 11}\n" for x in range(500, 4000, 173))
    place = table(tmp_path / "houses.csv", text)
    words = ("fit", place, "price ~ a*sqft + b", "--scale", "standard", "--rate", "0.1")
    said = steepest(*words, "--unscaled", "--save", "m.safetensors")
    assert "'sqft', 'price' standardised: (value − mean)/standard deviation" in said.out
    assert "Parameters for the columns in their own units:" in said.out
    values = dict(line.split()[:2] for line in said.out.partition("own units:\n")[2].splitlines()[:2])
    slope, level = np.polyfit(*np.loadtxt(place, delimiter=",", skiprows=1).T, 1)
    assert float(values["a"]) == pytest.approx(slope, rel=1e-6)
    assert float(values["b"]) == pytest.approx(level, rel=1e-6)
    columns = np.loadtxt(place, delimiter=",", skiprows=1)
    errors = sm.OLS(columns[:, 1], sm.add_constant(columns[:, 0])).fit().bse
    assert f"± {errors[0]:.2g}" in said.out
    assert f"± {errors[1]:.2g}" in said.out
    (tmp_path / "new.csv").write_text("sqft\n1000\n")
    saved = float(steepest("predict", "m.safetensors", "new.csv").out.split()[1])
    assert saved == pytest.approx(slope * 1000 + level, rel=1e-9)
    found = steepest(*words, "--unscaled", "--json").json
    assert found["unscaled"]["a"] == pytest.approx(slope, rel=1e-6)
    assert found["unscaled_uncertainty"]["standard_errors"]["a"] == pytest.approx(errors[1], rel=1e-6)
    assert found["scales"]["sqft"]["mean"] == pytest.approx(np.mean(range(500, 4000, 173)))


def test_a_network_without_a_scale_is_one_option_away(steepest: Steepest, tmp_path: Path) -> None:
    place = table(tmp_path / "t.csv", "x,y\n" + "".join(f"{k},{k * k}\n" for k in range(30)))
    assert "standardised" in steepest("fit", place, "y", "--layers", "2", "--epochs", "5").out
    assert "standardised" not in steepest("fit", place, "y", "--layers", "2", "--epochs", "5", "--scale", "none").out
    assert "standardised" not in steepest("fit", "xor", "z", "--layers", "2", "--epochs", "5").out
    assert "standardised" not in steepest("fit", place, "y ~ a*x", "--epochs", "5").out


def test_what_a_fit_of_a_network_adds_is_said_and_left_out_on_request(steepest: Steepest, tmp_path: Path) -> None:
    rows = "".join(f"{k},{int(k % 7 > 3)}\n" for k in range(120))
    place = table(tmp_path / "t.csv", "x,y\n" + rows)
    said = steepest("fit", place, "y", "--layers", "2")
    assert "20% of the rows are held out" in said.err
    assert "--l2 0.003; --l2 0 leaves it out" in said.err
    said = steepest("fit", place, "y", "--layers", "2", "--epochs", "9", "--l2", "0")
    assert "held out" not in said.err
    assert "--l2" not in said.err
    few = table(tmp_path / "few.csv", "x,y\n" + rows[:200])
    assert "held out" not in steepest("fit", few, "y", "--layers", "2").err


def test_the_cure_that_a_crawling_descent_names_works(steepest: Steepest, tmp_path: Path) -> None:
    rows = [(x, 150 * x + 8817.5) for x in range(500, 4000, 173)]
    place = table(tmp_path / "houses.csv", "sqft,price\n" + "".join(f"{x},{y}\n" for x, y in rows))
    words = ("fit", place, "price ~ a*sqft + b")
    slow = steepest(*words, "--rate", "1e-8", "--epochs", "200")
    assert "not converged" in slow.out
    assert "note: without --rate and --optimiser, fit chooses a method by the cost" in slow.err
    found = steepest(*words, "--json").json
    assert found["reason"] == "converged"
    assert found["params"]["b"] == pytest.approx(8817.5, rel=1e-9)
    assert "note: without --rate" not in steepest(*words).err


def test_a_saturated_network_is_told_to_standardise_and_a_formula_that_it_changes(
    steepest: Steepest, tmp_path: Path
) -> None:
    rows = "".join(f"{1000 * k},{2000 + 500 * k},{int(k % 7 > 3)}\n" for k in range(60))
    place = table(tmp_path / "t.csv", "u,v,y\n" + rows)
    words = ("fit", place, "y", "--layers", "3", "--epochs", "300")
    said = steepest(*words, "--scale", "none")
    assert "note: --scale standard standardises the columns" in said.err
    assert "--scale standard" not in steepest(*words).err
    bent = ("fit", place, "u ~ a*exp(-v/tau) + c", "--scale", "standard")
    assert "with standardised columns this is another formula" in steepest(*bent).err
    refused = steepest(*bent, "--unscaled")
    assert (refused.status, refused.out) == (2, "")
    assert "no parameters of the formula undo its scale" in refused.err
