"""The README's code runs and prints what it says."""

from __future__ import annotations

import doctest
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from places import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def sessions() -> list[tuple[str, str]]:
    """Every command of the console blocks with the output shown below it."""
    found = []
    for language, block in BLOCKS:
        if language == "console":
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                found.append((command, output))
    return found


def comparable(text: str) -> str:
    """Without times, and without the size of error bars, which follows the last bits of a machine's exp."""
    return re.sub(r"± \d+e-\d+", "± ?", re.sub(r"\([\d.e-]+ s, engine", "(? s, engine", text)).strip()


def test_console(tmp_path: Path) -> None:
    """Commands run in the order of the page, in one folder; where output is shown it is this, times aside."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    script = Path(sys.executable).with_name("steepest")
    for command, output in sessions():
        words = shlex.split(command)
        assert words[0] == "steepest"
        run = subprocess.run([script, *words[1:]], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8")
        if output:
            assert comparable(run.stdout + run.stderr) == comparable(output), command
        else:
            assert run.returncode == 0, run.stderr


def test_the_page_begins_with_a_picture_a_command_and_its_output() -> None:
    """What follows is short: reference belongs to docs."""
    picture, command, output = README.index("!["), README.index("```sh"), README.index("$ steepest fit nand")
    assert picture < command < output < README.index("\n## ")
    assert len(README.splitlines()) <= 250


def test_the_page_shows_commands() -> None:
    assert len(sessions()) >= 6
    assert sum(bool(output) for _, output in sessions()) >= 4


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_python_blocks(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python blocks of a page are one session."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page, page, 0)
    assert len(test.examples) > 10
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
    assert result.failed == 0


def test_shell_blocks_are_the_two_commands() -> None:
    shell = [block.strip() for language, block in BLOCKS if language == "sh"]
    assert shell == [
        "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/steepest fit nand",
        "python3 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/pytest -n auto",
    ]
