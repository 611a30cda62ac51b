"""No command replaces a file that it reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command_line import Steepest, steepest

__all__ = ["steepest"]

DATA = "x,y\n1,2\n2,4\n3,6\n"
FIT = ["fit", "in.csv", "y ~ x*w", "--epochs", "2", "--no-check"]


@pytest.fixture
def inputs(steepest: Steepest) -> dict[str, bytes]:
    """Two tables, a model and a document, with their contents."""
    Path("in.csv").write_text(DATA)
    Path("other.csv").write_text(DATA)
    Path("notes.md").write_text("$x = 1$\n")
    assert steepest(*FIT, "--save", "m.safetensors").status == 0
    return {path.name: path.read_bytes() for path in Path().iterdir()}


def unchanged(inputs: dict[str, bytes]) -> bool:
    return {path.name: path.read_bytes() for path in Path().iterdir() if path.name in inputs} == inputs


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([*FIT, "--save", "in.csv"], "--save in.csv would replace the input in.csv; name another file"),
        ([*FIT, "--save", "./in.csv"], "--save ./in.csv would replace the input in.csv"),
        ([*FIT, "--checkpoint", "in.csv", "--resume"], "--checkpoint in.csv would replace the input in.csv"),
        ([*FIT, "--validate", "other.csv", "--save", "other.csv"], "--save other.csv would replace the input"),
        ([*FIT, "--save", "a", "--checkpoint", "./a"], "--checkpoint and --save name the same file, a; name two files"),
        (["predict", "m.safetensors", "in.csv", "-o", "m.safetensors"], "--output m.safetensors would replace the"),
        (["predict", "m.safetensors", "in.csv", "-o", "in.csv"], "--output in.csv would replace the input in.csv"),
        (["export", "m.safetensors", "--to", "c", "-o", "m.safetensors"], "would replace the input m.safetensors"),
        (["proofread", "in.csv", "notes.md", "-o", "notes.md"], "--output notes.md would replace the input notes.md"),
        (["graph", "y ~ x*w", "--table", "in.csv", "-o", "in.csv"], "--output in.csv would replace the input in.csv"),
        (["paper", "m.safetensors", "in.csv", "-o", "in.csv"], "--output in.csv would replace the input in.csv"),
        (["surface", "y ~ x*w", "in.csv", "-o", "in.csv"], "--output in.csv would replace the input in.csv"),
        (["plot", "training", "y ~ x*w", "in.csv", "-o", "in.csv"], "--output in.csv would replace the input in.csv"),
    ],
)  # fmt: skip
def test_an_input_is_not_replaced(steepest: Steepest, inputs: dict[str, bytes], words: list[str], says: str) -> None:
    said = steepest(*words)
    assert (said.status, said.out) == (2, "")
    assert says in said.err
    assert unchanged(inputs)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_nor_by_a_link(steepest: Steepest, inputs: dict[str, bytes], link: object) -> None:
    assert callable(link)
    link("in.csv", "link.csv")
    for words in ([*FIT, "--save", "link.csv"], ["fit", "link.csv", *FIT[2:], "--save", "in.csv"]):
        said = steepest(*words)
        assert said.status == 2
        assert "would replace the input" in said.err
    assert unchanged(inputs)


def test_a_default_name_replaces_nothing(steepest: Steepest, inputs: dict[str, bytes]) -> None:
    Path("m.c").write_text("int main(void) { return 0; }")
    said = steepest("export", "m.safetensors", "--to", "c")
    assert said.status == 2
    assert "m.c exists and is replaced only if it is named: give -o m.c, or another file" in said.err
    assert Path("m.c").read_text() == "int main(void) { return 0; }"
    assert steepest("export", "m.safetensors", "--to", "c", "-o", "m.c").status == 0
    assert "steepest" in Path("m.c").read_text()
    assert unchanged(inputs)


def test_a_file_with_the_name_of_a_word_is_no_input(steepest: Steepest, inputs: dict[str, bytes]) -> None:
    """The rule compares files, not words: a formula may be called as the file to write is."""
    assert steepest(*FIT, "--save", "y ~ x*w").status == 0
    assert unchanged(inputs)
