"""Finite differences against values by hand, and their error bars against JAX and mpmath."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from jax_oracle import jax_gradient
from mission_models import MODELS, chain
from random_costs import exact_point
from sampling import sampled
from steepest.checking.finite_differences import Differences, finite_difference, shrinking_steps
from steepest.errors import GradientError, ValuesError
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression, data, params
from strategies import random_cases

w = params("w")


# -- given steps -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "cost", "at", "step", "wanted"),
    [
        ("forward", w**2, 3.0, 0.5, 6.5),  # 2w + ε
        ("central", w**2, 3.0, 0.5, 6.0),
        ("complex", w**2, 3.0, 0.5, 6.0),
        ("forward", w**3, 2.0, 0.25, 13.5625),  # 3w² + 3wε + ε²
        ("central", w**3, 2.0, 0.25, 12.0625),  # 3w² + ε²
        ("complex", w**3, 2.0, 0.25, 11.9375),  # 3w² − ε²
        ("forward", 1 / w, 2.0, 2.0, -0.125),  # −1/(w(w + ε))
        ("central", 1 / w, 2.0, 1.0, -1 / 3),  # −1/(w² − ε²)
        ("complex", 1 / w, 2.0, 1.0, -0.2),  # −1/(w² + ε²)
        ("forward", op.absolute(w), 0.0, 0.5, 1.0),
        ("central", op.absolute(w), 0.0, 0.5, 0.0),
        ("complex", op.exp(w), 0.0, 1.0, math.sin(1)),
        ("central", op.exp(w), 0.0, 1.0, math.sinh(1)),
        ("forward", op.exp(w), 0.0, 1.0, math.e - 1),
    ],
)
def test_given_steps(scheme: str, cost: Expression, at: float, step: float, wanted: float) -> None:
    found = finite_difference(cost, {"w": at}, step=step, scheme=scheme)
    assert found["w"] == pytest.approx(wanted, rel=1e-14, abs=1e-15)
    assert found.steps["w"] == step
    assert math.isnan(found.errors["w"])


def test_forward_is_the_scheme_of_a_given_step_and_central_of_an_automatic_one() -> None:
    assert finite_difference(w**2, {"w": 3}, step=0.5)["w"] == 6.5
    automatic = finite_difference(w**3, {"w": 2.0})
    assert automatic["w"] == pytest.approx(12, rel=1e-12)


def test_line_a2_and_where_forward_differences_settle() -> None:
    """A2: C(w) = 6 (w − 2)², whose forward difference 12 (w − 2) + 6ε is 0 at w = 2 − ε/2."""
    cost, values = MODELS["A2 line"]()
    for at in (0.5, 3.0):
        found = finite_difference(cost, {**values, "w": at}, step=1e-3)
        assert found["w"] == pytest.approx(12 * (at - 2) + 6e-3, abs=1e-10)
    assert abs(finite_difference(cost, {**values, "w": 1.9995}, step=1e-3)["w"]) < 1e-10


def test_arrays_element_by_element() -> None:
    X, y = data("X", shape=2), data("y")
    W = params("W", shape=(2, 3))
    cost = op.mean((op.sum_(X @ W) - y) ** 2)
    values = {"X": np.array([[1.0, 2], [3, -1]]), "y": [1.0, 2], "W": np.arange(6.0).reshape(2, 3) / 4}
    found = finite_difference(cost, values, step=0.5, scheme="forward")
    residual = values["X"] @ values["W"].sum(axis=1) - np.array([1.0, 2])
    by_row = 2 * np.mean(residual[:, None] * values["X"], axis=0) + 0.5 * np.mean(values["X"] ** 2, axis=0)
    assert found["W"].shape == found.errors["W"].shape == found.steps["W"].shape == (2, 3)
    assert np.allclose(found["W"], np.repeat(by_row[:, None], 3, axis=1), rtol=1e-13, atol=0)
    automatic = finite_difference(cost, values, ["W"])
    exact = np.repeat(2 * np.mean(residual[:, None] * values["X"], axis=0)[:, None], 3, axis=1)
    assert np.max(np.abs(automatic["W"] - exact)) < 1e-11
    assert np.all(automatic.errors["W"] < 1e-10)


def test_only_the_names_asked_for() -> None:
    cost, values = chain(2)
    assert list(finite_difference(cost, values)) == ["w1", "b1", "w2", "b2"]
    assert list(finite_difference(cost, values, wrt=["b2", "w1"], step=1e-3)) == ["b2", "w1"]


def test_values_are_left_as_they_were() -> None:
    W = params("W", shape=2)
    values = {"W": np.array([1.0, 2.0])}
    for scheme in ("forward", "central", "complex"):
        finite_difference(op.sum_(W**2), values, scheme=scheme)
    assert values["W"].tolist() == [1.0, 2.0]


def test_single_precision() -> None:
    found = finite_difference(op.sin(w), {"w": 1.0}, step=0.5, scheme="forward", dtype="float32")
    assert abs(found["w"] - (math.sin(1.5) - math.sin(1)) / 0.5) < 1e-6
    assert found["w"] != finite_difference(op.sin(w), {"w": 1.0}, step=0.5)["w"]
    automatic = finite_difference(op.sin(w), {"w": 1.0}, dtype="float32")
    assert abs(automatic["w"] - math.cos(1)) <= 10 * automatic.errors["w"]
    assert 1e-9 < automatic.errors["w"] < 1e-4


# -- error bars ------------------------------------------------------------------------------------------------


ORACLE = 2e-15  # JAX's own round-off, for derivatives and parts of them of up to ten

CASES = random_cases(200, seed=11, without=("stop_gradient",))


@functools.cache
def exact_of(k: int) -> dict[str, np.ndarray]:
    """The derivatives of a case by JAX."""
    return jax_gradient(CASES[k].cost, CASES[k].values, CASES[k].rows)[1]


@functools.cache
def precise(k: int, name: str, index: tuple[int, ...]) -> float:
    """An element of the derivatives of a case with many digits, by mpmath; JAX's where there is no such number."""
    derivative = exact_point(CASES[k]).slopes(name, index).derivative
    return float(exact_of(k)[name][index]) if derivative is None else float(derivative)


def ratios(found: Differences, k: int) -> tuple[list[float], list[float]]:
    """True errors over error bars, and error bars over the size of the derivative (where that is not near 0).

    JAX's own round-off exceeds a narrow bar where terms of the derivative cancel: mpmath decides there.
    """
    truth, bars = [], []
    for name, wanted in exact_of(k).items():
        for index, right in np.ndenumerate(wanted):
            value, error = (float(np.asarray(array)[index]) for array in (found[name], found.errors[name]))
            gap = max(0.0, abs(value - right) - ORACLE)
            if gap > error:
                gap = max(0.0, abs(value - precise(k, name, index)) - ORACLE)
            truth.append(gap / error if error > 0 else math.inf if gap else 0.0)
            if abs(right) > 1e-8:
                bars.append(error / abs(right))
    return truth, bars


@pytest.mark.parametrize("scheme", ["central", "forward", "complex"])
@pytest.mark.parametrize("cases", sampled([20, len(CASES)], 2))
def test_error_bars_hold_for_random_formulas(cases: int, scheme: str) -> None:
    truth: list[float] = []
    bars: list[float] = []
    for k, case in enumerate(CASES[:cases]):
        some = ratios(finite_difference(case.cost, case.values, scheme=scheme), k)
        truth += some[0]
        bars += some[1]
    assert len(truth) > 4.5 * cases
    assert max(truth) <= 10
    assert np.mean(np.array(truth) <= 1) >= 0.99  # seen: all
    assert np.median(bars) < 1e-9
    assert np.quantile(bars, 0.95) < 1e-6


Truth = Callable[[Any], Any]
NASTY: list[tuple[Expression, Truth, list[float]]] = [
    (op.exp(30 * w), lambda w: 30 * mpmath.exp(30 * w), [0.1, 1, 5, -2]),
    (1e12 * op.sqrt(w), lambda w: 5e11 / mpmath.sqrt(w), [1, 0.01, 1e-6, 100]),
    (op.sin(100 * w), lambda w: 100 * mpmath.cos(100 * w), [0.1, 1, 3, 0.0157]),
    (op.sin(1e4 * w), lambda w: 1e4 * mpmath.cos(10_000 * w), [0.1, 1, 3, 0.0157]),
    (1e8 + w**2, lambda w: 2 * w, [0.1, 1, 3, 1e3]),
    (1 / (w - 0.2999), lambda w: -1 / (w - mpmath.mpf(0.2999)) ** 2, [0.3, 0.2998]),
    (1 / (w - 0.29999999), lambda w: -1 / (w - mpmath.mpf(0.29999999)) ** 2, [0.3]),
    (1e-300 * op.sin(w), lambda w: mpmath.mpf(1e-300) * mpmath.cos(w), [1, 2]),
    (1e300 * w * w, lambda w: 2 * mpmath.mpf(1e300) * w, [2, 100]),
    (op.sin(w) ** 2, lambda w: mpmath.sin(2 * w), [1e-300, 1e-9, 1e-5]),
    (op.exp(w) * w * w, lambda w: mpmath.exp(w) * (w * w + 2 * w), [1e-7, 1e-5]),
    (op.log(w), lambda w: 1 / w, [1e9, 1e-9, 1e200]),
    (w**20, lambda w: 20 * w**19, [1.5, 20]),
    (op.tanh(50 * w), lambda w: 50 / mpmath.cosh(50 * w) ** 2, [0.01, 0.3]),
    (op.exp(-(w**2) * 1e4), lambda w: -20_000 * w * mpmath.exp(-(w**2) * 10_000), [0.005, 0.02]),
    (op.relu(w - 1e-3) + w, lambda w: 1, [0.0]),
    (op.absolute(w - 0.01) + op.absolute(w + 0.01), lambda w: 0, [0.0]),
]


@pytest.mark.parametrize("row", NASTY, ids=[str(cost) for cost, _, _ in NASTY])
def test_error_bars_hold_for_nasty_costs(row: tuple[Expression, Truth, list[float]]) -> None:
    cost, derivative, points = row
    with mpmath.workdps(60):
        for at in points:
            exact = float(derivative(mpmath.mpf(at)))
            found = finite_difference(cost, {"w": at})
            assert abs(found["w"] - exact) <= 10 * found.errors["w"], at
            assert math.isfinite(found.errors["w"])


def test_error_bars_know_that_values_far_from_the_point_are_rounded_more() -> None:
    """The round-off at 1e-7 is 1e-30, but at a step of 0.1 it is that of 0.01."""
    found = finite_difference(op.exp(w) * w * w, {"w": 1e-7}, scheme="forward")
    assert abs(found["w"] - math.exp(1e-7) * (2e-7 + 1e-14)) <= 2 * found.errors["w"]


@pytest.mark.parametrize("at", [0.1, 1.0, 1.75])
def test_error_bars_hold_in_single_precision(at: float) -> None:
    for cost, derivative, _ in NASTY[:3]:
        with mpmath.workdps(60):
            exact = float(derivative(mpmath.mpf(float(np.float32(at)))))
        found = finite_difference(cost, {"w": at}, dtype="float32")
        assert abs(found["w"] - exact) <= 10 * found.errors["w"]
        assert found.errors["w"] < 0.01 * abs(exact)


def test_error_bars_are_wide_where_nothing_is_known() -> None:
    assert math.isnan(finite_difference(op.log(w), {"w": -1.0})["w"])
    assert math.isinf(finite_difference(op.log(w), {"w": -1.0}).errors["w"])
    hidden = finite_difference(1e20 + w, {"w": 1.0})
    assert abs(hidden["w"] - 1) <= hidden.errors["w"]
    assert hidden.errors["w"] > 1


def test_complex_steps_see_what_round_off_hides() -> None:
    found = finite_difference(1e8 + 1e-10 * op.sin(w), {"w": 1.0}, scheme="complex")
    assert found["w"] == pytest.approx(1e-10 * math.cos(1), rel=1e-14)
    assert found.errors["w"] < 1e-12 * found["w"]
    # The imaginary part of a cost as small as this would be below the smallest double: the bar says so.
    small = finite_difference(1e-300 * op.sin(w), {"w": 1.0}, scheme="complex")
    assert abs(small["w"] - 1e-300 * math.cos(1)) <= small.errors["w"] < 1e-250


# -- the derivative as a limit (A1) ------------------------------------------------------------------------------


def test_shrinking_steps_fall_in_proportion_until_round_off_takes_over() -> None:
    rows = shrinking_steps(op.exp(w), {"w": 1.0})
    assert [row.step for row in rows] == [10.0**-k for k in range(17)]
    for row in rows[1:6]:  # the error of a forward difference is ε C″/2
        assert row.error / row.step == pytest.approx(math.e / 2, rel=0.05)
    for earlier, later in itertools.pairwise(rows[1:7]):
        assert earlier.error / later.error == pytest.approx(10, rel=0.05)
    best = min(range(17), key=lambda k: rows[k].error)
    assert 7 <= best <= 9
    assert rows[13].error > 1e3 * rows[best].error
    assert rows[16].difference == 0  # 1 + 1e-16 is 1
    assert rows[16].error == pytest.approx(math.e, rel=1e-12)


def test_shrinking_steps_by_the_other_schemes() -> None:
    central = shrinking_steps(op.exp(w), {"w": 1.0}, scheme="central", steps=[1e-1, 1e-2, 1e-3])
    for earlier, later in itertools.pairwise(central):
        assert earlier.error / later.error == pytest.approx(100, rel=0.01)
    by_complex = shrinking_steps(op.exp(w), {"w": 1.0}, scheme="complex", steps=[1e-1, 1e-2, 1e-9, 1e-30])
    assert by_complex[0].error / by_complex[1].error == pytest.approx(100, rel=0.01)
    assert by_complex[2].error < 1e-15
    assert by_complex[3].error < 1e-15


def test_shrinking_steps_of_a_model() -> None:
    cost, values = chain(2)
    rows = shrinking_steps(cost, values, wrt="w1", steps=[1e-2, 1e-3])
    _, exact = jax_gradient(cost, {k: np.asarray(v, dtype=float) for k, v in values.items()}, 4)
    assert rows[1].difference - rows[1].error == pytest.approx(float(exact["w1"]), rel=1e-12) or (
        rows[1].difference + rows[1].error == pytest.approx(float(exact["w1"]), rel=1e-12)
    )
    assert rows[0].error / rows[1].error == pytest.approx(10, rel=0.1)


# -- errors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0, -1e-3, math.inf, math.nan, "small"])
def test_wrong_steps(step: Any) -> None:
    with pytest.raises(GradientError, match=r"a step is a positive number or 'auto', not"):
        finite_difference(w**2, {"w": 1.0}, step=step)


def test_wrong_schemes_names_and_costs() -> None:
    x = data("x")
    with pytest.raises(GradientError, match="there is no scheme 'middle'; choose forward, central, complex"):
        finite_difference(w**2, {"w": 1.0}, scheme="middle")
    with pytest.raises(GradientError, match="'weigth' is not a parameter of the cost; did you mean 'weight'"):
        finite_difference(params("weight") ** 2, {"weight": 1.0}, wrt=["weigth"])
    with pytest.raises(GradientError, match="'x' is not a parameter of the cost"):
        finite_difference(op.mean(x * w), {"x": [1.0], "w": 1.0}, wrt=["x"])
    with pytest.raises(GradientError, match="take the mean, total or sum"):
        finite_difference(x * w, {"x": [1.0], "w": 1.0})
    with pytest.raises(GradientError, match="take the mean, total or sum"):
        finite_difference(op.expand(w, attributes=(2,)), {"w": 1.0})
    with pytest.raises(ValuesError, match="no value given for the parameter 'w'"):
        finite_difference(w**2, {})
    with pytest.raises(GradientError, match="name the parameter to vary: wrt= one of w1, b1, w2, b2"):
        shrinking_steps(*chain(2))
    with pytest.raises(GradientError, match=r"'W' has the shape \(2,\); the experiment varies one number"):
        shrinking_steps(op.sum_(params("W", shape=2) ** 2), {"W": [1.0, 2.0]})
