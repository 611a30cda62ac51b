"""Output that cannot be written: one sentence and status 2, for every command; no traceback, no silent loss."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

import steepest as st
from processes import SCRIPT

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no such device here")

FULL = "steepest: the output cannot be written: No space left on device; redirect it elsewhere\n"
CLOSED = "steepest: standard output is closed; redirect it to a file, or to /dev/null\n"
COMMANDS = {
    "fit": "fit nand --epochs 2", "json": "fit nand --epochs 2 --json", "predict": "predict m.safetensors nand",
    "evaluate": "evaluate m.safetensors nand", "derive": "derive x^2 --wrt x",
    "check": "check 'y ~ x*w' twice --at w=1",
    "tangent": "tangent x^2 --at x=1 --move x=.1", "ops": "ops sigmoid", "graph": "graph x^2 --at x=1",
    "diagram": "diagram neuron", "surface": "surface x^2 -o s.svg", "proofread": "proofread notes.md",
    "help": "--help", "help of a command": "fit --help", "version": "--version",
    "bench": "bench --epochs 100 --peer native",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and a document."""
    place = tmp_path_factory.mktemp("streams")
    st.Model("z ~ sigmoid(x*w1 + y*w2 + b)").fit("nand", epochs=5).save(place / "m.safetensors")
    (place / "notes.md").write_text("$f(x) = x^2$ $f'(x) = 2x$\n")
    return place


def redirected(command: str, redirection: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with a redirection of the shell."""
    text = f"{shlex.quote(str(SCRIPT))} {command} {redirection}"
    return subprocess.run(["/bin/sh", "-c", text], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_device_is_one_sentence(name: str, folder: Path) -> None:
    run = redirected(COMMANDS[name], "> /dev/full", folder)
    assert run.returncode == 2
    assert run.stderr.endswith(FULL)
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("name", ["fit", "predict", "surface", "help"])
def test_a_closed_output_is_one_sentence(name: str, folder: Path) -> None:
    (folder / "s.svg").unlink(missing_ok=True)
    run = redirected(COMMANDS[name], ">&-", folder)
    assert (run.returncode, run.stdout, run.stderr) == (2, "", CLOSED)
    assert not (folder / "s.svg").exists()  # nothing was begun, whose file would have got the number of the output


@pytest.mark.parametrize(("name", "status"), [("fit", 0), ("ops", 2)])
def test_standard_error_may_be_full_if_nothing_is_said_there(name: str, status: int, folder: Path) -> None:
    run = redirected(COMMANDS[name], "2> /dev/full", folder)
    assert run.returncode == status
    assert run.stdout


def test_both_may_be_full(folder: Path) -> None:
    assert redirected(COMMANDS["fit"], "> /dev/full 2>&1", folder).returncode == 2


def test_standard_error_may_be_closed(folder: Path) -> None:
    """A file that is opened then must not get its number, for what is told would land in it."""
    run = redirected("fit nand --epochs 2 --save c.safetensors", "2>&-", folder)
    assert (run.returncode, run.stderr) == (0, "")
    assert st.load(folder / "c.safetensors").formula == "z ~ sigmoid(x*w1 + y*w2 + b)"


def test_a_result_that_cannot_be_printed_is_saved(folder: Path) -> None:
    run = redirected("fit nand --epochs 2 --json --save f.safetensors", "> /dev/full", folder)
    assert run.returncode == 2
    assert st.load(folder / "f.safetensors").formula == "z ~ sigmoid(x*w1 + y*w2 + b)"
