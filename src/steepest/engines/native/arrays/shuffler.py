"""The order in which the samples of each epoch are visited, drawn ahead of the descent."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from steepest.engines.native.llvm.memory import Array
from steepest.engines.step import Batches

MOST_SAMPLES = 1 << 22
"""Samples whose order is drawn in one call; bounds the memory, 4 bytes for each."""
_AHEAD = 1 << 16  # samples; for fewer, handing them to another thread costs more than it saves


class Shuffler:
    """Draws the orders of epochs; while some epochs run, those of the next ones are drawn on another thread."""

    def __init__(self, batches: Batches, rows: int) -> None:
        self._batches, self._rows = batches, rows
        self._pool: ThreadPoolExecutor | None = None
        self._begin = 0
        self._ahead: Future[Array] | None = None

    def take(self, epoch: int, until: int) -> Array:
        """Return the orders of some epochs, ``(epochs, rows)``."""
        begin, drawn = self._begin, self._ahead.result() if self._ahead is not None else self._draw(0, 0)
        first, after = max(epoch, begin), min(until, begin + len(drawn))
        parts = [drawn[first - begin : after - begin]] if first == epoch and first < after else []
        rest = self._draw(after if parts else epoch, until)
        self._begin, self._ahead = until, None
        if (until - epoch) * self._rows >= _AHEAD:
            self._pool = self._pool or ThreadPoolExecutor(1)
            self._ahead = self._pool.submit(self._draw, until, until + min(until - epoch, MOST_SAMPLES // self._rows))
        return np.concatenate([*parts, rest])

    def _draw(self, epoch: int, until: int) -> Array:
        found = np.empty((until - epoch, self._rows), np.int32)
        for k in range(epoch, until):
            found[k - epoch] = self._batches.order(k, self._rows)
        return found
