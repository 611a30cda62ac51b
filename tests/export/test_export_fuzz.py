"""Random formulas that draw on the whole table, in every medium: predictions, costs, and a step of the descent."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any

import numpy as np

import export_harness as harness
import steepest as st
from engine_cases import apart
from export_harness import needs_compiler, pointer
from steepest.calculus.gradient import gradient
from steepest.export import export_bytes
from steepest.expressions.expression import Expression, toposort
from strategies import Case, random_cases

COUNT = int(os.environ.get("STEEPEST_FUZZ_CASES", "60"))
SEED = int(os.environ.get("STEEPEST_FUZZ_SEED", "5"))


def prediction_in(tried: Case) -> harness.Case | None:
    """The largest part of a cost that is a prediction of each sample by itself."""
    over: set[Expression] = set()
    found = None
    for node in toposort([tried.cost]):
        if node.operation.over_samples or node.operation.name == "count" or any(arg in over for arg in node.args):
            over.add(node)
        elif node.per_sample and node.args:
            found = node
    return None if found is None else harness.case(found, tried.values)


@cache
def predictions() -> list[harness.Case]:
    return [found for found in map(prediction_in, random_cases(COUNT, SEED)) if found is not None]


def test_random_predictions_without_a_compiler() -> None:
    assert len(predictions()) > COUNT / 3
    for tried in predictions():
        wanted = tried.wanted("float64")
        for to, predict in (("numpy", harness.numpy_predict), ("onnx", harness.onnx_predict)):
            found = predict(export_bytes(tried.model, to), tried, "float64")
            assert apart(found, wanted) < 1e-11, tried.model.formula


@needs_compiler
def test_random_predictions_in_c() -> None:
    sources = [export_bytes(tried.model, "c", name=f"case{k}") for k, tried in enumerate(predictions())]
    functions = harness.library(sources)
    for k, tried in enumerate(predictions()):
        found = harness.c_predict(functions, f"case{k}", tried, "float64")
        assert apart(found, tried.wanted("float64")) < 1e-12, tried.model.formula


@needs_compiler
def test_random_costs_and_steps_in_c() -> None:
    """The cost and, after one step of length 1, the gradient."""
    chosen = [tried for tried in random_cases(COUNT, SEED) if tried.cost.data and tried.cost.parameters]
    chosen = [tried for tried in chosen if any(node.value != 0 for node in _leaves(tried.cost))]
    functions = harness.library([_source(tried, f"case{k}") for k, tried in enumerate(chosen)])
    assert len(chosen) > COUNT / 3
    for k, tried in enumerate(chosen):
        first, *others = (harness.array(tried.values[name], "float64") for name in tried.cost.data)
        data = [first, np.zeros(tried.rows), *others]  # the target stands after the columns of the prediction
        params = {name: np.atleast_1d(harness.array(tried.values[name], "float64")) for name in tried.cost.parameters}
        arrays = [*map(pointer, data), *map(pointer, params.values())]
        cost, train = getattr(functions, f"case{k}_cost"), getattr(functions, f"case{k}_train")
        cost.restype = train.restype = ctypes.c_double
        rows = ctypes.c_size_t(tried.rows)
        assert apart(cost(rows, *arrays), st.evaluate(tried.cost, tried.values)) < 1e-12, tried.cost
        train(rows, *arrays, ctypes.c_double(1.0), ctypes.c_long(1))
        for name, partial in st.evaluate(gradient(tried.cost), tried.values).items():
            moved = tried.values[name] - partial
            assert apart(params[name].reshape(np.shape(moved)), moved) < 1e-10, (name, tried.cost)


def _leaves(cost: Expression) -> list[Expression]:
    return [node for partial in gradient(cost).values() for node in toposort([partial]) if not node.args]


def _source(tried: Case, name: str) -> bytes:
    shapes, given = tried.shapes
    text = next(iter(tried.cost.data))
    total = f"sum(`{text}`)" if shapes[text] else f"`{text}`"
    model: Any = st.Model(f"`the target` ~ {total}", lambda p, t: tried.cost, {**shapes, "the target": ()}, given)
    return export_bytes(model, "c-train", name=name)
