"""Papers about tables whose columns have any name: every format is written, and LaTeX compiles."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

import steepest as st
from steepest.expressions.latex import latex_name
from tex import ENGINES, compiled

FAULTS = ["a^b", "π2", "á" * 120, "very long name with many words " * 8]  # which failed once, each in its own way
OTHERS = [
    "a~b", "^", "~", "x^", "a_b", "_a", "a__b", "a\\b", "\\input{x}", "a{b", "a}b", "{{}}", "$", "%", "a&b", "a#b",
    "a b", "<b>", "a[b", "a|b", 'a"b', "a'b", "x²y", "∂x", "ünï", "名前", "x" * 300,
]  # fmt: skip


def paper(name: str) -> st.Paper:
    """A paper about a network with one input of this name."""
    model = st.models.network([1, 2, 1], output="linear", features=[name], target="t")
    table = {name: [1.0, 2, 3, 4], "t": [2.0, 4, 6, 8.1]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", st.SteepestWarning)
        return model.fit(table, epochs=3).paper(table, compare=False)


@pytest.mark.parametrize("name", [*FAULTS, *(pytest.param(n, marks=pytest.mark.slow) for n in OTHERS)], ids=ascii)
def test_every_format_takes_every_name(name: str) -> None:
    written = paper(name)
    for suffix in (".html", ".md", ".tex", ".ipynb"):
        text = written.text(suffix)
        assert len(text) > 2000
        assert "}_{i}_{" not in text
        assert "}_{2}_{i}" not in text


@pytest.mark.slow
@pytest.mark.skipif("lualatex" not in ENGINES, reason="needs lualatex")
@pytest.mark.parametrize("name", [*FAULTS, *OTHERS], ids=ascii)
def test_latex_compiles(name: str, tmp_path: Path) -> None:
    compiled(paper(name).text(".tex"), tmp_path, "lualatex", runs=1)


def test_carets_and_tildes_are_accents_of_mathematics() -> None:
    r"""``\^{}`` is an accent of text, at which TeX stops in a formula."""
    assert latex_name("a^b") == r"\mathrm{a\hat{\ }b}"
    assert latex_name("a~b c", "i") == r"\mathrm{a\tilde{\ }b\ c}_{i}"
    assert latex_name("π2", "i") == r"\pi_{2,i}"
