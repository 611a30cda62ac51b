"""Convert docstrings, which are plain text for terminals, to what Sphinx reads."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.domains.python import PyObject

_LITERAL = re.compile(r"(``.+?``)")
_ENTRY = re.compile(r"^(\s*)(\w+(?:, \w+)*): (.*)$")
_BEFORE_NAPOLEON = 400


def prepare(app: Sphinx, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    """Escape signs of mathematics that are markup in reStructuredText, and give every attribute its own line."""
    lines[:] = attributes([line if line.lstrip().startswith(">>>") else bars(line) for line in lines])


def bars(line: str) -> str:
    """Escape bars, which would begin a substitution."""
    parts = _LITERAL.split(line)
    return "".join(part if part.startswith("``") else part.replace("|", r"\|") for part in parts)


def attributes(lines: list[str]) -> list[str]:
    """Split entries of several attributes, ``a, b: text``, into one each, and escape a last underscore."""
    made: list[str] = []
    inside, names, margin = False, [""], ""
    for k, line in enumerate(lines):
        if line.strip() == "Attributes:":
            inside = True
        elif inside and line and not line.startswith(" "):
            inside = False
        entry = _ENTRY.match(line) if inside else None
        if entry and (not margin or len(entry[1]) == len(margin)):
            margin, names = entry[1], entry[2].split(", ")
            text = [entry[3]]
            for more in lines[k + 1 :]:
                if not more.startswith(margin + " "):
                    break
                text.append(more)
            for name in names:
                made += ["{}{}: {}".format(margin, re.sub(r"_$", r"\\_", name), text[0]), *text[1:]]
        elif not (inside and margin and line.startswith(margin + " ")):
            made.append(line)
    return made


def setup(app: Sphinx) -> dict[str, Any]:
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("autodoc-process-docstring", prepare, priority=_BEFORE_NAPOLEON)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
