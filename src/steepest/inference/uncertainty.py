"""How far the parameters of a fit scatter: covariance, standard errors, intervals, and statistics of the fit."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from steepest.display.summaries import ReprMixin, Summary
from steepest.errors import InferenceError
from steepest.expressions.expression import Expression
from steepest.inference import refusals, report
from steepest.inference.bands import Bands, Curve, bands
from steepest.inference.distributions import normal_quantile, t_quantile
from steepest.inference.fitted import Fitted, Kind
from steepest.inference.information import Estimation
from steepest.inference.least_squares import LeastSquares
from steepest.inference.likelihoods import Likelihood
from steepest.inference.profiles import Profile, Profiles
from steepest.inference.statistics import Statistics
from steepest.inference.tied import Tied
from steepest.messages.sentences import in_python
from steepest.training.derivatives import Derivatives
from steepest.training.parameter_vector import Matrix, Vector

Method = Literal["t", "z", "profile"]
Robust = Literal["HC0", "HC1", "HC3"]
_METHODS = ("t", "z", "profile")
_ROBUST = ("HC0", "HC1", "HC3")


class Uncertainty(Statistics, ReprMixin):
    """The uncertainty of the parameters of a fit.

    Least squares (``mse``, or another sum of squares): the covariance is s² (JᵀJ)⁻¹ with the Jacobian matrix J of the
    residuals √w·r and s² = Σ w r² / (n − p), by a singular value decomposition of J with columns of length 1. Weights
    are 1/σ² up to a common factor, or exactly with ``absolute_sigma``, which sets s² = 1.

    Likelihoods (``cross_entropy``, ``poisson``): the covariance is the inverse of the observed information, the exact
    second derivatives of −ℓ. Weights are frequencies.

    Args:
        fitted: the fit.
        absolute_sigma: whether 1/√w are the standard deviations of the errors, as in SciPy's ``curve_fit``.
        robust: the sandwich estimator of the covariance, which allows variances that differ from sample to sample:
            ``"HC0"``, ``"HC1"``, or ``"HC3"`` for least squares.
        bounds: the lowest and highest allowed values of parameters by name; None for none.
        refusal: why there is no covariance, if the caller knows.
        tied: further parameters by name, as expressions of those of the fit; they have errors and intervals, too, but
            no label.

    Attributes:
        fitted: the fit.
        labels: the name of each of the p elements of the parameters: w, or W[0, 1].

    Raises:
        InferenceError: an option is unknown or does not apply to this cost.

    >>> from steepest import Model
    >>> from steepest.inference import uncertainty_of
    >>> table = {"x": [1, 2, 3, 4, 5], "y": [1.1, 1.9, 3.2, 3.9, 5.1]}
    >>> model = Model("y ~ a + b*x").fit(table, optimiser="lbfgs")
    >>> found = uncertainty_of(model, model.samples(table))
    >>> {name: round(float(error), 4) for name, error in found.standard_errors.items()}
    {'a': 0.1625, 'b': 0.049}
    >>> low, high = found.intervals(0.95)["b"]
    >>> round(float(low), 3), round(float(high), 3)
    (0.844, 1.156)

    Source: Seber and Wild 1989, sections 2.1 and 5.1; Davison 2003, section 4.4.
    """

    def __init__(
        self, fitted: Fitted, *, absolute_sigma: bool = False, robust: Robust | None = None,
        bounds: Mapping[str, tuple[Any, Any]] | None = None, refusal: str | None = None,
        tied: Mapping[str, Expression] | None = None,
    ) -> None:  # fmt: skip
        squares = fitted.kind is Kind.SQUARES
        if robust is not None and robust not in _ROBUST:
            raise InferenceError(f"robust is one of {', '.join(_ROBUST)}, not {in_python(robust)}")
        if robust == "HC3" and not squares:
            raise InferenceError("HC3 is defined for least squares; choose HC0 or HC1 for a likelihood")
        if absolute_sigma and not squares:
            raise InferenceError("absolute_sigma is for least squares; the weights of a likelihood are frequencies")
        self.fitted, self.robust, self.absolute_sigma = fitted, robust, absolute_sigma
        self._bounds, self._refusal = dict(bounds or {}), refusal
        unknown = [name for name in self._bounds if name not in fitted.params]
        if unknown:
            raise InferenceError(f"bounds has {unknown[0]!r}, which is no parameter of the cost")
        self.labels = fitted.vector.labels
        self.tied = Tied(tied, fitted) if tied else None

    @cached_property
    def estimation(self) -> Estimation | None:
        """The cost around its estimates; None if it is neither a sum of squares nor a likelihood."""
        if self.fitted.kind is Kind.SQUARES:
            return LeastSquares(self.fitted, self.absolute_sigma)
        return None if self.fitted.kind is Kind.OTHER else Likelihood(self.fitted)

    @cached_property
    def refusal(self) -> str | None:
        """Why there are no standard errors, in a sentence; None if there are."""
        if self._refusal is not None:
            return self._refusal
        if self.estimation is None:
            return refusals.of_cost("of this fit")
        return refusals.of_bounds(self.fitted, self._bounds) or refusals.of_estimation(
            self.fitted, self.estimation, self.absolute_sigma
        )

    @cached_property
    def hessian(self) -> Matrix:
        """The exact second derivatives of the cost, ``(p, p)``, in the order of :attr:`labels`.

        The cost is the mean over the samples, without penalties.
        """
        fitted = self.fitted
        return Derivatives(fitted.prepared, fitted.columns, fitted.rows).hessian(fitted.estimate)

    def _allowed(self) -> Estimation:
        if self.refusal is not None:
            raise InferenceError(self.refusal)
        assert self.estimation is not None  # or there is a refusal
        return self.estimation

    @cached_property
    def covariance(self) -> Matrix:
        """The covariance matrix of the estimates, ``(p, p)``, in the order of :attr:`labels`.

        Raises:
            InferenceError: there is none; see :attr:`refusal`.
        """
        estimation = self._allowed()
        if self.robust is not None:
            return estimation.sandwich(self.robust)
        root = estimation.information.required
        return estimation.variance * (root @ root.T)

    @property
    def errors(self) -> Vector:
        """The standard errors, ``(p,)``, in the order of :attr:`labels`: the roots of the variances."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def correlation(self) -> Matrix:
        """The correlations of the estimates, ``(p, p)``: C_jk / √(C_jj C_kk); NaN where an error is 0."""
        errors = self.errors
        with np.errstate(invalid="ignore", divide="ignore"):
            found = self.covariance / np.outer(errors, errors)
        np.fill_diagonal(found, 1.0)
        return found

    @property
    def standard_errors(self) -> dict[str, Any]:
        """The standard error of each parameter, numbers or arrays by name, in the unit of the parameter."""
        tied = {} if self.tied is None else self.tied.named(self.tied.errors(self.covariance))
        return {**self.fitted.vector.named(self.errors), **tied}

    @property
    def method(self) -> Method:
        """The usual kind of intervals: ``"t"`` if the variance is estimated, else ``"z"``."""
        return "t" if self.fitted.kind is Kind.SQUARES and not self.absolute_sigma else "z"

    def quantile(self, level: float, method: Method | None = None) -> float:
        """Return how many standard errors an interval extends to each side.

        Args:
            level: the probability of the interval.
            method: ``"t"`` with n − p degrees of freedom, or ``"z"``; by default :attr:`method`.
        """
        if (method or self.method) == "z":
            return normal_quantile(level)
        return t_quantile(level, self._allowed().freedom)

    def intervals(self, level: float = 0.95, method: Method | None = None) -> dict[str, tuple[Any, Any]]:
        """Return a confidence interval of each parameter.

        Args:
            level: the probability with which such an interval contains the parameter.
            method: by default :attr:`method`. ``"t"`` or ``"z"``: estimate ± quantile · standard error;
                ``"profile"``: the values whose profile deviance is below the square of the quantile of :attr:`method`.
                Ends of a profile that do not exist are infinite. Each end takes about ten fits of the other parameters.
                Tied parameters have no profile, and are left out.

        Returns:
            Lower and upper ends, numbers or arrays, by name, in the unit of the parameter.

        Raises:
            InferenceError: there are no standard errors, or a profile is asked for with ``robust``.

        Source: Bates and Watts 1988, chapter 6; Venzon and Moolgavkar 1988.
        """
        if method is not None and method not in _METHODS:
            raise InferenceError(f"method is one of {', '.join(_METHODS)}, not {in_python(method)}")
        named = self.fitted.vector.named
        if method == "profile":
            ends = [self.profiles.interval(k, level) for k in range(len(self.labels))]
            low, high = np.array(ends).T
        else:
            reach = self.quantile(level, method) * self.errors
            low, high = self.fitted.estimate - reach, self.fitted.estimate + reach
        lows, highs = named(low), named(high)
        if self.tied is not None and method != "profile":
            reach = self.quantile(level, method) * self.tied.errors(self.covariance)
            lows |= self.tied.named(self.tied.values - reach)
            highs |= self.tied.named(self.tied.values + reach)
        return {name: (lows[name], highs[name]) for name in lows}

    @cached_property
    def profiles(self) -> Profiles:
        """The profiles of the deviance.

        Raises:
            InferenceError: there are no standard errors, or ``robust`` was given.
        """
        estimation = self._allowed()
        if self.robust is not None:
            raise InferenceError("a profile follows the likelihood, not the sandwich; leave robust out")
        return Profiles(estimation, self.fitted, self.covariance, self.quantile)

    def profile(self, label: str, level: float = 0.99, points: int = 12) -> Profile:
        """Return the profile of a parameter, as a curve.

        Args:
            label: one of :attr:`labels`.
            level: the curve covers the interval of this level.
            points: values on each side of the estimate.
        """
        if label not in self.labels:
            raise InferenceError(f"there is no parameter {label!r}; there are {', '.join(self.labels)}")
        return self.profiles.curve(self.labels.index(label), level, points)

    def bands(
        self, columns: Mapping[str, ArrayLike], rows: int, level: float = 0.95, method: Method | None = None
    ) -> Bands:
        """Return confidence and prediction bands of the prediction by the delta method.

        Args:
            columns, rows: new columns by name, ``(rows, …)``, without the target.
            level: the probability of each interval by itself.
            method: ``"t"`` or ``"z"``; by default :attr:`method`.

        Returns:
            The prediction, its standard errors and both bands; see :class:`steepest.inference.Bands`.

        Raises:
            InferenceError: there are no standard errors, or no formula.
            ValuesError: a column is missing or has a wrong shape.

        >>> from steepest import Model
        >>> from steepest.inference import uncertainty_of
        >>> model = Model("y ~ m").fit({"y": [1, 2, 3, 6]}, optimiser="lbfgs")
        >>> found = uncertainty_of(model, model.samples({"y": [1, 2, 3, 6]})).bands({}, 1)
        >>> [round(float(end[0]), 2) for end in (*found.confidence, *found.interval)]
        [-0.44, 6.44, -4.69, 10.69]

        Source: Seber and Wild 1989, section 5.1.
        """
        self._allowed()
        if method == "profile":
            raise InferenceError("bands are made by the delta method; choose t or z")
        fitted = self.fitted
        if fitted.prediction is None:
            raise InferenceError("bands need a prediction, but the fit is one of a cost without a formula")
        curve = Curve(
            fitted.prediction, fitted.vector, fitted.params, self.covariance, fitted.kind, self.new_variance
        )  # fmt: skip
        return bands(curve, columns, rows, self.quantile(level, method))

    @property
    def new_variance(self) -> float | None:
        """The variance s² of a new value of the target, of weight 1; None if it is not known."""
        if self.robust is not None or not self.fitted.compares_targets:
            return None
        return self._allowed().variance

    @property
    def notes(self) -> list[str]:
        """Sentences to know before using the errors."""
        return report.notes(self)

    def card(self, level: float = 0.95) -> Summary:
        """Return a summary: statistics, parameters with errors and intervals, and the largest correlations."""
        return report.card(self, level)

    def summary(self, level: float = 0.95) -> str:
        """Return the summary as text."""
        return self.card(level).text()

    def __str__(self) -> str:
        return self.summary()

    def as_dict(self, level: float = 0.95) -> dict[str, Any]:
        """Return everything as values that JSON can hold; what is not defined is None."""
        return report.as_dict(self, level)
