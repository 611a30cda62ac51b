"""A graph as one page: the picture, each folded layer to open, the chain rule at every node; no script."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from steepest.display.palette import DARK_INK, DARK_PAPER, INK, PAPER

if TYPE_CHECKING:
    from steepest.diagrams.graph.graph import ComputationalGraph

_MOST_OPENED = 12  # layers with a picture of their own
_MOST_ROWS = 500

_STYLE = (
    f":root{{color-scheme:light dark}}body{{color:{INK};background:{PAPER};font:16px/1.5 system-ui,sans-serif;"
    "margin:2rem auto;max-width:64rem;padding:0 1rem}"
    f"@media (prefers-color-scheme: dark){{body{{color:{DARK_INK};background:{DARK_PAPER}}}}}"
    ".wide{overflow-x:auto}.wide svg{min-width:min(100%,28rem);height:auto}table{border-collapse:collapse}"
    "th,td{text-align:left;padding:.2rem 1rem .2rem 0;border-bottom:1px solid #8886;vertical-align:top}"
    "summary{cursor:pointer;margin:.5rem 0}h1{font-size:1.3rem;overflow-wrap:anywhere}h2{font-size:1.1rem}"
    "@media print{details{break-inside:avoid}}"
)


def page(graph: ComputationalGraph) -> str:
    """The page of a graph."""
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(graph.title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(graph.title)}</h1>",
        "<p>Above each wire stands the value that runs forward, below it the gradient that comes back. "
        "Point at a gate or a wire for its local derivatives.</p>",
        f'<div class="wide">{graph.svg()}</div>',
        *_layers(graph),
        *_rows(graph),
        "</body></html>",
    ]
    return "\n".join([*parts, ""])


def _layers(graph: ComputationalGraph) -> list[str]:
    """Each folded layer, to open."""
    boxes = graph.groups
    if not boxes:
        return []
    parts = ["<h2>Folded layers</h2>"]
    opened = [box for box in boxes if len(box.members) == 1][:_MOST_OPENED]
    for box in boxes:
        name = "" if box.name == box.label else f" ({box.name})"
        what = f"{box.label}{name}, {len(box.nodes)} nodes"
        if box in opened:
            inner = graph.unfold(box.name).svg()
            parts.append(
                f'<details><summary>{escape(what)}</summary><div class="wide">{inner}</div></details>'
            )  # fmt: skip
        else:
            first = box.members[0]
            parts.append(f'<p>{escape(what)}: unfold one by <code>graph.unfold("{escape(first)}")</code>.</p>')
    return parts


def _rows(graph: ComputationalGraph) -> list[str]:
    """The table, with the chain rule at each node."""
    rows = graph.table()
    header = "".join(
        f'<th scope="col">{name}</th>' for name in ("node", "operation", "value", "gradient", "local", "chain rule")
    )
    parts = ["<h2>Nodes</h2>", f'<div class="wide"><table><thead><tr>{header}</tr></thead><tbody>']
    for row in rows[:_MOST_ROWS]:
        cells = [row.operation, *row.shown, "; ".join(row.local), graph.explain(row.node)]
        parts.append(
            f'<tr><th scope="row">{escape(row.node)}</th>' + "".join(f"<td>{escape(c)}</td>" for c in cells) + "</tr>"
        )
    parts.append("</tbody></table></div>")
    if len(rows) > _MOST_ROWS:
        parts.append(f"<p>And {len(rows) - _MOST_ROWS:,} more, which <code>graph.table()</code> lists.</p>")
    return parts
