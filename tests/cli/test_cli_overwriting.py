"""No command replaces a file that it reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command_line import Steepest, steepest
from steepest.storage import files

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
    assert "m.c exists; name another file with -o, or replace it with -o m.c --force" in said.err
    assert Path("m.c").read_text() == "int main(void) { return 0; }"
    assert steepest("export", "m.safetensors", "--to", "c", "--force").status == 2
    assert steepest("export", "m.safetensors", "--to", "c", "-o", "m.c", "--force").status == 0
    assert "steepest" in Path("m.c").read_text()
    assert unchanged(inputs)


def test_a_file_with_the_name_of_a_word_is_no_input(steepest: Steepest, inputs: dict[str, bytes]) -> None:
    """The rule compares files, not words: a formula may be called as the file to write is."""
    assert steepest(*FIT, "--save", "y ~ x*w").status == 0
    assert unchanged(inputs)


WRITING = {
    "m.safetensors": [*FIT, "--save"],
    **{
        f"pictures.{suffix}": ["plot", "training", "y ~ x*w", "in.csv", "--epochs", "3", "-o"]
        for suffix in ("svg", "png", "pdf", "html", "tex")
    },
    "surface.gif": ["surface", "y ~ x*w + b", "in.csv", "--start", "w=0,b=0", "--epochs", "2", "-o"],
    **{
        f"graph.{suffix}": ["graph", "y ~ x*w", "--at", "x=1,w=2,y=3", "-o"]
        for suffix in ("svg", "png", "dot", "tex", "html")
    },
    **{f"diagram.{suffix}": ["diagram", "y ~ x*w", "-o"] for suffix in ("svg", "png", "tex")},
    **{f"paper.{suffix}": ["paper", "y ~ x*w", "-o"] for suffix in ("tex", "html", "md", "ipynb")},
    **{
        f"code.{suffix}": ["export", "model.safetensors", "--to", to, "-o"]
        for suffix, to in (("onnx", "onnx"), ("c", "c"), ("train.c", "c-train"), ("py", "numpy"))
    },
    "predictions.csv": ["predict", "model.safetensors", "in.csv", "-o"],
    "dropped.csv": ["predict", "model.safetensors", "in.csv", "--na", "drop", "-o"],
    "predictions.json": ["predict", "model.safetensors", "in.csv", "--json", "-o"],
    **{
        f"report.{form}": ["proofread", "notes.md", "--format", form, "-o"]
        for form in ("text", "json", "sarif", "html")
    },
}  # fmt: skip
"""A command for every kind of file that commands write."""


@pytest.mark.parametrize("place", WRITING)
def test_only_what_steepest_wrote_is_replaced(steepest: Steepest, place: str) -> None:
    Path("in.csv").write_text(DATA)
    Path("notes.md").write_text("$$C = (x - 1)^2 = x^2 - 2x + 1$$\n")
    assert steepest(*FIT, "--save", "model.safetensors").status == 0
    words = [*WRITING[place], place]
    assert steepest(*words).status in (0, 1)
    first = Path(place).read_bytes()
    assert first
    assert steepest(*words).status in (0, 1), "its own file is replaced"
    others = b"written by hand\n", b"<!-- steepest -->", b"\x00\xff" * 40, b"see Made by steepest", b"\n" + first
    for content in others:
        Path(place).write_bytes(content)
        said = steepest(*words)
        assert (said.status, said.out) == (2, "")
        assert f"{place} exists, and steepest did not write it; name another file, or replace it wi" in said.err
        assert Path(place).read_bytes() == content
    assert steepest(*words, "--force").status in (0, 1)
    assert len(Path(place).read_bytes()) > len(first) // 2
    Path(place).write_bytes(b"")
    assert steepest(*words).status in (0, 1), "an empty file loses nothing"


@pytest.mark.parametrize(
    ("words", "other"),
    [
        ([*FIT, "--save", "code.c"], ["export", "model.safetensors", "--to", "c", "-o", "code.c"]),
        (["predict", "model.safetensors", "in.csv", "-o", "m"], [*FIT, "--save", "m"]),
        ([*FIT, "--save", "m"], [*FIT, "--checkpoint", "m"]),
    ],
)
def test_nor_a_file_of_another_kind(steepest: Steepest, words: list[str], other: list[str]) -> None:
    Path("in.csv").write_text(DATA)
    assert steepest(*FIT, "--save", "model.safetensors").status == 0
    assert steepest(*other).status == 0
    before = Path(words[-1]).read_bytes()
    said = steepest(*words)
    assert (said.status, said.out) == (2, "")
    assert f"{words[-1]} exists, and is not of the kind that this option writes; name another file" in said.err
    assert Path(words[-1]).read_bytes() == before


def test_a_checkpoint_is_replaced_by_force(steepest: Steepest) -> None:
    Path("in.csv").write_text(DATA)
    words = [*FIT, "--checkpoint", "c"]
    assert steepest(*words).status == 0
    said = steepest(*words)
    assert said.status == 2
    assert "c already exists; continue from it with --resume, replace it with --force, or name another file" in said.err
    assert steepest(*words, "--force").status == 0


def test_a_found_configuration_cannot_force(steepest: Steepest) -> None:
    Path("in.csv").write_text(DATA)
    Path("m").write_text("mine")
    Path("steepest.toml").write_text("[fit]\nforce = true\n")
    said = steepest(*FIT, "--save", "m")
    assert said.status == 2
    assert "only a file that --config names may say which files are read or written; type --force" in said.err
    assert Path("m").read_text() == "mine"
    assert steepest("--config", "steepest.toml", *FIT, "--save", "m").status == 0


def test_a_device_is_written_to(steepest: Steepest) -> None:
    Path("in.csv").write_text(DATA)
    assert steepest(*FIT, "--save", "model.safetensors").status == 0
    assert steepest("predict", "model.safetensors", "in.csv", "-o", os.devnull).status == 0


@pytest.mark.parametrize("where", ["c.toml", "steepest.toml"])
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_nor_the_configuration(steepest: Steepest, where: str, force: list[str]) -> None:
    Path("in.csv").write_text(DATA)
    Path(where).write_text("[fit]\nseed = 3\n")
    os.symlink(where, "link.toml")
    named = ["--config", where] if where == "c.toml" else []
    for place in (where, "./" + where, "link.toml"):
        said = steepest(*named, *FIT, "--save", place, *force)
        assert said.status == 2
        assert f"--save {place} would replace the input {where}" in said.err
    assert Path(where).read_text() == "[fit]\nseed = 3\n"


@pytest.mark.parametrize("name", ["", "-"])
def test_a_sign_is_no_name_of_a_file(steepest: Steepest, name: str) -> None:
    Path("in.csv").write_text(DATA)
    said = steepest(*FIT, "--save", name)
    assert said.status == 2
    assert f"{name!r} is not the name of a file; give one, or ./- for a file of that name" in said.err
    assert [path.name for path in Path().iterdir()] == ["in.csv"]


@pytest.mark.parametrize(
    "header", ["prediction,height", "prediction_1", "row,prediction,x", "Prediction", "prediction;x"]
)
def test_a_table_with_a_column_of_predictions_may_be_of_others(steepest: Steepest, header: str) -> None:
    Path("in.csv").write_text(DATA)
    assert steepest(*FIT, "--save", "m.safetensors").status == 0
    Path("p.csv").write_text(f"{header}\n1\n")
    said = steepest("predict", "m.safetensors", "in.csv", "-o", "p.csv")
    assert said.status == 2
    assert "p.csv exists, and steepest did not write it" in said.err


@pytest.mark.skipif(os.name == "nt", reason="pipes have no path there")
def test_a_pipe_is_written_to_if_somebody_reads_it(steepest: Steepest, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("in.csv").write_text(DATA)
    assert steepest(*FIT, "--save", "m.safetensors").status == 0
    monkeypatch.setattr(files, "_WAIT", 0.1)
    os.mkfifo("pipe")
    os.symlink("pipe", "link")
    for name in ("pipe", "link"):
        said = steepest("predict", "m.safetensors", "in.csv", "-o", name)
        assert said.status == 2
        assert f"cannot write {name}: nobody reads this pipe; start its reader" in said.err
        reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
        assert steepest("predict", "m.safetensors", "in.csv", "-o", name).status == 0
        assert os.read(reader, 100).startswith(b"prediction\n")
        os.close(reader)
    assert Path("pipe").is_fifo()
