"""The cheap gradient: its primitive operations over the samples against those of the cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from steepest.calculus.gradient import gradient
from steepest.calculus.program import lower
from steepest.calculus.stability import stabilise
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression, data, params

DEPTH = 200
Join = Callable[[Expression, Expression], Expression]

JOINS: dict[str, Join] = {
    "add": lambda e, w: e + w,
    "subtract": lambda e, w: w - e,
    "multiply": lambda e, w: e * w,
    "multiply from the left": lambda e, w: w * e,
    "divide": lambda e, w: e / w,
    "divide by": lambda e, w: w / e,
    "where": lambda e, w: op.where(data("x") > 0, e, w),
    "maximum": op.maximum,
    "minimum": lambda e, w: op.minimum(w, e),
    **{
        row.name: lambda e, w, row=row: row(e * w)  # type: ignore[misc]
        for row in op.TABLE
        if row.arity == 1 and row.shape is None and row.name != "stop_gradient"
    },
}


def over_samples(*roots: Expression) -> int:
    """Primitive operations that run over the samples; those on single numbers do not grow with the table."""
    nodes = lower(roots).nodes
    return sum(n.operation.flops for n in nodes if n.args and (n.per_sample or n.operation.over_samples))


def ratio(join: Join) -> float:
    """Cost and gradient together over the cost, for one operation many times over, each with its own parameter."""
    e = data("x")
    for k in range(DEPTH):
        e = join(e, params(f"w{k}"))
    cost = stabilise([op.mean(e)])[op.mean(e)]
    return over_samples(cost, *gradient(cost).values()) / over_samples(cost)


# Slopes without cancellation, or that stay 0 where an exponential underflows, take more operations than the bound
# allows; an exponential counts as one, though it takes as long as twenty.
BEYOND = {"exp": 4.5, "expm1": 5, "tanh": 6, "sigmoid": 5.5}


@pytest.mark.parametrize("name", list(JOINS))
def test_gradient_is_at_most_four_times_the_cost(name: str) -> None:
    """Baur and Strassen's bound, for every operation by itself, chained 200 deep."""
    assert ratio(JOINS[name]) <= BEYOND.get(name, 4)


@pytest.mark.parametrize("name", list(BEYOND))
def test_those_said_to_exceed_it_do(name: str) -> None:
    assert ratio(JOINS[name]) > 4


def test_a_power_with_a_moving_exponent_exceeds_it() -> None:
    """Its slopes are guarded at 0^0 and at log(0), and keep their digits for exponents below ½: 20 operations for 3."""
    assert 4 < ratio(lambda e, w: e**w) < 20 / 3 + 0.01


def test_sharing_survives_products_nested_to_the_right() -> None:
    """w·(w·(w·x)) must not be multiplied out: the count stays proportional to the depth, and deep ones work."""
    e = data("x")
    for k in range(20_000):
        e = params(f"w{k}") * e
    cost = op.mean(e)
    partials = gradient(cost)
    assert len(partials) == 20_000
    assert over_samples(cost, *partials.values()) <= 4 * over_samples(cost)
