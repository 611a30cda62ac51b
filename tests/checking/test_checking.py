"""The check on right gradients, which must pass, at kinks, which must be named, and in every way it can be given."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import numpy as np
import pytest

from mission_models import MODELS
from sampling import sampled
from steepest.calculus.gradient import gradient
from steepest.checking.gradient_check import check
from steepest.checking.report import CORRECT, FACTOR, INCONCLUSIVE, KINK, WRONG, Report
from steepest.errors import GradientError
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression, data, params
from strategies import Case, make_case

w, v = params("w", "v")
x, y = data("x", "y")


# -- right gradients -------------------------------------------------------------------------------------------


def check_all(cases: list[Case]) -> Counter[str]:
    verdicts: Counter[str] = Counter()
    for case in cases:
        report = check(case.cost, case.values)
        assert [row.name for row in report] == list(case.cost.parameters)
        verdicts.update(row.verdict for row in report)
        assert not {WRONG, FACTOR, KINK} & {row.verdict for row in report}, (case, str(report))
    return verdicts


@pytest.mark.parametrize("part", sampled(range(5), 5))
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
]


@pytest.mark.parametrize("row", AT_KINK, ids=[str(cost) for cost, _, _ in AT_KINK])
def test_kinks_are_named(row: tuple[Expression, float, str]) -> None:
    cost, at, where = row
    verdict = check(cost, {"w": at})["w"]
    assert verdict.verdict == KINK
    assert where in verdict.detail
    assert check(cost, {"w": at + 0.3}).ok or check(cost, {"w": at + 0.3})["w"].verdict == CORRECT


def test_beside_a_single_point_the_slope_is_another() -> None:
    """w·(w = 1) is 1 at 1 and 0 around it; the rules take the slope of the case that holds there."""
    verdict = check(w * op.equal(w, 1), {"w": 1.0})["w"]
    assert verdict.verdict == WRONG
    assert verdict.detail.startswith("the slope is 0 on both sides of a jump at w == 1, where w - 1 = 0")


def test_a_number_outside_of_the_slopes_at_a_kink_is_wrong() -> None:
    for given, verdict in ((0.0, KINK), (0.5, KINK), (1.0, KINK), (1.0001, WRONG), (-1e-4, WRONG), (1e6, WRONG)):
        assert check(op.relu(w), {"w": 0.0}, gradient={"w": given})["w"].verdict == verdict


def test_kinks_of_one_sample_name_the_sample() -> None:
    cost = op.mean(op.relu(x * w - 1))
    verdict = check(cost, {"x": [3.0, 1.0, 2.0, 5.0], "w": 0.5})["w"]
    assert verdict.verdict == KINK
    assert verdict.detail == "the slope jumps from 2 to 2.5 at relu(x*w - 1), where x*w - 1 = 0 for sample 3"
    assert check(cost, {"x": [3.0, 1.0, 2.5, 5.0], "w": 0.5}).ok
    by_feature = op.total(op.sum_(op.absolute(data("X", shape=2) - params("V", shape=2))))
    report = check(by_feature, {"X": [[0.0, 1.0], [2.0, 3.0]], "V": [5.0, 3.0]})
    assert report["V"].verdict == KINK
    assert report["V"].detail.startswith("element [1]; the slope jumps from 0 to 2 at abs(X - V)")
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
        (op.relu(v) + w, 0.3),
    ],
    ids=str,
)
def test_what_only_looks_like_a_kink(cost: Expression, at: float) -> None:
    assert check(cost, {"w": at, "v": 0.0})["w"].verdict == CORRECT


def test_kinks_that_cancel_leave_a_slope_which_the_rules_at_kinks_miss() -> None:
    """max(w, 2w) + min(w, 2w) is 3w, but each term takes the slope 1 of the first argument at 0."""
    cost = op.maximum(w, 2 * w) + op.minimum(w, 2 * w)
    verdict = check(cost, {"w": 0.0})["w"]
    assert (verdict.verdict, verdict.given) == (WRONG, 2)
    assert verdict.expected == pytest.approx(3, rel=1e-9)
    assert check(cost, {"w": 0.0}, gradient={"w": 3.0}).ok
    assert not check(op.relu(w) ** 2, {"w": 0.0}, gradient={"w": 1e-3}).ok


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
    with pytest.raises(KeyError, match="the check has no parameter 'u'"):
        report["u"]


def test_costs_that_are_not_finite_are_inconclusive() -> None:
    verdict = check(op.log(w), {"w": -1.0})["w"]
    assert verdict.verdict == INCONCLUSIVE
    assert "not finite" in verdict.detail


def test_errors() -> None:
    with pytest.raises(GradientError, match="no partial derivative with respect to 'v'"):
        check(NEURON, POINT, gradient={"w": 1.0})
    with pytest.raises(GradientError, match="did you mean 'weigth'"):
        check(params("weight") ** 2, {"weight": 1.0}, gradient={"weigth": 2.0})
    with pytest.raises(GradientError, match="'u' is not a parameter of the cost"):
        check(NEURON, POINT, wrt=["u"])
    with pytest.raises(GradientError, match="take its mean, total or sum"):
        check(x * w, POINT)
    with pytest.raises(GradientError, match="no gradient method 'forward'"):
        check(NEURON, POINT, method="forward")


def test_a_correct_array_says_how_many_elements_were_looked_at() -> None:
    """All of a small one; 256 random ones of a large one."""
    for size, words in ((3, "all 3 elements"), (300, "256 of 300 elements, drawn at random")):
        V = params("V", shape=size)
        report = check(op.sum_(op.sin(V)), {"V": np.linspace(0.1, 1, size)})
        assert report.ok
        assert report["V"].detail.startswith(words)
