"""Models with tables, starts and rates for tests that compare the native engine with the reference engine."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import steepest as st
from mission_models import MODELS
from steepest.calculus.gradient import gradient
from steepest.calculus.stability import stabilise
from steepest.engines.native.lanes.evaluation import Evaluation
from steepest.engines.reference import compile_expressions
from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, Expression, leaves
from steepest.tables.values import bind
from steepest.training.result import Descent

EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23}


@dataclass(frozen=True)
class Model:
    """A cost, its columns, where to start, and a rate at which the descent neither diverges nor stagnates."""

    cost: Expression
    table: dict[str, Any]
    start: dict[str, Any]
    rate: float = 0.1

    def descend(self, engine: str, **settings: Any) -> Descent:
        given = {"rate": self.rate, "start": self.start, **settings}
        if "restarts" in given:
            del given["start"]
        return st.descend(self.cost, self.table or None, engine=engine, **given)

    def with_rows(self, rows: int, seed: int = 0) -> Model:
        """The same model on so many random samples; targets and classes stay whole numbers where they are."""
        rng = np.random.default_rng([seed, rows])
        table = {}
        for leaf in leaves([self.cost]):
            if leaf.operation is DATA:
                known = np.asarray(self.table[leaf.name], float)
                if np.array_equal(known, np.round(known)) and not leaf.shape:
                    table[leaf.name] = rng.choice(np.unique(known), rows)
                else:
                    table[leaf.name] = rng.normal(0, 1, (rows, *leaf.shape))
        return Model(self.cost, table, self.start, self.rate / 4)


def split(cost: Expression, values: dict[str, Any], rate: float = 0.1) -> Model:
    """A model from a cost and the values of all its names."""
    table = {name: np.asarray(values[name], float) for name in cost.data}
    return Model(cost, table, {name: np.asarray(values[name], float) for name in cost.parameters}, rate)


def drawn(cost: Expression, table: dict[str, Any], seed: int = 1, rate: float = 0.1) -> Model:
    """A model at the start of a seed."""
    from steepest.training.descent import initial

    return Model(cost, table, initial(cost, seed=seed), rate)


GATES = {
    "or": [0, 1, 1, 1], "and": [0, 0, 0, 1], "nand": [1, 1, 1, 0],
}  # fmt: skip
CORNERS = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])


def _gate(name: str) -> Model:
    table = {"x": CORNERS[:, 0], "y": CORNERS[:, 1], "z": np.array(GATES[name], float)}
    return Model(st.models.neuron().cost, table, {"w1": 0.3, "w2": 0.6, "b": 0.1}, 1.0)


def _network(sizes: Sequence[int], rows: int = 6, **settings: Any) -> Model:
    cost = st.models.network(list(sizes), **settings).cost
    rng = np.random.default_rng([*sizes])
    X = rng.normal(size=(rows, sizes[0]))
    if settings.get("output") == "softmax":
        y = rng.integers(0, sizes[-1], rows).astype(float)
    else:
        y = rng.integers(0, 2, rows if sizes[-1] == 1 else (rows, sizes[-1])).astype(float)
    return drawn(cost, {"X": X, "y": y})


def relu_regression() -> Model:
    """A hinge through points, far from its kink at every epoch but the first few."""
    x, y = st.data("x", "y")
    cost = op.mean((y - op.relu(st.params("w") * x + st.params("b"))) ** 2)
    return Model(cost, {"x": np.array([1.0, 2, 3, 5]), "y": np.array([1.5, 2.7, 4.1, 6.6])}, {"w": 0.5, "b": 0.2}, 0.02)


def standardised(features: int = 0) -> Model:
    """Batch normalisation: mean and variance over the samples, within a mean over the samples."""
    shape = (features,) if features else ()
    x, y = st.data("x", shape=shape), st.data("y")
    w, g, b = (st.params(name, shape=shape) for name in "wgb")
    z = op.sin(x * w)
    centred = z - op.mean(z)
    scaled = centred / op.sqrt(op.mean(centred**2) + 0.01) * g + b
    out = op.sum_(scaled) if features else scaled
    rng = np.random.default_rng(features)
    table = {"x": rng.normal(size=(7, *shape)), "y": rng.normal(size=7)}
    return drawn(op.mean((out - y) ** 2), table, rate=0.02 / max(features, 1))


# Costs without a lower bound run away from each other as well; at these rates a difference grows less than tenfold.
_GENTLE = {"E4 product": 1e-3, "E6 gate": 2e-4, "A2 line": 0.05, "E7 relu": 0.01, "E8 sigmoid": 0.01}

CASES: dict[str, Callable[[], Model]] = {
    **{name: (lambda name=name, make=make: split(*make(), _GENTLE.get(name, 0.1))) for name, make in MODELS.items()},
    **{name: (lambda name=name: _gate(name)) for name in GATES},
    "linear": lambda: split(st.models.linear().cost, {"x": np.arange(5.0), "y": 2 * np.arange(5.0), "w": 0.5}, 0.05),
    "neuron of three": lambda: drawn(
        st.models.neuron(["p", "q", "r"], activation="tanh").cost,
        {name: np.random.default_rng(3).normal(size=5) for name in ("p", "q", "r", "z")},
    ),
    **{
        f"chain({m})": (
            lambda m=m: drawn(st.models.chain(m).cost, {"x": [0.2, -0.4, 1, 0.7], "y": [0.3, 0.6, 0.9, 0.1]}, m)
        )
        for m in range(1, 7)
    },
    "network tanh": lambda: _network([2, 3, 1]),
    "network sigmoid": lambda: _network([2, 3, 2], activation="sigmoid", output="sigmoid", cost="mse"),
    "network cross-entropy": lambda: _network([3, 2, 2], activation="sigmoid"),
    "network softmax": lambda: _network([3, 4, 3], output="softmax"),
    "network mse": lambda: _network([2, 4, 1], output="linear", cost="mse"),
    "network wide": lambda: _network([9, 17, 1], rows=5),
    "network wide softmax": lambda: _network([12, 10, 9], output="softmax"),
    "relu regression": relu_regression,
    "standardised": standardised,
    "standardised vector": lambda: standardised(3),
    "standardised long vector": lambda: standardised(12),
}
"""Every model of the notes and of ``steepest.models``, and some that sum over the samples twice."""


def apart(found: Any, wanted: Any, least: float = 1.0) -> float:
    """The largest difference relative to the larger of what is wanted and ``least``; ∞ where one is finite only."""
    found, wanted = np.asarray(found, float), np.asarray(wanted, float)
    assert found.shape == wanted.shape
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.abs(found - wanted) / np.maximum(np.abs(wanted), least)
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    return float(np.max(np.where(same, 0.0, np.where(np.isnan(gap), np.inf, gap)), initial=0.0))


def both(roots: Sequence[Expression], values: dict[str, Any], dtype: str = "float64") -> tuple[list[Any], list[Any]]:
    """Expressions by the native and by the reference engine, per-sample ones with all their rows."""
    bound = bind(roots, values, dtype)
    native = Evaluation(roots, dtype)(bound.arrays, bound.rows)
    reference = compile_expressions(roots, dtype)(bound.arrays, bound.rows)
    for root, value in zip(roots, native, strict=True):
        assert np.shape(value) == ((bound.rows, *root.shape) if root.per_sample else root.shape)
        assert value.dtype == dtype
    full = [np.broadcast_to(wanted, np.shape(value)) for value, wanted in zip(native, reference, strict=True)]
    return native, full


def with_gradient(cost: Expression, method: str = "backprop") -> list[Expression]:
    """The stable forms of a cost and of all its partial derivatives."""
    roots = [cost, *gradient(cost, method=method).values()]
    stable = stabilise(roots[:1])
    return [stable[cost], *roots[1:]]


def guarded(numbers: int, dtype: Any) -> Any:
    """Zeros whose last one lies at the end of a page; the next page can neither be read nor written."""
    size, page = max(numbers, 1) * np.dtype(dtype).itemsize, mmap.PAGESIZE
    length = -(-size // page) * page
    memory = mmap.mmap(-1, length + page)
    whole = np.frombuffer(memory, np.uint8)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    if libc.mprotect(whole.ctypes.data + length, page, 0):
        raise OSError(ctypes.get_errno(), "mprotect")
    return whole[length - size : length].view(dtype)
