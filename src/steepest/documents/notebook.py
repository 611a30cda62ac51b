"""Write a paper as a Jupyter notebook of the format 4.5: texts in Markdown, programs as cells that run.

Source: the format, https://nbformat.readthedocs.io/en/latest/format_description.html.
"""

from __future__ import annotations

import json
from typing import Any

from steepest.documents.document import Code, Document, Equations, Heading
from steepest.documents.markdown import Writer

_PYTHON = "python"


def write(document: Document) -> str:
    """Return the paper as the text of an ``.ipynb`` file; its programs are not run."""
    writer = Writer(document)
    cells = [_markdown(writer.head())]
    texts: list[str] = []
    for block in document.blocks:
        runs = isinstance(block, Code) and block.language == _PYTHON
        # Short cells can be edited and moved: a heading begins one, and equations have one of their own.
        if texts and (runs or isinstance(block, Heading | Equations)):
            cells.append(_markdown("\n\n".join(texts)))
            texts = []
        if isinstance(block, Code) and runs:
            cells.append(_code(block.text.strip("\n")))
        else:
            texts.append(writer.block(block))
    if texts:
        cells.append(_markdown("\n\n".join(texts)))
    for k, cell in enumerate(cells):
        cell["id"] = f"cell-{k + 1}"
    notebook = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": "", "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(text: str) -> dict[str, Any]:
    source = text.splitlines(keepends=True)
    return {"cell_type": "code", "execution_count": None, "id": "", "metadata": {}, "outputs": [], "source": source}
