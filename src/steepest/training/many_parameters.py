"""Judge the end of a descent of many parameters, by products of the Hessian matrix with vectors.

The matrix itself would be too large. Lanczos' method from the gradient g, which is that of conjugate gradients, gives
lower bounds ½ gᵀQT⁻¹Qᵀg of the Newton decrement ½ gᵀH⁻¹g, each larger than the one before. A large bound therefore
proves that a descent has not converged; a small one proves nothing by itself, as a flat direction may not be found yet.
What may be missing is r²/2λ for the residual r that the method has left and the smallest curvature λ, for which a tenth
of the smallest that was found is taken. Lanczos' method from a random vector finds smaller curvatures, and negative
ones, to which the gradient at a saddle is orthogonal. An end has converged if bound and missing part together are below
the same share of the cost as with few parameters, and if the second run was long enough to find the smallest curvature.

Products are with the equilibrated matrix D⁻¹HD⁻¹, so that the units of parameters matter neither to the number of
products nor to what counts as flat.

Source: Golub and Meurant 2010, Matrices, moments and quadrature, chapter 12, and Meurant and Tichý 2019, for bounds of
the error of conjugate gradients; Kuczyński and Woźniakowski 1992, for the probability to find the smallest eigenvalue;
Bradley and Murray 2011, Matrix-free approximate equilibration.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from steepest.calculus.prepared import PreparedCost
from steepest.calculus.sums_of_squares import jacobian
from steepest.engines.step import Params
from steepest.expressions.expression import Expression, toposort
from steepest.training import ends
from steepest.training.bounds import Bounds
from steepest.training.derivatives import Derivatives
from steepest.training.ends import CONVERGED_BELOW, NEAR, Examined
from steepest.training.parameter_vector import Matrix, ParameterVector, Vector
from steepest.training.residuals import squares_of
from steepest.training.steps import has_linear_scores

Product = Callable[[Vector], Vector]

MOST_WORK = 400_000_000
"""Number of products times rows times parameters: one to two seconds of arithmetic."""

_ROUNDS = 8  # of equilibration; each halves the exponents of the units that are left
_PROBES = 3  # random directions in which a parameter without effect must have none
_DOWN = 0.01  # the smallest curvature is to be found up to this share of the largest …
_DOWN_CONVEX = 0.1  # … or this, where it is known not to be negative …
_MISSED = 1e-3  # … but for this probability
_SLIGHT = 1e-8  # share of the cost that a parameter changes, moved by its own size; below, it counts as flat
_FIRST, _GROWTH = 8, 1.5  # steps before the bound is computed first, and their growth until the next time
_SMALLER = 0.1  # share of the smallest curvature found, in case there are smaller ones
_FLAT = 1e-13  # of the largest curvature: below, as in of_hessian, round-off decides
_EPS = float(np.finfo(float).eps)


def examine_end(
    prepared: PreparedCost, data: Mapping[str, Any], rows: int, params: Params, start: Params, sign: float = 1.0,
    dtype: str = "float64", bounds: Bounds = (), ends_judged: int = 1,
) -> Examined | None:  # fmt: skip
    """Return what the derivatives at some parameters say, whatever their number; None if one is not finite.

    Args:
        prepared, data, rows, params, start, sign, dtype, bounds: as of :func:`steepest.training.ends.examine`.
        ends_judged: among how many ends the work is divided.
    """
    given = prepared, data, rows, params, start, sign, dtype, bounds
    return ends.examine(*given) or examine_many(*given, ends_judged=ends_judged)


@np.errstate(all="ignore")
def examine_many(
    prepared: PreparedCost, data: Mapping[str, Any], rows: int, params: Params, start: Params, sign: float = 1.0,
    dtype: str = "float64", bounds: Bounds = (), ends_judged: int = 1,
) -> Examined | None:  # fmt: skip
    """Return what products of the Hessian matrix say at some parameters; see :func:`examine_end`."""
    wide = {name: np.asarray(value, np.float64) for name, value in data.items()}
    count = sum(int(np.size(value)) for value in params.values())
    steps = _steps(count, rows, MOST_WORK / ends_judged)
    if steps < 1:
        return Examined(
            math.inf, undecided=f"second derivatives by {count:,} parameters on {rows:,} rows take longer than a second"
        )
    whole = Derivatives(prepared, wide, rows, sign=sign)
    whole.bounded(bounds)
    flat, begun = whole.flat(params), whole.flat(start)
    gradient = whole.gradient(flat)
    size = ends.cost_size(prepared, whole, wide, rows, flat)
    terms = squares_of(prepared)
    floor = 0.0
    if terms is not None and sign > 0:
        rounding = ends.ROUNDINGS * float(np.finfo(dtype).eps)
        floor = rounding**2 * ends.squared_sizes(prepared, whole, wide, rows, terms, flat)
        if whole.merit(flat) <= floor:
            return Examined(0.0, exact=True)
    if not (np.isfinite(gradient).all() and math.isfinite(size)):
        return None
    convex = terms is not None and sign > 0 and all(_is_linear(term.residual, whole) for term in terms)
    point = _Point(
        whole, flat, begun, gradient, size or float(np.finfo(float).tiny), floor, steps, _needed(count, convex)
    )
    found = point.examined()
    if found is None:
        return None
    kinks = any(node.operation.kinks and node.parameters for node in toposort([prepared.cost]))
    separated = bool(found.dead) and terms is None and has_linear_scores(prepared.cost)
    return replace(found, kinks=kinks, separated=separated)


def _steps(count: int, rows: int, work: float) -> int:
    """Return how many products each of the two long runs may take; at most 0 if there is no time for them."""
    products = work / (count * max(rows, 1)) - _ROUNDS - 2 * _PROBES - _FIRST
    return int(min(count, products / 2, math.sqrt(work / 4 / count), ends.MOST_NUMBERS / count))


def _is_linear(residual: Expression, vector: ParameterVector) -> bool:
    """Return whether a residual is linear in the parameters."""
    block = jacobian(residual, vector.nodes)
    chosen = set() if block.chosen is None else {block.chosen.name}
    return not any(set(partial.parameters) - chosen for partial in block.partials)


def _needed(count: int, convex: bool) -> int:
    """Return after how many steps from a random vector the smallest curvature is known well enough.

    Source: Kuczyński and Woźniakowski 1992, theorem 4.2.
    """
    error = _DOWN_CONVEX if convex else _DOWN
    return min(count, math.ceil((math.log(1.648 * math.sqrt(count) / _MISSED) / math.sqrt(error) + 1) / 2))


@dataclass
class _Run:
    """Lanczos' method: orthonormal vectors Q and the tridiagonal matrix T = QᵀAQ.

    Attributes:
        basis: Qᵀ, ``(k, p)``.
        diagonal, beside: the elements of T; the last of the second leads out of the space.
        norm: of the vector from which it began.
        curvatures, vectors: the eigenvalues of T, ascending, and its eigenvectors as columns.
    """

    norm: float
    diagonal: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    basis: Matrix = field(default_factory=lambda: np.zeros((0, 0)))
    curvatures: Vector = field(default_factory=lambda: np.zeros(0))
    vectors: Matrix = field(default_factory=lambda: np.zeros((0, 0)))

    def decompose(self) -> None:
        """Compute eigenvalues and eigenvectors of T."""
        off = np.array(self.beside[:-1])
        self.curvatures, self.vectors = np.linalg.eigh(np.diag(self.diagonal) + np.diag(off, 1) + np.diag(off, -1))

    @property
    def largest(self) -> float:
        """The largest size of a curvature."""
        return float(np.abs(self.curvatures).max(initial=0.0))

    @property
    def smallest(self) -> float:
        """The smallest curvature."""
        return float(self.curvatures.min(initial=math.inf))

    def downward(self) -> tuple[Vector, Matrix]:
        """Return the negative curvatures that are no round-off, and their axes as rows."""
        down = self.curvatures < -NEAR * self.largest
        return self.curvatures[down], self.vectors.T[down] @ self.basis

    def solution(self) -> Vector:
        """Return |T|⁻¹ Qᵀg, the Newton step in the space, ``(k,)``; where T is flat to round-off, not further."""
        sizes = np.maximum(np.abs(self.curvatures), max(_EPS * self.largest, float(np.finfo(float).tiny)))
        found: Vector = self.vectors @ (self.norm * self.vectors[0] / sizes)
        return found

    def decrement(self) -> float:
        """Return ½ gᵀQ|T|⁻¹Qᵀg, a lower bound of the Newton decrement where no curvature is negative."""
        return 0.5 * self.norm * float(self.solution()[0])

    def missing(self, curvature: float) -> float:
        """Return the largest part of the decrement that is not found yet, if no curvature is below this one."""
        left = self.beside[-1] * abs(float(self.solution()[-1]))
        return 0.5 * left**2 / max(curvature, _FLAT * self.largest) if left else 0.0


def lanczos(product: Product, vector: Vector, steps: int, until: Callable[[_Run], bool]) -> _Run | None:
    """Return the run of Lanczos' method from a vector; None if a product is not finite.

    Vectors are orthogonalised against all before, twice, so that after p steps nothing is missing.

    Args:
        product: the symmetric matrix times a vector.
        vector: where it begins, ``(p,)``, not 0.
        steps: the largest number of products.
        until: whether a run is long enough, asked from time to time.
    """
    run = _Run(float(np.linalg.norm(vector)))
    basis, check = np.empty((steps, len(vector))), _FIRST
    now = vector / run.norm
    for k in range(1, steps + 1):
        basis[k - 1] = now
        rest = product(now)
        if not np.isfinite(rest).all():
            return None
        run.diagonal.append(float(now @ rest))
        before = float(np.linalg.norm(rest))
        for _ in range(2):
            rest = rest - basis[:k].T @ (basis[:k] @ rest)
        length = float(np.linalg.norm(rest))
        exhausted = k == len(vector) or length <= 10 * _EPS * max(before, max(map(abs, run.diagonal)))
        run.beside.append(0.0 if exhausted else length)
        if exhausted or k in (check, steps):
            run.basis, check = basis[:k], math.ceil(_GROWTH * k)
            run.decompose()
            if exhausted or until(run):
                return run
        now = rest / length
    return run


@dataclass
class _Point:
    """The end of a descent, with what its judgement needs."""

    whole: Derivatives
    flat: Vector
    start: Vector
    gradient: Vector
    size: float  # of the cost
    floor: float  # of a decrease, by round-off
    steps: int  # that a run may take
    needed: int  # steps from a random vector

    def __post_init__(self) -> None:
        self.free = self.whole.free(self.flat, self.gradient)
        self.sizes = np.maximum(np.abs(self.flat), np.abs(self.start))
        self.random = np.random.default_rng(len(self.flat))  # so that a judgement is the same each time
        self.scales = self._equilibrated()

    def examined(self) -> Examined | None:
        """Return what products with the Hessian matrix say."""
        along = self._along(min(_FIRST, self.steps), math.inf)
        if along is None:
            return None
        share, moving = self._share(along), self._moving(along)
        if share > NEAR:
            return Examined(share, moving=moving, at_least=True)
        across = lanczos(self._scaled, self._drawn(), min(self.steps, self.needed), lambda _: False)
        if across is not None and not self._is_enough(along, across.smallest):
            along = self._along(self.steps, across.smallest)
        if across is None or along is None:
            return None
        share, moving = self._share(along), self._moving(along)
        missing = self._missing(along, across.smallest)
        total = share + (missing / self.size if missing > self.floor else 0.0)
        saddle, dead = self._falls(along) or self._falls(across), self._dead()
        flat = (saddle or bool(dead)) and total <= NEAR
        if share > CONVERGED_BELOW and not flat:
            return Examined(share, moving=moving, at_least=True)
        if not flat and (why := self._undecided(total, along, across)):
            return Examined(math.inf, undecided=why)
        return Examined(total, False, saddle, dead, (), moving)

    def _along(self, steps: int, curvature: float) -> _Run | None:
        """Return the run from the gradient, where no smaller curvature than this one is known from elsewhere."""
        slopes = np.where(self.free, self.gradient, 0.0) / self.scales
        if not slopes.any():
            return _Run(0.0)
        return lanczos(self._scaled, slopes, steps, lambda run: self._is_enough(run, curvature))

    def _share(self, along: _Run) -> float:
        """Return the decrement as a share of the cost; 0 if it is round-off."""
        found = along.decrement() if along.norm else 0.0
        return 0.0 if found <= self.floor else found / self.size

    @staticmethod
    def _missing(along: _Run, curvature: float) -> float:
        """Return what may be missing, where no smaller curvature than this one is known from elsewhere."""
        return along.missing(_SMALLER * min(along.smallest, curvature)) if along.norm else 0.0

    def _undecided(self, share: float, along: _Run, across: _Run) -> str:
        """Return why the products do not say whether a descent has converged; an empty text if they do."""
        made = len(along.diagonal), len(across.diagonal)
        if share > CONVERGED_BELOW:
            return f"{made[0]:,} products with the second derivatives do not say what a Newton step would gain"
        if made[1] < self.needed and across.beside[-1]:
            return f"{made[1]:,} products with the second derivatives are too few to find the smallest curvature"
        return ""

    def _is_enough(self, run: _Run, curvature: float) -> bool:
        """Return whether a run from the gradient proves that the end is not near, or has found all of the decrement."""
        if not run.norm:
            return True
        found, missing, bar = run.decrement(), self._missing(run, curvature), CONVERGED_BELOW * self.size
        far = found > NEAR * self.size and found > self.floor
        return far or found + missing < bar / 2 or missing <= self.floor or bar < found > 100 * missing

    def _falls(self, run: _Run) -> bool:
        """Return whether the cost curves downwards along an axis by more than a share, for parameters of such size.

        A unit of a network that a penalty has switched off leaves curvatures of both signs that do not matter.
        """
        curvatures, axes = run.downward()
        if not len(curvatures):
            return False
        natural = math.sqrt(self.size) / self.scales  # of parameters that are 0, as at many a saddle
        sizes = np.where(self.sizes > 0, self.sizes, natural) * self.scales
        lengths = 1 / np.sum((axes / sizes) ** 2, axis=1)
        return bool((-0.5 * curvatures * lengths > NEAR * self.size).any())

    def _product(self, at: Vector, vector: Vector) -> Vector:
        """Return the Hessian matrix times a vector, among the parameters that can move."""
        return np.where(self.free, self.whole.product(at, np.where(self.free, vector, 0.0)), 0.0)

    def _scaled(self, vector: Vector) -> Vector:
        return self._product(self.flat, vector / self.scales) / self.scales

    def _drawn(self) -> Vector:
        """Return a random vector among the parameters that can move."""
        drawn: Vector = np.where(self.free, self.random.standard_normal(len(self.flat)), 0.0)
        return drawn if drawn.any() else np.ones(len(self.flat))

    def _equilibrated(self) -> Vector:
        """Return the diagonal of D, for which the rows of D⁻¹HD⁻¹ have about the same norm; 1 for rows of zeros."""
        scales, logarithms = np.ones(len(self.flat)), np.zeros(len(self.flat))
        for k in range(_ROUNDS):
            norms = np.abs(self._product(self.flat, self.random.choice([-1.0, 1.0], len(self.flat)) / scales))
            usable = np.isfinite(norms) & (norms > 0)
            scales = np.where(usable, np.sqrt(scales * np.where(usable, norms, 1.0)), scales)
            if k >= _ROUNDS // 2:
                logarithms += np.log(scales)
        # The row of a parameter without effect is round-off, which must not be enlarged to the size of the others.
        least = math.sqrt(_SLIGHT * self.size) / np.where(self.sizes > 0, self.sizes, math.inf)
        found: Vector = np.maximum(np.exp(logarithms / (_ROUNDS - _ROUNDS // 2)), least)
        return found

    def _dead(self) -> tuple[str, ...]:
        """Return the parameters that, moved by their own size with all others, change neither cost nor gradient."""
        sizes = np.where(self.sizes > 0, self.sizes, 1.0)
        effects, before = np.abs(self.gradient) * sizes, np.zeros(len(self.flat))
        for _ in range(_PROBES):
            direction = self.random.standard_normal(len(self.flat)) * sizes
            effects = np.maximum(effects, np.abs(self.whole.product(self.flat, direction)) * sizes)
            before = np.maximum(before, np.abs(self.whole.product(self.start, direction)) * sizes)
        alive = (effects > CONVERGED_BELOW * self.size) | (effects > ends.LOST * before)
        return tuple(label_at(self.whole, int(k)) for k in np.flatnonzero(~alive & self.free))

    def _moving(self, run: _Run) -> str:
        """Return the parameter that a Newton step moves most, in its own scale."""
        if not run.norm:
            return ""
        step = run.solution() @ run.basis
        return label_at(self.whole, int(np.abs(step).argmax())) if step.any() else ""


def label_at(vector: ParameterVector, place: int) -> str:
    """Return the name of an element of the vector: w, or W[0, 1] of an array.

    >>> from steepest.expressions.expression import PARAMETER, leaf
    >>> label_at(ParameterVector(leaf(PARAMETER, "W", (2, 3)) + 1), 4)
    'W[1, 1]'
    """
    for (name, shape), (first, end) in zip(vector.shapes.items(), itertools.pairwise(vector.edges), strict=True):
        if first <= place < end:
            inside = ", ".join(str(int(k)) for k in np.unravel_index(place - first, shape)) if shape else ""
            return f"{name}[{inside}]" if shape else name
    raise IndexError(place)
