"""MathML: of every operation and construct, by an XML parser, against what the formula says."""

from __future__ import annotations

import builtins
import re
from xml.etree import ElementTree

import pytest

import steepest as st
from steepest.display.mathml import mathml, mathml_lines
from steepest.errors import DocumentError, ShapeError
from steepest.expressions.expression import PARAMETER, Expression, leaf
from steepest.expressions.latex import latex
from steepest.expressions.maths_text import maths
from steepest.expressions.operations import TABLE


def tree(formula: str, display: bool = False) -> ElementTree.Element:
    return ElementTree.fromstring(mathml(formula, "said", display))


def read(formula: str) -> str:
    """The signs of a formula in the order in which they stand."""
    return re.sub(r"\s", "", "".join(tree(formula).itertext())).replace("\u2061", "")


def example(name: str) -> Expression:
    row = next(row for row in TABLE if row.name == name)
    for shape in ((), (3,), (2, 2)):
        args = [leaf(PARAMETER, letter, shape) for letter in "xyz"[: row.arity]]
        if row.over_samples:
            args = [st.data(letter, shape=shape) for letter in "xyz"[: row.arity]]
        try:
            return row(*args, attributes=(3,) * bool(row.attributes))
        except ShapeError:
            continue
    raise AssertionError(name)


# Where the signs in order are not those of the mathematical text: the formula has a notation of its own.
OTHERWISE = {
    "divide": "xy", "exp": "ex", "log": "ln(x)", "log1p": "ln(1+x)", "expm1": "(ex−1)", "sqrt": "x", "sign": "sgn(x)",
    "maximum": "max(x,y)", "minimum": "min(x,y)", "where": "{yxzotherwise", "matmul": "xy", "transpose": "x⊤",
    "outer": "xy⊤", "sum": "∑jx", "expand": "expand(x;3)", "one_hot": "onehot3(x)", "largest": "maxjx", "count": "n",
    "mean": "1n∑i=1nxi", "total": "∑i=1nxi", "total_outer": "∑i=1nxiyi⊤", "power": "xy", "negate": "−x",
    "arcsinh": "arsinh(x)", "arccosh": "arcosh(x)", "arctanh": "artanh(x)", "exp2": "2x", "norm": "‖x‖",
    "floor": "⌊x⌋", "ceil": "⌈x⌉", "mod": "xmody", "gauss": "e−x2", "normal_pdf": "φ(x)", "normal_cdf": "Φ(x)",
}  # fmt: skip


@pytest.mark.parametrize("name", [row.name for row in TABLE])
def test_every_operation_says_what_its_formula_says(name: str) -> None:
    expression = example(name)
    expected = OTHERWISE.get(name) or re.sub(r"\s", "", maths(expression))
    assert read(latex(expression)) == expected.replace("_", "_")


def test_gradients_of_models_are_well_formed() -> None:
    for model in (st.models.neuron(), st.models.chain(3), st.models.network([2, 3, 2])):
        for part in st.gradient(model.cost).values():
            formula = latex(part)
            found = tree(formula, display=True)
            # As many fractions as the LaTeX has, and as many brackets.
            assert len(list(found.iter("mfrac"))) == formula.count(r"\frac")
            text = "".join(found.itertext())
            assert text.count("(") == text.count(")") == formula.count(r"\left(")


@pytest.mark.parametrize(
    ("formula", "element", "text"),
    [
        (r"\text{a < b & c}", "mtext", "a < b & c"),
        (r"\text{50 \% of \_x\_ \& \{y\}}", "mtext", "50 % of _x_ & {y}"),
        (r"\mathrm{petal\_length}", "mi", "petal_length"),
        (r"\mathrm{a\ b\^{}c\~{}d}", "mi", "a b^c~d"),
        (r"\operatorname{leaky\_relu}\left(x\right)", "mi", "leaky_relu"),
        (r"\mathrm{größe}", "mi", "größe"),
        (r"\boldsymbol{x}", "mi", "𝒙"),
        (r"\mathbb{R}", "mi", "ℝ"),
        (r"a \odot b", "mo", "⊙"),
        (r"A^{\top}", "mi", "⊤"),
        (r"\partial_{w_{1}} C", "mi", "∂"),
        (r"a := b", "mo", "≔"),
    ],
)
def test_constructs(formula: str, element: str, text: str) -> None:
    assert text in ["".join(part.itertext()) for part in tree(formula).iter(element)]


def test_a_single_upright_letter_is_no_variable() -> None:
    (letter,) = tree(r"\mathrm{d}").iter("mi")
    assert letter.get("mathvariant") == "normal"


def test_limits_stand_over_and_under_even_within_brackets() -> None:
    found = tree(r"\left(\sum_{i=1}^{n} x_{i}\right)", display=True)
    (limits,) = found.iter("munderover")
    assert [("".join(part.itertext())) for part in limits] == ["∑", "i=1", "n"]
    assert len(list(found.iter("msub"))) == 1


def test_brackets_grow_around_what_is_high_only() -> None:
    flat = next(tree(r"\left(x_{i} + b\right)").iter("mo"))
    high = next(tree(r"\left(\frac{1}{n} + b\right)").iter("mo"))
    assert (flat.text, flat.get("stretchy")) == ("(", "false")
    assert (high.text, high.get("stretchy")) == ("(", "true")


def test_lines_are_read_as_one_formula() -> None:
    found = ElementTree.fromstring(mathml_lines([r"= a \cdot \bigl(b", r"{}+ c\bigr)"], '= a·(b + c) <"&'))
    assert (found.get("role"), found.get("aria-label")) == ("math", '= a·(b + c) <"&')
    inside = list(found.iter("math"))
    assert [part.get("aria-hidden") for part in inside] == ["true", "true"]
    assert "".join(found.itertext()) == "=a·(b+c)"
    assert ElementTree.fromstring(mathml_lines(["a"], "a")).tag == "math"


def test_the_text_form_is_escaped() -> None:
    found = ElementTree.fromstring(mathml("x", 'x < "y" & z'))
    assert found.get("alttext") == found.get("aria-label") == 'x < "y" & z'


def test_without_latex2mathml_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: object) -> object:
        if name.startswith("latex2mathml"):
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(
        DocumentError,
        match=r"need latex2mathml, which is not installed: pip install 'steepest\[paper\]' \('\.\[paper\]' in",
    ):
        mathml("x", "x")


def test_a_formula_that_is_none_is_named() -> None:
    with pytest.raises(DocumentError, match="cannot read the formula"):
        mathml(r"\left(x", "(x")
