"""List the papers about the notes' models that are in ``docs/papers``, and copy them into the site."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PAPERS = {
    "linear": "A line, y = x·w",
    "neuron": "One neuron with two inputs",
    "chain-2": "Two neurons in a chain",
    "chain-m": "A chain of m neurons, for any m",
    "network-2-2-1": "A network of two inputs, two hidden neurons and one output",
    "network-64-32-10": "A network of 64 inputs, 32 hidden neurons and ten classes",
}
KINDS = {"html": "web page", "tex": "LaTeX", "md": "Markdown", "ipynb": "notebook", "pdf": "PDF"}


def existing(folder: Path) -> Iterator[Path]:
    """Return the papers that exist."""
    return (place for name in PAPERS for kind in KINDS if (place := folder / f"{name}.{kind}").is_file())


class Papers(SphinxDirective):
    """Write the list of papers."""

    def run(self) -> list[nodes.Node]:
        found = {place.name for place in existing(Path(self.env.srcdir) / "papers")}
        self.env.note_reread()
        listed = nodes.bullet_list()
        for name, title in PAPERS.items():
            line = nodes.paragraph("", f"{title}: ")
            kinds = [kind for kind in KINDS if f"{name}.{kind}" in found]
            for k, kind in enumerate(kinds):
                line += nodes.Text(", " if k else "")
                line += nodes.reference("", KINDS[kind], internal=True, refuri=f"{name}.{kind}")
            line += nodes.Text("." if kinds else "not built here.")
            listed += nodes.list_item("", line)
        return [listed]


def copy(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        for place in existing(Path(app.srcdir) / "papers"):
            target = Path(app.outdir) / "papers" / place.name
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(place, target)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("papers", Papers)
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
