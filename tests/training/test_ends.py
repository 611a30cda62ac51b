"""Ends of descents: each reason is provoked, and near misses are not called converged."""

from __future__ import annotations

import warnings
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import steepest as st
from steepest.training.ends import CONVERGED_BELOW, Reason, reason_of

X = np.linspace(0, 3, 40)
WAVE = 2 * X + 1 + np.sin(9 * X)
CLASS = (WAVE + 3 * np.sin(23 * X) > 4).astype(float)
LINE = {"x": X, "y": WAVE}


def fit(formula: str, table: dict[str, Any], cost: str = "mse", **settings: Any) -> st.Descent:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = st.Model(formula, cost).fit(table, **settings).run
    assert run is not None
    return run


def minimised(cost: st.Expression, start: float, **settings: Any) -> st.Descent:
    return st.descend(cost, start={"x": start}, **settings)


x = st.params("x")


@pytest.mark.parametrize(
    "run",
    [
        lambda: minimised((x - 3) ** 2, 0.0, rate=0.25, epochs=60),
        lambda: fit("y ~ a*x + b", LINE, rate=0.1, epochs=3000),
        lambda: fit("y ~ a*x + b", LINE, optimiser="lbfgs"),
        lambda: fit("y ~ a*x + b", LINE, optimiser="lm"),
        lambda: fit("y ~ a*x + b", LINE, optimiser="newton"),
        lambda: fit("y ~ a*x + b", {"x": X, "y": 2 * X + 1}, rate=0.1, epochs=3000),
        lambda: fit("y ~ sigmoid(a*x + b)", {"x": X, "y": CLASS}, "cross_entropy", optimiser="lbfgs"),
        lambda: fit("y ~ sigmoid(a*x + b)", {"x": X, "y": CLASS}, "cross_entropy", optimiser="newton"),
        lambda: fit("y ~ exp(a*x + b)", {"x": X, "y": np.floor(WAVE + 1)}, "poisson", optimiser="newton"),
        lambda: st.descend(-((x - 1) ** 2) + 7, start={"x": 0.5}, rate=0.3, epochs=200, maximise=True),
        lambda: fit("y ~ a*x + b", LINE, rate=0.1, epochs=3000, dtype="float32"),
    ],
    ids=["square", "descent", "lbfgs", "lm", "newton", "exact", "logit", "logit newton", "poisson", "climb", "float32"],
)
def test_converged(run: Any) -> None:
    found = run()
    assert (found.reason, found.message[:15]) == ("converged", "converged after")
    assert found.newton_decrement <= CONVERGED_BELOW


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (lambda: fit("y ~ a*x + b", LINE, rate=1e-5, epochs=3000), "budget"),
        (lambda: fit("y ~ a*x + b", LINE, rate=1e-7, epochs=3000, tolerance=1e-5), "stopped"),
        (lambda: fit("y ~ a*x + b", LINE, rate=0.1, epochs=100), "budget"),
        (lambda: fit("y ~ a*x + b", LINE, rate=0.1, epochs=10**9, max_seconds=1e-9), "budget"),
        (lambda: minimised(x**4, 1.0, rate=0.01, epochs=3000), "budget"),
        (lambda: minimised(st.exp(-x), 1.0, rate=0.01, epochs=3000), "budget"),
        (lambda: minimised(x**2, 1e-4, rate=0.01, epochs=9, gradient_tolerance=0.1), "stopped"),
        (lambda: fit("y ~ sigmoid(a*x + b)", {"x": X, "y": X > 1}, "cross_entropy", rate=1.0, epochs=9999), "budget"),
    ],
    ids=["slow", "tolerance", "early", "time", "quartic", "no minimum", "small gradient", "separable"],
)
def test_near_misses_are_not_called_converged(run: Any, reason: str) -> None:
    """A cost that hardly changes, a small gradient and a rate that is too small are no convergence."""
    found = run()
    assert found.reason == reason
    assert found.newton_decrement > CONVERGED_BELOW
    assert "not converged: a Newton step would lower the cost" in found.message


def test_a_budget_tells_how_fast_the_cost_falls_and_what_moves() -> None:
    run = fit("y ~ a*x + b", LINE, rate=1e-3, epochs=50)
    assert run.message.startswith("ran all 50 epochs; the cost was still falling, by ")
    assert run.message.endswith(("moving a most", "moving b most"))


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda: minimised((x**2 - 1) ** 2, 0.0, rate=0.01, epochs=30), "curves downwards"),
        (lambda: minimised(x**4 - x**2 + 2, 0.0, rate=0.01, epochs=30), "curves downwards"),
        (lambda: minimised(x**2, 0.0, rate=0.01, epochs=30, maximise=True), "curves downwards"),
        (lambda: fit("y ~ a*exp(-k*x^2) + b", {"x": X + 1, "y": WAVE}, start={"a": 1.0, "k": 900.0, "b": 1.0},
                     rate=0.5, epochs=300), "a and k have no effect there"),
        (lambda: fit("y ~ a*x + b*z", {"x": X, "z": 0 * X, "y": WAVE}, rate=0.1, epochs=3000), "b has no effect there"),
    ],
    ids=["saddle of squares", "saddle", "top", "saturated", "without data"],
)  # fmt: skip
def test_plateau(run: Any, words: str) -> None:
    found = run()
    assert found.reason == "plateau"
    assert words in found.message


def test_a_parameter_of_little_effect_is_not_called_dead() -> None:
    """The noise is 10⁸ times what b does, which the fit determines nevertheless."""
    run = fit("y ~ a*x + b", {"x": X, "y": 1 + X + 1e8 * np.cos(40 * X)}, optimiser="lm")
    assert run.reason == "converged"


def test_diverged_stalled_and_stopped() -> None:
    assert fit("y ~ a*x + b", LINE, rate=100.0).reason == "diverged"
    kinked = fit("y ~ a*x + b", LINE, "mae", optimiser="lbfgs")
    assert kinked.reason == "stalled"
    assert "not decided, as the cost has kinks" in kinked.message
    stopped = fit("y ~ a*x + b", LINE, rate=0.1, on_epoch=lambda moment: moment.epoch >= 3)
    assert (stopped.reason, stopped.stop) == ("stopped", "callback")
    assert stopped.message.startswith("stopped after 3 epochs: on_epoch returned True; not converged")


def test_what_the_data_do_not_determine_is_said() -> None:
    run = fit("y ~ a*x + b + c", LINE, optimiser="lm")
    assert run.reason == "converged"
    assert [w for w in run.warnings if w.startswith("the parameters b and c are not determined")]
    assert not fit("y ~ a*x + b", LINE, optimiser="lm").warnings
    for seed in range(8):  # a mistyped column is a parameter: the sum of the residuals, which bends a·xx, is round-off
        mistyped = fit("y ~ a*xx + b", LINE, optimiser="lm", seed=seed)
        assert (mistyped.reason, "not determined" in mistyped.warnings[0]) == ("converged", True)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("cost", ["mse", "cross_entropy"])
def test_units_do_not_matter(cost: str, unit: float) -> None:
    """The same point in other units of x: the Newton decrement is the same."""
    table = {"x": X * unit, "y": CLASS}
    model = st.Model("y ~ sigmoid(a*x + b)", cost)
    run = model.fit(table, start={"a": 0.5 / unit, "b": -0.2}, rate=1e-300, epochs=1).run
    usual = st.Model("y ~ sigmoid(a*x + b)", cost).fit(
        {"x": X, "y": CLASS}, start={"a": 0.5, "b": -0.2}, rate=1e-300, epochs=1
    )
    assert run is not None
    assert usual.run is not None
    assert run.newton_decrement == pytest.approx(usual.run.newton_decrement, rel=1e-9)


@pytest.mark.parametrize(
    ("cost", "loss"),
    [
        ("mse", lambda p, y: (p - y) ** 2),
        ("cross_entropy", lambda p, y: -(y * mp.log(p) + (1 - y) * mp.log(1 - p))),
        ("(prediction - target)^4 + prediction", lambda p, y: (p - y) ** 4 + p),
    ],
)
def test_the_newton_decrement_is_that_of_exact_derivatives(cost: str, loss: Any) -> None:
    point = {"a": 0.9, "b": -1.7}
    run = st.Model("y ~ sigmoid(a*x + b)", cost).fit({"x": X, "y": CLASS}, start=point, rate=1e-300, epochs=1).run

    def whole(a: Any, b: Any) -> Any:
        pairs = zip(X, CLASS, strict=True)
        return mp.fsum(loss(1 / (1 + mp.exp(-(a * mp.mpf(u) + b))), v) for u, v in pairs) / len(X)

    with mp.workdps(40):
        at = (mp.mpf(point["a"]), mp.mpf(point["b"]))
        g = mp.matrix([mp.diff(whole, at, (1, 0)), mp.diff(whole, at, (0, 1))])
        mixed = mp.diff(whole, at, (1, 1))
        h = mp.matrix([[mp.diff(whole, at, (2, 0)), mixed], [mixed, mp.diff(whole, at, (0, 2))]])
        assert min(mp.eigsy(h, eigvals_only=True)) > 0
        true = (g.T * mp.lu_solve(h, g))[0] / 2 / whole(*at)
    assert run is not None
    assert run.newton_decrement == pytest.approx(float(true), rel=1e-9)


def test_every_stop_has_a_reason() -> None:
    found = {stop: reason_of(stop, None) for stop in ("epochs", "time", "stalled", "tolerance", "gradient", "diverged")}
    assert set(found.values()) == {Reason.BUDGET, Reason.STALLED, Reason.STOPPED, Reason.DIVERGED}
