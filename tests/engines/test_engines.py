"""The reference engine: values by mpmath, precisions, the complex step, broadcasting; and binding of values."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from oracles import ELEMENTWISE, HELD, STRUCTURAL, derivative, points
from rows import NAMES, columns, given, structural_case
from rows import by_jax as jax_function
from sampling import sampled
from steepest.calculus.program import lower
from steepest.engines import choose, evaluate
from steepest.engines import reference as engine
from steepest.engines.reference import COMPLEX, compile_expressions
from steepest.engines.reference import ELEMENTWISE as KERNELS
from steepest.errors import DescentError, ValuesError
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression, Operation, constant, data, params
from steepest.tables.values import bind

x, y = data("x", "y")
w, b = params("w", "b")
PER_ELEMENT = [pytest.param(row, id=row.name) for row in op.TABLE if row.partials]

# -- values --------------------------------------------------------------------------------------------------

FORMULAS: list[tuple[Expression, Any]] = [
    (op.sigmoid(x * w + b), lambda x, w, b: 1 / (1 + mp.exp(-(x * w + b)))),
    (op.log(1 + (x * w) ** 2) / (1 + op.exp(b)), lambda x, w, b: mp.log(1 + (x * w) ** 2) / (1 + mp.exp(b))),
    (op.sin(x) ** 3 - op.cos(w * x) ** 2, lambda x, w, b: mp.sin(x) ** 3 - mp.cos(w * x) ** 2),
    (op.sqrt(abs(x)) ** (w + 2), lambda x, w, b: mp.sqrt(abs(x)) ** (w + 2)),
    (op.where(x < b, op.expm1(x), op.tanh(w)), lambda x, w, b: mp.expm1(x) if x < b else mp.tanh(w)),
    (op.maximum(x, w) * op.minimum(x, b) + op.sign(x), lambda x, w, b: max(x, w) * min(x, b) + mp.sign(x)),
    (op.softplus(x - op.softplus(w)) * b, lambda x, w, b: mp.log1p(mp.exp(x - mp.log1p(mp.exp(w)))) * b),
    (x**-1 + w**5 + b**1, lambda x, w, b: 1 / x + w**5 + b),
    (op.relu(x) + op.leaky_relu(w * x) + op.step(x), lambda x, w, b: max(x, 0) + max(w * x, w * x / 100) + (x >= 0)),
]
SAMPLES = {"x": np.random.default_rng(1).normal(0, 2, 40), "w": 0.7123, "b": -0.31}


@pytest.mark.parametrize(("formula", "truth"), FORMULAS, ids=[str(f) for f, _ in FORMULAS])
def test_composite_values(formula: Expression, truth: Any) -> None:
    for dtype, rtol in (("float64", 2e-14), ("float32", 2e-5)):
        values = {name: np.asarray(value, dtype) for name, value in SAMPLES.items()}
        w_, b_ = (mp.mpf(float(values[name])) for name in "wb")
        exact = np.array([float(truth(mp.mpf(float(each)), w_, b_)) for each in values["x"]])
        found = evaluate(formula, values, dtype)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, exact, rtol=rtol, atol=rtol / 10)
        mean = evaluate(op.mean(formula), values, dtype)
        assert mean.dtype == dtype
        np.testing.assert_allclose(mean, np.mean(exact), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in op.TABLE])
def test_float32_stays_float32(row: Operation) -> None:
    """In every node of the program, for a column and for one number."""
    if row.adjoints:
        root, _, values = structural_case(row.name, 0)
    elif row.arity:
        root, values = row(*columns(row)), given(points(row.name, row.domain, 5))
    else:
        root, values = row() * w, {"w": 2.0}
    nodes = lower([root, root * 2 + 1]).nodes
    single = {name: np.asarray(value, np.float32) for name, value in values.items()}
    bound = bind([root], single, "float32")
    for found in compile_expressions(nodes, "float32")(bound.arrays, bound.rows):
        assert np.asarray(found).dtype == np.float32
    assert evaluate(root, values, "float32").dtype == np.float32


def test_numbers_beyond_float32_are_infinite_there() -> None:
    assert evaluate(w * 1e300, {"w": 1.0}, "float32") == math.inf
    assert evaluate(w, {"w": 1e300}, "float32") == math.inf
    assert evaluate(w, {"w": 1e300}) == 1e300


# -- the complex step ----------------------------------------------------------------------------------------

STEP = 1e-30


def complex_step(root: Expression, values: dict[str, Any], name: str) -> np.ndarray:
    """∂root/∂name from the imaginary part of a run with name + ih."""
    shifted = {n: np.asarray(v, complex) for n, v in values.items()}
    shifted[name] = shifted[name] + 1j * STEP
    bound = bind([root], shifted, "complex128")
    (found,) = compile_expressions([root], "complex128")(bound.arrays, bound.rows)
    return np.broadcast_to(np.asarray(found), (bound.rows,) if root.per_sample else ())


@pytest.mark.parametrize("row", PER_ELEMENT)
def test_complex_step_of_every_operation(row: Operation) -> None:
    if row.name in HELD and row.arity == 1:
        return  # stop_gradient is the identity to an engine
    if row.name in ("fmod", "mod"):
        return  # mpmath differentiates across the jumps, which are many
    args = points(row.name, row.domain)
    root = row(*columns(row))
    for k in range(row.arity):
        found = complex_step(root, given(args), NAMES[k])
        np.testing.assert_allclose(found.real, evaluate(root, given(args)), rtol=1e-14)
        truth = derivative(row.name, args, tuple(int(i == k) for i in range(row.arity)))
        np.testing.assert_allclose(found.imag / STEP, truth, rtol=1e-13, atol=1e-15)


# Slopes at 0 by hand: one-sided ones (log, sqrt) have none there, and a kink has the one of its right side.
AT_ZERO = {
    "exp": 1, "log1p": 1, "expm1": 1, "sin": 1, "cos": 0, "arctan": 1, "tanh": 1, "sigmoid": 0.25, "softplus": 0.5,
    "negate": -1, "sign": 0, "step": 0,
}  # fmt: skip


@pytest.mark.parametrize("name", AT_ZERO)
def test_complex_step_at_zero(name: str) -> None:
    (found,) = complex_step(op.OPERATIONS[name](x), {"x": np.array([0.0])}, "x")
    assert found.imag / STEP == pytest.approx(AT_ZERO[name], rel=1e-15)
    assert abs(found.real - float(ELEMENTWISE[name](mp.mpf(0)))) <= STEP**2


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, -1.0, -2.0, 0.5, 2.5])
@pytest.mark.parametrize("base", [-2.0, -0.5, 0.0, 0.5, 3.0])
def test_complex_powers(base: float, exponent: float) -> None:
    found = complex_step(x**y, {"x": [base], "y": [exponent]}, "x")[0]
    if base < 0 and exponent != round(exponent):
        assert np.isnan(found.real)
        assert np.isnan(found.imag)
    elif base == 0 and exponent < 1 and exponent != 0:
        assert not np.isfinite(found.imag / STEP) or abs(found.imag / STEP) > 1e14  # the slope is infinite
    else:
        assert found.real == pytest.approx(base**exponent, rel=1e-14)
        slope = exponent * base ** (exponent - 1) if exponent else 0.0
        assert found.imag / STEP == pytest.approx(slope, rel=1e-13, abs=1e-14)


def test_complex_runs_leave_the_domain_where_real_ones_do() -> None:
    for root, outside in ((op.log(x), -1.0), (op.sqrt(x), -1.0), (op.log1p(x), -1.5), (x**0.5, -2.0)):
        (found,) = complex_step(root, {"x": [outside]}, "x")
        assert np.isnan(found.real)
        assert np.isnan(evaluate(root, {"x": outside}))


@pytest.mark.parametrize("row", PER_ELEMENT)
def test_complex_runs_far_out_are_the_real_ones(row: Operation) -> None:
    far = [-1000.0, -40.0, 40.0, 800.0]
    values = {name: np.array(far) if k == 0 else np.full(4, 2.0) for k, name in enumerate(NAMES)}
    root = row(*columns(row))
    real = evaluate(root, values)
    with np.errstate(all="ignore"):
        found = complex_step(root, values, "x").real
    both = np.isfinite(real)
    np.testing.assert_allclose(found[both], real[both], rtol=1e-13)


@pytest.mark.parametrize("name", sampled(STRUCTURAL, 3))
def test_complex_step_through_operations_that_mix_elements(name: str) -> None:
    for case in range(len(STRUCTURAL[name].cases)):
        root, leaves, values = structural_case(name, case)
        total = op.sum_(root) if root.shape else root
        cost = (op.total(total) if total.per_sample else total) ** 2
        by_jax = jax.grad(lambda args, case=case: jnp.sum(jax_function(name, case)(*args.values())) ** 2)(values)
        bound = bind([cost], values, "complex128")
        run = compile_expressions([cost], "complex128")
        for leaf in leaves:
            for place in np.ndindex(values[leaf].shape):
                shifted = bound.arrays | {leaf: bound.arrays[leaf].copy()}
                shifted[leaf][place] += 1j * STEP
                (found,) = run(shifted, bound.rows)
                assert found.imag / STEP == pytest.approx(float(by_jax[leaf][place]), rel=1e-12, abs=1e-12), (
                    name,
                    place,
                )


def test_complex_kernels_belong_to_kernels() -> None:
    assert set(COMPLEX) < set(KERNELS) <= set(op.OPERATIONS)
    primitives = {row.name for row in op.TABLE if row.partials and row.is_primitive}
    assert set(KERNELS) == primitives


# -- broadcasting, many rows, lowering -----------------------------------------------------------------------


def test_numbers_a_sample_meet_features() -> None:
    X, M = data("X", shape=3), data("M", shape=(2, 3))
    v, W = params("v", shape=3), params("W", shape=(2, 3))
    rng = np.random.default_rng(2)
    n = 3  # as many samples as features: a wrong axis would not be noticed by its length
    values = {
        "x": rng.normal(size=n), "X": rng.normal(size=(n, 3)), "M": rng.normal(size=(n, 2, 3)),
        "v": rng.normal(size=3), "W": rng.normal(size=(2, 3)), "w": 2.0,
    }  # fmt: skip
    for root in (x * X, X - x, x + M, M / x, x * v, v * x, x * W, op.maximum(x, X), op.where(x < 0, X, v), w * M):
        found = evaluate(root, values)
        assert found.shape == (n, *root.shape)
        for i in range(n):
            one = {name: value[i] if name in "xXM" else value for name, value in values.items()}
            args = [evaluate_one(arg, one) for arg in root.args]
            for place in np.ndindex(root.shape):
                numbers = [mp.mpf(float(np.broadcast_to(arg, root.shape)[place])) for arg in args]
                assert found[i][place] == float(ELEMENTWISE[root.operation.name](*numbers))


def evaluate_one(node: Expression, values: dict[str, Any]) -> Any:
    """One sample's value of a leaf, or of the condition x < 0."""
    if node.name:
        return values[node.name]
    return node.value if node.is_leaf else float(values["x"] < 0)


def test_many_rows_give_what_few_rows_give() -> None:
    X, V = data("X", shape=4), params("V", shape=(4, 3))
    hidden = op.tanh(X @ V)
    row_wise = op.sum_(hidden * hidden) + op.largest(X) * x
    roots = {"row": row_wise, "mean": op.mean(row_wise), "shared": op.sum_(V) * w, "hidden": hidden, "x": x}
    rng = np.random.default_rng(4)
    n = engine._MANY_ROWS + 5
    values = {"X": rng.normal(size=(n, 4)), "x": rng.normal(size=n), "V": rng.normal(size=(4, 3)), "w": 1.5}
    many = evaluate(roots, values)
    parts = [
        evaluate(roots, values | {"X": values["X"][i : i + 1000], "x": values["x"][i : i + 1000]})
        for i in range(0, n, 1000)
    ]
    for name in ("row", "hidden", "x"):
        joined = np.concatenate([part[name] for part in parts])
        np.testing.assert_allclose(many[name], joined, rtol=1e-14, atol=1e-15)
    assert many["mean"] == pytest.approx(math.fsum(np.concatenate([part["row"] for part in parts])) / n, rel=1e-14)
    assert many["shared"] == parts[0]["shared"]
    by_hand = np.sum(np.tanh(values["X"] @ values["V"]) ** 2, axis=1) + values["X"].max(axis=1) * values["x"]
    np.testing.assert_allclose(many["row"], by_hand, rtol=1e-13)


def test_a_compiled_program_can_be_run_again() -> None:
    run = compile_expressions([op.mean(x * w), x + 1])
    for n in (3, 5000, 2):
        mean, plus = run({"x": np.full(n, 2.0), "w": np.float64(n)}, n)
        assert mean == 2 * n
        assert (plus == 3).all()
        assert plus.shape == (n,)


COUNTS = [
    ([op.relu(x) ** 2], ["data", "constant", "maximum", "multiply"]),
    ([x**3 + x**-1], ["data", "multiply", "multiply", "constant", "divide", "add"]),
    ([x ** constant(2.5)], ["data", "constant", "power"]),
    ([op.stop_gradient(x)], ["data"]),
    ([op.mean(x)], ["data", "total", "count", "divide"]),
    ([op.sin(x * w) + op.cos(x * w)], ["data", "parameter", "multiply", "sin", "cos", "add"]),
    ([x, x + 1, (x + 1) * 2], ["data", "constant", "add", "constant", "multiply"]),
    ([x * (constant(2) + 3)], ["data", "constant", "multiply"]),
    ([op.softmax(-data("X", shape=2))], ["data", "negate", "largest", "subtract", "exp", "sum", "divide"]),
]
# A power is a logarithm, a product and an exponential; a maximum is a comparison and a choice.
WEIGHTS = {"power": 3, "maximum": 2, "minimum": 2}


@pytest.mark.parametrize(("roots", "names"), COUNTS, ids=[str(roots[0]) for roots, _ in COUNTS])
def test_lowering_leaves_primitives_each_once(roots: list[Expression], names: list[str]) -> None:
    program = lower(roots)
    assert sorted(node.operation.name for node in program.nodes) == sorted(names)
    assert all(node.operation.is_primitive for node in program.nodes)
    place = {node: k for k, node in enumerate(program.nodes)}
    assert all(place[arg] < place[node] for node in program.nodes for arg in node.args)
    assert len(program.outputs) == len(roots)
    inner = [name for name in names if name not in ("data", "parameter", "constant", "count")]
    assert program.cost == sum(WEIGHTS.get(name, 1) for name in inner)


def test_engines_and_precisions_are_chosen_by_name() -> None:
    assert choose("reference", "float32").name == "reference"
    assert choose("auto", "float64").name == "native"
    with pytest.raises(DescentError, match=r"there is no engine 'cuda'; the engines are auto, reference, native"):
        choose("cuda", "float64")
    with pytest.raises(DescentError, match="there is no dtype 'float16'; the precisions are float64 and float32"):
        choose("reference", "float16")


# -- binding of values ---------------------------------------------------------------------------------------

X3, W23 = data("X", shape=3), params("W", shape=(2, 3))
alpha = params("alpha")
HELLO = "is not a number or an array of numbers; give it as floats"
FIRST = "; the first length is the number of samples"
TWICE = "is used twice, for"
WRONG: list[tuple[Expression, dict[str, Any], str]] = [
    (x * w, {"x": [1]}, "no value given for the parameter 'w'"),
    (x * w, {"w": 1}, "no value given for the data column 'x'"),
    (alpha * 2, {"alhpa": 1, "x": 2}, "no value given for the parameter 'alpha'; did you mean 'alhpa'?"),
    (x + 1, {"x": [[1, 2]]}, f"the data column 'x' has the shape (1, 2), expected (n,){FIRST}"),
    (op.sum_(X3), {"X": [[1, 2]]}, f"the data column 'X' has the shape (1, 2), expected (n, 3){FIRST}"),
    (op.sum_(X3), {"X": 2}, f"the data column 'X' has the shape (), expected (n, 3){FIRST}"),
    (op.sum_(W23), {"W": np.zeros((3, 2))}, "the parameter 'W' has the shape (3, 2), expected (2, 3)"),
    (w + 1, {"w": [1, 2]}, "the parameter 'w' has the shape (2,), expected ()"),
    (x + y, {"x": [1, 2], "y": [1, 2, 3]},
     "the data columns 'x' and 'y' have 2 and 3 samples; give each the same number"),
    (x + y, {"x": [], "y": []}, "the data columns hold no samples; at least one is needed"),
    (x + 1, {"x": ["1", "2"]}, f"the value of 'x' {HELLO}"),
    (x + 1, {"x": "7"}, f"the value of 'x' {HELLO}"),
    (x + 1, {"x": np.array([1, "2"], object)}, f"the value of 'x' {HELLO}"),
    (x + 1, {"x": [1, None]}, f"the value of 'x' {HELLO}"),
    (x + 1, {"x": [1, [2, 3]]}, f"the value of 'x' {HELLO}"),
    (x + 1, {"x": [1j]}, f"the value of 'x' {HELLO}"),
    (x + 1, {"x": object()}, f"the value of 'x' {HELLO}"),
    (x + 1, {"x": [10**400]}, f"the value of 'x' {HELLO}"),
    (x + 1, {"x": np.array(["2020-01-01"], "datetime64[D]")}, f"the value of 'x' {HELLO}"),
    (x * params("x"), {"x": 1}, f"the name 'x' {TWICE} data of shape () and parameter of shape (); rename one"),
    (op.sum_(params("V", shape=2)) + params("V"), {"V": 1},
     f"the name 'V' {TWICE} parameter of shape (2,) and parameter of shape (); rename one"),
]  # fmt: skip


@pytest.mark.parametrize(("root", "values", "message"), WRONG, ids=[f"{k}" for k in range(len(WRONG))])
def test_wrong_values_are_named_in_one_sentence(root: Expression, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValuesError) as caught:
        evaluate(root, values)
    assert str(caught.value) == message


def test_values_of_every_friendly_kind_are_taken() -> None:
    arrays = [np.array([1, 2], dtype) for dtype in (np.int8, np.uint64, np.float16, object)]
    for value in ([1, 2], (1.0, 2.0), [True, 2], [Decimal(1), 2], [Fraction(1), 2.0], *arrays):
        found = evaluate(x + 0, {"x": value, "unused": "text"})
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, [1, 2])


def test_parameters_are_filled_and_fitted_to_their_shape() -> None:
    column = params("c", shape=(3, 1))
    assert bind([W23], {"W": 2}).params["W"].shape == (2, 3)
    assert bind([column], {"c": [1, 2, 3]}).params["c"].tolist() == [[1], [2], [3]]
    assert bind([w], {"w": [[5]]}).params["w"].shape == ()


def test_one_sample_without_a_sample_axis() -> None:
    assert evaluate(x * w, {"x": 2, "w": 3}).shape == ()
    assert evaluate(X3 * x, {"X": [1, 2, 3], "x": 2}).tolist() == [2, 4, 6]
    assert evaluate(x * y, {"x": 2, "y": [1, 2]}).tolist() == [2, 4]
    assert evaluate(op.mean(x), {"x": 2}) == 2
    assert evaluate({"a": x, "b": w}, {"x": 2, "w": [3]}) == {"a": 2, "b": 3}
    assert evaluate(op.count() * w, {"w": 3}) == 3
