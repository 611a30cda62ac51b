"""What the data say about the parameters: the inverse of the information, or the parameters they do not determine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from steepest.errors import InferenceError
from steepest.training.parameter_vector import Matrix, Vector

_PART = 0.01  # share of a parameter, in units of its own scale, in a direction along which the cost is flat


@dataclass(frozen=True, eq=False)
class Information:
    """The inverse of the information about the parameters, R Rᵀ, for errors of variance 1.

    Attributes:
        root: R, ``(p, p)``; None if the information is singular.
        absent: the labels of the parameters that the data do not determine.
        offset: how far the estimates are from the minimum: the length of the next Newton or Gauss–Newton step, in
            standard errors.
        downwards: whether the cost curves downwards in some direction, so that the estimates are at no minimum.
    """

    root: Matrix | None
    absent: tuple[str, ...]
    offset: float
    downwards: bool = False

    @property
    def required(self) -> Matrix:
        """R.

        Raises:
            InferenceError: the information is singular.
        """
        if self.root is None:
            raise InferenceError("the information is singular")
        return self.root


def named_by(directions: Matrix, labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels of the parameters that take part in directions, the rows of a matrix ``(k, p)``."""
    parts = np.linalg.norm(directions, axis=0)
    return tuple(label for label, part in zip(labels, parts, strict=True) if part > _PART)


class Estimation(Protocol):
    """A cost around its estimates, as intervals need it."""

    observations: float
    freedom: float

    @property
    def variance(self) -> float:
        """The variance of the errors, or 1 if it is not estimated."""

    @property
    def finite(self) -> bool:
        """Whether the cost and its derivatives are finite at the estimates."""

    @property
    def information(self) -> Information:
        """What the data say about the parameters."""

    def deviance(self, flat: Vector) -> float:
        """Return twice the negative log-likelihood, up to a constant, in units of the variance."""

    def sandwich(self, kind: str) -> Matrix:
        """Return the robust covariance."""

    def minimised(self, start: Vector, free: Any) -> tuple[Vector, float]:
        """Return the parameters of the smallest deviance that differ from a start in free elements only, and it."""
