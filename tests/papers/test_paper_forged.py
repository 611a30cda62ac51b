"""What the file of a model says of its training is checked before a paper repeats it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from command_line import Steepest, steepest
from model_files import forge
from steepest.papers import experiment

__all__ = ["steepest"]

ABOUT = {
    "formula": "y ~ a*x + b", "cost": "mse", "data": {"x": [], "y": []}, "parameter": {"a": [], "b": []},
}  # fmt: skip
PAPER = ["paper", "m.safetensors", "in.csv", "-o", "out.md", "--no-compare"]


def forged(settings: Any, **more: Any) -> None:
    Path("in.csv").write_text("x,y\n1,2\n2,4\n3,7\n")
    forge(Path("m.safetensors"), {**ABOUT, "settings": settings, **more}, {"a": 2.0, "b": 0.5})


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"epochs": 10**18}, "the settings of the model have more than 1,000,000,000 epochs; give rate and epochs"),
        ({"epochs": 10**400}, "the settings of the model have more than 1,000,000,000 epochs"),
        ({"start": 5}, "the settings of the model have start = 5, which are no parameters; give rate and epochs"),
        ({"start": [1, 2]}, "the settings of the model have start = [1, 2], which are no parameters"),
        ({"start": {"zz": 1}}, "start has 'zz', which is not a parameter of the cost"),
        ({"start": {"a": "x"}}, "the value of 'a' is not a number"),
        ({"schedule": 5}, "the settings of the model have schedule = 5, which is no text"),
        ({"schedule": "step:0:0"}, "every is a positive number"),
        ({"rate": -1}, "rate is a positive number"),
        ({"seed": -5}, "seed is a whole number from 0"),
        ({"optimiser": {"x": 1}}, "optimiser"),
        ({"engine": ["native"]}, "the settings of the model have engine = ['native'], which is no text"),
        ({"dtype": {"x": 1}}, "the settings of the model have dtype = {'x': 1}, which is no text"),
        ({"engine": []}, "the settings of the model have engine = [], which is no text"),
        ({"maximise": [1]}, "the settings of the model have maximise = [1], which is no truth value"),
        ({"gradient": 5}, "the settings of the model have gradient = 5, which is no text"),
    ],
)
def test_settings_that_are_none_are_one_sentence(steepest: Steepest, settings: Any, says: str) -> None:
    forged(settings)
    said = steepest(*PAPER)
    assert said.status == 2
    assert says in said.err
    assert said.err.count("\n") == 1
    assert not Path("out.md").exists()


def test_a_file_names_no_other_file_to_read(steepest: Steepest) -> None:
    forged({"validate": "secret.csv", "patience": 3, "epochs": 20})
    Path("secret.csv").write_text("x,y\nsecret,1\n")
    said = steepest(*PAPER)
    assert said.status == 0
    assert "trained without the validation on secret.csv, a file that the model names" in said.err
    assert "secret,1" not in Path("out.md").read_text(encoding="utf-8")


def test_a_training_that_a_file_asks_for_ends(steepest: Steepest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "_MOST_SECONDS", 0.2)
    forged({"epochs": 10**9, "rate": 1e-9})
    said = steepest(*PAPER)
    assert said.status == 0
    assert "the training was ended after 0.2 s; give rate and epochs to train longer" in said.err
    assert "max_seconds" not in Path("out.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("l2", [-1, "x", 10**400, [1]])
def test_a_penalty_is_checked_as_one_that_is_typed(steepest: Steepest, l2: Any) -> None:
    forged({}, l2=l2)
    said = steepest("predict", "m.safetensors", "in.csv")
    assert said.status == 2
    assert "m.safetensors is not a usable model" in said.err


def test_costs_beyond_a_drawing_are_left_out(steepest: Steepest) -> None:
    forged({}, l2=1e308)
    said = steepest("surface", "m.safetensors", "in.csv", "-o", "s.svg")
    assert (said.status, "warning" in said.err) == (0, False)


def test_a_derivation_that_nobody_reads_is_refused_before_the_training(steepest: Steepest) -> None:
    formula = "y ~ " + " + ".join(f"w{k}*x^{k}" for k in range(300))
    params = {f"w{k}": 0.0 for k in range(300)}
    about = {**ABOUT, "formula": formula, "parameter": {name: [] for name in params}}
    Path("in.csv").write_text("x,y\n1,2\n2,4\n3,7\n")
    forge(Path("m.safetensors"), about, params)
    said = steepest(*PAPER)
    assert said.status == 2
    assert "a derivation node by node of more than 60 is not readable" in said.err
