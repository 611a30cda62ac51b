"""Fits by ``plot``, ``paper`` and ``fit``: the same options, the same method, the same numbers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import curve_fit

from command_line import Steepest
from command_line import steepest as steepest

FORMULA = "y ~ a*exp(-t/tau) + c"
_rng = np.random.default_rng(0)
T, SIGMA = np.linspace(0, 5, 40), 0.05 + 0.02 * _rng.random(40)
Y = 3 * np.exp(-T / 1.3) + 0.5 + SIGMA * _rng.standard_normal(40)


def decay(t: np.ndarray, a: float, tau: float, c: float) -> np.ndarray:
    return a * np.exp(-t / tau) + c


@pytest.fixture(autouse=True)
def _table(steepest: Steepest) -> None:
    rows = zip(T, Y, 1 / SIGMA**2, strict=True)
    Path("d.csv").write_text("t,y,w\n" + "".join(f"{t},{y},{w}\n" for t, y, w in rows))


def test_a_paper_of_a_formula_takes_the_method_of_fit(steepest: Steepest) -> None:
    fitted = steepest("fit", "d.csv", FORMULA, "--json").json
    said = steepest("paper", FORMULA, "d.csv", "-o", "p.md", "--no-compare", "--json").json
    assert (said["cost"], said["params"]) == (fitted["cost"], fitted["params"])
    text = Path("p.md").read_text()
    assert "of Levenberg–Marquardt, in" in text
    assert "converged after" in text
    code = re.search(r"```python\n(import steepest as st.*?)```", text, re.S)
    assert code is not None
    found: dict[str, object] = {}
    exec(code[1], found)
    assert found["model"].params == pytest.approx(fitted["params"], rel=1e-9)  # type: ignore[attr-defined]


def test_a_rate_means_plain_descent_as_for_fit(steepest: Steepest) -> None:
    words = ("--rate", "0.05", "--epochs", "40", "--start", "a=1,tau=1,c=0")
    fitted = steepest("fit", "d.csv", FORMULA, *words, "--json").json
    said = steepest("paper", FORMULA, "d.csv", "-o", "p.md", "--no-compare", "--json", *words).json
    assert said["cost"] == fitted["cost"]
    assert "40 epochs of gradient descent at the rate 0.05" in Path("p.md").read_text()


def test_ties_restarts_and_bounds_of_papers(steepest: Steepest) -> None:
    words = ("--tie", "c=a/6", "--restarts", "3", "--bounds", "tau=0.1:10", "--fix", "a=3")
    fitted = steepest("fit", "d.csv", FORMULA, *words, "--json").json
    said = steepest("paper", FORMULA, "d.csv", "-o", "p.md", "--no-compare", "--json", *words).json
    assert said["params"] == fitted["params"]
    assert said["params"]["c"] == pytest.approx(0.5)
    text = Path("p.md").read_text()
    for setting in ("tied={'c': 'a/6'}", "fixed={'a': 3.0}", "bounds={'tau': (0.1, 10.0)}", "restarts=3"):
        assert setting in text


@pytest.mark.parametrize("words", [["paper", FORMULA], ["paper", "linear"], ["paper", "m.safetensors", "d.csv"]])
def test_ties_need_a_formula_and_a_table(steepest: Steepest, words: list[str]) -> None:
    assert steepest("fit", "d.csv", FORMULA, "--save", "m.safetensors").status == 0
    said = steepest(*words, "-o", "p.md", "--tie", "c=a/6")
    assert said.status == 2
    assert "--tie" in said.err
    assert "need a formula and a TABLE" in said.err


@pytest.mark.parametrize("kind", ["fit", "residuals", "profile"])
def test_ties_and_restarts_of_plots(steepest: Steepest, kind: str) -> None:
    fitted = steepest("fit", "d.csv", FORMULA, "--tie", "c=a/6", "--restarts", "3", "--json").json
    said = steepest("plot", kind, FORMULA, "d.csv", "-o", "p.svg", "--tie", "c=a/6", "--restarts", "3", "--json")
    assert said.status == 0
    if kind == "profile":
        assert f"a is {fitted['params']['a']:.4g}" in said.json["description"]


def test_absolute_sigma_gives_the_errors_of_curve_fit(steepest: Steepest) -> None:
    for absolute in (True, False):
        words = ("--weights", "w", *["--absolute-sigma"] * absolute)
        found = steepest("fit", "d.csv", FORMULA, *words, "--json", "--save", "m.safetensors", "--force").json
        _, covariance = curve_fit(decay, T, Y, (3, 1, 0.5), SIGMA, absolute_sigma=absolute, ftol=1e-14, xtol=1e-14)
        errors = found["uncertainty"]["standard_errors"]
        np.testing.assert_allclose(errors, np.sqrt(np.diag(covariance)), rtol=1e-5)
        assert found["uncertainty"]["absolute_sigma"] is absolute
        said = steepest("fit", "d.csv", FORMULA, *words, "--summary").out
        assert f"± {errors[0]:.2g}" in said
        steepest("paper", FORMULA, "d.csv", "-o", "p.md", "--no-compare", "--force", *words)
        assert ("absolute standard deviations" in Path("p.md").read_text()) is absolute
        again = steepest("plot", "profile", "m.safetensors", "d.csv", "-o", "p.svg", "--force", "--json").json
        assert again == steepest("plot", "profile", FORMULA, "d.csv", "-o", "p.svg", "--force", "--json", *words).json


def test_absolute_sigma_is_refused_for_likelihoods_and_explained(steepest: Steepest) -> None:
    said = steepest("fit", "d.csv", FORMULA, "--cost", "poisson", "--absolute-sigma")
    assert (said.status, said.out) == (2, "")
    assert "--absolute-sigma is for least squares; leave it out for this cost" in said.err
    assert "1/σ²" in steepest("fit", "--help").out
