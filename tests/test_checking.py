"""The check itself is tested: planted faults must be caught, right gradients must pass, kinks must be named."""

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
from strategies import Case, make_case, random_cases

from steepest import operations as op
from steepest.checking import CORRECT, FACTOR, INCONCLUSIVE, KINK, WRONG, Report, check
from steepest.engines import evaluate
from steepest.errors import GradientError
from steepest.expression import Expression, Operation, data, params
from steepest.gradient import gradient
from steepest.operations import TABLE

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
FLAT = {row.name for row in TABLE if row.name in ("step", "sign", "one_hot", "count", "stop_gradient")} | {
    row.name for row in TABLE if row.name in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
}
SLOPED = [
    (row, k)
    for row in TABLE
    if row.name not in FLAT
    for k in range(row.arity)
    if not (row is op.where and k == 0)
    if row is not op.total_outer  # made by the gradient alone; see below
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
        "largest": [(4,)], "softmax": [(4,)], "log_softmax": [(4,)],
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
    made = row(*args, attributes=(3,) if row is op.expand else ())
    if made.shape:
        V = params("V", shape=made.shape)
        values["V"] = rng.uniform(0.5, 2, made.shape)
        return op.sum_(made * V), values
    return made * params("V"), {**values, "V": 1.7}


def away_from_kinks(row: Operation, k: int, seed: int) -> tuple[Expression, dict[str, Any]]:
    """A cost and values at which the partial derivative is not 0 and no kink is near."""
    rng = np.random.default_rng(seed)
    while True:
        cost, values = one_operation(row, k, rng)
        partial = evaluate({"P": gradient(cost)["P"], "C": cost}, values)["P"]
        if np.any(np.abs(partial) > 1e-2) and check(cost, values, wrt=["P"])["P"].verdict == CORRECT:
            return cost, values


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

    def add_term(partial: Any) -> Any:
        return partial + 0.01 * params("V") if not isinstance(partial, Expression) or not partial.shape else partial * 1.01

    with fault(row, add_term, k):
        report = check(cost, values)
    assert report["P"].verdict in (WRONG, FACTOR), report


def test_a_fault_in_the_rows_made_by_the_gradient_alone() -> None:
    X = data("X", shape=2)
    cost = op.mean(op.sum_(X @ params("W", shape=(2, 2))) ** 2)
    values = {"X": np.array([[1.0, 2], [3, -1], [0.5, 0.25]]), "W": np.array([[1.0, 2], [-1, 0.5]])}
    assert check(cost, values).ok
    meaning = {"P": params("A"), "Q": params("B")}
    assert meaning  # total_outer is linear in both of its arguments: its adjoints serve second derivatives
    outer = op.total_outer(X * params("A"), X)
    second = op.sum_(outer * params("V", shape=(2, 2)))
    point = {"X": values["X"], "A": 1.5, "V": np.array([[1.0, 2], [3, 4]])}
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


def test_random_formulas_with_one_wrong_partial_are_never_correct() -> None:
    random = Random(9)
    verdicts: Counter[str] = Counter()
    for case in random_cases(200, seed=31):
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
    assert sum(verdicts.values()) >= 500


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


# -- right gradients -------------------------------------------------------------------------------------------


def check_all(cases: list[Case]) -> Counter[str]:
    verdicts: Counter[str] = Counter()
    for case in cases:
        report = check(case.cost, case.values)
        assert [row.name for row in report] == list(case.cost.parameters)
        verdicts.update(row.verdict for row in report)
        assert not {WRONG, FACTOR, KINK} & {row.verdict for row in report}, (case, str(report))
    return verdicts


@pytest.mark.parametrize("part", range(5))
def test_random_formulas_raise_no_false_alarm(part: int) -> None:
    verdicts = check_all([make_case(Random(1_000_000 + 5 * k + part)) for k in range(200)])
    assert verdicts[CORRECT] >= 400
    assert verdicts[INCONCLUSIVE] <= 0.005 * sum(verdicts.values())  # seen: none


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_the_models_pass(model: Any) -> None:
    cost, values = model()
    assert check(cost, values).ok


def test_partials_that_cancel_to_zero() -> None:
    V = params("V", shape=3)
    for cost in (op.sum_(op.softmax(V)), op.sum_(op.softmax(2 * V)) * 7, op.sum_(op.exp(op.log_softmax(V)))):
        assert check(cost, {"V": [0.5, -1.2, 2.0]}).ok
        assert not check(cost, {"V": [0.5, -1.2, 2.0]}, gradient={"V": [1e-6, 0, 0]}).ok


# -- kinks -----------------------------------------------------------------------------------------------------

AT_KINK = [
    (op.relu(w), 0.0, "relu(w), where w = 0"),
    (op.leaky_relu(w), 0.0, "leaky_relu(w), where w = 0"),
    (op.absolute(w - 2), 2.0, "abs(w - 2), where w - 2 = 0"),
    (op.maximum(w, 1), 1.0, "maximum(w, 1), where w - 1 = 0"),
    (op.minimum(w, 1) * 3, 1.0, "minimum(w, 1), where w - 1 = 0"),
    (op.step(w), 0.0, "step(w), where w = 0"),
    (op.sign(w) + w, 0.0, "sign(w), where w = 0"),
    (op.where(w > 1, w, 0), 1.0, "w > 1, where w - 1 = 0"),
    (op.where(w <= 1, w**2, 2 * w), 1.0, "w <= 1, where w - 1 = 0"),
    (op.sqrt(w), 0.0, "sqrt(w), where w = 0"),
    (op.sqrt(w**2), 0.0, "sqrt(w^2), where w^2 = 0"),
    (w * (op.equal(w, 1)), 1.0, "w == 1, where w - 1 = 0"),
]


@pytest.mark.parametrize("row", AT_KINK, ids=[str(cost) for cost, _, _ in AT_KINK])
def test_kinks_are_named(row: tuple[Expression, float, str]) -> None:
    cost, at, where = row
    verdict = check(cost, {"w": at})["w"]
    assert verdict.verdict == KINK
    assert where in verdict.detail
    assert check(cost, {"w": at + 0.3}).ok or check(cost, {"w": at + 0.3})["w"].verdict == CORRECT


def test_kinks_of_one_sample_name_the_sample() -> None:
    cost = op.mean(op.relu(x * w - 1))
    verdict = check(cost, {"x": [3.0, 1.0, 2.0, 5.0], "w": 0.5})["w"]
    assert verdict.verdict == KINK
    assert verdict.detail == "the slope jumps at relu(x*w - 1), where x*w - 1 = 0 for sample 3"
    assert check(cost, {"x": [3.0, 1.0, 2.5, 5.0], "w": 0.5}).ok
    by_feature = op.total(op.sum_(op.absolute(data("X", shape=2) - params("V", shape=2))))
    report = check(by_feature, {"X": [[0.0, 1.0], [2.0, 3.0]], "V": [5.0, 3.0]})
    assert report["V"].verdict == KINK
    assert report["V"].detail.startswith("element [1]; the slope jumps at abs(X - V)")
    assert report["V"].detail.endswith("for sample 2")


@pytest.mark.parametrize(
    ("cost", "at"),
    [
        (op.relu(w) ** 2, 0.0),
        (op.absolute(w) ** 3, 0.0),
        (op.absolute(w - w), 0.5),
        (op.relu(w - w) + w, 0.5),
        (op.maximum(w, w), 1.0),
        (op.absolute(w) * op.absolute(w), 0.0),
        (op.where(w > 0, w, w), 0.0),
        (op.maximum(w, 2 * w) + op.minimum(w, 2 * w), 0.0),
        (op.relu(v) + w, 0.3),
    ],
    ids=str,
)
def test_what_only_looks_like_a_kink(cost: Expression, at: float) -> None:
    assert check(cost, {"w": at, "v": 0.0})["w"].verdict == CORRECT


def test_kinks_in_data_alone_are_none() -> None:
    cost = op.mean(op.relu(x) * w + op.absolute(x))
    assert check(cost, {"x": [0.0, 1.0, -1.0], "w": 2.0}).ok


# -- ways to give a gradient -----------------------------------------------------------------------------------

NEURON = op.mean((op.sigmoid(x * w + v) - y) ** 2)
POINT = {"x": [0.5, -1.0, 2.0], "y": [0.0, 1.0, 1.0], "w": 0.7, "v": -0.2}


def by_numpy(values: dict[str, Any]) -> dict[str, Any]:
    """The gradient of NEURON by hand."""
    a = 1 / (1 + np.exp(-(values["x"] * values["w"] + values["v"])))
    outer = 2 * (a - values["y"]) * a * (1 - a)
    return {"w": np.mean(outer * values["x"]), "v": np.mean(outer)}


def test_a_gradient_may_be_a_function_an_array_or_an_expression() -> None:
    numbers = by_numpy({name: np.asarray(value) for name, value in POINT.items()})
    assert check(NEURON, POINT, gradient=by_numpy).ok
    assert check(NEURON, POINT, gradient=numbers).ok
    assert check(NEURON, POINT, gradient={**gradient(NEURON), "w": numbers["w"]}).ok
    doubled = check(NEURON, POINT, gradient=lambda values: {k: 2 * p for k, p in by_numpy(values).items()})
    assert [row.factor for row in doubled] == [2, 2]
    # Numbers at one point cannot tell a factor from any other fault.
    assert check(NEURON, POINT, gradient={"w": 2 * numbers["w"], "v": numbers["v"]})["w"].verdict == WRONG


def test_a_gradient_that_is_a_factor_at_this_point_only_is_plainly_wrong() -> None:
    given = {"w": gradient(NEURON)["w"] * (w + 1.3), "v": gradient(NEURON)["v"]}
    report = check(NEURON, POINT, gradient=given)
    assert report["w"].verdict == WRONG
    assert report["w"].factor is None


def test_arrays_give_the_element_that_is_wrong() -> None:
    W = params("W", shape=(2, 3))
    cost = op.sum_(W**3)
    at = np.arange(1.0, 7.0).reshape(2, 3)
    given = 3 * at**2
    assert check(cost, {"W": at}, gradient={"W": given}).ok
    given[1, 2] *= 1.001
    verdict = check(cost, {"W": at}, gradient={"W": given})["W"]
    assert verdict.verdict == WRONG
    assert verdict.detail == "element [1, 2]"
    assert verdict.expected == pytest.approx(108, rel=1e-12)


def test_large_arrays_are_sampled() -> None:
    W = params("W", shape=(100, 50))
    at = np.linspace(-1, 1, 5000).reshape(100, 50)
    cost = op.sum_(op.sin(W) * op.sin(W))
    assert check(cost, {"W": at}).ok
    report = check(cost, {"W": at}, gradient={"W": 1.001 * gradient(cost)["W"]})
    assert report["W"].factor == pytest.approx(1.001, rel=1e-6)


def test_what_stop_gradient_holds_is_held() -> None:
    cost = op.mean((op.sigmoid(x * w) - op.stop_gradient(op.sigmoid(x * w) - y)) ** 2)
    assert check(cost, POINT).ok
    assert check(op.stop_gradient(w) * w + v, {"w": 3.0, "v": 1.0}).ok
    assert check(op.stop_gradient(w) * v, {"w": 3.0, "v": 1.0}).ok
    through = check(op.stop_gradient(w) * w, {"w": 3.0}, gradient={"w": 2 * w})
    assert through["w"].factor == 2
    count = op.total(x * w) * op.stop_gradient(op.count() * v)
    assert check(count, {**POINT, "v": 0.5}).ok


def test_the_number_of_samples_is_known_to_a_partial_without_data() -> None:
    cost = op.total(w - x)
    assert check(cost, POINT).ok
    assert check(cost, POINT, gradient={"w": op.count()}).ok
    assert check(cost, POINT, gradient={"w": 2 * op.count()})["w"].factor == 2


def test_only_the_parameters_asked_for() -> None:
    assert [row.name for row in check(NEURON, POINT, wrt=["v"])] == ["v"]


# -- the report ------------------------------------------------------------------------------------------------


def test_the_report_reads_well() -> None:
    report = check(w**3 + v, {"w": 2.0, "v": 1.0}, gradient={"w": 6 * w**2, "v": 1.0})
    assert str(report).splitlines()[0].startswith("w  wrong by a factor 2 gradient  24  difference  12 ±")
    assert str(report).splitlines()[1].startswith("v  correct")
    assert not report.ok
    assert [row.ok for row in report] == [False, True]
    assert isinstance(report, Report)
    with pytest.raises(KeyError, match="the check has no row 'u'"):
        report["u"]


def test_costs_that_are_not_finite_are_inconclusive() -> None:
    verdict = check(op.log(w), {"w": -1.0})["w"]
    assert verdict.verdict == INCONCLUSIVE
    assert "not finite" in verdict.detail


def test_errors() -> None:
    with pytest.raises(GradientError, match="no partial derivative by 'v'"):
        check(NEURON, POINT, gradient={"w": 1.0})
    with pytest.raises(GradientError, match="did you mean 'weigth'"):
        check(params("weight") ** 2, {"weight": 1.0}, gradient={"weigth": 2.0})
    with pytest.raises(GradientError, match="'u' is not a parameter of the cost"):
        check(NEURON, POINT, wrt=["u"])
    with pytest.raises(GradientError, match="take its mean, total or sum"):
        check(x * w, POINT)
    with pytest.raises(GradientError, match="no gradient method 'forward'"):
        check(NEURON, POINT, method="forward")
