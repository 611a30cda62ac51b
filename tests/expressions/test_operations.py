"""Every row of the table of operations against oracles.py: values, derivatives, edges, kinks, notation.

The tests loop over the table, so a new row is tested at once, and fails until it has an oracle.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from edges import EDGES, KINKS, NAN_ALLOWED
from oracles import ELEMENTWISE, STRUCTURAL, WITHOUT_ARGUMENTS, points, value
from rows import (
    NAMES,
    SAMPLES,
    check_derivatives,
    columns,
    given,
    per_sample_gradient,
    sample_node,
    structural_case,
)
from steepest.calculus.gradient import gradient
from steepest.engines import evaluate
from steepest.errors import ShapeError
from steepest.expressions import operations as op
from steepest.expressions.expression import OPERATIONS, Operation, data, params
from steepest.expressions.printing import Template
from steepest.language.formula import parse

ROWS = [pytest.param(row, id=row.name) for row in op.TABLE]
ELEMENTWISE_ROWS = [pytest.param(row, id=row.name) for row in op.TABLE if row.partials]


def test_every_row_has_exactly_one_oracle() -> None:
    oracles = [*ELEMENTWISE, *STRUCTURAL, *WITHOUT_ARGUMENTS]
    assert sorted(oracles) == sorted(row.name for row in op.TABLE)
    for row in op.TABLE:
        assert bool(row.partials) == (row.name in ELEMENTWISE), row.name
        assert bool(row.adjoints) == (row.name in STRUCTURAL), row.name


# -- operations on each element ------------------------------------------------------------------------------


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
        met = [kink(*columns(row)) for kink in row.kinks]
        met = [distance for distance in met if evaluate(distance, values) == 0]
        assert len(met) == 1, "the point is at one of the kinks"
        for distance in met:
            for k, name in enumerate(names):
                if name not in distance.data:
                    continue
                moved = [evaluate(distance, values | {name: at[k] + h}) for h in (-1e-9, 1e-9)]
                assert np.all(np.abs(moved) > 1e-10), "the kink is at this point alone"
        for k, name in enumerate(names):
            middle = evaluate(root, values)
            h = 2.0**-20
            left = (middle - evaluate(root, values | {name: at[k] - h})) / h
            right = (evaluate(root, values | {name: at[k] + h}) - middle) / h
            jump = max(abs(left), abs(right)) > 0.4 / h
            jump = jump or math.isinf(slopes[k])
            bar = {"hard_sigmoid": 0.1, "hard_swish": 0.4}.get(row.name, 0.5)  # slopes that differ by 1/6 and 1/2
            assert name not in met[0].data or jump or not abs(left - right) < bar, (row.name, "no kink", left, right)
            assert evaluate(per_sample_gradient(root, name), values) == slopes[k], (row.name, "slope taken")


# -- operations that mix elements ----------------------------------------------------------------------------


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
        truth = np.array(
            [
                oracle.exact(*(exact[n][i] if leaf.per_sample else exact[n] for n, leaf in leaves.items()), *extra)
                for i in range(SAMPLES)
            ]
        )
    found = evaluate(root, values, dtype)
    assert np.shape(found) == ((SAMPLES,) if root.per_sample else ()) + root.shape
    assert found.dtype == dtype
    wanted = np.asarray(truth, dtype=object).astype(float)
    unit = np.finfo(dtype).eps * max(1, np.abs(wanted).max())
    np.testing.assert_allclose(found.astype(float), wanted, rtol=0, atol=8 * unit)


@pytest.mark.parametrize("row", ROWS)
def test_derivatives(row: Operation) -> None:
    check_derivatives(row)


# -- what a row says of itself -------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS)
def test_row_is_complete(row: Operation) -> None:
    assert OPERATIONS[row.name] is row
    assert row.meaning
    assert row.source
    assert row.rule
    assert len(row.domain) == row.arity
    assert all(low < high for low, high in row.domain)
    assert len(row.partials or row.adjoints) == row.arity
    assert row.kinks == () or row.edges, "what is taken at a kink stands in edges"
    if row.expansion is not None:
        assert sample_node(row).shape == row.expansion(*sample_node(row).args).shape


@pytest.mark.parametrize("row", ROWS)
def test_templates_name_every_operand_once_and_balance(row: Operation) -> None:
    for template in (row.text, row.latex, row.maths or row.text):
        assert isinstance(template, Template)
        pieces = template.pieces()
        operands = sorted(piece for piece in pieces if isinstance(piece, int))
        assert operands in ([*range(row.arity)], [*([-1] if row.attributes else []), *range(row.arity)])
        rest = "".join(piece if isinstance(piece, str) else "x" for piece in pieces)
        for left, right in ("()", "{}", (r"\left", r"\right"), (r"\begin", r"\end")):
            assert rest.count(left) == rest.count(right), (row.name, rest)
        if template is not row.latex:
            assert not set(rest) & set("{}\\")


@pytest.mark.parametrize("row", ROWS)
def test_text_reads_back_to_the_same_object(row: Operation) -> None:
    cases = range(len(STRUCTURAL[row.name].cases)) if row.name in STRUCTURAL else (None,)
    for case in cases:
        node = row(*columns(row)) if case is None else structural_case(row.name, case)[0]
        shapes = {leaf.name: leaf.shape for leaf in node.args}
        names = {n: shapes[n] for n in node.data}, {n: shapes[n] for n in node.parameters}
        assert parse(str(node), data=names[0], params=names[1]) is node
        for alias in row.aliases:
            called = alias + str(node).removeprefix(row.name)
            assert parse(called, data=names[0], params=names[1]) is node


@pytest.mark.parametrize("row", ELEMENTWISE_ROWS)
def test_text_of_numbers_reads_back(row: Operation) -> None:
    for numbers in itertools.product((2, -3, 0.5, -0.0), repeat=row.arity):
        node = row(*numbers)
        assert parse(str(node)) is node, str(node)
        assert parse(f"({node})^2") is parse(str(node**2)) is node**2


@pytest.mark.parametrize("outside", ELEMENTWISE_ROWS)
def test_text_of_every_operation_within_every_other_reads_back(outside: Operation) -> None:
    for inside in (row for row in op.TABLE if row.partials):
        inner = inside(*columns(inside))
        for place in range(outside.arity):
            args = columns(outside)
            args[place] = inner
            node = outside(*args)
            assert parse(str(node), data=NAMES) is node, str(node)


v2, v3, m = params("v2", shape=2), params("v3", shape=3), params("M", shape=(3, 2))
table = data("X", shape=3)
MISFITS: dict[str, tuple[Any, ...]] = {
    "add": (v2, v3),
    "matmul": (m, v3),
    "transpose": (v3,),
    "dot": (v2, v3),
    "outer": (v3, m),
    "sum": (data("x"),),
    "norm": (data("x"),),
    "expand": (v3,),
    "one_hot": (v3,),
    "largest": (params("a"),),
    "softmax": (m,),
    "log_softmax": (params("a"),),
    "logsumexp": (params("a"),),
    "mean": (v3,),
    "total": (v3,),
    "total_outer": (table, v3),
}


@pytest.mark.parametrize("row", [r for r in op.TABLE if r.shape is not None or r.name == "add"])
def test_shape_errors_name_operation_shapes_and_remedy(row: Operation) -> None:
    args = MISFITS[row.name]
    with pytest.raises(ShapeError) as caught:
        row(*args, attributes=(2,) * min(1, row.attributes))
    message = str(caught.value)
    assert message.startswith("@" if row.name == "matmul" else row.name)
    assert len(message.rpartition(";")[2]) > 10, "a remedy follows a semicolon"
    if row.name in ("add", "matmul", "dot"):
        assert all(str(arg.shape) in message for arg in args)
    elif not row.over_samples:
        assert str(args[-1].shape) in message


def test_attributes_are_checked() -> None:
    for attributes in ((), (0,), (2.5,), (1, 2, 3)):
        with pytest.raises(ShapeError, match="positive integers"):
            op.expand(data("x"), attributes=attributes)
    for attributes in ((), (0,), (2.5,), (1, 2)):
        with pytest.raises(ShapeError, match="number of classes"):
            op.one_hot(data("x"), attributes=attributes)


SLOPES: dict[str, list[tuple[tuple[float, ...], tuple[float, ...]]]] = {
    "power": [
        ((0.0, 2), (0, 0)),
        ((0.0, 1), (1, 0)),
        ((-2.0, 3), (12, math.nan)),
        ((4.0, 0), (0, math.log(4))),
    ],
    "exp": [((-800,), (0,)), ((800,), (math.inf,))],
    "log": [((0.0,), (math.inf,)), ((math.inf,), (0,))],
    "arctan": [((math.inf,), (0,)), ((-1e200,), (0,)), ((-0.0,), (1,)), ((1,), (0.5,))],
    "tanh": [((1000,), (0,)), ((-1000,), (0,)), ((-math.inf,), (0,))],
    "sigmoid": [((1000,), (0,)), ((-1000,), (0,)), ((math.inf,), (0,))],
    "softplus": [((1000,), (1,)), ((-1000,), (0,))],
    "expm1": [((-800,), (0,))],
    "divide": [((1, math.inf), (0, 0))],
}


@pytest.mark.parametrize("name", SLOPES)
def test_slopes_at_the_edges(name: str) -> None:
    row = OPERATIONS[name]
    for at, slopes in SLOPES[name]:
        for k in range(row.arity):
            found = evaluate(per_sample_gradient(row(*columns(row)), NAMES[k]), given(at))
            np.testing.assert_allclose(found, slopes[k], rtol=1e-15, err_msg=f"{name} {at} {NAMES[k]}")


def test_several_largest_share_the_slope() -> None:
    x = params("x")
    repeated = op.largest(op.expand(x, attributes=(3,)))  # this is x, so its slope is 1
    assert evaluate(gradient(repeated)["x"], {"x": 2.0}) == 1
    v = params("v", shape=3)
    np.testing.assert_array_equal(evaluate(gradient(op.largest(v))["v"], {"v": [1.0, 4.0, 4.0]}), [0, 0.5, 0.5])


def test_nan_in_one_feature_reaches_the_result() -> None:
    v, x = params("v", shape=3), data("x")
    mixed = (op.softmax(v), op.log_softmax(v), v * op.largest(v))
    for expression in (op.sum_(v), op.largest(v), op.dot(v, v), *map(op.sum_, mixed)):
        assert math.isnan(evaluate(expression, {"v": [1, math.nan, 2]}))
    for expression in (op.mean(x), op.total(x)):
        assert math.isnan(evaluate(expression, {"x": [1, math.nan, 2]}))
    assert np.isnan(evaluate(op.one_hot(x, attributes=(2,)), {"x": math.nan})).all()


def test_softmax_of_huge_features_is_finite() -> None:
    v = params("v", shape=3)
    values = {"v": [1000.0, 0.0, -1000.0]}
    np.testing.assert_array_equal(evaluate(op.softmax(v), values), [1, 0, 0])
    np.testing.assert_array_equal(evaluate(op.log_softmax(v), values), [0, -1000, -2000])


def test_count_is_the_number_of_samples() -> None:
    assert evaluate(op.count() * op.mean(data("x")), {"x": [1.0, 2.0, 6.0]}) == 9
    assert evaluate(op.count() + 0 * op.total(data("x")), {"x": np.ones(7)}) == 7
