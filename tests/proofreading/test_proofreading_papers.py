"""Papers of steepest proof-read clean, and so do notes on many things at once."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from command_line import Steepest
from command_line import steepest as steepest
from places import DOCS
from planted import derivations
from sampling import sampled
from steepest.proofreading import proofread

PAPERS = {
    "neuron.tex": ("nand",), "neuron.md": ("nand", "--cost", "cross_entropy"), "line.tex": ("y ~ x*w", "--data", "x,y"),
    "chain.tex": ("y ~ sigmoid(sigmoid(x*w1 + b1)*w2 + b2)", "--data", "x,y"),
    "rectifier.md": ("y ~ relu(x*w + b)", "--data", "x,y", "--cost", "huber"),
}  # fmt: skip


FOLDER = DOCS / "papers"


@pytest.mark.parametrize("suffix", [".tex", ".md"])
@pytest.mark.parametrize(
    "name", sampled(["linear", "neuron", "chain-2", "chain-m", "network-2-2-1", "network-64-32-10"], 3, 1)
)
def test_the_papers_of_the_notes_have_no_wrong_line(name: str, suffix: str) -> None:
    """What was written by ``docs/papers.py``; a fault planted in each is found, so that the reader is awake."""
    text = (FOLDER / f"{name}{suffix}").read_text(encoding="utf-8")
    proof = proofread(text)
    assert proof.ok, str(proof)
    assert proof.counts["holds"] >= 7
    assert proof.counts["not-understood"] <= 14
    slope = {
        "linear": r"2 \cdot \left(x_{i} \cdot w - y_{i}\right) \cdot x_{i}",
        "neuron": r"a_{i} \cdot \left(1 - a_{i}\right) \cdot x_{i}",
    }
    wanted = slope.get(
        name, r"e^{-u}}{\left(1 + e^{-u}\right)^{2}}" if "64" not in name else r"1 - \left(\frac{e^{u} - e^{-u}}"
    )
    assert wanted in text
    assert not proofread(
        text.replace(wanted, "3 \\cdot " + wanted if "}}" not in wanted else wanted.replace("u}", "2 u}", 1), 1)
    ).ok


def test_long_sums_over_elements_are_quick() -> None:
    """Of a sum over 64 elements a few terms stand for all; a sum of the numbers themselves keeps its length."""
    elements = r"$$z_{ij} = \sum_{k=1}^{64} x_{ik} w_{kj}$$ $$\frac{\partial z_{ij}}{\partial w_{kj}} = x_{ik}$$"
    assert [f.verdict for f in proofread(elements).findings] == ["defines", "holds"]
    assert [f.verdict for f in proofread(r"$\sum_{k=1}^{20} k = 210$ and $\sum_{k=1}^{20} k = 211$").findings] == [
        "holds", "differs",
    ]  # fmt: skip


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_has_no_wrong_line(steepest: Steepest, name: str) -> None:
    assert steepest("paper", *PAPERS[name], "-o", name, "--no-compare", "--epochs", "20").status == 0
    proof = proofread(Path(name).read_text(encoding="utf-8"))
    assert proof.ok, str(proof)
    assert proof.counts["holds"] >= 5


def test_the_notation_of_papers_is_read() -> None:
    text = r"""
\newcommand{\across}[2]{\rlap{\fitted{#1}{$\displaystyle #2$}}}
\begin{alignat}{2}
C &= \frac{1}{n} \sum_{i=1}^{n} \left(x_{i} \cdot w - y_{i}\right)^{2} \label{equation:1}
\\[.4em]
\frac{\partial C}{\partial w} &= \across{30em}{\frac{2}{n} \sum_{i=1}^{n} \left(x_{i} \cdot w - y_{i}\right) x_i} &\qquad&\text{chain rule}
\\[-.2em]
{} &= \frac{1}{n} \sum_{i=1}^{n} 2 \cdot \bigl(x_{i} \cdot w - y_{i}\bigr) \cdot x_{i} &\qquad& \notag
\end{alignat}
$$\begin{cases}x & x \gt 0 \\ 0 & \text{otherwise}\end{cases} = \max\left(0, x\right)$$
"""  # noqa: E501
    assert [f.verdict for f in proofread(text).findings] == ["defines", "holds", "holds", "holds"]


@pytest.mark.parametrize("seed", range(3))
def test_notes_on_many_things_raise_no_alarm(seed: int) -> None:
    """Every derivation a section of one document, in which letters mean one thing here and another there."""
    chosen = [d for d in derivations() if not d.held_out]
    random.Random(seed).shuffle(chosen)
    proof = proofread("".join(f"\n# {d.name}\n{d.right}\n" for d in chosen))
    assert proof.ok, [(f.source, f.message) for f in proof.wrong]
    assert proof.counts["holds"] > 100
