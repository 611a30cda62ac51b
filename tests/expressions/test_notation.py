"""Signs of the notation give way to the names of a formula, wherever formulas are printed."""

from __future__ import annotations

import math

import pytest

import steepest as st
from steepest.expressions.expression import constant
from steepest.expressions.latex import latex
from steepest.expressions.maths_text import maths
from steepest.expressions.notation import notation_for, notation_of, sentence


@pytest.mark.parametrize(
    ("formula", "data", "text", "tex"),
    [
        (
            "mean((w*x - n)^2)",
            "x",
            "1/N Σ (w·x_i − n)²",
            r"\frac{1}{N} \sum_{i=1}^{N} \left(w \cdot x_{i} - n\right)^{2}",
        ),
        ("total(i*x)", "x", "Σ i·x_j", r"\sum_{j=1}^{n} i \cdot x_{j}"),
        ("mean(x*x_i)", "x", "1/n Σ x_j·x_i", r"\frac{1}{n} \sum_{j=1}^{n} x_{j} \cdot \mathrm{x\_i}"),
        ("exp(2*e)", "", "exp(2·e)", r"\exp\left(2 \cdot e\right)"),
        ("sigmoid(sigma)", "", "sigmoid(sigma)", r"\operatorname{sigmoid}\left(\sigma\right)"),
        ("2*pi*x", "", "2·π·x", r"2 \cdot \pi \cdot x"),
        ("2*pi*`pi`", "", "2·3.141592653589793·`pi`", r"2 \cdot 3.141592653589793 \cdot \pi"),
        ("x1*x_1", "", "x1·x_1", r"\mathrm{x1} \cdot \mathrm{x\_1}"),
        ("delta*`δ`", "", "delta·δ", r"\mathrm{delta} \cdot \delta"),
        ("3.14159*x", "", "3.14159·x", r"3.14159 \cdot x"),
        ("x*n*y", "", "x·n·y", r"x \cdot n \cdot y"),
        ("1e-10*e", "", "1·10⁻¹⁰·e", r"1 \cdot 10^{-10} \cdot e"),
    ],
)
def test_how_formulas_are_printed(formula: str, data: str, text: str, tex: str) -> None:
    found = st.parse(formula, data=list(data))
    assert (maths(found), latex(found)) == (text, tex)
    assert st.parse(str(found), data=list(data)) is found


@pytest.mark.parametrize("data", [[], ["pi"], ["π"], ["x"]])
@pytest.mark.parametrize("formula", ["2*pi", "-pi*x", "x^-pi + 1/pi", "pi*`pi`*π", "x*-(pi)", "6.283185307179586*x"])
def test_pi_reads_back(formula: str, data: list[str]) -> None:
    found = st.parse(formula, data=data)
    assert st.parse(str(found), data=data) is found


def test_multiples_of_pi_are_printed_so_but_not_in_formula_text() -> None:
    found = constant(2 * math.pi) * st.params("x") + constant(-math.pi / 4)
    assert maths(found) == "2·π·x + −π/4"
    assert str(found) == "6.283185307179586*x + -0.7853981633974483"


@pytest.mark.parametrize(
    ("name", "formula", "said"),
    [
        ("n", "mean(n*x)", "N is the number of samples, because n is a parameter."),
        ("n", "total(n*x)", "n is a parameter, not the number of samples."),
        ("i", "mean(i*x)", "j is the index of a sample, because i is a parameter."),
        ("x_i", "mean(x_i*x)", "j is the index of a sample, because x_i is a parameter."),
        ("e", "mean(e*x)", "e is a parameter, not Euler's number."),
        ("x_1", "mean(x_1*x)", "x_1 is a parameter, not the value of x for sample 1."),
        ("sigma", "mean(sigmoid(sigma*x))", "sigmoid is the logistic function, because sigma is a parameter."),
        ("Σ", "mean(Σ*x)", "sum is the sum over the samples, because Σ is a parameter."),
        ("w", "mean(w*x)", ""),
    ],
)
def test_what_is_said_of_it(name: str, formula: str, said: str) -> None:
    found = st.parse(formula, data=["x"])
    assert " ".join(map(sentence, notation_of([found]).remarks([found], latex=False))) == said


def test_notebooks_say_it_below_the_formula() -> None:
    shown = st.parse("mean(n*x)", data=["x"])._repr_latex_()
    assert shown is not None
    assert shown.endswith("$\n\n$N$ is the number of samples, because $n$ is a parameter.")
    assert (
        st.parse("mean(w*x)", data=["x"])._repr_latex_() == r"$\displaystyle \frac{1}{n} \sum_{i=1}^{n} w \cdot x_{i}$"
    )


def test_ascii_has_no_sign_that_is_a_name() -> None:
    names = st.derive(st.parse("mean(d*x + δ*delta)", data=["x"]), "d").text(plain=True)
    assert "del is the sign of a partial derivative, because d is a parameter." in names
    assert "del C/del d" in names
    assert "d*x_i + \\u03b4*delta" in names


def test_letters_do_not_run_out() -> None:
    names = dict.fromkeys("nNMKSTCFJQLABDEGHIOPRUVWXYZijklrstqmabcdefghopuvwxyz", "a parameter")
    notation = notation_for(names)
    assert notation.count not in names
    assert notation.index not in names
    assert notation.free("CFJQL") not in names


def test_a_graph_has_no_gate_with_the_sign_of_a_name() -> None:
    found = st.graph(st.parse("mean(sigmoid(sigma*x)*w) + n", data=["x"]), {"x": [1.0], "w": 1, "n": 2, "sigma": 0.3})
    drawn = found.svg()
    assert "1/N Σ v1" in drawn
    assert "1/n" not in drawn
    assert "σ(" not in drawn
