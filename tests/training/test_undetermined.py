"""Parameters that the data do not determine: the advice names the column, and following it helps."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import steepest as st

NOISE = np.random.default_rng(0).standard_normal(20)
TABLE = {"x": np.full(20, 3.0), "t": np.linspace(0, 1, 20), "zero": np.zeros(20), "y": NOISE, "c": 1.0 * (NOISE > 0)}
SAME = "the column 'x' has the same value in every row"


def fit(formula: str, cost: str = "mse", scale: str | None = None, **settings: Any) -> st.Descent:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = st.Model(formula, cost, scale=scale).fit(TABLE, **settings).run
    assert run is not None
    return run


@pytest.mark.parametrize("settings", [{}, {"rate": 0.01}])
def test_a_constant_column_with_an_intercept_is_named(settings: dict[str, Any]) -> None:
    run = fit("y ~ a*x + b", **settings)
    assert run.warnings[0].startswith("the parameters a and b are not determined")
    assert f"{SAME}; fix one, or leave a term out" in run.warnings[0]
    assert not fit("y ~ a*x + b", fixed={"a": 0.0}, **settings).warnings  # the advice helps
    assert "same value" not in str(fit("y ~ a*x + b*t", **settings).warnings)


def test_a_standardised_constant_column_is_named_and_no_other_start_is_advised() -> None:
    run = fit("y ~ a*x + b*t + c", scale="standard")
    assert run.reason == "plateau"
    assert f"a has no effect there, so that no step changes it; {SAME}; leave the term out" in run.message
    assert "another start" not in run.message
    assert fit("y ~ b*t + c", scale="standard").reason == "converged"


def test_where_another_start_helps_that_is_still_the_advice() -> None:
    """The unit is saturated at this start only, although a column is constant."""
    run = fit("y ~ a*sigmoid(k*t - 900) + b*x", start={"a": 1.0, "k": 1.0, "b": 0.0}, rate=0.01)
    assert run.message.endswith("a and k have no effect there, so that no step changes them; choose another start")
    far = fit("y ~ a*exp(-k*(t + 1)) + b*x", start={"a": 1.0, "k": 900.0, "b": 0.0}, rate=0.01, epochs=3000)
    assert far.message.endswith("a and k have no effect there, so that no step changes them; choose another start")


def test_a_column_of_zeros_in_a_classifier_is_no_sign_of_separated_classes() -> None:
    run = fit("c ~ sigmoid(a*t + b*zero + d)", "cross_entropy")
    assert (run.reason, "separated" in str(run.warnings)) == ("converged", False)
    assert "b has no effect: the column 'zero' has the same value in every row" in run.warnings[0]
    separated = fit("c ~ sigmoid(a*y + b)", "cross_entropy")
    assert "same value" not in str(separated.warnings)


def test_a_prediction_from_constant_columns_alone_is_not_tried_from_other_starts() -> None:
    run = fit("y ~ a*exp(-k*x) + b")
    assert f"no better than the mean of the target (R² = 0); {SAME}, so that it cannot be better" in run.warnings[-1]
    assert "24 others" not in str(run.warnings)


def test_a_refusal_of_standard_errors_names_the_constant_column() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = st.Model("c ~ sigmoid(a*x + b)", "cross_entropy").fit(TABLE)
    assert model.run is not None
    assert f"'a', 'b' are not determined, as they can change together without changing the cost, and {SAME}; fix" in (
        model.run.uncertainty().refusal
    )
