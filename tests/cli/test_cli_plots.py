"""The commands that draw numbers: what they write, what they say, and how they answer mistakes."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from PIL import Image

from command_line import Steepest, steepest, table
from picture_parts import group, parsed, words
from sampling import sampled
from steepest.cli.main import main
from steepest.cli.plots import plot

__all__ = ["steepest"]

NEURON = "z ~ sigmoid(x*w1 + y*w2 + b)"
COMMANDS = ["surface", "plot", *(f"plot {name}" for name in plot.commands)]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_begins_with_examples(steepest: Steepest, command: str) -> None:
    said = steepest(*command.split(), "--help")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("Examples:\n")
    assert f"Usage: steepest {command}" in said.out
    assert command.split()[0] in main.commands


@pytest.mark.parametrize("command", sampled(COMMANDS, 3))
def test_the_examples_of_the_help_run_as_written(steepest: Steepest, command: str, tmp_path: Path) -> None:
    data = "x,y,z\n" + "".join(f"{k % 2},{k // 2 % 2},{int(k % 4 != 3)}\n" for k in range(8))
    for name in ("test.csv", "digits.csv"):
        table(tmp_path / name, data.replace("z", "digit") if name == "digits.csv" else data)
    steepest("fit", "nand", "--cost", "cross_entropy", "--save", "model.safetensors")
    examples = steepest(*command.split(), "--help").out.split("\n\n")[0].splitlines()[1:]
    assert examples
    for example in examples:
        parts = shlex.split(example.strip())[1:]
        said = steepest(*parts)
        assert said.status == 0, (example, said.err)
        output = parts[parts.index("-o") + 1]
        assert (tmp_path / output).stat().st_size > 500, example
        assert said.out.strip().endswith("."), example
        assert f"written to {output}" in said.err


def test_e3_on_the_command_line(steepest: Steepest, tmp_path: Path) -> None:
    said = steepest("surface", "2*x^2 + y^2", "--at", "x=.5,y=.5", "--move", "x=.1,y=.1", "--look", "3d", "-o", "a.svg")
    assert "0.75, 0.97, 1.08" in said.out
    assert "1.05" in said.out
    root = parsed((tmp_path / "a.svg").read_text(encoding="utf-8"))
    assert "A → B → C: 0.75, 0.97, 1.08" in words(root)


def test_descents_side_by_side(steepest: Steepest, tmp_path: Path) -> None:
    given = "--start x=-4,y=2 --optimiser momentum --optimiser adam:.5 --optimiser finite-difference --epochs 20"
    said = steepest("surface", "x^2 + 4*y^2", *given.split(), "--points", "30", "-o", "a.svg")
    assert said.status == 0, said.err
    root = parsed((tmp_path / "a.svg").read_text(encoding="utf-8"))
    for k, name in enumerate(("momentum", "adam", "finite difference"), start=1):
        assert any(text.startswith(f"{name}, 20 epochs") for text in words(root))
        assert group(root, f"trail-{k}") is not None


def test_a_gif_of_the_ascent_of_e4(steepest: Steepest, tmp_path: Path) -> None:
    given = "--start x=4,y=-3 --rate .2 --epochs 3 --maximise --points 20 --json"
    said = steepest("surface", "x*y", *given.split(), "-o", "a.gif")
    assert said.json["output"] == "a.gif"
    assert "−2.465" in said.json["description"]
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 4  # type: ignore[attr-defined]


def test_a_saved_model_is_drawn_where_it_ended(steepest: Steepest) -> None:
    steepest("fit", "nand", "--save", "m.safetensors")
    said = steepest("surface", "m.safetensors", "nand", "--over", "w1,w2", "--points", "20", "-o", "a.svg")
    assert said.status == 0, said.err
    said = steepest("plot", "boundary", "m.safetensors", "nand", "-o", "b.svg")
    assert "The fitted model classifies 100% of the samples correctly." in said.out


def test_elements_and_ranges_of_a_network(steepest: Steepest) -> None:
    steepest("fit", "xor", "z", "--layers", "2", "--save", "m.safetensors")
    said = steepest("surface", "m.safetensors", "xor", "--over", "W1[0,1],b1[0]", "--range", "W1[0,1]=-2:4,b1[0]=0:1",
                    "--points", "20", "-o", "a.svg")  # fmt: skip
    assert said.out.startswith("The cost for W1[0,1] from −2 to 4 and b1[0] from 0 to 1;")


def test_a_training_with_validation_rows(steepest: Steepest, tmp_path: Path) -> None:
    table(tmp_path / "t.csv", "x,y\n" + "".join(f"{k / 10},{2 * k / 10 + k % 3}\n" for k in range(30)))
    said = steepest("plot", "training", "y ~ a*x + b", "t.csv", "--validate", ".3", "--epochs", "50", "-o", "a.svg")
    assert "That of the validation rows is lowest" in said.out
    root = parsed((tmp_path / "a.svg").read_text(encoding="utf-8"))
    for name in ("cost-1", "validation-1", "gradient-1", "norm-a"):
        assert group(root, name) is not None, name


@pytest.mark.parametrize(
    ("words_given", "said"),
    [
        ("surface x^2 -o a.jpg", "no format 'jpg'"), ("surface x^2 -o a", "no format without an ending"),
        ("surface x^2 -o nowhere/a.png", "there is no directory nowhere"),
        ("surface x^2 -o a.gif", "a moving picture shows a descent"),
        ("surface x^2+y^2 --over x,z -o a.png", "'z' is not a parameter of the cost; those are x, y"),
        ("surface x^2 --range 3:1 -o a.png", "not of the form name=low:high"),
        ("surface x^2 --range x=3:1 -o a.png", "from 3 to 1"),
        ("surface log(x) --range x=-3:-1 -o a.png", "give another one by --range"),
        ("surface y~x*w -o a.png", "a model needs its TABLE"),
        (f"surface '{NEURON}' nand -o a.png", "give one or two of them by --over, or give --start"),
        (f"surface '{NEURON}' nand --over w1,w2 -o a.png", "'b' has no value; give it one by --at"),
        ("surface x^2 --start x=1 --optimiser adam:fast -o a.png", "'fast' is not a learning rate"),
        ("surface x^2 --start x=1 --optimiser adm -o a.png", "did you mean 'adam'"),
        ("surface x^2 --width pages -o a.png", "a width is 'column', 'page'"),
        ("plot activation sigmod -o a.svg", "did you mean 'sigmoid'"),
        ("plot activation tanh --range 4 -o a.svg", "not of the form low:high"),
        ("plot confusion 'y ~ x*w' twice --rate .05 -o a.svg", "not of classes"),
        ("plot boundary 'y ~ x*w' twice --rate .05 -o a.svg", "over two inputs"),
        ("plot fit 'y ~ x*w' twice --along z -o a.svg", "'z' is no column of the prediction, which has x"),
        ("plot fit 'y ~ x*w' twice --interval 95 -o a.svg", "a confidence level is a number between 0 and 1"),
        ("plot fit 'y ~ x*w' twice --rate fast -o a.svg", "'fast' is neither a number nor auto"),
        ("plot fit 'y ~ x*w' twice --fix q=1 -o a.svg", "fixed has 'q', which is no parameter"),
        ("plot residuals 'y ~ x*w' absent.csv -o a.svg", "absent.csv"),
        (f"plot profile '{NEURON}' nand --optimiser adam -o a.svg", "standard errors from the minimum of the cost"),
        ("plot profile 'y ~ x*w + b' twice -o a.svg", "the error of w is 0, as the fit is exact"),
        ("plot training 'y ~ x*w' twice --layers a -o a.svg", "not of the form 32,16"),
        ("plot training 'y ~ x*w' twice --restarts 3 --start w=1 -o a.svg", "all 3 restarts would be the same"),
    ],
)  # fmt: skip
def test_mistakes_are_answered_by_a_sentence_and_exit_2(
    steepest: Steepest, tmp_path: Path, words_given: str, said: str
) -> None:
    found = steepest(*shlex.split(words_given))
    assert (found.status, found.out) == (2, "")
    assert said in found.err
    assert not list(tmp_path.glob("a*"))


def test_a_saved_model_has_no_course(steepest: Steepest) -> None:
    steepest("fit", "nand", "--save", "m.safetensors")
    said = steepest("plot", "training", "m.safetensors", "nand", "-o", "a.svg")
    assert said.status == 2
    assert "does not contain the history of its training" in said.err


def test_a_built_in_table_brings_its_formula_and_its_start(steepest: Steepest) -> None:
    """As for fit: NAND from w1 = 0.3, w2 = 0.6, b = 0.1, where the cost is that of the formula written out."""
    given = ("--over", "w1,w2", "--points", "20", "-o", "a.svg")
    short = steepest("surface", "nand", *given)
    whole = steepest("surface", NEURON, "nand", "--start", "w1=.3,w2=.6,b=.1", *given)
    assert (short.status, short.out) == (0, whole.out)
    assert "began at (0.3, 0.6)" in short.out
    again = steepest("surface", "nand", "--start", "w1=1,w2=2,b=0", *given)
    assert "began at (1, 2)" in again.out
    at_point = steepest("surface", "nand", "--at", "w1=1,w2=2,b=0", *given)
    assert at_point.status == 0
    assert "began" not in at_point.out
    assert "for nand" not in steepest("surface", "twice", "-o", "b.svg").out


ROWS = "x,u,y\n" + "".join(f"{k},{k * k % 7},{1 + 0.5 * k - 0.2 * (k * k % 7) + (k * 5 % 3) / 9}\n" for k in range(24))


def test_a_formula_is_fitted_by_a_method_for_its_cost(steepest: Steepest, tmp_path: Path) -> None:
    """As by ``fit``, so that there are bands; the numbers of a saved model are the same."""
    table(tmp_path / "t.csv", ROWS)
    said = steepest("plot", "fit", "y ~ a + b*x + c*u", "t.csv", "--along", "u", "--interval", "0.9", "-o", "a.svg")
    assert said.status == 0, said.err
    assert "At 90 %, half the width of the confidence band" in said.out
    root = parsed((tmp_path / "a.svg").read_text(encoding="utf-8"))
    assert {"90 % prediction", "90 % confidence", "u", "y, adjusted"} <= set(words(root))
    steepest("fit", "t.csv", "y ~ a + b*x + c*u", "--save", "m.safetensors")
    for kind, more in (("fit", ["--along", "u", "--interval", "0.9"]), ("residuals", []), ("profile", ["--over", "b"])):
        drawn = [steepest("plot", kind, what, "t.csv", *more, "-o", "b.svg") for what in
                 ("y ~ a + b*x + c*u", "m.safetensors")]  # fmt: skip
        assert [each.status for each in drawn] == [0, 0], drawn
        assert drawn[0].out == drawn[1].out


def test_a_fit_by_a_rate_has_no_bands(steepest: Steepest, tmp_path: Path) -> None:
    table(tmp_path / "t.csv", ROWS)
    said = steepest("plot", "fit", "y ~ a + b*x", "t.csv", "--rate", "0.001", "--epochs", "3", "-o", "a.svg")
    assert said.status == 0
    assert "There are no bands, as there are no standard errors" in said.out


def test_fixed_parameters_have_no_profile(steepest: Steepest, tmp_path: Path) -> None:
    table(tmp_path / "t.csv", ROWS)
    given = ("plot", "profile", "y ~ a + b*x + c*u", "t.csv", "--fix", "b=0.5")
    said = steepest(*given, "-o", "a.svg")
    assert said.status == 0, said.err
    assert said.out.startswith("a is ")
    assert "b is " not in said.out
    said = steepest(*given, "--over", "b", "-o", "b.svg")
    assert (said.status, said.out) == (2, "")
    assert "'b' is no parameter that was fitted; those are a, c" in said.err


@pytest.mark.parametrize("kind", ["fit", "residuals", "profile", "predicted"])
def test_two_tables_and_no_model_are_recognised(kind: str, steepest: Steepest, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n1,2\n2,4\n3,7\n")
    said = steepest("plot", kind, "t.csv", "t.csv", "-o", "p.svg")
    assert said.status == 2
    assert "t.csv is a table; give a formula or a saved model as well" in said.err
