"""The formula language against Python's own arithmetic, and its errors, limits and round trip."""

from __future__ import annotations

import ast
import math
import operator
import time
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import cases, random_cases

from steepest import operations as op
from steepest.engines import evaluate
from steepest.errors import FormulaError
from steepest.expression import Expression, constant, data, params
from steepest.formula import Formula, Limits, names_in, parse, parse_formula
from steepest.notation import FUNCTION_NAMES, RESERVED
from steepest.operations import TABLE

VALUES = {"x": 1.75, "y": -0.5, "w1": 3.0, "θ": 0.375}


def value(text: str, **limits: Any) -> float:
    return float(evaluate(parse(text, limits=Limits(**limits)), VALUES))


# -- arithmetic ------------------------------------------------------------------------------------------------

_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}


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
    right = random.choice(["2", "-1", "3", "x", "-2^2", "(2)", "+2"]) if sign in ("^", "**") else arithmetic(random, depth - 1)
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
        ("2^3^2", 512), ("-2^2", -4), ("2^-1", 0.5), ("-2^-2", -0.25), ("--2", 2), ("-+-2", 2), ("2--2", 4), ("2+-2", 0),
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
        ("σ(x)", "sigmoid(x)"), ("x·y", "x*y"), ("x⋅y", "x*y"), ("x×y", "x*y"), ("x÷y", "x/y"), ("x − y", "x - y"),
        ("−x", "-x"), ("√x", "sqrt(x)"), ("√(x + 1)", "sqrt(x + 1)"), ("√√x", "sqrt(sqrt(x))"), ("2·√x²", "2*sqrt(x)^2"),
        ("x²", "x^2"), ("x⁻¹", "x^-1"), ("x¹²", "x^12"), ("-x²", "-x^2"), ("x²^3", "(x^2)^3"), ("(x + y)³", "(x + y)^3"),
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
        ("0", 0), ("7", 7), ("007", 7), ("1.5", 1.5), (".5", 0.5), ("5.", 5), ("1e3", 1e3), ("1E3", 1e3), ("1e+3", 1e3),
        ("1.5e-3", 1.5e-3), (".5e1", 5), ("5.e1", 50), ("1_000", 1000), ("1_0.2_5", 10.25), ("1e308", 1e308), ("5e-324", 5e-324),
        ("0.1", 0.1), ("123456789012345678", 123456789012345678), ("π", math.pi), ("pi", math.pi), ("inf", math.inf),
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


@pytest.mark.parametrize("name", ["petal length", "log", "pi", "π", "2x", "x-y", "a.b", "x²", "w₁", "__1", "~", "'", "é(", " "])
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
    from steepest.gradient import gradient

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
        (-x) ** 2, -(x**2), x ** (-y), (x**y) ** 2, x ** (y**2), constant(-2) ** 2, x - (y - x), x - (x + y), x / (y / x),
        x / (y * x), x * (y / x), -(x + y), -(-x), (x < y) < (y < x), (x < y) + 1, x ** (x < y), -x * y, -(x * y),
        x * -y, x - -y, two**-x, two ** constant(-1), (x + y) ** (x - y), op.where(x < y, x, -y), op.power(-x, -y),
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


# -- errors ----------------------------------------------------------------------------------------------------

WRONG = [
    # text, character, words
    ("2x", 2, "found 'x'; a product is written with its '*'"),
    ("x y", 3, "found 'y'; a product is written with its '*'"),
    ("5(x)", 2, "found '('; a product is written with its '*'"),
    ("(x)(y)", 4, "found '('; a product is written with its '*'"),
    ("x `y`", 3, "a product is written with its '*'"),
    ("2√x", 2, "a product is written with its '*'"),
    ("x(y)", 1, "there is no function 'x'; a product needs its '*': x*(…)"),
    ("2*π(x)", 3, "there is no function 'π'; a product needs its '*'"),
    ("x +", 4, "expected a number, a name or '(', found the end"),
    ("x +  \n", 4, "found the end"),
    ("x*/y", 3, "expected a number, a name or '(', found '/'"),
    ("*x", 1, "found '*'"),
    ("x***y", 4, "found '*'"),
    ("(x", 3, "expected an operator or ')', found the end"),
    ("sin(x", 6, "')', found the end"),
    ("x)", 2, "expected an operator or the end, found ')'"),
    ("()", 2, "expected a number, a name or '(', found ')'"),
    ("x, y", 2, "expected an operator or the end, found ','"),
    ("x < y < z", 7, "compare two values at a time"),
    ("x == y != z", 8, "compare two values at a time"),
    ("x = 3", 6, "a single '=' defines a name and ends with ';'; compare by '=='"),
    ("x + (a = 3)", 8, "a single '=' defines a name"),
    ("sigmod(x)", 1, "there is no function 'sigmod'; did you mean 'sigmoid'?"),
    ("1 + lag(x)", 5, "there is no function 'lag'; did you mean 'log'?"),
    ("x + sin", 5, "sin is a function; write sin(…), or `sin` for a column"),
    ("sin()", 1, "sin takes 1 argument, not 0"),
    ("2*max(x)", 3, "max takes 2 arguments, not 1"),
    ("where(x, y)", 1, "where takes 3 arguments, not 2"),
    ("sin(x, y)", 1, "sin takes 1 argument, not 2"),
    ("sin(x,)", 7, "found ')'"),
    ("expand(x, 1.5)", 1, "the lengths given to expand are whole numbers"),
    ("expand(x, w)", 1, "the lengths given to expand are whole numbers"),
    ("expand(x, inf)", 1, "the lengths given to expand are whole numbers"),
    ("expand(x, nan)", 1, "the lengths given to expand are whole numbers"),
    ("expand(x, -1)", 1, "whole numbers from 1"),
    ("expand(x, 1e9)", 1, "more than 100,000 elements"),
    ("expand(x, 1000, 1000)", 1, "more than 100,000 elements"),
    ("'x'", 1, "a formula holds no quotes; a column with an unusual name goes between backticks"),
    ('x + "y"', 5, "a formula holds no quotes"),
    ("x + `y", 5, "this backtick has no partner"),
    ("x[0]", 2, "found '['; group by round brackets"),
    ("{x}", 1, "found '{'; group by round brackets"),
    ("x & y", 3, "the character '&' has no meaning in a formula"),
    ("x\x1b[31m", 2, r"the character '\x1b' has no meaning"),
    ("x ~ y ~ z", 7, "found '~'"),
    ("x ~ y", 3, "'~' makes a model of a target and a prediction"),
    ("a = 1; a = 2; a", 8, "the name 'a' is taken; define another"),
    ("sin = 1; 2", 1, "the name 'sin' is taken"),
    ("pi = 3; pi", 1, "the name 'pi' is taken"),
    ("d = 3; d", 1, "the name 'd' is taken"),
    ("1; x", 2, "found ';'"),
    ("a = 1;", 7, "found the end"),
    ("1e999", 1, "larger than a double can hold"),
    ("1__0", 2, "found '__0'"),
    ("x^1001", 2, "the exponent 1001 is beyond 1000"),
    ("x^-1001", 2, "the exponent -1001 is beyond 1000"),
    ("x²³⁴⁵", 2, "the exponent 2345 is beyond 1000"),
    ("power(x, 2*600)", 1, "the exponent 1200 is beyond 1000"),
    ("x^((-10)^4)", 2, "the exponent 10000 is beyond 1000"),
    ("x^(1/0)", 2, "the exponent"),
    ("x @ w", 3, "@ multiplies vectors and matrices"),
    ("mean(w)", 1, "mean runs over the samples"),
    ("1 + sum(w)", 5, "sum runs over the features"),
]


@pytest.mark.parametrize(("text", "character", "words"), WRONG, ids=[repr(row[0]) for row in WRONG])
def test_errors_show_the_place(text: str, character: int, words: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text, data=["d"])
    said, line, caret = str(caught.value).split("\n")
    assert words in said
    assert said.endswith(f"(character {character})")
    assert caret == " " * (4 + character - 1) + "^"
    assert line.isprintable()
    assert [a for a, b in zip(line[4:], text, strict=False) if a != b and b.isprintable()] == []


def test_errors_on_later_lines_and_in_long_ones() -> None:
    with pytest.raises(FormulaError) as caught:
        parse("x +\n\ty *\n z z")
    said, line, caret = str(caught.value).split("\n")
    assert said.endswith("(character 4 of line 3)")
    assert line[caret.index("^")] == "z" and line[: caret.index("^")] == "     z "
    for before in (3, 50, 120, 400):
        text = "+".join(["x"] * before) + " & " + "+".join(["y"] * 200)
        with pytest.raises(FormulaError) as caught:
            parse(text)
        said, line, caret = str(caught.value).split("\n")
        assert line[caret.index("^")] == "&"
        assert len(line) <= 110
        assert f"(character {2 * before + 1})" in said


@pytest.mark.parametrize("text", ["", "  \n ", "\t"])
def test_empty_texts(text: str) -> None:
    with pytest.raises(FormulaError, match="the formula is empty"):
        parse(text)


def test_names_that_were_not_declared() -> None:
    with pytest.raises(FormulaError, match=r"'wieght' is neither data nor a parameter; did you mean 'weight'\?"):
        parse("x*wieght", data=["x"], params=["weight"])
    with pytest.raises(FormulaError, match="the name 'w' is taken"):
        parse("w = 2; w*x", data=["x"], params=["w"])


@pytest.mark.parametrize("arguments", [{"data": "x"}, {"params": "x"}])
def test_one_text_in_place_of_names(arguments: dict[str, str]) -> None:
    with pytest.raises(FormulaError, match="lists of names, not one text"):
        parse("x", **arguments)  # type: ignore[arg-type]


def test_something_that_is_no_text() -> None:
    with pytest.raises(FormulaError, match="a formula is a text, not bytes"):
        parse(b"x")  # type: ignore[arg-type]


# -- limits ----------------------------------------------------------------------------------------------------


def refused(text: str, words: str, **limits: Any) -> None:
    """The text is refused, and so fast that no work can have been done on it."""
    parse("x")  # makes the grammar
    begin = time.perf_counter()
    with pytest.raises(FormulaError, match=words):
        parse(text, limits=Limits(**limits))
    assert time.perf_counter() - begin < 0.5


def test_limits() -> None:
    refused("x" * 20_001, "the formula has 20,001 characters; at most 20,000 are read")
    refused("x+" * 5_000_000 + "x", "10,000,001 characters")
    refused("(" * 100_000, "100,000 characters")
    refused("(" * 9_000 + "x" + ")" * 9_000, "nested deeper than 200")
    refused("(" * 100_000, "nested deeper than 200", characters=10**6)
    refused("sin(" * 3_000 + "x" + ")" * 3_000, "nested deeper than 200")
    refused("^".join(["x"] * 9_000), "nested deeper than 200")
    refused("**-".join(["x"] * 4_000), "nested deeper than 200")
    refused("x^(" * 150 + "x" + ")" * 150, "nested deeper than 200")
    refused("9" * 400, "larger than a double can hold")


def test_what_the_limits_let_through() -> None:
    assert parse("+".join(["x"] * 10_000)).parameters == ("x",)
    assert value("-" * 19_999 + "x") == -VALUES["x"]
    parse("(" * 200 + "x" + ")" * 200)
    parse("x^1000 + x^-1000")
    # Neither brackets side by side nor powers in several terms are nested.
    for sign in ("+", "-", " − ", "*", "/", "·", "⋅", "×", "÷"):
        parse(sign.join(["(x^2)"] * 1000))
        parse(sign.join(["x^2"] * 1000))
    parse("; ".join(f"a{k} = x^2" for k in range(300)) + "; x^2")
    parse(" + ".join(["`(`^2"] * 1000))
    parse("max(" * 100 + "x" + ", x^2)" * 100)


def test_a_caller_may_raise_the_limits() -> None:
    text = "(" * 1000 + "+".join(["x"] * 20_000) + ")" * 1000
    assert parse(text, limits=Limits(characters=10**5, nesting=2000)).parameters == ("x",)
    assert evaluate(parse("x^5000", limits=Limits(exponent=5000)), {"x": 1.0}) == 1
    assert parse("expand(x, 1000, 1000)", limits=Limits(elements=10**6)).shape == (1000, 1000)
    refused("x + y", "5 characters", characters=4)


# -- anything at all -------------------------------------------------------------------------------------------

ALPHABET = [
    *"xyz012.()()(),;=~^*/+-@<>!`'\"[]{}&% \n\t_eσ·⋅×÷√²³⁻¹₁≤≥≠π−½", "**", "==", "!=", "1e", "1e9", "0x", "inf", "nan", "pi",
    "__1", "`a b`", "a = ", "; ", "data", *(f"{row.name}(" for row in TABLE), *(row.name for row in TABLE),
]  # fmt: skip


def reads_or_refuses(text: str) -> bool:
    """A text gives a formula, whose text reads back as the same, or a FormulaError; nothing else may come out."""
    columns = {"x": (), "y": 2, "z": (2, 2)}
    try:
        found = parse_formula(text, columns)
    except FormulaError as error:
        assert str(error)
        return False
    roots = [found.expression] if found.target is None else [found.target, found.expression]
    for root in roots:
        assert isinstance(root, Expression)
        assert parse(str(root), columns, limits=Limits(10**6, 10**4, math.inf, 10**9)) is root
    return True


@settings(max_examples=1500)
@given(st.lists(st.sampled_from(ALPHABET), max_size=30).map("".join))
@example("expand(x,inf)")
@example("one_hot(x,nan)")
@example("expand(x,2,3,4)")
@example("x^(0^-1)")
@example("power(x,(-1)^0.5)")
@example("0^0^0")
@example("-5^2")
@example("-0")
@example("`x\t`")
def test_any_text_of_the_alphabet_is_read_or_refused(text: str) -> None:
    reads_or_refuses(text)


@settings(max_examples=700)
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    reads_or_refuses(text)


@st.composite
def damaged(draw: Any) -> str:
    """The text of a formula with some pieces cut out, put in or doubled."""
    text = str(draw(cases).cost)
    for _ in range(draw(st.integers(0, 2))):
        place, length = draw(st.integers(0, len(text))), draw(st.integers(0, 4))
        text = text[:place] + draw(st.sampled_from([*ALPHABET, text[place : place + 5]])) + text[place + length :]
    return text


@settings(max_examples=400)
@given(damaged())
def test_damaged_formulas_are_read_or_refused(text: str) -> None:
    reads_or_refuses(text)


def test_the_texts_that_are_drawn_are_both_read_and_refused() -> None:
    random = Random(4)
    short = [text for text in ALPHABET if len(text) < 4]
    texts = ["".join(random.choice(short) for _ in range(random.randrange(1, 6))) for _ in range(3000)]
    read = sum(reads_or_refuses(text) for text in texts)
    assert 100 < read < 2900


def test_numpy_is_not_reached_by_a_text() -> None:
    """A formula is data: what would be Python is no formula."""
    for text in ("__import__('os')", "x.__class__", "lambda: 1", "[x for x in y]", "x if y else z", "x := 3", "np.exp(x)"):
        with pytest.raises(FormulaError):
            parse(text)
        ast.parse(text, mode="eval") if ":=" not in text else None
    assert np.isfinite(value("x"))
