"""Checks of one row's derivatives: test_operations.py runs them, mutate_partials.py makes them fail."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from oracles import STRUCTURAL, derivative, points, value
from steepest.calculus.gradient import gradient
from steepest.engines import evaluate
from steepest.expressions import operations as op
from steepest.expressions.expression import OPERATIONS, Expression, Operation, constant, data, params

NAMES = ("x", "y", "z")
SAMPLES = 5


def columns(row: Operation) -> list[Expression]:
    return [data(name) for name in NAMES[: row.arity]]


def given(args: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(NAMES, args, strict=False))


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
        # The second derivatives of √(x² + y²) are sums that cancel, of terms up to 1/r.
        cancelled = 4e-15 / value("hypot", args).astype(float) if row.name == "hypot" else 2e-15
        assert (np.abs(found - truth) <= 1e-12 * np.abs(truth) + cancelled).all(), f"{row.name} {orders}"

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
        true_derivative(row.name, tuple(int(k == i) for k in range(row.arity))) * rates[i] for i in range(row.arity)
    ]
    scale = np.sum(np.abs(terms), axis=0)
    assert np.all(np.abs(found - np.sum(terms, axis=0)) <= 1e-13 * scale), row.name


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


def weighted(expression: Expression, weights: str) -> Expression:
    """One number: the expression's elements, each times its own parameter, added up."""
    whole = expression * params(weights, shape=expression.shape)
    whole = op.sum_(whole) if whole.shape else whole
    return op.total(whole) if whole.per_sample else whole


@functools.cache
def jax_derivatives(name: str, case: int) -> tuple[dict[str, Any], dict[tuple[str, str], Any], Any]:
    """First and second derivatives of the weighted sum by JAX, and the weights."""
    _, leaves, values = structural_case(name, case)
    rng = np.random.default_rng([99, case, *name.encode()])
    function = by_jax(name, case)
    names = tuple(leaves)
    root_shape = structural_case(name, case)[0].shape
    weights = {"V": rng.normal(size=root_shape)} | {f"U{n}": rng.normal(size=leaf.shape) for n, leaf in leaves.items()}

    def cost(args: dict[str, Any]) -> Any:
        return jnp.sum(function(*(args[n] for n in names)) * weights["V"])

    first = jax.grad(cost)

    @jax.jit  # one compilation, instead of one for each operation and shape
    def second(args: dict[str, Any]) -> dict[str, Any]:
        return {i: jax.grad(lambda args, i=i: jnp.sum(first(args)[i] * weights[f"U{i}"]))(args) for i in names}

    found = second(values)
    return jax.jit(first)(values), {(i, j): found[i][j] for i, j in itertools.product(names, names)}, weights


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


def check_derivatives(row: Operation) -> None:
    """Raise an AssertionError if a derivative that a row states is wrong; mutate_partials.py breaks them."""
    if row.partials:
        check_elementwise(row)
        check_differential(row)
    for case in range(len(STRUCTURAL[row.name].cases) if row.adjoints else 0):
        check_structural(row, case)


def sample_node(row: Operation) -> Expression:
    """The operation on leaves of shapes that fit it."""
    return structural_case(row.name, 0)[0] if row.name in STRUCTURAL else row(*columns(row))
