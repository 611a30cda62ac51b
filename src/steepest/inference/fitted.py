"""A fit as inference sees it: a cost, the columns it was fitted to, the estimates, and what the cost means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from steepest.calculus.prepared import PreparedCost
from steepest.expressions.expression import Expression
from steepest.objectives.costs import WEIGHT
from steepest.training.parameter_vector import ParameterVector, Vector
from steepest.training.residuals import squares_of


class Kind(Enum):
    """What a cost says about the distribution of the targets."""

    SQUARES = "least squares"  # normal errors, of one variance up to the weights
    CLASSES = "cross-entropy"  # −ln of the probability of the class
    COUNTS = "Poisson"  # −ln of the Poisson probability of the count, without ln y!
    OTHER = "another cost"


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fit.

    Attributes:
        prepared: the cost; its mean over the samples is minimised.
        columns: arrays by name, ``(rows, …)``.
        rows: the number of samples.
        params: the estimates by name.
        kind: what the cost is.
        prediction, target: both sides of the formula; None for a cost without a formula.
        weight_mean: what the sample weights were divided by, in the unit of the weights, to have the mean 1.
    """

    prepared: PreparedCost
    columns: Mapping[str, Any]
    rows: int
    params: Mapping[str, Any]
    kind: Kind
    prediction: Expression | None = None
    target: Expression | None = None
    weight_mean: float = 1.0

    @cached_property
    def vector(self) -> ParameterVector:
        """The parameters as one vector."""
        return ParameterVector(self.prepared.cost)

    @cached_property
    def estimate(self) -> Vector:
        """The estimates, ``(p,)``."""
        return self.vector.flat(self.params)

    @property
    def weights(self) -> Any:
        """The sample weights with mean 1, ``(rows,)``; None if there are none."""
        return self.columns.get(WEIGHT) if WEIGHT in self.prepared.cost.data else None

    @property
    def compares_targets(self) -> bool:
        """Whether the cost is a mean of squares of prediction − target."""
        terms = squares_of(self.prepared)
        if self.kind is not Kind.SQUARES or not terms or self.prediction is None or self.target is None:
            return False
        return len(terms) == 1 and terms[0].residual is self.prediction - self.target
