"""Tables and figures on a terminal, through rich; plain aligned text where the output is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN_WIDTH = 160  # of output into a file or pipe, which has no edge to wrap at


def console(error: bool = False) -> Console:
    """Standard output or error; colours only on a terminal, and none with NO_COLOR."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else _PLAIN_WIDTH
    return Console(stderr=error, highlight=False, soft_wrap=True, width=width)


def table(
    rows: Iterable[Sequence[str]], header: Sequence[str] = (), right: Sequence[int] = (), wrap: bool = False
) -> None:
    """Print rows in columns.

    Args:
        rows: texts; the first column is indented.
        header: the columns' names, if any.
        right: the numbers of the columns that are flush right.
        wrap: break long cells over lines at the terminal's edge.
    """
    from rich.table import Table
    from rich.text import Text

    rows = [list(row) for row in rows]
    shown = Table(box=None, show_header=bool(header), pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    columns = len(header) or max((len(row) for row in rows), default=0)
    for k in range(columns):
        shown.add_column(
            header[k] if header else "",
            justify="right" if k in right else "left",
            no_wrap=not wrap,
            overflow="fold",
        )
    for row in rows:
        shown.add_row(*(Text(cell, style=_style(cell)) for cell in row))
    where = console()
    for line in where.render_lines(shown, where.options, pad=False):
        text = "".join(segment.text for segment in line) if not where.is_terminal else None
        if text is not None:
            where.print(("  " + text).rstrip(), markup=False)
        else:
            where.print("  ", end="")
            where.print(*(Text(segment.text, segment.style or "") for segment in line), sep="")


def _style(cell: str) -> str:
    if cell == "correct":
        return "green"
    return "red" if cell.startswith("wrong") else "yellow" if cell in ("kink", "inconclusive") else ""


def say(text: str = "") -> None:
    """A line on standard output."""
    console().print(text, markup=False)


def remark(text: str) -> None:
    """A line on standard error: what a reader should know, but a program need not."""
    console(error=True).print(text, markup=False)
