"""Write the formulas of the site as MathML while it is built: a browser needs no script and no font for them."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

from steepest.display.mathml import mathml
from steepest.errors import DocumentError

_LOG = getLogger(__name__)


def inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(f'<span class="formula">{converted(node, False)}</span>')
    raise nodes.SkipNode


def displayed(writer: Any, node: nodes.math_block) -> None:
    name = f' id="{node["ids"][0]}"' if node["ids"] else ""
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    writer.body.append(f'<div class="formula"{name}>{number}{converted(node, True)}</div>')
    raise nodes.SkipNode


def converted(node: nodes.Element, display: bool) -> str:
    """Return the ``<math>`` element, without a label, because screen readers read MathML itself."""
    latex = node.astext().strip()
    try:
        found = mathml(latex, latex, display)
    except DocumentError as error:
        _LOG.warning("%s", error, location=node)
        return f"<code>{nodes.Text(latex)}</code>"
    found = re.sub(r' aria-label="[^"]*"', "", found, count=1)
    if "\\" in found.partition(">")[2]:
        _LOG.warning("the formula %r has a command that is not understood", latex, location=node)
    return found


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_html_math_renderer("mathml", (inline, None), (displayed, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
