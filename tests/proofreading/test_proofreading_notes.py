"""The proof-reader finds the mistakes of the lecture notes, in excerpts, and calls nothing wrong that is right."""

from __future__ import annotations

import re

import pytest

from places import DOCS
from proofreading_excerpts import EXCERPTS, RIGHT, Excerpt
from steepest.proofreading import proofread

PAGE = DOCS / "proofreading.md"


@pytest.mark.parametrize("excerpt", EXCERPTS, ids=[e.where for e in EXCERPTS])
def test_a_mistake_of_the_notes_is_found_with_its_cause(excerpt: Excerpt) -> None:
    wrong = proofread(excerpt.text).wrong
    assert [f.cause for f in wrong] == [excerpt.cause], [f.message for f in wrong]
    assert excerpt.wrong in wrong[0].source
    assert re.sub(r"\s+", "", excerpt.corrected) in re.sub(r"\s+", "", wrong[0].corrected)


@pytest.mark.parametrize("text", RIGHT)
def test_right_lines_are_not_called_wrong(text: str) -> None:
    proof = proofread(text)
    assert proof.ok, [(f.source, f.message) for f in proof.wrong]
    assert not proof.counts["not-understood"]


def test_held_constant_is_heard_in_the_prose() -> None:
    """With the word that the notes lack, the layer-wise recursion is right."""
    excerpt = next(e for e in EXCERPTS if e.cause == "stop-gradient")
    assert not proofread(excerpt.text).ok
    assert proofread(excerpt.text + "\nHere $e_i$ is held constant.\n").ok


def test_a_chain_of_two_layers_is_off_by_two_over_n() -> None:
    """B4 of the mission, read with the 1/n of the paper: (2/n)^(m - l) for l = 1, m = 2."""
    excerpt = next(e for e in EXCERPTS if e.cause == "stop-gradient")
    assert r"is $\frac{2}{n}$ times" in proofread(excerpt.text).wrong[0].message


def test_tanh_by_exponentials_is_right_and_overflows() -> None:
    finding = proofread(r"$$a = \frac{e^z - e^{-z}}{e^z + e^{-z}}$$").findings[0]
    assert finding.verdict == "defines"
    assert "overflows" in finding.message


def test_first_order_change_is_an_approximation() -> None:
    text = r"Let $f(x, y) = x y$. $$\Delta f = y \Delta x + x \Delta y$$"
    finding = proofread(text).findings[-1]
    assert (finding.verdict, finding.cause) == ("approximation", None)
    assert "first order" in finding.message


def test_the_page_lists_every_excerpt() -> None:
    rows = re.findall(r"(?m)^\| ([A-E][^|]*) \|[^|]*(?:\\\|[^|]*)*\| ([a-z-]+) \|", PAGE.read_text(encoding="utf-8"))
    assert rows == [(e.where, e.cause) for e in EXCERPTS]
