"""Exported models predict what the reference engine predicts: every operation, in every medium, in both precisions."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np
import pytest

import export_harness as harness
import steepest as st
from engine_cases import apart
from export_harness import Case, needs_compiler
from oracles import ELEMENTWISE, STRUCTURAL
from mission_models import MODELS
from steepest.descent import initial
from steepest.export import export_bytes
from steepest.operations import TABLE

OPERATIONS = harness.operations()

# The reference engine is NumPy, whose elementary functions err by some ulp; so do those of a C library.
C_APART = {"float64": 1e-13, "float32": 4e-6}
# ONNX Runtime's sin, tanh and its own sigmoid are good to some epsilons absolutely, not relative to a small result.
ONNX_APART = {"float64": 1e-12, "float32": 1e-5}
DTYPES = ("float64", "float32")


def network(sizes: list[int], rows: int = 9, **settings: str) -> Case:
    model = st.models.network(sizes, **settings)
    model.params = initial(model.cost, seed=3)
    return Case(model, {"X": np.random.default_rng(sizes).normal(size=(rows, sizes[0]))})


def mission(name: str) -> Case:
    """What stands within the mean of a model's cost; a pure function, with its parameters as columns."""
    cost, values = MODELS[name]()
    if cost.data:
        return harness.case(cost.args[0], values)
    rng = np.random.default_rng(2)
    return harness.case(str(cost), {n: v + rng.normal(size=7) for n, v in values.items()}, cost.parameters)


NETWORKS = {
    "network 2-3-1": network([2, 3, 1]),
    "network 4-5-5-3": network([4, 5, 5, 3], output="linear"),
    "network 64-32-10": network([64, 32, 10], output="softmax"),
    "network relu": network([3, 8, 2], activation="relu", output="sigmoid"),
    "chain of 50": Case(st.models.chain(50), {"x": np.linspace(-3, 3, 9)}),
}
NETWORKS["chain of 50"].model.params = initial(NETWORKS["chain of 50"].model.cost, seed=1)
CASES = {**OPERATIONS, **{name: mission(name) for name in MODELS}, **NETWORKS}
PLACES = {name: f"case{k}" for k, name in enumerate(CASES)}


@cache
def compiled(dtype: str) -> ctypes.CDLL:
    sources = [export_bytes(tried.model, "c", dtype, PLACES[name]) for name, tried in CASES.items()]
    return harness.library(sources)


def test_every_operation_is_tried() -> None:
    tried = {name.split()[0] for name in OPERATIONS}
    over_samples = {row.name for row in TABLE if row.over_samples or not row.arity}
    assert {row.name for row in TABLE} - over_samples <= tried
    assert set(ELEMENTWISE) | set(STRUCTURAL) <= tried | over_samples


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_c_predicts_what_the_reference_engine_does(name: str, dtype: str) -> None:
    tried = CASES[name]
    found = harness.c_predict(compiled(dtype), PLACES[name], tried, dtype)
    wanted = tried.wanted(dtype)
    assert apart(found, wanted, least(wanted)) < C_APART[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_numpy_source_predicts_what_the_reference_engine_does(name: str, dtype: str) -> None:
    tried = CASES[name]
    found = harness.numpy_predict(export_bytes(tried.model, "numpy", dtype), tried, dtype)
    wanted = tried.wanted(dtype)
    assert found.dtype == dtype
    assert apart(found, wanted, least(wanted)) < C_APART[dtype] / 4  # the same functions, in another order at most


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_onnx_predicts_what_the_reference_engine_does(name: str, dtype: str) -> None:
    tried = CASES[name]
    found = harness.onnx_predict(export_bytes(tried.model, "onnx", dtype), tried, dtype)
    assert found.dtype == dtype
    assert apart(found, tried.wanted(dtype)) < ONNX_APART[dtype]


def least(wanted: object) -> float:
    """Differences count relative to a result by itself, or to the largest of several that one sum may have made."""
    shown = np.abs(np.asarray(wanted, float))
    ordinary = shown[np.isfinite(shown) & (shown > 0)]
    return float(np.min(ordinary, initial=1.0))
