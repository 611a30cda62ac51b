"""Docstrings write mathematics as plain text: a bar in them is a bar, not the beginning of a substitution."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

_LITERAL = re.compile(r"(``.+?``)")


def keep_bars(app: Sphinx, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    """Escape the bars outside of literals."""
    for k, line in enumerate(lines):
        if not line.lstrip().startswith(">>>"):
            parts = _LITERAL.split(line)
            lines[k] = "".join(part if part.startswith("``") else part.replace("|", r"\|") for part in parts)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("autodoc-process-docstring", keep_bars)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
