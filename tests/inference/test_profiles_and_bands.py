"""Ends of profiles that do not exist, curves, bands and reports, against statsmodels, SciPy and closed forms."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, special, stats

from exact_fits import fit
from nist import LINEAR, NONLINEAR
from peer_models import LIKELIHOODS, SQUARES
from steepest.errors import InferenceError, ValuesError
from steepest.inference import Uncertainty

RNG = np.random.default_rng(5)
X = RNG.uniform(0, 4, 25)
Y = 1 + 0.5 * X + 0.4 * RNG.normal(size=25)
NEW = np.array([-1.0, 0.0, 2.5, 7.0])


def line(**options: Any) -> Uncertainty:
    return fit("y ~ a + b*x", {"x": X, "y": Y}, {"a": 0.0, "b": 0.0}).uncertainty(**options)


def misra() -> Uncertainty:
    problem = NONLINEAR["Misra1a"]
    return fit(problem.formula, problem.columns, problem.starts[1]).uncertainty()


@pytest.mark.parametrize("name", ["Norris", "Longley", "Filip", "Wampler4"])
def test_profiles_of_linear_models_are_their_t_intervals(name: str) -> None:
    problem = LINEAR[name]
    found = fit(problem.formula, problem.columns, problem.starts[0]).uncertainty()
    straight, profiles = found.intervals(0.95, "t"), found.intervals(0.95, "profile")
    for word in problem.certified:
        error = problem.deviations[word]
        np.testing.assert_allclose(
            np.array(profiles[word]) / error, np.array(straight[word]) / error, rtol=0, atol=1e-6
        )


def test_ends_of_a_plateau_are_infinite() -> None:
    x = np.repeat([0.0, 2.0, 4.0], 4)
    y = np.array([0, 0.2, -0.1, 0.1, 0.95, 0.8, 1.0, 1.1, 0.9, 1.0, 1.1, 1.2])
    found = fit("y ~ a*(1 - exp(-b*x))", {"x": x, "y": y}, {"a": 1.0, "b": 2.0}).uncertainty()
    low, high = found.intervals(0.95, "profile")["b"]
    assert high == math.inf  # for b → ∞ the curve becomes a step, which fits about as well

    def excess(b: float) -> float:
        g = 1 - np.exp(-b * x)
        rest = float(np.sum((y - g * (g @ y) / (g @ g)) ** 2))
        return (rest - found.residual_sum) / (found.residual_sum / 10) - stats.t.ppf(0.975, 10) ** 2

    assert excess(1e6) < 0
    assert low == pytest.approx(optimize.brentq(excess, 0.1, float(found.fitted.params["b"])), rel=1e-8)
    a = found.intervals(0.95, "profile")["a"]
    assert all(math.isfinite(end) for end in a)


def test_zero_counts_leave_one_end() -> None:
    counts = np.array([0.0, 0, 0, 1, 0, 0])
    found = fit("y ~ exp(a)", {"y": counts, "x": np.arange(6.0)}, {"a": -1.0}, "poisson").uncertainty()
    low, high = found.intervals(0.95, "profile")["a"]

    def excess(a: float) -> float:
        return 2 * (6 * math.exp(a) - a) - 2 * (1 - math.log(1 / 6)) - stats.chi2.ppf(0.95, 1)

    assert low == pytest.approx(optimize.brentq(excess, -12, math.log(1 / 6)), rel=1e-9)
    assert high == pytest.approx(optimize.brentq(excess, math.log(1 / 6), 3), rel=1e-9)


def test_an_end_beyond_the_domain_of_the_cost_is_infinite() -> None:
    x = np.arange(1.0, 9.0)
    y = np.log(x - 0.2) + 0.3 * np.array([1, -1, 1, -1, 1, -1, 1, -1.0])
    found = fit("y ~ log(x - c) + a", {"x": x, "y": y}, {"c": 0.2, "a": 0.0}).uncertainty()
    low, high = found.intervals(0.5, "profile")["c"]
    assert low < float(found.fitted.params["c"]) < high < 1
    wide = found.intervals(1 - 1e-13, "profile")["c"]
    assert wide[0] < low
    assert high < wide[1]


def test_a_profile_ends_where_squares_of_derivatives_overflow() -> None:
    """For b → ∞ the factor a → 0 with a·exp(b) constant, so that ∂y/∂a = exp(b) exceeds 1e154."""
    table = {"x": np.arange(8.0) % 2, "y": np.array([0.0, 0, 1, 1, 0, 0, 1, 1])}
    found = fit("y ~ a*exp(b*x)", table, {"a": 1.0, "b": 0.0}).uncertainty()

    def rise(ratio: float) -> float:
        """Of the smallest sum of squares for b = ln(ratio); the smallest of all is that of the two means."""
        g = np.where(table["x"] == 1, ratio, 1.0) / ratio
        y, least = table["y"], sum(np.var(table["y"][k::2]) * 4 for k in (0, 1))
        return float((np.sum((y - g * (g @ y) / (g @ g)) ** 2) - least) / (least / 6))

    assert rise(1e12) < stats.t.ppf(0.95, 6) ** 2  # so that there is no upper end
    assert found.intervals(0.9, "profile")["b"][1] == math.inf


def test_curves_of_profiles() -> None:
    peer, found = SQUARES["BoxBOD"], fit(SQUARES["BoxBOD"].formula, SQUARES["BoxBOD"].table, {"b1": 214, "b2": 0.55})
    u = found.uncertainty()
    curve = u.profile("b2", level=0.9, points=6)
    assert (curve.label, curve.values.shape, curve.params.shape) == ("b2", (13,), (13, 2))
    assert curve.interval == u.intervals(0.9, "profile")["b2"]
    assert (curve.values[0], curve.values[-1]) == pytest.approx(curve.interval)
    q = stats.t.ppf(0.95, 4)
    assert (curve.deviations[0], curve.deviations[6], curve.deviations[-1]) == pytest.approx((-q, 0, q), rel=1e-8)
    for value, deviation in zip(curve.values, curve.deviations, strict=True):
        g = 1 - np.exp(-value * peer.x)
        rest = np.sum((peer.y - g * (g @ peer.y) / (g @ g)) ** 2)
        tau = math.sqrt(max(rest - u.residual_sum, 0) / (u.residual_sum / 4))
        assert abs(deviation) == pytest.approx(tau, abs=1e-6)
    with pytest.raises(InferenceError, match="there is no parameter 'b3'; there are b1, b2"):
        u.profile("b3")


def test_a_profile_that_finds_a_lower_cost_says_where() -> None:
    x = np.linspace(0, 6, 40)
    table = {"x": x, "y": np.sin(2 * x) + 0.1 * RNG.normal(size=40)}
    found = fit("y ~ a*sin(w*x)", table, {"a": 0.2, "w": 3.6}).uncertainty()
    assert abs(float(found.fitted.params["w"]) - 2) > 0.5  # a local minimum
    assert found.refusal is None
    with pytest.raises(InferenceError, match=r"a profile found a lower cost at a = .*; fit again from there"):
        found.intervals(0.95, "profile")


def test_bands_of_a_line_are_those_of_statsmodels() -> None:
    found = line().bands({"x": NEW}, 4, 0.9)
    true = sm.OLS(Y, sm.add_constant(X)).fit().get_prediction(sm.add_constant(NEW)).summary_frame(0.1)
    np.testing.assert_allclose(found.prediction, true["mean"], rtol=1e-10)
    np.testing.assert_allclose(found.standard_errors, true["mean_se"], rtol=1e-10)
    np.testing.assert_allclose(found.confidence, true[["mean_ci_lower", "mean_ci_upper"]].T, rtol=1e-9)
    assert found.interval is not None
    np.testing.assert_allclose(found.interval, true[["obs_ci_lower", "obs_ci_upper"]].T, rtol=1e-9)


@pytest.mark.parametrize("name", ["logit", "counts"])
def test_errors_of_predictions_are_those_of_statsmodels(name: str) -> None:
    peer = LIKELIHOODS[name]
    found = fit(peer.formula, peer.table, peer.start, peer.cost).uncertainty().bands({"x": NEW}, 4)
    family = sm.families.Binomial() if name == "logit" else sm.families.Poisson()
    true = sm.GLM(peer.y, sm.add_constant(peer.x), family=family).fit(tol=1e-14).get_prediction(sm.add_constant(NEW))
    np.testing.assert_allclose(found.prediction, true.predicted_mean, rtol=1e-8)
    np.testing.assert_allclose(found.standard_errors, true.se_mean, rtol=1e-7)
    ends = true.summary_frame(0.05)[["mean_ci_lower", "mean_ci_upper"]].T  # on the scale of the linear predictor
    np.testing.assert_allclose(found.confidence, ends, rtol=1e-7)
    assert found.interval is None


def test_bands_of_probabilities_stay_between_0_and_1() -> None:
    """Of a model whose last operation is no link, on the scale of the logit, by differences of the function."""
    peer = LIKELIHOODS["dose and response"]
    u = fit(peer.formula, peer.table, peer.start, peer.cost).uncertainty()
    found, estimate = u.bands({"x": NEW}, 4, 0.999), [float(u.fitted.params[name]) for name in u.labels]

    def logit(*params: float) -> Any:
        return special.logit(
            peer.function(NEW, *(dict(zip(u.labels, params, strict=True))[name] for name in peer.start))
        )

    step = 1e-6
    slopes = np.array([
        (logit(*(estimate + step * unit)) - logit(*(estimate - step * unit))) / (2 * step) for unit in np.eye(3)
    ]).T  # fmt: skip
    reach = stats.norm.ppf(0.9995) * np.sqrt(np.sum((slopes @ u.covariance) * slopes, axis=1))
    ends = [special.expit(logit(*estimate) + sign * reach) for sign in (-1, 1)]
    np.testing.assert_allclose(found.confidence, ends, rtol=3e-4)  # of differences of 1 − p near 1
    far = u.bands({"x": np.array([60.0])}, 1)
    assert (float(far.prediction[0]), float(far.confidence[1][0])) == (1.0, 1.0)


def test_bands_of_a_saturated_logit_are_exact() -> None:
    """At x = 40 the probability is 1 to rounding, but the interval of its logit contains 0."""
    peer = LIKELIHOODS["logit"]
    u = fit(peer.formula, peer.table, peer.start, peer.cost).uncertainty()
    found = u.bands({"x": np.array([40.0])}, 1, 1 - 1e-13)
    assert found.prediction[0] == 1
    z = float(u.fitted.params["a"]) + 40 * float(u.fitted.params["b"])
    error = math.sqrt(np.array([1, 40]) @ u.covariance @ np.array([1, 40]))
    low = special.expit(z - stats.norm.isf(5e-14) * error)
    assert low < 0.99
    assert float(found.confidence[0][0]) == pytest.approx(low, rel=1e-2)


def test_bands_of_a_curve_follow_its_gradient() -> None:
    u = misra()
    b1, b2 = (float(u.fitted.params[name]) for name in ("b1", "b2"))
    new = np.array([10.0, 300.0, 2000.0])
    found = u.bands({"x": new}, 3, 0.95)
    slopes = np.column_stack([1 - np.exp(-b2 * new), b1 * new * np.exp(-b2 * new)])
    variances = np.sum((slopes @ u.covariance) * slopes, axis=1)
    np.testing.assert_allclose(found.standard_errors, np.sqrt(variances), rtol=1e-10)
    reach = stats.t.ppf(0.975, 12) * np.sqrt(variances + u.residual_sd**2)
    assert found.interval is not None
    np.testing.assert_allclose(found.interval[1] - found.prediction, reach, rtol=1e-10)


def test_bands_of_several_outputs_and_of_constants() -> None:
    table = {"x": X, "Y": np.column_stack([Y, X - Y])}
    u = fit("Y ~ x*b + c", table, {"b": np.zeros(2), "c": np.zeros(2)}, params={"b": 2, "c": 2}).uncertainty()
    found = u.bands({"x": NEW}, 4)
    assert found.prediction.shape == found.confidence[0].shape == (4, 2)
    covariance = u.covariance[np.ix_([u.labels.index("b[1]"), u.labels.index("c[1]")], [1, 3])]
    assert u.labels == ["b[0]", "b[1]", "c[0]", "c[1]"]
    variances = [np.array([x, 1]) @ covariance @ np.array([x, 1]) for x in NEW]
    np.testing.assert_allclose(found.standard_errors[:, 1], np.sqrt(variances), rtol=1e-10)
    mean = fit("y ~ m", {"x": X, "y": Y}, {"m": 0.0}).uncertainty().bands({}, 3)
    np.testing.assert_allclose(mean.standard_errors, [Y.std(ddof=1) / 5] * 3, rtol=1e-12)


def test_bands_without_a_common_variance() -> None:
    assert line(robust="HC3").bands({"x": NEW}, 4).interval is None
    with pytest.raises(InferenceError, match="bands are made by the delta method; choose t or z"):
        line().bands({"x": NEW}, 4, method="profile")
    with pytest.raises(ValuesError, match="no value given for the data column 'x'"):
        line().bands({}, 4)


def test_the_summary_has_every_number() -> None:
    u = misra()
    text = u.summary(0.95)
    certified = NONLINEAR["Misra1a"]
    value, error = certified.certified["b1"], certified.deviations["b1"]
    reach = stats.t.ppf(0.975, 12) * error
    wanted = [f"{value:.10g}", f"{error:.5g}", f"{value / error:.3f}", f"{value - reach:.7g}", f"{value + reach:.7g}"]
    (row,) = [line.split() for line in text.splitlines() if line.startswith("  b1 ")]
    assert row == ["b1", *wanted, "1.1", "%"]
    assert "  residual sum of squares       0.1245513889\n" in text
    assert "  residual standard deviation   0.1018787633\n" in text
    assert "  b1, b2   -0.9988" in text
    assert "2.5 %         97.5 %   relative error" in text
    assert str(u) == text
    assert u.card().html().count("<table>") == 3


def test_the_dict_is_json() -> None:
    found = misra().as_dict(0.9)
    read = json.loads(json.dumps(found, allow_nan=False))
    certified = NONLINEAR["Misra1a"]
    assert read["labels"] == ["b1", "b2"]
    assert read["standard_errors"] == pytest.approx(list(certified.deviations.values()), rel=1e-8)
    reach = stats.t.ppf(0.95, 12) * certified.deviations["b2"]
    ends = [certified.certified["b2"] - reach, certified.certified["b2"] + reach]
    assert read["intervals"][1] == pytest.approx(ends, rel=1e-8)
    assert (read["kind"], read["method"], read["refusal"], read["notes"]) == ("least squares", "t", None, [])
    assert read["residual_sd"] == pytest.approx(0.10187876330, rel=1e-9)
    perfect = fit(LINEAR["Wampler1"].formula, LINEAR["Wampler1"].columns, LINEAR["Wampler1"].starts[0]).uncertainty()
    read = json.loads(json.dumps(perfect.as_dict(), allow_nan=False))
    assert (read["log_likelihood"], read["correlation"][0]) == (None, [1.0, None, None, None, None, None])


def test_poisson_likelihoods_contain_the_factorials() -> None:
    peer = LIKELIHOODS["decaying counts"]
    found = fit(peer.formula, peer.table, peer.start, peer.cost).uncertainty()
    a = peer.function(peer.x, *(float(found.fitted.params[name]) for name in peer.start))
    true = stats.poisson.logpmf(peer.y, a).sum()
    assert found.log_likelihood == pytest.approx(true, rel=1e-12)
    assert found.aic == pytest.approx(6 - 2 * true, rel=1e-12)
    assert special.gammaln(peer.y + 1).sum() > 100  # so that the term shows
