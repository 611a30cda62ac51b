"""The problems of epoch.py: data, start, rate, the cost in each peer's terms, and the formulas of the notes by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import steepest as st

Array = NDArray[np.float64]
Arrays = dict[str, Array]
Step = Callable[[Mapping[str, Array], Mapping[str, Array], float], tuple[Any, Arrays]]
"""One epoch by hand: data, parameters and rate in; the cost before it and the moved parameters out."""


class Functions(Protocol):
    """What a peer that differentiates by itself calls the functions of a cost."""

    sigmoid: Callable[[Any], Any]
    softplus: Callable[[Any], Any]
    mean: Callable[[Any], Any]


@dataclass(frozen=True)
class Problem:
    """A cost to descend.

    Attributes:
        name: what it is called in the report.
        data: columns, ``(n,)`` or ``(n, d)``.
        start: parameters at epoch 0.
        rate: α.
        epochs: how many are timed.
        expression: the cost for steepest.
        by_hand: cost, gradient and update in NumPy, as the notes write them.
        cost: the cost for peers that differentiate by themselves: of their functions, data and parameters.
        perceptron: how scikit-learn's multi-layer perceptron spells the model, if it has this cost.
    """

    name: str
    data: Arrays
    start: Arrays
    rate: float
    epochs: int
    expression: st.Expression
    by_hand: Step
    cost: Callable[[Any, Mapping[str, Any], Mapping[str, Any]], Any]
    perceptron: str | None = None


def _sigmoid(x: Array) -> Array:
    found: Array = 1 / (1 + np.exp(-x))
    return found


# -- one neuron, row A3 ----------------------------------------------------------------------------------------


def _neuron_by_hand(d: Mapping[str, Array], p: Mapping[str, Array], rate: float) -> tuple[Any, Arrays]:
    a = _sigmoid(d["x"] * p["w1"] + d["y"] * p["w2"] + p["b"])
    e = a - d["z"]
    delta = 2 * e * a * (1 - a)
    gradient = {"w1": (delta * d["x"]).mean(), "w2": (delta * d["y"]).mean(), "b": delta.mean()}
    return (e * e).mean(), {name: p[name] - rate * gradient[name] for name in p}


def neuron(epochs: int) -> Problem:
    """The NAND neuron of the notes: four rows, three parameters, mean squared error."""
    gate = {"x": np.array([0.0, 0, 1, 1]), "y": np.array([0.0, 1, 0, 1]), "z": np.array([1.0, 1, 1, 0])}
    start = {"w1": np.float64(0.3), "w2": np.float64(0.6), "b": np.float64(0.1)}
    return Problem(
        "NAND neuron", gate, {name: np.asarray(value) for name, value in start.items()}, 0.1, epochs,
        st.models.neuron().cost, _neuron_by_hand,
        lambda m, d, p: m.mean((m.sigmoid(d["x"] * p["w1"] + d["y"] * p["w2"] + p["b"]) - d["z"]) ** 2),
    )  # fmt: skip


# -- a network for XOR, row D4 -----------------------------------------------------------------------------------


def _network_by_hand(cross_entropy: bool) -> Step:
    def step(d: Mapping[str, Array], p: Mapping[str, Array], rate: float) -> tuple[Any, Arrays]:
        y = d["y"][:, None]
        a1 = _sigmoid(d["X"] @ p["W1"] + p["b1"])
        z2 = a1 @ p["W2"] + p["b2"]
        a2 = _sigmoid(z2)
        if cross_entropy:
            cost = (np.logaddexp(z2, 0) - y * z2).mean()
            dz2 = (a2 - y) / len(y)
        else:
            cost = ((a2 - y) ** 2).mean()
            dz2 = 2 * (a2 - y) * a2 * (1 - a2) / len(y)
        dz1 = dz2 @ p["W2"].T * a1 * (1 - a1)
        gradient = {"W1": d["X"].T @ dz1, "b1": dz1.sum(axis=0), "W2": a1.T @ dz2, "b2": dz2.sum(axis=0)}
        return cost, {name: p[name] - rate * gradient[name] for name in p}

    return step


def network(epochs: int, cost: str) -> Problem:
    """XOR by two inputs, two hidden neurons and one output, all sigmoid."""

    def its_cost(m: Any, d: Mapping[str, Any], p: Mapping[str, Any]) -> Any:
        z2 = (m.sigmoid(d["X"] @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"])[:, 0]
        if cost == "mse":
            return m.mean((m.sigmoid(z2) - d["y"]) ** 2)
        return m.mean(m.softplus(z2) - d["y"] * z2)

    start = {"W1": [[0.5, -0.4], [0.3, 0.8]], "b1": [0.1, -0.2], "W2": [[0.7], [-0.6]], "b2": [0.05]}
    return Problem(
        f"XOR 2-2-1, {cost.replace('_', ' ')}",
        {"X": np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), "y": np.array([0.0, 1, 1, 0])},
        {name: np.array(value) for name, value in start.items()}, 1.0, epochs,
        st.models.network([2, 2, 1], activation="sigmoid", cost=cost).cost,
        _network_by_hand(cost == "cross_entropy"), its_cost,
        perceptron="classifier" if cost == "cross_entropy" else None,
    )  # fmt: skip


# -- linear regression, row E5 -------------------------------------------------------------------------------------


def _line_by_hand(d: Mapping[str, Array], p: Mapping[str, Array], rate: float) -> tuple[Any, Arrays]:
    e = d["x"] * p["w"] + p["b"] - d["y"]
    gradient = {"w": 2 * (e * d["x"]).mean(), "b": 2 * e.mean()}
    return (e * e).mean(), {name: p[name] - rate * gradient[name] for name in p}


def line(rows: int, epochs: int) -> Problem:
    """y = w·x + b on random rows."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows)
    dx, dy = st.data("x", "y")
    w, b = st.params("w", "b")
    return Problem(
        f"line, {rows:,} rows", {"x": x, "y": 2 * x + 1 + rng.normal(0, 0.1, rows)},
        {"w": np.asarray(0.5), "b": np.asarray(0.0)}, 0.01, epochs, st.mean((dx * w + b - dy) ** 2), _line_by_hand,
        lambda m, d, p: m.mean((d["x"] * p["w"] + p["b"] - d["y"]) ** 2), perceptron="regressor",
    )  # fmt: skip


def all_problems(quick: bool) -> list[Problem]:
    """Every problem, with as many epochs as take a moment."""
    small = 100 if quick else 3000
    rows = (10, 1000) if quick else (10, 100, 1000, 10_000, 100_000, 1_000_000)
    lines = [line(n, min(small, max(20, 3_000_000 // n))) for n in rows]
    return [neuron(small), network(small, "mse"), network(small, "cross_entropy"), *lines]
