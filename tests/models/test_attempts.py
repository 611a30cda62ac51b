"""Fits without starts arrive where SciPy does from good starts, or say that they are of no use."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

import steepest as st
from sampling import sampled
from steepest.errors import StartError
from steepest.models.estimators import FormulaRegressor
from steepest.training.rescue import STARTS, other_starts
from steepest.training.residuals import Residuals

# Treloar 1974: the velocity of an enzymatic reaction by the concentration of the substrate; R's data set Puromycin.
S = np.array([0.02, 0.02, 0.06, 0.06, 0.11, 0.11, 0.22, 0.22, 0.56, 0.56, 1.1, 1.1])
V = np.array([76, 47, 97, 107, 123, 139, 159, 152, 191, 201, 207, 200.0])
PUROMYCIN = {"S": S, "V": V}

CURVES: dict[str, tuple[Callable[..., Any], list[float]]] = {
    "V ~ Vm*S/(K + S)": (lambda x, a, k: a * x / (k + x), [200, 0.1]),
    "V ~ Vm*S^n/(K^n + S^n)": (lambda x, a, n, k: a * x**n / (k**n + x**n), [200, 1, 0.1]),
    "V ~ a*(1 - exp(-k*S))": (lambda x, a, k: a * (1 - np.exp(-k * x)), [200, 10]),
}


@pytest.mark.parametrize("formula", CURVES)
@pytest.mark.parametrize("seed", sampled(range(10), 5))
def test_drawn_starts_lead_to_the_minimum_of_scipy(formula: str, seed: int) -> None:
    curve, near = CURVES[formula]
    wanted, _ = scipy.optimize.curve_fit(curve, S, V, near)
    run = st.Model(formula).fit(PUROMYCIN, seed=seed).run
    assert run is not None
    assert run.reason == "converged"
    assert run.cost <= np.mean((curve(S, *wanted) - V) ** 2) * (1 + 1e-9)


def test_what_was_done_is_said() -> None:
    run = st.Model("V ~ Vm*S/(K + S)").fit(PUROMYCIN, seed=0).run
    assert run is not None
    (said,) = run.warnings
    assert said.startswith("from a drawn start the fit was no better than the mean of the target (R² = -5.51")
    assert "this is the best of 24 others" in said


def test_a_fit_that_stays_worse_than_the_mean_says_so() -> None:
    table = {"x": np.linspace(0, 1, 20), "y": np.linspace(5, 6, 20)}
    run = st.Model("y ~ -exp(a*x)").fit(table).run  # always negative
    assert run is not None
    assert any("no better than the mean of the target (R² = " in said for said in run.warnings)


def test_a_plain_descent_of_a_few_epochs_is_not_judged() -> None:
    run = st.Model("y ~ exp(a*x)").fit({"x": [1.0, 2, 3], "y": [9.0, 8, 9]}, rate=1e-9, epochs=2).run
    assert run is not None
    assert not run.warnings


def test_a_line_through_the_origin_may_be_worse_than_the_mean() -> None:
    model = st.Model("y ~ b*x").fit({"x": [60.0, 61, 62, 63], "y": [130.0, 131, 130, 130]})
    assert model.evaluate({"x": [60.0, 61, 62, 63], "y": [130.0, 131, 130, 130]})["r2"] < 0
    assert model.run is not None
    assert not model.run.warnings


def test_a_cost_that_is_not_defined_at_a_drawn_start_is_fitted_from_another() -> None:
    x = np.linspace(1, 5, 30)
    table = {"x": x, "y": np.log(x + 2)}
    for seed in range(6):
        model = st.Model("y ~ a*log(x + c)").fit(table, seed=seed)
        assert float(model.params["c"]) == pytest.approx(2, rel=1e-6)
    with pytest.raises(StartError):
        st.Model("y ~ a*log(x + c)").fit(table, start={"a": 1.0, "c": -3.0})


@pytest.mark.parametrize("bounds", [(0, None), (0, 1e-5), (0, 1)])
def test_drawn_starts_are_not_on_an_end_of_their_bounds(bounds: tuple[Any, Any]) -> None:
    """At tau = 0 the cost is not defined."""
    t = np.linspace(0, 5e-6, 60)
    table = {"t": t, "v": 3 * np.exp(-t / 1e-6) + 0.5}
    for seed in range(4):
        model = st.Model("v ~ a*exp(-t/tau) + c").fit(table, bounds={"tau": bounds}, seed=seed)
        assert float(model.params["tau"]) == pytest.approx(1e-6, rel=1e-6)


def test_other_starts_keep_what_is_given_and_try_ones_for_what_was_drawn() -> None:
    starts = other_starts({"a": -2.0, "b": 0.01}, 0, ["b"])
    assert len(starts) == STARTS
    assert starts[0] == {"a": -2.0, "b": 1.0}
    assert all(start["a"] < 0 for start in starts)
    assert len(other_starts({"a": -2.0}, 0)) == STARTS


def test_squares_that_overflow_leave_no_model() -> None:
    model = st.Model("y ~ exp(a*x)", data=["x", "y"])
    residuals = Residuals(model.prepared, {"x": np.array([1.0, 2.0]), "y": np.zeros(2)}, 2)
    assert residuals.model(np.array([300.0]), np.zeros(1)) is None
    assert residuals.model(np.array([1.0]), np.zeros(1)) is not None


def test_estimators_try_other_starts_and_warn() -> None:
    frame = pd.DataFrame({"S": S})
    with pytest.warns(ConvergenceWarning, match="from a drawn start the fit was no better than the mean"):
        found = FormulaRegressor("V ~ Vm*S/(K + S)", random_state=0).fit(frame, V)
    wanted, _ = scipy.optimize.curve_fit(lambda x, a, k: a * x / (k + x), S, V, [200, 0.1])
    assert found.params_["Vm"] == pytest.approx(wanted[0], rel=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FormulaRegressor("V ~ Vm*S/(K + S)", start={"Vm": 100.0, "K": 1.0}).fit(frame, V)


@pytest.mark.parametrize("seed", range(3))
def test_a_curve_that_became_the_mean_is_not_passed_over(seed: int) -> None:
    """Times in microseconds: from tau near 1 the curve is flat, which is a minimum at infinity."""
    t = np.linspace(0, 5e-6, 60)
    table = {"t": t, "v": 3 * np.exp(-t / 1e-6) + 0.5}
    run = st.Model("v ~ a*exp(-t/tau) + a/6").fit(table, seed=seed).run
    assert run is not None
    arrived = run.cost < 1e-20
    assert arrived or any("no better than the mean of the target" in said for said in run.warnings)
