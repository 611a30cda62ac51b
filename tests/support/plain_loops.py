"""NAND by gradient descent, written out in plain NumPy: the truth for tests of the descent."""

from __future__ import annotations

from typing import Any

import numpy as np

import steepest as st
from steepest.expressions.expression import Expression

NAND = {"x": np.array([0.0, 0, 1, 1]), "y": np.array([0.0, 1, 0, 1]), "z": np.array([1.0, 1, 1, 0])}
START = {"w1": 0.3, "w2": 0.6, "b": 0.1}


def twice() -> tuple[Expression, dict[str, Any]]:
    x, y = st.data("x", "y")
    return st.mean((x * st.params("w") - y) ** 2), {"x": np.arange(5.0), "y": 2 * np.arange(5.0)}


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def nand_loop(epochs: int, rate: float = 0.1, dtype: Any = np.float64) -> tuple[list[float], list[Any]]:
    """Row A6 written out: the cost and the parameters at every epoch, 0 included."""
    x, y, z = (NAND[name].astype(dtype) for name in "xyz")
    p = np.array([0.3, 0.6, 0.1], dtype)
    costs, path = [], []
    for epoch in range(epochs + 1):
        a = sigmoid(x * p[0] + y * p[1] + p[2])
        costs.append(float(np.mean((a - z) ** 2)))
        path.append(p)
        if epoch < epochs:
            d = 2 * (a - z) * a * (1 - a)
            p = p - dtype(rate) * np.array([np.mean(d * x), np.mean(d * y), np.mean(d)], dtype)
    return costs, path
