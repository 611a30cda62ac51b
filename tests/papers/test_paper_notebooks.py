"""Notebooks, and what they show of every object, in the page that nbconvert makes of them: names do nothing."""

from __future__ import annotations

import ast
import json
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter
from nbformat import v4

import steepest as st
from browser import Browser, Visit, browser, harmless
from hostile import GROUPED, HARMFUL, INERT, NAMES, PACKS, network, neuron, numbers
from steepest import pictures
from steepest.derivations.layered import derive_layers
from steepest.diagrams.graph import graph
from steepest.expressions.printing import quoted
from tools import needs

__all__ = ["browser", "harmless"]
pytestmark = [pytest.mark.slow, needs("chromium"), pytest.mark.filterwarnings("ignore::steepest.SteepestWarning")]
OWN = "https://cdnjs.cloudflare.com/ajax/libs/"  # from where the page of nbconvert asks for RequireJS and MathJax


def rendered(notebook: Any) -> str:
    """The page of a notebook, without what its own scripts say where they do not get a library."""
    text, _ = HTMLExporter(template_name="lab").from_notebook_node(notebook)
    return str(text)


def notebook_of(text: str) -> Any:
    """A sound notebook."""
    nbformat.validate(json.loads(text), relax_add_props=False)
    return nbformat.reads(text, as_version=4)


def own_parts(browser: Browser, tmp_path: Any) -> list[str]:
    """What the page of an empty notebook has that can act."""
    (tmp_path / "empty.html").write_text(rendered(v4.new_notebook()), encoding="utf-8")
    seen = browser.visit(tmp_path / "empty.html", blocked=lambda url: url.startswith(OWN))
    assert seen.events == []
    return seen.added


def test_a_page_of_unescaped_names_does_harm(browser: Browser, tmp_path: Any) -> None:
    link = next(name for name in INERT if name.startswith("!["))
    names = [*HARMFUL[:2], *HARMFUL[9:11], link]
    for name in names:
        for cell in (
            v4.new_markdown_cell(f"A name: {name}"),
            v4.new_code_cell("", outputs=[v4.new_output("display_data", {"text/html": name})]),
        ):
            (tmp_path / "page.html").write_text(rendered(v4.new_notebook(cells=[cell])), encoding="utf-8")
            if name != link or cell.cell_type == "markdown":
                assert browser.visit(tmp_path / "page.html", blocked=lambda url: url.startswith(OWN)).ran == numbers(
                    name
                )


@pytest.mark.parametrize("make", [neuron, network])
def test_notebooks_of_papers(make: Any, browser: Browser, harmless: Visit, tmp_path: Any) -> None:
    names = [*NAMES, *GROUPED] if make is network else NAMES
    model, table = make(names)
    model.fit(table, epochs=5)
    notebook = notebook_of(model.paper(table, compare=False, title="".join(PACKS)).text(".ipynb"))
    added = own_parts(browser, tmp_path)
    # This reader makes a link of every address in a text.
    harmless(rendered(notebook), ".html", names, added=added, linked=True, blocked=lambda url: url.startswith(OWN))
    scope: dict[str, Any] = {"table": table}
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)}
        assert calls <= {"st.Model", "st.models.network", "model.fit", "print"}
        exec(compile(cell.source, "cell", "exec"), scope)
    assert scope["model"].run.cost == pytest.approx(model.run.cost, rel=1e-9)


def test_what_notebooks_show_of_objects(browser: Browser, harmless: Visit, tmp_path: Any) -> None:
    """By every way that an object has to be shown, one after another."""
    from IPython.core.formatters import DisplayFormatter

    model, table = neuron(NAMES)
    model.fit(table, epochs=5)
    layers, rows = network([*NAMES, *GROUPED])
    layers.fit(rows, epochs=5)
    params = model.cost.parameters
    cost = st.parse(f"({quoted(PACKS[0])} - 1)^2")
    run = st.descend(cost, start={PACKS[0]: 2.0}, epochs=5, progress=False)
    objects = [
        model, model.run, model.prediction, model.cost, layers, layers.run, run,
        *(st.derive(model.cost, each) for each in params[:3]),
        st.check(model.cost, {**table, **model.params}), graph(model.cost, {**table, **model.params}), model.diagram(),
        pictures.surface(cost, at={PACKS[0]: 1.0}, paths=dict.fromkeys(PACKS, run)), derive_layers(layers), run.params,
    ]  # fmt: skip
    shows = DisplayFormatter().format
    cells = [
        v4.new_code_cell("", outputs=[v4.new_output("display_data", {kind: content})])
        for each in objects for kind, content in shows(each)[0].items() if kind != "image/png"
    ]  # fmt: skip
    cells += [v4.new_markdown_cell(each.markdown()) for each in objects if hasattr(each, "markdown")]
    kinds = {kind for cell in cells if cell.cell_type == "code" for kind in cell.outputs[0].data}
    assert kinds >= {"text/plain", "text/html", "text/latex", "image/svg+xml", "text/markdown"}
    notebook = v4.new_notebook(cells=cells)
    nbformat.validate(notebook)
    added = own_parts(browser, tmp_path)
    harmless(rendered(notebook), ".html", NAMES, added=added, blocked=lambda url: url.startswith(OWN))
