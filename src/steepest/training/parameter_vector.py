"""Parameters as one vector, and the partial derivatives of per-sample expressions by its elements."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.calculus.sums_of_squares import jacobian
from steepest.engines.reference import compile_expressions
from steepest.engines.stepwise import Compiler
from steepest.expressions.expression import PARAMETER, Expression
from steepest.training.bounds import Bounds

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


class ParameterVector:
    """The parameters of a cost as the elements of one vector θ, in the order of the cost.

    Args:
        cost: the expression.
        dtype: the precision of the parameters by name.

    Attributes:
        nodes: the parameters.
        shapes: their shapes by name.
        edges: where each begins in the vector, and the length of this, p.
        limits: the lowest and highest value of each element, ``(p,)``; None without bounds.

    >>> from steepest.expressions.expression import leaf
    >>> w = leaf(PARAMETER, "w", (2,))
    >>> ParameterVector(w + 1).labels
    ['w[0]', 'w[1]']
    """

    def __init__(self, cost: Expression, dtype: str = "float64") -> None:
        self.nodes = [node for node in cost.leaves if node.operation is PARAMETER]
        self.shapes = {node.name: node.shape for node in self.nodes}
        self.edges = list(itertools.accumulate(map(math.prod, self.shapes.values()), initial=0))
        self.dtype = np.dtype(dtype)
        self.limits: tuple[Vector, Vector] | None = None

    def bounded(self, bounds: Bounds) -> None:
        """Set the limits of the elements."""
        low, high = np.full(len(self), -np.inf), np.full(len(self), np.inf)
        for name, lowest, highest in bounds:
            k = list(self.shapes).index(name)
            low[self.edges[k] : self.edges[k + 1]] = lowest
            high[self.edges[k] : self.edges[k + 1]] = highest
        self.limits = (low, high) if bounds else None

    def free(self, flat: Vector, gradient: Vector) -> NDArray[np.bool_]:
        """Return which elements can move: not those at a limit beyond which the cost falls."""
        if self.limits is None:
            return np.ones(len(self), bool)
        low, high = self.limits
        return ~(((flat <= low) & (gradient > 0)) | ((flat >= high) & (gradient < 0)))

    def __len__(self) -> int:
        return self.edges[-1]

    def flat(self, params: Mapping[str, Any]) -> Vector:
        """Return parameters as one vector, ``(p,)``."""
        found: Vector = np.concatenate([np.ravel(params[name]) for name in self.shapes]).astype(np.float64)
        return found

    def named(self, flat: Vector) -> dict[str, Any]:
        """Return the elements of a vector by the names of the parameters, in their shapes."""
        pieces = zip(self.shapes.items(), itertools.pairwise(self.edges), strict=True)
        return {name: flat[a:b].reshape(shape).astype(self.dtype)[()] for (name, shape), (a, b) in pieces}

    def unpacked(self, rows: Matrix) -> list[dict[str, Any]]:
        """Return the elements of several vectors, ``(n, p)``, by the names of the parameters; numbers as ``float``."""
        columns = []
        for shape, (a, b) in zip(self.shapes.values(), itertools.pairwise(self.edges), strict=True):
            columns.append(rows[:, a:b].reshape(len(rows), *shape) if shape else rows[:, a].tolist())
        return [dict(zip(self.shapes, values, strict=True)) for values in zip(*columns, strict=True)]

    @property
    def labels(self) -> list[str]:
        """The name of each element: w, or W[0, 1] of an array."""
        return [
            f"{name}[{', '.join(map(str, place))}]" if shape else name
            for name, shape in self.shapes.items()
            for place in np.ndindex(shape)
        ]


class Slopes:
    """The partial derivatives ∂e_i/∂θ_j of an expression e for every sample i.

    Args:
        expression: one value, or one array, per sample; or the same for all samples.
        vector: the parameters θ.
        compiler: compiles the derivatives, by NumPy if left out.
    """

    def __init__(
        self, expression: Expression, vector: ParameterVector, compiler: Compiler = compile_expressions
    ) -> None:
        self._shape, self._vector = expression.shape, vector
        self._block = jacobian(expression, vector.nodes)
        self._run = compiler(self._block.partials, str(vector.dtype))

    def __call__(self, given: Mapping[str, Any], rows: int, samples: int) -> Matrix:
        """Return the partial derivatives, ``(samples, elements of e, p)``.

        Args:
            given: the columns and the parameters by name.
            rows: the number of rows of the columns.
            samples: ``rows``, or 1 if the expression is the same for all.
        """
        size = math.prod(self._shape)
        made = np.empty((samples, size, len(self._vector)))
        for k in range(size):
            values = dict(given)
            if self._block.chosen is not None:
                unit = np.zeros(size, self._vector.dtype)
                unit[k] = 1
                values[self._block.chosen.name] = unit.reshape(self._shape)
            found = self._run(values, rows)
            places = itertools.pairwise(self._vector.edges)
            for partial, value, (a, b) in zip(self._block.partials, found, places, strict=True):
                made[:, k, a:b] = np.asarray(value).reshape(len(value) if partial.per_sample else 1, -1)
        return made
