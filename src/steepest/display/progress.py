"""A progress bar on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol


class Progress(Protocol):
    """A function that is called every so often with the progress of a descent."""

    def __call__(self, epoch: int, epochs: int, cost: float) -> None: ...


@dataclass(frozen=True)
class Details:
    """What a bar shows besides epochs and cost; what is None or 0 is left out."""

    validation: float | None = None  # the last cost of the validation rows
    rate: float | None = None  # the current learning rate α
    rows: int = 0  # samples of an epoch


@contextmanager
def bar(wanted: bool | None, details: Callable[[int], Details] = lambda epoch: Details()) -> Iterator[Progress | None]:
    """Show a bar on standard error: always (True), never (False), or if that is a terminal (None)."""
    if wanted is False or (wanted is None and not sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        BarColumn(bar_width=10),  # short, so that the rest fits on a narrow terminal
        MofNCompleteColumn(),
        TextColumn("cost {task.fields[cost]:.4g}{task.fields[more]}"),
        TimeRemainingColumn(compact=True),
    )
    begin = time.perf_counter()
    with RichProgress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task("", total=None, cost=float("nan"), more="", visible=False)

        def progress(epoch: int, epochs: int, cost: float) -> None:
            seconds = max(time.perf_counter() - begin, 1e-9)
            more = _written(details(epoch), epoch, seconds)
            shown.update(task, completed=epoch, total=epochs, cost=cost, more=more, visible=True)

        yield progress


def _written(found: Details, epochs: int, seconds: float) -> str:
    validation = "" if found.validation is None else f", validation {found.validation:.4g}"
    rate = "" if found.rate is None else f", rate {found.rate:.3g}"
    return validation + rate + (f", {found.rows * epochs / seconds:.3g} samples/s" if found.rows else "")
