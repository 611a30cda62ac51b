"""Covariances, intervals and statistics, against statsmodels: OLS, WLS, logit, Poisson, multinomial, sandwiches."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm

from exact_fits import Fit, fit
from steepest.errors import InferenceError

RNG = np.random.default_rng(11)
N = 60
X, Z = RNG.normal(size=N), RNG.uniform(-1, 2, N)
DESIGN = np.column_stack([np.ones(N), X, Z])
SIGMA = RNG.uniform(0.3, 3, N)
Y = 1.5 + 2 * X - 0.7 * Z + SIGMA * RNG.normal(size=N)
TABLE = {"x": X, "z": Z, "y": Y, "w": 1 / SIGMA**2}
START = {"a": 0.0, "b": 0.0, "c": 0.0}
BINARY = (RNG.random(N) < 1 / (1 + np.exp(-0.3 - X + 0.5 * Z))).astype(float)
COUNTS = RNG.poisson(np.exp(0.4 + 0.5 * X - 0.3 * Z)).astype(float)
TIMES = RNG.integers(0, 4, N).astype(float)
TIMES[:5] = [3, 1, 2, 1, 3]
RTOL = 1e-9


def linear(weights: str | None = None) -> Fit:
    table = TABLE if weights else {name: TABLE[name] for name in "xzy"}
    return fit("y ~ a + b*x + c*z", table, START, weights=weights)


def generalised(cost: str, weights: bool = False) -> Fit:
    link, target = ("sigmoid", BINARY) if cost == "cross_entropy" else ("exp", COUNTS)
    table = {"x": X, "z": Z, "y": target} | ({"f": TIMES} if weights else {})
    return fit(f"y ~ {link}(a + b*x + c*z)", table, START, cost, weights="f" if weights else None)


def generalised_truth(cost: str, weights: Any = None) -> Any:
    family = sm.families.Binomial() if cost == "cross_entropy" else sm.families.Poisson()
    target = BINARY if cost == "cross_entropy" else COUNTS
    return sm.GLM(target, DESIGN, family=family, freq_weights=weights)


def agree(found: Any, true: Any, rtol: float = RTOL) -> None:
    scale = np.sqrt(np.outer(np.diag(true.cov_params()), np.diag(true.cov_params())))
    np.testing.assert_allclose(found.fitted.estimate, true.params, rtol=1e-7)
    np.testing.assert_allclose(found.covariance / scale, true.cov_params() / scale, rtol=0, atol=rtol)
    np.testing.assert_allclose(found.errors, true.bse, rtol=rtol)
    ends = found.intervals(0.9)
    np.testing.assert_allclose([ends[name] for name in found.labels], true.conf_int(0.1), rtol=1e-6)


@pytest.mark.parametrize("weights", [None, "w"])
def test_linear_least_squares(weights: str | None) -> None:
    found = linear(weights).uncertainty()
    true = sm.WLS(Y, DESIGN, TABLE["w"]).fit() if weights else sm.OLS(Y, DESIGN).fit()
    agree(found, true)
    assert found.labels == ["a", "b", "c"]
    assert found.observations == true.nobs
    assert found.degrees_of_freedom == true.df_resid
    assert found.residual_sum == pytest.approx(true.ssr, rel=RTOL)
    assert found.residual_sd == pytest.approx(math.sqrt(true.scale), rel=RTOL)
    assert found.r_squared == pytest.approx(true.rsquared, rel=RTOL)
    assert found.adjusted_r_squared == pytest.approx(true.rsquared_adj, rel=RTOL)
    assert found.log_likelihood == pytest.approx(true.llf, rel=RTOL)
    assert found.aic == pytest.approx(true.aic, rel=RTOL)
    assert found.bic == pytest.approx(true.bic, rel=RTOL)
    sizes = np.sqrt(np.diag(true.cov_params()))
    np.testing.assert_allclose(found.correlation, true.cov_params() / np.outer(sizes, sizes), rtol=1e-9, atol=1e-9)


def test_without_a_constant_r_squared_is_about_0() -> None:
    found = fit("y ~ b*x + c*z", {name: TABLE[name] for name in "xzy"}, {"b": 0.0, "c": 0.0}).uncertainty()
    true = sm.OLS(Y, DESIGN[:, 1:]).fit()
    assert found.r_squared == pytest.approx(true.rsquared, rel=RTOL)
    assert found.adjusted_r_squared == pytest.approx(true.rsquared_adj, rel=RTOL)


def test_a_constant_may_be_hidden_in_the_columns() -> None:
    table = {"x": X, "y": Y, "u": 1 - 3 * X}
    found = fit("y ~ b*x + c*u", table, {"b": 0.0, "c": 0.0}).uncertainty()
    true = sm.OLS(Y, np.column_stack([X, table["u"]])).fit(hasconst=True)
    agree(found, true)
    assert found.r_squared == pytest.approx(1 - true.ssr / np.sum((Y - Y.mean()) ** 2), rel=RTOL)


def test_rows_of_weight_0_are_no_observations() -> None:
    weights = np.where(np.arange(N) < 9, 0.0, TABLE["w"])
    found = fit("y ~ a + b*x + c*z", {**TABLE, "w": weights}, START, weights="w").uncertainty()
    true = sm.WLS(Y[9:], DESIGN[9:], weights[9:]).fit()
    agree(found, true)
    assert found.log_likelihood == pytest.approx(true.llf, rel=RTOL)
    assert found.bic == pytest.approx(true.bic, rel=RTOL)


@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC3"])
@pytest.mark.parametrize("weights", [None, "w"])
def test_sandwiches_of_least_squares(kind: str, weights: str | None) -> None:
    found = linear(weights).uncertainty(robust=kind)
    model = sm.WLS(Y, DESIGN, TABLE["w"]) if weights else sm.OLS(Y, DESIGN)
    agree(found, model.fit(cov_type=kind, use_t=True))


@pytest.mark.parametrize("cost", ["cross_entropy", "poisson"])
def test_likelihoods(cost: str) -> None:
    found, true = generalised(cost).uncertainty(), generalised_truth(cost).fit(tol=1e-14)
    agree(found, true, rtol=1e-8)
    assert found.method == "z"
    assert found.log_likelihood == pytest.approx(true.llf, rel=RTOL)
    assert found.aic == pytest.approx(true.aic, rel=RTOL)
    assert found.bic == pytest.approx(true.bic_llf, rel=RTOL)
    assert found.degrees_of_freedom == true.df_resid


@pytest.mark.parametrize("cost", ["cross_entropy", "poisson"])
def test_weights_of_likelihoods_are_frequencies(cost: str) -> None:
    found, true = generalised(cost, weights=True).uncertainty(), generalised_truth(cost, TIMES).fit(tol=1e-14)
    agree(found, true, rtol=1e-8)
    assert found.observations == TIMES.sum()
    assert found.log_likelihood == pytest.approx(true.llf, rel=RTOL)
    assert found.bic == pytest.approx(true.bic_llf, rel=RTOL)


@pytest.mark.parametrize("cost", ["cross_entropy", "poisson"])
def test_sandwiches_of_likelihoods(cost: str) -> None:
    found, true = generalised(cost), generalised_truth(cost).fit(tol=1e-14, cov_type="HC0")
    agree(found.uncertainty(robust="HC0"), true, rtol=1e-8)
    corrected = found.uncertainty(robust="HC1").covariance  # which statsmodels does not do for its GLM
    np.testing.assert_allclose(corrected, N / (N - 3) * true.cov_params(), rtol=1e-6)


@pytest.mark.parametrize("cost", ["cross_entropy", "poisson"])
def test_a_sandwich_counts_a_row_as_often_as_its_weight_says(cost: str) -> None:
    times = TIMES.astype(int)
    target = BINARY if cost == "cross_entropy" else COUNTS
    family = sm.families.Binomial() if cost == "cross_entropy" else sm.families.Poisson()
    true = sm.GLM(np.repeat(target, times), np.repeat(DESIGN, times, axis=0), family=family)
    agree(generalised(cost, weights=True).uncertainty(robust="HC0"), true.fit(tol=1e-14, cov_type="HC0"), rtol=1e-8)


def test_observed_information_of_a_link_that_is_not_canonical() -> None:
    formula = "y ~ (a + b*x + c*z)^2"  # the square root as the link of counts: observed and expected differ
    found = fit(formula, {"x": X, "z": Z, "y": COUNTS}, {"a": 1.3, "b": 0.3, "c": -0.2}, "poisson").uncertainty()
    link = sm.families.links.Sqrt()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sm.GLM(COUNTS, DESIGN, family=sm.families.Poisson(link=link))
        true = model.fit(start_params=found.fitted.estimate, method="newton", tol=1e-14)
    inverse = np.linalg.inv(-model.hessian(found.fitted.estimate, observed=True))
    np.testing.assert_allclose(found.covariance, inverse, rtol=1e-8)
    expected = np.linalg.inv(-model.hessian(found.fitted.estimate, observed=False))
    assert np.abs(found.covariance / expected - 1).max() > 1e-2
    assert found.log_likelihood == pytest.approx(true.llf, rel=1e-9)


def test_classes_of_a_softmax_against_the_first() -> None:
    classes = RNG.integers(0, 3, N).astype(float)
    table = {"x": X, "y": classes}
    start = {"u": 0.0, "v": 0.0, "p": 0.0, "q": 0.0}
    # Class 0 has the logit 0, classes 1 and 2 their own: columns of constants place them.
    blocks = {"E": np.tile([0.0, 1, 0], (N, 1)), "F": np.tile([0.0, 0, 1], (N, 1))}
    found = fit("y ~ softmax(E*(u + v*x) + F*(p + q*x))", {**table, **blocks}, start, "cross_entropy").uncertainty()
    true = sm.MNLogit(classes, sm.add_constant(X)).fit(disp=False, method="newton", tol=1e-14)
    order = [found.labels.index(name) for name in "uvpq"]
    np.testing.assert_allclose(found.errors[order], np.ravel(true.bse, order="F"), rtol=1e-8)
    assert found.log_likelihood == pytest.approx(true.llf, rel=RTOL)


def test_several_outputs_share_their_variance() -> None:
    targets = np.column_stack([Y, 0.5 * Y + X])
    found = fit(
        "Y ~ x*b + c", {"x": X, "Y": targets}, {"b": np.zeros(2), "c": np.zeros(2)}, params={"b": 2, "c": 2}
    ).uncertainty()
    each = [sm.OLS(column, sm.add_constant(X)).fit() for column in targets.T]
    pooled = sum(one.ssr for one in each) / (2 * N - 4)
    wanted = np.sqrt(np.diag(each[0].normalized_cov_params) * pooled)
    np.testing.assert_allclose(found.standard_errors["c"], wanted[[0, 0]], rtol=RTOL)
    np.testing.assert_allclose(found.standard_errors["b"], wanted[[1, 1]], rtol=RTOL)
    assert found.labels == ["b[0]", "b[1]", "c[0]", "c[1]"]
    whole = sum(one.centered_tss for one in each)
    assert found.r_squared == pytest.approx(1 - sum(one.ssr for one in each) / whole, rel=RTOL)


def test_options_that_do_not_apply() -> None:
    logit = generalised("cross_entropy")
    with pytest.raises(InferenceError, match="HC3 is defined for least squares"):
        logit.uncertainty(robust="HC3")
    with pytest.raises(InferenceError, match="weights of a likelihood are frequencies"):
        logit.uncertainty(absolute_sigma=True)
    with pytest.raises(InferenceError, match="robust is one of HC0, HC1, HC3, not 'HC9'"):
        logit.uncertainty(robust="HC9")
    with pytest.raises(InferenceError, match="method is one of t, z, profile, not 'wald'"):
        logit.uncertainty().intervals(method="wald")
    with pytest.raises(InferenceError, match="statistic is one of least squares, but the cost is cross-entropy"):
        _ = logit.uncertainty().residual_sd
    with pytest.raises(InferenceError, match="follows the likelihood, not the sandwich"):
        logit.uncertainty(robust="HC0").intervals(method="profile")
