"""The graphs of the notes, and deep ones."""

from __future__ import annotations

from typing import Any

import steepest as st
from steepest.diagrams.graph import ComputationalGraph
from steepest.expressions.expression import Expression

x, y, z = st.params("x", "y", "z")
E6 = {"x": -2, "y": 5, "z": -4}


def e6() -> ComputationalGraph:
    return st.graph((x + y) * z, E6, names={"q": x + y})


def e7() -> ComputationalGraph:
    x, y, w, b = st.params("x", "y", "w", "b")
    s = w * x
    z = s + b
    a = st.relu(z)
    e = y - a
    named = {"s": s, "z": z, "a": a, "e": e, "J": e**2}
    return st.graph(e**2, {"x": 5, "y": 4, "w": 1, "b": 1}, names=named)


def chain(depth: int) -> tuple[Expression, dict[str, Any]]:
    a, target = st.data("x", "y")
    values: dict[str, Any] = {"x": [0.2, 0.3], "y": [1.0, 0.0]}
    for k in range(1, depth + 1):
        a = st.sigmoid(a * st.params(f"w{k}") + st.params(f"b{k}"))
        values |= {f"w{k}": 0.5 * (-1) ** k, f"b{k}": 0.1}
    return st.mean((a - target) ** 2), values
