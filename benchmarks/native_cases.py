"""What native.py and native_growth.py descend: problems in one precision, their parameters in an order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import steepest as st
from problems import Array, Arrays, Problem, line, network, neuron

__all__ = ["Case", "chain", "line", "network", "neuron"]


@dataclass(frozen=True)
class Case:
    """A problem in one precision.

    Attributes:
        kind: which problem it is: ``"neuron"``, ``"xor"``, ``"chain"`` or ``"line"``.
        problem: data, start and rate in float64.
        dtype: ``"float64"`` or ``"float32"``.
    """

    kind: str
    problem: Problem
    dtype: str = "float64"

    @property
    def name(self) -> str:
        """The problem and its precision."""
        return f"{self.problem.name}, {self.dtype}"

    @property
    def rows(self) -> int:
        """The number of samples."""
        return len(next(iter(self.problem.data.values())))

    def flat(self, params: Mapping[str, Any]) -> Array:
        """The parameters in a row, in float64."""
        return np.concatenate([np.ravel(np.asarray(params[name], np.float64)) for name in self.problem.start])

    def named(self, flat: Any) -> Arrays:
        """The parameters by name."""
        found, at = {}, 0
        for name, value in self.problem.start.items():
            found[name] = np.asarray(flat[at : at + value.size], np.float64).reshape(value.shape)
            at += value.size
        return found

    def cost(self, params: Mapping[str, Any]) -> float:
        """The cost at parameters, by the same NumPy lines in float64 for every peer."""
        arrays = {name: np.asarray(params[name], np.float64) for name in self.problem.start}
        return float(self.problem.by_hand(self.problem.data, arrays, self.problem.rate)[0])


def _sigmoid(v: Any) -> Any:
    return 1 / (1 + np.exp(-v))


def chain(depth: int, rows: int) -> Problem:
    """A chain of neurons, x → σ(x·w1 + b1) → …, with as many rows, that learns a sigmoid."""

    def by_hand(d: Mapping[str, Array], p: Mapping[str, Array], rate: float) -> tuple[Any, Arrays]:
        values = [d["x"]]
        for k in range(1, depth + 1):
            values.append(_sigmoid(values[-1] * p[f"w{k}"] + p[f"b{k}"]))
        error = values[-1] - d["y"]
        back, gradient = 2 * error / len(error), {}
        for k in range(depth, 0, -1):
            delta = back * values[k] * (1 - values[k])
            gradient |= {f"w{k}": (delta * values[k - 1]).sum(), f"b{k}": delta.sum()}
            back = delta * p[f"w{k}"]
        return (error * error).mean(), {name: p[name] - rate * gradient[name] for name in p}

    def cost(m: Any, d: Mapping[str, Any], p: Mapping[str, Any]) -> Any:
        value = d["x"]
        for k in range(1, depth + 1):
            value = m.sigmoid(value * p[f"w{k}"] + p[f"b{k}"])
        return m.mean((value - d["y"]) ** 2)

    x = np.linspace(-1, 1, rows)
    start = {f"w{k}": np.asarray(2 + 0.1 * (k % 8)) for k in range(1, depth + 1)}
    start |= {f"b{k}": np.asarray(-1.0) for k in range(1, depth + 1)}
    return Problem(
        f"chain of {depth}, {rows} rows", {"x": x, "y": _sigmoid(3 * x)}, start, 0.1, 0, st.models.chain(depth).cost,
        by_hand, cost,
    )  # fmt: skip
