"""The formula language against Python's own arithmetic, its names, and the round trip of any formula."""

from __future__ import annotations

import math
import operator
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from steepest.engines import evaluate
from steepest.errors import FormulaError
from steepest.expressions import operations as op
from steepest.expressions.expression import constant, data, params
from steepest.expressions.printing import FUNCTION_NAMES, RESERVED
from steepest.language.formula import Formula, Limits, names_in, parse, parse_formula
from strategies import cases, random_cases

VALUES = {"x": 1.75, "y": -0.5, "w1": 3.0, "θ": 0.375}


def value(text: str, **limits: Any) -> float:
    return float(evaluate(parse(text, limits=Limits(**limits)), VALUES))


# -- arithmetic ------------------------------------------------------------------------------------------------

_ORDER = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def python(text: str) -> float:
    """What Python makes of a text of this file's own making; NaN where it has no real number."""
    try:
        found = eval(text.replace("^", "**"), {"__builtins__": {}}, dict(VALUES))
    except (ZeroDivisionError, OverflowError):
        return math.nan
    return math.nan if isinstance(found, complex) else float(found)


def arithmetic(random: Random, depth: int) -> str:
    """A random text of numbers, names, signs, operators and brackets, spaced at random."""
    kind = random.random()
    if depth == 0 or kind < 0.15:
        return random.choice(["x", "y", "w1", "θ", "2", "3", "0.5", "1.25", "1e1", ".5", "2.", "1_0", "25e-1"])
    if kind < 0.3:
        return random.choice("-+") + random.choice(["", " "]) + arithmetic(random, depth - 1)
    if kind < 0.45:
        return f"({arithmetic(random, depth - 1)})"
    sign = random.choice(["+", "-", "*", "/", "+", "-", "*", "/", "^", "**"])
    space = random.choice(["", " "])
    right = (
        random.choice(["2", "-1", "3", "x", "-2^2", "(2)", "+2"])
        if sign in ("^", "**")
        else arithmetic(random, depth - 1)
    )
    return f"{arithmetic(random, depth - 1)}{space}{sign}{space}{right}"


def test_random_arithmetic_is_what_python_makes_of_it() -> None:
    random = Random(1)
    finite = 0
    for _ in range(3000):
        text = arithmetic(random, random.randrange(1, 6))
        wanted = python(text)
        if abs(wanted) < 1e300:
            finite += 1
            assert value(text, exponent=math.inf) == pytest.approx(wanted, rel=1e-9, abs=1e-300), text
    assert finite > 2500


def test_random_comparisons() -> None:
    random = Random(2)
    for _ in range(300):
        left, right = (arithmetic(random, 2) for _ in range(2))
        sign = random.choice(list(_ORDER))
        a, b = python(left), python(right)
        if not (math.isnan(a) or math.isnan(b) or a == b) or left == right:
            assert value(f"{left} {sign} {right}", exponent=math.inf) == float(_ORDER[sign](a, b)), (left, sign, right)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2^3^2", 512), ("-2^2", -4), ("2^-1", 0.5), ("-2^-2", -0.25), ("--2", 2), ("-+-2", 2),
        ("2--2", 4), ("2+-2", 0),
        ("2 - 3 - 4", -5), ("8/4/2", 1), ("2*3^2", 18), ("2/3*3", 2), ("1 + 2*3", 7), ("(1 + 2)*3", 9),
        ("2**3**0.5", 2 ** 3 ** 0.5), ("2^-2^2", 2 ** -(2**2)), ("1 < 2", 1), ("2 < 1", 0), ("1 + 1 == 2", 1),
        ("1 <= 1", 1), ("1 >= 2", 0), ("1 != 1", 0), ("-1 < 0", 1), ("(1 < 2) + 1", 2), ("1 > 0 + 2", 0),
    ],
)  # fmt: skip
def test_how_operators_bind(text: str, wanted: float) -> None:
    assert value(text) == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize(
    ("paper", "plain"),
    [
        ("σ(x)", "sigmoid(x)"), ("x·y", "x*y"), ("x⋅y", "x*y"), ("x×y", "x*y"), ("x÷y", "x/y"),
        ("x − y", "x - y"),
        ("−x", "-x"), ("√x", "sqrt(x)"), ("√(x + 1)", "sqrt(x + 1)"), ("√√x", "sqrt(sqrt(x))"),
        ("2·√x²", "2*sqrt(x)^2"),
        ("x²", "x^2"), ("x⁻¹", "x^-1"), ("x¹²", "x^12"), ("-x²", "-x^2"), ("x²^3", "(x^2)^3"),
        ("(x + y)³", "(x + y)^3"),
        ("x ≤ y", "x <= y"), ("x ≥ y", "x >= y"), ("x ≠ y", "x != y"), ("w₁", "w1"), ("w₁₀·w₂", "w10*w2"),
        ("ln(x)", "log(x)"), ("max(x, y)", "maximum(x, y)"), ("min(x, y)", "minimum(x, y)"), ("`x`", "x"),
        ("x\n+\ty", "x + y"), ("sin(x)²", "sin(x)^2"), ("θ₀", "θ0"),
    ],
)  # fmt: skip
def test_signs_as_on_paper(paper: str, plain: str) -> None:
    assert parse(paper) is parse(plain)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0", 0), ("7", 7), ("007", 7), ("1.5", 1.5), (".5", 0.5), ("5.", 5), ("1e3", 1e3), ("1E3", 1e3),
        ("1e+3", 1e3),
        ("1.5e-3", 1.5e-3), (".5e1", 5), ("5.e1", 50), ("1_000", 1000), ("1_0.2_5", 10.25),
        ("1e308", 1e308), ("5e-324", 5e-324),
        ("0.1", 0.1), ("123456789012345678", 123456789012345678), ("π", math.pi), ("pi", math.pi),
        ("inf", math.inf),
        ("-inf", -math.inf), ("-0.5", -0.5), ("2.2250738585072011e-308", 2.2250738585072011e-308),
    ],
)  # fmt: skip
def test_numbers(text: str, wanted: float) -> None:
    found = parse(text)
    assert found is constant(wanted)


def test_not_a_number() -> None:
    assert math.isnan(parse("nan").value)
    assert parse("nan").operation.name == "constant"


# -- names -----------------------------------------------------------------------------------------------------


def test_names_are_data_or_parameters() -> None:
    x, w = data("x"), params("w")
    assert parse("x*w", data=["x"]) is x * w
    assert parse("x*w", data={"x": ()}, params={"w": ()}) is x * w
    X, W = data("X", shape=4), params("W", shape=(4, 3))
    assert parse("sum(X @ W)", data={"X": 4}, params={"W": (4, 3)}) is op.sum_(X @ W)
    assert parse("expand(w, 2, 3) @ one_hot(w, 3)") is op.expand(w, attributes=(2, 3)) @ op.one_hot(w, attributes=(3,))


@pytest.mark.parametrize(
    "name", ["petal length", "log", "pi", "π", "2x", "x-y", "a.b", "x²", "w₁", "__1", "~", "'", "é(", " "]
)
def test_backticks_hold_any_name(name: str) -> None:
    found = parse(f"`{name}`^2", data=[name])
    assert found is data(name) ** 2
    assert parse(str(found), data=[name]) is found


def test_a_column_may_be_named_like_a_function() -> None:
    # Where the table has such a column, the name is the column and its call is still the function.
    assert parse("log(log)", data=["log"]) is op.log(data("log"))
    assert parse("pi", data=["pi"]) is data("pi")


def test_definitions() -> None:
    x, w = data("x"), params("w")
    a = op.sigmoid(x * w)
    assert parse("a = sigmoid(x*w); a*(1 - a)", data=["x"]) is a * (1 - a)
    assert parse("a=x*w;b=sigmoid(a);\n b^2", data=["x"]) is a**2
    found = parse_formula("a₁ = sigmoid(x*w); y ~ a1*v", data=["x", "y"])
    assert found == Formula(data("y"), a * params("v"), {"a1": a})
    assert parse_formula("__1 = x*w; __1 + __1", data=["x"]).definitions == {}


def test_a_model_is_read_by_parse_formula() -> None:
    x, y, w = data("x"), data("y"), params("w")
    assert parse_formula("y ~ x*w", data=["x", "y"]) == Formula(y, x * w, {})
    assert parse_formula("log(y) ~ w", data=["y"]).target is op.log(y)
    assert parse_formula("x*w", data=["x"]) == Formula(None, x * w, {})
    with pytest.raises(FormulaError, match=r"give it to st.Model \(character 7\)"):
        parse("`a~b` ~ x")


def test_names_in() -> None:
    assert names_in("z ~ sigmoid(x*w₁ + `petal length`) + pi + x") == ("z", "x", "w1", "petal length")
    assert names_in("a = x + u; a*v") == ("x", "u", "v")
    assert names_in("2 + 3") == ()


# -- round trip ------------------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(cases)
def test_text_of_a_random_formula_reads_back_as_the_same_object(case: Any) -> None:
    columns, parameters = case.shapes
    text = str(case.cost)
    assert parse(text, columns, parameters) is case.cost, text


def test_text_of_gradients_reads_back() -> None:
    from steepest.calculus.gradient import gradient

    read = 0
    for case in random_cases(100, seed=3):
        for partial in gradient(case.cost).values():
            assert parse(str(partial), *case.shapes) is partial
            read += 1
    assert read > 200


@given(st.text(min_size=1).filter(lambda name: "`" not in name and name.isprintable()))
@example("x½")
@example("١")
@example("ª")
@example("x٣")
@example("_")
@example("ﬁ")
@example("x̂")
def test_any_name_reads_back(name: str) -> None:
    for leaf, columns in ((data(name), [name]), (params(name), [])):
        whole = op.sin(leaf) * leaf - leaf
        assert parse(str(whole), columns) is whole


@pytest.mark.parametrize("name", sorted({*FUNCTION_NAMES, *RESERVED, "__1", "__2"}))
def test_names_with_a_meaning_read_back(name: str) -> None:
    whole = params(name) ** 2 + params(name)
    assert parse(str(whole)) is whole


@given(st.floats(allow_nan=False))
def test_any_number_reads_back(number: float) -> None:
    w = params("w")
    for whole in (constant(number), w * number, w - number, w**-1 + number, constant(number) * w):
        assert parse(str(whole)) is whole


def test_powers_and_signs_read_back() -> None:
    x, y = params("x", "y")
    two = constant(2)
    for whole in (
        (-x) ** 2, -(x**2), x ** (-y), (x**y) ** 2, x ** (y**2), constant(-2) ** 2, x - (y - x),
        x - (x + y), x / (y / x),
        x / (y * x), x * (y / x), -(x + y), op.negate(-x), (x < y) < (y < x), (x < y) + 1, x ** (x < y),
        -x * y, -(x * y),
        x * -y, x - -y, two**-x, two ** constant(-1), (x + y) ** (x - y), op.where(x < y, x, -y),
        op.power(-x, -y),
    ):  # fmt: skip
        assert parse(str(whole)) is whole, str(whole)


def test_shared_parts_do_not_make_the_text_explode() -> None:
    x = params("x")
    whole = x
    for _ in range(60):
        whole = op.sin(whole + x) * whole
    text = str(whole)
    assert len(text) < 10_000
    assert parse(text) is whole
