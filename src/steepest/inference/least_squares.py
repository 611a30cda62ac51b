"""Least squares near the estimates: covariance, sandwich, and the minimum with one parameter held."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np

from steepest.inference.fitted import Fitted
from steepest.inference.information import Information, named_by
from steepest.objectives.costs import WEIGHT
from steepest.training.parameter_vector import Matrix, Vector
from steepest.training.quadratic import of_squares
from steepest.training.residuals import Residuals

Trial = Callable[[float], tuple[Vector, float, float]]  # the step within a radius, its decrease and its length

_ITERATIONS = 1000
_HALVINGS = 40  # of a trust radius within one iteration
_ROUNDED = 4 * float(np.finfo(float).eps)
_CLOSE = 1e-15  # decrease of |r|²/σ² that a step still predicts, at which a minimum is reached


class LeastSquares:
    """A sum of squares Σ w r² around its estimates; w is 1/σ² up to a factor, or exactly if σ is absolute.

    The Jacobian matrix of the weighted residuals with its columns divided by their norms, J D⁻¹ = U S Vᵀ, gives
    (JᵀJ)⁻¹ = R Rᵀ with R = D⁻¹ V S⁻¹, without the loss of digits in JᵀJ.

    Args:
        fitted: the fit; its cost is a sum of squares.
        absolute_sigma: whether 1/√w are the standard deviations themselves; otherwise their common factor is
            estimated by s² = Σ w r² / (n − p).

    Attributes:
        observations: n, the number of residuals with a positive weight.
        freedom: n − p.
        absolute: as given.
        weights: w of each residual, ``(m,)``.

    Source: Bates and Watts 1988, sections 1.1 and 2.3; Golub and Van Loan 2013, section 5.3.
    """

    def __init__(self, fitted: Fitted, absolute_sigma: bool = False) -> None:
        self._fitted = fitted
        self._residuals = Residuals(fitted.prepared, fitted.columns, fitted.rows, factored=False)
        plain = Residuals(
            fitted.prepared, {**fitted.columns, WEIGHT: np.ones(fitted.rows)}, fitted.rows, factored=False
        )
        with np.errstate(all="ignore"):
            internal = self._residuals.weights(fitted.estimate)  # v of the cost Σ v r²
            constant = float(np.mean(plain.weights(fitted.estimate)))  # 1/n of a mean: v of a sample of weight 1
        self._factor = fitted.weight_mean / constant
        self.weights: Vector = internal * self._factor
        self.observations = float(np.count_nonzero(internal))
        self.freedom = self.observations - len(fitted.estimate)
        self.absolute = absolute_sigma

    @cached_property
    def squares(self) -> float:
        """Σ w r² at the estimates; 0 if it is what rounding leaves of a perfect fit."""
        found = self.sum_of_squares(self._fitted.estimate)
        return 0.0 if math.sqrt(found) <= _ROUNDED * self._level else found

    @cached_property
    def variance(self) -> float:
        """s², or 1 if σ is absolute; NaN if n ≤ p."""
        estimated = self.squares / self.freedom if self.freedom > 0 else math.nan
        return 1.0 if self.absolute else estimated

    @property
    def _unit(self) -> float:
        """The unit of deviances: s², or 1 for a perfect fit, whose intervals are points."""
        return self.variance or 1.0

    def sum_of_squares(self, flat: Vector) -> float:
        """Return Σ w r²; with ``absolute_sigma`` this is χ²."""
        with np.errstate(all="ignore"):
            r = self._residuals.values(flat)
            return float(r @ r) * self._factor

    def deviance(self, flat: Vector) -> float:
        """Return Σ w r² / s², whose differences are compared with the squares of quantiles."""
        return self.sum_of_squares(flat) / self._unit

    @cached_property
    def _jacobian(self) -> Matrix:
        with np.errstate(all="ignore"):
            return self._residuals.jacobian(self._fitted.estimate) * math.sqrt(self._factor)

    @cached_property
    def _errors(self) -> Vector:
        return self._residuals.values(self._fitted.estimate) * math.sqrt(self._factor)

    @cached_property
    def finite(self) -> bool:
        """Whether residuals and Jacobian are finite at the estimates."""
        return bool(np.isfinite(self._jacobian).all() and np.isfinite(self.squares))

    @cached_property
    def _factors(self) -> tuple[Vector, Matrix, Vector, Matrix]:
        """D, U, S and Vᵀ of the Jacobian matrix."""
        norms = np.linalg.norm(self._jacobian, axis=0)
        norms = np.where(norms > 0, norms, 1.0)
        q, r = np.linalg.qr(self._jacobian / norms)
        u, s, v = np.linalg.svd(r)
        return norms, q @ u[:, : len(s)], s, v

    @cached_property
    def information(self) -> Information:
        """What the data say about the parameters; see :class:`Information`."""
        norms, u, s, v = self._factors
        size = max(self._jacobian.shape)
        lost = np.concatenate([s <= s[0] * np.finfo(float).eps * size, np.ones(len(v) - len(s), bool)])
        if lost.any() or s[0] == 0:
            absent = named_by(v[lost] if s[0] > 0 else v, self._fitted.vector.labels)
            return Information(None, absent, math.nan)
        slope = float(np.linalg.norm(u.T @ self._errors))
        slope = 0.0 if slope <= 100 * np.finfo(float).eps * self._level else slope
        offset = slope / math.sqrt(self._unit)
        return Information((v.T / s) / norms[:, None], (), offset)

    @property
    def _level(self) -> float:
        """The size of what the residuals are differences of, whose rounding they contain; exact for linear models."""
        with np.errstate(all="ignore"):
            return float(np.linalg.norm(self._errors - self._jacobian @ self._fitted.estimate))

    def sandwich(self, kind: str) -> Matrix:
        """Return (JᵀJ)⁻¹ Jᵀ diag(e²) J (JᵀJ)⁻¹ with e² as they are, times n/(n − p), or divided by (1 − h)².

        Args:
            kind: ``"HC0"``, ``"HC1"`` or ``"HC3"``; h are the diagonal elements of J (JᵀJ)⁻¹ Jᵀ.

        Source: White 1980 (HC0); MacKinnon and White 1985 (HC1 and HC3).
        """
        root = self.information.required
        _, u, _, _ = self._factors
        squares = self._errors**2
        if kind == "HC1":
            squares = squares * (self.observations / self.freedom)
        if kind == "HC3":
            squares = squares / (1 - np.sum(u**2, axis=1)) ** 2
        half = u @ root.T  # J (JᵀJ)⁻¹
        return half.T @ (squares[:, None] * half)

    def spans_constant(self) -> bool:
        """Return whether a change of the parameters adds the same to every prediction, to first order."""
        _, u, _, _ = self._factors
        ones = np.sqrt(self.weights)
        rest = ones - u @ (u.T @ ones)
        return float(np.linalg.norm(rest)) <= 1e-8 * float(np.linalg.norm(ones))

    def minimised(self, start: Vector, free: Vector) -> tuple[Vector, float]:
        """Return the parameters with the smallest sum of squares that differ from a start in some elements only.

        Args:
            start: ``(p,)``.
            free: ``(p,)``, which elements may change.

        Returns:
            The parameters, ``(p,)``, and their :meth:`deviance`; infinite if the cost is not finite at the start, or
            its derivatives on the way.
        """
        with np.errstate(all="ignore"):
            flat, scales, radius = start.copy(), np.zeros(int(np.sum(free))), math.inf
            r = self._residuals.values(flat)
            if not np.isfinite(r).all():
                return flat, math.inf
            close = _CLOSE * self._unit / self._factor
            for _ in range(_ITERATIONS if free.any() else 0):
                jacobian = self._residuals.jacobian(flat)[:, free]
                if not np.isfinite(np.linalg.norm(jacobian, axis=0)).all():
                    return flat, math.inf  # the minimum is not known
                model = of_squares(r, jacobian, scales)
                if not model.slopes.size:
                    break
                scales = model.scales
                found = self._step(flat, free, r, model.step, radius)
                if found is None:
                    break
                flat, r, radius = found
                if model.decrement <= close:
                    break
            return flat, float(r @ r) * self._factor / self._unit

    def _step(
        self, flat: Vector, free: Vector, r: Vector, trial: Trial, radius: float
    ) -> tuple[Vector, Vector, float] | None:
        """Return the next parameters, their residuals and the next radius; None if no step lowers the sum."""
        before = float(r @ r)
        for _ in range(_HALVINGS):
            step, decrease, length = trial(radius)
            new = flat.copy()
            new[free] += step
            after = self._residuals.values(new)
            gained = before - float(after @ after)
            if np.isfinite(gained) and gained > 1e-4 * decrease:
                return new, after, math.inf if gained > 0.5 * decrease else 2 * length
            radius = 0.25 * length
        return None
