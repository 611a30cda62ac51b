"""The uncertainty of parameters that are tied to others, by the delta method."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from steepest.calculus.stability import stabilise
from steepest.engines.reference import compile_expressions
from steepest.expressions.expression import Expression
from steepest.inference.fitted import Fitted
from steepest.training.parameter_vector import Matrix, Slopes, Vector


@dataclass(frozen=True, eq=False)
class Tied:
    """Parameters that are functions g of the p estimates θ of a fit.

    Their covariance is G C Gᵀ to first order, with the covariance C of the estimates and G = ∂g/∂θ.

    Attributes:
        expressions: g by the names of the parameters, without columns.
        fitted: the fit of the others.

    >>> from steepest import Model
    >>> table = {"x": [1, 2, 3, 4], "y": [1.1, 1.9, 3.2, 3.9]}
    >>> run = Model("y ~ a*x + b").fit(table, tied={"b": "a/2"}).run
    >>> bool(abs(run.standard_errors["b"] - run.standard_errors["a"] / 2) < 1e-15)
    True

    Source: Seber and Wild 1989, section 5.1.
    """

    expressions: Mapping[str, Expression]
    fitted: Fitted

    @property
    def labels(self) -> list[str]:
        """The name of each of the m elements, as of :class:`steepest.training.parameter_vector.ParameterVector`."""
        return [
            f"{name}[{', '.join(map(str, place))}]" if each.shape else name
            for name, each in self.expressions.items()
            for place in np.ndindex(each.shape)
        ]

    @cached_property
    def _params(self) -> dict[str, Any]:
        return {name: np.asarray(value, np.float64) for name, value in self.fitted.params.items()}

    @cached_property
    def values(self) -> Vector:
        """The values, ``(m,)``."""
        made = compile_expressions(list(self.expressions.values()), "float64")(self._params, 1)
        parts = zip(self.expressions.values(), made, strict=True)
        return np.concatenate([np.ravel(np.broadcast_to(value, each.shape)) for each, value in parts])

    @cached_property
    def slopes(self) -> Matrix:
        """G, ``(m, p)``."""
        rows = []
        for each in self.expressions.values():
            if each.parameters:
                rows.append(Slopes(stabilise([each])[each], self.fitted.vector)(self._params, 1, 1)[0])
            else:  # all that it is tied to is fixed
                rows.append(np.zeros((math.prod(each.shape), len(self.fitted.vector))))
        return np.concatenate(rows)

    def errors(self, covariance: Matrix) -> Vector:
        """Return the standard errors, ``(m,)``, from the covariance of the estimates, ``(p, p)``."""
        variances = np.einsum("ip,pq,iq->i", self.slopes, covariance, self.slopes)
        found: Vector = np.sqrt(np.maximum(variances, 0.0))
        return found

    def whole(self, covariance: Matrix) -> Matrix:
        """Return the covariance of estimates and tied elements, ``(p + m, p + m)``, from that of the estimates."""
        root = np.concatenate([np.eye(len(covariance)), self.slopes])
        found: Matrix = root @ covariance @ root.T
        return found

    def named(self, flat: Vector) -> dict[str, Any]:
        """Return the elements of a vector by the names of the parameters, in their shapes."""
        found, begin = {}, 0
        for name, each in self.expressions.items():
            end = begin + math.prod(each.shape)
            found[name] = flat[begin:end].reshape(each.shape)[()]
            begin = end
        return found
