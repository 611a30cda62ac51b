"""Read parts of Parquet files with polars, which is imported on first use."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from steepest.errors import TableError
from steepest.messages.sentences import line

if TYPE_CHECKING:
    import polars as pl

_SMALL = 1 << 26  # bytes of a column that any file may become
_MOST_DENSE = 1000  # bytes of a column for one of the file: noise of one bit a value has 64


def collect(file: Path | io.BytesIO, part: Callable[[pl.LazyFrame], pl.LazyFrame], source: str) -> pl.DataFrame:
    """Return a part of a file; raise TableError if it is damaged."""
    import polars as pl

    if isinstance(file, io.BytesIO):
        file.seek(0)
    try:
        with _without_panics(pl.exceptions.PanicException):
            return part(pl.scan_parquet(file, glob=False)).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        panicked = isinstance(error, pl.exceptions.PanicException)
        why = "polars fails to decode it" if panicked else line(error)
        remedy = "check that it is complete, and write it again, or as CSV"
        raise TableError(f"{source}: it is not a Parquet file that can be read ({why}); {remedy}") from None


def refuse_repetition(rows: int, size: int, source: str) -> None:
    """Raise if so many rows in a file of so many bytes can only repeat the same values."""
    if 8 * rows > max(_SMALL, _MOST_DENSE * size):
        what = f"it has {rows:,} rows in {size:,} bytes, so that they hold hardly anything"
        raise TableError(f"{source}: {what}; check where it comes from, or write some of its rows to another file")


@contextlib.contextmanager
def _without_panics(panic: type[BaseException]) -> Iterator[None]:
    """Drop what polars prints when it panics, which Python cannot tell it not to; print all else afterwards.

    Only the main thread may exchange standard error, which the others share.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        kept, printed = os.dup(2), tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    except OSError:  # it is closed, or the disk is full
        yield
        return
    panicked = False
    with printed:
        os.dup2(printed.fileno(), 2)
        try:
            yield
        except panic:
            panicked = True
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            printed.seek(0)
            if not panicked:
                os.write(2, printed.read())
