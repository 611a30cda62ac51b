"""Exported models predict what the reference engine predicts: every operation, in every medium, in both precisions."""

from __future__ import annotations

import ctypes
from functools import cache

import mpmath as mp
import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import export_harness as harness
import steepest as st
from engine_cases import apart
from export_harness import Case, needs_compiler
from mission_models import MODELS
from oracles import ELEMENTWISE, STRUCTURAL
from steepest.export import FORMATS, export_bytes
from steepest.expressions.operations import TABLE
from steepest.training.descent import initial

OPERATIONS = harness.operations()

# The reference engine is NumPy, whose elementary functions err by some ulp (float32 by up to 4); so do those of a C
# library. Sums run in another order, and 50 layers add to it.
C_APART = {"float64": 1e-14, "float32": 2e-6}
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
    assert apart(found, tried.wanted(dtype), least(name)) < C_APART[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_numpy_source_predicts_what_the_reference_engine_does(name: str, dtype: str) -> None:
    tried = CASES[name]
    found = harness.numpy_predict(export_bytes(tried.model, "numpy", dtype), tried, dtype)
    assert found.dtype == dtype
    assert apart(found, tried.wanted(dtype), least(name)) < C_APART[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_onnx_predicts_what_the_reference_engine_does(name: str, dtype: str) -> None:
    tried = CASES[name]
    found = harness.onnx_predict(export_bytes(tried.model, "onnx", dtype), tried, dtype)
    assert found.dtype == dtype
    assert apart(found, tried.wanted(dtype)) < ONNX_APART[dtype]


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "log1p", "expm1"])
def test_what_onnx_lacks_is_composed_exactly(name: str) -> None:
    """Also where the result is small, which an absolute bound would not see."""
    tried = CASES[name]
    found = harness.onnx_predict(export_bytes(tried.model, "onnx"), tried, "float64")
    assert apart(found, tried.wanted("float64"), 1e-300) < 1e-14


def test_onnx_keeps_the_tail_of_a_sigmoid_in_single_precision() -> None:
    tail = np.linspace(-87, -17, 40)
    tried = harness.case(st.sigmoid(st.data("x")), {"x": tail})
    found = harness.onnx_predict(export_bytes(tried.model, "onnx", "float32"), tried, "float32")
    np.testing.assert_allclose(found, np.exp(tail.astype("float32").astype(float)), rtol=4e-7)


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_onnx_reduces_arguments_next_to_multiples_of_pi(name: str) -> None:
    k = np.concatenate([np.arange(1, 200), 2 ** np.arange(8, 20), np.arange(300, 650_000, 3251)])
    turns = np.concatenate([k, -k]) * (np.pi / 2)
    tried = harness.case(getattr(st, name)(st.data("x")), {"x": turns})
    found = harness.onnx_predict(export_bytes(tried.model, "onnx"), tried, "float64")
    with mp.workdps(40):
        true = [float(getattr(mp, name)(mp.mpf(x))) for x in turns]
    np.testing.assert_allclose(found, true, rtol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_onnx_computes_the_arctangent_of_numbers_of_every_size(dtype: str) -> None:
    """Of float32 and beyond: the double precision is computed from the single one."""
    info = np.finfo(dtype)
    sizes = [0.0, info.smallest_subnormal, *10.0 ** np.arange(info.minexp * 3 // 10, info.maxexp * 3 // 10), np.inf]
    x = np.concatenate([sizes, np.linspace(0.1, 5, 50)])
    x = np.concatenate([x, -x])
    tried = harness.case(st.arctan(st.data("x")), {"x": x})
    found = harness.onnx_predict(export_bytes(tried.model, "onnx", dtype), tried, dtype)
    with mp.workdps(40):
        true = np.array([float(mp.atan(mp.mpf(float(each)))) for each in x.astype(dtype)]).astype(dtype)
    normal = ~(np.abs(true) < info.smallest_normal) | (true == 0)
    np.testing.assert_allclose(found[normal], true[normal], rtol=1e-15 if dtype == "float64" else 4e-7)
    np.testing.assert_allclose(found[~normal], true[~normal], rtol=1e-4, atol=info.smallest_subnormal)
    assert np.array_equal(np.signbit(found), np.signbit(x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_choice_between_numbers_in_numpy_has_the_precision(dtype: str) -> None:
    x = st.data("x")
    for prediction in (st.where(x > 0, 1, 0), st.sum(st.where(st.data("X", shape=2), 0, 1)) + x):
        tried = harness.case(prediction, {"x": [1.0, -2.0], "X": [[0.0, 1.0], [0.0, 0.0]]})
        found = harness.numpy_predict(export_bytes(tried.model, "numpy", dtype), tried, dtype)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, tried.wanted(dtype))


# -- what stands in the files ----------------------------------------------------------------------------------------


def test_onnx_file_says_what_it_is() -> None:
    tried = CASES["network 64-32-10"]
    loaded = onnx.load_from_string(export_bytes(tried.model, "onnx", "float32"))
    onnx.checker.check_model(loaded, full_check=True)
    assert {each.key: each.value for each in loaded.metadata_props} == {
        "formula": tried.model.formula, "steepest": st.__version__,
    }  # fmt: skip
    assert [each.version for each in loaded.opset_import] == [12]
    assert loaded.ir_version == 7
    shapes = {
        each.name: [d.dim_param or d.dim_value for d in each.type.tensor_type.shape.dim]
        for each in (*loaded.graph.input, *loaded.graph.output)
    }
    assert shapes == {"X": ["n", 64], "prediction": ["n", 10]}
    assert {each.name: tuple(each.dims) for each in loaded.graph.initializer} == {
        "W1": (64, 32), "b1": (32,), "W2": (32, 10), "b2": (10,),
    }  # fmt: skip
    assert [each.op_type for each in loaded.graph.node[:3]] == ["Gemm", "Add", "Tanh"]


@pytest.mark.parametrize("name", CASES)
def test_onnx_in_another_runtime(name: str) -> None:
    """The evaluator that comes with ONNX follows the words of its standard, not what one runtime makes of it."""
    tried = CASES[name]
    evaluator = ReferenceEvaluator(export_bytes(tried.model, "onnx"))
    with np.errstate(all="ignore"):
        (found,) = evaluator.run(None, {column: tried.table[column] for column in tried.model.prediction.data})
    assert apart(found, tried.wanted("float64")) < ONNX_APART["float64"]


def test_a_network_reads_like_one_in_numpy() -> None:
    lines = export_bytes(CASES["network 4-5-5-3"].model, "numpy").decode().splitlines()
    assert [line.strip() for line in lines[-3:]] == [
        "h1 = np.tanh(X @ W1 + b1)", "h2 = np.tanh(h1 @ W2 + b2)", "return h2 @ W3 + b3",
    ]  # fmt: skip


def test_a_part_without_columns_is_computed_before() -> None:
    text = export_bytes(CASES["parts of parameters"].model, "c").decode()
    assert "/* exp(w) */" in text
    assert "tanh(" not in text.replace("/* dot(W, tanh(W)) */", "").partition("*/")[2]


def test_lines_stay_short() -> None:
    """Compilers and parsers bound how deep brackets go."""
    for to in ("c", "numpy"):
        deep = export_bytes(CASES["deep"].model, to).decode().split("predict(")[-2 if to == "c" else -1]
        assert max(line.count("(") for line in deep.splitlines() if "the target" not in line) <= 25


def test_export_is_the_same_each_time() -> None:
    for to in FORMATS:
        assert export_bytes(NETWORKS["network 2-3-1"].model, to) == export_bytes(NETWORKS["network 2-3-1"].model, to)


@needs_compiler
def test_c_compiles_at_every_level_and_in_gnu_mode() -> None:
    """GNU mode declares y0, j1 and more, and defines linux and unix."""
    names = ["linux", "y0", "gamma", "i"]
    prediction = " + ".join(f"{name}*{chosen}" for name, chosen in zip(names, ["unix", "y1", "j0", "n"], strict=True))
    values = {"unix": 2.0, "y1": 2.0, "j0": 2.0, "n": 2.0, **{name: [1.0, 2] for name in names}}
    tried = harness.case(prediction, values, names)
    for flags in (["-O3", "-Wextra", "-Wshadow", "-Wconversion"], ["-O2", "-std=gnu11"]):
        functions = harness.library([export_bytes(tried.model, "c", name="exp")], flags)
        assert harness.c_predict(functions, "exp", tried, "float64").tolist() == [8.0, 16.0]


def least(name: str) -> float:
    """From what on a difference is relative to the result: always, but where terms of the size 1 may cancel."""
    return 1e-300 if name in ELEMENTWISE else 1.0
