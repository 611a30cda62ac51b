"""Bounds of parameters, against SciPy's trust-region reflective method and L-BFGS-B."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import scipy.optimize

import steepest as st
from command_line import Steepest
from command_line import steepest as steepest
from command_line import table as written
from steepest.errors import DescentError, InferenceError
from steepest.training.derivatives import Derivatives

RNG = np.random.default_rng(5)
T = np.linspace(0.1, 4, 40)
Y = 2.5 * np.exp(-1.3 * T) + 0.4 + 0.05 * RNG.standard_normal(40)
TABLE = {"t": T, "y": Y}
START = {"a": 1.0, "k": 1.0, "c": 0.5}


def residuals(x: Any) -> Any:
    return x[0] * np.exp(-x[1] * T) + x[2] - Y


BOUNDS: dict[str, dict[str, tuple[float | None, float | None]]] = {
    "wide": {"a": (-10, 10), "k": (0, 10)},
    "one below": {"a": (0.5, 2.0)},
    "one above": {"k": (None, 1.2)},
    "two": {"a": (0.5, 2.0), "k": (0.9, 1.1)},
    "opposite": {"c": (0.5, None), "a": (None, 2.2)},
    "all": {"a": (0.9, 1.1), "k": (0.9, 1.1), "c": (0.5, 0.6)},
}


def ends(bounds: dict[str, tuple[float | None, float | None]]) -> tuple[list[float], list[float]]:
    pairs = [bounds.get(name, (None, None)) for name in START]
    return [-np.inf if a is None else a for a, _ in pairs], [np.inf if b is None else b for _, b in pairs]


def fitted(formula: str, data: dict[str, Any], cost: str = "mse", **settings: Any) -> st.Descent:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = st.Model(formula, cost).fit(data, **settings).run
    assert run is not None
    return run


@pytest.mark.parametrize("settings", [
    {}, {"optimiser": "newton"}, {"rate": 0.2, "epochs": 20_000},
    {"rate": 0.2, "epochs": 20_000, "engine": "reference"},
    {"optimiser": "adam", "rate": 0.01, "epochs": 20_000}, {"optimiser": "momentum", "rate": 0.02, "epochs": 20_000},
], ids=["auto", "newton", "descent", "reference", "adam", "momentum"])  # fmt: skip
@pytest.mark.parametrize("name", BOUNDS)
def test_fits_agree_with_the_reflective_method(name: str, settings: dict[str, Any]) -> None:
    bounds = BOUNDS[name]
    run = fitted("y ~ a*exp(-k*t) + c", TABLE, start=START, bounds=bounds, **settings)
    low, high = ends(bounds)
    found = scipy.optimize.least_squares(
        residuals, list(START.values()), bounds=(low, high), ftol=1e-15, xtol=1e-15, gtol=1e-15
    )
    assert run.cost == pytest.approx(2 * found.cost / len(T), rel=1e-7)
    assert list(run.params.values()) == pytest.approx(found.x, rel=2e-4)
    assert all(np.min(lo) <= run.params[each] <= np.max(hi) for each, lo, hi in zip(START, low, high, strict=True))
    assert run.reason == "converged" or (run.reason, settings.get("optimiser")) == ("budget", "adam")
    held = [n for n, lo, hi, x in zip(START, low, high, found.x, strict=True) if min(x - lo, hi - x) < 1e-9]
    assert sorted(said.split(" is at its ")[0] for said in run.warnings if "bound" in said) == sorted(held)


@pytest.mark.parametrize("optimiser", ["newton", "gradient-descent"])
@pytest.mark.parametrize("bounds", [{"a": (None, 1.0)}, {"a": (2.5, 3.0)}, {"b": (-1.0, 0.0), "a": (0.0, 9.0)}])
def test_likelihoods_agree_with_lbfgsb(bounds: Any, optimiser: str) -> None:
    data = {"t": T, "y": (T + RNG.standard_normal(40) > 2).astype(float)}
    model = st.Model("y ~ sigmoid(a*t + b)", "cross_entropy", data=["t", "y"])
    start = {
        "a": float(np.clip(0.5, *[v if v is not None else s for v, s in zip(bounds["a"], (-9, 9), strict=True)])),
        "b": -0.5,
    }
    settings = {"optimiser": optimiser, **({} if optimiser == "newton" else {"rate": 0.3, "epochs": 60_000})}
    run = model.fit(data, start=start, bounds=bounds, **settings).run
    assert run is not None
    whole = Derivatives(model.prepared, data, len(T))
    pairs = [bounds.get(name, (None, None)) for name in ("a", "b")]
    found = scipy.optimize.minimize(whole.merit, [start["a"], start["b"]], jac=whole.gradient, method="L-BFGS-B",
                                    bounds=pairs, options={"ftol": 1e-16, "gtol": 1e-10})  # fmt: skip
    assert run.cost == pytest.approx(found.fun, rel=1e-9)
    assert list(run.params.values()) == pytest.approx(found.x, abs=1e-4)
    assert run.reason == "converged"


def test_errors_are_refused_at_a_bound_and_given_within() -> None:
    at = fitted("y ~ a*exp(-k*t) + c", TABLE, start=START, bounds=BOUNDS["one below"])
    with pytest.raises(InferenceError, match="bound"):
        at.standard_errors  # noqa: B018
    inside = fitted("y ~ a*exp(-k*t) + c", TABLE, start=START, bounds=BOUNDS["wide"])
    plain = fitted("y ~ a*exp(-k*t) + c", TABLE, start=START)
    assert inside.standard_errors == pytest.approx(plain.standard_errors, rel=1e-6)
    assert not inside.warnings


def test_starts_that_are_drawn_are_moved_within() -> None:
    run = fitted("y ~ a*exp(-k*t) + c", TABLE, bounds={"k": (5.0, 6.0), "a": (None, -3.0)}, rate=1e-3, epochs=1)
    free = fitted("y ~ a*exp(-k*t) + c", TABLE, rate=1e-3, epochs=1)
    assert free.start["k"] < 5.0  # reflected at the end, but not beyond the middle
    assert free.start["a"] > -3.0
    assert run.start["k"] == 5.5
    assert run.start["a"] == pytest.approx(-6.0 - free.start["a"], rel=1e-12)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bounds": {"q": (0, 1)}}, "bounds has 'q', which is not a parameter of the cost"),
        ({"bounds": {"a": (2, 1)}}, r"the bounds of 'a' are \(low, high\) with low below high, not \(2, 1\)"),
        ({"bounds": {"a": 3}}, r"the bounds of 'a' are \(low, high\)"),
        ({"bounds": {"a": (2, 3)}, "start": {"a": 1.0}}, "the start a = 1.0 is outside of its bounds 2 and 3"),
    ],
)
def test_bounds_that_do_not_fit(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(DescentError, match=words):
        st.Model("y ~ a*exp(-k*t) + c").fit(TABLE, **settings)


def test_the_command_line(steepest: Steepest, tmp_path: Any) -> None:
    path = written(tmp_path / "t.csv", "t,y\n" + "".join(f"{a},{b}\n" for a, b in zip(T, Y, strict=True)))
    words = ("fit", path, "y ~ a*exp(-k*t) + c", "--start", "a=1,k=1,c=0.5")
    said = steepest(*words, "--bounds", "a=0.5:2,k=0:", "--json")
    assert said.status == 0
    assert said.json["params"]["a"] == 2.0
    assert said.json["warnings"] == ["a is at its upper bound 2"]
    assert "bound" in said.json["uncertainty"]["refusal"]
    for text in ("a=2", "a=x:1", "=1:2", "a"):
        wrong = steepest(*words, "--bounds", text)
        assert (wrong.status, "is not of the form name=low:high" in wrong.err) == (2, True)
    assert "low below high" in steepest(*words, "--bounds", "a=3:2").err
