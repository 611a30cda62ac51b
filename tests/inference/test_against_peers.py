"""Errors, correlations and profile intervals, against SciPy's curve_fit, lmfit, and Hesse and MINOS of iminuit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import iminuit
import lmfit
import numpy as np
import pytest
from scipy import optimize, special, stats

from exact_fits import Fit, fit
from peer_models import LIKELIHOODS, SQUARES, WEIGHTED, Peer

ALL = {**SQUARES, **WEIGHTED, **LIKELIHOODS}


def fitted(peer: Peer) -> Fit:
    return fit(peer.formula, peer.table, peer.start, peer.cost, weights=None if peer.sigma is None else "w")


def loss(peer: Peer) -> Callable[[Any], float]:
    """−ln of the likelihood, as SciPy's distributions know it; for least squares half of Σ (r/σ)²."""
    sigma = 1.0 if peer.sigma is None else peer.sigma

    def value(theta: Any) -> float:
        a = peer.function(peer.x, *theta)
        if peer.cost == "mse":
            return float(np.sum(((peer.y - a) / sigma) ** 2) / 2)
        if peer.cost == "poisson":
            return float(np.sum(a - special.xlogy(peer.y, a)))
        return -float(np.sum(special.xlogy(peer.y, a) + special.xlog1py(1 - peer.y, -a)))

    return value


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("name", [*SQUARES, *WEIGHTED])
def test_covariances_are_those_of_curve_fit(name: str, absolute: bool) -> None:
    peer = ALL[name]
    _, true = optimize.curve_fit(
        peer.function, peer.x, peer.y, list(peer.start.values()), peer.sigma, absolute_sigma=absolute,
        ftol=1e-15, xtol=1e-15, gtol=1e-15,
    )  # fmt: skip
    found = fitted(peer).uncertainty(absolute_sigma=absolute)
    order = [found.labels.index(word) for word in peer.start]
    sizes = np.sqrt(np.diag(true))
    ours = found.covariance[np.ix_(order, order)]
    np.testing.assert_allclose(ours / np.outer(sizes, sizes), true / np.outer(sizes, sizes), atol=2e-6, rtol=0)
    assert found.method == ("z" if absolute else "t")


@pytest.mark.parametrize("name", [*SQUARES, *WEIGHTED])
def test_errors_correlations_and_profiles_are_those_of_lmfit(name: str) -> None:
    peer = ALL[name]
    parameters = lmfit.Parameters()
    for word, value in peer.start.items():
        parameters.add(word, value)
    sigma = 1.0 if peer.sigma is None else peer.sigma

    def residuals(given: Any) -> Any:
        return (peer.function(peer.x, *given.valuesdict().values()) - peer.y) / sigma

    minimizer = lmfit.Minimizer(residuals, parameters)
    true = minimizer.minimize(ftol=1e-15, xtol=1e-15, gtol=1e-15, epsfcn=1e-16)
    errors = {word: parameter.stderr for word, parameter in true.params.items()}  # which conf_interval changes
    correlations = {word: dict(parameter.correl) for word, parameter in true.params.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ends = lmfit.conf_interval(minimizer, true, sigmas=[0.9])
    found = fitted(peer).uncertainty()
    profiles = found.intervals(0.9, "profile")
    for word in peer.start:
        error = errors[word]
        assert found.standard_errors[word] == pytest.approx(error, rel=1e-5)  # from forward differences
        low, high = ends[word][0][1], ends[word][2][1]
        # lmfit finds the ends to 5e-4 of the probability, about 1e-3 standard errors.
        np.testing.assert_allclose(np.array(profiles[word]) / error, [low / error, high / error], rtol=0, atol=3e-3)
        for other, value in correlations[word].items():
            j, k = found.labels.index(word), found.labels.index(other)
            assert found.correlation[j, k] == pytest.approx(value, abs=1e-5)
    assert found.residual_sum == pytest.approx(true.chisqr, rel=1e-9)
    if peer.sigma is None:
        assert found.r_squared == pytest.approx(1 - true.chisqr / np.sum((peer.y - peer.y.mean()) ** 2), rel=1e-9)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_errors_and_profiles_are_those_of_hesse_and_minos(name: str) -> None:
    peer = ALL[name]
    minuit = iminuit.Minuit(loss(peer), list(peer.start.values()), name=list(peer.start))
    minuit.errordef, minuit.strategy, minuit.tol = 0.5, 2, 1e-6
    minuit.migrad()
    minuit.hesse()
    minuit.minos(cl=0.9)
    found = fitted(peer).uncertainty()
    profiles = found.intervals(0.9, "profile")
    for word in peer.start:
        error = minuit.errors[word]
        assert minuit.merrors[word].is_valid
        assert found.standard_errors[word] == pytest.approx(error, rel=2e-3)  # Hesse takes differences
        low, high = minuit.values[word] + minuit.merrors[word].lower, minuit.values[word] + minuit.merrors[word].upper
        np.testing.assert_allclose(np.array(profiles[word]) / error, [low / error, high / error], rtol=0, atol=3e-3)
    order = [found.labels.index(word) for word in peer.start]
    correlation = minuit.covariance.correlation()
    np.testing.assert_allclose(found.correlation[np.ix_(order, order)], correlation, atol=3e-3, rtol=0)


@pytest.mark.parametrize("name", ["BoxBOD", "Rat42"])
def test_second_derivatives_of_squares_are_those_of_hesse(name: str) -> None:
    """Hesse inverts all second derivatives, not only JᵀJ, which differs by several per cent for these models."""
    peer, found = ALL[name], fitted(ALL[name]).uncertainty()
    minuit = iminuit.Minuit(
        loss(peer), [float(found.fitted.params[word]) for word in peer.start], name=list(peer.start)
    )
    minuit.errordef, minuit.strategy = 0.5, 2
    minuit.hesse()
    order = [found.labels.index(word) for word in peer.start]
    ours = np.linalg.inv(len(peer.x) / 2 * found.hessian)[np.ix_(order, order)]
    sizes = np.sqrt(np.diag(ours))
    np.testing.assert_allclose(minuit.covariance / np.outer(sizes, sizes), ours / np.outer(sizes, sizes), atol=1e-3)
    assert np.abs(found.covariance / found.residual_sd**2 / ours - 1).max() > 0.01


@pytest.mark.parametrize("name", WEIGHTED)
def test_profiles_with_known_errors_are_those_of_minos(name: str) -> None:
    peer = ALL[name]
    minuit = iminuit.Minuit(loss(peer), list(peer.start.values()), name=list(peer.start))
    minuit.errordef, minuit.strategy, minuit.tol = 0.5, 2, 1e-6
    minuit.migrad()
    minuit.minos(cl=0.95)
    profiles = fitted(peer).uncertainty(absolute_sigma=True).intervals(0.95, "profile")
    for word in peer.start:
        low, high = minuit.values[word] + minuit.merrors[word].lower, minuit.values[word] + minuit.merrors[word].upper
        np.testing.assert_allclose(np.array(profiles[word]) / minuit.errors[word],
                                   np.array([low, high]) / minuit.errors[word], rtol=0, atol=3e-3)  # fmt: skip


def _brute_force(peer: Peer, estimate: dict[str, float], word: str, side: int, q: float, scale: float) -> float:
    """The end of an interval by SciPy: the root of the profile, each point of which SciPy minimises."""
    value, names = loss(peer), list(peer.start)
    k = names.index(word)
    best = np.array([estimate[name] for name in names])
    lowest, free = value(best), np.arange(len(names)) != k

    def gap(at: float) -> float:
        theta = best.copy()
        theta[k] = at
        sizes = np.abs(best[free])

        def part(rest: Any) -> float:
            theta[free] = rest * sizes
            with np.errstate(all="ignore"):
                found = value(theta)
            return found if np.isfinite(found) else 1e300

        if free.any():
            start = best[free] / sizes
            for _ in range(3):
                start = optimize.minimize(part, start, method="Nelder-Mead", options={"xatol": 1e-12, "fatol": 1e-13,
                                          "maxiter": 4000, "maxfev": 4000}).x  # fmt: skip
        return 2 * (part(start) if free.any() else value(theta)) - 2 * lowest - q**2 * scale

    step = side * 0.05 * abs(best[k])
    far = best[k] + step
    while gap(far) < 0:
        step *= 1.5
        far += step
    return float(optimize.brentq(gap, best[k], far, xtol=1e-9 * abs(best[k]), rtol=1e-12))


@pytest.mark.parametrize("name", ["Misra1a", "BoxBOD", "Michaelis-Menten", "logit", "counts"])
def test_profiles_are_those_of_a_search_by_brute_force(name: str) -> None:
    peer, found = ALL[name], fitted(ALL[name]).uncertainty()
    squares = peer.cost == "mse"
    q = stats.t.ppf(0.975, found.degrees_of_freedom) if squares else stats.norm.ppf(0.975)
    scale = found.residual_sum / found.degrees_of_freedom if squares else 1.0
    estimate = {word: float(value) for word, value in found.fitted.params.items()}
    for word, (low, high) in found.intervals(0.95, "profile").items():
        assert low == pytest.approx(_brute_force(peer, estimate, word, -1, q, scale), rel=1e-6)
        assert high == pytest.approx(_brute_force(peer, estimate, word, 1, q, scale), rel=1e-6)
