"""Confidence and prediction bands of a prediction by the delta method."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest.calculus.stability import stabilise
from steepest.engines.reference import compile_expressions
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression
from steepest.inference.fitted import Kind
from steepest.tables.values import bind
from steepest.training.parameter_vector import Matrix, ParameterVector, Slopes

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bands:
    """Bands of a prediction, in the unit of the target.

    Attributes:
        prediction: ``(rows,)`` or ``(rows, k)``, like the other arrays.
        standard_errors: those of the prediction.
        confidence: lower and upper ends of intervals for the expected value.
        interval: lower and upper ends of intervals for a new value of the target, of weight 1; None for a cost that
            is not a mean of squares of prediction − target, and with ``robust``, as the variance is not known.
    """

    prediction: Array
    standard_errors: Array
    confidence: tuple[Array, Array]
    interval: tuple[Array, Array] | None

    def of_output(self, k: int) -> Bands:
        """Return the bands of the k-th of several outputs."""
        (low, high), wide = self.confidence, self.interval
        ends = None if wide is None else (wide[0][:, k], wide[1][:, k])
        return Bands(self.prediction[:, k], self.standard_errors[:, k], (low[:, k], high[:, k]), ends)


@dataclass(frozen=True, eq=False)
class Curve:
    """A prediction with its estimates and their covariance.

    Attributes:
        prediction: f.
        vector: the parameters, as a vector θ.
        params: the estimates by name.
        covariance: C, ``(p, p)``.
        kind: what the cost is.
        variance: s², of a new value of the target; None if it is not known.
    """

    prediction: Expression
    vector: ParameterVector
    params: Mapping[str, Any]
    covariance: Matrix
    kind: Kind
    variance: float | None


def bands(curve: Curve, columns: Mapping[str, ArrayLike], rows: int, quantile: float) -> Bands:
    """Return bands of a prediction f at the rows of some columns.

    With g = ∂f/∂θ at the estimates and their covariance C, f has the standard error √(gᵀ C g), and a new value of the
    target scatters by √(s² + gᵀ C g) about it. Probabilities have their intervals on the scale of the logit and means
    of counts on that of the logarithm, f ↦ h(f) with the error h′(f) √(gᵀ C g), so that no end is outside of what is
    possible. Each interval has the level by itself, not all of them together.

    Args:
        curve: the fit.
        columns, rows: arrays by name, ``(rows, …)``.
        quantile: the half-width of the intervals in standard errors.

    Raises:
        ValuesError: a column is missing or has a wrong shape.

    Source: Seber and Wild 1989, section 5.1; Bates and Watts 1988, section 2.3; McCullagh and Nelder 1989, section
    12.2.
    """
    value, errors = _with_errors(curve, curve.prediction, columns, rows)
    if curve.kind in (Kind.CLASSES, Kind.COUNTS):
        return Bands(value, errors, _possible(curve, value, errors, columns, rows, quantile), None)
    reach, wide = quantile * errors, None
    if curve.variance is not None:
        scatter = quantile * np.hypot(errors, math.sqrt(curve.variance))
        wide = (value - scatter, value + scatter)
    return Bands(value, errors, (value - reach, value + reach), wide)


def _with_errors(
    curve: Curve, expression: Expression, columns: Mapping[str, ArrayLike], rows: int
) -> tuple[Array, Array]:
    """Return the values of an expression and their standard errors, ``(rows, …)`` each."""
    named = {name: np.asarray(value, np.float64) for name, value in curve.params.items()}
    given: Mapping[str, Any] = {**columns, **{name: named[name] for name in expression.parameters}}
    arrays = bind([expression], given, "float64").arrays
    stable = stabilise([expression])[expression]
    shape = (rows, *expression.shape)
    value = np.broadcast_to(np.asarray(compile_expressions([stable])(arrays, rows)[0]), shape)
    slopes = Slopes(stable, curve.vector)(arrays, rows, rows if expression.per_sample else 1)
    variances = np.einsum("ikp,pq,ikq->ik", slopes, curve.covariance, slopes)
    errors = np.sqrt(np.maximum(np.broadcast_to(variances.reshape(-1, *expression.shape), shape), 0.0))
    return value, errors


def _possible(
    curve: Curve, value: Array, errors: Array, columns: Mapping[str, ArrayLike], rows: int, quantile: float
) -> tuple[Array, Array]:
    """Return intervals of probabilities between 0 and 1, or of means of counts above 0."""
    outer = op.sigmoid if curve.kind is Kind.CLASSES else op.exp
    if curve.prediction.operation is outer:  # its argument has the scale, without the rounding of 1 − f near 1
        inside, scattered = _with_errors(curve, curve.prediction.args[0], columns, rows)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = value / (1 - value) if curve.kind is Kind.CLASSES else value
            inside = np.log(odds)
            scattered = errors / (value * (1 - value) if curve.kind is Kind.CLASSES else value)
    with np.errstate(over="ignore", invalid="ignore"):
        ends = [inside - quantile * scattered, inside + quantile * scattered]
        low, high = (_logistic(end) if curve.kind is Kind.CLASSES else np.exp(end) for end in ends)
    at_edge = ~np.isfinite(inside) | ~np.isfinite(scattered)
    return np.where(at_edge, value, low), np.where(at_edge, value, high)


def _logistic(z: Array) -> Array:
    """Return 1/(1 + exp(−z)) without overflow."""
    small = np.exp(-np.abs(z))
    found: Array = np.where(z >= 0, 1 / (1 + small), small / (1 + small))
    return found
