"""Parameters that are tied to others: values, errors and refusals, against lmfit and statsmodels."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import lmfit
import numpy as np
import pytest
import statsmodels.api as sm

import steepest as st
from command_line import Steepest, table
from command_line import steepest as steepest
from steepest.errors import ModelError

RNG = np.random.default_rng(4)
T = np.linspace(0.1, 8, 60)
Y = 3 * np.exp(-1.4 * T) + 1.5 * np.exp(-0.35 * T) + 0.02 * RNG.standard_normal(60)
DATA = {"t": T, "y": Y}
TWO = "y ~ a*exp(-k1*t) + b*exp(-k2*t)"
START = {"a": 2.0, "b": 1.0, "k1": 1.0}


def two(t: Any, a: float, b: float, k1: float, k2: float) -> Any:
    return a * np.exp(-k1 * t) + b * np.exp(-k2 * t)


def peer(**ties: str) -> Any:
    params = lmfit.Parameters()
    for name, value in {**START, "k2": 0.3}.items():
        params.add(name, value=value)
    for name, text in ties.items():
        params[name].set(expr=text)
    return lmfit.Model(two, independent_vars=["t"]).fit(
        Y, params, t=T, method="leastsq", fit_kws={"xtol": 1e-14, "ftol": 1e-15}
    )


@pytest.mark.parametrize(
    ("ties", "settings"),
    [
        ({"k2": "k1/4"}, {}),
        ({"k2": "k1/4"}, {"optimiser": "newton"}),
        ({"k2": "k1/4"}, {"optimiser": "lbfgs"}),
        ({"k2": "k1/(a + b)"}, {}),
        ({"k2": "k1*exp(-a/2)", "b": "a/2"}, {}),
        ({"b": "a*k2*2", "k2": "k1/4"}, {}),  # through another tied one
    ],
    ids=str,
)
def test_values_and_errors_are_those_of_lmfit(ties: dict[str, str], settings: dict[str, Any]) -> None:
    start = {name: value for name, value in START.items() if name not in ties}
    run = st.Model(TWO).fit(DATA, start=start, tied=ties, **settings).run
    wanted = peer(**ties)
    assert run is not None
    assert run.reason == "converged"
    assert run.tied == ties
    assert list(run.params) == ["a", "k1", "b", "k2"]
    errors, intervals = run.standard_errors, run.intervals()
    for name in run.params:
        assert run.params[name] == pytest.approx(wanted.params[name].value, rel=1e-5)  # lmfit takes differences
        assert errors[name] == pytest.approx(wanted.params[name].stderr, rel=2e-4)
        half = (intervals[name][1] - intervals[name][0]) / 2
        assert half == pytest.approx(run.uncertainty().quantile(0.95) * wanted.params[name].stderr, rel=2e-4)
    assert run.uncertainty().degrees_of_freedom == wanted.nfree
    assert run.covariance.shape == (4 - len(ties), 4 - len(ties))


def test_the_delta_method_is_the_chain_rule() -> None:
    run = st.Model(TWO).fit(DATA, start=START, tied={"k2": "k1/(a + b)"}).run
    assert run is not None
    a, b, k1 = (run.params[name] for name in ("a", "b", "k1"))
    slope = {"a": -k1 / (a + b) ** 2, "b": -k1 / (a + b) ** 2, "k1": 1 / (a + b)}
    g = np.array([slope[label] for label in run.uncertainty().labels])
    assert run.standard_errors["k2"] == pytest.approx(float(np.sqrt(g @ run.covariance @ g)), rel=1e-12)


def test_every_part_of_the_result_has_all_parameters() -> None:
    model = st.Model(TWO).fit(DATA, start=START, tied={"k2": "k1/4"})
    run = model.run
    assert run is not None
    for params in (run.params, run.start, model.params, *(row for _, row in run.path)):
        assert params["k2"] == pytest.approx(params["k1"] / 4, rel=1e-15)
    np.testing.assert_allclose(model.predict({"t": T}), two(T, **run.params), rtol=1e-12)
    assert "k2" in run.summary()
    assert run.uncertainty().as_dict()["tied"]["standard_errors"] == [run.standard_errors["k2"]]


def test_a_restricted_linear_model_is_that_of_statsmodels() -> None:
    X = RNG.standard_normal((50, 3))
    y = X @ [1.0, 2.0, 2.0] + 0.3 + 0.2 * RNG.standard_normal(50)
    run = st.Model("y ~ b0 + b1*u + b2*v + b3*w").fit(
        {"u": X[:, 0], "v": X[:, 1], "w": X[:, 2], "y": y}, tied={"b3": "b2"}
    ).run  # fmt: skip
    assert run is not None
    wanted = sm.GLM(y, sm.add_constant(X)).fit_constrained("x2 = x3")
    assert [run.params[f"b{k}"] for k in range(4)] == pytest.approx(list(wanted.params), rel=1e-8)
    assert [run.standard_errors[f"b{k}"] for k in range(4)] == pytest.approx(list(wanted.bse), rel=1e-8)


def test_arrays_and_fixed_ones() -> None:
    X = RNG.standard_normal((40, 3))
    y = X @ [1.0, -2.0, 0.5]
    samples = {"X": X, "y": y}
    model = st.Model("y ~ X @ v + X @ w", data={"X": 3, "y": ()}, params={"v": 3, "w": 3})
    run = model.fit(samples, tied={"w": "2*v"}).run
    assert run is not None
    np.testing.assert_allclose(run.params["v"], [1 / 3, -2 / 3, 1 / 6], rtol=1e-9)
    np.testing.assert_array_equal(run.params["w"], 2 * np.asarray(run.params["v"]))
    with pytest.raises(ModelError, match=r"w = sum\(v\) in tied has the shape \(\), but 'w' has the shape \(3,\)"):
        model.fit(samples, tied={"w": "sum(v)"})
    both = st.Model(TWO).fit(DATA, start={"a": 2, "b": 1}, fixed={"k1": 1.4}, tied={"k2": "k1/4"}).run
    assert both is not None
    assert both.params["k2"] == pytest.approx(0.35)
    assert both.standard_errors["k2"] == 0.0
    assert both.fixed == {"k1": 1.4}


def test_ties_with_restarts_and_ranges() -> None:
    run = st.Model(TWO).fit(DATA, start={"k1": (0.1, 10), "a": (0.1, 10)}, tied={"k2": "k1/4"}, restarts=8).run
    assert run is not None
    assert run.params["k1"] == pytest.approx(peer(k2="k1/4").params["k1"].value, rel=1e-5)
    assert len(run.reasons) == len(run.restarts or []) == 8


@pytest.mark.parametrize(
    ("ties", "settings", "words"),
    [
        ({"q": "a"}, {}, "tied has 'q', which is no parameter of the formula"),
        ({"t": "a"}, {}, "tied has 't', which is a column"),
        ({"b": "q"}, {}, "the tie b = q in tied has 'q', which is no parameter"),
        ({"b": "a*t"}, {}, "has 't', which is a column; a tie is an expression of parameters"),
        ({"b": "b"}, {}, "the ties b = b in tied form a circle"),
        ({"b": "a", "a": "k1", "k1": "2*b"}, {}, "the ties b = a, a = k1, k1 = 2*b in tied form a circle"),
        ({"b": "3"}, {}, "has no parameter; fix 'b' at that number instead"),
        ({"b": 3}, {}, "the tie of 'b' in tied is a text such as '2*b', not 3"),
        ({"b": "a +"}, {}, "the tie b = a + in tied cannot be read"),
        ({"a": "b", "b": "k1", "k1": "k2", "k2": "a"}, {}, "tied has every parameter of the formula"),
        ({"b": "a"}, {"fixed": {"b": 1.0}}, "'b' is both in fixed and tied; leave it out of one of them"),
        ({"b": "a"}, {"start": {"b": 1.0}}, "'b' is both in start and tied"),
        ({"b": "a"}, {"bounds": {"b": (0, 1)}}, "'b' is both in bounds and tied"),
        ({"b": "a", "k2": "k1"}, {"fixed": {"a": 1.0, "k1": 1.0}}, "nothing is left to fit"),
    ],
)
def test_what_cannot_be_tied(ties: Any, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=re.escape(words)) as found:
        st.Model(TWO).fit(DATA, tied=ties, **settings)
    assert "\n" not in str(found.value)


def test_the_command_line(steepest: Steepest, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "t,y\n" + "".join(f"{a},{b}\n" for a, b in zip(T, Y, strict=True)))
    said = steepest("fit", path, TWO, "--tie", "k2=min(k1, max(k1, a))/4, b=a/2", "--start", "a=2,k1=1", "--save",
                    "m.safetensors")  # fmt: skip
    assert said.status == 0, said.err
    assert re.search(r"^  b +\S+ +± \S+ += a/2$", said.out, re.MULTILINE)
    assert re.search(r"^  k2 +\S+ +(± \S+)? += min\(k1, max\(k1, a\)\)/4$", said.out, re.MULTILINE)
    loaded = st.load("m.safetensors")
    assert loaded.params["b"] == pytest.approx(loaded.params["a"] / 2)
    assert loaded.settings["tie"] == {"k2": "min(k1, max(k1, a))/4", "b": "a/2"}
    (tmp_path / "o.toml").write_text('[fit]\ntie = {k2 = "k1/4"}\n')
    given = ["--config", str(tmp_path / "o.toml"), "--start", "k1=1"]
    found = json.loads(steepest("fit", path, TWO, *given, "--json").out)
    assert found["tied"] == {"k2": "k1/4"}
    assert found["params"]["k2"] == pytest.approx(found["params"]["k1"] / 4)
    for given, words in (
        (["--tie", "q=a"], "steepest: --tie has 'q', which is no parameter"),
        (["--tie", "b=a", "--start", "b=2"], "'b' is both in --start and --tie"),
        (["--tie", "b=a", "--fix", "b=2"], "'b' is both in --fix and --tie"),
        (["--tie", "b"], "'b' is not of the form name=expression"),
    ):
        refused = steepest("fit", path, TWO, *given)
        assert (refused.status, words in refused.err) == (2, True), refused.err
