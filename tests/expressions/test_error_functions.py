"""The error functions: their polynomials, tails, and values against SciPy."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from mpmath import mp
from scipy import special, stats

import minimax
import steepest as st
from steepest.engines import evaluate
from steepest.expressions import error_functions
from steepest.expressions.expression import OPERATIONS, data

X = np.concatenate([np.linspace(-26, 26, 1001), 10.0 ** np.arange(-300, 0, 7)])


@pytest.mark.parametrize("wanted", minimax.OF_EXPRESSIONS, ids=lambda wanted: wanted.name)
def test_polynomials_are_those_of_the_minimax_computation(wanted: minimax.Fit) -> None:
    stored = getattr(error_functions, wanted.name)
    assert len(stored) == wanted.terms
    with mp.workdps(40):
        low, high = (mpmath.mpf(end) for end in wanted.interval)
        for k in range(1, 200):
            x = low + (high - low) * k / mpmath.mpf("200.001")
            error = (mp.polyval(stored[::-1], x) - wanted.target(x)) * wanted.weight(x)
            assert abs(error) <= mpmath.mpf(2) ** -53


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("erf", special.erf), ("erfc", special.erfc), ("normal_cdf", special.ndtr), ("normal_pdf", stats.norm.pdf),
        ("gauss", lambda x: np.exp(-x * x)),
    ],
)  # fmt: skip
def test_values_agree_with_scipy(name: str, peer: object) -> None:
    assert callable(peer)
    found, wanted = evaluate(OPERATIONS[name](data("x")), {"x": X}), peer(X)
    some = wanted > 1e-300
    np.testing.assert_allclose(found[some], wanted[some], rtol=3e-13)  # SciPy's normal density rounds x²


def test_tails_keep_their_digits() -> None:
    """1 − erf(x) is 0 from 6 on; erfc(x) has all digits down to the smallest normal number."""
    for x in (6.0, 15.3, 26.5):
        found = evaluate(st.erfc(data("x")), {"x": [x]})[0]
        with mp.workdps(40):
            assert abs(found / mp.erfc(mpmath.mpf(x)) - 1) < 1e-15
    assert evaluate(st.normal_cdf(data("x")), {"x": [-37.5]})[0] == pytest.approx(special.ndtr(-37.5), rel=1e-12)


def test_probit_regression_is_that_of_statsmodels() -> None:
    """A likelihood with Φ, fitted as a formula."""
    import statsmodels.api as sm

    rng = np.random.default_rng(3)
    x = rng.normal(size=200)
    y = (rng.normal(size=200) < 0.4 + 1.3 * x).astype(float)
    peer = sm.Probit(y, sm.add_constant(x)).fit(disp=False)
    model = st.Model("y ~ normal_cdf(a + b*x)", cost="-target*log(prediction) - (1 - target)*log(1 - prediction)")
    run = model.fit({"x": x, "y": y}).run
    assert run is not None
    assert run.reason == "converged"
    np.testing.assert_allclose([run.params["a"], run.params["b"]], peer.params, rtol=1e-6)
