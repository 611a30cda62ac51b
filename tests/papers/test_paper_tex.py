"""The six papers of the notes' models through TeX: no missing character, no box that sticks out by more than 10 pt."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from paper_sample import NAMES
from places import ROOT
from tex import ENGINES, compiled, complaints

pytestmark = [pytest.mark.slow, pytest.mark.skipif(len(ENGINES) < 2, reason="needs pdflatex and lualatex")]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``docs/papers.py`` fills."""
    folder = tmp_path_factory.mktemp("papers")
    subprocess.run([sys.executable, str(ROOT / "docs" / "papers.py"), str(folder)], check=True, timeout=600)
    return folder


@pytest.mark.parametrize("engine", ["pdflatex", "lualatex"])
@pytest.mark.parametrize("name", NAMES)
def test_papers_compile(written: Path, tmp_path: Path, name: str, engine: str) -> None:
    log = compiled((written / f"{name}.tex").read_text(encoding="ascii"), tmp_path, engine, runs=3)
    assert complaints(log) == []
    assert "Output written on paper.pdf" in log
