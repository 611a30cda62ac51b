"""A branch that is not taken has no say: every guard with every function that fails in it, in every engine and in C.

The truth is mpmath's derivative of the rows alone in which the guarded function is taken.
"""

from __future__ import annotations

import ctypes
import itertools
import warnings
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import export_harness as harness
import steepest as st
from export_harness import needs_compiler, pointer
from gradient_judge import native_gradient
from steepest.calculus.gradient import gradient
from steepest.derivations.line_by_line import derive
from steepest.engines import evaluate
from steepest.export import export_bytes
from steepest.expressions import operations as op
from strategies import Case

X = [-800.0, -2.0, -0.5, 0.0, 0.4, 1.0, 3.0]
Y = [0.3, -1.0, 2.0, 0.0, 0.7, 1.1, -0.4]
W = 1.3

# A condition by which a row is taken, and the guard, with {f} in place of the function.
GUARDS: dict[str, tuple[Callable[[float], bool], str]] = {
    "where": (lambda x: x > 0, "where(x > 0, {f}, 0)"),
    "where the other way": (lambda x: x > 0, "where(x <= 0, x, {f})"),
    "nested where": (lambda x: x > 0.5, "where(x > 0, where(x > 0.5, {f}, 1), x)"),
    "where by a product": (lambda x: x > 0, "where((x > 0)*(x < 1e9), {f}, 2)"),
    "where within arithmetic": (lambda x: x > 0, "2*where(x > 0, 3*{f} + 1, 0)^2"),
    "where below a function": (lambda x: x > 0, "tanh(where(x > 0, {f}, 0)/40)"),
    "max of a where": (lambda x: x > 0, "max(where(x > 0, {f}, 0), -1e3)"),
    "clip": (lambda x: x > 0, "min(max(where(x > 0, {f}, 0), -1e3), 1e3)"),
    "abs": (lambda x: x > 0, "abs(where(x > 0, {f}, 0) + 1e3)"),
    "relu": (lambda x: x > 0, "relu(where(x > 0, {f}, -1) + 50)"),
}
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "sqrt": (mp.sqrt, "sqrt(w*x)"),
    "log": (mp.log, "log(w*x)"),
    "log1p": (lambda u: mp.log(1 + u), "log1p(w*x)"),
    "quotient": (lambda u: 1 / u, "1/(w*x)"),
    "root": (lambda u: u ** mp.mpf("0.3"), "(w*x)^0.3"),
    "negative power": (lambda u: u ** mp.mpf("-1.5"), "(w*x)^(-1.5)"),
    "logarithm of a logarithm": (lambda u: mp.log(1 + mp.sqrt(u)), "log(1 + sqrt(w*x))"),
    "exponential": (lambda u: mp.exp(-u), "exp(-w*x)"),
    "growth": (lambda u: mp.exp(-2 * mp.exp(-u)), "exp(-2*exp(-w*x))"),
}
PAIRS = [pytest.param(g, f, id=f"{g}: {f}") for g, f in itertools.product(GUARDS, FUNCTIONS)]


def text(guard: str, function: str) -> str:
    return GUARDS[guard][1].replace("{f}", f"({FUNCTIONS[function][1]})")


def outside(guard: str, f: Any) -> Any:
    """What the guard makes of the function where it is taken."""
    return {
        "where within arithmetic": lambda: 2 * (3 * f + 1) ** 2,
        "where below a function": lambda: mp.tanh(f / 40),
        "abs": lambda: abs(f + 1000),
        "relu": lambda: f + 50,
    }.get(guard, lambda: f)()


def true_slope(guard: str, function: str) -> float:
    """∂/∂w of mean((y − prediction)²) by the rows that are taken."""
    taken, whole = GUARDS[guard][0], mp.mpf(0)
    with mp.workdps(60):
        for x, y in zip(X, Y, strict=True):
            if taken(x):
                whole += mp.diff(
                    lambda w, x=x, y=y: (y - outside(guard, FUNCTIONS[function][0](w * x))) ** 2, mp.mpf(W)
                )
        return float(whole / len(X))


def cost_of(guard: str, function: str) -> st.Expression:
    return st.parse(f"mean((y - {text(guard, function)})^2)", data=["x", "y"])


VALUES = {"x": X, "y": Y, "w": W}


@pytest.mark.parametrize(("guard", "function"), PAIRS)
def test_values_and_gradients_are_those_of_the_rows_that_are_taken(guard: str, function: str) -> None:
    cost = cost_of(guard, function)
    true = true_slope(guard, function)
    assert np.isfinite(evaluate(cost, VALUES))
    for dtype, rel in (("float64", 1e-13), ("float32", 2e-5)):
        assert evaluate(gradient(cost)["w"], VALUES, dtype) == pytest.approx(true, rel=rel), dtype
    assert st.check(cost, VALUES).ok
    case = Case(cost, {name: np.asarray(value) for name, value in VALUES.items()}, len(X))
    assert native_gradient(case)["w"] == pytest.approx(true, rel=1e-13)


@pytest.mark.parametrize(("guard", "function"), PAIRS)
def test_derivations_agree(guard: str, function: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = derive(cost_of(guard, function), "w").result
        assert evaluate(result, VALUES) == pytest.approx(true_slope(guard, function), rel=1e-12)


@needs_compiler
def test_exported_training_takes_the_same_step() -> None:
    names = {pair.id: f"pair{k}" for k, pair in enumerate(PAIRS)}
    models = {}
    for pair in PAIRS:
        guard, function = pair.values
        model = st.Model(f"y ~ {text(guard, function)}", "mse", {"x": (), "y": ()}, {"w": ()})
        models[pair.id] = model
    sources = [export_bytes(model, "c-train", "float64", names[key]) for key, model in models.items()]
    functions = harness.library(sources)
    for pair in PAIRS:
        guard, function = pair.values
        train = getattr(functions, f"{names[pair.id]}_train")
        train.restype = ctypes.c_double
        w = np.array([W])
        columns = [np.ascontiguousarray(VALUES[name], float) for name in models[pair.id].data]
        train(ctypes.c_size_t(len(X)), *map(pointer, columns), pointer(w), ctypes.c_double(1e-3), ctypes.c_long(1))
        true = true_slope(guard, function)
        assert (W - w[0]) / 1e-3 == pytest.approx(true, rel=1e-9, abs=1e-12 / 1e-3), pair.id


GROWTH = {"x": [-900.0, 0.0], "y": [0.0, 1.0], "a": 1.0, "b": 1.0, "r": 1.0}


@pytest.mark.parametrize(
    ("formula", "values", "name", "true"),
    [
        ("mean((y - sqrt(w*x))^2)", {"x": [0.0, 1.0], "y": [0.0, 2.0], "w": 4.0}, "w", 0.0),
        ("mean((y - sqrt(w*x))^2)", {"x": [0.0, 1.0], "y": [1.0, 3.0], "w": 4.0}, "w", -0.25),
        ("mean(x*sqrt(w*x))", {"x": [0.0, 1.0], "w": 4.0}, "w", 0.125),
        ("mean((w*x)^0.3)", {"x": [0.0, 1.0], "w": 1.0}, "w", 0.15),
        ("mean(sqrt(x^w))", {"x": [0.0, 1.0], "w": 2.0}, "w", 0.0),
        ("(w^2)^0.75", {"w": 0.0}, "w", 0.0),
        ("sqrt(w^2 + v^2)^3", {"w": 0.0, "v": 0.0}, "w", 0.0),
        ("sqrt(mean((y - w*x)^2))", {"x": [1.0, 2.0], "y": [3.0, 6.0], "w": 3.0}, "w", 0.0),
        ("exp(-exp(w))", {"w": 800.0}, "w", 0.0),
        ("mean((y - a/(1 + b*exp(-r*x)))^2)", GROWTH, "b", 0.125),
        ("where(w > 0, sqrt(w), w)", {"w": -2.0}, "w", 1.0),
        ("mean(y*sqrt(w))", {"y": [0.0, 0.0], "w": 0.0}, "w", 0.0),
    ],
)  # fmt: skip
def test_what_does_not_move_has_no_slope(formula: str, values: dict[str, Any], name: str, true: float) -> None:
    cost = st.parse(formula, data=[n for n in values if np.ndim(values[n])])
    assert evaluate(gradient(cost)[name], values) == pytest.approx(true, rel=1e-14, abs=1e-300)


@pytest.mark.parametrize(
    ("formula", "at"), [("exp(0.5*log(w))", 0.0), ("sqrt(w)", -1.0), ("sqrt(w)", 0.0), ("w*log(w)", 0.0)]
)
def test_what_has_no_derivative_is_not_given_one(formula: str, at: float) -> None:
    """A guard must not turn a NaN or an infinity that is right into a number."""
    assert not np.isfinite(evaluate(gradient(st.parse(formula))["w"], {"w": at}))


def test_ordinary_gradients_have_no_guards() -> None:
    x, y, w, b = st.data("x", "y") + st.params("w", "b")
    for prediction in (
        w * x + b,
        st.sigmoid(w * x + b),
        st.tanh(w * x),
        w * x**2 + b * x,
        st.exp(w * x),
        st.log(w * x),
    ):
        for part in gradient(st.mean((prediction - y) ** 2)).values():
            assert "where" not in str(part), str(part)
    for network in (st.models.network([3, 4, 2], output="softmax"), st.models.network([3, 4, 1], "tanh", "sigmoid")):
        assert all("where" not in str(part) for part in gradient(network.cost).values())


PRODUCTS: dict[str, tuple[Callable[[Any, Any], Any], tuple[int, ...], tuple[int, ...], Any]] = {
    "outer": (op.outer, (2,), (3,), [[0, 0, 0], [1, 0, 1]]),
    "outer, the other way": (lambda a, b: op.outer(b, a), (2,), (3,), [[0, 1], [0, 0], [0, 1]]),
    "matrix and vector": (op.matmul, (2, 3), (3,), [0, 1]),
    "vector and matrix": (lambda a, b: op.matmul(b, a), (3, 2), (3,), [0, 1]),
    "matrices": (op.matmul, (2, 3), (3, 2), [[0, 0], [1, 1]]),
    "matrices, the other way": (lambda a, b: op.matmul(b, a), (3, 2), (2, 3), [[0, 1], [0, 1]]),
    "dot": (op.dot, (3,), (3,), 0),
}
"""Products of a and b, their shapes, and a mask of what the first element of a has no part in."""


@pytest.mark.parametrize("root", [op.sqrt, op.log, lambda x: x**-1.5], ids=["sqrt", "log", "power"])
@pytest.mark.parametrize("per_sample", ["", "a", "b", "m", "ab", "bm", "abm"])
@pytest.mark.parametrize("product", PRODUCTS)
def test_masks_over_features_shield_both_factors_of_a_product(
    product: str, per_sample: str, root: Callable[[Any], Any]
) -> None:
    """The gradient is that with a harmless number in place of an element below the mask whose root is NaN."""
    combine, left, right, mask = PRODUCTS[product]
    rng = np.random.default_rng(5)
    values = {"a": rng.uniform(1, 2, left), "b": rng.uniform(1, 2, right), "m": np.array(mask, float)}
    shapes = {name: value.shape for name, value in values.items()}
    values |= {name: np.array([values[name], values[name] * 2]) for name in per_sample}
    a, b, m = ((st.data if n in per_sample else st.params)(n, shape=shape) for n, shape in shapes.items())
    whole = op.where(m, combine(root(a), b) ** 2, 3)
    whole = op.sum_(whole) if whole.shape else whole
    asked = gradient(op.total(whole) if whole.per_sample else whole, ["a", "b"])
    harmless = evaluate(asked, values)
    values["a"] = values["a"].copy()
    values["a"].reshape(-1, *left)[:, *(0,) * len(left)] = -1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = evaluate(asked, values)
    for name in ("a", "b"):
        np.testing.assert_allclose(found[name], harmless[name], rtol=1e-14)
    assert product == "dot" or np.any(harmless["b"])
