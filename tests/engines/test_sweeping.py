"""The cost at many parameters at once, against NumPy written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest.calculus.stability import stabilise
from steepest.engines import ENGINES

Array = np.ndarray[Any, Any]


def swept(
    engine: str, cost: st.Expression, data: dict[str, Array], params: dict[str, Array], dtype: str = "float64"
) -> Array:
    rows = len(next(iter(data.values()))) if data else 1
    columns = {name: column.astype(dtype) for name, column in data.items()}
    points = len(next(iter(params.values())))
    found = ENGINES[engine].grid(stabilise([cost])[cost], columns, rows, dtype, points)
    return found({name: values.astype(dtype) for name, values in params.items()})


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def _neuron(d: dict[str, Array], w1: float, w2: float, b: float) -> float:
    return float(np.mean((sigmoid(d["x"] * w1 + d["y"] * w2 + b) - d["z"]) ** 2))


@pytest.mark.parametrize("engine", sorted(ENGINES))
@pytest.mark.parametrize("rows", [1, 4, 5, 33, 1000])
@pytest.mark.parametrize("points", [1, 2, 37])
def test_costs_of_a_neuron_at_random_points(engine: str, rows: int, points: int) -> None:
    rng = np.random.default_rng([rows, points])
    data = {name: rng.normal(size=rows) for name in "xyz"}
    params = {name: rng.normal(size=points) for name in ("w1", "w2", "b")}
    found = swept(engine, st.models.neuron().cost, data, params)
    expected = [_neuron(data, *(params[name][k] for name in ("w1", "w2", "b"))) for k in range(points)]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("engine", sorted(ENGINES))
@pytest.mark.parametrize("hidden", [3, 40])
def test_costs_of_a_network_at_random_points(engine: str, hidden: int) -> None:
    rng = np.random.default_rng(hidden)
    data = {"X": rng.normal(size=(50, 2)), "y": (rng.random(50) > 0.5).astype(float)}
    shapes: dict[str, tuple[int, ...]] = {"W1": (2, hidden), "b1": (hidden,), "W2": (hidden, 1), "b2": (1,)}
    params = {name: rng.normal(size=(21, *shape)) for name, shape in shapes.items()}
    found = swept(engine, st.models.network([2, hidden, 1]).cost, data, params)
    for k in range(21):
        W1, b1, W2, b2 = (params[name][k] for name in shapes)
        a = sigmoid(np.tanh(data["X"] @ W1 + b1) @ W2 + b2)[:, 0]
        cross_entropy = -np.mean(data["y"] * np.log(a) + (1 - data["y"]) * np.log(1 - a))
        assert found[k] == pytest.approx(cross_entropy, rel=1e-12)


@pytest.mark.parametrize("engine", sorted(ENGINES))
@pytest.mark.parametrize(
    ("text", "truth"),
    [("x*y", lambda x, y: x * y), ("log(x) + y", lambda x, y: np.log(x) + y), ("x^2", lambda x, y: x**2)],
)
def test_costs_without_data(engine: str, text: str, truth: Callable[[Array, Array], Array]) -> None:
    """A logarithm outside its domain is NaN there and does not touch the other points."""
    x, y = np.linspace(-1, 3, 77), np.linspace(2, -2, 77)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = truth(x, y)
    np.testing.assert_allclose(swept(engine, st.parse(text), {}, {"x": x, "y": y}), expected, rtol=1e-14)


def test_single_precision_is_single() -> None:
    x = np.linspace(0.1, 1, 9)
    found = swept("native", st.parse("x^2"), {}, {"x": x}, "float32")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, x**2, rtol=1e-6)
