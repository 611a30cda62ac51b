"""Every primitive by the native engine, shared and for each sample, in registers and in loops; sums within sums."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import steepest as st
from edges import EDGES
from engine_cases import EPSILON, Model, apart, both, standardised, with_gradient
from native_descents import DTYPES, assert_same_descent
from oracles import ELEMENTWISE, STRUCTURAL, points
from rows import NAMES, structural_case
from sampling import sampled
from steepest.engines.native.lanes.evaluation import Evaluation
from steepest.expressions import operations as op
from steepest.expressions.expression import OPERATIONS, Expression, Operation, data, params

# -- every primitive ---------------------------------------------------------------------------------------------------

SHAPES = ((), (1,), (3,), (9,), (20,), (2, 3), (4, 4), (3, 9), (17, 2), (10, 12))
PER_ELEMENT = [row for row in op.TABLE if row.partials]


def leaf_of(name: str, shape: tuple[int, ...], many: bool) -> Expression:
    return data(name, shape=shape) if many else params(name, shape=shape)


def mixtures(count: int) -> list[tuple[bool, ...]]:
    return [tuple(bool(k >> j & 1) for j in range(count)) for k in range(2**count)]


def check_shapes(row: Operation, chosen: list[int]) -> None:
    """Per sample and shared arguments in every mixture, numbers next to tensors, sums over features and samples."""
    elementary = points(row.name, row.domain, 400)
    rng = np.random.default_rng([*row.name.encode()])
    for k in chosen:
        shape, rows, dtype = SHAPES[k], (5, 37, 1, 16)[k % 4], DTYPES[k % 3 == 2]
        roots, values = [], {}
        for mixture in mixtures(row.arity):
            for plain in {0, row.arity - 1} if shape and row.arity > 1 else {row.arity}:
                args = []
                for j, many in enumerate(mixture):
                    own = () if j == plain else shape
                    name = f"{NAMES[j]}{int(many)}{len(own)}"
                    args.append(leaf_of(name, own, many))
                    values[name] = rng.choice(elementary[j], ((rows,) if many else ()) + own)
                node = row(*args)
                roots += [node]
                roots += [op.sum_(node)] if node.shape and plain else []
                roots += [op.total(node)] if node.per_sample and not (shape and plain) else []
        found, wanted = both(roots, values, dtype)
        for root, mine, its in zip(roots, found, wanted, strict=True):
            # NumPy's functions err by some ulp themselves, in float32 by 4; sums lose as many as they have terms.
            least = max(float(np.max(np.abs(its), initial=0.0, where=np.isfinite(its))), 1e-300)
            if root.operation is row:
                assert apart(mine, its, 1e-30) < 10 * EPSILON[dtype], (shape, str(root))
            else:
                assert apart(mine, its, max(least, 30.0)) < 400 * EPSILON[dtype], (shape, str(root))


@pytest.mark.parametrize("place", range(len(PER_ELEMENT)), ids=[row.name for row in PER_ELEMENT])
def test_elementwise_primitives(place: int) -> None:
    """Every shape with a seventh of the primitives, every primitive with a seventh of the shapes."""
    check_shapes(PER_ELEMENT[place], list(range(place % 7, len(SHAPES), 7)))


@pytest.mark.slow
@pytest.mark.parametrize("row", PER_ELEMENT, ids=[row.name for row in PER_ELEMENT])
def test_elementwise_primitives_in_every_shape(row: Operation) -> None:
    check_shapes(row, list(range(len(SHAPES))))


@pytest.mark.parametrize("dtype", sampled(DTYPES, 2))
@pytest.mark.parametrize("name", [row.name for row in PER_ELEMENT])
def test_edges_of_primitives(name: str, dtype: str) -> None:
    """Infinities, NaN and signed zeros as IEEE 754 has them, per sample, shared, and next to constants."""
    row, cases = OPERATIONS[name], EDGES[name]
    args = np.array([[*case] for case, _ in cases], float)
    with np.errstate(over="ignore"):
        rounded = args.astype(dtype)
        wanted = np.array([result for _, result in cases]).astype(dtype)
    columns = [data(n) for n in NAMES[: row.arity]]
    (found,), _ = both([row(*columns)], dict(zip(NAMES, rounded.T, strict=False)), dtype)
    assert_edges(found, wanted, dtype)
    alone = {f"{NAMES[j]}{k}": rounded[k, j] for k in range(len(cases)) for j in range(row.arity)}
    shared = [row(*(params(f"{NAMES[j]}{k}") for j in range(row.arity))) for k in range(len(cases))]
    found, _ = both(shared, alone, dtype)
    assert_edges(np.array(found), wanted, dtype)
    if row.arity == 2:
        # A constant next to the column of its own case.
        together = {k: row(columns[0], float(b)) for k, (_, b) in enumerate(args) if math.isfinite(b)}
        before = {k: row(float(a), columns[1]) for k, (a, _) in enumerate(args) if math.isfinite(a)}
        values = {"x": rounded[:, 0], "y": rounded[:, 1]}
        for roots in (together, before):
            known = {k: root for k, root in roots.items() if not root.is_leaf}
            found = both(list(known.values()), values, dtype)[0] if known else []
            each = [value[k] if np.ndim(value) else value for k, value in zip(known, found, strict=True)]
            assert_edges(np.array(each, dtype), wanted[list(known)], dtype)


def assert_edges(found: Any, wanted: Any, dtype: str) -> None:
    assert apart(found, wanted, 1e-30) < 4 * EPSILON[dtype]
    zero = wanted == 0
    np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(wanted[zero]))


@pytest.mark.parametrize("name", STRUCTURAL)
def test_structural_primitives(name: str) -> None:
    """The cases that the reference engine is tested with, in all three ways of weighting their elements."""
    for case in range(len(STRUCTURAL[name].cases)):
        root, _, values = structural_case(name, case)
        whole = op.sum_(root) if root.shape else root
        roots = [root, whole, *([op.total(root), op.mean(whole)] if root.per_sample else [])]
        for dtype in DTYPES:
            found, wanted = both(roots, values, dtype)
            assert max(map(apart, found, wanted)) < 100 * EPSILON[dtype], (case, dtype)


FACTORS = [
    ((a,), (a,)) for a in (1, 3, 9, 20)
] + [
    ((a,), (a, b)) for a, b in ((3, 2), (2, 17), (9, 3), (12, 10), (20, 5))
] + [
    ((a, b), (b,)) for a, b in ((3, 2), (2, 17), (9, 3), (12, 10), (5, 20))
] + [
    ((a, b), (b, c)) for a, b, c in ((2, 3, 2), (2, 3, 9), (9, 2, 3), (3, 17, 2), (9, 10, 11), (20, 3, 18))
]  # fmt: skip


@pytest.mark.parametrize("shapes", sampled(FACTORS, 3), ids=str)
def test_products(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """Vectors and matrices, shared and per sample, in registers and in loops."""
    for rows, dtype in ((3, "float32"), (21, "float64")):
        rng = np.random.default_rng([rows, *shapes[0], *shapes[1]])
        roots, values = [], {}
        for mixture in mixtures(2):
            args = []
            for letter, shape, many in zip("ab", shapes, mixture, strict=True):
                args.append(leaf_of(f"{letter}{int(many)}", shape, many))
                values[f"{letter}{int(many)}"] = rng.normal(size=((rows,) if many else ()) + shape)
            product = args[0] @ args[1]
            nested = op.tanh(product) * 2 - product
            roots += [product, op.sum_(nested) if nested.shape else nested]
            if len(shapes[0]) == len(shapes[1]) == 1:
                roots.append(op.dot(*args))
        found, wanted = both(roots, values, dtype)
        for root, mine, its in zip(roots, found, wanted, strict=True):
            assert apart(mine, its) < 400 * EPSILON[dtype], (rows, str(root))


@pytest.mark.parametrize("shape", sampled([(1, 1), (2, 3), (4, 4), (3, 9), (9, 3), (17, 12), (8, 2)], 7, 3), ids=str)
def test_rearranged_and_reduced_tensors(shape: tuple[int, int]) -> None:
    """Transposes, outer products, expansions, classes, largest elements, sums: shared, per sample, and in chains."""
    d, h = shape
    for rows, dtype in ((3, "float64"), (37, "float32")):
        rng = np.random.default_rng([rows, *shape])
        roots, values = [], {}
        for many in (False, True):
            M, v = leaf_of(f"M{many:d}", shape, many), leaf_of(f"v{many:d}", (d,), many)
            u, x = leaf_of(f"u{many:d}", (h,), many), leaf_of(f"x{many:d}", (), many)
            head = (rows,) if many else ()
            values |= {
                M.name: rng.normal(size=head + shape), v.name: rng.normal(size=(*head, d)),
                u.name: rng.normal(size=(*head, h)), x.name: np.round(rng.uniform(-1, d, head)),
            }  # fmt: skip
            values[M.name].flat[0] = values[M.name].flat[-1] = 9.0  # two largest ones
            outer, softmax = op.outer(v, u), op.softmax(v)
            roots += [
                op.transpose(M), op.transpose(op.transpose(M) * 2) + M, outer, op.sum_(outer * M), op.transpose(outer),
                op.expand(x, attributes=(d,)) + v, op.expand(x, attributes=shape) * M, op.one_hot(x, attributes=(d,)),
                op.sum_(op.one_hot(x, attributes=(d,)) * v), op.largest(M), op.largest(v), op.sum_(M), op.sum_(v),
                op.largest(-op.exp(M)), op.largest(-op.exp(v)), softmax, op.log_softmax(u), op.softmax(v) @ M,
                op.sum_(op.exp(M - op.largest(M))),
                op.where(op.equal(M, op.largest(M)), 1, 0) / op.sum_(op.equal(M, op.largest(M))),
                M @ u, v @ M, op.transpose(M) @ v, op.transpose(M) @ M,
            ]  # fmt: skip
        M0, M1, v0, v1 = (leaf_of(name, shape if name[0] == "M" else (d,), name[1] == "1")
                          for name in ("M0", "M1", "v0", "v1"))  # fmt: skip
        u1 = leaf_of("u1", (h,), True)
        roots += [
            op.outer(v0, u1), op.total_outer(v1, u1), op.total_outer(v1 * v0, op.tanh(u1)), op.total(M1),
            op.mean(M1 * M0), op.total(op.outer(v1, u1)), op.sum_(op.total_outer(v1, u1) * M0),
            op.transpose(op.total(M1)) @ v0,
            op.total(M1) @ op.transpose(M0), op.total(v1 @ M0), op.total(M0 @ u1), op.total(op.largest(M1)),
        ]  # fmt: skip
        found, wanted = both(roots, values, dtype)
        for root, mine, its in zip(roots, found, wanted, strict=True):
            # Products of matrices have values of about 9·9, and up to 37·17 terms.
            assert apart(mine, its, 10.0) < 4000 * EPSILON[dtype], (rows, str(root))


@pytest.mark.slow
def test_products_of_ones_count_their_terms() -> None:
    """Lengths about those at which code changes from registers to loops and runs."""
    for d in (1, 7, 8, 9, 16, 17, 33):
        for h in (1, 8, 9):
            X, W, v = data("X", shape=d), params("W", shape=(d, h)), params("v", shape=h)
            roots = [op.total(X @ W), op.sum_(W @ v), op.sum_(W), op.total(op.sum_(X)), op.total_outer(X, X)]
            values = {"X": np.ones((19, d)), "W": np.ones((d, h)), "v": np.ones(h)}
            found, _ = both(roots, values)
            counts = [19 * d, d * h, d * h, 19 * d, 19]
            for value, count in zip(found, counts, strict=True):
                assert (value == count).all(), (d, h)


@pytest.mark.parametrize("dtype", DTYPES)
def test_extremes_hand_nan_on_from_either_side(dtype: str) -> None:
    x, y, w = data("x"), data("y"), params("w")
    v = params("v", shape=20)
    nan, values = np.nan, {"x": [np.nan, 1, np.nan, 2, 3], "y": [1, np.nan, np.nan, 3, 2], "w": np.nan}
    values["v"] = np.where(np.arange(20) == 13, np.nan, 1.0)
    roots = [
        op.maximum(x, y), op.minimum(x, y), op.maximum(x, 0), op.minimum(0, x), op.maximum(y, w), op.minimum(w, 1),
        op.relu(x), op.where(x, y, 0), op.where(x > 1, y, w), op.not_equal(x, x), op.equal(x, x), op.largest(v),
        op.largest(v * x), op.sum_(op.maximum(v, 0)), op.one_hot(x, attributes=(3,)), op.sign(x), op.total(x),
        op.leaky_relu(x), op.step(x),
    ]  # fmt: skip
    found, wanted = both(roots, values, dtype)
    for root, mine, its in zip(roots, found, wanted, strict=True):
        np.testing.assert_array_equal(mine, its, err_msg=str(root))
    np.testing.assert_array_equal(found[0], [nan, nan, nan, 3, 3])
    np.testing.assert_array_equal(found[1], [nan, nan, nan, 2, 2])


@pytest.mark.parametrize("dtype", DTYPES)
def test_leaves_and_constants_may_be_wanted(dtype: str) -> None:
    """Outputs that nothing computes, the same output twice, and a program without columns."""
    x, X, w, W = data("x"), data("X", shape=(3, 9)), params("w"), params("W", shape=11)
    roots = [x, X, w, W, st.constant(2.5) if hasattr(st, "constant") else w * 0 + 2.5, op.count(), x, w, op.count() * x]
    for rows in (1, 5, 16, 33):
        values = {"x": np.arange(rows), "X": np.arange(27.0 * rows).reshape(rows, 3, 9), "w": 3, "W": np.arange(11)}
        found, wanted = both(roots, values, dtype)
        for mine, its in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(mine, its)
    (alone,), _ = both([w * W], {"w": 2, "W": np.arange(11)}, dtype)
    np.testing.assert_array_equal(alone, 2.0 * np.arange(11))


def test_many_rows_are_counted_and_added() -> None:
    """Against exact sums; also a table that is a slice of another one, and one in Fortran's order."""
    x, X, w = data("x"), data("X", shape=12), params("w")
    rng = np.random.default_rng(0)
    rows = 100_003
    values = {"x": rng.normal(size=2 * rows)[::2], "X": np.asfortranarray(rng.normal(size=(rows, 12))), "w": 3.0}
    roots = [op.count() * w, op.mean(x), op.mean(x * x - w), op.mean(X), op.total(op.sum_(X) * x), op.mean(op.sin(x))]
    found = Evaluation(roots, "float64")(values, rows)
    column, features = values["x"], values["X"]
    wanted: list[Any] = [
        3 * rows, math.fsum(column) / rows, math.fsum(column**2) / rows - 3,
        np.array([math.fsum(each) / rows for each in features.T]), math.fsum(features.sum(axis=1) * column),
        math.fsum(np.sin(column)) / rows,
    ]  # fmt: skip
    for mine, exact in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, exact, rtol=1e-13, atol=1e-14)
    single = Evaluation(roots[:2], "float32")({"x": column.astype(np.float32), "w": np.float32(3)}, rows)
    assert single[0] == 3 * rows
    assert single[1] == pytest.approx(wanted[1], abs=1e-6)


# -- sums within sums ----------------------------------------------------------------------------------------------


def nested_costs() -> dict[str, Expression]:
    """Costs whose sums over the samples need other sums: two, three and four passes."""
    x, y = data("x", "y")
    X = data("X", shape=3)
    w, b, v = params("w"), params("b"), params("v", shape=3)
    deviation = x * w - op.mean(x * w)
    variance = op.mean(deviation**2)
    skew = op.mean((deviation / op.sqrt(variance + 0.1)) ** 3)
    energy = op.exp(op.tanh(x * w + b))
    share = energy / op.total(energy)
    features = X * v - op.mean(X * v)
    spread = op.mean(op.outer(features, features))
    return {
        "variance": variance + (b - 1) ** 2,
        "skewness": (skew - b) ** 2 + variance / 10,
        "softmax over samples": (op.total(share * y) - 1) ** 2 - op.total(share * op.log(share)) / 10,
        "deviation of deviations": op.mean((deviation**2 - variance) ** 2) + b**2,
        "covariance": op.sum_(spread**2) + op.mean((op.sum_(features) - y - b * w) ** 2),
        "total of means": op.mean(op.sin(x - op.mean(x) * w)) ** 2 + op.mean(op.cos(y * b)) * op.mean(y * w),
    }


@pytest.mark.parametrize("rows", sampled([1, 16, 37, 5000], 2, 1))
@pytest.mark.parametrize("name", nested_costs())
def test_sums_within_sums(name: str, rows: int) -> None:
    cost = nested_costs()[name]
    rng = np.random.default_rng(rows)
    table = {n: rng.normal(0, 1, (rows, 3) if n == "X" else rows) for n in cost.data}
    start = {n: rng.normal(0, 0.5, 3 if n == "v" else ()) for n in cost.parameters}
    for dtype in DTYPES:
        found, wanted = both(with_gradient(cost), {**table, **start}, dtype)
        assert max(map(apart, found, wanted)) < max(500, rows) * EPSILON[dtype]
    model = Model(cost, table, start, 0.05)
    assert_same_descent(model, epochs=100)
    if rows in (1, 37):
        assert_same_descent(model, epochs=30, gradient="finite-difference", step=0.01)


@pytest.mark.parametrize("features", [0, 3, 9, 20])
@pytest.mark.parametrize("rows", [1, 7, 40, 3000])
def test_standardised_features(rows: int, features: int) -> None:
    model = standardised(features).with_rows(rows)
    assert_same_descent(model, epochs=60)


@pytest.mark.parametrize("row", PER_ELEMENT, ids=[row.name for row in PER_ELEMENT])
def test_every_primitive_is_held_to_an_oracle(row: Operation) -> None:
    """This file compares engines; that the reference engine is right is shown elsewhere, for the same rows."""
    assert row.name in ELEMENTWISE
    assert row.name in EDGES
