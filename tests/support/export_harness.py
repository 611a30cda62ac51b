"""Exported files made to run: C by the compiler of this machine, ONNX by its runtime, NumPy source by Python.

What they are compared with is the reference engine, on the model's own prediction.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from edges import EDGES
from oracles import ELEMENTWISE, STRUCTURAL, points
from steepest.expressions.expression import OPERATIONS, data, params
from steepest.expressions.operations import negate
from steepest.language.formula import Limits

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler")
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
PEDANTIC = ("-Wshadow", "-Wconversion", "-Wdouble-promotion")  # what some projects ask of a file they take in
LONG = Limits(characters=1_000_000, nesting=1000)


@dataclass(frozen=True)
class Case:
    """A model with its parameters set, and columns to predict from."""

    model: st.Model
    table: dict[str, Any]

    def wanted(self, dtype: str) -> Any:
        """The prediction by the reference engine; one output of a network is a number."""
        found = st.evaluate(self.model.prediction, {**self.table, **self.model.params}, dtype)
        return found[:, 0] if self.model.prediction.shape == (1,) else found


def case(prediction: st.Expression | str, values: Mapping[str, Any], columns: Sequence[str] = ()) -> Case:
    """A model with this prediction; ``columns`` are data even where the prediction has them as parameters."""
    if isinstance(prediction, str):
        shapes = {name: np.shape(values[name])[1:] for name in columns}
        given = {name: np.shape(value) for name, value in values.items() if name not in columns}
    else:
        names = dict.fromkeys([*prediction.data, *columns])
        shapes = {name: np.shape(values[name])[1:] for name in names}
        given = {name: np.shape(values[name]) for name in prediction.parameters if name not in names}
    model = st.Model(f"`the target` ~ {prediction}", "mse", {**shapes, "the target": ()}, given, LONG)
    model.params = {name: np.asarray(values[name], float) for name in given}
    return Case(model, {name: np.asarray(values[name], float) for name in shapes})


def _elementwise(name: str) -> Case:
    """An operation at ordinary points, at points of every size, and at edges; all arguments are columns."""
    row = OPERATIONS[name]
    rng = np.random.default_rng([1, *name.encode()])
    wide = rng.choice([-1, 1], (row.arity, 60)) * 10 ** rng.uniform(-40, 40, (row.arity, 60))
    ordinary = np.array(points(name, row.domain))
    edges = np.array([args for args, _ in EDGES[name]]).T
    table = np.concatenate([ordinary, wide, edges], axis=1)
    names = [f"x{k}" for k in range(row.arity)]
    return case(row(*(data(each) for each in names)), dict(zip(names, table, strict=True)))


def _structural() -> dict[str, Case]:
    """Every operation that mixes features, in every mixture of columns and parameters."""
    found = {}
    for name, told in STRUCTURAL.items():
        if told.over_samples:
            continue
        for k, mixture in enumerate(told.cases):
            if not any(per_sample for _, per_sample in mixture):
                continue
            rng = np.random.default_rng([k, *name.encode()])
            leaves, values = [], {}
            for j, (shape, per_sample) in enumerate(mixture):
                leaves.append((data if per_sample else params)(f"x{j}", shape=shape))
                whole = (5, *shape) if per_sample else shape
                values[f"x{j}"] = rng.integers(-1, 5, whole) if told.whole else rng.normal(0, 2, whole)
            attributes = told.attributes[k] if told.attributes else ()
            mixed = "".join("s" if per_sample else "p" for _, per_sample in mixture)
            found[f"{name} {k} {mixed}"] = case(OPERATIONS[name](*leaves, attributes=attributes), values)
    return found


def _broadcast() -> dict[str, Case]:
    """Numbers, vectors and matrices of samples and parameters meeting element by element."""
    rng = np.random.default_rng(5)
    kinds: dict[str, Any] = {
        "x": data("x"), "X": data("X", shape=3), "M": data("M", shape=(2, 3)),
        "w": params("w"), "W": params("W", shape=3), "V": params("V", shape=(2, 3)),
    }  # fmt: skip
    values = {n: rng.normal(size=((5, *k.shape) if k.per_sample else k.shape)) for n, k in kinds.items()}
    found = {}
    for pair in ("xX", "Xx", "xW", "Wx", "wX", "XW", "xM", "Mx", "xV", "Vx", "wM", "MV", "xw"):
        a, b = (kinds[name] for name in pair)
        for name in ("subtract", "power", "maximum", "less"):
            base = st.abs(a) if name == "power" else a
            found[f"{name} {pair}"] = case(OPERATIONS[name](base, b), values)
        found[f"where {pair}"] = case(st.where(a > 0, b * 2, st.sin(a)) + st.where(a, b, 1), values)
        found[f"where comparing {pair}"] = case(st.where(st.less(a, b), a, b) * st.less(a, b), values)
    return found


def _mixed() -> dict[str, Case]:
    rng = np.random.default_rng(6)
    x, y, X = data("x", "y", "z")[0], data("y"), data("X", shape=4)
    w, v, W = params("w"), params("v"), params("W", shape=4)
    values = {"x": rng.normal(size=6), "y": rng.normal(size=6), "X": rng.normal(size=(6, 4)), "w": 0.7, "v": -1.3,
              "W": rng.normal(size=4)}  # fmt: skip
    deep = x
    for k in range(40):
        deep = st.sin(deep * w + k / 7)
    shared = st.exp(x * w)
    nans = {**values, "X": np.where(np.eye(6, 4), np.nan, values["X"]), "x": [0, np.nan, 1, 2.5, -1, 9]}
    return {
        "column alone": case(x, values),
        "row alone": case(X, values),
        "shared part": case(shared + 1 / shared + st.log(w) * shared**0.5, values),
        "parts of parameters": case(x * st.exp(w) + st.dot(W, st.tanh(W)) * y + st.outer(W, W) @ X @ W, values),
        "numbers alone": case(x * (st.constant(1) / 3) + st.exp(st.constant(2)) + st.constant(2) ** x, values),
        "deep": case(deep, values),
        "unary minus": case(negate(negate(-x)) - (-2) * (-x) - (-w), values),
        "brackets": case((x - (y - w)) - (x + (y + v)) / (y / (x / w)) * (x * (y * w)), values),
        "powers": case((x**2) ** 3 + (-x) ** 2 - x**4 + st.abs(x) ** 0.5 + st.abs(x) ** -1.5 + 2**x + x**-1, values),
        "roots by powers": case(x**0.5, {"x": [np.inf, -0.0, -1.0, 2.0]}),
        "comparisons": case(((x > 0) < (y > w)) + st.equal(x > 0, y > 0) * (w < v) - st.not_equal(x, x), values),
        "stable": case(st.log(st.sigmoid(x * 500)) + st.log(1 + st.exp(x * 800)) + st.exp(x * 1e-9) - 1, values),
        "scaled products": case(st.dot(X / 1.3, W) * w / 0.7 + ((X * w) @ (W / 3)) / 1.1 - 1.7 * (W @ (v * X)), values),
        "scaled rows": case(((X / 1.3) @ st.params("V", shape=(4, 2)) * w + x) / 1.1, {**values, "V": np.ones((4, 2))}),
        "softmax of NaN": case(st.softmax(X), nans),
        "largest of NaN": case(st.largest(X) * X, nans),
        "class of NaN": case(st.one_hot(x, attributes=(3,)), nans),
        "infinite numbers": case(st.minimum(x, st.constant(np.inf)) + st.where(x > 0, st.constant(-np.inf), x), values),
        "sum of a long expression": case(st.sum(st.tanh(X * W + x) ** 2 * st.exp(-X) / (1 + X**2)), values),
    }  # fmt: skip


def operations() -> dict[str, Case]:
    """Every operation of the table as a prediction, with expansions, and mixtures of them."""
    single = {name: _elementwise(name) for name in ELEMENTWISE}
    return {**single, **_structural(), **_broadcast(), **_mixed()}


# -- making files run ------------------------------------------------------------------------------------------------


def library(sources: Sequence[bytes], flags: Sequence[str] = ("-O1", *PEDANTIC)) -> ctypes.CDLL:
    """The functions of some files of C, compiled together and with every warning an error."""
    assert COMPILER is not None
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "all.c"), Path(folder, "all.so")
        source.write_bytes(b"\n".join(sources))
        command = [COMPILER, *STRICT, *flags, "-shared", "-fPIC", "-o", str(target), str(source), "-lm"]
        run = subprocess.run(command, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        return ctypes.CDLL(str(target))


def array(values: Any, dtype: str) -> np.ndarray:
    """Numbers as C reads them."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(np.asarray(values, float).astype(dtype))


def c_predict(functions: ctypes.CDLL, name: str, tried: Case, dtype: str) -> np.ndarray:
    """The prediction of a compiled file, by both of its functions."""
    columns = [array(tried.table[column], dtype) for column in tried.model.prediction.data]
    rows = len(columns[0])
    shape = tuple(d for d in tried.model.prediction.shape if d != 1 or len(tried.model.prediction.shape) > 1)
    found = np.full((rows, *shape), 7, dtype)
    getattr(functions, f"{name}_predict_n")(ctypes.c_size_t(rows), *map(pointer, columns), pointer(found))
    alone = np.full((1, *shape), 7, dtype)
    getattr(functions, f"{name}_predict")(*(pointer(column[-1:]) for column in columns), pointer(alone))
    np.testing.assert_array_equal(alone[0], found[-1])
    return found


def pointer(values: np.ndarray) -> ctypes.c_void_p:
    """The address of an array."""
    return ctypes.c_void_p(values.ctypes.data)


def numpy_predict(source: bytes, tried: Case, dtype: str) -> np.ndarray:
    """The prediction of a module of NumPy."""
    scope: dict[str, Any] = {"__name__": "exported"}
    exec(compile(source, "exported.py", "exec"), scope)
    columns = [array(tried.table[column], dtype) for column in tried.model.prediction.data]
    with np.errstate(all="ignore"):
        found = scope["predict"](*columns)
        alone = scope["predict"](*(column[-1] for column in columns))
    np.testing.assert_allclose(alone, found[-1], rtol=1e-5 if dtype == "float32" else 1e-13)
    return np.asarray(found)


def onnx_predict(content: bytes, tried: Case, dtype: str) -> np.ndarray:
    """The prediction of an ONNX file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    columns = {column: array(tried.table[column], dtype) for column in tried.model.prediction.data}
    (found,) = session.run(["prediction"], columns)
    return np.asarray(found)
