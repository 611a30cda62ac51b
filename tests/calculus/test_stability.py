"""The stability rewrites against mpmath: the same value, and the right one where the formula as written fails.

mpmath works with 1000 digits and any exponent, so that it neither overflows nor cancels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from sampling import sampled
from steepest.calculus.gradient import gradient
from steepest.calculus.stability import RULES, stabilise
from steepest.engines import evaluate
from steepest.engines.reference import compile_expressions
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression, data, params, toposort

x = data("x")


@pytest.fixture(autouse=True)
def digits() -> Iterator[None]:
    with mp.workdps(1000):
        yield


@dataclass(frozen=True)
class Case:
    """A formula, what it is, where, as it is written, its value or its derivative goes wrong, and what it becomes."""

    formula: Expression
    truth: Callable[[Any], Any]
    extremes: tuple[float, ...]
    becomes: str
    value_fails: bool = True
    positive: bool = False
    negative: bool = False
    clear: bool = False  # of 0, where the formula has a kink


def sigma(z: Any) -> Any:
    return 1 / (1 + mp.exp(-z))


def log_sigma(z: Any) -> Any:
    return -mp.log(1 + mp.exp(-z))


def log_of_rest(z: Any) -> Any:
    return mp.log(1 - mp.exp(z))


LOG_OF_REST = "where(x < -0.6931471805599453, log1p(-exp(x)), log(-expm1(x)))"
HUGE = (-1000.0, -800.0, 800.0, 1000.0)

CASES: dict[str, list[Case]] = {
    "log_of_exp": [Case(op.log(op.exp(x)), lambda z: z, HUGE, "x")],
    "log_of_sigmoid": [
        Case(op.log(op.sigmoid(x)), log_sigma, (-1000.0, -800.0), "-softplus(-x)"),
        Case(op.log(op.sigmoid(-x)), lambda z: log_sigma(-z), (1000.0, 800.0), "-softplus(x)"),
    ],
    "log_of_complement": [
        Case(op.log(1 - op.sigmoid(x)), lambda z: log_sigma(-z), (40.0, 800.0, 1000.0), "-softplus(x)"),
        Case(op.log1p(-op.sigmoid(x)), lambda z: log_sigma(-z), (40.0, 800.0, 1000.0), "-softplus(x)"),
    ],
    "log_of_softmax": [],  # a vector: test_log_of_softmax
    "log_of_chosen_softmax": [],  # a vector: test_log_of_chosen_softmax
    "log_of_one_plus_exp": [
        Case(op.log(1 + op.exp(x)), lambda z: mp.log(1 + mp.exp(z)), (-60.0, 800.0, 1000.0), "softplus(x)"),
        Case(op.log(op.exp(x) + 1), lambda z: mp.log(1 + mp.exp(z)), (-60.0, 800.0, 1000.0), "softplus(x)"),
        Case(op.log1p(op.exp(-x)), lambda z: mp.log(1 + mp.exp(-z)), (-800.0, -1000.0), "softplus(-x)"),
    ],
    "log_of_one_plus": [
        Case(op.log(1 + x), lambda z: mp.log(1 + z), (1e-20, -1e-20, 1e-30), "log1p(x)", positive=True),
        Case(op.log(x**2 + 1), lambda z: mp.log(1 + z**2), (1e-9, -1e-12), "log1p(x^2)"),
    ],
    "log_of_sum_of_exps": [
        Case(
            op.log(op.exp(x) + op.exp(2 * x)),
            lambda z: mp.log(mp.exp(z) + mp.exp(2 * z)),
            HUGE,
            "logaddexp(x, 2*x)",
            positive=True,
        ),
        Case(op.log(3 + op.exp(x)), lambda z: mp.log(3 + mp.exp(z)), (800.0,), f"logaddexp({math.log(3)!r}, x)"),
    ],
    "log_of_one_minus_exp": [
        Case(op.log(-op.expm1(x)), log_of_rest, (-40.0, -60.0), LOG_OF_REST, negative=True),
        Case(op.log1p(-op.exp(x)), log_of_rest, (-1e-17, -1e-20), LOG_OF_REST, negative=True),
    ],
    "log_of_exp_minus_one": [
        Case(
            op.log(op.expm1(3 * x + 1)),
            lambda z: mp.log(mp.exp(3 * z + 1) - 1),
            (400.0, 1000.0),
            "where(3*x + 1 > 0.6931471805599453, 3*x + 1 + log1p(-exp(-(3*x + 1))), log(expm1(3*x + 1)))",
            positive=True,
        ),
    ],
    "exp_minus_one": [Case(op.exp(x) - 1, lambda z: mp.exp(z) - 1, (1e-20, -1e-20, 1e-30), "expm1(x)")],
    "one_minus_exp": [Case(1 - op.exp(x), lambda z: 1 - mp.exp(z), (1e-20, -1e-20, 1e-30), "-expm1(x)")],
    "difference_of_opposite_exps": [
        Case(op.exp(x) - op.exp(-x), lambda z: 2 * mp.sinh(z), (1e-20, -1e-9), "expm1(x) - expm1(-x)"),
    ],
    "tanh_by_exp": [
        Case((op.exp(x) - op.exp(-x)) / (op.exp(x) + op.exp(-x)), mp.tanh, HUGE, "tanh(x)"),
        Case((op.exp(x) - op.exp(-x)) / (op.exp(-x) + op.exp(x)), mp.tanh, HUGE, "tanh(x)"),
        Case((op.exp(-x) - op.exp(x)) / (op.exp(-x) + op.exp(x)), lambda z: -mp.tanh(z), HUGE, "tanh(-x)"),
        Case(op.expm1(x) / (op.exp(x) + 1), lambda z: mp.tanh(z / 2), (800.0, 1000.0), "tanh(x/2)"),
        Case(-op.expm1(-x) / (1 + op.exp(-x)), lambda z: mp.tanh(z / 2), (-800.0, -1000.0), "tanh(-(-x/2))"),
    ],
    "tanh_by_sigmoid": [
        Case(2 * op.sigmoid(x) - 1, lambda z: mp.tanh(z / 2), (1e-9, -1e-12), "tanh(x/2)"),
        Case(1 - op.sigmoid(x) * 2, lambda z: -mp.tanh(z / 2), (1e-9, -1e-12), "-tanh(x/2)"),
    ],
    "share_of_exps": [
        Case(1 / (1 + op.exp(-x)), sigma, (-800.0, -1000.0), "sigmoid(x)", value_fails=False),
        Case(1 / (op.exp(x) + 1), lambda z: sigma(-z), (800.0, 1000.0), "sigmoid(-x)", value_fails=False),
        Case(op.exp(x) / (1 + op.exp(x)), sigma, (800.0, 1000.0), "sigmoid(x)"),
        Case(op.exp(x) / (op.exp(x) + op.exp(-x)), lambda z: sigma(2 * z), (800.0, 1000.0), "sigmoid(x - -x)"),
        Case(3 / (1 + op.exp(-x)), lambda z: 3 * sigma(z), (-800.0, -1000.0), "3*sigmoid(x)", value_fails=False),
        Case(
            2 / (2 + op.exp(x)),
            lambda z: 2 / (2 + mp.exp(z)),
            (800.0,),
            f"sigmoid({math.log(2)!r} - x)",
            value_fails=False,
        ),
    ],
    "power_of_exp": [
        Case(op.sqrt(op.exp(x)), lambda z: mp.exp(z / 2), (-800.0, -150.0), "exp(x/2)"),
        Case(op.exp(x) ** 0.25, lambda z: mp.exp(z / 4), (-800.0, -150.0), "exp(0.25*x)"),
    ],
    "root_of_squares": [
        Case(op.sqrt(x**2), abs, (1e200, -1e-200), "abs(x)", clear=True),
        Case((x * x) ** 0.5, abs, (1e200, -1e-200), "abs(x)", clear=True),
        Case((x**2) ** 0.75, lambda z: abs(z) ** mp.mpf("1.5"), (1e200, -1e-200), "abs(x)^1.5", clear=True),
        Case(op.sqrt(1 + x**2), lambda z: mp.sqrt(1 + z * z), (1e200, -1e300), "hypot(1, x)"),
        Case(op.sqrt(x**2 + 4 * x**2), lambda z: mp.sqrt(5) * abs(z), (1e200, -1e200), "hypot(x, 2*x)", clear=True),
    ],
}

ALL = [pytest.param(case, id=str(case.formula)) for cases in CASES.values() for case in cases]


def test_every_rule_has_cases_and_a_docstring() -> None:
    assert [rule.__name__ for rule in RULES] == list(CASES)
    assert all("→" in (rule.__doc__ or "") for rule in RULES)
    assert [name for name, cases in CASES.items() if not cases] == ["log_of_softmax", "log_of_chosen_softmax"]


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_itself_is_what_rewrites_its_case(rule: Callable[[Expression], Expression | None]) -> None:
    for case in CASES[rule.__name__]:
        assert str(rule(case.formula)) == case.becomes
        assert str(stabilise([case.formula])[case.formula]) == case.becomes


def ordinary(case: Case) -> np.ndarray:
    drawn = np.random.default_rng(3).normal(0, 2, 50)
    if case.clear:
        drawn += np.copysign(0.1, drawn)
    return np.abs(drawn) if case.positive else -np.abs(drawn) if case.negative else drawn


def within(points: tuple[float, ...], dtype: str) -> list[float]:
    """The points that are in the range of a precision."""
    info = np.finfo(dtype)
    return [p for p in points if float(info.tiny) <= abs(p) <= float(info.max)]


def exact(truth: Callable[[Any], Any], points: np.ndarray) -> np.ndarray:
    return np.array([float(truth(mp.mpf(float(p)))) for p in points])


def rounded(truth: np.ndarray, dtype: str) -> np.ndarray:
    """The truth in the precision at hand, where what is below its range is 0."""
    with np.errstate(under="ignore"):
        return truth.astype(dtype).astype(float)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", ALL)
def test_value_is_right_everywhere(case: Case, dtype: str) -> None:
    points = np.concatenate([ordinary(case), within(case.extremes, dtype)]).astype(dtype)
    found = evaluate(case.formula, {"x": points}, dtype)
    assert found.dtype == dtype
    eps = float(np.finfo(dtype).eps)
    truth = rounded(exact(case.truth, points), dtype)
    np.testing.assert_allclose(found.astype(float), truth, rtol=8 * eps, atol=float(np.finfo(dtype).tiny))


@pytest.mark.parametrize("dtype", sampled(["float64", "float32"], 2))
@pytest.mark.parametrize("case", ALL)
def test_gradient_is_right_everywhere(case: Case, dtype: str) -> None:
    points = np.concatenate([ordinary(case), within(case.extremes, dtype)]).astype(dtype)
    slope = gradient(op.total(case.formula), ["x"])["x"]
    found = np.broadcast_to(evaluate(slope, {"x": points}, dtype), points.shape)
    truth = rounded(exact(lambda z: mp.diff(case.truth, z), points), dtype)
    assert np.isfinite(found).all()
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(found.astype(float), truth, rtol=8 * eps, atol=float(np.finfo(dtype).tiny))


@pytest.mark.parametrize("case", ALL)
def test_as_it_is_written_the_formula_fails_at_the_extremes(case: Case) -> None:
    """The rewrite is needed: without it the value, or the slope by the rules alone, is wrong there."""
    points = np.array(case.extremes)
    (literal,) = compile_expressions([case.formula])({"x": points}, len(points))
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(literal - exact(case.truth, points)) <= 1e-9 * np.abs(exact(case.truth, points)))
    assert wrong.any() == case.value_fails
    if not case.value_fails:
        below = case.formula.args[1]
        inner = next(node for node in toposort([below]) if node.operation is op.exp)
        (slope,) = compile_expressions([inner / below**2])({"x": points}, len(points))
        assert np.isnan(slope).any(), "the slope exp/(1 + exp)² is ∞/∞"


def test_log_of_softmax() -> None:
    v = params("v", shape=3)
    pick = params("pick", shape=3)
    formula = op.log(op.softmax(v))
    assert stabilise([formula])[formula] is op.log_softmax(v)
    slope = gradient(op.dot(pick, formula), ["v"])["v"]
    for features in ([0.3, -1.2, 2.0], [1000.0, 0.0, -1000.0], [-1000.0, -1000.0, 3.0]):
        z = [mp.mpf(f) for f in features]
        whole = sum(mp.exp(each) for each in z)
        truth = [float(each - mp.log(whole)) for each in z]
        soft = np.array([float(mp.exp(each) / whole) for each in z])
        for dtype in ("float64", "float32"):
            eps = float(np.finfo(dtype).eps)
            found = evaluate(formula, {"v": features}, dtype)
            assert found.dtype == dtype
            np.testing.assert_allclose(found.astype(float), truth, rtol=4 * eps, atol=4 * eps)
            for k in range(3):
                values = {"v": features, "pick": np.eye(3)[k]}
                np.testing.assert_allclose(evaluate(slope, values, dtype), np.eye(3)[k] - soft, atol=4 * eps)
    (literal,) = compile_expressions([formula])({"v": np.array([1000.0, 0.0, -1000.0])}, 1)
    assert np.isinf(literal).any(), "the rewrite is needed"


def test_log_of_chosen_softmax() -> None:
    """The probability of the right class underflows; its logarithm and the slope, softmax − onehot, do not."""
    v, y = data("v", shape=3), data("y")
    formula = op.log(op.dot(op.one_hot(y, attributes=(3,)), op.softmax(v)))
    rows = [[0.3, -1.2, 2.0], [1000.0, 0.0, -1000.0], [-1000.0, -1000.0, 3.0], [1e300, -1e300, 0.0]]
    slope = gradient(op.total(formula), ["v"])["v"]
    assert str(slope) == "one_hot(y, 3) - softmax(v)"
    for features in rows:
        whole = sum(mp.exp(mp.mpf(f) - max(features)) for f in features)
        for k in range(3):
            values = {"v": [features], "y": [float(k)]}
            truth = mp.mpf(features[k]) - max(features) - mp.log(whole)
            assert evaluate(formula, values)[0] == pytest.approx(float(truth), rel=4e-16, abs=4e-16)
            soft = [float(mp.exp(mp.mpf(f) - max(features)) / whole) for f in features]
            np.testing.assert_allclose(evaluate(slope, values)[0], np.eye(3)[k] - soft, atol=4e-16)
    (literal,) = compile_expressions([formula])({"v": np.array(rows[1:2]), "y": np.array([1.0])}, 1)
    assert np.isinf(literal).all(), "the rewrite is needed"
    other = op.log(op.dot(data("t", shape=3), op.softmax(v)))  # not a class, so its logarithm is no sum
    assert stabilise([other])[other] is other


NEAR_MISSES: list[tuple[Expression, Callable[[Any], Any]]] = [
    (op.log(2 + op.exp(x)), lambda z: mp.log(2 + mp.exp(z))),
    (op.log(2 - op.sigmoid(x)), lambda z: mp.log(2 - sigma(z))),
    (op.log(1 - op.softplus(x) / 9), lambda z: mp.log(1 - mp.log(1 + mp.exp(z)) / 9)),
    (op.exp(x) - 2, lambda z: mp.exp(z) - 2),
    (1 - op.exp(x), lambda z: 1 - mp.exp(z)),
    (2 / (1 + op.exp(-x)), lambda z: 2 * sigma(z)),
    (1 / (2 + op.exp(x)), lambda z: 1 / (2 + mp.exp(z))),
    (1 / (1 - op.exp(x)), lambda z: 1 / (1 - mp.exp(z))),
    (op.log1p(-op.tanh(x)), lambda z: mp.log(1 - mp.tanh(z))),
    ((op.exp(x) - op.exp(-2 * x)) / (op.exp(x) + op.exp(-2 * x)), lambda z: mp.tanh(z * 3 / 2)),
    ((op.exp(x) - op.exp(-x)) / (op.exp(x) + op.exp(x)), lambda z: (1 - mp.exp(-2 * z)) / 2),
    ((op.exp(x) + op.exp(-x)) / (op.exp(x) - op.exp(-x)), lambda z: 1 / mp.tanh(z)),
    (op.log(op.sigmoid(x) * 2), lambda z: mp.log(2 * sigma(z))),
    (op.log(op.exp(x) + x**2), lambda z: mp.log(mp.exp(z) + z**2)),
]


@pytest.mark.parametrize(("formula", "truth"), NEAR_MISSES, ids=lambda v: str(v) if isinstance(v, Expression) else "")
def test_formulas_that_only_resemble_a_pattern_keep_their_value(formula: Expression, truth: Any) -> None:
    points = np.random.default_rng(5).normal(0, 1, 40)
    np.testing.assert_allclose(evaluate(formula, {"x": points}), exact(truth, points), rtol=1e-12, atol=1e-14)


def test_rewrites_reach_into_costs_and_compose() -> None:
    y, w = data("y"), params("w")
    a = 1 / (1 + op.exp(-(x * w)))
    cost = -op.mean(y * op.log(a) + (1 - y) * op.log(1 - a))
    assert str(stabilise([cost])[cost]) == "-mean(y*-softplus(-(x*w)) + (1 - y)*-softplus(x*w))"
    values = {"x": [1000.0, -1000.0, 1000.0], "y": [1.0, 0.0, 0.0], "w": 1.0}
    assert evaluate(cost, values) == pytest.approx(1000 / 3, rel=1e-15)
    # ∂C/∂w = 1/n Σ (a − y)·x
    assert evaluate(gradient(cost)["w"], values) == pytest.approx(1000 / 3, rel=1e-15)
