"""Commands that take a table and a formula take them in either order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from command_line import Steepest, steepest, table

__all__ = ["steepest"]

ROWS = "x,y\n" + "".join(f"{k},{3 * k + 1 + (-1) ** k / 10}\n" for k in range(8))


@pytest.fixture
def data(tmp_path: Path) -> str:
    table(tmp_path / "data.csv", ROWS)
    return "data.csv"


def line() -> tuple[float, float]:
    """Return slope and intercept of the least squares, by NumPy."""
    x = np.arange(8.0)
    a, b = np.polyfit(x, 3 * x + 1 + (-1) ** x / 10, 1)
    return float(a), float(b)


@pytest.mark.parametrize("words", [["data.csv", "y ~ a*x + b"], ["y ~ a*x + b", "data.csv"]])
def test_fit_takes_either_order(steepest: Steepest, data: str, words: list[str]) -> None:
    found = steepest("fit", *words, "--json").json["params"]
    assert (found["a"], found["b"]) == pytest.approx(line(), rel=1e-9)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("check", "mean((a*x - y)^2)", "--at", "a=1"), "correct"),
        (("check", "y ~ a*x", "--at", "a=1"), "correct"),
        (("surface", "y ~ a*x + b", "-o", "s.svg"), "cost"),
        (("plot", "fit", "y ~ a*x + b", "-o", "f.svg"), "8 samples over x"),
        (("plot", "training", "y ~ a*x + b", "-o", "t.svg", "--rate", "0.01"), "cost"),
        (("predict", "m.safetensors"), "prediction"),
        (("evaluate", "m.safetensors"), "R²"),
        (("evaluate", "bare"), "R²"),
    ],
)
def test_other_commands_print_the_same_in_either_order(
    steepest: Steepest, data: str, words: tuple[str, ...], expected: str
) -> None:
    for name in ("m.safetensors", "bare"):  # a saved model is recognised without its ending, too
        steepest("fit", data, "y ~ a*x + b", "--save", name)
    place = 2 if words[0] == "plot" else 1
    first, second = (
        steepest(*words[:place], *pair, *words[place + 1 :]) for pair in ((words[place], data), (data, words[place]))
    )
    assert (first.status, second.status) == (0, 0), second.err
    assert expected in first.out
    assert first.out == second.out


def test_a_paper_takes_either_order(steepest: Steepest, data: str) -> None:
    for name, words in (("one.md", ["y ~ a*x + b", data]), ("two.md", [data, "y ~ a*x + b"])):
        said = steepest("paper", *words, "-o", name, "--no-compare", "--rate", "0.01", "--json")
        assert said.status == 0, said.err
        assert said.json["params"]["a"] == pytest.approx(line()[0], abs=0.1)


def test_a_target_may_be_called_like_a_built_in_table(steepest: Steepest, tmp_path: Path) -> None:
    table(tmp_path / "bare", "x,xor\n0,0\n1,1\n2,0\n3,1\n")
    for words in (["bare", "xor"], ["./bare", "xor ~ a*x"], ["xor ~ a*x", "bare"]):
        extra = [] if "~" in "".join(words) else ["--layers", "2"]
        assert steepest("fit", *words, *extra, "--epochs", "3", "--rate", "0.1").status == 0


def test_two_files_without_an_ending_are_told_apart_or_refused(steepest: Steepest, tmp_path: Path) -> None:
    for name in ("w", "x"):
        table(tmp_path / name, ROWS)
    said = steepest("check", "w", "x")
    assert (said.status, said.out) == (2, "")
    assert "w and x are both files, so it is not clear which is the table" in said.err
    assert "'(w)'" in said.err
    said = steepest("check", "(mean(w*x))", "x", "--at", "w=1")  # the advice
    assert said.status == 0, said.err


def test_one_of_two_is_missing(steepest: Steepest, data: str) -> None:
    assert "a table is needed as well" in steepest("fit", "y ~ a*x").err
    assert "a formula is needed" in steepest("fit", data).err
    said = steepest("surface", data, "-o", "s.svg")
    assert "data.csv is a table; give a formula or a saved model as well" in said.err
