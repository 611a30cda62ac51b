"""What the command line says to mistakes: one sentence on standard error, and the exit status."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from command_line import Said, Steepest, steepest, table
from places import IRIS

__all__ = ["steepest"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With some tables that have something wrong."""
    table(tmp_path / "hole.csv", "x,y\n1,2\n2,\n")
    table(tmp_path / "text.csv", "x,y\n1,2\n2,abc\n")
    table(tmp_path / "comma.csv", 'x,y\n"1,200",2\n')
    table(tmp_path / "german.csv", "x;y\n1,5;2\n1.25;3\n")
    table(tmp_path / "ragged.csv", "x,y\n1,2\n2\n")
    table(tmp_path / "twice.csv", "x,x\n1,2\n")
    table(tmp_path / "numbers.csv", "1,2\n3,4\n")
    table(tmp_path / "empty.csv", "")
    (tmp_path / "latin.csv").write_bytes("x,größe\n1,2\n".encode("latin-1"))
    (tmp_path / "place").mkdir()
    return tmp_path


CHAIN = "y ~ a*x"
MISTAKES: list[tuple[str, list[str], list[str]]] = [
    ("no such command", ["fitt"], ["No such command 'fitt'"]),
    ("no arguments", ["fit"], ["Missing argument 'TABLE'"]),
    ("no such option", ["fit", "nand", "--rat", "1"], ["there is no option --rat", "--rate"]),
    ("option without number", ["fit", "nand", "--rate", "fast"], ["'fast' is neither a number nor auto"]),
    ("no formula", ["fit", str(IRIS)], ["a formula is needed", "y ~ a*x + b"]),
    ("formula with a hole", ["fit", "nand", "z ~ sigmoid(x*w"], ["z ~ sigmoid(x*w\n", "^"]),
    ("misspelt function", ["fit", "nand", "z ~ sigmod(x*w)"], ["sigmoid", "^"]),
    ("no target", ["fit", "nand", "x*w"], ["'target ~ prediction'", "no '~'"]),
    ("target absent", ["fit", str(IRIS), "virginia ~ petal_length*w"], ["not a column", "did you mean 'virginica'?"]),
    ("nothing to fit", ["fit", "nand", "z ~ x*y"], ["the cost has no parameters"]),
    ("text column", ["fit", str(IRIS), "petal_length ~ species*w"], ["row 1", "'species'", "'setosa'"]),
    ("text target", ["fit", str(IRIS), "species ~ petal_length*w"], ["'setosa'", "3 classes", "softmax(…) of 3"]),
    ("threshold unit", ["fit", "nand", "z ~ step(x*w + b)"], ["cannot be trained", "use sigmoid"]),
    ("labels", ["fit", str(IRIS), "petal_length ~ sigmoid(petal_width*w)", "--cost", "cross_entropy"],
     ["petal_length is 1.4 in data row 1", "between 0 and 1"]),
    ("no such file", ["fit", "absent.csv", CHAIN], ["absent.csv", "no such file"]),
    ("formula first", ["fit", "y ~ a/x", "y ~ a*x"], ["y ~ a/x", "no such file", "reads like a formula"]),
    ("built-in misspelt", ["fit", "nandd", "z ~ x*w"], ["did you mean 'nand'?"]),
    ("directory", ["fit", "place", CHAIN], ["place", "directory"]),
    ("hole", ["fit", "hole.csv", CHAIN], ["hole.csv", "data row 2", "'y'", "--na drop"]),
    ("text", ["fit", "text.csv", CHAIN], ["text.csv", "data row 2", "'y'", "'abc'"]),
    ("comma", ["fit", "comma.csv", CHAIN], ["may be 1200 or 1.2", "--thousands , for 1200", "--decimal ,"]),
    ("two signs", ["fit", "german.csv", CHAIN], ["'1,5', with a decimal comma, and data row 2", "'1.25', with"]),
    ("no comma", ["fit", "german.csv", CHAIN, "--decimal", "."], ["'1,5'", "decimal comma, say so with --decimal ,"]),
    ("sign", ["fit", "comma.csv", CHAIN, "--decimal", ";"], ["the decimal sign is '.' or ',', not ';'"]),
    ("signs", ["fit", "comma.csv", CHAIN, "--decimal", ",", "--thousands", ","], ["cannot be both"]),
    ("encoding", ["fit", "comma.csv", CHAIN, "--encoding", "klingon"], ["no encoding 'klingon'"]),
    ("ragged", ["fit", "ragged.csv", CHAIN], ["data row 2 has 1 field", "header has 2"]),
    ("twice the name", ["fit", "twice.csv", CHAIN], ["'x' 2 times"]),
    ("no header", ["fit", "numbers.csv", CHAIN], ["first line holds numbers", "column names"]),
    ("empty", ["fit", "empty.csv", CHAIN], ["is empty"]),
    ("encoding", ["fit", "latin.csv", CHAIN], ["not UTF-8", "byte 5"]),
    ("start form", ["fit", "nand", "--start", "w1"], ["'w1' is not of the form name=number"]),
    ("start text", ["fit", "nand", "--start", "w1=high"], ["'w1=high' is not of the form name=number"]),
    ("start infinite", ["fit", "nand", "--start", "w1=inf"], ["'w1=inf'", "finite number"]),
    ("start comma", ["fit", "nand", "--start", "w1=1,"], ["'' is not of the form"]),
    ("start twice", ["fit", "nand", "--start", "w1=1,w1=2"], ["'w1' has two values"]),
    ("start twice again", ["fit", "nand", "--start", "w1=1", "--start", "w1=2"], ["'w1' has two values"]),
    ("start unknown", ["fit", "nand", "--start", "v=1"], ["--start has 'v'", "its parameters are w1, w2, b"]),
    ("seed", ["fit", "nand", "--seed", "-1"], ["seed is a whole number from 0, not -1"]),
    ("rate", ["fit", "nand", "--rate", "-1"], ["rate is a positive number, a schedule or 'auto', not -1"]),
    ("rate infinite", ["fit", "nand", "--rate", "1e999"], ["rate is a positive number, a schedule or 'auto', not inf"]),
    ("epochs", ["fit", "nand", "--epochs", "-1"], ["epochs is a whole number from 0, not -1"]),
    ("step", ["fit", "nand", "--step", "0"], ["step is a positive number"]),
    ("tolerance", ["fit", "nand", "--tolerance", "-1"], ["tolerance is a positive number"]),
    ("engine", ["fit", "nand", "--engine", "steam"], ["no engine 'steam'", "reference"]),
    ("dtype", ["fit", "nand", "--dtype", "float16"], ["float32"]),
    ("gradient", ["fit", "nand", "--gradient", "uphill"], ["'finite-difference'"]),
    ("cost", ["fit", "nand", "--cost", "msee"], ["no cost 'msee'; did you mean 'mse'?"]),
    ("place to save", ["fit", "nand", "--save", "absent/m.safetensors"], ["no directory absent"]),
    ("directory to save", ["fit", "nand", "--save", "place"], ["'place' is a directory"]),
    ("model absent", ["predict", "absent.safetensors", "nand"], ["absent.safetensors", "no such file"]),
    ("no model", ["predict", "hole.csv", "nand"], ["hole.csv", "not a saved model"]),
    ("model directory", ["predict", "place", "nand"], ["place", "directory"]),
    ("derive nothing", ["derive", "x^2", "--wrt", ""], ["--wrt", "empty"]),
    ("derive absent", ["derive", "x^2", "--wrt", "q"], ["'q'"]),
    ("derive no wrt", ["derive", "x^2"], ["Missing option '--wrt'"]),
    ("derive syntax", ["derive", "x^^2", "--wrt", "x"], ["^"]),
    ("check per sample", ["check", "sigmoid(x*w)", "nand"], ["take its mean"]),
    ("check no parameters", ["check", "mean(x*y)", "nand"], ["nothing to check"]),
    ("check unknown", ["check", "z ~ x*w", "nand", "--at", "v=1"], ["--at has 'v'", "parameters are w"]),
    ("tangent no value", ["tangent", "x*y", "--at", "x=1", "--move", "x=1"], ["'y'"]),
    ("tangent unknown", ["tangent", "x^2", "--at", "x=1", "--move", "z=1"], ["'z' is in move"]),
    ("tangent infinite", ["tangent", "log(x)", "--at", "x=0", "--move", "x=1"], ["f at the point is -inf"]),
    ("ops unknown", ["ops", "sigmod"], ["did you mean 'sigmoid'?"]),
]  # fmt: skip


@pytest.mark.parametrize(("words", "says"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_mistakes_exit_2_with_a_sentence(steepest: Steepest, folder: Path, words: list[str], says: list[str]) -> None:
    before = sorted(each.name for each in folder.iterdir())
    said: Said = steepest(*words)
    assert said.status == 2, said
    assert said.out == ""
    for part in says:
        assert part in said.err
    assert "Traceback" not in said.err
    assert sorted(each.name for each in folder.iterdir()) == before


def test_our_own_fault_exits_101(steepest: Steepest, monkeypatch: pytest.MonkeyPatch) -> None:
    from steepest import models

    def fault(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(models.Model, "use", fault)
    said = steepest("fit", "nand")
    assert said.status == 101
    assert said.out == ""
    assert "ZeroDivisionError: planted" in said.err
    assert "a bug in steepest" in said.err


def test_a_result_is_shown_even_if_it_cannot_be_saved(steepest: Steepest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk may fill up during a long fit."""
    from steepest.storage import tensors as storage

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage.os, "fsync", full)
    said = steepest("fit", "nand", "--save", "m.safetensors")
    assert said.status == 2
    assert "No space left on device" in said.err
    assert "2.77184896227" in said.out
