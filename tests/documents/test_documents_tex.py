"""Papers as LaTeX: widths and line breaks against TeX itself, and whole papers through both engines."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import steepest as st
from paper_sample import sample
from sampling import sampled
from steepest.documents import characters, write_document
from steepest.documents.atoms import width
from steepest.documents.breaking import lines
from steepest.documents.document import Document, Equation, Equations, Formula, Paragraph, Table
from steepest.documents.layout import divided
from steepest.expressions.expression import PARAMETER, Expression, constant, leaf
from steepest.expressions.latex import latex
from steepest.expressions.operations import TABLE
from tex import ENGINES, compiled, complaints

needs_tex = pytest.mark.skipif("pdflatex" not in ENGINES, reason="needs pdflatex")


def expressions() -> list[Expression]:
    """Formulas of every length: models, their gradients, and every operation that takes numbers."""
    found: list[Expression] = []
    for model in (st.models.neuron(), st.models.chain(2), st.models.chain(4), st.models.network([2, 3, 2])):
        found += [model.prediction, model.cost, *st.gradient(model.cost).values()]
    letters = [leaf(PARAMETER, name) for name in ("x", "y", "petal_length")]
    found += [row(*letters[: row.arity]) for row in TABLE if row.partials]
    found += [st.exp(-(letters[0] ** 2) / 2), constant(1e-7) * letters[0], letters[0] / letters[1] / (1 + letters[2])]
    return found


FORMULAS = [*(latex(expression) for expression in expressions()), r"\sum_{j} x", r"\delta^{(l)}_{i} \odot \sigma'"]


@needs_tex
def test_widths_are_those_of_tex(tmp_path: Path) -> None:
    measured = "".join(
        rf"\setbox0\hbox{{$\displaystyle {formula}$}}\immediate\write\out{{\the\wd0}}" + "\n" for formula in FORMULAS
    )
    text = (
        "\\documentclass{article}\\usepackage{amsmath,amssymb}\\begin{document}\\newwrite\\out"
        f"\\immediate\\openout\\out=widths.txt\n{measured}\\end{{document}}"
    )
    compiled(text, tmp_path, "pdflatex", runs=1)
    points = [float(line.removesuffix("pt")) for line in (tmp_path / "widths.txt").read_text().split()]
    assert len(points) == len(FORMULAS)
    for formula, point in zip(FORMULAS, points, strict=True):
        em = point / 10.0  # the letters are of 10 pt
        assert width(formula) == pytest.approx(em, rel=0.05, abs=0.8), formula


def bare(text: str) -> str:
    """A formula without the sizes of its brackets."""
    return re.sub(r"\\left|\\right|\\[bB]igg?[lr]|\{\}|\s", "", text)


@pytest.mark.parametrize("room", [12, 20, 36])
def test_lines_hold_the_formula_and_each_is_one_of_its_own(room: float) -> None:
    for formula in FORMULAS:
        broken = lines(formula, room, room - 1)
        if r"\big/" not in "".join(line.latex for line in broken):  # no fraction was written with a stroke
            assert bare("".join(line.latex for line in broken)) == bare(formula)
        for k, line in enumerate(broken):
            assert line.latex.count(r"\left") == line.latex.count(r"\right")
            assert line.latex.replace(r"\{", "").count("{") == line.latex.replace(r"\}", "").count("}")
            if line.fits:
                assert line.width <= room - (k > 0) + 1e-9
                assert width(line.latex) <= line.width + 0.4  # {} before a sign
        assert all(line.fits for line in broken) or room < 20


def test_short_formulas_are_left_alone_and_long_ones_are_broken_outside_brackets() -> None:
    assert [line.latex for line in lines("a + b", 30)] == ["a + b"]
    sums = r"\left(a + b\right) \cdot \left(c + d\right) + \left(e + f\right)"
    assert [line.latex.strip() for line in lines(sums, 10)] == [
        r"\left(a + b\right) \cdot \left(c + d\right)",
        r"{}+ \left(e + f\right)",
    ]
    assert [line.latex.strip() for line in lines("a = b = c", 4)] == ["a = b", "= c"]
    assert [line.latex.strip() for line in lines(r"a \cdot -b", 2.2)] == ["a", r"{}\cdot -b"]


def test_what_cannot_be_broken_is_said_to_be_too_long() -> None:
    (line,) = lines(r"\mathrm{" + "name" * 30 + "}", 20)
    assert not line.fits
    wide = lines(r"\frac{" + " + ".join("abcdefgh") + "}{" + " + ".join("ijklmnop") + "}", 10)
    assert all(line.fits for line in wide)
    assert r"\big/" in "".join(line.latex for line in wide)


def test_the_text_is_ascii_and_its_signs_are_escaped() -> None:
    assert write_document(sample(), ".tex").isascii()
    assert characters.text("50 % & $5 #1 {x} a_b a^b ~ \\") == (
        r"50 \% \& \$5 \#1 \{x\} a\_b a\textasciicircum{}b \textasciitilde{} \textbackslash{}"
    )
    assert characters.text("−0.5 ≤ w₁₂², é") == (
        r"\ensuremath{-}0.5 \ensuremath{\le} w\ensuremath{{}_{12}}\ensuremath{{}^{2}}, \'{e}"
    )


def test_tables_are_divided_where_they_are_too_wide() -> None:
    grid = Table(tuple((f"column {k}",) for k in range(12)), ((("123456.789",),) * 12,), ("c",), tuple(range(12)))
    columns, parts = divided(grid, {}, 40.0)
    assert len(parts) > 1
    assert [k for part in parts for k in part if k or part is parts[0]] == list(range(12))
    for part in parts:
        assert part[0] == 0
        assert sum(columns[k].width for k in part) + 1.15 * (len(part) - 1) <= 40.0
    words = Table((("a",), ("b",)), ((("x",), ("word " * 40,)),), ("c",))
    columns, parts = divided(words, {}, 40.0)
    assert parts == [[0, 1]]
    assert columns[1].wrapped
    assert not columns[0].wrapped


@needs_tex
@pytest.mark.parametrize("engine", ENGINES)
def test_the_paper_compiles_without_a_complaint(engine: str, tmp_path: Path) -> None:
    assert complaints(compiled(write_document(sample(), ".tex"), tmp_path, engine)) == []
    if shutil.which("pdftotext"):
        run = subprocess.run(["pdftotext", "-raw", "paper.pdf", "-"], cwd=tmp_path, capture_output=True, check=True)
        text = " ".join(run.stdout.decode().split())
        # Two hyphens stay two, and what is escaped is read as it was.
        assert "50 % of R&D_costs cost $a$ {net} #1 ~ a^b \\" in text
        assert "| --option x--y, 3 < 4 > 2" in text
        assert "größe naïve Łódź œuvre" in text


@needs_tex
@pytest.mark.parametrize("engine", sampled(ENGINES, 2))
def test_every_sign_that_is_known_can_be_set(engine: str, tmp_path: Path) -> None:
    signs = [*characters.KNOWN, *"áàâãäåçčďéèêëěíìîïñňóòôõöőřšťúùûüůűýÿžĀāĂăĄąĆćĘęŃńŚśŻż", "x̄", "δ̂", "ŵ", "中"]
    running, others = " ".join(signs), [sign for sign in signs if not sign.isascii()]
    equations = tuple(
        Equation(None, Formula(" + ".join(f"{sign}_{{{sign}}}" for sign in others[k : k + 12]), "signs"))
        for k in range(0, len(others), 12)
    )
    document = Document((running,), (Paragraph((running,)), Equations(equations)))
    log = compiled(write_document(document, ".tex"), tmp_path, engine)
    assert complaints(log) == []
    assert "invalid in math mode" not in log


@needs_tex
def test_complaints_are_heard(tmp_path: Path) -> None:
    text = write_document(Document(("t",), (Paragraph(("marked",)),)), ".tex")
    planted = r"\noindent\rule{500pt}{1pt}\par \ref{nowhere} {\usefont{OT1}{cmr}{m}{n}\char200}"
    found = complaints(compiled(text.replace("marked", planted), tmp_path, "pdflatex"))
    assert len(found) == 3, found
