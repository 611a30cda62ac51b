"""Standard errors of a model with standardised columns in the units of the table, as statsmodels has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm

import steepest as st

_rng = np.random.default_rng(0)
ROWS = 50
X, Z = _rng.normal(1e4, 1e3, ROWS), _rng.normal(-2, 0.01, ROWS)
TABLE = {"x": X, "z": Z, "y": 5e6 + 3 * X - 7e5 * Z + _rng.normal(0, 300, ROWS)}
TABLE["label"] = (TABLE["y"] + 800 * _rng.standard_normal(ROWS) > np.median(TABLE["y"])).astype(float)
NEW = {"x": np.array([8e3, 1.3e4]), "z": np.array([-2.02, -1.99])}
DESIGN = np.c_[X, Z, np.ones(ROWS)]


def fitted(formula: str, cost: str = "mse", **settings: Any) -> st.Model:
    return st.Model(formula, cost, scale="standard").fit(TABLE, **settings)


@pytest.mark.parametrize("formula", ["y ~ a*x + b*z + c", "y ~ a*x - b*z + c"])
def test_least_squares(formula: str) -> None:
    plain = fitted(formula).unscaled()
    theirs = sm.OLS(TABLE["y"], DESIGN * [1, -1 if "-" in formula else 1, 1]).fit()
    errors = plain.parameter_errors
    assert errors.labels == ("a", "b", "c")
    np.testing.assert_allclose([plain.params[name] for name in "abc"], theirs.params, rtol=1e-7)
    np.testing.assert_allclose(errors.covariance, theirs.cov_params(), rtol=1e-6)
    assert errors.standard_errors == pytest.approx(dict(zip("abc", theirs.bse, strict=True)), rel=1e-6)
    bands = theirs.get_prediction(np.c_[NEW["x"], NEW["z"] * (-1 if "-" in formula else 1), np.ones(2)]).conf_int(
        obs=True
    )
    np.testing.assert_allclose(np.transpose(plain.bands(NEW).interval), bands, rtol=1e-8)


def test_blocks_of_columns_and_a_likelihood() -> None:
    model = st.Model("label ~ sigmoid(X@w + b)", "cross_entropy", params={"w": (2,)}, scale="standard")
    table = {"X": DESIGN[:, :2], "label": TABLE["label"]}
    plain = model.fit(table).unscaled()
    estimates = np.array([*plain.params["w"], plain.params["b"]])
    theirs = np.linalg.inv(-sm.Logit(TABLE["label"], DESIGN).hessian(estimates))
    assert plain.parameter_errors.labels == ("w[0]", "w[1]", "b")
    np.testing.assert_allclose(plain.parameter_errors.covariance, theirs, rtol=1e-4)


def test_parameters_that_kept_a_number_have_errors_in_other_units() -> None:
    """The bias of standardised columns is 0; in the units of the table it depends on the slopes."""
    plain = fitted("y ~ a*x + b*z + c", fixed={"c": 0.0}).unscaled()
    centred = np.c_[X - X.mean(), Z - Z.mean()]
    theirs = sm.OLS(TABLE["y"] - TABLE["y"].mean(), centred).fit()
    errors = plain.parameter_errors.standard_errors
    assert (errors["a"], errors["b"]) == pytest.approx(tuple(theirs.bse), rel=1e-6)
    means = np.array([X.mean(), Z.mean()])
    assert errors["c"] == pytest.approx(np.sqrt(means @ theirs.cov_params() @ means), rel=1e-6)


def test_errors_are_saved_and_uncertainty_is_computed_from_a_table(tmp_path: Path) -> None:
    plain = fitted("y ~ a*x + b*z + c").unscaled()
    plain.save(tmp_path / "m.safetensors")
    loaded = st.load(tmp_path / "m.safetensors")
    assert loaded.parameter_errors.standard_errors == plain.parameter_errors.standard_errors
    again = plain.uncertainty(TABLE).standard_errors
    assert {name: float(value) for name, value in again.items()} == pytest.approx(
        plain.parameter_errors.standard_errors, rel=1e-6
    )


def test_a_refusal_is_kept_and_ties_of_standardised_columns_are_not() -> None:
    plain = st.Model("y ~ a*x + b*z + c", l2=0.1, scale="standard").fit(TABLE).unscaled()
    assert "the penalty l2" in (plain.parameter_errors.refusal or "")
    with pytest.raises(st.errors.InferenceError, match="the penalty l2"):
        _ = plain.parameter_errors.standard_errors
    tied = fitted("y ~ a*x + b*z + c", tied={"b": "2*a"}).unscaled()
    assert not tied.tied
    errors = tied.parameter_errors.standard_errors
    assert errors["b"] / errors["a"] == pytest.approx(2 * X.std() / Z.std())
