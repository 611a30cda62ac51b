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
    from steepest.display.console import console

    with console(error=True).status("") as shown:
        yield lambda text: shown.update(text)


def show(report: Report) -> None:
    """Print the times, then how much longer finite differences take."""
    from steepest.display.console import say, table

    rows = []
    for row in report.rows:
        ratio = report.beside_base(row)
        cells = [row.peer.title, row.method, f"{row.epochs:,}", _seconds(row.time), _figures(row.nanoseconds)]
        rows.append([*cells, "–" if ratio is None else _figures(ratio), f"{row.cost:.4g}"])
    table(rows, ["peer", "by", "epochs", "s", "ns/epoch", "/ native", "final cost"], right=range(2, 7))
    both = [(row.peer.title, report.differences(row.peer.name)) for row in report.rows if row.method == "FD"]
    known = [[title, f"{ratio:.2f}"] for title, ratio in both if ratio is not None]
    if known:
        say()
        others = [["the notes, row A7", f"{PAPER:.2f}"], ["in theory, P + 1", f"{THEORY:.2f}"]]
        table([*known, *others], ["an epoch of FD / of GD", "times as long"], right=[1])


def notes(report: Report) -> list[str]:
    """What a reader of the tables should know, and what is not in them."""
    found = ["GD is gradient descent, FD forward finite differences: four costs an epoch"]
    if report.quick:
        found.append(
            f"{report.epochs:,} epochs are few: the half millisecond that a descent takes to begin weighs on them"
        )
    told = {"c-fast", "sklearn"} & {row.peer.name for row in report.rows}
    found += sorted({f"{row.peer.title}: {row.peer.about}" for row in report.rows if row.peer.name in told})
    return found + [f"left out: {name}: {reason}" for name, reason in report.left_out.items()]


def _seconds(value: float) -> str:
    return f"{value:.3f}" if value >= 0.0005 else f"{value:.0e}"


def _figures(value: float) -> str:
    """Three figures, and all before the point up to a million."""
    if value >= 999_999.5:
        return f"{value:.1e}"
    return f"{value:,.0f}" if value >= 999.5 else f"{value:.3g}"
