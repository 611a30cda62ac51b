"""Products of sums are multiplied out where that makes them shorter, and where it ends; what was done has its name."""

from __future__ import annotations

from functools import reduce
from operator import mul

import pytest
import sympy

from steepest.calculus.polynomials import worked_out
from steepest.expressions.expression import Expression, params
from steepest.language.formula import parse


def _product(factors: int) -> tuple[Expression, Expression]:
    w = params("w")
    return w, reduce(mul, (w + params(f"x{k}") for k in range(factors)))


def test_what_cancels_is_multiplied_out() -> None:
    w, product = _product(2)
    x0, x1 = params("x0", "x1")
    found = worked_out(product - w**2 * 0 - w * w - w * x0 - w * x1)
    assert found is not None
    assert sympy.simplify(sympy.sympify(str(found[0])) - sympy.sympify("x0*x1")) == 0


def test_a_product_of_many_sums_is_left_alone() -> None:
    """2³⁰ terms would need more memory than there is."""
    _, product = _product(30)
    assert worked_out(product) is None


@pytest.mark.parametrize(
    ("before", "after", "done"),
    [
        ("(a + b)*(a - b) - a*a", "-b^2", "multiply out, like terms cancel"),
        ("a*b - b*a", "0", "like terms cancel"),
        ("a*b + b*a + a*b", "3*a*b", "add like terms"),
        ("sin(c)*a - b*a", "(sin(c) - b)*a", "take out common factors"),
        ("2*a*(1 - a)*c", "(2 - 2*a)*a*c", "multiply the number into the brackets"),
        ("-(a*(1 - a)*c)", "(a - 1)*a*c", "multiply the sign into the brackets"),
        ("2*a*(b - c) + 6*a*c", "(2*b + 4*c)*a", "multiply out, add like terms, take out common factors"),
        ("b*(1 - a)*c - (1 - b)*a*c", "(b - a)*c", "multiply out, like terms cancel, take out common factors"),
        ("a*a*a*b*a", "a^4*b", "write equal factors as a power"),
        ("-(-2*a*b)", "2*a*b", "multiply the number and the sign"),
        ("0.1*(a*b) + 0.2*(b*a)", "0.3*a*b", "add like terms"),
        ("pi*a*(b + c) - pi*a*b", "pi*a*c", "multiply out, like terms cancel"),
    ],
)
def test_the_name_says_what_was_done(before: str, after: str, done: str) -> None:
    """Values by SymPy: what is printed as the rule is no more than its name, but the two sides must be equal."""
    line = parse(before)
    found = worked_out(line)
    assert found is not None
    assert found[1] == done
    difference = sympy.sympify(f"({found[0]}) - ({after})", {name: sympy.Symbol(name) for name in "abc"})
    assert sympy.simplify(difference) == 0


def test_a_number_without_a_short_decimal_leaves_a_polynomial_as_it_is() -> None:
    """Its product has 24 digits, which no double has."""
    assert worked_out(parse("0.123456789123*(0.987654321987*a) + 0.123456789123*(0.987654321987*a)")) is None
