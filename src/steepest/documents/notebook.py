"""Write a paper as a Jupyter notebook of the format 4.5: texts in Markdown, programs as cells that run.

Source: the format, https://nbformat.readthedocs.io/en/latest/format_description.html.
"""

from __future__ import annotations

import json
from typing import Any

from steepest.documents.document import Code, Document, Equations, Heading
from steepest.documents.markdown import Writer
from steepest.storage.marks import MARK


def write(document: Document) -> str:
    """Return the paper as the text of an ``.ipynb`` file; its programs are not run."""
    writer = Writer(document)
    cells = [_cell(writer.head())]
    texts: list[str] = []
    for block in document.blocks:
        runs = isinstance(block, Code) and block.language == "python"
        # Short cells can be edited and moved: a heading begins one, and equations have one of their own.
        if texts and (runs or isinstance(block, Heading | Equations)):
            cells.append(_cell("\n\n".join(texts)))
            texts = []
        if isinstance(block, Code) and runs:
            cells.append(_cell(block.text.strip("\n"), cell_type="code", execution_count=None, outputs=[]))
        else:
            texts.append(writer.block(block))
    if texts:
        cells.append(_cell("\n\n".join(texts)))
    notebook = {
        "cells": [{"id": f"cell-{k + 1}", **cell} for k, cell in enumerate(cells)],
        "metadata": {
            "generator": MARK,
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _cell(text: str, **others: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True), **others}
