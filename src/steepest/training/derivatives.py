"""Gradient and Hessian matrix of a cost as functions of the parameters in one vector, and the models they give."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.calculus.prepared import PreparedCost
from steepest.calculus.second_order import hessian_columns, hessian_product
from steepest.engines.reference import compile_expressions
from steepest.engines.stepwise import Compiler, Runnable
from steepest.expressions.expression import CONSTANT, Expression
from steepest.training.parameter_vector import Matrix, ParameterVector, Vector
from steepest.training.quadratic import Quadratic, of_hessian

_MOST_TOGETHER = 12
"""Parameters up to which the columns of a Hessian matrix are computed by one program, which grows with them."""


class Derivatives(ParameterVector):
    """A cost with its first and second derivatives over the rows of some columns.

    Args:
        prepared: the cost.
        data, rows: arrays of the columns, ``(rows, …)``, and the number of samples.
        dtype: the precision of the arithmetic.
        sign: −1 for a cost that is maximised.
        compiler: compiles the expressions, by NumPy if left out.

    Attributes:
        factor: 1, the share of the cost in what is modelled.
        is_linear: whether the cost is linear in its parameters, so that the Hessian matrix is 0.
    """

    def __init__(
        self, prepared: PreparedCost, data: Mapping[str, Any], rows: int, dtype: str = "float64", sign: float = 1.0,
        compiler: Compiler = compile_expressions,
    ) -> None:  # fmt: skip
        super().__init__(prepared.cost, dtype)
        self._data, self._rows, self._sign, self.factor = dict(data), rows, sign, 1.0
        self._programs = _compiled(prepared, self.nodes, dtype, compiler)
        self.is_linear = self._programs.is_linear

    def merit(self, flat: Vector) -> float:
        """Return the cost."""
        return self._sign * float(self._programs.cost({**self._data, **self.named(flat)}, self._rows)[0])

    def gradient(self, flat: Vector) -> Vector:
        """Return the gradient, ``(p,)``."""
        found = self._programs.gradient({**self._data, **self.named(flat)}, self._rows)
        return self._sign * self._joined(found)

    def product(self, flat: Vector, direction: Vector) -> Vector:
        """Return the Hessian matrix times a vector, ``(p,)``."""
        given = {**self._data, **self.named(flat)}
        given |= {f"(direction) {name}": part for name, part in self.named(direction).items()}
        return self._sign * self._joined(self._programs.product()(given, self._rows))

    def hessian(self, flat: Vector) -> Matrix:
        """Return the Hessian matrix, ``(p, p)``, symmetric."""
        return self._gradient_and_hessian(flat)[1]

    def _gradient_and_hessian(self, flat: Vector) -> tuple[Vector, Matrix]:
        programs = self._programs
        if self.is_linear:
            return self.gradient(flat), np.zeros((len(flat), len(flat)))
        if programs.together is None:
            products = [self.product(flat, unit) for unit in np.eye(len(flat))]
            return self.gradient(flat), _symmetric(np.array(products))
        parts = programs.together({**self._data, **self.named(flat), **programs.units}, self._rows)
        n = len(self.nodes)
        found = np.array([self._joined(parts[k : k + n]) for k in range(0, len(parts), n)])
        return self._sign * found[0], self._sign * _symmetric(found[1:])

    def exact_gradient(self, flat: Vector) -> Vector:
        """Return the gradient, ``(p,)``, of which no more digits are known."""
        return self.gradient(flat)

    def model(self, flat: Vector, scales: Vector) -> Quadratic | None:
        """Return the second-order Taylor model; see :class:`steepest.training.trust_region.Modelled`."""
        gradient, hessian = self._gradient_and_hessian(flat)
        if not (np.isfinite(gradient).all() and np.isfinite(hessian).all()):
            return None
        free = self.free(flat, gradient)
        return of_hessian(gradient[free], hessian[np.ix_(free, free)], scales[free]).spread(free, scales)

    def _joined(self, parts: list[Any]) -> Vector:
        whole = [np.broadcast_to(part, node.shape).ravel() for part, node in zip(parts, self.nodes, strict=True)]
        found: Vector = np.concatenate(whole).astype(np.float64)
        return found


def _symmetric(matrix: Matrix) -> Matrix:
    found: Matrix = (matrix + matrix.T) / 2
    return found


@dataclass(frozen=True)
class _Programs:
    """What is compiled of a cost.

    Attributes:
        cost, gradient: the cost and its partial derivatives.
        product: compiles its Hessian matrix times a vector, once; few parameters do without.
        is_linear: whether this matrix is 0.
        together: the partial derivatives and the columns of the matrix; None if the parameters are many.
        units: the vectors that ``together`` takes.
    """

    cost: Runnable
    gradient: Runnable
    product: Callable[[], Runnable]
    is_linear: bool
    together: Runnable | None
    units: Mapping[str, Any]


def _compiled(prepared: PreparedCost, parameters: list[Expression], dtype: str, compiler: Compiler) -> _Programs:
    key = ("derivatives", dtype, compiler)
    if key not in prepared.cache:
        partials = [prepared.partials()[node.name] for node in parameters]
        products, directions = hessian_product(prepared.cost, partials, parameters)
        together: Runnable | None = None
        units: Mapping[str, Any] = {}
        if sum(math.prod(node.shape) for node in parameters) <= _MOST_TOGETHER:
            columns, units = hessian_columns(products, directions)
            together = compiler(list(itertools.chain(partials, *columns)), dtype)
        prepared.cache[key] = _Programs(
            compiler([prepared.stable], dtype),
            compiler(partials, dtype),
            functools.cache(lambda: compiler(products, dtype)),
            all(product.operation is CONSTANT and product.value == 0 for product in products),
            together,
            {name: unit.astype(dtype) for name, unit in units.items()},
        )
    found: _Programs = prepared.cache[key]
    return found
