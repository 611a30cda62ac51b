"""Public reports of wrong gradients and wrong checks: what the check says of each, and what the gradient is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steepest as st
from exact_slopes import Point, Slopes
from reported_checks import REPORTS, Reported

IDS = [f"{report.report}: {report.cost} given {str(report.given)[:40]}" for report in REPORTS]
EXACT = 1e-12  # relative
UNDERFLOW = 1e-150  # a derivative below this may be lost where a number of the cost is below the smallest double


def point(report: Reported) -> dict[str, Any]:
    return {name: np.asarray(value, float) for name, value in report.values.items()}


def slopes(report: Reported) -> dict[tuple[int, ...], Slopes]:
    """The true slopes by each element."""
    exact = Point(report.expression(report.cost), point(report), report.rows)
    return {index: exact.slopes(report.name, index) for index in np.ndindex(report.shapes.get(report.name, ()))}


def given(report: Reported) -> np.ndarray:
    """The partial derivative in question, as numbers."""
    shape = report.shapes.get(report.name, ())
    if report.given is None:
        return np.asarray(st.evaluate(st.gradient(report.expression(report.cost)), report.values)[report.name])
    if isinstance(report.given, str):
        return np.broadcast_to(st.evaluate(report.expression(report.given), report.values), shape)
    return np.broadcast_to(np.asarray(report.given, float), shape)


def test_there_are_enough_reports() -> None:
    assert len({report.report for report in REPORTS}) >= 50
    assert all(report.address.startswith("https://github.com/") for report in REPORTS)


@pytest.mark.parametrize("report", REPORTS, ids=IDS)
def test_the_verdicts_follow_from_the_true_slopes(report: Reported) -> None:
    """The data of this file against many digits: the library's check has no part in it."""
    numbers, verdicts = given(report), set()
    for index, slope in slopes(report).items():
        number = float(numbers[index])
        if slope.kink:
            low, high = slope.kink
            verdicts.add("kink" if low <= number <= high else "wrong")
        else:
            assert slope.derivative is not None
            true = float(slope.derivative)
            verdicts.add("correct" if abs(number - true) <= EXACT * abs(true) else "wrong")
            assert abs(number - true) <= EXACT * abs(true) or not abs(number - true) < 1e-4 * abs(true)
    assert report.verdict == ("wrong" if "wrong" in verdicts else "kink" if "kink" in verdicts else "correct")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("report", REPORTS, ids=IDS)
def test_the_check_says_what_is_right(report: Reported) -> None:
    cost = report.expression(report.cost)
    partials: dict[str, Any] = dict.fromkeys(cost.parameters, 0.0)
    if report.given is None:
        partials = dict(st.gradient(cost))
    elif isinstance(report.given, str):
        partials[report.name] = report.expression(report.given)
    else:
        partials[report.name] = report.given
    verdict = st.check(cost, report.values, gradient=partials, wrt=[report.name])[report.name]
    expected = {report.verdict, "wrong by a factor"} if report.verdict == "wrong" else {report.verdict}
    assert verdict.verdict in expected, (report.address, str(verdict))


POINTS = {f"{report.cost} by {report.name} at {report.values}": report for report in REPORTS}
SMOOTH = {name: report for name, report in POINTS.items() if report.verdict != "kink" and report.derived}
CORNERS = {name: report for name, report in POINTS.items() if report.verdict == "kink"}


def derived(report: Reported) -> np.ndarray:
    """The partial derivative that steepest derives."""
    cost = report.expression(report.cost)
    return np.asarray(st.evaluate({**st.gradient(cost), "the cost": cost}, report.values)[report.name])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("report", SMOOTH.values(), ids=list(SMOOTH))
def test_the_gradient_is_the_true_one(report: Reported) -> None:
    numbers = derived(report)
    for index, slope in slopes(report).items():
        if slope.derivative is not None:
            true = float(slope.derivative)
            assert abs(numbers[index] - true) <= max(EXACT * abs(true), UNDERFLOW), (report.address, true)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("report", CORNERS.values(), ids=list(CORNERS))
def test_at_a_kink_the_gradient_lies_between_the_slopes(report: Reported) -> None:
    """NaN is not between them: a descent that meets a kink goes on."""
    numbers = derived(report)
    for index, slope in slopes(report).items():
        assert slope.kink is not None
        assert slope.kink[0] <= numbers[index] <= slope.kink[1], report.address
