"""Papers of steepest proof-read clean, and so do notes on many things at once."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from command_line import Steepest
from command_line import steepest as steepest
from planted import derivations
from steepest.cli import main
from steepest.proofreading import proofread

PAPERS = {
    "neuron.tex": ("nand",), "neuron.md": ("nand", "--cost", "cross_entropy"), "line.tex": ("y ~ x*w", "--data", "x,y"),
    "chain.tex": ("y ~ sigmoid(sigmoid(x*w1 + b1)*w2 + b2)", "--data", "x,y"),
    "rectifier.md": ("y ~ relu(x*w + b)", "--data", "x,y", "--cost", "huber"),
}  # fmt: skip


@pytest.mark.skipif("paper" not in main.commands, reason="there is no command that writes papers")
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
