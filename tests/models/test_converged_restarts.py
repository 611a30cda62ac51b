"""Fits from many random starts: where one says that it converged, exact derivatives agree.

For each of 20 formulas 200 starts are drawn over decades. A converged end is polished by Newton's method in 40 digits;
its cost is within 1e-8 of the polished one, where the exact gradient vanishes and the exact Hessian matrix is positive.
"""

from __future__ import annotations

import warnings
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import steepest as st
from sampling import sampled

RNG = np.random.default_rng(11)
T = np.linspace(0.1, 5, 25)
NOISE = 0.05 * RNG.standard_normal(25)
CURVES = {
    "decay": 2.5 * np.exp(-1.3 * T) + 0.4 + NOISE,
    "growth": 3 / (1 + 20 * np.exp(-2 * T)) + NOISE,
    "wave": 1.4 * np.sin(1.7 * T + 0.3) + NOISE,
    "peak": 2 * np.exp(-((T - 2.2) ** 2) / 0.6) + 0.3 + NOISE,
    "line": 0.7 * T - 1 + 4 * NOISE,
    "classes": (T + 40 * NOISE > 2).astype(float),
    "counts": np.floor(np.exp(0.4 * T) + 20 * np.abs(NOISE)),
}
FITS = [
    ("decay", "a*exp(-k*t) + c", "mse"), ("decay", "a/(1 + k*t) + c", "mse"), ("decay", "a*t^(-k) + c", "mse"),
    ("decay", "a*exp(-k*t) + b*exp(-m*t)", "mse"), ("growth", "a/(1 + b*exp(-k*t))", "mse"),
    ("growth", "a*exp(-b*exp(-k*t))", "mse"), ("growth", "a*tanh(k*t + b) + c", "mse"),
    ("growth", "a*t^k/(b + t^k)", "mse"), ("wave", "a*sin(k*t + b)", "mse"), ("wave", "a*t^3 + b*t^2 + c*t + d", "mse"),
    ("peak", "a*exp(-((t - b)/c)^2) + d", "mse"), ("peak", "a/(1 + ((t - b)/c)^2) + d", "mse"),
    ("line", "a*t + b", "mse"), ("line", "a*arctan(k*t + b)", "mse"), ("line", "a*log(1 + b^2*t) + c", "mse"),
    ("classes", "sigmoid(k*(t - b))", "cross_entropy"), ("classes", "sigmoid(a*t^2 + b*t + c)", "cross_entropy"),
    ("classes", "sigmoid(k*t + b)", "mse"), ("counts", "exp(a*t + b)", "poisson"),
    ("line", "a*t + b", "(prediction - target)^4"),
]  # fmt: skip
STARTS, FEW = 200, 12
_CLOSE = 1e-8


def _loss(cost: str, p: Any, y: Any) -> Any:
    if cost == "cross_entropy":
        return -(y * mp.log(p) + (1 - y) * mp.log(1 - p))
    if cost == "poisson":
        return p - y * mp.log(p)
    return (p - y) ** (2 if cost == "mse" else 4)


def _exact_cost(formula: str, cost: str, names: list[str], columns: list[tuple[Any, Any]]) -> Any:
    """Return the cost as a function of the parameters, in mpmath, from the text of the formula."""
    text = formula.replace("^", "**").replace("arctan", "atan")
    words = {name: getattr(mp, name) for name in ("exp", "sin", "tanh", "atan", "log")}
    words["sigmoid"] = lambda z: 1 / (1 + mp.exp(-z))
    predict = eval(f"lambda t, {', '.join(names)}: {text}", words)
    return lambda *at: mp.fsum(_loss(cost, predict(t, *at), y) for t, y in columns) / len(columns)


def _polished(cost: Any, at: list[Any]) -> tuple[Any, Any]:
    """Return the cost at the minimum near a point, by Newton's method, and the smallest eigenvalue of H there."""
    size, point = len(at), mp.matrix(at)
    for _ in range(8):
        h = mp.matrix(size)
        g = mp.matrix([mp.diff(cost, tuple(point), _order(size, (k,))) for k in range(size)])
        for j in range(size):
            for k in range(j + 1):
                h[j, k] = h[k, j] = mp.diff(cost, tuple(point), _order(size, (j, k)))
        step, here = mp.lu_solve(h, g), cost(*point)
        for _ in range(60):  # where the Hessian matrix is nearly singular, a full step may lead up
            if cost(*(point - step)) <= here:
                break
            step /= 2
        else:
            break
        point -= step
        if max(abs(step[k]) / (abs(point[k]) + mp.mpf(10) ** -20) for k in range(size)) < mp.mpf(10) ** -12:
            break
    scale = mp.diag([1 / mp.sqrt(abs(h[k, k])) for k in range(size)])
    return cost(*point), min(mp.eigsy(scale * h * scale, eigvals_only=True))


def _order(size: int, places: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(places.count(k) for k in range(size))


@pytest.mark.parametrize("case", sampled(range(len(FITS)), 3))
@pytest.mark.parametrize("starts", [FEW, pytest.param(STARTS, marks=pytest.mark.slow)])
def test_converged_ends_are_minima(case: int, starts: int) -> None:
    curve, formula, cost = FITS[case]
    y = CURVES[curve]
    model = st.Model(f"y ~ {formula}", cost, data=["t", "y"])
    names = list(model.cost.parameters)
    rng = np.random.default_rng(case)
    found: dict[tuple[str, ...], st.Descent] = {}
    for _ in range(starts):
        start = {name: float(rng.choice([-1, 1, 1]) * 10 ** rng.uniform(-1.5, 1.5)) for name in names}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                run = st.descend(model.cost, {"t": T, "y": y}, start, optimiser="lm" if cost == "mse" else "newton")
            except st.errors.DescentError:
                continue  # the cost is not finite at this start
        if run.reason == "converged" and not any("not determined" in said for said in run.warnings):
            found[tuple(f"{run.params[name]:.5g}" for name in names)] = run
    assert found
    with mp.workdps(40):
        columns = [(mp.mpf(t), mp.mpf(v)) for t, v in zip(T, y, strict=True)]
        exact = _exact_cost(formula, cost, names, columns)
        for run in found.values():
            at = [mp.mpf(float(run.params[name])) for name in names]
            lowest, curvature = _polished(exact, at)
            here = exact(*at)
            assert -1e-30 <= (here - lowest) / abs(lowest) < _CLOSE, run
            assert curvature > 0, run
