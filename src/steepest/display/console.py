"""Tables and figures on a terminal, through rich; plain aligned text where the output is no terminal.

Whether the output is plain ASCII is a property of the stream, set in one place (:func:`prepare`): its encoding. What is
laid out in columns is transliterated before that, all else by the stream.
"""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from steepest.expressions.ascii import HANDLER, PLAIN, transliterated
from steepest.expressions.ascii import is_plain as is_plain
from steepest.expressions.showing import WIDEST
from steepest.expressions.showing import Renderable as Renderable
from steepest.messages.sentences import visible

if TYPE_CHECKING:
    from rich.console import Console

    from steepest.display.axes import Costs

_UNBOUNDED = 1_000_000  # columns of a file or pipe, which has no edge to wrap at
_LEAST_WIDTH, _LEAST_HEIGHT = 44, 20  # of a terminal on which a plot is drawn unasked
_NARROW = 24  # a cell up to this long is not broken over lines
_STYLES = {"correct": "green", "kink": "yellow", "inconclusive": "yellow"}


def prepare(plain: bool) -> None:
    """Set both outputs so that they show every text: in ASCII if that is wanted, or what their encoding has not."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            ascii_only = plain or codecs.lookup(stream.encoding).name in ("ascii", PLAIN)
            stream.reconfigure(encoding=PLAIN if ascii_only else stream.encoding, errors=HANDLER)


def console(error: bool = False) -> Console:
    """Return a console on standard output or error; it has colours only on a terminal, and not with NO_COLOR."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else _UNBOUNDED
    return Console(stderr=error, highlight=False, soft_wrap=True, width=width)


def table(rows: Iterable[Sequence[str]], header: Sequence[str] = (), right: Sequence[int] = ()) -> None:
    """Print rows in indented columns, some flush right; on a terminal long cells are broken over lines at its edge."""
    from rich.table import Table
    from rich.text import Text

    shown_as = transliterated if is_plain() else str
    rows = [[visible(shown_as(cell)) for cell in row] for row in rows]
    header = [visible(shown_as(cell)) for cell in header]
    where = console()
    bold = "" if where.no_color else "bold"
    shown = Table(box=None, show_header=bool(header), pad_edge=False, padding=(0, 3, 0, 0), header_style=bold)
    columns = len(header) or max((len(row) for row in rows), default=0)
    texts = [*rows, list(header)]
    widths = [max((len(row[k]) for row in texts if k < len(row)), default=0) for k in range(columns)]
    # A name or number broken in two is hard to read, so other columns give way first if the terminal is wide enough.
    whole = [width <= _NARROW and k < columns - 1 for k, width in enumerate(widths)]
    fits = where.width > _NARROW + sum(width + 3 for k, width in enumerate(widths) if whole[k])
    for k, name in enumerate(header or [""] * columns):
        shown.add_column(name, justify="right" if k in right else "left", no_wrap=fits and whole[k], overflow="fold")
    for row in rows:
        style = [_STYLES.get(cell, "red" if cell.startswith("wrong") else "") for cell in row]
        shown.add_row(*map(Text, row, style))
    for line in where.render_lines(shown, where.options.update(width=where.width - 2), pad=False):
        pieces = [(segment.text, segment.style or "") for segment in line]
        bare = ("  " + "".join(text for text, _ in pieces)).rstrip()
        where.print(Text.assemble("  ", *pieces) if where.is_terminal else bare, markup=False)


def say(text: str = "") -> None:
    """Print a line on standard output."""
    console().print(visible(text), markup=False)


def show_plot(found: Costs, always: bool = False) -> None:
    """Print costs by epoch on standard output, after an empty line; always, or only on a terminal with room for it."""
    from steepest.display.braille import plot

    where = console()
    if always or (where.is_terminal and where.width >= _LEAST_WIDTH and where.height >= _LEAST_HEIGHT):
        say()
        for line in plot(found, min(where.width - 2, WIDEST), plain=is_plain()).splitlines():
            where.print(f"  {line}", markup=False)
