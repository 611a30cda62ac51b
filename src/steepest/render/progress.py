"""A progress bar on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Told now and then how far a descent is."""

    def __call__(self, epoch: int, epochs: int, cost: float) -> None: ...


@contextmanager
def bar(wanted: bool | None) -> Iterator[Progress | None]:
    """A bar on standard error: always (True), never (False), or if that is a terminal (None)."""
    if wanted is False or (wanted is None and not sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("descending"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("cost {task.fields[cost]:.6g}"),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task("", total=None, cost=float("nan"), visible=False)

        def progress(epoch: int, epochs: int, cost: float) -> None:
            shown.update(task, completed=epoch, total=epochs, cost=cost, visible=True)

        yield progress
