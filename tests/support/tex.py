"""TeX, where it is installed, and what it says about a paper."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

ENGINES = [name for name in ("pdflatex", "lualatex") if shutil.which(name)]


def compiled(text: str, folder: Path, engine: str, runs: int = 2) -> str:
    """The log of the last run; an error of TeX fails the test."""
    (folder / "paper.tex").write_text(text, encoding="ascii")
    for _ in range(runs):
        command = [engine, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
        run = subprocess.run(command, cwd=folder, capture_output=True, timeout=300)
        log = (folder / "paper.log").read_text(encoding="utf-8", errors="replace")
        assert run.returncode == 0, log[-3000:]
    return log


def complaints(log: str) -> list[str]:
    """Missing characters, undefined references, and boxes that stick out by more than 10 pt."""
    log = log.replace("\n", " ")
    found = re.findall(r"Missing character[^!]*!|LaTeX Warning: (?:Reference|Label)[^.]*", log)
    return found + [pt for pt in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log) if float(pt) > 10]
