"""The command line: what each command prints where, and its exit status."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_digits

from command_line import Steepest, steepest, table
from places import IRIS
from plain_loops import NAND, nand_loop, sigmoid
from steepest.cli.main import main
from steepest.display import console
from steepest.expressions.operations import TABLE

IRIS_FORMULA = "virginica ~ sigmoid(petal_length*w1 + petal_width*w2 + b)"
__all__ = ["steepest"]

COMMANDS = sorted(name for name, command in main.commands.items() if not isinstance(command, click.Group))

# -- help --------------------------------------------------------------------------------------------------------


def examples_of(text: str) -> list[str]:
    assert text.startswith("Examples:\n")
    block = text.split("\n\n")[0]
    return [line.strip() for line in block.splitlines()[1:]]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_begins_with_examples_and_describes_every_option(steepest: Steepest, command: str) -> None:
    said = steepest(command, "--help")
    assert (said.status, said.err) == (0, "")
    assert all(f"steepest {command}" in line for line in examples_of(said.out))
    assert f"Usage: steepest {command}" in said.out
    assert "--json" in said.out or command == "export"  # which writes a file
    assert steepest(command, "-h").out == said.out


def test_help_lists_the_commands(steepest: Steepest) -> None:
    said = steepest("--help")
    assert said.status == 0
    assert len(examples_of(said.out)) >= 3
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\w", said.out, re.MULTILINE)


@pytest.mark.slow
def test_the_examples_of_the_help_run_as_written(steepest: Steepest, tmp_path: Path) -> None:
    """Each in a shell, in a folder with the tables that they name."""
    data = "x,y\n" + "".join(f"{k / 10},{2 * k / 10}\n" for k in range(10))
    for name in ("table.csv", "data.csv"):
        table(tmp_path / name, data)
    table(tmp_path / "new.csv", data)
    table(tmp_path / "test.csv", data)
    images, digits = load_digits(return_X_y=True)
    header = ",".join([*(f"pixel_{k}" for k in range(64)), "digit"])
    rows = [",".join(map(str, [*image / 16, digit])) for image, digit in zip(images[:300], digits, strict=False)]
    table(tmp_path / "digits.csv", "\n".join([header, *rows]))
    (tmp_path / "iris.csv").write_bytes(IRIS.read_bytes())
    for name in ("notes.tex", "notes.md"):
        (tmp_path / name).write_text("Let $f(x) = x^2$, so $f'(x) = 2x$.", encoding="utf-8")
    lines = [line for words in [(), *((c,) for c in COMMANDS)] for line in examples_of(steepest(*words, "--help").out)]
    assert len(lines) > 12
    script = Path(sys.executable).with_name("steepest")
    shell = f'steepest() {{ {shlex.quote(str(script))} "$@"; }}; set -e; ' + "; ".join(
        f"{line} >out.{k}" for k, line in enumerate(line for line in lines if "table.csv --at w=0" not in line)
    )
    run = subprocess.run(["bash", "-c", shell], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    assert "error" not in run.stderr.lower()
    kink = steepest("check", "y ~ abs(x*w)", "table.csv", "--at", "w=0")  # the one example that finds something
    assert kink.status == 1
    assert "kink" in kink.out


def test_version(steepest: Steepest) -> None:
    from steepest import __version__

    assert steepest("--version").out == f"steepest, version {__version__}\n"


# -- fit ---------------------------------------------------------------------------------------------------------


def test_fit_nand_shows_all_that_a_newcomer_needs(steepest: Steepest) -> None:
    said = steepest("fit", "nand")
    assert (said.status, said.err) == (0, "")
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert "model z ~ sigmoid(x*w1 + y*w2 + b)" in lines
    assert "cost mse, C = mean((sigmoid(x*w1 + y*w2 + b) - z)^2)" in lines
    assert "table the built-in table nand, 4 rows" in lines
    a = sigmoid(NAND["x"] * 0.3 + NAND["y"] * 0.6 + 0.1)
    d = 2 * (a - NAND["z"]) * a * (1 - a)
    for name, slope in {"w1": np.mean(d * NAND["x"]), "w2": np.mean(d * NAND["y"]), "b": np.mean(d)}.items():
        assert any(line.startswith(f"{name} correct {slope:.10g} {slope:.10g} ±") for line in lines)
    for row in ("w1 -1.74357891399", "w2 -1.73477772649", "b 2.77184896227", "cost 0.0626237279065"):
        assert row in lines  # mission.md, A6
    p = nand_loop(1000)[1][-1]
    for x, y, z in zip(NAND["x"], NAND["y"], NAND["z"], strict=True):
        assert f"{x:g} {y:g} {z:g} {sigmoid(x * p[0] + y * p[1] + p[2]):.6g}" in lines
    assert any(re.fullmatch(r"ran all 1000 epochs \(\S+ s, engine native\);", line) for line in lines)


def test_fit_json(steepest: Steepest) -> None:
    said = steepest("fit", "nand", "--json")
    assert (said.status, said.err) == (0, "")
    found = said.json
    assert found["params"] == pytest.approx(
        {"w1": -1.7435789139926, "w2": -1.7347777264922, "b": 2.7718489622682}, abs=5e-13
    )
    assert found["cost"] == pytest.approx(0.0626237279065, abs=5e-14)
    assert (found["stop"], found["epochs"], found["engine"], found["rows"]) == ("epochs", 1000, "native", 4)
    assert (found["reason"], found["optimiser"]) == ("budget", "gradient descent")
    assert found["newton_decrement"] == pytest.approx(0.5496, abs=5e-5)
    assert 0 < found["seconds"] < 60
    assert {name: row["verdict"] for name, row in found["check"].items()} == dict.fromkeys(("w1", "w2", "b"), "correct")
    assert found["start"] == {"w1": 0.3, "w2": 0.6, "b": 0.1}


def test_fit_options_reach_the_descent(steepest: Steepest) -> None:
    start = ("--start", "w1=.3,w2=.6", "--start", "b=0.1", "--json")
    found = steepest("fit", "nand", "--rate", "0.5", "--epochs", "20", *start).json
    assert found["cost"] == pytest.approx(nand_loop(20, 0.5)[0][-1], rel=1e-13)
    by_difference = steepest("fit", "nand", "--gradient", "finite-difference", "--json").json
    assert by_difference["cost"] == pytest.approx(0.0626302376, abs=5e-11)  # A5
    wide = steepest("fit", "nand", "--gradient", "finite-difference", "--step", "0.1", "--json").json
    assert abs(wide["cost"] - by_difference["cost"]) > 1e-4
    single = steepest("fit", "nand", "--dtype", "float32", "--json").json["params"]["b"]
    assert single == float(np.float32(single)) == pytest.approx(2.7718489622682, rel=1e-5)
    assert steepest("fit", "nand", "--tolerance", "1e-3", "--json").json["stop"] == "tolerance"
    assert steepest("fit", "nand", "--maximise", "--json").json["cost"] > 0.26
    assert steepest("fit", "nand", "--engine", "reference", "--json").status == 0


def test_seed_draws_the_start(steepest: Steepest) -> None:
    runs = [steepest("fit", "nand", "--seed", seed, "--epochs", "3", "--json").json for seed in ("1", "1", "2")]
    for key in ("params", "start", "cost"):
        assert runs[0][key] == runs[1][key] != runs[2][key]


def test_layerwise_shows_its_factor(steepest: Steepest, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "x,y\n.2,.3\n-.4,.6\n1,.9\n")
    said = steepest("fit", path, "y ~ sigmoid(sigmoid(x*w1 + b1)*w2 + b2)", "--gradient", "layerwise", "--json").json
    assert {name: row["factor"] for name, row in said["check"].items()} == {
        "w1": pytest.approx(2), "b1": pytest.approx(2), "w2": None, "b2": None,
    }  # fmt: skip


def test_xor_says_that_it_has_not_converged(steepest: Steepest) -> None:
    said = steepest("fit", "xor", "--rate", "1", "--epochs", "10000", "--json")
    assert said.json["cost"] == pytest.approx(0.12539207453, abs=5e-12)
    assert said.json["reason"] == "budget"
    assert "not converged: a Newton step would lower the cost by 0.14 %" in said.json["message"]
    assert said.status == 0


def test_a_diverged_fit_exits_1_and_saves_nothing(steepest: Steepest, tmp_path: Path) -> None:
    said = steepest("fit", "twice", "--rate", "0.2", "--save", "m.safetensors")
    assert said.status == 1
    assert "the descent diverged at epoch 35: the rate 0.2 is too large; try 0.1" in said.err
    assert "nothing was saved to m.safetensors" in said.err
    assert "diverged after 35 epochs (" in said.out
    assert list(tmp_path.iterdir()) == []
    found = steepest("fit", "twice", "--rate", "0.2", "--json")
    assert (found.status, found.json["reason"]) == (1, "diverged")
    assert found.json["params"]["w"] == pytest.approx(2 - 2 * (-1.4) ** 35, rel=1e-12)


def test_iris_from_fit_to_predictions(steepest: Steepest) -> None:
    said = steepest("fit", str(IRIS), IRIS_FORMULA, "--save", "iris.safetensors")
    assert said.status == 0
    assert "saved to iris.safetensors" in said.err
    frame = pl.read_csv(IRIS)
    params = {
        name: float(re.search(rf"^  {name} +(-?[\d.]+)( +± [\d.]+)?$", said.out, re.MULTILINE)[1])  # type: ignore[index]
        for name in ("w1", "w2", "b")
    }
    expected = sigmoid(
        frame["petal_length"].to_numpy() * params["w1"] + frame["petal_width"].to_numpy() * params["w2"] + params["b"]
    )
    right = int(np.sum((expected > 0.5) == (frame["virginica"].to_numpy() == 1)))
    assert f"accuracy {right / 1.5:.3g} % ({right} of 150 rows; threshold 0.5)" in said.out
    assert right > 135
    predicted = steepest("predict", "iris.safetensors", str(IRIS))
    assert (predicted.status, predicted.err) == (0, "")
    assert predicted.out.splitlines()[0] == "prediction"
    np.testing.assert_allclose([float(line) for line in predicted.out.splitlines()[1:]], expected, rtol=1e-9)


def test_r_squared_of_a_regression(steepest: Steepest, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, 40)
    y = 2 * x + 0.3 * rng.normal(size=40)
    path = table(tmp_path / "t.csv", "x,y\n" + "".join(f"{a},{b}\n" for a, b in zip(x, y, strict=True)))
    said = steepest("fit", path, "y ~ a*x + b", "--rate", "0.3")
    solved = np.linalg.lstsq(np.stack([x, np.ones(40)], axis=1), y, rcond=None)[0]
    error = y - solved[0] * x - solved[1]
    r2 = 1 - error @ error / ((y - y.mean()) @ (y - y.mean()))
    assert f"R² = {r2:.6g} over 40 rows" in said.out


def test_a_long_formula_is_shown_whole(steepest: Steepest) -> None:
    formula = "z ~ sigmoid(" + " + ".join(f"x*weight_number_{k}" for k in range(30)) + ")"
    said = steepest("fit", "nand", formula, "--epochs", "1")
    assert f"  model   {formula}\n" in said.out
    assert "  cost    mse, C = mean((sigmoid(" in said.out
    assert "weight_number_29) - z)^2)\n" in said.out


def test_a_name_that_looks_like_a_column_is_noted(steepest: Steepest) -> None:
    said = steepest("fit", str(IRIS), "virginica ~ sigmoid(petal_lenght*w1 + b)", "--epochs", "1")
    assert "warning: 'petal_lenght' is not a column, so it is a parameter; did you mean 'petal_length'?" in said.err


def test_backticks_and_a_cost(steepest: Steepest, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "petal length,is it\n1,0\n2,0\n3,1\n4,1\n")
    words = ("fit", path, "`is it` ~ sigmoid(`petal length`*`my w` + b)", "--cost", "cross_entropy", "--epochs", "7")
    words += ("--rate", "0.1")
    found = steepest(*words, "--start", "`my w`=0.5,b=0", "--json").json
    x, z, w, b = np.arange(1.0, 5), np.array([0, 0, 1.0, 1]), 0.5, 0.0
    for _ in range(7):
        a = sigmoid(x * w + b)
        w, b = w - 0.1 * np.mean((a - z) * x), b - 0.1 * np.mean(a - z)
    assert found["params"] == {"my w": pytest.approx(w, rel=1e-13), "b": pytest.approx(b, rel=1e-13)}


# -- rows with holes ---------------------------------------------------------------------------------------------

HOLES = "x,y\n1,2\n,4\n3,\n4,8\n"


def test_holes_are_errors_unless_dropped(steepest: Steepest, tmp_path: Path) -> None:
    path = table(tmp_path / "holes.csv", HOLES)
    said = steepest("fit", path, "y ~ a*x")
    assert said.status == 2
    assert said.out == ""
    assert "data row 2 of column 'x' has no value" in said.err
    assert "--na drop" in said.err
    dropped = steepest("fit", path, "y ~ a*x", "--na", "drop", "--rate", "0.01", "--save", "m.safetensors", "--json")
    assert "2 of 4 rows have a missing value and were left out" in dropped.err
    assert (dropped.json["rows"], dropped.json["dropped"]) == (2, 2)
    assert dropped.json["params"]["a"] == pytest.approx(2, abs=1e-12)


def test_predict_forms(steepest: Steepest, tmp_path: Path) -> None:
    path = table(tmp_path / "holes.csv", HOLES)
    steepest("fit", "twice", "--rate", "0.05", "--save", "m.safetensors")
    assert steepest("predict", "m.safetensors", path).status == 2
    said = steepest("predict", "m.safetensors", path, "--na", "drop")
    assert "1 of 4 rows has a missing value and was left out" in said.err
    lines = said.out.splitlines()
    assert lines[0] == "row,prediction"
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "3", "4"]
    assert [float(line.split(",")[1]) for line in lines[1:]] == pytest.approx([2, 6, 8], abs=1e-9)
    found = steepest("predict", "m.safetensors", path, "--na", "drop", "--json").json
    assert found == {"prediction": pytest.approx([2, 6, 8], abs=1e-9), "row": [1, 3, 4], "dropped": 1}
    quiet = steepest("predict", "m.safetensors", path, "--na", "drop", "-o", "out.csv")
    assert quiet.out == ""
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == said.out
    steepest("predict", "m.safetensors", path, "--na", "drop", "--json", "-o", "out.json")
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["row"] == [1, 3, 4]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["holes.csv", "m.safetensors", "out.csv", "out.json"]


# -- derive, check, tangent, ops ---------------------------------------------------------------------------------


def test_derive(steepest: Steepest) -> None:
    words = ("derive", "mean((x*w - y)^2)", "--wrt", "w")
    text = steepest(*words)
    assert text.status == 0
    assert "= 1/n Σ 2·(x_i·w − y_i)·x_i" in text.out.splitlines()[-1]  # eq 12 of row A2
    assert "note: reading x, y as data and w as parameters" in text.err
    latex = steepest(*words, "--format", "latex").out
    assert latex.startswith("\\begin{align*}")
    assert latex.rstrip().endswith("\\end{align*}")
    assert "\\frac{1}{n} \\sum_{i=1}^{n} 2 \\cdot \\left(x_{i} \\cdot w - y_{i}\\right) \\cdot x_{i}" in latex
    markdown = steepest(*words, "--format", "markdown").out
    assert markdown.count("$$") == 2 * 5
    assert "Power rule, chain rule:" in markdown
    found = steepest(*words, "--json", "--data", "x,y")
    assert found.err == ""
    assert found.json["w"]["result"] == "mean(2*(x*w - y)*x)"
    assert found.json["w"]["steps"][0]["rule"] == "sum rule"
    full = steepest(*words, "--level", "full").out
    assert len(full.splitlines()) > len(text.out.splitlines())


def test_derive_of_several_names_and_of_a_model(steepest: Steepest) -> None:
    found = steepest("derive", "z ~ sigmoid(x*w1 + y*w2 + b)", "--wrt", "w1,w2, b", "--json", "--data", "x,y,z").json
    assert list(found) == ["w1", "w2", "b"]
    steep = steepest("derive", "x^2*exp(-x)", "--wrt", "x")
    assert steep.err == ""
    assert steep.out.count("∂/∂x") >= 2


def test_check(steepest: Steepest) -> None:
    formula = "mean((sigmoid(x*w1 + y*w2 + b) - z)^2)"
    said = steepest("check", formula, "nand", "--at", "w1=.3,w2=.6,b=.1")
    assert (said.status, said.err) == (0, "")
    assert said.out.count("correct") == 3
    found = steepest("check", formula, "nand", "--at", "w1=.3,w2=.6", "--at", "b=.1", "--json").json
    assert found["ok"] is True
    assert found["at"] == {"w1": 0.3, "w2": 0.6, "b": 0.1}
    assert found["check"]["b"]["given"] == pytest.approx(-0.0723553066, abs=1e-10)


def test_check_of_a_wrong_gradient_exits_1(steepest: Steepest) -> None:
    """Row B4: of a chain of three, the layer-wise gradient is 4, 2 and 1 times the true one."""
    chain = "z ~ sigmoid(sigmoid(sigmoid(x*w1 + b1)*w2 + b2)*w3 + b3)"
    said = steepest("check", chain, "nand", "--gradient", "layerwise", "--json")
    assert (said.status, said.json["ok"]) == (1, False)
    factors = {name: row["factor"] for name, row in said.json["check"].items()}
    assert [factors[f"w{k}"] for k in (1, 2, 3)] == [pytest.approx(4), pytest.approx(2), None]
    shown = steepest("check", chain, "nand", "--gradient", "layerwise")
    assert shown.status == 1
    assert "wrong by a factor 4" in shown.out
    assert "wrong by a factor 2" in shown.out


def test_tangent(steepest: Steepest) -> None:
    """Row E3."""
    words = ("tangent", "2*x^2 + y^2", "--at", "x=.5,y=.5", "--move", "x=.1,y=.1")
    said = steepest(*words)
    assert (said.status, said.err) == (0, "")
    assert "Δf ≈ 0.3, so f ≈ 1.05" in said.out
    assert "Δf = 0.33, so f = 1.08" in said.out
    found = steepest(*words, "--json").json
    assert found["path"] == pytest.approx([0.75, 0.97, 1.08])
    assert found["terms"] == pytest.approx({"x": 0.2, "y": 0.1})
    assert (found["tangent_value"], found["error"]) == (pytest.approx(1.05), pytest.approx(0.03))


def test_ops_lists_every_row(steepest: Steepest) -> None:
    found = steepest("ops", "--json").json["operations"]
    assert [row["name"] for row in found] == [row.name for row in TABLE]
    assert len(found) > 35
    assert all(row["meaning"] and row["written"] for row in found)
    shown = steepest("ops").out.splitlines()
    assert len(shown) == len(found) + 1
    for line, row in zip(shown[1:], found, strict=True):
        assert row["written"] in line
        assert row["meaning"] in line
    one = steepest("ops", "σ")
    assert re.search(r"name +sigmoid", one.out)
    assert steepest("ops", "tanh", "--json").json["operations"][0]["derivatives"] == ["∂x: 1 − r²"]


def test_no_escape_codes_without_a_terminal(steepest: Steepest) -> None:
    for words in (["fit", "nand"], ["ops"], ["derive", "x^2", "--wrt", "x"], ["fit"], ["check", "z ~ x*w", "nand"]):
        said = steepest(*words)
        assert "\x1b" not in said.out + said.err
        assert all(line == line.rstrip() for line in said.out.splitlines())
    assert not console.console().is_terminal
