"""The report of the experiment on a terminal: two tables, notes, and progress."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from steepest.bench.experiment import PAPER, THEORY, OnProgress, Report


@contextmanager
def progress_shown() -> Iterator[OnProgress]:
    """Show progress on standard error if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from steepest.display.console import console

    with console(error=True).status("") as shown:
        yield lambda text: shown.update(text)


def show(report: Report) -> None:
    """Print the times and fixed costs, then the ratios of finite differences to gradient descent."""
    from steepest.display.console import say, table

    rows = []
    for row in report.rows:
        ratio = report.ratio_to_base(row)
        times = [_figures(row.nanoseconds), "–" if ratio is None else _figures(ratio), _seconds(row.fixed)]
        rows.append([row.peer.title, row.method, f"{row.epochs:,}", *times, f"{row.cost:.4g}"])
    table(rows, ["peer", "by", "epochs", "ns/epoch", "/ native", "fixed s", "final cost"], right=range(2, 7))
    both = [(row.peer.title, report.differences(row.peer.name)) for row in report.rows if row.method == "FD"]
    known = [[title, f"{ratio:.2f}"] for title, ratio in both if ratio is not None]
    if known:
        say()
        others = [["the notes, row A7", f"{PAPER:.2f}"], ["in theory, P + 1", f"{THEORY:.2f}"]]
        table([*known, *others], ["an epoch of FD / of GD", "times as long"], right=[1])


def notes(report: Report) -> list[str]:
    """Return notes on the tables, and reasons for peers that were left out."""
    found = [
        "GD is gradient descent, FD forward finite differences: four costs per epoch",
        "fixed s: seconds spent once on compiling and the first call, not included in other columns; C includes the "
        "choice of its fastest loop, native takes less once its code is cached",
    ]
    if report.shortened():
        peers: dict[str, list[str]] = {}
        for row in report.shortened():
            peers.setdefault(row.peer.title, []).append(f"{row.method} {row.epochs:,}")
        done = "; ".join(f"{title}: {', '.join(counts)}" for title, counts in peers.items())
        found.append(f"slow peers ran fewer than {report.epochs:,} epochs: {done}")
    if report.quick:
        found.append(
            f"{report.epochs:,} epochs are few: the milliseconds that a descent takes to start and end are "
            "included in ns/epoch"
        )
    remarkable = {"c-fast", "sklearn"} & {row.peer.name for row in report.rows}
    found += sorted({f"{row.peer.title}: {row.peer.about}" for row in report.rows if row.peer.name in remarkable})
    return found + [f"left out: {name}: {reason}" for name, reason in report.left_out.items()]


def _seconds(value: float) -> str:
    return f"{value:.3f}" if value >= 0.0005 else f"{value:.0e}"


def _figures(value: float) -> str:
    """Format with three significant digits; integers in full up to a million."""
    if value >= 999_999.5:
        return f"{value:.1e}"
    return f"{value:,.0f}" if value >= 999.5 else f"{value:.3g}"
