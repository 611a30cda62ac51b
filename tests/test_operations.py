"""Every row of the table of operations against oracles.py: values, derivatives, edges, kinks, notation.

The tests loop over the table, so a new row is tested as soon as it stands there, and fails until it has an oracle.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from edges import EDGES, KINKS, NAN_ALLOWED
from oracles import ELEMENTWISE, STRUCTURAL, WITHOUT_ARGUMENTS, derivative, points, value

from steepest import operations as op
from steepest.engines import evaluate
from steepest.expression import OPERATIONS, Expression, Operation, constant, data, params
from steepest.formula import parse
from steepest.gradient import gradient
from steepest.notation import Template

ROWS = [pytest.param(row, id=row.name) for row in op.TABLE]
ELEMENTWISE_ROWS = [pytest.param(row, id=row.name) for row in op.TABLE if row.partials]
NAMES = ("x", "y", "z")
SAMPLES = 5


def test_every_row_has_exactly_one_oracle() -> None:
    oracles = [*ELEMENTWISE, *STRUCTURAL, *WITHOUT_ARGUMENTS]
    assert sorted(oracles) == sorted(row.name for row in op.TABLE)
    for row in op.TABLE:
        assert bool(row.partials) == (row.name in ELEMENTWISE), row.name
        assert bool(row.adjoints) == (row.name in STRUCTURAL), row.name


# -- operations on each element ------------------------------------------------------------------------------


def columns(row: Operation) -> list[Expression]:
    return [data(name) for name in NAMES[: row.arity]]


def given(args: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(NAMES, args, strict=False))


def in_ulps(found: np.ndarray, truth: np.ndarray) -> float:
    """The largest distance from the truth in units in the last place; infinite where one is not finite."""
    rounded = np.array([float(t) for t in truth]).astype(found.dtype)
    unit = np.spacing(np.abs(rounded).astype(found.dtype))
    exact = [mp.mpf(float(f)) - t for f, t in zip(found, truth, strict=True)]
    return max(float(abs(e) / mp.mpf(float(u))) for e, u in zip(exact, unit, strict=True))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("row", ELEMENTWISE_ROWS)
def test_value(row: Operation, dtype: str) -> None:
    args = tuple(x.astype(dtype) for x in points(row.name, row.domain, 200))
    found = evaluate(row(*columns(row)), given(args), dtype)
    assert found.dtype == dtype
    assert in_ulps(found, value(row.name, args)) <= 4


@functools.cache
def true_derivative(name: str, orders: tuple[int, ...]) -> np.ndarray:
    return derivative(name, points(name, OPERATIONS[name].domain), orders)


def per_sample_gradient(root: Expression, wrt: str) -> Expression:
    """∂/∂(data column) of the sum over the samples: each sample's own derivative."""
    if not root.per_sample or wrt not in root.data:
        return constant(0)
    found: Expression = gradient(op.total(root), [wrt])[wrt]
    return found


def check_elementwise(row: Operation) -> None:
    """First and all second partial derivatives by the row are mpmath's."""
    args = points(row.name, row.domain)
    root = row(*columns(row))

    def compare(expression: Expression, orders: tuple[int, ...]) -> None:
        truth = true_derivative(row.name, orders)
        found = np.broadcast_to(evaluate(expression, given(args)), truth.shape)
        # 1 − tanh² and σ(1 − σ) lose digits where they vanish, but stay within rounding of 1.
        np.testing.assert_allclose(found, truth, rtol=1e-12, atol=2e-15, err_msg=f"{row.name} {orders}")

    for i in range(row.arity):
        first = per_sample_gradient(root, NAMES[i])
        compare(first, tuple(int(k == i) for k in range(row.arity)))
        for j in range(row.arity):
            orders = tuple(int(k == i) + int(k == j) for k in range(row.arity))
            compare(per_sample_gradient(first, NAMES[j]), orders)


def check_differential(row: Operation) -> None:
    """The textbook form of the derivative is the sum of partial times inner derivative."""
    if row.differential is None or row.adjoints:
        return
    args = points(row.name, row.domain)
    rates = points(row.name + "'", ((-np.inf, np.inf),) * row.arity)
    inner = [data(f"d{name}") for name in NAMES[: row.arity]]
    found = evaluate(
        row.differential(*columns(row), *inner),
        given(args) | {f"d{name}": rate for name, rate in zip(NAMES, rates, strict=False)},
    )
    terms = [
        true_derivative(row.name, tuple(int(k == i) for k in range(row.arity))) * rates[i]
        for i in range(row.arity)
    ]
    scale = np.sum(np.abs(terms), axis=0)
    assert np.all(np.abs(found - np.sum(terms, axis=0)) <= 1e-13 * scale), row.name


@pytest.mark.parametrize("row", ELEMENTWISE_ROWS)
def test_edges(row: Operation) -> None:
    assert row.name in EDGES, f"{row.name} has no edges in edges.py"
    for dtype in ("float64", "float32"):
        for args, expected in EDGES[row.name]:
            found = evaluate(row(*columns(row)), {k: np.array([v]) for k, v in given(args).items()}, dtype)[0]
            want = np.float64(expected).astype(dtype)
            assert found == want or (np.isnan(found) and np.isnan(want)), (row.name, args, found, dtype)
            assert np.isnan(want) or np.signbit(found) == np.signbit(want), (row.name, args, found, "sign")


@pytest.mark.parametrize("row", ELEMENTWISE_ROWS)
def test_nan_stays_nan(row: Operation) -> None:
    for k in range(row.arity):
        args = [0.7, 0.4, 0.2][: row.arity]
        args[k] = math.nan
        found = evaluate(row(*columns(row)), given(tuple(args)))
        if (row.name, k) in NAN_ALLOWED:
            assert found == NAN_ALLOWED[row.name, k]
        else:
            assert math.isnan(found), (row.name, k)


@pytest.mark.parametrize("row", ELEMENTWISE_ROWS)
def test_kinks(row: Operation) -> None:
    assert bool(row.kinks) == (row.name in KINKS), f"{row.name}: kinks in the table, and cases in edges.py"
    for at, slopes in KINKS.get(row.name, ()):
        names = NAMES[: row.arity]
        root, values = row(*columns(row)), given(at)
        for kink in row.kinks:
            distance = kink(*columns(row))
            assert evaluate(distance, values) == 0
            for k, name in enumerate(names):
                moved = [evaluate(distance, values | {name: at[k] + h}) for h in (-1e-9, 1e-9)]
                assert np.all(np.abs(moved) > 1e-10), "the kink is at this point alone"
        for k, name in enumerate(names):
            middle = evaluate(root, values)
            h = 2.0**-20
            left = (middle - evaluate(root, values | {name: at[k] - h})) / h
            right = (evaluate(root, values | {name: at[k] + h}) - middle) / h
            jump = abs(left) > 0.5 / h
            assert jump or not abs(left - right) < 0.5, (row.name, "no kink", left, right)
            assert evaluate(per_sample_gradient(root, name), values) == slopes[k], (row.name, "slope taken")


# -- operations that mix elements ----------------------------------------------------------------------------


def structural_case(name: str, case: int) -> tuple[Expression, dict[str, Expression], dict[str, np.ndarray]]:
    """The operation on leaves of the case's shapes, the leaves, and random values for them."""
    oracle = STRUCTURAL[name]
    rng = np.random.default_rng([case, *name.encode()])
    leaves, values = {}, {}
    for leaf_name, (shape, many) in zip(NAMES, oracle.cases[case], strict=False):
        leaves[leaf_name] = data(leaf_name, shape=shape) if many else params(leaf_name, shape=shape)
        drawn = rng.normal(0, 2, (SAMPLES, *shape) if many else shape)
        values[leaf_name] = np.round(drawn) if oracle.whole else drawn
    attributes = oracle.attributes[case] if oracle.attributes else ()
    return OPERATIONS[name](*leaves.values(), attributes=attributes), leaves, values


def by_jax(name: str, case: int) -> Any:
    """The oracle's function of all samples' arrays."""
    oracle = STRUCTURAL[name]
    extra = (oracle.attributes[case],) if oracle.attributes else ()
    axes = tuple(0 if many else None for _, many in oracle.cases[case])

    def one(*args: Any) -> Any:
        return oracle.jax(*args, *extra)

    return one if oracle.over_samples or not any(a == 0 for a in axes) else jax.vmap(one, axes)


STRUCTURAL_CASES = [
    pytest.param(row, case, id=f"{row.name}-{case}")
    for row in op.TABLE
    if row.adjoints
    for case in range(len(STRUCTURAL[row.name].cases) if row.name in STRUCTURAL else 0)
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("row", "case"), STRUCTURAL_CASES)
def test_structural_value(row: Operation, case: int, dtype: str) -> None:
    oracle = STRUCTURAL[row.name]
    root, leaves, values = structural_case(row.name, case)
    values = {name: x.astype(dtype) for name, x in values.items()}
    exact = {name: np.frompyfunc(lambda v: mp.mpf(float(v)), 1, 1)(x) for name, x in values.items()}
    extra = (oracle.attributes[case],) if oracle.attributes else ()
    if oracle.over_samples or not root.per_sample:
        truth = oracle.exact(*exact.values(), *extra)
    else:
        rows = [[exact[n][i] if leaf.per_sample else exact[n] for n, leaf in leaves.items()] for i in range(SAMPLES)]
        truth = np.array([oracle.exact(*args, *extra) for args in rows])
    found = evaluate(root, values, dtype)
    assert np.shape(found) == ((SAMPLES,) if root.per_sample else ()) + root.shape
    assert found.dtype == dtype
    wanted = np.asarray(truth, dtype=object).astype(float)
    unit = np.finfo(dtype).eps * max(1, np.abs(wanted).max())
    np.testing.assert_allclose(found.astype(float), wanted, rtol=0, atol=8 * unit)


def weighted(expression: Expression, weights: str) -> Expression:
    """One number: the expression's elements, each times its own parameter, added up."""
    whole = expression * params(weights, shape=expression.shape)
    whole = op.sum_(whole) if whole.shape else whole
    return op.total(whole) if whole.per_sample else whole


@functools.cache
def jax_derivatives(name: str, case: int) -> tuple[dict[str, Any], dict[tuple[str, str], Any], dict[str, Any]]:
    """First and second derivatives of the weighted sum by JAX, and the weights."""
    _, leaves, values = structural_case(name, case)
    rng = np.random.default_rng([99, case, *name.encode()])
    function = by_jax(name, case)
    names = tuple(leaves)
    root_shape = structural_case(name, case)[0].shape
    weights = {"V": rng.normal(size=root_shape)} | {
        f"U{n}": rng.normal(size=leaf.shape) for n, leaf in leaves.items()
    }

    def cost(args: dict[str, Any]) -> Any:
        return jnp.sum(function(*(args[n] for n in names)) * weights["V"])

    first = jax.grad(cost)
    second = {
        (i, j): jax.grad(lambda args, i=i: jnp.sum(first(args)[i] * weights[f"U{i}"]))(values)[j]
        for i, j in itertools.product(names, names)
    }
    return first(values), second, weights


def check_structural(row: Operation, case: int) -> None:
    """First and second derivatives by the row are JAX's, in value and shape."""
    root, leaves, values = structural_case(row.name, case)
    first, second, weights = jax_derivatives(row.name, case)

    def compare(expression: Expression, leaf: Expression, truth: Any) -> None:
        assert expression.shape == leaf.shape
        found = evaluate(expression, values | weights)
        scale = max(1.0, np.abs(truth).max())
        np.testing.assert_allclose(np.broadcast_to(found, truth.shape), truth, rtol=0, atol=1e-13 * scale)

    by_row = gradient(weighted(root, "V"), list(leaves))
    for i, leaf in leaves.items():
        compare(by_row[i], leaf, first[i])
        # A partial that is the same for every sample is left as one; 0·leaf has one a sample.
        again = weighted(by_row[i] + 0 * leaf, f"U{i}")
        for j, other in leaves.items():
            if j in (*again.data, *again.parameters):
                compare(gradient(again, [j])[j], other, second[i, j])
            else:
                assert not np.any(second[i, j])


@pytest.mark.parametrize("row", ROWS)
def test_derivatives(row: Operation) -> None:
    check_derivatives(row)


def check_derivatives(row: Operation) -> None:
    """Raise an AssertionError if any derivative that a row states is wrong (mutate_partials.py breaks them)."""
    if row.partials:
        check_elementwise(row)
        check_differential(row)
    for case in range(len(STRUCTURAL[row.name].cases) if row.adjoints else 0):
        check_structural(row, case)
