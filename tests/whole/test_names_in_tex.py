r"""What steepest writes for LaTeX compiles, reads no file and runs nothing, whatever columns and parameters are called.

TeX is forbidden to run programs and to read or write elsewhere, and its log says where a text tried to.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import steepest as st
from hostile import HARMFUL, network, neuron
from steepest import pictures
from steepest.derivations.layered import derive_layers
from steepest.diagrams.graph import graph
from steepest.expressions.printing import quoted
from tools import needs

pytestmark = [
    pytest.mark.slow, needs("pdflatex", "lualatex", "pdftotext"),
    pytest.mark.filterwarnings("ignore::steepest.SteepestWarning"),
]  # fmt: skip
CANARY = "thecanarysings"
FORBIDDEN = {"openin_any": "p", "openout_any": "p"}
SAFE = {
    "pdflatex": ["pdflatex", "-no-shell-escape"],
    "lualatex": ["lualatex", "-no-shell-escape", "--safer", "--nosocket"],
}
FREE = {"pdflatex": ["pdflatex", "-shell-escape"], "lualatex": ["lualatex", "-shell-escape"]}
READS = [r"\input{%s}", r"\openin5=%s \read5 to\x \x", r"\include{%s}", r"$\input{%s}$", r"}\input{%s}{"]
WRITES = [r"\immediate\write18{echo > made}", r"\newwrite\f\immediate\openout\f=made ", r"\input{|echo > made}"]
OTHERS = [
    r"}\end{document}", r"\csname end\endcsname{document}", r"\def\x{\x}\x", r"\loop\iftrue\repeat", r"^^5cundefined",
    r"\directlua{os.execute('echo > made') error('it ran')}", r"\catcode'\%=0 ", r"\verb|x", r"\begin{verbatim}",
    "%", "a%b", "#1", "##", "&", "~", "_", "^", "$", "$$", r"\(", r"\]", "{", "}", "{}", "\\", r"\\", r"\par",
    r"\special{ps:x}", r"\href{run:made}{x}", r"; \undefined", r"], /utils/exec={\undefined}, [", r"};\undefined{",
    "a,b=c", "[b]", "(a)", '"a"', "''a,,", "a|b", "<a>", "a;b", r"\item[", r"\hline", r"\left(", "a" * 200, "\\" * 30,
    "{" * 30, "--- -- ,, ''", "!'", "?'", "@", "/", ":", r"\x1b",
]  # fmt: skip


def names(canary: Path) -> list[str]:
    return [*(each % canary for each in READS), *WRITES, *OTHERS]


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that TeX would find, outside the folder that it runs in."""
    (tmp_path / "canary.tex").write_text(f"{CANARY}\n")
    return tmp_path / "canary"


def page(body: str) -> str:
    packages = r"\usepackage{amsmath,tikz,pgfplots}\pgfplotsset{compat=1.18}\pagestyle{empty}"
    return rf"\documentclass{{article}}{packages}\begin{{document}}{body}\end{{document}}"


def run(text: str, folder: Path, command: Sequence[str], **variables: str) -> tuple[int, str, str]:
    """The status, all that TeX said, and the text of the PDF without spaces."""
    folder.mkdir(exist_ok=True)
    (folder / "page.tex").write_text(text, encoding="utf-8")
    words = [*command, "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    made = subprocess.run(words, cwd=folder, capture_output=True, timeout=120, env={**os.environ, **variables})
    said = made.stdout.decode(errors="replace") + (folder / "page.log").read_text(errors="replace")
    shown = ""
    if (folder / "page.pdf").exists():  # where TeX stopped it may be broken
        read = subprocess.run(["pdftotext", "page.pdf", "-"], cwd=folder, capture_output=True)
        shown = read.stdout.decode()
    return made.returncode, re.sub(r"\n", "", said), re.sub(r"\s", "", shown)


def assert_harmless(text: str, folder: Path, engine: str, known: Sequence[str] = ()) -> None:
    """It compiles, with nothing but its own files; the ``known`` words are in the PDF."""
    status, said, shown = run(text, folder, SAFE[engine], **FORBIDDEN)
    assert status == 0, re.findall(r"! .{300}", said)
    assert {path.name for path in folder.iterdir()} <= {f"page.{end}" for end in ("tex", "log", "aux", "pdf", "out")}
    assert not re.findall(r"runsystem|openin_any|openout_any|Not (?:opening|reading|writing)", said)
    assert CANARY not in said + shown
    assert not re.findall(r"Missing character[^!]*!", said)
    for word in known:
        assert re.sub(r"\s", "", word) in shown


# -- TeX tells -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["pdflatex", "lualatex"])
def test_names_that_are_written_as_they_are_do_harm(canary: Path, engine: str) -> None:
    for k, name in enumerate([READS[0], READS[3], READS[4]]):
        _, said, shown = run(page(f"{{{name % canary}}}"), canary.parent / f"free{k}", FREE[engine])
        assert CANARY in shown
        assert "canary.tex" in said
        with pytest.raises(AssertionError):
            assert_harmless(page(f"{{{name % canary}}}"), canary.parent / f"safe{k}", engine)
    for k, name in enumerate([WRITES[0]] if engine == "pdflatex" else [each for each in OTHERS if "lua" in each]):
        run(page(name), canary.parent / f"wrote{k}", FREE[engine], openout_any="a")
        assert (canary.parent / f"wrote{k}" / "made").exists()
        with pytest.raises(AssertionError):
            assert_harmless(page(name), canary.parent / f"kept{k}", engine)


# -- what steepest writes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["pdflatex", "lualatex"])
def test_papers(canary: Path, engine: str) -> None:
    tried = names(canary)
    models = (neuron, tried[::2]), (neuron, [*tried[1::2], *tried[:1]]), (network, [*tried, *HARMFUL])
    for k, (made, columns) in enumerate(models if engine == "pdflatex" else models[2:]):
        model, table = made(columns)
        model.fit(table, epochs=5)
        title = " ".join(tried[:9])
        text = model.paper(table, compare=False, title=title).text(".tex")
        assert_harmless(text, canary.parent / f"paper{k}", engine, WRITES[1:2] if k == 1 else WRITES[:1])


@pytest.mark.parametrize("engine", ["pdflatex", "lualatex"])
def test_derivations_and_pictures(canary: Path, engine: str) -> None:
    """All in one document: derivations in every detail, graphs, diagrams, surfaces, courses."""
    tried = names(canary)
    first, *params = tried[1:]
    model, table = neuron(tried)
    model.fit(table, epochs=5)
    values = {**table, **model.params}
    parts = [*derivations(model, params[::9]), graph(model.cost, values, unfold="all").tikz(), model.diagram().tikz()]
    parts += [graph(model.cost, values, unfold=()).tikz()]
    for x, y in zip(tried[:-1:3], tried[1::3], strict=False):
        cost = st.parse(f"({quoted(x)} - 1)^2 + 2*({quoted(y)} + 1)^2")
        descent = st.descend(cost, start={x: 2.0, y: 1.0}, epochs=3, progress=False)
        parts.append(pictures.surface(cost, paths={f"{x} {y}": descent}, points=4).tikz())
    curve = st.parse(f"({quoted(first)} - 1)^2")
    one = st.descend(curve, start={first: 2.0}, epochs=3, progress=False)
    parts.append(pictures.surface(curve, at={first: 1.0}, paths=dict.fromkeys(tried[:12], one)).tikz())
    parts.append(pictures.training(dict.fromkeys(tried[:12], one)).tikz())
    for x, y in zip(tried[:-1:3], tried[1::3], strict=False):
        line = {x: [0.0, 1, 2, 3, 4], y: [0.1, 0.9, 2.2, 2.9, 4.1]}
        fitted = st.Model(f"{quoted(y)} ~ a0 + b0*{quoted(x)}").fit(line)
        parts.append(pictures.fit(fitted, line, points=5).tikz())
    layers = st.models.network([2, 2, 1], features=["x", "y"], target=tried[0])
    parts.append(derive_layers(layers).latex())
    assert_harmless(page("\n\n".join(parts)), canary.parent / "parts", engine)


def derivations(model: Any, wrt: Sequence[str]) -> list[str]:
    return [each.latex() for name in wrt if name in model.params for each in [st.derive(model.cost, name)]]
