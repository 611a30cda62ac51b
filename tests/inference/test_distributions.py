"""Quantiles of the normal distribution and of Student's t, against SciPy."""

from __future__ import annotations

import pytest
from scipy import stats

from steepest.errors import InferenceError
from steepest.inference.distributions import normal_quantile, t_quantile

LEVELS = [1e-6, 0.1, 0.5, 0.6826894921370859, 0.9, 0.95, 0.99, 0.9999, 1 - 1e-12]
FREEDOMS = [0.3, 1, 1.5, 2, 3, 7, 30, 250.5, 19_999, 20_000, 1e7]


@pytest.mark.parametrize("level", LEVELS)
def test_normal_quantiles(level: float) -> None:
    assert normal_quantile(level) == pytest.approx(
        stats.norm.isf((1 - level) / 2), rel=1e-10 if level < 1e-3 else 1e-13
    )


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("level", LEVELS[1:])
def test_quantiles_of_student(level: float, freedom: float) -> None:
    assert t_quantile(level, freedom) == pytest.approx(stats.t.isf((1 - level) / 2, freedom), rel=1e-12)


def test_quantiles_of_student_meet_the_normal_ones() -> None:
    assert t_quantile(0.95, float("inf")) == normal_quantile(0.95)
    assert t_quantile(0.95, 1e12) == pytest.approx(normal_quantile(0.95), rel=1e-11)


@pytest.mark.parametrize("level", [0, 1, -0.1, 95, float("nan"), "0.95"])
def test_levels_are_between_0_and_1(level: float) -> None:
    with pytest.raises(InferenceError, match=r"between 0 and 1, such as 0\.95"):
        t_quantile(level, 5)


def test_degrees_of_freedom_are_positive() -> None:
    with pytest.raises(InferenceError, match="positive number of degrees of freedom, not 0"):
        t_quantile(0.95, 0)
