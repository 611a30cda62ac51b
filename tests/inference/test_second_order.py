"""Exact second derivatives, against JAX's Hessian of the same cost written in JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nist import NONLINEAR
from steepest import Model
from steepest.calculus.prepared import PreparedCost
from steepest.expressions.expression import params
from steepest.training.derivatives import Derivatives

RNG = np.random.default_rng(7)
X, Z = RNG.normal(size=12), RNG.normal(size=12)
ROWS = RNG.normal(size=(12, 2))
BINARY = (RNG.random(12) < 0.5).astype(float)
CLASSES = RNG.integers(0, 3, 12).astype(float)
COUNTS = RNG.poisson(2.0, 12).astype(float)
WEIGHTS = RNG.uniform(0.5, 2, 12)
_LOG_SIGMOID = jax.nn.log_sigmoid

Case = tuple[Model, dict[str, Any], dict[str, Any], Callable[[dict[str, Any]], Any]]


def _logit(p: dict[str, Any]) -> Any:
    z = X * p["a"] + Z * p["b"] ** 2 + p["c"]
    return jnp.mean(-BINARY * _LOG_SIGMOID(z) - (1 - BINARY) * _LOG_SIGMOID(-z))


def _softmax(p: dict[str, Any]) -> Any:
    logs = jax.nn.log_softmax(ROWS @ p["W"] + p["b"], axis=1)
    return -jnp.mean(logs[jnp.arange(12), CLASSES.astype(int)])


def _poisson(p: dict[str, Any]) -> Any:
    rate = jnp.exp(p["a"] * X) + p["b"] ** 2
    return jnp.mean(WEIGHTS / WEIGHTS.mean() * (rate - COUNTS * jnp.log(rate)))


def _network(p: dict[str, Any]) -> Any:
    return jnp.mean((jnp.tanh(ROWS @ p["W1"] + p["b1"]) @ p["W2"] - Z) ** 2)


def _powers(p: dict[str, Any]) -> Any:
    return jnp.mean((p["a"] * jnp.abs(X) ** p["b"] + jnp.sin(p["c"] * X) / (1 + p["a"] ** 2) - Z) ** 2)


CASES: dict[str, Case] = {
    "logit": (
        Model("y ~ sigmoid(x*a + z*b^2 + c)", "cross_entropy", data=["x", "z", "y"]),
        {"x": X, "z": Z, "y": BINARY}, {"a": 0.4, "b": -0.7, "c": 0.2}, _logit,
    ),
    "softmax": (
        Model("y ~ softmax(X @ W + b)", "cross_entropy", data={"X": (2,), "y": ()}, params={"W": (2, 3), "b": 3}),
        {"X": ROWS, "y": CLASSES}, {"W": RNG.normal(size=(2, 3)), "b": np.array([0.1, -0.3, 0.2])}, _softmax,
    ),
    "poisson with weights": (
        Model("y ~ exp(a*x) + b^2", "poisson", data=["x", "y"], weights="w"),
        {"x": X, "y": COUNTS, "w": WEIGHTS}, {"a": 0.3, "b": 0.8}, _poisson,
    ),
    "network": (
        Model("y ~ tanh(X @ W1 + b1) @ W2", data={"X": (2,), "y": ()}, params={"W1": (2, 3), "b1": 3, "W2": 3}),
        {"X": ROWS, "y": Z},
        {"W1": RNG.normal(size=(2, 3)), "b1": RNG.normal(size=3), "W2": RNG.normal(size=3)}, _network,
    ),
    "powers": (
        Model("y ~ a*abs(x)^b + sin(c*x)/(1 + a^2)", data=["x", "y"]),
        {"x": X, "y": Z}, {"a": 0.9, "b": 1.3, "c": 0.6}, _powers,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_second_derivatives_are_those_of_jax(name: str) -> None:
    model, table, point, cost = CASES[name]
    samples = model.samples(table)
    curvature = Derivatives(model.prepared, samples.arrays, samples.rows)
    flat = curvature.flat(point)

    def of_flat(theta: Any) -> Any:
        pieces = zip(curvature.shapes.items(), curvature.edges, strict=False)
        return cost({k: theta[a : a + int(np.prod(shape))].reshape(shape) for (k, shape), a in pieces})

    assert curvature.merit(flat) == pytest.approx(float(of_flat(flat)), rel=1e-13)
    np.testing.assert_allclose(curvature.gradient(flat), jax.grad(of_flat)(flat), rtol=1e-12, atol=1e-15)
    found = curvature.hessian(flat)
    np.testing.assert_allclose(found, jax.hessian(of_flat)(flat), rtol=1e-11, atol=1e-14)
    np.testing.assert_array_equal(found, found.T)


def test_second_derivatives_of_the_rational_function_of_thurber() -> None:
    problem = NONLINEAR["Thurber"]
    model = Model(problem.formula, data=["x", "y"])
    x, y = problem.columns["x"], problem.columns["y"]
    curvature = Derivatives(model.prepared, problem.columns, len(y))
    names = list(curvature.shapes)

    def cost(theta: Any) -> Any:
        b = dict(zip(names, theta, strict=True))
        top = b["b1"] + b["b2"] * x + b["b3"] * x**2 + b["b4"] * x**3
        return jnp.mean((top / (1 + b["b5"] * x + b["b6"] * x**2 + b["b7"] * x**3) - y) ** 2)

    flat = curvature.flat(problem.starts[1])
    np.testing.assert_allclose(curvature.hessian(flat), jax.hessian(cost)(flat), rtol=1e-11)


def test_costs_without_data_and_without_curvature() -> None:
    x, y = params("x", "y")
    curvature = Derivatives(PreparedCost(x**3 + 2 * y), {}, 1)
    np.testing.assert_array_equal(curvature.hessian(np.array([2.0, 5.0])), [[12, 0], [0, 0]])
    np.testing.assert_array_equal(Derivatives(PreparedCost(3 * x), {}, 1).hessian(np.array([2.0])), [[0]])
