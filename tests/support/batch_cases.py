"""Random models that are learnt in batches, and what compares the engines on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import numpy as np

import steepest as st
from engine_cases import EPSILON, Model, drawn, standardised
from steepest.calculus.prepared import prepare
from steepest.engines.native.arrays.array_runner import ArrayRunner
from steepest.engines.reference import compile_expressions
from steepest.engines.step import Batches, DescentState, Rate, Record, Step, StoppingRules
from steepest.engines.stepwise import Stepwise
from steepest.expressions import operations as op
from steepest.language.formula import names_in
from steepest.tables.values import bind
from steepest.training.optimisers import (
    LBFGS,
    Optimiser,
    adagrad,
    adam,
    adamw,
    gradient_descent,
    lion,
    momentum,
    nesterov,
)
from steepest.training.optimisers import rmsprop as rms
from steepest.training.result import Descent
from steepest.training.steps import gradient_step

WIDTHS = (1, 2, 3, 5, 7, 8, 9, 13, 16, 17, 24, 31, 33, 64, 70)

# ε is such that a gradient of round-off alone, which would be scaled to 1, stays round-off.
OPTIMISERS: dict[str, Callable[[], Optimiser | LBFGS]] = {
    "gradient-descent": gradient_descent, "momentum": momentum, "nesterov": lambda: nesterov(0.8),
    "rmsprop": lambda: rms(0.95, 1e-3), "adagrad": lambda: adagrad(1e-3), "adam": lambda: adam(0.8, 0.99, 1e-3),
    "adamw": lambda: adamw(epsilon=1e-3, weight_decay=0.1), "lion": lambda: lion(weight_decay=0.01),
}  # fmt: skip


def table_of(shapes: Mapping[str, tuple[int, ...]], rows: int, seed: int, classes: int = 0) -> dict[str, Any]:
    """Columns of normal numbers; ``y`` holds classes, if there are any."""
    rng = np.random.default_rng([seed, rows])
    table: dict[str, Any] = {name: rng.normal(size=(rows, *shape)) for name, shape in shapes.items()}
    if classes:
        table["y"] = rng.integers(0, classes, table["y"].shape).astype(float)
    return table


def network(random: Random, rows: int) -> Model:
    """A network of one to four layers."""
    sizes = [random.choice(WIDTHS) for _ in range(random.randint(2, 5))]
    output = random.choice(("softmax", "sigmoid", "linear"))
    if output == "softmax":
        sizes[-1] = random.choice((2, 3, 9, 10, 17))
    activation = random.choice(("tanh", "relu", "sigmoid", "sin"))
    model = st.models.network(sizes, activation, output, None if output != "sigmoid" else "cross_entropy")
    target = () if output == "softmax" or sizes[-1] == 1 else (sizes[-1],)
    classes = {"softmax": sizes[-1], "sigmoid": 2, "linear": 0}[output]
    cost = model.cost
    if random.random() < 0.3:
        W = st.params("W1", shape=(sizes[0], sizes[1]))
        cost = cost + 0.01 * op.sum_(W * W)
    seed = random.randint(0, 10**6)
    return drawn(cost, table_of({"X": (sizes[0],), "y": target}, rows, seed, classes), seed)


def _formula(text: str, **shapes: tuple[int, ...]) -> Callable[[int], Model]:
    """Columns are x, y, z, and X and Y of rows; all the others are parameters."""
    known = {name: shapes.get(name, ()) for name in names_in(text)}
    columns = {name: shape for name, shape in known.items() if name in ("x", "y", "z", "X", "Y")}
    cost = st.parse(text, columns, {name: shape for name, shape in known.items() if name not in columns})

    def make(rows: int) -> Model:
        return drawn(cost, table_of(columns, rows, 1), 3)

    return make


FORMULAS: dict[str, Callable[[int], Model]] = {
    "line": _formula("mean((x*w + b - y)^2)"),
    "neuron": _formula("mean((sigmoid(x*w1 + y*w2 + b) - z)^2)"),
    "chain": _formula("mean((sigmoid(tanh(x*w1 + b1)*w2 + b2) - y)^2)"),
    "where": _formula("mean(where(x > 0, abs(x*w1 - y), max(y*w2, b) + min(x, b)))"),
    "total": _formula("total((x*w - y)^2 + log(1 + exp(b*x)))/10 + w^2"),
    "row": _formula("mean((X @ v + b - y)^2)", X=(11,), v=(11,)),
    "row of one": _formula("mean((X @ v + b - y)^2)", X=(1,), v=(1,)),
    "features": _formula("mean(sum(tanh(X*v + c)) + sum((X - c)^2))", X=(70,), v=(70,), c=(70,)),
    "two rows": _formula("mean((sum(X*Y*v) - y)^2 + sum(abs(X - Y*v)))", X=(9,), Y=(9,), v=(9,)),
    "decay": _formula("mean((sin(X @ W) @ v - y)^2) + 0.01*sum(W*W) + 0.02*sum(V^2)", X=(5,), W=(5, 9), v=(9,),
                      V=(3, 20)),
    "shared product": _formula("mean(sum((X @ (A @ B) - Y)^2))", X=(6,), Y=(10,), A=(6, 3), B=(3, 10)),
    "variance": _formula("mean((tanh(x*w) - mean(tanh(x*w)))^2) + (mean(x*w + b) - 1)^2"),
    "three passes": _formula("mean((x*w - mean(x*w*exp(-mean(x*w)^2)) - y*b)^2)"),
    "standardised": lambda rows: standardised(3).with_rows(rows),
    "standardised long": lambda rows: standardised(20).with_rows(rows),
}  # fmt: skip


def random_case(seed: int) -> tuple[Model, dict[str, Any]]:
    """A model with its table, and settings of a descent in batches."""
    random = Random(seed)
    rows = random.choice((*range(1, 71), 100, 300, 700))
    formula = FORMULAS[list(FORMULAS)[seed // 3 % len(FORMULAS)]]
    model = network(random, rows) if seed % 3 else formula(rows)
    name = list(OPTIMISERS)[seed % len(OPTIMISERS)]
    batch = random.choice((*range(1, 41), 64, 256, 257, 500))
    rate = 0.05 if name in ("gradient-descent", "momentum", "nesterov") else 0.01
    return model, {"rate": rate / 5 if seed % 3 == 0 else rate, "epochs": 3, "optimiser": OPTIMISERS[name](),
                   "batch": batch, "seed": seed}  # fmt: skip


def gap(found: Any, wanted: Any) -> float:
    """The largest difference of arrays, relative to the largest number in them, 1 at least."""
    found, wanted = np.asarray(found, float), np.asarray(wanted, float)
    assert found.shape == wanted.shape
    if not (np.isfinite(found).all() and np.isfinite(wanted).all()):
        return 0.0 if np.array_equal(np.isfinite(found), np.isfinite(wanted)) else np.inf
    return float(np.max(np.abs(found - wanted), initial=0) / max(1.0, np.max(np.abs(wanted), initial=0)))


def gaps(found: Descent, wanted: Descent, one_precision: bool = True) -> float:
    """How far two reports are apart that agree in all that is counted; float32 keeps more rows of large parameters."""
    assert (found.stop, found.epochs, found.best_epoch) == (wanted.stop, wanted.epochs, wanted.best_epoch)
    if found.reason == wanted.reason:  # at the bar of convergence, the order of operations decides on which side
        assert found.message.partition(";")[0] == wanted.message.partition(";")[0]
    worst = [gap(found.cost, wanted.cost)]
    for name in ("history", "validation"):
        mine, its = getattr(found, name) or [], getattr(wanted, name) or []
        assert [epoch for epoch, _ in mine] == [epoch for epoch, _ in its]
        worst += [gap([cost for _, cost in mine], [cost for _, cost in its])]
    rows, others = dict(found.path), dict(wanted.path)
    assert rows.keys() == others.keys() or not one_precision
    for epoch in rows.keys() & others.keys():
        worst += [gap(rows[epoch][name], others[epoch][name]) for name in wanted.params]
    for left, right in ((found.params, wanted.params), (found.memory, wanted.memory)):
        assert left.keys() == right.keys()
        worst += [gap(left[name], right[name]) for name in right]
    return max(worst)


def single_bound(model: Model, settings: dict[str, Any]) -> tuple[float, float]:
    """In float32: how far the native engine is from the truth, and how far it may be.

    The truth is the reference engine in float64. The reference engine in float32 is off it by what rounding does in
    this model; the native engine rounds as often, but not alike, and so may be off by some times as much.
    """
    truth, rounded = (model.descend("reference", dtype=dtype, **settings) for dtype in EPSILON)
    native = model.descend("native", dtype="float32", **settings)
    return gaps(native, truth, False), 4 * gaps(rounded, truth, False) + 16 * EPSILON["float32"]


def step_of(model: Model, optimiser: Optimiser | None = None, norm: bool = False) -> Step:
    return gradient_step(prepare(model.cost), "backprop", optimiser or gradient_descent(), False, norm)


def runner_of(
    model: Model, engine: str, step: Step, rate: Rate, dtype: str = "float64", batches: Batches | None = None,
    threads: int | None = None,
) -> ArrayRunner | Stepwise:  # fmt: skip
    """A descent by arrays, or by the reference engine."""
    bound = bind([model.cost], {**model.table, **model.start}, dtype)
    if engine == "reference":
        return Stepwise(compile_expressions, step, bound.data, bound.rows, rate, dtype, batches)
    return ArrayRunner(step, bound.data, bound.rows, rate, dtype, batches, threads)


def start_of(model: Model, step: Step, dtype: str = "float64") -> dict[str, Any]:
    """Parameters at the start, and what the optimiser remembers there."""
    params = bind([model.cost], {**model.table, **model.start}, dtype).params
    return {**params, **{leaf.name: np.zeros(leaf.shape, dtype) for leaf in step.memory}}


def run_in_calls(
    runner: Any, start: dict[str, Any], epochs: int, length: int, rules: StoppingRules | None = None,
    record: Record | None = None,
) -> tuple[DescentState, Record]:  # fmt: skip
    """A descent in calls of so many epochs."""
    record = record or Record()
    state = DescentState(start, start, runner.cost_at(start))
    while state.epoch < epochs and not state.stop:
        state = runner.advance(state, min(state.epoch + length, epochs), rules or StoppingRules(), record)
    return state, record
