"""What every operation of the table means, for one sample: written from the names alone, apart from the library.

``meanings(xp)`` holds for NumPy and for JAX, whose functions have the same names, so that the random formulas
(strategies.py) and the derivatives by JAX (jax_oracle.py) rest on one definition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from steepest.expressions.expression import CONSTANT, DATA, PARAMETER, Expression, toposort

Meaning = Callable[..., Any]


def meanings(xp: Any, hold: Meaning = lambda x: x) -> dict[str, Meaning]:
    """Name to function of one sample's values; ``xp`` is numpy or jax.numpy, ``hold`` its stop_gradient."""

    def truth(name: str) -> Meaning:
        return lambda x, y: xp.where(getattr(xp, name)(x, y), 1.0, 0.0)

    def log_softmax(x: Any) -> Any:
        moved = x - xp.max(x)
        return moved - xp.log(xp.sum(xp.exp(moved)))

    return {
        "add": lambda x, y: x + y,
        "subtract": lambda x, y: x - y,
        "multiply": lambda x, y: x * y,
        "divide": lambda x, y: x / y,
        "negate": lambda x: -x,
        "power": lambda x, y: x**y,
        **{n: getattr(xp, n) for n in ("exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "arctan", "tanh")},
        "hypot": lambda x, y: xp.sqrt(x * x + y * y),
        "logaddexp": lambda x, y: xp.logaddexp(x, y),
        "sigmoid": lambda x: 0.5 * (1 + xp.tanh(x / 2)),
        "softplus": lambda x: xp.logaddexp(x, 0.0 * x),
        "relu": lambda x: xp.where(x > 0, x, 0.0 * x),
        "leaky_relu": lambda x: xp.where(x > 0, x, 0.01 * x),
        "step": lambda x: xp.where(x >= 0, 1.0, 0.0),
        "abs": lambda x: xp.where(x < 0, -x, x),
        "sign": xp.sign,
        "maximum": lambda x, y: xp.where(x >= y, x, y),
        "minimum": lambda x, y: xp.where(x <= y, x, y),
        "where": lambda c, x, y: xp.where(c != 0, x, y),
        **{n: truth(n) for n in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")},
        "matmul": lambda x, y: x @ y,
        "transpose": lambda x: x.T,
        "dot": lambda x, y: xp.sum(x * y),
        "outer": lambda x, y: x[:, None] * y[None, :],
        "sum": xp.sum,
        "expand": lambda x, shape: x * xp.ones(shape),
        "one_hot": lambda x, shape: xp.where(xp.arange(shape[0]) == x, 1.0, 0.0),
        "largest": xp.max,
        "softmax": lambda x: xp.exp(log_softmax(x)),
        "log_softmax": log_softmax,
        "logsumexp": lambda x: xp.max(x) + xp.log(xp.sum(xp.exp(x - xp.max(x)))),
        "stop_gradient": hold,
    }


NUMPY = meanings(np)


def numpy_value(node: Expression, args: list[Any], rows: int) -> Any:
    """The value of a node from those of its arguments; a per-sample value is an array with the samples first."""
    name = node.operation.name
    if name == "count":
        return float(rows)
    if name in ("mean", "total"):
        return sum(args[0]) / (rows if name == "mean" else 1)
    if name == "total_outer":
        return sum(np.outer(a, b) for a, b in zip(*args, strict=True))
    meaning = NUMPY[name]
    extra = (node.attributes,) if node.attributes else ()
    if not node.per_sample:
        return meaning(*args, *extra)
    samples = [[value[i] if arg.per_sample else value for value, arg in zip(args, node.args, strict=True)]
               for i in range(rows)]  # fmt: skip
    return np.array([meaning(*sample, *extra) for sample in samples])


def numpy_evaluate(roots: list[Expression], values: Mapping[str, Any], rows: int) -> dict[Expression, Any]:
    """The value of every node of some expressions, sample by sample."""
    found: dict[Expression, Any] = {}
    for node in toposort(roots):
        if node.operation is CONSTANT:
            found[node] = np.float64(node.value)
        elif node.operation in (DATA, PARAMETER):
            found[node] = values[node.name]
        else:
            found[node] = numpy_value(node, [found[arg] for arg in node.args], rows)
    return found
