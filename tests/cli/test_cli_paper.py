"""The command paper: what it takes for a model, what it writes, and what it says to mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

import steepest as st
from command_line import Steepest
from command_line import steepest as steepest


@pytest.mark.parametrize("suffix", [".tex", ".html", ".md", ".ipynb"])
def test_a_built_in_table_is_enough(steepest: Steepest, suffix: str) -> None:
    said = steepest("paper", "nand", "-o", f"neuron{suffix}", "--no-compare")
    assert (said.status, said.out) == (0, "")
    assert said.err == f"wrote neuron{suffix}\n"
    text = Path(f"neuron{suffix}").read_text(encoding="utf-8")
    assert "One neuron" in text
    assert "0.06262372791" in text  # row A6


@pytest.mark.parametrize(
    ("model", "words"),
    [("linear", "A line"), ("chain 3", "A chain of 3 neurons"), ("network 2,3,1", "A network 2-3-1")],
)
def test_builders_are_models(steepest: Steepest, model: str, words: str) -> None:
    assert steepest("paper", model, "-o", "paper.md").status == 0
    assert Path("paper.md").read_text(encoding="utf-8").startswith(f"<!-- Made by steepest -->\n# {words}: ")


def test_a_saved_model_is_trained_as_it_was(steepest: Steepest) -> None:
    fitted = steepest("fit", "nand", "--rate", "0.7", "--epochs", "40", "--save", "n.safetensors", "--json").json
    said = steepest("paper", "n.safetensors", "nand", "-o", "n.md", "--no-compare", "--json")
    assert said.json["cost"] == fitted["cost"]
    assert st.load("n.safetensors").params == said.json["params"]


def test_penalties_and_a_searched_rate(steepest: Steepest) -> None:
    said = steepest(
        "paper", "y ~ a*x + b", "twice", "--l2", "0.1", "--rate", "auto", "-o", "p.md", "--no-compare", "--json"
    )
    model = st.Model("y ~ a*x + b", l2=0.1).fit("twice", rate="auto")
    assert model.run is not None
    assert said.json["cost"] == model.run.cost


def test_a_diverging_training_is_told_and_exits_1(steepest: Steepest) -> None:
    said = steepest("paper", "linear", "twice", "--rate", "5", "-o", "p.md")
    assert said.status == 1
    assert "wrote p.md" in said.err
    assert "rate" in said.err


def test_a_formula_without_a_column_is_warned_of(steepest: Steepest) -> None:
    Path("cool.csv").write_text("t,temp\n0,90\n1,70\n2,55\n")
    said = steepest("paper", "temp ~ A*exp(-k*time) + T0", "cool.csv", "-o", "p.md", "--no-compare", "--rate", "0.001")
    assert "warning: the prediction uses no column of the table, which has 't'" in said.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["paper", "nand", "-o", "x.pdf"], "cannot be written as '.pdf'; it can be .tex, .html, .md, .ipynb"),
        (["paper", "nandd", "-o", "x.md"], "'nandd' is neither a saved model"),
        (["paper", "y ~ sgmoid(x*w)", "twice", "-o", "x.md"], "did you mean 'sigmoid'"),
        (["paper", "q ~ x*w", "twice", "-o", "x.md"], "'q'"),
        (["paper", "chain 2", "-o", "x.md", "--l2", "1"], "need a formula"),
        (["paper", "nand", "-o", "absent/x.md"], "absent"),
    ],
)
def test_mistakes_exit_2_with_a_sentence(steepest: Steepest, words: list[str], expected: str) -> None:
    said = steepest(*words)
    assert said.status == 2
    assert expected in said.err
    assert "Traceback" not in said.err
    assert not Path("x.md").exists()
