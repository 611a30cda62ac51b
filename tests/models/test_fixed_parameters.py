"""Parameters that keep a number: the others are fitted as if it stood in the formula."""

from __future__ import annotations

import re
from typing import Any

import lmfit
import numpy as np
import pytest
import scipy.optimize

import steepest as st
from command_line import Steepest, table
from command_line import steepest as steepest
from steepest.errors import ModelError

T = np.linspace(0.2, 5, 30)
Y = 2.5 * np.exp(-0.8 * T) + 0.4 + 0.03 * np.random.default_rng(1).standard_normal(30)
DATA = {"t": T, "y": Y}
START = {"a": 2.0, "k": 1.0}


def decay(t: Any, a: float, k: float, c: float) -> Any:
    return a * np.exp(-k * t) + c


@pytest.mark.parametrize("settings", [
    {}, {"optimiser": "newton"}, {"optimiser": "lbfgs"}, {"rate": 0.3, "epochs": 20_000},
    {"optimiser": "adam", "rate": 0.01, "epochs": 20_000},
], ids=lambda settings: str(settings.get("optimiser", (settings and "descent") or "auto")))  # fmt: skip
def test_others_are_fitted_by_every_method(settings: dict[str, Any]) -> None:
    model = st.Model("y ~ a*exp(-k*t) + c").fit(DATA, start=START, fixed={"c": 0.5}, **settings)
    found, covariance = scipy.optimize.curve_fit(lambda t, a, k: decay(t, a, k, 0.5), T, Y, [2, 1], ftol=1e-15)
    assert list(model.params) == ["a", "k", "c"]
    assert [model.params[name] for name in "ak"] == pytest.approx(list(found), rel=1e-6)
    assert model.params["c"] == 0.5
    run = model.run
    assert run is not None
    assert run.fixed == {"c": 0.5}
    assert [float(run.standard_errors[name]) for name in "ak"] == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-5)
    assert run.path[0][1] == run.start == {**START, "c": 0.5}
    np.testing.assert_allclose(model.predict({"t": T}), decay(T, *found, 0.5), rtol=1e-5)


def test_errors_and_intervals_are_those_of_lmfit() -> None:
    run = st.Model("y ~ a*exp(-k*t) + c").fit(DATA, start=START, fixed={"c": 0.4}).run
    assert run is not None
    peer = lmfit.Model(decay, independent_vars=["t"])
    found = peer.fit(Y, t=T, a=2, k=1, c=lmfit.Parameter("c", value=0.4, vary=False))
    for name in "ak":
        assert run.params[name] == pytest.approx(found.params[name].value, rel=1e-6)
        assert run.standard_errors[name] == pytest.approx(found.params[name].stderr, rel=1e-4)
    assert run.uncertainty().degrees_of_freedom == found.nfree == 28
    assert "c" not in run.intervals()


@pytest.mark.parametrize(
    ("fixed", "words"),
    [
        ({"q": 1.0}, "fixed has 'q', which is no parameter of the formula"),
        ({"t": 1.0}, "fixed has 't', which is no parameter"),
        ({"a": 1.0}, "'a' is both in start and fixed"),
        ({"c": "high"}, "the value of 'c' in fixed is a finite number, not 'high'"),
        ({"c": np.inf}, "a finite number, not inf"),
        ({"a": 1, "k": 1, "c": 1}, "nothing is left to fit"),
    ],
)
def test_what_cannot_be_fixed(fixed: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        st.Model("y ~ a*exp(-k*t) + c").fit(DATA, start={"a": 2.0}, fixed=fixed)


def test_arrays_cannot_be_fixed() -> None:
    with pytest.raises(ModelError, match=r"'W1' is an array of the shape \(2, 1\)"):
        st.Model("y ~ dense(X, 1)", data={"X": 2, "y": ()}).fit({"X": np.eye(2), "y": [1.0, 2.0]}, fixed={"W1": 1.0})


def test_the_command_line(steepest: Steepest, tmp_path: Any) -> None:
    path = table(tmp_path / "t.csv", "t,y\n" + "".join(f"{a},{b}\n" for a, b in zip(T, Y, strict=True)))
    said = steepest(
        "fit", path, "y ~ a*exp(-k*t) + c", "--fix", "c=0.5", "--start", "a=2,k=1", "--save", "m.safetensors"
    )
    assert said.status == 0
    assert re.search(r"^  c +0\.5   fixed$", said.out, re.MULTILINE)
    assert steepest("fit", path, "y ~ a*exp(-k*t) + c", "--fix", "q=1").err.startswith("steepest: --fix has 'q', which")
    both = steepest("fit", path, "y ~ a*exp(-k*t) + c", "--fix", "c=1", "--start", "c=2")
    assert (both.status, "'c' is both in --start and --fix" in both.err) == (2, True)
    again = st.load("m.safetensors")
    assert again.params["c"] == 0.5
