"""Levenberg–Marquardt and Newton's method: steps, models, agreement with SciPy, and settings."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as draw

import steepest as st
from steepest.calculus.prepared import prepare
from steepest.calculus.sums_of_squares import squared_terms
from steepest.errors import DescentError
from steepest.training.compensated import transposed_product
from steepest.training.derivatives import Derivatives
from steepest.training.quadratic import Quadratic, of_hessian, of_squares
from steepest.training.residuals import Residuals

RNG = np.random.default_rng(3)
T = np.linspace(0.1, 4, 60)
DECAY = 2.5 * np.exp(-1.3 * T) + 0.4 + 0.05 * RNG.standard_normal(60)
MODELS: dict[str, tuple[str, Any, dict[str, float]]] = {
    "decay": ("y ~ a*exp(-k*t) + c", lambda t, a, k, c: a * np.exp(-k * t) + c, {"a": 1.0, "k": 1.0, "c": 0.0}),
    "rational": ("y ~ a/(1 + k*t) + c", lambda t, a, k, c: a / (1 + k * t) + c, {"a": 1.0, "k": 1.0, "c": 0.0}),
    "power": ("y ~ a*t^k + c", lambda t, a, k, c: a * t**k + c, {"a": 1.0, "k": -0.5, "c": 0.0}),
    "hill": ("y ~ a/(1 + (t/c)^k)", lambda t, a, c, k: a / (1 + (t / c) ** k), {"a": 3.0, "c": 1.0, "k": 1.0}),
    "wave": ("y ~ a*sin(k*t) + c", lambda t, a, k, c: a * np.sin(k * t) + c, {"a": 1.0, "k": 0.7, "c": 0.0}),
}  # fmt: skip


@pytest.mark.parametrize("optimiser", ["lm", "newton"])
@pytest.mark.parametrize("name", MODELS)
def test_fits_agree_with_scipy(name: str, optimiser: str) -> None:
    formula, function, start = MODELS[name]
    run = st.Model(formula).fit({"t": T, "y": DECAY}, start=start, optimiser=optimiser).run
    assert run is not None
    assert run.reason == "converged"
    wanted, _ = scipy.optimize.curve_fit(function, T, DECAY, list(run.params.values()), ftol=1e-15, xtol=1e-15)
    assert list(run.params.values()) == pytest.approx(list(wanted), rel=1e-7)


@pytest.mark.parametrize("cost", ["cross_entropy", "poisson", "(prediction - target)^4"])
def test_newton_agrees_with_scipy(cost: str) -> None:
    table = {"t": T, "y": (DECAY + 0.8 * RNG.standard_normal(60) > 1).astype(float)}
    model = st.Model("y ~ sigmoid(a*t + b)", cost)
    run = model.fit(table, optimiser="newton").run
    assert run is not None
    assert run.reason == "converged"
    whole = Derivatives(model.prepared, table, len(T))
    found = scipy.optimize.minimize(whole.merit, [0.1, 0.1], jac=whole.gradient, method="BFGS", options={"gtol": 1e-9})
    assert list(run.params.values()) == pytest.approx(list(found.x), rel=1e-6)


def test_residuals_and_jacobian_are_those_of_the_cost() -> None:
    """Weights, several outputs and penalties: f·Σr² is the cost but for a constant, 2f·Jᵀr its gradient."""
    table = {"X": RNG.standard_normal((20, 3)), "y": RNG.standard_normal((20, 2)), "v": RNG.uniform(0.5, 2, 20)}
    model = st.Model("y ~ dense(tanh(dense(X, 2)), 2)", data={"X": 3, "y": 2}, l2=0.3, weights="v")
    samples = model.samples(table)
    prepared = model.prepared
    squares = Residuals(prepared, samples.arrays, 20)
    whole = Derivatives(prepared, samples.arrays, 20)
    flat = RNG.standard_normal(len(squares.labels))
    assert squares.factor * squares.merit(flat) == pytest.approx(whole.merit(flat), rel=1e-13)
    slope = 2 * squares.factor * squares.jacobian(flat).T @ squares.values(flat)
    np.testing.assert_allclose(slope, whole.gradient(flat), rtol=1e-11, atol=1e-13)


def test_the_hessian_is_the_derivative_of_the_gradient() -> None:
    prepared = prepare(st.parse("mean((y - a*exp(-k*t))^2) + a^2*k", data=["t", "y"]))
    whole = Derivatives(prepared, {"t": T, "y": DECAY}, len(T))
    at, step = np.array([0.8, 1.1]), 1e-6
    units = np.eye(2) * step
    differences = [(whole.gradient(at + unit) - whole.gradient(at - unit)) / (2 * step) for unit in units]
    np.testing.assert_allclose(whole.hessian(at), differences, rtol=1e-8)


@pytest.mark.parametrize(
    ("formula", "found"),
    [
        ("mean((y - w*t)^2)", 1), ("total((y - w*t)^2)/7", 1), ("0.5*mean(t*(y - w*t)^2) + 3", 1),
        ("mean((y - w*t)^2) + 0.1*w^2", 2), ("mean((y - w*t)*(y - w*t))", 1), ("(w - 3)^2 + (w*v - 1)^2", 2),
        ("mean(abs(y - w*t))", 0), ("mean((y - w*t)^2) - w^2", 0), ("mean((y - w*t)^2)^2", 0),
        ("mean(w*(y - w*t)^2)", 0), ("mean((y - mean(w*t))^2)", 0), ("sqrt(mean((y - w*t)^2))", 0),
    ],
)  # fmt: skip
def test_sums_of_squares_are_recognised(formula: str, found: int) -> None:
    terms = squared_terms(st.parse(formula, data=["t", "y"]))
    assert (0 if terms is None else len(terms)) == found


@settings(max_examples=60, deadline=None)
@given(draw.integers(1, 5), draw.integers(0, 2**31), draw.floats(1e-3, 1e3), draw.booleans())
def test_steps_minimise_the_model_within_the_radius(size: int, seed: int, radius: float, definite: bool) -> None:
    """No point of the region that a search finds lies lower, also where the curvature is negative."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((size, size))
    hessian, gradient = (a @ a.T if definite else a + a.T), rng.standard_normal(size)
    model = of_hessian(gradient, hessian, np.ones(size))

    def value(step: Any) -> float:
        return float(gradient @ step + 0.5 * step @ hessian @ step)

    step, decrease, length = model.step(radius)
    assert np.linalg.norm(model.scales * step) == pytest.approx(length, rel=1e-9)
    assert length <= 1.1 * radius * (1 + 1e-9)
    assert value(step) == pytest.approx(-decrease, rel=1e-7, abs=1e-9)
    others = rng.standard_normal((400, size)) / model.scales
    others *= 0.9 * radius / np.linalg.norm(others * model.scales, axis=1)[:, None] * rng.uniform(0, 1, (400, 1))
    assert value(step) <= min(map(value, others)) + 1e-9 * abs(value(step))


def test_the_hard_case_leaves_a_saddle() -> None:
    model = of_hessian(np.array([0.0, 1.0]), np.diag([-1.0, 2.0]), np.ones(2))
    step, decrease, _ = model.step(1.0)
    assert abs(step[0]) > 0.5
    assert decrease > 0.25 * 0.5


def test_gauss_newton_keeps_the_digits_of_the_jacobian() -> None:
    """Läuchli's matrix: JᵀJ is singular in double precision, the QR factorisation is not."""
    e = 1e-9
    jacobian = np.array([[1.0, 1.0], [e, 0.0], [0.0, e]])
    model = of_squares(-jacobian @ [1.0, 2.0], jacobian, np.zeros(2))
    step, _, _ = model.step(np.inf)
    np.testing.assert_allclose(step, [1.0, 2.0], rtol=1e-6)


def test_sums_that_cancel_keep_their_digits() -> None:
    a, b = RNG.standard_normal((1001, 3)), RNG.standard_normal(1001)
    exact = [float(sum(Fraction(u) * Fraction(v) for u, v in zip(column, b, strict=True))) for column in a.T]
    np.testing.assert_allclose(transposed_product(a, b), exact, rtol=2e-16)
    a[-1] = -(a[:-1] * b[:-1, None]).sum(axis=0) / b[-1]
    assert np.abs(transposed_product(a, b)).max() < 1e-12


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"optimiser": "lm", "cost": "mae"}, "minimises sums of squares, as of mse, but this cost is none"),
        ({"optimiser": "lm", "maximise": True}, "this cost is maximised"),
        ({"optimiser": "lm", "batch": 5}, "needs the cost of the whole table; leave batch out"),
        ({"optimiser": "newton", "gradient": "layerwise"}, "needs the true gradient"),
        ({"optimiser": "lm", "memory": {"(region) radius": [1.0, 2.0]}}, "not in the state of lm"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, Any], words: str) -> None:
    model = st.Model("y ~ a*t + b", settings.pop("cost", "mse"))
    with pytest.raises(DescentError, match=words):
        model.fit({"t": T, "y": DECAY}, **settings)


def test_a_descent_continues_from_its_memory() -> None:
    model, table = st.Model("y ~ a*exp(-k*t) + c"), {"t": T, "y": DECAY}
    whole = model.fit(table, optimiser="lm", epochs=9, seed=2).run
    half = model.fit(table, optimiser="lm", epochs=4, seed=2).run
    assert whole is not None
    assert half is not None
    rest = model.fit(table, optimiser="lm", epochs=5, start=half.params, memory=half.memory).run
    assert rest is not None
    assert rest.params == whole.params


def test_an_empty_model_takes_no_step() -> None:
    model = Quadratic(np.ones(2), np.zeros(0), np.zeros(0), np.zeros((0, 2)))
    assert model.decrement == 0
