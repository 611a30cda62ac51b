"""Plain ASCII: signs transliterated, columns still aligned, by one switch for everything that commands print."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import steepest as st
from command_line import Steepest, steepest
from processes import ESCAPE, SCRIPT, on_a_terminal, plain_environment, pty_only
from sampling import sampled
from steepest.expressions.ascii import PLAIN, transliterated, with_mark
from steepest.expressions.operations import TABLE

__all__ = ["steepest"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("∂C/∂w₁ = 1/n Σ 2·(σ(x_i·w₁) − y_i)²", "dC/dw_1 = 1/n sum 2*(sigmoid(x_i*w_1) - y_i)^2"),
        ("a⁽²⁾ᵢ ≤ 10⁻³ ≠ x¹²", "a^(2)_i <= 10^(-3) != x^12"),
        ("W⁽ˡ⁾ᵀ δ ⊙ σ′(z)", "W^(l)^T delta .* sigmoid'(z)".replace(")^T", ")T")),
        ("x̄ = r̄, ŷ, R² ± 1 …", "xbar = rbar, yhat, R^2 +/- 1 ..."),
        ("größe naïve Łódź — “so”", 'grosse naive Lodz - "so"'),
        ("中", "\\u4e2d"),
        ("│└─┬┤", "|+-++"),
    ],
)
def test_signs_in_ascii(text: str, expected: str) -> None:
    assert transliterated(text) == expected


def test_what_the_library_writes_has_a_likeness() -> None:
    for row in TABLE:
        for text in (row.maths.pattern if row.maths else "", row.meaning, row.edges, row.source, *row.rules, row.rule):
            assert "\\" not in transliterated(text), text
    for model in (st.models.chain(3), st.models.network([2, 3, 2])):
        assert "\\" not in transliterated(str(model.cost))


def test_derivations_stay_aligned() -> None:
    derivation = st.derive(st.mean((st.sigmoid(st.data("x") * st.params("w")) - st.data("y")) ** 2), "w")
    text = derivation.text(plain=True)
    assert text.isascii()
    block = text.split("\n\n")[-1].splitlines()
    assert len({line.index("=") for line in block}) == 1
    assert block[0].startswith("dC/dw =")
    notes = [re.search(r"\S(   +)(\S.*)$", line[9:]) for line in block[1:]]
    assert len({found.start(2) for found in notes if found}) == 1
    assert all(notes)


COMMANDS = (
    ["fit", "nand", "--plot"],
    ["fit", "nand", "z ~ σ(x*größe + b)", "--epochs", "20"],
    ["fit", "xor", "--rate", "1", "--restarts", "3", "--epochs", "50"],
    ["derive", "mean((x*w - y)^2)", "--wrt", "w", "--data", "x,y"],
    ["check", "z ~ sigmoid(x*w1 + y*w2 + b)", "nand"],
    ["tangent", "2*x^2 + y^2", "--at", "x=.5,y=.5", "--move", "x=.1,y=.1"],
    ["ops"],
    ["ops", "sigmoid"],
    ["fit", "--help"],
    ["fit", "nand", "z ~ σ(σ(x y))"],
    ["fit", "nand", "z ~ sigmoid(größe*x)", "--json"],
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_is_ascii_when_asked(words: list[str], steepest: Steepest) -> None:
    said = steepest(*words, "--no-unicode")
    assert said.out.isascii()
    assert said.err.isascii()
    assert said.out or said.err
    if "--json" in words:
        assert "größe" in json.loads(said.out)["params"]


@pytest.mark.parametrize("words", COMMANDS[:7], ids=" ".join)
def test_without_the_switch_they_are_not(words: list[str], steepest: Steepest) -> None:
    said = steepest(*words)
    assert not (said.out + said.err).isascii() or "restarts" in " ".join(words)


def test_columns_are_aligned_after_the_signs_are_replaced(steepest: Steepest) -> None:
    lines = [line for line in steepest("ops", "--no-unicode").out.splitlines() if line.strip()]
    at = lines[0].index("meaning")
    assert all(line[at - 1] == " " and line[at] != " " for line in lines[1:])


def test_the_mark_beneath_a_mistake_moves_with_it(steepest: Steepest) -> None:
    *_, line, mark = steepest("derive", "σ(σ(x) y)", "--wrt", "x", "--no-unicode").err.rstrip().split("\n")
    assert line[len(mark) - 1] == "y"
    assert with_mark("σσ!\n  ^") == "sigmoidsigmoid!\n" + " " * 14 + "^"


@pytest.mark.parametrize("environment", [{"NO_UNICODE": "1"}, {"PYTHONIOENCODING": "ascii"}])
def test_the_environment_can_ask(environment: dict[str, str]) -> None:
    words = [SCRIPT, "derive", "mean((x*w - y)^2)", "--wrt", "w", "--data", "x,y"]
    run = subprocess.run(words, capture_output=True, env=plain_environment(PYTHONUTF8="0", **environment))
    assert run.returncode == 0
    assert run.stdout.decode("ascii").splitlines()[0] == "C = 1/n sum (x_i*w - y_i)^2"


def test_a_folder_can_ask(tmp_path: Path) -> None:
    (tmp_path / "steepest.toml").write_text("[derive]\nno-unicode = true\n")
    words = [SCRIPT, "derive", "σ(x)", "--wrt", "x"]
    run = subprocess.run(words, capture_output=True, cwd=tmp_path, env={**os.environ, "PYTHONUTF8": "1"})
    assert run.returncode == 0, run.stderr
    assert run.stdout.decode("ascii").startswith("a = sigmoid(x)")


def test_the_encoding_writes_ascii() -> None:
    assert "∂σ".encode(PLAIN) == b"dsigmoid"
    assert sys.version_info >= (3, 11)


@pty_only
@pytest.mark.parametrize("plain", sampled([False, True], 2))
def test_a_terminal_shows_the_curve_where_there_is_room(plain: bool) -> None:
    extra = {"NO_UNICODE": "1"} if plain else {}
    _, out, err = on_a_terminal(["fit", "nand"], 80, **extra)
    text = ESCAPE.sub("", out)
    assert "cost by epoch" in text
    assert text.isascii() is plain
    assert ESCAPE.sub("", err).isascii() is plain
    assert max(map(len, text.splitlines())) <= 80 or "epochs in" in text
    assert "cost by epoch" not in on_a_terminal(["fit", "nand"], 40, **extra)[1]
    assert "cost by epoch" not in on_a_terminal(["fit", "nand", "--no-plot"], 80, **extra)[1]
    assert "cost by epoch" not in on_a_terminal(["fit", "nand", "--epochs", "3"], 80, **extra)[1]


def test_no_terminal_shows_the_curve_only_when_asked(steepest: Steepest) -> None:
    assert "cost by epoch" not in steepest("fit", "nand").out
    assert "cost by epoch" in steepest("fit", "nand", "--plot").out
    assert "too few epochs" in steepest("fit", "twice", "--rate", "1e200", "--plot").out
