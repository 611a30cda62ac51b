"""The support data of NIST: the models with the certified parameters give the certified residual sums of squares."""

from __future__ import annotations

import pytest

from nist import LINEAR, NONLINEAR, Problem
from steepest import Model, evaluate

COMPUTED = [name for name in NONLINEAR if name not in ("Lanczos1", "Roszman1")]
"""Of Lanczos1 the sum, 1.4e-25, is below what eleven digits of its parameters give; Roszman1 needs arctan."""

PRINTED = {  # NIST's certified coefficient and standard deviation
    ("Norris", "b0"): (-0.262323073774029, 0.232818234301152),
    ("Norris", "b1"): (1.00211681802045, 0.429796848199937e-3),
    ("Longley", "b0"): (-3482258.63459582, 890420.383607373),
    ("Filip", "b0"): (-1467.48961422980, 298.084530995537),
    ("Wampler4", "b5"): (1.0, 11.2324854679312),
}


def _sum_of_squares(problem: Problem) -> float:
    model = Model(problem.formula, data=list(problem.columns))
    assert sorted(model.cost.parameters) == sorted(problem.certified) == sorted(problem.starts[0])
    samples = model.samples(problem.columns)
    return samples.rows * float(evaluate(model.cost, {**samples.arrays, **problem.certified}))


@pytest.mark.parametrize("name", COMPUTED)
def test_nonlinear_models_have_the_certified_sums(name: str) -> None:
    problem = NONLINEAR[name]
    assert _sum_of_squares(problem) == pytest.approx(problem.residual_sum, rel=2e-10)


@pytest.mark.parametrize(("name", "parameter"), PRINTED)
def test_exact_linear_solutions_are_those_that_nist_prints(name: str, parameter: str) -> None:
    coefficient, deviation = PRINTED[name, parameter]
    assert LINEAR[name].certified[parameter] == pytest.approx(coefficient, rel=1e-14)
    assert LINEAR[name].deviations[parameter] == pytest.approx(deviation, rel=1e-14)


def test_linear_models_have_the_exact_sums() -> None:
    names = ("Norris", "NoInt1", "NoInt2", "Wampler3", "Wampler4")  # the others cancel too many digits
    for name in names:
        assert _sum_of_squares(LINEAR[name]) == pytest.approx(LINEAR[name].residual_sum, rel=1e-11)


def test_all_sets_are_there() -> None:
    assert (len(NONLINEAR), len(LINEAR)) == (27, 11)
    assert all(len(problem.starts) == 2 for problem in NONLINEAR.values())
    assert NONLINEAR["Roszman1"].certified["b4"] == -181.34269537
