"""Standard errors of NIST's reference sets, against their certified standard deviations."""

from __future__ import annotations

import math

import pytest

from exact_fits import fit
from nist import LINEAR, NONLINEAR, Problem
from steepest.inference import Uncertainty

DIGITS = {"Lanczos1": 3, "Filip": 7}
"""Digits of the deviations; 6 for the others. The residuals of Lanczos1 are 1e-13 for targets of 2.5, known to three
digits in float64. Filip is linear, with a condition number of 1e15."""

SETS = {**{name: NONLINEAR[name] for name in NONLINEAR if name != "Roszman1"}, **LINEAR}
PERFECT = ("Wampler1", "Wampler2")


def _uncertainty(problem: Problem) -> Uncertainty:
    return fit(problem.formula, problem.columns, problem.starts[-1]).uncertainty()


def _digits(found: float, true: float) -> float:
    return -math.log10(abs(found / true - 1) or 1e-16)


@pytest.mark.parametrize("name", [name for name in SETS if name not in PERFECT])
def test_standard_errors_are_the_certified_deviations(name: str) -> None:
    problem, found = SETS[name], _uncertainty(SETS[name])
    assert found.refusal is None
    assert found.notes == []
    wanted = DIGITS.get(name, 6)
    for parameter, deviation in problem.deviations.items():
        assert _digits(found.standard_errors[parameter], deviation) >= wanted, parameter
        away = abs(float(found.fitted.params[parameter]) - problem.certified[parameter])
        assert away <= max(1e-5 * deviation, 1e-9 * abs(problem.certified[parameter])), parameter
    if name != "Lanczos1":  # 1.4e-25
        # Filip's terms cancel to residuals of 1e-3, of which rounding leaves eight digits at any parameters.
        near = 1e-7 if name == "Filip" else 2e-8
        assert found.residual_sum == pytest.approx(problem.residual_sum, rel=near)
        freedom = len(problem.columns["y"]) - len(problem.certified)
        assert found.degrees_of_freedom == freedom
        assert found.residual_sd == pytest.approx(math.sqrt(problem.residual_sum / freedom), rel=near / 2)


@pytest.mark.parametrize("name", PERFECT)
def test_perfect_fits_have_no_scatter(name: str) -> None:
    found = _uncertainty(LINEAR[name])
    assert found.residual_sd == 0
    assert found.standard_errors == LINEAR[name].deviations  # NIST: 0
    assert found.r_squared == 1
    assert found.log_likelihood == math.inf
    estimates = found.fitted.params
    assert found.intervals(method="profile") == {key: (value, value) for key, value in estimates.items()}


R_SQUARED = {  # certified by NIST
    "Norris": 0.999993745883712,
    "Pontius": 0.999999900178537,
    "NoInt1": 0.999365492298663,
    "NoInt2": 0.993348115299335,
    "Filip": 0.996727416185620,
    "Longley": 0.995479004577296,
    "Wampler3": 0.999995559025820,
    "Wampler4": 0.957478440825662,
    "Wampler5": 0.00224668921574940,
}


@pytest.mark.parametrize("name", R_SQUARED)
def test_r_squared_is_the_certified_one(name: str) -> None:
    assert _uncertainty(LINEAR[name]).r_squared == pytest.approx(R_SQUARED[name], rel=2e-10)
