"""Any text at all gives a formula or a FormulaError; fuzz_formula.py searches further, guided by coverage."""

from __future__ import annotations

import math
from random import Random
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from steepest.errors import FormulaError
from steepest.expressions.expression import Expression
from steepest.expressions.operations import TABLE
from steepest.language.formula import Limits, parse, parse_formula
from strategies import cases

ALPHABET = [
    *"xyz012.()()(),;=~^*/+-@<>!`'\"[]{}&% \n\t_eσ·⋅×÷√²³⁻¹₁≤≥≠π−½", "**", "==", "!=", "1e", "1e9", "0x", "inf", "nan",
    "pi",     "__1", "`a b`", "a = ", "; ", "data", *(f"{row.name}(" for row in TABLE), *(row.name for row in TABLE),
]  # fmt: skip


def reads_or_refuses(text: str) -> bool:
    """A text gives a formula, whose text reads back as the same, or a FormulaError; nothing else may come out."""
    columns = {"x": (), "y": 2, "z": (2, 2)}
    try:
        found = parse_formula(text, columns)
    except FormulaError:
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
