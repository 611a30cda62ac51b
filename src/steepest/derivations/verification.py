"""Evaluate both sides of every equation of a layered derivation at random points.

The quantities are computed independently of the derivation. The values of z, a, ℓ and C come from the model's own
expressions, and their partial derivatives from complex steps through these (Squire and Trapp 1998), which use no rule
of differentiation. Networks are made narrower for that; their layers, activations and losses stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.derivations.lines import Form, Line, formula
from steepest.derivations.point_values import Truth, aligned
from steepest.derivations.problem import Problem
from steepest.errors import ShapeError
from steepest.expressions.expression import Expression

_SMALL = 1e-3
Difference = tuple[float, Expression, Expression]
"""The difference of two sides of an equation, and these."""
ARRAYS = ("vectors", "matrices", "columns")
"""The forms whose equations are in whole arrays, not in their elements."""


@dataclass(frozen=True)
class Verification:
    """The result of evaluating the equations of a form.

    Attributes:
        equations: how many were evaluated.
        points: at how many random points each.
        error: the largest difference of two sides, relative to the values.
        worst: the equation where it was, as text; empty if there is none.
    """

    equations: int
    points: int
    error: float
    worst: str


def verify(problem: Problem, form: Form, points: int = 3, seed: int = 0) -> Verification:
    """Evaluate both sides of every equation of a form.

    Args:
        problem: what was derived.
        form: one of its forms.
        points: at how many random points.
        seed: of the points.
    """
    return summary(_errors(problem, form, points, seed), points)


def _errors(problem: Problem, form: Form, points: int, seed: int) -> Iterator[Difference]:
    compare = array_difference if form.name in ARRAYS else difference
    for point in range(points):
        truth = Truth(problem, np.random.default_rng([seed, point]))
        truth.turned = form.name == "columns"
        for passage in form.passages:
            for level in passage.numbers or (0,):
                for left, right in sides(passage.lines):
                    yield compare(truth, left, right, level), left, right


def sides(lines: Iterable[Line]) -> Iterator[tuple[Expression, Expression]]:
    """Yield both sides of every line; one that continues another has its left side."""
    left: Expression | None = None
    for line in lines:
        left = line.left if line.left is not None else left
        assert left is not None  # a chain of equalities begins with one
        yield left, line.right


def summary(differences: Iterable[Difference], points: int) -> Verification:
    """Return the result of evaluating equations at several points."""
    count, worst, where = 0, 0.0, ""
    for error, left, right in differences:
        count += 1
        if not error <= worst:
            worst, where = error, f"{formula(left).text} = {formula(right).text}"
    return Verification(count // points, points, worst, where if worst > 1e-9 else "")


def difference(truth: Truth, left: Expression, right: Expression, level: int) -> float:
    """Return the largest difference of two sides relative to the largest value; ∞ if their shapes differ."""
    try:
        lengths = truth.lengths([left, right], level)
        values = [truth.value(side, level, lengths) for side in (left, right)]
        letters = sorted({letter for _, named in values for letter in named})
        first, second = (aligned(array, named, letters) for array, named in values)
    except (ShapeError, ValueError):  # NumPy says so where one index runs to different lengths
        return float("inf")
    if not letters and first.shape != second.shape:
        return float("inf")
    return relative_difference(first, second)


def array_difference(truth: Truth, left: Expression, right: Expression, level: int) -> float:
    """Return the same difference for an equation in vectors or matrices."""
    try:
        first, second = (truth.array_value(side, level) for side in (left, right))
    except (ShapeError, ValueError):
        return float("inf")
    return relative_difference(first, second) if first.shape == second.shape else float("inf")


def relative_difference(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the largest difference of two arrays relative to the largest value; ∞ for NaN or unequal shapes.

    Values below 1e-3 are divided by that instead, since terms that cancel leave rounding errors.
    """
    try:
        gap = np.abs(first - second)
    except ValueError:
        return float("inf")
    found = float(gap.max(initial=0.0)) / max(_SMALL, float(np.abs(first).max(initial=0.0)))
    return found if found == found else float("inf")
