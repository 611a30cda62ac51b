"""A graph as DOT text, for Graphviz and other programs."""

from __future__ import annotations

from steepest.diagrams.graph.view import Box, View

_SHAPES = {"leaf": "plaintext", "operation": "circle", "group": "box"}


def dot(view: View, title: str) -> str:
    """Write the boxes and links with their labels and numbers."""
    lines = [
        f"digraph {_quoted(title)} {{",
        "  rankdir=LR",
        '  node [fontname="Helvetica" fontsize=10] edge [fontname="Helvetica" fontsize=8]',
    ]
    lines += [f"  {box.key} [{_node(box)}]" for box in view.boxes]
    lines.append('  out [label="" shape=none width=0 height=0]')
    for link in view.links:
        label = _quoted(f"{link.value}\n{link.gradient}")
        lines.append(f"  {link.source} -> {link.target or 'out'} [label={label} tooltip={_quoted(link.title)}]")
    return "\n".join([*lines, "}", ""])


def _node(box: Box) -> str:
    below = f" xlabel={_quoted(box.below)}" if box.below else ""
    return f"label={_quoted(box.label)} shape={_SHAPES[box.kind]}{below} tooltip={_quoted(box.title)}"


def _quoted(text: str) -> str:
    """Return a quoted text as DOT reads it, with backslashes taken literally."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{plain}"'
