"""Commands on tables, documents and files whose names and texts try to be code: what they write does nothing."""

from __future__ import annotations

import ast
import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from browser import PLOTLY, Visit, browser, harmless
from command_line import Steepest, steepest
from hostile import GROUPED, HARMFUL, NAMES, PACKS, network, neuron
from steepest.proofreading import proofread
from steepest.proofreading.reports.html_page import as_html
from tools import needs

__all__ = ["browser", "harmless", "steepest"]
pytestmark = [pytest.mark.slow, needs("chromium")]
FILE = "<img src=x onerror=pwn(1)>\"'-->"  # a name may not have a slash


def saved(table: dict[str, Any], name: str) -> str:
    """A file of CSV, its names between quotation marks where they have to be."""
    with Path(name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*table.values(), strict=True))
    return name


def test_a_formula_of_names(steepest: Steepest, harmless: Visit) -> None:
    model, table = neuron(NAMES)
    formula, name = model.formula, saved(table, f"{FILE}.csv")
    quick, over = ("--epochs", "5"), ("--over", f"{NAMES[2]},{NAMES[4]}", "--points", "9", "--seed", "1")
    for words, added in (
        (("paper", formula, name, "-o", "paper.html", "--no-compare", *quick), []),
        (("graph", formula, "--table", name, "-o", "graph.html"), []),
        (("graph", formula, "--table", name, "--unfold", "all", "-o", "graph.svg"), []),
        (("surface", formula, name, "-o", "surface.svg", *over, *quick), []),
        (("surface", formula, name, "-o", "surface.html", *over, "--title", NAMES[0]), PLOTLY),
        (("plot", "training", formula, name, "-o", "training.html", *quick), PLOTLY),
        (("plot", "predicted", formula, name, "-o", "predicted.html", *quick), PLOTLY),
        (("plot", "confusion", formula, name, "-o", "confusion.svg", *quick), []),
    ):
        said = steepest(*words)
        assert said.status == 0, said.err
        written = Path(next(word for word in words if word.endswith((".html", ".svg")) and word != FILE))
        shown = NAMES if words[0] in ("paper", "graph") else []
        harmless(written.read_text(encoding="utf-8"), written.suffix, shown, added=added)


def test_programs_of_papers_read_files_of_any_name(steepest: Steepest) -> None:
    _, table = network([*NAMES, *GROUPED])
    name = saved(table, f"{FILE}.csv")
    assert steepest("fit", name, "t", "--layers", "2", "--epochs", "5", "--save", "m.safetensors").status == 0
    assert steepest("paper", "m.safetensors", name, "-o", "paper.ipynb", "--no-compare").status == 0
    cells = json.loads(Path("paper.ipynb").read_text(encoding="utf-8"))["cells"]
    (program,) = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Call)}
    assert calls <= {"st.Model", "model.fit", "print"}
    scope: dict[str, Any] = {}
    exec(compile(program, "cell", "exec"), scope)
    assert scope["model"].run.epochs == 5


def test_a_network_of_columns(steepest: Steepest, harmless: Visit) -> None:
    _, table = network([*NAMES, *GROUPED])
    name = saved(table, f"{FILE}.csv")
    said = steepest("fit", name, "t", "--layers", "2", "--epochs", "5", "--save", f"{FILE}.safetensors")
    assert said.status == 0, said.err
    for words in (
        ("paper", f"{FILE}.safetensors", name, "-o", "page.html", "--no-compare"),
        ("diagram", f"{FILE}.safetensors", "-o", "page.svg"),
        ("graph", f"{FILE}.safetensors", "--table", name, "-o", "page.html"),
    ):
        said = steepest(*words)
        assert said.status == 0, said.err
        written = Path(next(word for word in words if word.startswith("page.")))
        shown = [*NAMES, *GROUPED] if words[0] == "paper" else []
        harmless(written.read_text(encoding="utf-8"), written.suffix, shown)


def test_documents_that_are_read(steepest: Steepest, harmless: Visit) -> None:
    """Prose, formulas that are right, wrong and not understood, notes and corrected lines have the payloads."""
    lines = [
        f"{name} $f(x) = x^2$, $f'(x) = 3x$ {name} $\\text{{{name}}} = 2$, $g_{{{name}}} = {name}$" for name in HARMFUL
    ]
    wrong = [
        rf"$$\operatorname{{a{k}}}(x) = 3x, \quad \frac{{d a_{k}}}{{dx}} = 4 {name}$$" for k, name in enumerate(HARMFUL)
    ]
    Path(f"{FILE}.md").write_text("\n\n".join([*lines, *wrong, *GROUPED]), encoding="utf-8")
    said = steepest("proofread", f"{FILE}.md", "--format", "html", "-o", "proof.html")
    assert said.status == 1, said.err
    text = Path("proof.html").read_text(encoding="utf-8")
    assert all(f'class="{verdict}"' in text for verdict in ("differs", "not-understood"))
    harmless(text, ".html", [*HARMFUL, *GROUPED, "pwn(1)"])
    Path("texts.tex").write_text("\\documentclass{article}\\begin{document}\n" + "\n\n".join(lines), encoding="utf-8")
    assert steepest("proofread", "texts.tex", "--format", "html", "-o", "proof.html").status == 1
    harmless(Path("proof.html").read_text(encoding="utf-8"), ".html", HARMFUL)


def test_findings_of_any_words(harmless: Visit) -> None:
    """Whatever a message or a corrected line may quote some day."""
    proof = proofread("$f(x) = x^2$, $f'(x) = 3x$")
    found = [replace(each, message=PACKS[0] + PACKS[1], corrected=PACKS[2] + PACKS[3]) for each in proof.findings]
    harmless(as_html([(FILE, replace(proof, findings=tuple(found)))]), ".html", PACKS)
