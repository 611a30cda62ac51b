"""Residuals of a least-squares cost and their Jacobian matrix, as functions of the parameters in one vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steepest.calculus.prepared import PreparedCost
from steepest.calculus.sums_of_squares import SquaredTerm, squared_terms, stable_residuals
from steepest.engines.reference import compile_expressions
from steepest.engines.stepwise import Compiler, Runnable
from steepest.training.compensated import transposed_product
from steepest.training.parameter_vector import Matrix, ParameterVector, Slopes, Vector
from steepest.training.quadratic import Quadratic, of_squares


def squares_of(prepared: PreparedCost) -> tuple[SquaredTerm, ...] | None:
    """Return the squares of which a prepared cost is the sum; None if it is no such sum."""
    if "squared terms" not in prepared.cache:
        prepared.cache["squared terms"] = squared_terms(prepared.cost)
    found: tuple[SquaredTerm, ...] | None = prepared.cache["squared terms"]
    return found


_MOST_EXACT = 2_000_000  # elements of a Jacobian; extended precision takes ten times as long


class Residuals(ParameterVector):
    """Weighted residuals √v·r of a cost f·Σ v·r², and their Jacobian, over the rows of some columns.

    Where the weight is one number, as 1/n, it is the factor f, and v is 1: a product with √(1/n) would round J, of
    which the solution of an ill-conditioned problem needs every digit.

    Args:
        prepared: a cost that is a sum of squares.
        data, rows: arrays of the columns, ``(rows, …)``, and the number of samples.
        dtype: the precision of the arithmetic.
        compiler: compiles the expressions, by NumPy if left out.
        factored: whether a weight that is one number becomes the factor f; else f is 1.
    """

    def __init__(
        self, prepared: PreparedCost, data: Mapping[str, Any], rows: int, dtype: str = "float64",
        compiler: Compiler = compile_expressions, factored: bool = True,
    ) -> None:  # fmt: skip
        self._factored = factored
        terms = squares_of(prepared)
        assert terms is not None  # the caller has asked squares_of
        super().__init__(prepared.cost, dtype)
        self._terms, self._data, self._rows, self._prepared = terms, dict(data), rows, prepared
        self._values, self._slopes = _compiled(prepared, terms, self, dtype, compiler)
        self._roots: list[Any] | None = None
        self.factor = 1.0

    def merit(self, flat: Vector) -> float:
        """Return the sum of the squares; times ``factor`` it is the cost, but for what no parameter changes."""
        found = self.values(flat)
        return float(found @ found)

    def model(self, flat: Vector, scales: Vector) -> Quadratic | None:
        """Return the Gauss–Newton model; see :class:`steepest.training.trust_region.Modelled`."""
        residuals, jacobian = self.values(flat), self.jacobian(flat)
        with np.errstate(over="ignore", invalid="ignore"):  # the squares of finite numbers may overflow
            if not (
                np.isfinite(residuals @ residuals) and np.isfinite(np.einsum("ij,ij->j", jacobian, jacobian)).all()
            ):
                return None
        free = self.free(flat, jacobian.T @ residuals)
        return of_squares(residuals, jacobian[:, free], scales[free]).spread(free, scales)

    def values(self, flat: Vector) -> Vector:
        """Return the weighted residuals, ``(m,)``."""
        found = self._values({**self._data, **self.named(flat)}, self._rows)
        if self._roots is None:
            weights = [_one(np.asarray(weight, np.float64)) for weight in found[: len(self._terms)]]
            self.factor = float(weights[0]) if self._factored and not weights[0].ndim else 1.0
            self._roots = [np.sqrt(weight / self.factor) for weight in weights]
        parts = []
        for term, root, value in zip(self._terms, self._roots, found[len(self._terms) :], strict=True):
            parts.append(np.ravel(_weighted(root, self._each(term, value))))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def exact_gradient(self, flat: Vector) -> Vector:
        """Return 2 Jᵀr, which cancels at the minimum, from extended precision where the processor has it, ``(p,)``.

        Else its sums alone are compensated. Terms that cancel, as the powers of a polynomial, leave round-off in
        residuals and Jacobian, which the solution of an ill-conditioned problem magnifies.
        """
        found: Vector
        many = len(self) * self._rows > _MOST_EXACT
        if not many and np.finfo(np.longdouble).eps < np.finfo(np.float64).eps:
            return self._wide_gradient(flat)
        residuals, jacobian = self.values(flat), self.jacobian(flat)
        found = 2 * (jacobian.T @ residuals if many else transposed_product(jacobian, residuals))
        return found

    def _wide_gradient(self, flat: Vector) -> Vector:
        """Return 2 Jᵀr from the gradient in extended precision."""
        key = "gradient in extended precision"
        if key not in self._prepared.cache:
            partials = self._prepared.partials()
            self._prepared.cache[key] = compile_expressions([partials[name] for name in self.shapes], "longdouble")
        given = {**self._data, **self.named(flat)}
        wide = {name: np.asarray(value, np.longdouble) for name, value in given.items()}
        parts = zip(self._prepared.cache[key](wide, self._rows), self.shapes.values(), strict=True)
        whole = np.concatenate([np.broadcast_to(part, shape).ravel() for part, shape in parts])
        found: Vector = (whole / np.longdouble(self.factor)).astype(np.float64)
        return found

    def jacobian(self, flat: Vector) -> Matrix:
        """Return the partial derivatives of the weighted residuals, ``(m, p)``."""
        given = {**self._data, **self.named(flat)}
        parts = []
        for term, root, slopes in zip(self._terms, self._known_roots(flat), self._slopes, strict=True):
            columns = slopes(given, self._rows, self._samples(term))
            parts.append(_weighted(root, columns).reshape(-1, len(self)))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def weights(self, flat: Vector) -> Vector:
        """Return the weight v of each residual, ``(m,)``, which no parameter changes."""
        parts = []
        for term, root in zip(self._terms, self._known_roots(flat), strict=True):
            ones = np.ones((self._samples(term), *term.residual.shape))
            parts.append(np.ravel(_weighted(root, ones)) ** 2)
        return np.concatenate(parts)

    def _known_roots(self, flat: Vector) -> list[Any]:
        if self._roots is None:
            self.values(flat)
        assert self._roots is not None  # values has set it
        return self._roots

    def _samples(self, term: SquaredTerm) -> int:
        return self._rows if term.over_samples else 1

    def _each(self, term: SquaredTerm, value: Any) -> Any:
        """Return the residuals of a term for every sample, ``(rows, …)``."""
        value = np.asarray(value, np.float64)
        if term.over_samples and not term.residual.per_sample:
            return np.broadcast_to(value, (self._rows, *value.shape))
        return value if term.over_samples else value[None]


def _one(weight: Any) -> Any:
    """Return a weight, as one number if it is the same for all samples."""
    return weight.reshape(-1)[0] if weight.size and (weight == weight.reshape(-1)[0]).all() else weight


def _weighted(root: Any, values: Any) -> Any:
    """Multiply values, ``(samples, …)``, by the root of a weight, one number or one per sample."""
    return values * root.reshape(root.shape + (1,) * (values.ndim - root.ndim)) if root.ndim else values * root


def _compiled(
    prepared: PreparedCost, terms: Sequence[SquaredTerm], vector: ParameterVector, dtype: str, compiler: Compiler
) -> tuple[Runnable, list[Slopes]]:
    key = ("residuals", dtype, compiler)
    if key not in prepared.cache:
        residuals = stable_residuals(terms)
        values = compiler([*(term.weight for term in terms), *residuals], dtype)
        plain = ParameterVector(prepared.cost, dtype)  # not the residuals themselves, which hold the columns
        prepared.cache[key] = values, [Slopes(residual, plain, compiler) for residual in residuals]
    found: tuple[Runnable, list[Slopes]] = prepared.cache[key]
    return found
