"""Starts of parameters by the units of columns: decays in µs, ns and years arrive from every seed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy.optimize import curve_fit

import steepest as st
from sampling import sampled
from steepest.models.magnitudes import magnitudes


def decay(t: Any, a: float, tau: float, c: float = 0.0) -> Any:
    return a * np.exp(-t / tau) + c


def table(unit: float, size: float = 1.0) -> dict[str, Any]:
    t = np.linspace(0.01, 1, 40)
    y = decay(t, 3, 0.3) + 0.05 * np.random.default_rng(0).standard_normal(40)
    return {"t": t * unit, "y": y * size}


@pytest.mark.parametrize("formula", ["y ~ a*exp(-t/tau)", "y ~ a*exp(-t/tau) + c", "y ~ a*exp(-k*t) + c"])
@pytest.mark.parametrize(("unit", "size"), [(1e-4, 1e-6), (1e-6, 1.0), (1e-9, 1e5), (1e9, 1.0), (1.0, 1.0)])
@pytest.mark.parametrize("seed", sampled(range(20), 3))
def test_decays_arrive_from_every_seed(formula: str, unit: float, size: float, seed: int) -> None:
    data = table(unit, size)
    near = (3, 0.3, 0.1) if "+ c" in formula else (3, 0.3)
    wanted, _ = curve_fit(decay, data["t"] / unit, data["y"] / size, near)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = st.Model(formula).fit(data, seed=seed)
    assert model.run is not None
    assert model.run.reason == "converged"
    tau = model.params["tau"] if "tau" in formula else 1 / model.params["k"]
    assert (model.params["a"] / size, tau / unit) == pytest.approx(tuple(wanted[:2]), rel=1e-4)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("y ~ a*exp(-t/tau) + c", {"a": 500, "tau": 2e-6, "c": 500}),
        ("y ~ a*exp(-k*t) + c", {"a": 500, "k": 5e5, "c": 500}),
        ("y ~ Vm*t/(K + t)", {"Vm": 500, "K": 2e-6}),
        ("y ~ a*t^2 + b*t", {"a": 500 / 4e-12, "b": 500 / 2e-6}),
        ("y ~ a*sin(w*t + p)", {"a": 500, "w": 5e5, "p": 1}),
        ("y ~ a*exp(-t)", {"a": 500}),  # t is a pure number here
        ("y ~ a*x + b", {"a": 500, "b": 500}),
    ],
)
def test_parameters_have_the_units_of_the_columns(formula: str, expected: dict[str, float]) -> None:
    data = {"t": np.array([1e-6, 2e-6]), "x": np.array([0.5, 2.0]), "y": np.array([-500.0, 3.0])}
    model = st.Model(formula)
    found = magnitudes(model, model.samples(data).arrays)
    assert found == pytest.approx({name: float(value) for name, value in expected.items()}, rel=1e-3)


def test_usual_sizes_change_no_start() -> None:
    data = {"t": np.array([0.2, 5.0]), "y": np.array([-3.0, 3.0])}
    model = st.Model("y ~ a*exp(-t/tau)")
    assert magnitudes(model, model.samples(data).arrays) == {"a": 1.0, "tau": 1.0}
