"""What bands of new predictions need of a fit, without its samples: a saved model keeps it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from steepest.errors import InferenceError
from steepest.inference.bands import Bands, Curve, bands
from steepest.inference.distributions import check_level, normal_quantile, t_quantile
from steepest.inference.of_models import kind_of
from steepest.inference.uncertainty import Uncertainty
from steepest.messages.numbers import is_finite
from steepest.objectives.specification import Specification
from steepest.tables.samples import Samples
from steepest.training.parameter_vector import Matrix, ParameterVector

_ROUNDING = 1e-9  # by which a correlation may exceed 1
_LONGEST = 1000  # letters of a refusal
_KNOWN = ("labels", "covariance", "variance", "freedom", "refusal")


@dataclass(frozen=True, eq=False)
class ParameterErrors:
    """The errors of estimates, or why there are none.

    Attributes:
        labels: the elements of the parameters that were fitted or tied to these, k of them: w, or W[0, 1].
        covariance: of these, ``(k, k)``.
        variance: s², of a new value of the target, in the square of its unit; None if it is not known.
        freedom: the degrees of freedom of Student's t; None for the normal distribution.
        refusal: why there are no errors, in a sentence; None if there are.

    >>> from steepest import Model
    >>> model = Model("y ~ m").fit({"y": [1.0, 2, 3, 6]})
    >>> errors = model.parameter_errors
    >>> errors.labels, [[round(c, 4) for c in row] for row in errors.covariance.tolist()], errors.freedom
    (('m',), [[1.1667]], 3.0)
    """

    labels: tuple[str, ...] = ()
    covariance: Matrix = field(default_factory=lambda: np.zeros((0, 0)))
    variance: float | None = None
    freedom: float | None = None
    refusal: str | None = None

    @classmethod
    def of(cls, found: Uncertainty) -> ParameterErrors:
        """Return the errors of an uncertainty."""
        if found.refusal is not None:
            return cls(refusal=found.refusal)
        labels, covariance = list(found.labels), found.covariance
        if found.tied is not None:
            labels, covariance = labels + found.tied.labels, found.tied.whole(covariance)
        if not np.isfinite(covariance).all():
            return cls(refusal="there are no standard errors: they are beyond the range of float64")
        freedom = float(found.degrees_of_freedom) if found.method == "t" else None
        return cls(tuple(labels), covariance, found.new_variance, freedom)

    def document(self) -> dict[str, Any]:
        """Return the errors as values that JSON can hold; of the covariance the lower triangle, row by row."""
        if self.refusal is not None:
            return {"refusal": self.refusal[:_LONGEST]}
        triangle = self.covariance[np.tril_indices(len(self.labels))].tolist()
        return {
            "labels": list(self.labels), "covariance": triangle, "variance": self.variance, "freedom": self.freedom,
        }  # fmt: skip

    @classmethod
    def read(cls, document: Any, model: Specification) -> ParameterErrors:
        """Return the errors that :meth:`document` returned, after checking that they are those of a model.

        Raises:
            InferenceError: they are not.
        """
        if not isinstance(document, dict) or not set(document) <= set(_KNOWN):
            raise InferenceError("its standard errors cannot be read")
        if "refusal" in document:
            sentence = document["refusal"]
            if not isinstance(sentence, str) or not 0 < len(sentence) <= _LONGEST or not sentence.isprintable():
                raise InferenceError("its standard errors cannot be read")
            return cls(refusal=sentence)
        labels, given = document.get("labels"), document.get("covariance")
        vector = ParameterVector(model.prediction)
        if not isinstance(labels, list) or not isinstance(given, list) or len(given) != _triangle(len(labels)):
            raise InferenceError("its standard errors do not fit its parameters")
        if not all(isinstance(label, str) for label in labels) or len({*labels}) < len(labels) or not labels:
            raise InferenceError("its standard errors do not fit its parameters")
        fixed = {*vector.labels} - {*labels}
        if not {*labels} <= {*vector.labels} or any(vector.shapes.get(name) != () for name in fixed):
            raise InferenceError("its standard errors do not fit its parameters")
        if not all(is_finite(value) for value in given):
            raise InferenceError("its covariance has an element that is no finite number")
        variance, freedom = document.get("variance"), document.get("freedom")
        if not (variance is None or (is_finite(variance) and variance >= 0)):
            raise InferenceError("the variance of its residuals is no number from 0")
        if not (freedom is None or (is_finite(freedom) and freedom > 0)):
            raise InferenceError("its degrees of freedom are no positive number")
        return cls(tuple(labels), _matrix(given, len(labels)), variance, freedom)

    def fixed(self, model: Specification) -> list[str]:
        """Return the parameters that kept a number in the fit; empty if the errors are not known."""
        names = ParameterVector(model.prediction).labels
        return [] if self.refusal is not None else [name for name in names if name not in self.labels]

    @property
    def standard_errors(self) -> dict[str, float]:
        """The standard error of each element by its label.

        Raises:
            InferenceError: there is none; the message says why.
        """
        if self.refusal is not None:
            raise InferenceError(self.refusal)
        return dict(zip(self.labels, np.sqrt(np.diag(self.covariance)).tolist(), strict=True))

    def transformed(self, model: Specification, slopes: Matrix) -> ParameterErrors:
        """Return the errors of linear functions of the parameters, under the same names.

        With C the covariance and A the slopes, theirs is A C Aᵀ, which is exact. A parameter that kept a number has an
        error if its function depends on another one.

        Args:
            model: the model of the parameters.
            slopes: A, ``(p, p)``, in the order of the model's prediction.
        """
        if self.refusal is not None:
            return self
        labels = ParameterVector(model.prediction).labels
        places = [labels.index(label) for label in self.labels]
        rows = [k for k in range(len(labels)) if slopes[k, places].any()]
        a = slopes[np.ix_(rows, places)]
        return replace(self, labels=tuple(labels[k] for k in rows), covariance=a @ self.covariance @ a.T)

    def bands(self, model: Specification, samples: Samples, level: float) -> Bands:
        """Return bands of the prediction at some samples; see :meth:`steepest.Model.bands`."""
        check_level(level)
        if self.refusal is not None:
            raise InferenceError(self.refusal)
        quantile = normal_quantile(level) if self.freedom is None else t_quantile(level, self.freedom)
        vector = ParameterVector(model.prediction)
        whole, places = np.zeros((len(vector), len(vector))), [vector.labels.index(label) for label in self.labels]
        whole[np.ix_(places, places)] = self.covariance
        curve = Curve(model.prediction_in_own_units, vector, model.params, whole, kind_of(model), self.variance)
        return bands(curve, samples.arrays, samples.rows, quantile)


def _triangle(size: int) -> int:
    return size * (size + 1) // 2


def _matrix(triangle: Sequence[float], size: int) -> Matrix:
    """Return the symmetric matrix with this lower triangle, whose correlations are possible ones."""
    found = np.zeros((size, size))
    found[np.tril_indices(size)] = triangle
    found = found + np.tril(found, -1).T
    variances = np.diag(found)
    with np.errstate(invalid="ignore", over="ignore"):
        errors = np.sqrt(variances)
        largest = np.outer(errors, errors) * (1 + _ROUNDING)
    if not (variances >= 0).all() or not (np.abs(found) <= largest).all() or not math.isfinite(float(found.sum())):
        raise InferenceError("its covariance is not that of any estimates")
    return found
