"""Defaults of options from a file: one that is found is noted and names no files, one that is named may."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import Steepest, steepest

__all__ = ["steepest"]

FIT = ["fit", "in.csv", "y ~ x*w", "--no-check", "--json", "--optimiser", "gradient-descent"]


@pytest.fixture(autouse=True)
def table(steepest: Steepest) -> None:
    Path("in.csv").write_text("x,y\n1,2\n2,4\n3,6\n4,8\n")


def toml(text: str, name: str = "steepest.toml") -> None:
    Path(name).write_text(text)


def test_what_a_found_file_sets_is_noted(steepest: Steepest) -> None:
    toml('[fit]\nepochs = 3\nrate = 0.01\nstart = { w = 0.5 }\n[derive]\nwrt = "w"\n')
    said = steepest(*FIT)
    assert json.loads(said.out)["epochs"] == 3
    assert said.err == 'note: steepest.toml in this folder sets epochs = 3, rate = 0.01, start = {"w": 0.5}\n'
    said = steepest(*FIT, "--epochs", "2", "--start", "w=1", "--rate", ".02")  # what is typed goes first
    assert (json.loads(said.out)["epochs"], said.err) == (2, "")
    assert steepest("ops", "exp").err.startswith("note: r is the result")  # another command


@pytest.mark.parametrize(
    ("section", "words", "option"),
    [
        ('[fit]\nsave = "../m.safetensors"', FIT, "save = '../m.safetensors' in [fit]"),
        ('[fit]\ncheckpoint = "../c"', FIT, "checkpoint = '../c' in [fit]"),
        ('[fit]\nvalidate = "../other.csv"', FIT, "validate = '../other.csv' in [fit]"),
        ('[proofread]\noutput = "../report"', ["proofread", "in.csv"], "output = '../report' in [proofread]"),
        ('[graph]\noutput = "../g.svg"', ["graph", "w^2", "--at", "w=1"], "output = '../g.svg' in [graph]"),
        ('[graph]\ntable = "../other.csv"', ["graph", "y ~ x*w"], "table = '../other.csv' in [graph]"),
        ('[plot.activation]\noutput = "../p.svg"', ["plot", "activation", "tanh"], "in [plot.activation]"),
        ('[paper]\noutput = "../p.md"', ["paper", "nand"], "output = '../p.md' in [paper]"),
        ('[surface]\noutput = "../s.svg"', ["surface", "w^2"], "output = '../s.svg' in [surface]"),
    ],
)
def test_a_found_file_names_no_files(
    steepest: Steepest, tmp_path: Path, section: str, words: list[str], option: str
) -> None:
    toml(section)
    around = sorted(tmp_path.parent.iterdir())
    said = steepest(*words)
    assert said.status == 2
    assert option in said.err
    assert "but only a file that --config names may say which files are read or written" in said.err
    assert "or --config steepest.toml if you trust it" in said.err
    assert sorted(tmp_path.parent.iterdir()) == around
    assert steepest("ops", "exp").status == 0  # of other commands nothing is refused


def test_a_named_file_may_name_files(steepest: Steepest) -> None:
    toml('[fit]\nsave = "m.safetensors"\nepochs = 2\n')
    for words in (["--config", "steepest.toml", *FIT], [*FIT, "--config", "steepest.toml"]):
        said = steepest(*words)
        assert (said.status, said.err) == (0, "saved to m.safetensors\n")
        assert json.loads(said.out)["epochs"] == 2
        Path("m.safetensors").unlink()


def test_a_named_file_takes_the_place_of_the_one_found(steepest: Steepest) -> None:
    toml("[fit]\nepochs = 3\nrate = 0.03\n")
    toml("[fit]\nepochs = 4\n", "own.toml")
    found = json.loads(steepest(*FIT, "--config", "own.toml").out)
    assert (found["epochs"], found["settings"]["rate"]) == (4, 0.1)


def test_sections_of_kinds_of_pictures(steepest: Steepest) -> None:
    toml('[plot.activation]\nwidth = "page"\n[plot.training]\nlayers = [4, 3]\nepochs = 3\n')
    said = steepest("plot", "activation", "tanh", "-o", "a.svg")
    assert said.status == 0
    assert said.err.startswith('note: steepest.toml in this folder sets width = "page"\n')
    said = steepest("plot", "training", "y", "in.csv", "-o", "t.svg")
    assert said.status == 0
    assert "sets layers = [4, 3], epochs = 3" in said.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[plot]\nactivation = 3\n", "'activation' in [plot], which is not the name of a command; the commands are"),
        ("[plot.activation]\nwide = 3\n", "'wide' in [plot.activation], which is not an option of it"),
        ("[fit]\nconfig = 'x'\n", "'config' in [fit], which is not an option of it"),
        ("x = " + "[" * 100_000, "cannot be read"),
        ("a" + ".a" * 100_000 + " = 1", "a key has more than 100 parts; it is no file of options"),
        ('"=".a' + ".a" * 100_000 + " = 1", "a key has more than 100 parts; it is no file of options"),
        ("a = " + "[" * 100_000, "its values are nested too deeply"),
        ("# " + "x" * (1 << 20), "it has more than 1 MB; it is no file of options; name another one"),
    ],
    ids=["kind", "option", "config", "deep", "dots", "quoted", "lists", "large"],
)
def test_a_wrong_file_is_one_sentence(steepest: Steepest, text: str, says: str) -> None:
    toml(text)
    said = steepest("plot", "activation", "tanh", "-o", "a.svg")
    assert (said.status, said.out) == (2, "")
    assert says in said.err


@pytest.mark.parametrize("value", ["[]", "[[]]", "{}", "[3]", '""', "1979-05-27"])
@pytest.mark.parametrize("option", ["layers", "start", "cost", "validate", "rate", "weights", "schedule"])
def test_values_of_other_kinds_are_no_fault_of_ours(steepest: Steepest, option: str, value: str) -> None:
    toml(f"[fit]\nepochs = 1\n{option} = {value}\n")
    said = steepest(*FIT)
    assert said.status in (0, 1, 2), said.err
    assert "Traceback" not in said.err


def test_a_named_file_that_is_absent(steepest: Steepest) -> None:
    said = steepest(*FIT, "--config", "absent.toml")
    assert (said.status, said.out) == (2, "")
    assert "absent.toml cannot be read: No such file or directory" in said.err
    assert steepest("--help").status == 0
