"""Reading what was drawn: SVG through an XML parser, TikZ through LaTeX."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ET.Element:
    """The picture, once it is seen to have a title, a description and the style of all pictures."""
    root = ET.fromstring(svg)
    title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert title.text
    assert desc is not None
    assert desc.text
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    style = root.findtext(f"{SVG}style") or ""
    assert "prefers-color-scheme: dark" in style
    assert "currentColor" in style
    return root


def groups(root: ET.Element, role: str) -> list[ET.Element]:
    return [group for group in root.iter(f"{SVG}g") if group.get("class") == role]


def texts(element: ET.Element, role: str = "") -> list[str]:
    """The texts in an element, of a role if one is given."""
    return [t.text or "" for t in element.iter(f"{SVG}text") if not role or role in (t.get("class") or "").split()]


def tip(group: ET.Element) -> str:
    return group.findtext(f"{SVG}title") or ""


def inches(root: ET.Element) -> float:
    return float((root.get("width") or "0").removesuffix("pt")) / 72


def assert_compiles(tikz: str, folder: Path, engine: str = "pdflatex") -> None:
    """The picture in an article: no error, no letter without a glyph, not too wide."""
    assert tikz.count(r"\begin{tikzpicture}") == tikz.count(r"\end{tikzpicture}") > 0
    if shutil.which(engine) is None:
        pytest.skip(f"{engine} is not installed")
    page = r"\documentclass{article}\usepackage{amsmath}\usepackage{tikz}\begin{document}\noindent "
    (folder / "page.tex").write_text(page + tikz + r"\end{document}", encoding="utf-8")
    run = subprocess.run(
        [engine, "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=folder, capture_output=True, text=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-2000:]
    assert "Missing character" not in run.stdout
    assert "Overfull" not in run.stdout
