"""Fits of NIST's reference datasets with default settings reach the certified values, and say so."""

from __future__ import annotations

import math

import pytest

import steepest as st
from nist import LINEAR, NONLINEAR, Problem

NONLINEAR_DIGITS, LINEAR_DIGITS = 6, {"Filip": 7, "Longley": 10, "Wampler4": 7, "Wampler5": 7}


def digits(run: st.Descent, problem: Problem) -> float:
    """Return the right digits of the parameter with the fewest, 11 at most as there are no more certified ones."""
    errors = [abs(float(run.params[name]) - value) / abs(value or 1.0) for name, value in problem.certified.items()]
    return -math.log10(max(max(errors), 1e-11))


@pytest.mark.parametrize("start", [0, 1], ids=["start 1", "start 2"])
@pytest.mark.parametrize("name", NONLINEAR)
def test_nonlinear(name: str, start: int) -> None:
    problem = NONLINEAR[name]
    run = st.Model(problem.formula).fit(problem.columns, start=problem.starts[start]).run
    assert run is not None
    assert run.reason == "converged"
    assert digits(run, problem) >= NONLINEAR_DIGITS
    assert run.optimiser == "lm (Levenberg–Marquardt), as the cost is a sum of squares"
    assert bool(run.warnings) == ((name, start) == ("BoxBOD", 0))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", LINEAR)
def test_linear(name: str, seed: int) -> None:
    """Without a start: the parameters are drawn from the seed."""
    problem = LINEAR[name]
    run = st.Model(problem.formula).fit(problem.columns, seed=seed).run
    assert run is not None
    assert run.reason == "converged"
    assert digits(run, problem) >= LINEAR_DIGITS.get(name, 9)
    assert not run.warnings


@pytest.mark.parametrize("name", ["Longley", "Pontius", "Norris"])
def test_a_search_that_stops_early_is_not_called_converged(name: str) -> None:
    """L-BFGS on unscaled columns: its end is judged by the Newton decrement, wherever it stops."""
    problem = LINEAR[name]
    run = st.Model(problem.formula).fit(problem.columns, optimiser="lbfgs").run
    assert run is not None
    exact = problem.residual_sum / len(problem.columns["y"])
    excess = (run.cost - exact) / run.cost
    assert (run.reason == "converged") == (excess <= 1e-9)
    if run.reason != "converged":
        assert run.newton_decrement == pytest.approx(excess, rel=1e-3)


def test_a_saturated_start_is_rescued_and_says_so() -> None:
    problem = NONLINEAR["BoxBOD"]
    run = st.Model(problem.formula).fit(problem.columns, start=problem.starts[0]).run
    assert run is not None
    (said,) = run.warnings
    assert said.startswith("from the given start the fit did not converge (")
    assert said.endswith("this is the best of 24 others")
    alone = st.Model(problem.formula).fit(problem.columns, start=problem.starts[0], restarts=None, memory=None,
                                          optimiser="lm", on_epoch=lambda moment: None).run  # fmt: skip
    assert alone is not None
    assert alone.reason != "converged"
