"""The models of mission.md with their data, built by hand from expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.expressions import operations as op
from steepest.expressions.expression import Expression, data, params

Model = tuple[Expression, dict[str, Any]]

XOR = {"X": np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), "y": np.array([0.0, 1, 1, 0])}
NETWORK = {
    "W1": np.array([[0.5, -0.4, 0.2], [0.3, 0.8, -0.7]]),
    "b1": np.array([0.1, -0.2, 0.05]),
    "W2": np.array([0.7, -0.6, 0.4]),
    "b2": 0.05,
}


def line() -> Model:
    """A2: y = x·w with x = 0 … 4 and y = 2x."""
    x, y = data("x", "y")
    return op.mean((x * params("w") - y) ** 2), {"x": np.arange(5.0), "y": 2 * np.arange(5.0), "w": 0.5}


def neuron() -> Model:
    """A3 on NAND, at the start of A6."""
    x, y, z = data("x", "y", "z")
    w1, w2, b = params("w1", "w2", "b")
    values = {"x": [0, 0, 1, 1], "y": [0, 1, 0, 1], "z": [1, 1, 1, 0], "w1": 0.3, "w2": 0.6, "b": 0.1}
    return op.mean((op.sigmoid(x * w1 + y * w2 + b) - z) ** 2), values


def chain(m: int) -> Model:
    """B2 and B3: m sigmoid neurons, one after another."""
    a, y = data("x", "y")
    weights, biases = (0.8, -1.2, 1.5, 0.7, -0.9, 1.1), (0.1, 0.2, -0.3, -0.1, 0.4, 0.25)
    values: dict[str, Any] = {"x": [0.2, -0.4, 1, 0.7], "y": [0.3, 0.6, 0.9, 0.1]}
    for k in range(1, m + 1):
        a = op.sigmoid(a * params(f"w{k}") + params(f"b{k}"))
        values |= {f"w{k}": weights[k - 1], f"b{k}": biases[k - 1]}
    return op.mean((a - y) ** 2), values


def network_nodes() -> dict[str, Expression]:
    """D4: the nodes of a network of two layers, tanh and then σ."""
    X = data("X", shape=2)
    W1, W2 = params("W1", shape=(2, 3)), params("W2", shape=3)
    z1 = X @ W1 + params("b1", shape=3)
    a1 = op.tanh(z1)
    z2 = op.dot(a1, W2) + params("b2")
    return {"z1": z1, "a1": a1, "z2": z2, "a2": op.sigmoid(z2)}


def network(cost: str = "cross-entropy") -> Model:
    """D4 on XOR."""
    y, a2 = data("y"), network_nodes()["a2"]
    loss = -(y * op.log(a2) + (1 - y) * op.log(1 - a2)) if cost == "cross-entropy" else (a2 - y) ** 2
    return op.mean(loss), {**XOR, **NETWORK}


def small_network() -> Model:
    """XOR with two hidden neurons, all sigmoid, and the mean squared error."""
    X, y = data("X", shape=2), data("y")
    hidden = op.sigmoid(X @ params("W1", shape=(2, 2)) + params("b1", shape=2))
    out = op.sigmoid(op.dot(hidden, params("W2", shape=2)) + params("b2"))
    start = {"W1": [[0.5, -0.4], [0.3, 0.8]], "b1": [0.1, -0.2], "W2": [0.7, -0.6], "b2": 0.05}
    return op.mean((out - y) ** 2), {**XOR, **start}


def product() -> Model:
    """E4: f = xy."""
    x, y = params("x", "y")
    return x * y, {"x": 4.0, "y": -3.0}


def bowl() -> Model:
    """E3: 2x² + y²."""
    x, y = params("x", "y")
    return 2 * x**2 + y**2, {"x": 0.5, "y": 0.5}


def regression() -> Model:
    """E5: a straight line through points."""
    x, y = data("x", "y")
    w, b = params("w", "b")
    return op.mean((y - (w * x + b)) ** 2), {"x": [0.0, 1, 2, 4], "y": [1.0, 3, 4, 9], "w": 0.5, "b": -0.25}


def gate() -> Model:
    """E6: (x + y)·z."""
    x, y, z = params("x", "y", "z")
    return (x + y) * z, {"x": -2.0, "y": 5.0, "z": -4.0}


def activated(activation: Callable[..., Expression]) -> Callable[[], Model]:
    """E7 and E8: s = wx, z = s + b, a = g(z), e = y − a, J = e²."""

    def model() -> Model:
        x, y, w, b = params("x", "y", "w", "b")
        return (y - activation(w * x + b)) ** 2, {"x": 5.0, "y": 4.0, "w": 1.0, "b": 1.0}

    return model


MODELS: dict[str, Callable[[], Model]] = {
    "A2 line": line,
    "A3 neuron": neuron,
    **{f"B3 chain of {m}": (lambda m=m: chain(m)) for m in range(1, 7)},
    "D4 network": network,
    "D4 network with squares": lambda: network("squares"),
    "XOR network": small_network,
    "E3 bowl": bowl,
    "E4 product": product,
    "E5 regression": regression,
    "E6 gate": gate,
    "E7 relu": activated(op.relu),
    "E8 sigmoid": activated(op.sigmoid),
}
