"""A graph as one page: the picture, each folded layer to open, the chain rule at every node; no script."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from itertools import islice

from steepest.diagrams.graph.folding import Group
from steepest.display.palette import DARK_INK, DARK_PAPER, INK, PAPER
from steepest.messages.sentences import counted

_MOST_OPENED = 12  # layers with a picture of their own
_MOST_ROWS = 500  # nodes in the table, which limits the size of the page
_COLUMNS = ("node", "operation", "value", "gradient", "local", "chain rule")

_STYLE = (
    f":root{{color-scheme:light dark}}body{{color:{INK};background:{PAPER};font:16px/1.5 system-ui,sans-serif;"
    "margin:2rem auto;max-width:64rem;padding:0 1rem}"
    f"@media (prefers-color-scheme: dark){{body{{color:{DARK_INK};background:{DARK_PAPER}}}}}"
    ".wide{overflow-x:auto}.wide svg{min-width:min(100%,28rem);height:auto}table{border-collapse:collapse}"
    "th,td{text-align:left;padding:.2rem 1rem .2rem 0;border-bottom:1px solid #8886;vertical-align:top}"
    "summary{cursor:pointer;margin:.5rem 0}h1{font-size:1.3rem;overflow-wrap:anywhere}h2{font-size:1.1rem}"
    "@media print{details{break-inside:avoid}}"
)


def page(
    title: str, svg: str, layers: Sequence[Group], unfolded: Callable[[str], str], rows: Iterable[Sequence[str]],
    size: int,
) -> str:  # fmt: skip
    """Return the page of a graph.

    ``unfolded`` returns the picture with the box of a name drawn node by node. The rows are the cells of each node,
    as in the header of the table; only the first of many are taken.
    """
    return "\n".join([
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        "<p>Each wire carries the value of the forward pass above it and the gradient of the backward pass below it. "
        "Point at a gate or a wire to read its local derivatives.</p>",
        f'<div class="wide">{svg}</div>',
        *_layers(layers, unfolded),
        *_rows(rows, size),
        "</body></html>", "",
    ])  # fmt: skip


def _layers(boxes: Sequence[Group], unfolded: Callable[[str], str]) -> list[str]:
    """Write each folded layer, to open; of several in one box only how to unfold one."""
    if not boxes:
        return []
    parts = ["<h2>Folded layers</h2>"]
    opened = [box for box in boxes if len(box.members) == 1][:_MOST_OPENED]
    for box in boxes:
        name = "" if box.name == box.label else f" ({box.name})"
        what = escape(f"{box.label}{name}, {counted(len(box.nodes), 'node')}")
        if box in opened:
            parts.append(f'<details><summary>{what}</summary><div class="wide">{unfolded(box.name)}</div></details>')
        else:
            parts.append(f'<p>{what}: unfold one by <code>graph.unfold("{escape(box.members[0])}")</code>.</p>')
    return parts


def _rows(rows: Iterable[Sequence[str]], size: int) -> list[str]:
    """Write the table, with the chain rule at each node."""
    header = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
    parts = ["<h2>Nodes</h2>", f'<div class="wide"><table><thead><tr>{header}</tr></thead><tbody>']
    for name, *cells in islice(rows, _MOST_ROWS):
        others = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        parts.append(f'<tr><th scope="row">{escape(name)}</th>{others}</tr>')
    parts.append("</tbody></table></div>")
    if size > _MOST_ROWS:
        parts.append(f"<p>And {size - _MOST_ROWS:,} more, which <code>graph.table()</code> lists.</p>")
    return parts
