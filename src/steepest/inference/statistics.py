"""Statistics of a fit: residual standard deviation, R², log-likelihood and information criteria."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np

from steepest.engines.evaluation import evaluate
from steepest.errors import InferenceError
from steepest.inference import refusals
from steepest.inference.fitted import Fitted, Kind
from steepest.inference.information import Estimation
from steepest.inference.least_squares import LeastSquares
from steepest.training.parameter_vector import Vector


class Statistics(ABC):
    """Statistics of a fit with n observations and p parameters.

    Attributes:
        fitted: the fit.
    """

    fitted: Fitted

    @property
    @abstractmethod
    def estimation(self) -> Estimation | None:
        """The cost around its estimates; None if it is neither a sum of squares nor a likelihood."""

    @property
    @abstractmethod
    def refusal(self) -> str | None:
        """Why there are no standard errors, in a sentence; None if there are."""

    @property
    def observations(self) -> float:
        """n: residuals with a positive weight, or the sum of the frequencies of the samples."""
        return self._estimation.observations

    @property
    def degrees_of_freedom(self) -> float:
        """n − p."""
        return self._estimation.freedom

    @property
    def residual_sum(self) -> float:
        """Σ w r², in the square of the target's unit for weights 1; χ² if w is 1/σ²."""
        return self._squares.squares

    @property
    def residual_sd(self) -> float:
        """The residual standard deviation √(Σ w r² / (n − p)), in the target's unit for weights 1."""
        squares = self._squares
        if squares.freedom <= 0:
            raise InferenceError(f"no residual is left to estimate their scatter: n − p is {squares.freedom:g}")
        return math.sqrt(squares.squares / squares.freedom)

    @property
    def r_squared(self) -> float:
        """The share of the scatter that is predicted, R² = 1 − Σ w r² / Σ w (y − ȳ)².

        ȳ is the weighted mean of each output. It is 0 in models that are linear in the parameters and have no
        constant, because their residuals need not sum to 0.

        Source: Kvålseth 1985, Cautionary note about R², eqs 1 and 7.
        """
        squares = self._squares
        if not self.fitted.compares_targets:
            raise InferenceError("R² compares predictions with targets, but this cost squares something else")
        y = self._targets
        w = squares.weights.reshape(y.shape)
        mean = np.sum(w * y, axis=0) / np.sum(w, axis=0) if self._centred else 0.0
        total = float(np.sum(w * (y - mean) ** 2))
        if not total:
            raise InferenceError("R² is not defined: the target has the same value in every row")
        return 1 - squares.squares / total

    @property
    def adjusted_r_squared(self) -> float:
        """R² of variances in place of sums: 1 − (1 − R²) (n − k) / (n − p), k = 1 output mean, or 0 where ȳ is 0.

        Source: Theil 1961, Economic forecasts and policy, p. 213.
        """
        squares = self._squares
        if squares.freedom <= 0:
            raise InferenceError(f"adjusted R² is not defined: n − p is {squares.freedom:g}")
        means = math.prod(self._targets.shape[1:]) if self._centred else 0
        return 1 - (1 - self.r_squared) * (squares.observations - means) / squares.freedom

    @property
    def log_likelihood(self) -> float:
        """The logarithm ℓ of the likelihood at the parameters.

        Least squares: −n/2 (ln(2π Σ w r² / n) + 1) + ½ Σ ln w, with the most likely variance; with absolute σ
        −½ Σ (w r² + ln(2π/w)). Classes: −Σ f l. Counts: −Σ f (l + ln y!).

        Source: Seber and Wild 1989, section 2.2; McCullagh and Nelder 1989, sections 4.4 and 6.2.
        """
        estimation = self._estimation
        if isinstance(estimation, LeastSquares):
            return _normal(estimation)
        found = -estimation.deviance(self.fitted.estimate) / 2
        return found - self._log_factorials if self.fitted.kind is Kind.COUNTS else found

    @property
    def aic(self) -> float:
        """Akaike's criterion 2p − 2ℓ; p does not count the variance of least squares, as in statsmodels.

        Source: Akaike 1974, A new look at the statistical model identification.
        """
        return self._criterion(2.0)

    @property
    def bic(self) -> float:
        """The Bayesian criterion p ln n − 2ℓ; p does not count the variance of least squares, as in statsmodels.

        Source: Schwarz 1978, Estimating the dimension of a model.
        """
        return self._criterion(math.log(self.observations))

    def _criterion(self, each: float) -> float:
        if self.refusal is not None:
            raise InferenceError(self.refusal)
        return each * len(self.fitted.estimate) - 2 * self.log_likelihood

    @property
    def _estimation(self) -> Estimation:
        if self.estimation is None:
            raise InferenceError(self.refusal or refusals.of_cost("of this fit"))
        return self.estimation

    @property
    def _squares(self) -> LeastSquares:
        estimation = self._estimation
        if not isinstance(estimation, LeastSquares):
            raise InferenceError(f"this statistic is one of least squares, but the cost is {self.fitted.kind.value}")
        return estimation

    @property
    def _centred(self) -> bool:
        return not refusals.is_linear(self.fitted) or self._squares.spans_constant()

    @property
    def _targets(self) -> Vector:
        """The targets, ``(n,)`` or ``(n, k)``."""
        assert self.fitted.target is not None  # as the caller has seen
        found = np.asarray(evaluate(self.fitted.target, self.fitted.columns), np.float64)
        return np.broadcast_to(found, (self.fitted.rows, *found.shape[1:]))

    @property
    def _log_factorials(self) -> float:
        """Σ f ln y!, of all outputs."""
        y = self._targets
        each = np.vectorize(math.lgamma, otypes=[np.float64])(y + 1).reshape(len(y), -1).sum(axis=1)
        weights = np.ones(len(y)) if self.fitted.weights is None else self.fitted.weights
        return float(weights @ each) * self.fitted.weight_mean


def _normal(squares: LeastSquares) -> float:
    """Return the log-likelihood of normal errors."""
    n = squares.observations
    weighted = float(np.sum(np.log(squares.weights[squares.weights > 0]))) / 2
    if squares.absolute:
        return weighted - (squares.squares + n * math.log(2 * math.pi)) / 2
    if not squares.squares:
        return math.inf
    return weighted - n / 2 * (math.log(2 * math.pi * squares.squares / n) + 1)
