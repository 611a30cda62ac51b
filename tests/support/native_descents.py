"""Descents by the native engine for several test files: made from models, and compared with the reference engine."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

import steepest as st
from engine_cases import Model
from plain_loops import NAND, START
from steepest.calculus.prepared import prepare
from steepest.engines.native.lanes.lane_runner import LaneRunner
from steepest.engines.step import Step
from steepest.tables.values import bind
from steepest.training.descent import Descent, descend
from steepest.training.optimisers import gradient_descent
from steepest.training.steps import difference_step, gradient_step

DTYPES = ("float64", "float32")


# In float64 as asked. In float32 both engines round each parameter once an epoch, by 2^-24 of it at most and not
# alike: 1000 epochs add up to 6e-5. Divided by 2ε = 0.1 a cost's error of a few 2^-24 is one of 1e-5 in the gradient
# of an epoch, and the rate carries a tenth of it over.
CLOSE = {"float64": 1e-9, "float32": 2e-4}
NONE = {"float64": 1e-12, "float32": 1e-5}
"""What counts as 0: errors of a cost or parameter that ends at 0, where its parts are of size 1."""


def worded(sentence: str) -> str:
    """A sentence without its numbers, of which float32 has not all the digits."""
    return re.sub(r"[\d.]+(e-?\d+)?", "#", sentence)


def assert_same_descent(model: Model, dtype: str = "float64", **settings: Any) -> None:
    """Equal reports: epochs in the history, reasons, warnings; and costs and parameters up to round-off."""
    native = model.descend("native", dtype=dtype, **settings)
    wanted = model.descend("reference", dtype=dtype, **settings)
    assert (native.engine, wanted.engine) == ("native", "reference")
    assert (native.stop, native.epochs) == (wanted.stop, wanted.epochs)
    if native.reason == wanted.reason:
        assert native.message.partition("; not converged")[0] == wanted.message.partition("; not converged")[0]
    else:  # at the round-off of the cost, on which side of a bar a descent ends is up to the order of operations
        assert max(native.cost, wanted.cost) < 1e-20 * wanted.history[0][1]
    assert list(map(worded, native.warnings)) == list(map(worded, wanted.warnings))
    if dtype == "float64":
        assert native.warnings == wanted.warnings
    assert native.start.keys() == wanted.start.keys()
    assert [epoch for epoch, _ in native.history] == [epoch for epoch, _ in wanted.history]
    assert [epoch for epoch, _ in native.path] == [epoch for epoch, _ in wanted.path]
    near = {"rtol": CLOSE[dtype], "atol": NONE[dtype]}
    np.testing.assert_allclose([c for _, c in native.history], [c for _, c in wanted.history], **near)
    np.testing.assert_allclose(native.cost, wanted.cost, **near)
    for (_, mine), (_, its) in zip(native.path[:: max(len(native.path) // 20, 1)], wanted.path, strict=False):
        assert mine.keys() == its.keys()
    for name, value in wanted.params.items():
        assert type(native.params[name]) is type(value)
        assert np.shape(native.params[name]) == np.shape(value)
        np.testing.assert_allclose(native.params[name], value, **near, err_msg=name)
        for k in (1, len(wanted.path) // 2, len(wanted.path) - 2):
            np.testing.assert_allclose(native.path[k][1][name], wanted.path[k][1][name], **near, err_msg=name)


def nand(**settings: Any) -> Descent:
    return descend(st.models.neuron().cost, NAND, START, engine="native", **settings)


def stepped(model: Model, gradient: str = "backprop", norm: bool = False) -> Step:
    if gradient == "backprop":
        return gradient_step(prepare(model.cost), gradient, gradient_descent(), False, norm)
    return difference_step(prepare(model.cost), 0.01, gradient, gradient_descent(), False, norm)


def bound_start(model: Model, dtype: str = "float64") -> dict[str, Any]:
    return bind([model.cost], {**model.table, **model.start}, dtype).params


def lane_runner(
    model: Model, threads: int | None = None, dtype: str = "float64", gradient: str = "backprop", norm: bool = False
) -> LaneRunner:
    bound = bind([model.cost], {**model.table, **model.start}, dtype)
    return LaneRunner(stepped(model, gradient, norm), bound.data, bound.rows, model.rate, dtype, threads)
