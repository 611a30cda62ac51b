"""Verdicts against SymPy: what it derives and prints holds, what is changed differs; and against st.derive."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sympy

import steepest as st
from steepest.proofreading import proofread

x, y, w, b = sympy.symbols("x y w b")
FUNCTIONS = [
    x**3 - 4 * x + 1,
    sympy.sin(x) * sympy.exp(2 * x),
    sympy.cos(x**2),
    x**2 / (1 + x**2),
    sympy.exp(-(x**2)) * x,
    sympy.tanh(3 * x),
    sympy.log(1 + x**2),
    sympy.sqrt(4 + x**2),
    1 / (1 + sympy.exp(-x)),
    (2 * x + 1) ** 5,
    sympy.sin(sympy.cos(x)),
    x * sympy.atan(2 * x),
    x * sympy.log(1 + sympy.exp(x)),
    sympy.exp(sympy.sin(x)) / (2 + x**2),
]


def written(expression: Any) -> str:
    return str(sympy.latex(expression, ln_notation=True))


@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_what_sympy_derives_holds(function: Any) -> None:
    derivative = sympy.diff(function, x)
    second = written(sympy.diff(derivative, x))
    proof = proofread(f"$$f(x) = {written(function)}$$ $$f'(x) = {written(derivative)}$$ $$f''(x) = {second}$$")
    assert [f.verdict for f in proof.findings] == ["defines", "holds", "holds"], str(proof)


@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_what_is_added_to_it_differs(function: Any) -> None:
    rng = random.Random(str(function))
    for change in (sympy.Rational(1, 7), x / 50, rng.choice([sympy.sin(x), sympy.exp(x), x**2]) / 9):
        wrong = sympy.diff(function, x) + change
        proof = proofread(f"$$f(x) = {written(function)}$$ $$f'(x) = {written(wrong)}$$")
        assert not proof.ok, str(proof)


@pytest.mark.parametrize("seed", range(12))
def test_expanded_and_factored_polynomials_are_equal(seed: int) -> None:
    rng = random.Random(seed)
    factors = [rng.randint(-3, 3) * x + rng.randint(-3, 3) * y + rng.choice([-2, -1, 1, 2]) for _ in range(3)]
    product = sympy.Mul(*factors)
    assert proofread(f"$${written(product)} = {written(sympy.expand(product))}$$").ok
    assert not proofread(f"$${written(product)} = {written(sympy.expand(product) + x * y)}$$").ok


def test_partial_derivatives_of_sympy() -> None:
    f = sympy.exp(w * x) * sympy.sin(b * x) + w * b**2
    text = f"$$f(w, b) = {written(f)}$$" + "".join(
        rf"$$\frac{{\partial f}}{{\partial {v}}} = {written(sympy.diff(f, v))}$$" for v in (w, b)
    )
    assert [finding.verdict for finding in proofread(text).findings] == ["defines", "holds", "holds"]


FORMULAS = {
    "mean((x*w - y)^2)": "xy",
    "mean((sigmoid(x*w1 + y*w2 + b) - z)^2)": "xyz",
    "x^2*exp(-x) + log(x)/x": "",
    "mean((tanh(x*w1 + b1)*w2 + b2 - y)^2)": "xy",
    "mean((relu(x*w + b) - y)^2)": "xy",
    "sqrt(a^2 + b^2)": "",
    "mean(leaky_relu(x*w + b))": "x",
    "-mean(y*log(sigmoid(x*w + b)) + (1 - y)*log(1 - sigmoid(x*w + b)))": "xy",
    "mean(where(x*w > 0, x*w, 0.1*x*w))": "x",
    "(a + b)*(a - b)/(a*b)": "",
    "sin(a*b)*cos(a)^2": "",
}


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("level", ["terse", "full"])
def test_derivations_of_steepest_proof_read_clean(formula: str, level: str) -> None:
    cost = st.parse(formula, data=list(FORMULAS[formula]))
    for name in cost.parameters:
        derivation = st.derive(cost, name, level)
        for text in (derivation.latex(), derivation.markdown()):
            proof = proofread(text)
            counts = proof.counts
            assert not counts["differs"] + counts["not-understood"], str(proof)
            assert counts["holds"] + counts["defines"] == len(proof.findings) > len(derivation.steps) / 2


def test_sides_are_expressions_of_steepest() -> None:
    text = r"""
$$C = \frac{1}{n} \sum_{i=1}^{n} (x_i w - y_i)^2$$
$$\partial_w C = \frac{2}{n} \sum_{i=1}^{n} (x_i w - y_i) x_i$$
"""
    first, second = proofread(text).findings
    cost, slope = first.right, second.right
    assert cost is not None
    assert slope is not None
    values = {"x": [0.0, 1.0, 2.0], "y": [1.0, 0.0, 3.0], "w": 0.7}
    by_hand = sum((a * 0.7 - c) ** 2 for a, c in zip(values["x"], values["y"], strict=True)) / 3  # type: ignore[call-overload]
    assert float(st.evaluate(cost, values)) == pytest.approx(by_hand, rel=1e-14)
    assert float(st.evaluate(slope, values)) == pytest.approx(
        float(st.evaluate(st.gradient(cost)["w"], values)), rel=1e-13
    )
    assert proofread("$Z = W X$ and $W^T = Z$").findings[1].left is None
