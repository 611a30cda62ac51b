"""Numbers are folded as on paper: exactly on what was typed, or not at all."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

import steepest as st
from steepest.calculus.program import lower
from steepest.calculus.simplify import PRESENTATION, simplify
from steepest.expressions.arithmetic import folded

DECIMALS = some.decimals(-1000, 1000, places=6).map(float)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("0.1*3*x", "0.3*x"), ("0.1 + 0.2", "0.3"), ("1/3*x", "1/3*x"), ("x*(2*pi)", "2*pi*x"),
        ("3*(2*pi*x)", "6*pi*x"),
        ("-(2*pi*x)", "-2*pi*x"), ("pi - pi", "pi - pi"), ("x^(1.1 - 1)", "x^0.1"), ("x + 0.1 + 0.2", "x + 0.3"),
        ("0.3/0.1", "3"), ("1/4", "1/4"), ("pi/pi", "1"), ("1e300*1e300", "1e+300*1e+300"), ("2.5e-7*2", "5e-07"),
        ("x*0.123456789123*0.987654321987", "0.987654321987*0.123456789123*x"), ("3.14159*2*x", "6.28318*x"),
    ],
)  # fmt: skip
def test_what_is_folded(typed: str, shown: str) -> None:
    found = simplify(st.parse(typed), rules=PRESENTATION)
    assert str(found) == shown
    assert simplify(found, rules=PRESENTATION) is found


@given(DECIMALS, DECIMALS, some.sampled_from(["add", "subtract", "multiply"]))
def test_what_is_folded_is_exact(x: float, y: float, operation: str) -> None:
    value = folded(operation, x, y)
    a, b = Fraction(repr(x)), Fraction(repr(y))
    exact = {"add": a + b, "subtract": a - b, "multiply": a * b}[operation]
    assert value is None or Fraction(repr(value)) == exact
    rounded = float(exact)
    assert value is not None or Fraction(repr(rounded)) != exact


def test_an_engine_computes_the_same_to_the_last_digit() -> None:
    """What is not folded on paper is folded in the program, so that it costs nothing."""
    x = st.data("x")
    w = st.params("w")
    cost = st.mean(st.sin(2 * math.pi * x * w) * 0.1 * 3)
    (gradient,) = st.gradient(cost).values()
    rows = np.linspace(0.1, 2, 7)
    found = st.evaluate(gradient, {"x": rows, "w": 0.7})
    true = np.mean(0.3 * 2 * np.pi * rows * np.cos(2 * np.pi * rows * 0.7))
    assert found == pytest.approx(true, rel=1e-14)
    constants = [node.value for node in lower([gradient]).nodes if node.operation.name == "constant"]
    assert len(constants) <= 3
