"""Products of sums are multiplied out where that makes them shorter, and where it ends."""

from __future__ import annotations

from functools import reduce
from operator import mul

import sympy

from steepest.calculus.polynomials import multiplied_out
from steepest.expressions.expression import Expression, params


def _product(factors: int) -> tuple[Expression, Expression]:
    w = params("w")
    return w, reduce(mul, (w + params(f"x{k}") for k in range(factors)))


def test_what_cancels_is_multiplied_out() -> None:
    w, product = _product(2)
    x0, x1 = params("x0", "x1")
    shorter = multiplied_out(product - w**2 * 0 - w * w - w * x0 - w * x1)
    assert shorter is not None
    assert sympy.simplify(sympy.sympify(str(shorter)) - sympy.sympify("x0*x1")) == 0


def test_a_product_of_many_sums_is_left_alone() -> None:
    """2³⁰ terms would need more memory than there is."""
    _, product = _product(30)
    assert multiplied_out(product) is None
