"""Penalties on the weights: what they add to the cost and to its slope."""

from __future__ import annotations

from steepest.derivations.problem import Problem
from steepest.derivations.rules import tidy
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression, constant


def slope_of_penalty(problem: Problem, weight: Expression) -> Expression:
    """∂/∂w of l1·|w| + l2/2·w²: l1·sgn w + l2·w; acts on arrays element by element.

    Source: Tibshirani 1996 (l1), Hoerl and Kennard 1970 (l2).
    """
    parts = []
    if problem.l1:
        parts.append(constant(problem.l1) * op.sign(weight))
    if problem.l2:
        parts.append(constant(problem.l2) * weight)
    return tidy(parts[0] + parts[1] if len(parts) == 2 else parts[0])
