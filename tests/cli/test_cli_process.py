"""The command as a process: pipes, signals and terminals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plain_loops import nand_loop
from processes import ESCAPE, SCRIPT, on_a_terminal, plain_environment, pty_only

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def test_standard_input_is_a_table(tmp_path: Path) -> None:
    text = "x,y\n1,2\n2,4\n4,8\n"
    words = [SCRIPT, "fit", "-", "y ~ x*w", "--rate", "0.05", "--json", "--save", "m.safetensors"]
    fit = subprocess.run(words, input=text, capture_output=True, text=True, cwd=tmp_path)
    assert fit.returncode == 0, fit.stderr
    assert json.loads(fit.stdout)["params"] == {"w": pytest.approx(2, abs=1e-12)}
    words = [SCRIPT, "predict", "m.safetensors", "-"]
    predict = subprocess.run(words, input="x\n10\n", capture_output=True, text=True, cwd=tmp_path)
    assert predict.stdout.split() == ["prediction", pytest.approx("20.0")]


def test_exit_statuses_of_the_process(tmp_path: Path) -> None:
    def status(*words: str) -> int:
        return subprocess.run([SCRIPT, *words], capture_output=True, cwd=tmp_path).returncode

    assert status("fit", "nand", "--epochs", "1") == 0
    assert status("fit", "twice", "--rate", "0.2") == 1
    assert status("fit", "absent.csv", "y ~ a*x") == 2


def test_a_reader_that_leaves_hears_nothing_more(tmp_path: Path) -> None:
    """Far more rows than a pipe holds, of which the reader takes one."""
    (tmp_path / "x.csv").write_text("x\n" + "1.5\n" * 200_000)
    subprocess.run([SCRIPT, "fit", "twice", "--save", "m.safetensors"], capture_output=True, cwd=tmp_path, check=True)
    process = subprocess.Popen(
        [SCRIPT, "predict", "m.safetensors", "x.csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        assert process.stdout.readline() == b"prediction\n"
        process.stdout.close()
        said = process.stderr.read()
    process.wait(timeout=30)
    assert said == b""


@pytest.mark.parametrize("words", [["ops"], ["derive", "x^2", "--wrt", "x"], ["--version"]])
def test_a_reader_that_has_left_already(words: list[str]) -> None:
    """What is written only when the process ends fails then, as quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run([SCRIPT, *words], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert run.stderr == b""
    assert run.returncode == 141  # neither "fine" nor "found something"


def test_a_narrow_encoding_is_no_fault(tmp_path: Path) -> None:
    environment = plain_environment(PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    for words in (["derive", "sigmoid(x)", "--wrt", "x"], ["fit", "nand", "z ~ σ(x*ω)", "--epochs", "1"], ["ops"]):
        run = subprocess.run([SCRIPT, *words], capture_output=True, encoding="latin-1", env=environment)
        assert run.returncode == 0, run.stderr
        assert "\\u" not in run.stdout + run.stderr
        assert not set("∂Σσω") & set(run.stdout)
    assert "dx: r*(1 - r)" in run.stdout.replace("·", "*").replace("−", "-")


def test_control_c_shows_the_run_so_far(tmp_path: Path) -> None:
    """SIGINT to a fit that would take hours: the parameters so far, which are those of a loop of as many epochs."""
    # A job in the background ignores SIGINT, and so would what it starts.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    words = [sys.executable, "-c", f"{heed}; from steepest.cli.main import run; run()", "fit", "nand"]
    # By the reference engine, lest the loop that it is compared with take minutes.
    words += ["--epochs", str(10**9), "--engine", "reference", "--save", "m.safetensors"]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", cwd=tmp_path,
        env=plain_environment(PYTHONUNBUFFERED="1"),
    )  # fmt: skip
    assert process.stdout is not None
    shown = ""
    while "by differences" not in shown:
        shown += process.stdout.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    rest, err = process.communicate(timeout=60)
    shown += rest
    assert process.returncode == 130, err
    epochs = re.search(
        r"^was interrupted after (\d+) epochs \(.*\);\nthese are the parameters so far:$", shown, re.MULTILINE
    )
    assert epochs, shown
    bias = re.search(r"^  b +([\d.]+)$", shown, re.MULTILINE)
    assert bias
    assert float(bias[1]) == pytest.approx(nand_loop(int(epochs[1]))[1][-1][2], rel=1e-8)
    assert int(epochs[1]) > 100
    assert "Traceback" not in err
    assert (tmp_path / "m.safetensors").exists()
    assert "prediction" in shown


@pty_only
def test_a_terminal_shows_a_bar_and_colours() -> None:
    status, out, err = on_a_terminal(["fit", "nand", "--epochs", "3000"])
    assert status == 0
    assert "\x1b[32mcorrect" in out  # green
    assert "3000/3000" in ESCAPE.sub("", err)
    assert "━" in err
    assert "cost 0.0" in ESCAPE.sub("", err)
    assert "━" not in out
    assert COLOUR.search(err)
    assert "nan" not in err


@pty_only
def test_no_color_is_respected() -> None:
    status, out, err = on_a_terminal(["fit", "nand"], NO_COLOR="1")
    assert status == 0
    assert "\x1b" not in out
    assert "w1          correct" in out
    assert not COLOUR.search(err)
    assert "1000/1000" in err


@pty_only
@pytest.mark.parametrize("columns", [30, 60, 100])
def test_a_narrow_terminal_loses_nothing(columns: int) -> None:
    formula = "z ~ sigmoid(x*a_rather_long_name + y*another_rather_long_name + and_a_third_one)"
    _, out, _ = on_a_terminal(["fit", "nand", formula, "--epochs", "2"], columns)
    lines = ESCAPE.sub("", out).splitlines()
    sentences = ("ran all", "finite diff", "a Newton step")  # which a terminal wraps by itself
    assert max(len(line) for line in lines if not any(words in line for words in sentences)) <= columns
    together = re.sub(r"\s", "", "".join(lines))
    assert formula.replace(" ", "") in together


@pty_only
def test_json_on_a_terminal_has_neither_bar_nor_colour() -> None:
    status, out, err = on_a_terminal(["fit", "nand", "--json"])
    assert status == 0
    assert json.loads(out)["epochs"] == 1000
    assert err == ""
