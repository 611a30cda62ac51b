"""Faults planted in gradients, in every row of the table: the check must catch each and never say correct."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import numpy as np
import pytest

from mission_models import MODELS, chain
from sampling import sampled
from steepest.calculus.gradient import gradient
from steepest.checking.gradient_check import check
from steepest.checking.report import CORRECT, FACTOR, WRONG
from steepest.engines import evaluate
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression, Operation, constant, data, params
from steepest.expressions.operations import TABLE
from strategies import random_cases

w, v = params("w", "v")
x, y = data("x", "y")


# -- planted faults --------------------------------------------------------------------------------------------


@contextmanager
def fault(row: Operation, spoil: Callable[[Any], Any], argument: int) -> Iterator[None]:
    """The row with one of its partial derivatives or adjoints spoilt."""
    field = "adjoints" if row.adjoints else "partials"
    right = getattr(row, field)
    wrong = list(right)
    wrong[argument] = lambda *args: spoil(right[argument](*args))
    object.__setattr__(row, field, tuple(wrong))
    try:
        yield
    finally:
        object.__setattr__(row, field, right)


# What has the slope 0 everywhere has no factor to get wrong.
FLAT = {
    "step", "sign", "floor", "ceil", "round", "one_hot", "count", "stop_gradient",
    "less", "less_equal", "greater", "greater_equal", "equal", "not_equal",
}  # fmt: skip
SLOPED = [
    (row, k)
    for row in TABLE
    if row.name not in FLAT
    for k in range(row.arity)
    if not (row is op.where and k == 0)
    if row is not op.total_outer  # takes two vectors of data; see below
]
FACTORS = {"off by 0.1 %": 1.001, "sign": -1.0, "twice": 2.0, "half": 0.5}
# mean's adjoint is spelt in gradient.py, where the factor 1/n stays outside the sum.
BY_GRADIENT = {"mean"}


def one_operation(row: Operation, argument: int, rng: np.random.Generator) -> tuple[Expression, dict[str, Any]]:
    """A cost that holds the operation once, with the parameter P in the place of one argument, and values.

    The second factor keeps the adjoint of the operation's result from being 1, which some faults would survive.
    """
    shapes: dict[str, list[tuple[int, ...]]] = {
        "matmul": [(2, 3), (3, 2)], "transpose": [(2, 3)], "dot": [(3,), (3,)], "outer": [(2,), (3,)], "sum": [(2, 3)],
        "largest": [(4,)], "logsumexp": [(4,)], "softmax": [(4,)], "log_softmax": [(4,)],
        "norm": [(4,)],
    }  # fmt: skip
    args: list[Expression] = []
    values: dict[str, Any] = {}
    for k, shape in enumerate(shapes.get(row.name, [()] * row.arity)):
        low, high = row.domain[k]
        numbers = rng.uniform(max(low, -2) + 0.3, min(high, 2), shape)
        name = "P" if k == argument else f"q{k}"
        args.append(params(name, shape=shape) if shape else params(name))
        values[name] = numbers
    if row.over_samples:
        args = [args[0] * x]
        values["x"] = rng.uniform(0.5, 2, 5)
    if row is op.where:
        args[0] = constant(1 if argument == 1 else 0)
    made = row(*args, attributes=(3,) if row is op.expand else ())
    if made.shape:
        V = params("V", shape=made.shape)
        values["V"] = rng.uniform(0.5, 2, made.shape)
        return op.sum_(made * V), values
    values["V"] = 1.7
    return (made + params("V") if row is op.multiply else made * params("V")), values


def away_from_kinks(row: Operation, k: int, seed: int) -> tuple[Expression, dict[str, Any]]:
    """A cost and values at which the partial derivative is not 0 and no kink is near."""
    rng = np.random.default_rng(seed)
    for _ in range(20):
        cost, values = one_operation(row, k, rng)
        partial = evaluate({"P": gradient(cost)["P"], "C": cost}, values)["P"]
        if np.any(np.abs(partial) > 1e-2) and check(cost, values, wrt=["P"])["P"].verdict == CORRECT:
            return cost, values
    raise AssertionError(f"no point found at which {row.name} has a slope")


def test_there_are_enough_places_for_faults() -> None:
    assert len({row.name for row, _ in SLOPED}) >= 30


@pytest.mark.parametrize(("row", "k"), SLOPED, ids=[f"{row.name}-{k}" for row, k in SLOPED])
@pytest.mark.parametrize("factor", FACTORS.values(), ids=list(FACTORS))
def test_a_wrong_factor_in_any_row_is_found_and_told(row: Operation, k: int, factor: float) -> None:
    if row.name in BY_GRADIENT:
        cost, values = away_from_kinks(row, k, 3)
        given = {name: factor * partial if name == "P" else partial for name, partial in gradient(cost).items()}
        report = check(cost, values, gradient=given)
    else:
        cost, values = away_from_kinks(row, k, 3)
        with fault(row, lambda partial: factor * partial, k):
            report = check(cost, values)
    assert report["P"].verdict == FACTOR, report
    assert report["P"].factor == pytest.approx(factor, rel=1e-6)
    assert report["V"].ok
    assert not report.ok


@pytest.mark.parametrize(("row", "k"), SLOPED, ids=[f"{row.name}-{k}" for row, k in SLOPED])
def test_a_term_too_much_in_any_row_is_found(row: Operation, k: int) -> None:
    if row.name in BY_GRADIENT:
        return
    cost, values = away_from_kinks(row, k, 4)

    with fault(row, lambda partial: partial + 0.01 * partial * partial, k):
        report = check(cost, values)
    assert report["P"].verdict in (WRONG, FACTOR), report


def test_a_fault_in_the_row_that_the_gradient_brings_in() -> None:
    X = data("X", shape=2)
    outer = op.total_outer(X * params("A"), X)
    second = op.sum_(outer * params("V", shape=(2, 2)))
    point = {"X": np.array([[1.0, 2], [3, -1], [0.5, 0.25]]), "A": 1.5, "V": np.array([[1.0, 2], [3, 4]])}
    assert check(second, point).ok
    for k in range(2):
        with fault(op.total_outer, lambda adjoint: 1.001 * adjoint, k):
            assert check(second, point)["A"].ok == (k == 1)


MISSING = [
    # cost, values, what a beginner would write, what the check must say
    (op.mean((op.sigmoid(x * w + v) - y) ** 2), "w", lambda a: 2 * (a - y) * a * x, WRONG),  # (1 − a) forgotten
    (op.mean((op.sigmoid(x * w + v) - y) ** 2), "w", lambda a: 2 * (a - y) * a * (1 - a), WRONG),  # x forgotten
    (op.mean((op.sigmoid(x * w + v) - y) ** 2), "w", lambda a: (a - y) * a * (1 - a) * x, FACTOR),  # 2 forgotten
    (op.mean((op.sigmoid(x * w + v) - y) ** 2), "w", lambda a: 2 * (y - a) * a * (1 - a) * x, FACTOR),  # sign
    (op.mean((op.sigmoid(x * w + v) - y) ** 2), "w", lambda a: 2 * (a - y) * x, WRONG),  # as with cross-entropy
    (op.mean((op.sigmoid(x * w + v) - y) ** 2), "w", lambda a: 2 * (a - y) * a * (1 - a) * x * 1.001, FACTOR),
]


@pytest.mark.parametrize("row", MISSING, ids=range(len(MISSING)))
def test_what_beginners_get_wrong(row: Any) -> None:
    cost, name, by_hand, verdict = row
    values = {"x": [0.5, -1.0, 2.0], "y": [0.0, 1.0, 1.0], "w": 0.7, "v": -0.2}
    given = {**gradient(cost), name: op.mean(by_hand(op.sigmoid(x * w + v)))}
    report = check(cost, values, gradient=given)
    assert report[name].verdict == verdict
    assert report["v"].ok


def test_the_error_of_the_slides_d4_is_found() -> None:
    """dZ2 = A2 − Y is the gradient of the cross-entropy, not of the squares."""
    squares, values = MODELS["D4 network with squares"]()
    entropy, _ = MODELS["D4 network"]()
    report = check(squares, values, gradient=gradient(entropy))
    assert [row.verdict for row in report] == [WRONG] * 4
    assert check(entropy, values).ok
    assert check(squares, values).ok


def test_layerwise_gradients_are_wrong_by_their_factor() -> None:
    cost, values = chain(4)
    report = check(cost, values, method="layerwise")
    assert [report[f"w{k}"].factor for k in (1, 2, 3)] == [8, 4, 2]
    assert report["w4"].ok


@pytest.mark.parametrize("part", sampled(range(4), 4))
def test_random_formulas_with_one_wrong_partial_are_never_correct(part: int) -> None:
    random = Random(9 + part)
    verdicts: Counter[str] = Counter()
    for case in random_cases(240, seed=31)[part::4]:
        exact = evaluate({**gradient(case.cost), None: case.cost}, case.values)
        steep = [name for name in case.cost.parameters if np.max(np.abs(exact[name])) > 1e-6]
        if not steep:
            continue
        name = random.choice(steep)
        for spoil in (1.001, -1.0, 2.0):
            given = {k: p * (spoil if k == name else 1) for k, p in exact.items() if k is not None}
            report = check(case.cost, case.values, gradient=given, wrt=[name])
            verdicts[report[name].verdict] += 1
            assert report[name].verdict in (WRONG, FACTOR), (case, report)
    assert sum(verdicts.values()) >= 125


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_is_never_correct(value: float) -> None:
    for cost, at in ((w**2, 3.0), (w * 0, 3.0), (op.log(w), -1.0), (op.sqrt(w), 0.0), (op.absolute(w), 0.0)):
        report = check(cost, {"w": at}, gradient={"w": value})
        assert not report.ok
    assert check(w**2, {"w": 3.0}, gradient={"w": value})["w"].verdict == WRONG


def test_tiny_and_huge_derivatives_are_told_apart_from_wrong_ones() -> None:
    for scale in (1e-300, 1e-30, 1e-8, 1e8, 1e30, 1e290):
        cost = scale * op.sin(w)
        right = scale * math.cos(1)
        assert check(cost, {"w": 1.0}).ok
        for spoil in (1.001, -1, 2, 0):
            assert not check(cost, {"w": 1.0}, gradient={"w": right * spoil}).ok, (scale, spoil)


def test_derivatives_that_round_off_hides() -> None:
    cost = 1e8 + 1e-10 * op.sin(w)
    assert check(cost, {"w": 1.0}).ok
    assert check(cost, {"w": 1.0}, gradient={"w": 2e-10 * op.cos(w)})["w"].factor == 2
    assert not check(cost, {"w": 1.0}, gradient={"w": 0.0}).ok
