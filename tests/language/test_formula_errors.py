"""What the formula language refuses: the error shows the place and the remedy, and limits hold before any work."""

from __future__ import annotations

import time
from typing import Any

import pytest

from steepest.engines import evaluate
from steepest.errors import FormulaError
from steepest.language.formula import Limits, parse

WRONG = [
    # text, character, words
    ("2x", 2, "found 'x'; write a product with '*': 2*x (character"),
    ("2x + 3 y - (x+1)(y 2)", 2, "write a product with '*': 2*x + 3*y - (x+1)*(y*2) (character"),
    ("2x + (", 2, "found 'x'; write a product with '*' (character"),
    ("x(y + 1) + 2*y", 1, "a product needs its '*': x*(y + 1) + 2*y (character"),
    ("x y", 3, "found 'y'; write a product with '*': x*y, a name with blanks between backticks"),
    ("2 y", 3, "found 'y'; write a product with '*': 2*y (character"),
    ("5(x)", 2, "found '('; write a product with '*': 5*(x) (character"),
    ("(x)(y)", 4, "found '('; write a product with '*'"),
    ("x `y`", 3, "write a product with '*'"),
    ("2√x", 2, "write a product with '*'"),
    ("x(y)", 1, "there is no function 'x'; a product needs its '*': x*(y) (character"),
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
    ("x = 3", 6, "a single '=' defines a name and ends with ';'; a model is written with '~'"),
    ("x + (a = 3)", 8, "a single '=' defines a name"),
    ("sigmod(x)", 1, "there is no function 'sigmod'; did you mean 'sigmoid'?"),
    ("1 + lag(x)", 5, "there is no function 'lag'; did you mean 'log'?"),
    ("x + sin", 5, "sin is a function; write sin(…), or `sin` for a column"),
    ("sin()", 1, "sin takes 1 argument, not 0"),
    ("2*max(x)", 3, "max takes 2 arguments, not 1"),
    ("where(x, y)", 1, "where takes 3 arguments, not 2"),
    ("sin(x, y)", 1, "sin takes 1 argument, not 2"),
    ("sin(x,)", 7, "found ')'"),
    ("expand(x, 1.5)", 1, "the lengths given to expand must be whole numbers"),
    ("expand(x, w)", 1, "the lengths given to expand must be whole numbers"),
    ("expand(x, inf)", 1, "the lengths given to expand must be whole numbers"),
    ("expand(x, nan)", 1, "the lengths given to expand must be whole numbers"),
    ("expand(x, -1)", 1, "positive integers"),
    ("expand(x, 1e9)", 1, "more than 100,000 elements"),
    ("expand(x, 1000, 1000)", 1, "more than 100,000 elements"),
    ("'x'", 1, "a formula has no quotes; write the name of a column between backticks"),
    ('x + "y"', 5, "a formula has no quotes"),
    ("x + `y", 5, "this backtick is not closed"),
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
    ("mean(w)", 1, "mean reduces the samples"),
    ("1 + sum(w)", 5, "sum reduces the features"),
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
    assert line[: caret.index("^") + 1] == "     z z"
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
    begin = time.process_time()
    with pytest.raises(FormulaError, match=words):
        parse(text, limits=Limits(**limits))
    assert time.process_time() - begin < 0.5


def test_limits() -> None:
    refused("x" * 20_001, "the formula has 20,001 characters; at most 20,000 are read")
    refused("x+" * 5_000_000 + "x", "10,000,001 characters")
    refused("(" * 100_000, "100,000 characters")
    refused("(" * 9_000 + "x" + ")" * 9_000, "nested deeper than 200")
    refused("(" * 100_000, "nested deeper than 200", characters=10**6)
    refused("sin(" * 3_000 + "x" + ")" * 3_000, "nested deeper than 200")
    refused("^".join(["x"] * 9_000), "nested deeper than 200")
    refused("**-".join(["x"] * 4_000), "nested deeper than 200")
    refused("^+-".join(["x"] * 4_000), "nested deeper than 200")
    refused("x^(" * 150 + "x" + ")" * 150, "nested deeper than 200")
    refused("9" * 400, "larger than a double can hold")


def test_what_the_limits_let_through() -> None:
    assert parse("+".join(["x"] * 10_000)).parameters == ("x",)
    assert evaluate(parse("-" * 19_999 + "x"), {"x": 2.0}) == -2
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


def test_python_is_no_formula() -> None:
    texts = ("__import__('os')", "x.__class__", "lambda: 1", "[x for x in y]", "x if y else z", "x := 3", "np.exp(x)")
    for text in texts:
        with pytest.raises(FormulaError):
            parse(text)
