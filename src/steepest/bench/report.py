"""The report of the experiment on a terminal: two tables, and what is being done meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from steepest.bench.experiment import PAPER, THEORY, Report, Tell


@contextmanager
def watching(wanted: bool | None = None) -> Iterator[Tell]:
    """A line on standard error that says what is being done: always, never, or if that is a terminal (None)."""
    if wanted is False or (wanted is None and not sys.stderr.isatty()):
        yield lambda text: None
        return
    from steepest.render.console import console

    with console(error=True).status("") as shown:
        yield lambda text: shown.update(text)


def show(report: Report) -> None:
    """Print the times, then how much longer finite differences take."""
    from steepest.render.console import say, table

    rows = []
    for row in report.rows:
        ratio = report.beside_base(row)
        beside = "–" if ratio is None else f"{ratio:.3g}"
        cells = [row.peer.title, row.peer.dtype, row.method, f"{row.epochs:,}", f"{row.time:.3g}"]
        rows.append([*cells, _figures(row.nanoseconds), beside, f"{row.cost:.10g}"])
    table(rows, ["peer", "precision", "method", "epochs", "time, s", "ns an epoch", "/ native", "final cost"],
          right=[3, 4, 5, 6])  # fmt: skip
    both = [(row, report.differences(row.peer.name)) for row in report.rows if row.method == "FD"]
    if any(ratio is not None for _, ratio in both):
        say()
        table(
            [[row.peer.title, row.peer.dtype, f"{ratio:.2f}"] for row, ratio in both if ratio is not None]
            + [["the notes, row A7", "", f"{PAPER:.2f}"], ["in theory, P + 1", "", f"{THEORY:.2f}"]],
            ["FD / GD", "precision", "times as long"], right=[2],
        )  # fmt: skip


def _figures(value: float) -> str:
    """A time with as many places as mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
