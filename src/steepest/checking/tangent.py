"""The tangent: the change of a function over a small step, estimated by the gradient and exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from steepest.calculus.gradient import gradient
from steepest.checking.kinks import kink_along
from steepest.engines import evaluate
from steepest.errors import GradientError
from steepest.expressions.expression import Expression, expect_expression
from steepest.messages.hints import nearest


@dataclass(frozen=True)
class Tangent:
    """The terms of Δz ≈ ∂z/∂x Δx + ∂z/∂y Δy + … at a point.

    Attributes:
        value: f at the point.
        partials: the partial derivative with respect to each name in ``move``.
        terms: partial derivative times change, for each.
        estimate: their sum, the change along the tangent.
        change: the true change of f.
        path: f at the point and after each change in turn.
        move: the change of each name.
    """

    value: float
    partials: dict[str, float]
    terms: dict[str, float]
    estimate: float
    change: float
    path: tuple[float, ...]
    move: dict[str, float]

    @property
    def tangent_value(self) -> float:
        """The value of the tangent at the end."""
        return self.value + self.estimate

    @property
    def error(self) -> float:
        """The true change minus the estimate."""
        return self.change - self.estimate

    def trend(self, name: str) -> str:
        """Return whether f is "increasing", "decreasing" or "stationary" in a name at the point."""
        slope = self.partials[name]
        return "increasing" if slope > 0 else "decreasing" if slope < 0 else "stationary"

    def __str__(self) -> str:
        rows = [f"f = {self.value:z.10g}"]
        rows += [
            f"∂f/∂{name} · Δ{name} = {slope:z.10g} · {self.move[name]:z.10g} = {self.terms[name]:z.10g}"
            f"   ({self.trend(name)})"
            for name, slope in self.partials.items()
        ]
        rows += [
            f"Δf ≈ {self.estimate:z.10g}, so f ≈ {self.tangent_value:z.10g}",
            f"Δf = {self.change:z.10g}, so f = {self.value + self.change:z.10g}",
            f"error {self.error:z.10g}",
        ]
        return "\n".join(rows)


def tangent(f: Expression, at: Mapping[str, float], move: Mapping[str, float]) -> Tangent:
    """Estimate the change of f by its gradient, and compare with the true change.

    Args:
        f: a scalar expression of parameters.
        at: the point: a number for every parameter.
        move: the change of each name; those left out are constant.

    Returns:
        A Tangent.

    Raises:
        GradientError: f is not a scalar, a name is not in it, f or a derivative is not finite, or a derivative jumps at
            the point.
        ValuesError: a parameter has no value.

    >>> from steepest.expressions.expression import params
    >>> x, y = params("x", "y")
    >>> t = tangent(2 * x**2 + y**2, at={"x": 0.5, "y": 0.5}, move={"x": 0.1, "y": 0.1})
    >>> round(t.tangent_value, 12), round(t.error, 12), [round(z, 12) for z in t.path]
    (1.05, 0.03, [0.75, 0.97, 1.08])

    Source: rows E2 and E3 of the notes.
    """
    expect_expression(f, "tangent")
    for name in [*move, *at]:
        if name not in f.parameters:
            what = "is in move" if name in move else "has a value"
            raise GradientError(f"{name!r} {what} but is not a parameter of the formula{nearest(name, f.parameters)}")
    partials = {name: float(slope) for name, slope in evaluate(gradient(f, wrt=move), at).items()}
    point = dict(at)
    path = [float(evaluate(f, point))]
    for name, distance in move.items():
        point[name] = at[name] + distance
        path.append(float(evaluate(f, point)))
    slopes = {f"∂f/∂{name} at the point": slope for name, slope in partials.items()}
    for text, number in {"f at the point": path[0], **slopes, "f after the move": path[-1]}.items():
        if not isfinite(number):
            raise GradientError(f"{text} is {number}, so there is no tangent to compare with; choose other numbers")
    for name in move:
        kink = kink_along(f, at, {name: 1.0})
        if kink is not None:
            raise GradientError(
                f"there is no tangent at the point: the slope in {name} jumps at {kink.where}; choose other numbers"
            )
    terms = {name: partials[name] * float(distance) for name, distance in move.items()}
    change = path[-1] - path[0]
    moves = {name: float(distance) for name, distance in move.items()}
    return Tangent(path[0], partials, terms, sum(terms.values()), change, tuple(path), moves)
