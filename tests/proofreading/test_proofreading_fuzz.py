"""Any input ends in a report: texts from a grammar of fragments, and mutations of derivations; never a traceback."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from planted import derivations
from steepest.proofreading import CAUSES, VERDICTS, proofread
from steepest.proofreading.verdicts.checker import INTERNAL_ERROR

FRAGMENTS = [
    r"\frac", "{", "}", "^", "_", "=", "&", r"\\", "$", "$$", r"\sum_{i=1}^{n}", r"\partial_{w}", "(", ")", "[",
    "]", "|", r"\|", r"\left", r"\right", r"\begin{align}", r"\end{align}", r"\begin{bmatrix}", r"\end{bmatrix}",
    "'", "T", "0", "1", "-", "+", "*", "/", r"\Delta", r"\nabla ", r"\lim_{h \to 0}", "d", "e", "x_i", "a^{(l)}",
    "W^{[2]T}", ":=", "<", r"\approx", r"\def\x[#1]{#1\x[#1]}", r"\x[2]", r"\newcommand{\y}{\y\y}", r"\y", "%",
    "```math\n", "\n\n", "np.sum(", "axis=1", r"\text{", r"\infty", r"\prod_k", "10^{999}", "1e999", "9" * 50,
    r"\sqrt", r"\log", r"\max", r"\cdot", ",", ";", ".", "σ", "²", "₁", "\x00", "😀", r"\begin{cases}",
    r"\end{cases}", r"x_{k+1}", r"\frac{\partial C}{\partial w}",
]  # fmt: skip


def check(text: str) -> None:
    proof = proofread(text)
    lines = text.split("\n")
    for finding in proof.findings:
        assert finding.verdict in VERDICTS
        assert finding.cause is None or finding.cause in CAUSES
        assert finding.message
        assert not finding.message.startswith(INTERNAL_ERROR), finding.message
        assert 1 <= finding.line <= len(lines)
        assert 1 <= finding.column <= len(lines[finding.line - 1]) + 1
    assert str(proof)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some.lists(some.sampled_from(FRAGMENTS), max_size=30).map("".join))
def test_fragments_end_in_a_report(text: str) -> None:
    check(text)
    check(f"$${text}$$")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some.text(max_size=200))
def test_any_text_ends_in_a_report(text: str) -> None:
    check(f"$f(x) = {text}$ and $x = {text}$")


@pytest.mark.parametrize("seed", range(6))
def test_mutated_derivations_end_in_a_report(seed: int) -> None:
    rng = random.Random(seed)
    known = [d.right for d in derivations()]
    for _ in range(12):
        text = rng.choice(known)
        for _ in range(rng.randint(1, 5)):
            at = rng.randrange(len(text) + 1)
            end = min(len(text), at + rng.randint(0, 10))
            text = text[:at] + rng.choice([rng.choice(FRAGMENTS), ""]) + text[rng.choice([at, end]) :]
        check(text)


@pytest.mark.parametrize(
    "text",
    [
        "$" + "(" * 5000 + ")" * 5000 + " = 1$",
        "$" + "{" * 5000 + "$ = 1",
        "$x" + "^{x" * 3000 + "}" * 3000 + " = 1$",
        "$" + "-" * 5000 + "x = x$",
        "$" + r"\frac{" * 2000 + " = 1$",
        "$$" + "a = b = " * 500 + "c$$",
        r"\def\a{\a\a}$\a = 1$",
        r"\def\a#1{\a{#1#1}}$\a{x} = 1$",
        "$" + "+".join(["x"] * 5000) + " = y$",
        "$x = " + "9" * 10000 + "$",
        "$" + r"\sum_i" * 60 + " x_i = 1$",
        "$" + r"\partial_x " * 40 + "f = 1$",
        "$" + r"\begin{bmatrix}" * 300 + " = 1$",
        "$2^{2^{2^{2^{2^{99}}}}} = 1$",
        r"$x_{x_{x_{x_i}}} = 1$",
        "$e^{e^{e^{e^{99}}}} = 1$",
        "$a = b$ $b = c$ $c = a$ $\\frac{\\partial a}{\\partial b} = 1$",
        "$f(x) = f(x + 1)$ $f'(x) = f(f(x))$",
        r"$\sum_{i=1}^{10^{9}} i = 1$",
        r"$\prod_{k=1}^{99999999} k = 0$",
    ],
)
def test_hostile_documents_end_in_a_report(text: str) -> None:
    check(text)
