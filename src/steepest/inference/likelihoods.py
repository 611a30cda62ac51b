"""Likelihoods near their estimates: observed information, sandwich, and the maximum with one parameter held."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from steepest.inference.fitted import Fitted
from steepest.inference.information import Information, named_by
from steepest.training.derivatives import Derivatives
from steepest.training.parameter_vector import Matrix, Slopes, Vector

_ITERATIONS = 100
_HALVINGS = 40
_CLOSE = 1e-15  # decrease of the deviance that a step still predicts, at which a minimum is reached
_ROUNDING = 100  # times p times the rounding unit: below this share of the largest, an eigenvalue is 0


class Likelihood:
    """A mean of negative log-likelihoods C around its estimates; N C = −ℓ for N samples.

    The inverse of the observed information N ∂²C/∂θ² is the covariance. Sample weights count as frequencies: a row of
    weight 3 is three samples, so N is the sum of the weights.

    Args:
        fitted: the fit; its cost is a mean over the samples.

    Attributes:
        observations: N.

    Source: Efron and Hinkley 1978, section 1; Davison 2003, section 4.4.
    """

    variance = 1.0

    def __init__(self, fitted: Fitted) -> None:
        self._fitted = fitted
        self._curvature = Derivatives(fitted.prepared, fitted.columns, fitted.rows)
        self._count = fitted.rows * fitted.weight_mean
        whole = fitted.rows if fitted.weights is None else float(np.sum(fitted.weights))
        self.observations = whole * fitted.weight_mean
        self.freedom = self.observations - len(fitted.estimate)

    def deviance(self, flat: Vector) -> float:
        """Return 2 N C."""
        with np.errstate(all="ignore"):
            return 2 * self._count * self._curvature.merit(flat)

    @cached_property
    def _hessian(self) -> Matrix:
        """N ∂²C/∂θ²."""
        with np.errstate(all="ignore"):
            return self._count * self._curvature.hessian(self._fitted.estimate)

    @cached_property
    def finite(self) -> bool:
        """Whether cost and second derivatives are finite at the estimates."""
        return bool(np.isfinite(self._hessian).all() and math.isfinite(self.deviance(self._fitted.estimate)))

    @cached_property
    def information(self) -> Information:
        """What the data say about the parameters; see :class:`Information`."""
        sizes = np.sqrt(np.abs(np.diag(self._hessian)))
        sizes = np.where(sizes > 0, sizes, 1.0)
        values, vectors = np.linalg.eigh(self._hessian / np.outer(sizes, sizes))
        bound = _ROUNDING * len(values) * np.finfo(float).eps * max(abs(values[0]), abs(values[-1]))
        labels = self._fitted.vector.labels
        if values[0] < -bound:
            return Information(None, named_by(vectors.T[values < -bound], labels), math.nan, downwards=True)
        if values[0] <= bound:
            return Information(None, named_by(vectors.T[values <= bound], labels), math.nan)
        root = vectors / np.sqrt(values) / sizes[:, None]
        slope = self._count * self._curvature.gradient(self._fitted.estimate)
        return Information(root, (), float(np.linalg.norm(root.T @ slope)))

    def sandwich(self, kind: str) -> Matrix:
        """Return H⁻¹ (Σ g gᵀ) H⁻¹ with the gradients g of each sample's −ln likelihood, for HC1 times N/(N − p).

        Source: Huber 1967; White 1982.
        """
        loss = self._fitted.prepared.stable.args[0]  # of a mean over the samples
        given = {**self._fitted.columns, **self._fitted.params}
        scores = Slopes(loss, self._fitted.vector)(given, self._fitted.rows, self._fitted.rows)[:, 0]
        weights = self._fitted.weights
        if weights is not None:  # the loss has the factor w, of which a sum of w outer products keeps one
            scores = scores / np.sqrt(np.where(weights > 0, weights, 1.0))[:, None]
        root = self.information.required
        half = scores @ root * math.sqrt(self._fitted.weight_mean)
        made = root @ (half.T @ half) @ root.T
        return made * (self.observations / self.freedom) if kind == "HC1" else made

    def minimised(self, start: Vector, free: Any) -> tuple[Vector, float]:
        """Return the parameters with the smallest cost that differ from a start in some elements only.

        Newton's method with the exact second derivatives; where these are not positive definite, with the absolute
        values of their eigenvalues. A step is halved until it lowers the cost.

        Args:
            start: ``(p,)``.
            free: ``(p,)``, which elements may change.

        Returns:
            The parameters, ``(p,)``, and their :meth:`deviance`; infinite if the cost is not finite at the start.

        Source: Nocedal and Wright 2006, section 3.4.
        """
        flat, value = start.copy(), self.deviance(start)
        if not math.isfinite(value):
            return flat, math.inf
        for _ in range(_ITERATIONS if free.any() else 0):
            with np.errstate(all="ignore"):
                slope = 2 * self._count * self._curvature.gradient(flat)[free]
                hessian = 2 * self._count * self._curvature.hessian(flat)[np.ix_(free, free)]
            if not (np.isfinite(slope).all() and np.isfinite(hessian).all()):
                break
            step = _newton_step(slope, hessian)
            decrease = -float(slope @ step) / 2
            found = self._lower(flat, free, step, value)
            if found is None:
                break
            flat, value = found
            if decrease <= _CLOSE:
                break
        return flat, value

    def _lower(self, flat: Vector, free: Any, step: Vector, value: float) -> tuple[Vector, float] | None:
        """Return parameters of a smaller deviance along a step, and it; None if rounding hides any."""
        for k in range(_HALVINGS):
            new = flat.copy()
            new[free] += step / 2**k
            after = self.deviance(new)
            if after < value:
                return new, after
        return None


def _newton_step(slope: Vector, hessian: Matrix) -> Vector:
    """Return −|H|⁻¹ g, with the absolute values of the eigenvalues of H after scaling its diagonal to 1."""
    sizes = np.sqrt(np.abs(np.diag(hessian)))
    sizes = np.where(sizes > 0, sizes, 1.0)
    values, vectors = np.linalg.eigh(hessian / np.outer(sizes, sizes))
    values = np.maximum(np.abs(values), 1e-12 * np.max(np.abs(values), initial=1e-300))
    found: Vector = -(vectors @ ((vectors.T @ (slope / sizes)) / values)) / sizes
    return found
