"""Papers: the contents of those of the notes' models in every format, and the answers to bad requests."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import steepest as st
from paper_sample import NAMES
from places import ROOT
from steepest import models
from steepest.documents.document import Code, Document, Equations, Figure, Heading, Paragraph, Table, plain
from steepest.errors import DocumentError
from steepest.papers import Paper, write_paper


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("papers_of_the_notes", ROOT / "docs" / "papers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def papers() -> dict[str, Paper]:
    """The six papers of ``docs/papers``, the large network's with fewer epochs."""
    script = _script()
    assert tuple(script.PAPERS) == NAMES
    small = {name: script.PAPERS[name] for name in NAMES[:-1]}
    found = {name: make() for name, make in small.items()}
    digits = {"X": script.digits()["X"][:200], "y": script.digits()["y"][:200]}
    settings = {"optimiser": "adam", "rate": 0.01, "batch": 32, "epochs": 3}
    found[NAMES[-1]] = models.network([64, 32, 10], output="softmax").paper(digits, **settings)
    return found


def lines_of(document: Document) -> list[str]:
    """Every equation as text, its left side carried on."""
    found, left = [], ""
    for block in document.blocks:
        if isinstance(block, Equations):
            for line in block.lines:
                left = left if line.left is None else line.left.text
                found.append(f"{left} {line.sign} {line.right.text}")
    return found


def grid(document: Document, label: str) -> list[list[str]]:
    """The cells of a table as text."""
    block = next(b for b in document.blocks if isinstance(b, Table) and b.label == label)
    return [[plain(cell) for cell in row] for row in block.rows]


def holds(lines: Iterable[str], wanted: list[str]) -> list[str]:
    """Which of the wanted lines are missing."""
    return [each for each in wanted if each not in lines]


def test_the_line_of_the_notes(papers: dict[str, Paper]) -> None:
    """A eqs 4 to 12: each step of C′(w), 1/n and the sum taken out one by one."""
    found = lines_of(papers["linear"].document)
    assert not holds(found, [
        "C = 1/n Σ (x_i·w − y_i)²",
        "∂C/∂w = ∂/∂w[1/n Σ (x_i·w − y_i)²]",
        "∂C/∂w = 1/n·∂/∂w[Σ (x_i·w − y_i)²]",
        "∂C/∂w = 1/n Σ ∂/∂w[(x_i·w − y_i)²]",
        "∂C/∂w = 1/n Σ 2·(x_i·w − y_i)·∂/∂w[x_i·w − y_i]",
        "∂C/∂w = 1/n Σ 2·(x_i·w − y_i)·x_i",
        "∂C/∂w = lim ε→0 (C(w + ε) − C(w))/ε",
    ])  # fmt: skip


def test_the_neuron_of_the_notes(papers: dict[str, Paper]) -> None:
    """A eqs 14 to 55: σ′, ∂a and ∂C by w1, w2 and b, and the three together; the target is z, not y."""
    found = lines_of(papers["neuron"].document)
    ends = {"w1": "·x_i", "w2": "·y_i", "b": ""}
    wanted = ["σ(u) = 1/(1 + exp(−u))", "∂/∂u[σ(u)] = σ(u)·(1 − σ(u))", "a_i = σ(x_i·w1 + y_i·w2 + b)",
              "C = 1/n Σ (a_i − z_i)²"]  # fmt: skip
    for name, end in ends.items():
        wanted += [
            f"∂a_i/∂{name} = ∂/∂{name}[σ(x_i·w1 + y_i·w2 + b)]",
            f"∂a_i/∂{name} = a_i·(1 − a_i)·∂/∂{name}[x_i·w1 + y_i·w2 + b]",
            f"∂a_i/∂{name} = a_i·(1 − a_i){end}",
            f"∂C/∂{name} = ∂/∂{name}[1/n Σ (a_i − z_i)²]",
            f"∂C/∂{name} = 1/n Σ ∂/∂{name}[(a_i − z_i)²]",
            f"∂C/∂{name} = 1/n Σ 2·(a_i − z_i)·∂/∂{name}[a_i − z_i]",
            f"∂C/∂{name} = 1/n Σ 2·(a_i − z_i)·∂/∂{name}[a_i]",
            f"∂C/∂{name} = 1/n Σ 2·(a_i − z_i)·a_i·(1 − a_i){end}",
        ]
    assert not holds(found, wanted)
    assert any(each.startswith("w1 := w1 − α ∂C/∂w1") for each in found)


def test_the_chain_of_two(papers: dict[str, Paper]) -> None:
    """B and C eqs 33 to 56, with only the term of sample i in ∂a, and the targets e held constant."""
    found = lines_of(papers["chain-2"].document)
    assert not holds(found, [
        "z^(1)_i = x_i·w^(1) + b^(1)", "a^(1)_i = σ(z^(1)_i)",
        "z^(2)_i = a^(1)_i·w^(2) + b^(2)", "a^(2)_i = σ(z^(2)_i)",
        "∂z^(1)_i/∂w^(1) = x_i", "∂a^(1)_i/∂z^(1)_i = a^(1)_i·(1 − a^(1)_i)",
        "∂z^(2)_i/∂w^(2) = a^(1)_i", "∂z^(2)_i/∂b^(2) = 1", "∂z^(2)_i/∂a^(1)_i = w^(2)",
        "C^(2) = 1/n Σ (a^(2)_i − y_i)²",
        "∂C^(2)/∂w^(2) = 1/n Σ 2·g^(2)_i·a^(2)_i·(1 − a^(2)_i)·a^(1)_i",
        "g^(1)_i = 2·g^(2)_i·a^(2)_i·(1 − a^(2)_i)·w^(2)",
        "e^(1)_i = a^(1)_i − g^(1)_i", "C^(1) = 1/n Σ (a^(1)_i − e^(1)_i)²",
        "∂C^(1)/∂w^(1) = 1/n Σ 2·g^(1)_i·a^(1)_i·(1 − a^(1)_i)·x_i",
        "∂C^(1)/∂w^(1) = 2·∂C/∂w^(1)",
        "∂C/∂w^(1) = 1/n Σ δ^(1)_i·x_i",
    ])  # fmt: skip
    text = " ".join(plain(b.pieces) for b in papers["chain-2"].document.blocks if isinstance(b, Paragraph))
    assert "held constant" in text


def test_the_chain_of_any_length(papers: dict[str, Paper]) -> None:
    """B and C eqs 57 to 64 for any l of m; the model drawn has three layers, and the gradient of row B3."""
    found = lines_of(papers["chain-m"].document)
    assert not holds(found, [
        "z^(l)_i = a^(l-1)_i·w^(l) + b^(l)", "a^(l)_i = σ(z^(l)_i)",
        "∂z^(l)_i/∂w^(l) = a^(l-1)_i", "∂z^(l)_i/∂b^(l) = 1", "∂z^(l)_i/∂a^(l-1)_i = w^(l)",
        "δ^(m)_i = 2·(a^(m)_i − y_i)·a^(m)_i·(1 − a^(m)_i)",
        "δ^(l)_i = δ^(l+1)_i·w^(l+1)·a^(l)_i·(1 − a^(l)_i)",
        "∂C/∂w^(l) = 1/n Σ δ^(l)_i·a^(l-1)_i", "∂C/∂b^(l) = 1/n Σ δ^(l)_i",
        "∂C^(l)/∂w^(l) = 2^(m-l)·∂C/∂w^(l)",
    ])  # fmt: skip
    experiment = papers["chain-m"].experiment
    assert experiment.report is not None
    assert experiment.report.ok
    row_b3 = {"w1": -0.00088871939300, "w2": 0.00872979338694, "w3": 0.01708348256320, "b1": -0.00485746956038,
              "b2": 0.01577233315505, "b3": 0.04419958695312}  # fmt: skip
    for name, slope in row_b3.items():
        assert experiment.report[name].given == pytest.approx(slope, abs=1e-13)


def test_the_network_of_the_slides(papers: dict[str, Paper]) -> None:
    """D's formulas: forward and backward for one sample and for all, in rows and in columns, transposes in place."""
    found = lines_of(models.network([2, 3, 1]).paper().document)
    assert not holds(found, [
        "z^(1)_i = x_i W^(1) + b^(1)", "a^(1)_i = tanh(z^(1)_i)",
        "z^(2)_i = a^(1)_i W^(2) + b^(2)", "a^(2)_i = σ(z^(2)_i)",
        "δ^(2)_i = a^(2)_i − y_i", "∂ℓ_i/∂W^(2) = a^(1)_iᵀ δ^(2)_i", "∂ℓ_i/∂b^(2) = δ^(2)_i",
        "δ^(1)_i = (δ^(2)_i W^(2)ᵀ) ⊙ (1 − a^(1)_i²)", "∂ℓ_i/∂W^(1) = x_iᵀ δ^(1)_i", "∂ℓ_i/∂b^(1) = δ^(1)_i",
        "Z^[1] = W^[1] X + b^[1] 1ᵀ", "A^[1] = tanh(Z^[1])", "Z^[2] = W^[2] A^[1] + b^[2] 1ᵀ", "A^[2] = σ(Z^[2])",
        "dZ^[2] = A^[2] − Y", "dW^[2] = 1/n dZ^[2] A^[1]ᵀ", "db^[2] = 1/n dZ^[2] 1",
        "dZ^[1] = (W^[2]ᵀ dZ^[2]) ⊙ (1 − A^[1]²)", "dW^[1] = 1/n dZ^[1] Xᵀ", "db^[1] = 1/n dZ^[1] 1",
    ])  # fmt: skip
    assert papers["network-2-2-1"].experiment.run is not None


@pytest.mark.parametrize("name", NAMES)
def test_every_paper_has_every_section(papers: dict[str, Paper], name: str) -> None:
    document = papers[name].document
    headings = [plain(block.text) for block in document.blocks if isinstance(block, Heading) and block.level == 1]
    wanted = ["The model", "The cost", "The derivative as a limit", "The gradient, derived", "The gradient, checked",
              "The training", "How sure the numbers are", "Two ways of descending, timed", "The cost around the path",
              "The same in Python"]  # fmt: skip
    if name == "network-64-32-10":
        wanted.remove("Two ways of descending, timed")
    assert headings == wanted
    assert {row[1] for row in grid(document, "check")} == {"correct"}
    figures = [block for block in document.blocks if isinstance(block, Figure)]
    assert [figure.label for figure in figures] == ["picture", "training", "surface"]
    for figure in figures:
        assert len(figure.alternative) > 20
        assert ET.fromstring(figure.svg).tag.endswith("svg")
        assert figure.tikz.count(r"\begin{tikzpicture}") == figure.tikz.count(r"\end{tikzpicture}") == 1


@pytest.mark.parametrize("name", ["linear", "neuron", "network-2-2-1"])
def test_its_program_gives_its_numbers(papers: dict[str, Paper], name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = next(block for block in papers[name].document.blocks if isinstance(block, Code))
    scope: dict[str, Any] = {}
    exec(compile(code.text, name, "exec"), scope)
    run = papers[name].experiment.run
    assert run is not None
    assert scope["model"].run.cost == run.cost
    assert f"{run.cost:.10g}" in capsys.readouterr().out


def test_the_numbers_of_the_neuron(papers: dict[str, Paper]) -> None:
    """Row A6 in the table of parameters, E's local minimum of XOR in the text of its paper."""
    rows = {row[0]: row[2] for row in grid(papers["neuron"].document, "parameters")}
    assert rows == {"w1": "−1.74357891399", "w2": "−1.73477772649", "b": "2.77184896227"}
    text = " ".join(plain(b.pieces) for b in papers["network-2-2-1"].document.blocks if isinstance(b, Paragraph))
    assert "to 0.1253920745" in text
    assert "not converged: a Newton step would lower the cost by 0.14 %" in text


def test_equations_say_how_they_were_checked(papers: dict[str, Paper]) -> None:
    text = " ".join(plain(b.pieces) for b in papers["network-64-32-10"].document.blocks if isinstance(b, Paragraph))
    found = re.search(r"Each of the (\d+) equations was evaluated at 3 random points", text)
    assert found is not None
    assert int(found[1]) > 90
    error = re.search(r"differ by more than ([\d.e-]+) of", text)
    assert error is not None
    assert float(error[1]) < 1e-12


@pytest.mark.parametrize("suffix", [".tex", ".html", ".md", ".ipynb"])
def test_every_format_contains_every_equation(papers: dict[str, Paper], suffix: str, tmp_path: Path) -> None:
    paper = papers["chain-2"]
    path = tmp_path / f"paper{suffix}"
    paper.save(path)
    text = path.read_text(encoding="utf-8")
    count = len(lines_of(paper.document))
    if suffix == ".html":
        page = ET.fromstring(re.sub(r"<!doctype html>", "", text, flags=re.IGNORECASE))
        math = [node for node in page.iter() if node.tag.endswith("math")]
        assert len(math) >= count
        assert all(node.get("alttext") for node in math)
        assert not re.search(r"(src|href)=\"https?://", text)
    elif suffix == ".ipynb":
        notebook = json.loads(text)
        assert notebook["nbformat"] == 4
        assert any(cell["cell_type"] == "code" for cell in notebook["cells"])
    elif suffix == ".md":
        assert text.count(r"\tag{") == count
    else:
        assert text.isascii()
        assert text.count(r"\begin{tikzpicture}") == 3


def test_without_a_table_it_ends_with_the_derivation() -> None:
    paper = write_paper(models.chain(2))
    assert paper.experiment.run is None
    headings = [plain(block.text) for block in paper.document.blocks if isinstance(block, Heading) and block.level == 1]
    assert headings[-2:] == ["The gradient, derived", "The same in Python"]


@pytest.mark.parametrize(
    ("model", "table"),
    [
        (st.Model("y ~ w1*exp(-x*w2) + c"), {"x": [0.0, 1, 2, 3], "y": [3.0, 1.5, 1, 0.8]}),
        (st.Model("y ~ sigmoid(x @ v*k)", "cross_entropy", params={"v": (2,)}),
         {"x": [[0.0, 1], [1, 0]], "y": [0.0, 1]}),
        (models.neuron(activation="relu"), "or"),
        (models.network([2, 3, 1], l2=0.1, class_weight="balanced"), {"X": [[0, 0], [0, 1], [1, 1]], "y": [0, 1, 1]}),
        (models.network([2, 3, 3], activation="relu", output="linear", cost="huber"),
         {"X": np.eye(2), "y": [[1.0, 2, 3], [2, 3, 4]]}),
    ],
)  # fmt: skip
def test_other_models_have_papers_too(model: st.Model, table: Any) -> None:
    paper = model.paper(table, epochs=20, rate=0.05, compare=False)
    for suffix in (".tex", ".html", ".md", ".ipynb"):
        assert len(paper.text(suffix)) > 3000
    assert paper.experiment.report is not None


def test_a_model_without_inputs_predicts_the_same_for_every_sample() -> None:
    small = st.Model("y ~ w", data=["y"]).paper({"y": [1.0, 2.0]}, epochs=3, compare=False)
    table = next(b for b in small.document.blocks if isinstance(b, Table) and b.label == "predictions")
    assert [plain(cell) for cell in table.header] == ["y_i", "prediction"]
    assert [plain(row[0]) for row in table.rows] == ["1", "2"]
    assert table.rows[0][1] == table.rows[1][1]
    assert small.experiment.run is not None
    assert float(plain(table.rows[0][1])) == pytest.approx(float(small.experiment.run.params["w"]), rel=1e-5)
    large = st.Model("y ~ w", data=["y"]).paper({"y": np.arange(20.0)}, epochs=3, compare=False)
    assert any("of the target's variance" in plain(b.pieces) for b in large.document.blocks if isinstance(b, Paragraph))


def test_a_fitted_model_shows_its_own_training() -> None:
    model = models.neuron().fit("nand", start={"w1": 0.3, "w2": 0.6, "b": 0.1}, epochs=50)
    paper = model.paper("nand", compare=False)
    assert paper.experiment.run is model.run


ROWS = {"hours": [1.0, 2, 3, 4, 5, 6, 7], "passed": [0, 0, 1, 0, 1, 1, 1], "wt": [1, 2, 1, 1, 3, 1, 1]}


def _run_again(paper: Paper, folder: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """The cost at which the program of a paper ends, run in a folder."""
    monkeypatch.chdir(folder)
    code = next(block for block in paper.document.blocks if isinstance(block, Code))
    scope: dict[str, Any] = {}
    exec(compile(code.text, "paper", "exec"), scope)
    return float(scope["model"].run.cost)


def _csv(path: Path, columns: dict[str, list[Any]]) -> Path:
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join([",".join(columns), *(",".join("" if v is None else str(v) for v in r) for r in rows)]))
    return path


def test_programs_keep_weights_penalties_and_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = _csv(tmp_path / "exam.csv", ROWS)
    monkeypatch.chdir(tmp_path)
    model = st.Model("passed ~ sigmoid(hours*w + b)", "cross_entropy", weights="wt", l2=0.1)
    model.fit(table.name, rate=0.3, epochs=70, seed=4)
    for subject in (model, _saved_again(model, tmp_path)):
        paper = subject.paper(table.name, compare=False)
        assert paper.experiment.run is not None
        assert paper.experiment.run.cost == model.run.cost  # type: ignore[union-attr]
        assert _run_again(paper, tmp_path, monkeypatch) == paper.experiment.run.cost


def _saved_again(model: st.Model, folder: Path) -> st.Model:
    """The model from a file, with the settings that the command line stores."""
    model.settings = {"rate": 0.3, "epochs": 70, "seed": 4, "optimiser": "gradient-descent", "batch": None, "start": {}}
    model.save(folder / "exam.safetensors")
    return st.load(folder / "exam.safetensors")


def test_programs_keep_blocks_of_columns_and_dropped_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {"a": [0.0, 1, 2, None, 1, 0], "b": [1.0, 0, 1, 1, 2, 0], "c": [0, 1, 2, 1, 2, 0]}
    table = _csv(tmp_path / "classes.csv", columns)
    monkeypatch.chdir(tmp_path)
    model = models.network([2, 3, 3], output="softmax", target="c", features=["a", "b"])
    paper = model.paper(table.name, na="drop", epochs=30, compare=False)
    assert paper.experiment.run is not None
    assert _run_again(paper, tmp_path, monkeypatch) == paper.experiment.run.cost
    text = " ".join(plain(b.pieces) for b in paper.document.blocks if isinstance(b, Paragraph))
    assert "(5 samples; 1 row with a missing value left out)" in text
    assert "a row of 2 numbers (a, b)" in text


def test_a_diverging_training_is_not_timed() -> None:
    paper = st.models.linear().paper("twice", rate=5.0)
    assert paper.experiment.timing is None
    assert paper.experiment.run is not None
    assert paper.experiment.run.diverged


def test_kinks_are_said_to_be_kinks() -> None:
    paper = st.Model("y ~ abs(x*w - 2) + b").paper("twice", start={"w": 1.0, "b": 0.0}, compare=False)
    text = " ".join(plain(b.pieces) for b in paper.document.blocks if isinstance(b, Paragraph))
    assert "There is a kink here" in text
    assert "rounding" not in text
    report = paper.experiment.report
    assert report is not None
    assert f"w: {report['w'].detail}." in text


@pytest.mark.parametrize(
    ("formula", "title"),
    [
        ("z ~ sigmoid(sigmoid(x*u1 + y*u2 + c1)*w1 + sigmoid(x*v1 + y*v2 + c2)*w2 + b)", "A network of 3 neurons"),
        ("z ~ tanh(x*w1 + y*w2)", "One neuron"),
        ("z ~ x*w1 + y*w2 + b", "A line"),
        ("z ~ w1*exp(-x*w2)", "A model"),
        ("z ~ tanh(tanh(x*w1)*w2)", "A chain of 2 neurons"),
    ],
)
def test_titles_say_what_a_model_is(formula: str, title: str) -> None:
    paper = st.Model(formula, data=["x", "y", "z"]).paper()
    assert plain(paper.document.title).startswith(f"{title}: ")


def test_names_of_a_table_do_not_clash_with_those_of_the_paper() -> None:
    found = lines_of(st.Model("C ~ a*alpha", data=["C", "a"]).paper().document)
    assert "F = 1/n Σ (a_i·alpha − C_i)²" in found
    assert "alpha := alpha − η ∂F/∂alpha" in found


def test_letters_of_a_paper_are_not_names_of_the_model() -> None:
    """In text, LaTeX and MathML: N samples and the index r, which no derivation uses otherwise."""
    paper = st.Model("C ~ n*exp(-e*i)", data=["C", "i"]).paper()
    found = lines_of(paper.document)
    assert "F = 1/N Σ (n·exp(−e·i_r) − C_r)²" in found
    assert r"F &= \frac{1}{N} \sum_{r=1}^{N} \left(n \cdot \exp\left(-e \cdot i_{r}\right)" in paper.text(".tex")
    for said in (
        "$N$ is the number of samples, because $n$ is a parameter.",
        "$r$ is the index of a sample, because $i$ is a data column.",
        r"$\exp$ is the exponential function, because $e$ is a parameter.",
        "$F$ is the cost, because $C$ is a data column.",
    ):
        assert said in paper.text(".md")
    assert "where $N$ is the number of samples" in paper.text(".md")
    assert "<mi>exp</mi>" in paper.text(".html")


def test_a_sigmoid_under_cross_entropy_ends_at_prediction_minus_target() -> None:
    found = lines_of(st.Model("z ~ sigmoid(x*w + b)", "cross_entropy", data=["x", "z"]).paper().document)
    assert "∂C/∂w = 1/n Σ (a_i − z_i)·x_i" in found
    assert "∂C/∂b = 1/n Σ (a_i − z_i)" in found


def test_unknown_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"cannot be written as '.pdf'"):
        write_paper(models.linear()).save(tmp_path / "paper.pdf")
