"""Machine code called on several threads that wait for one another, and the choice of how many threads to use."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence

from steepest.engines.native.llvm.memory import Array

_RELEASE = 1 << 60  # a count at the barrier that lets every thread pass
_INSTANT = 0.005  # seconds of work; below, starting a thread and waiting for it may cost more than it saves
_RETRY = 20  # calls after which the slower number of threads is tried again: other programs' load changes


def run_threads(calls: Sequence[Callable[[], None]], barrier: Array) -> None:
    """Run each call on a thread of its own, the first one on the current thread.

    Args:
        calls: what to run.
        barrier: the count at which the threads wait for one another, one int64.
    """
    barrier[0] = 0
    first, *others = calls
    if not others:
        first()
        return
    running = [threading.Thread(target=other) for other in others]
    try:
        for thread in running:
            thread.start()
        first()
    finally:
        barrier[0] = _RELEASE  # should one thread not have started, the others must not wait for it
        _join(running)


def _join(threads: Sequence[threading.Thread]) -> None:
    """Join the threads that were started; postpone an interruption until then, since they write to our memory."""
    interrupted = False
    while any(thread.is_alive() for thread in threads):
        try:
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
        except KeyboardInterrupt:
            interrupted = True
    if interrupted:
        raise KeyboardInterrupt


class ThreadPolicy:
    """Chooses one thread or all of them, whichever was faster recently; the results are the same.

    Threads that wait for one another are slow where other programs use the processors, and short calls are not worth
    starting a thread.
    """

    def __init__(self, most: int) -> None:
        self._choices = (1, most) if most > 1 else (1,)
        self._seconds: dict[int, float] = {}
        self._calls = 0

    def choose(self, epochs: int) -> int:
        """Return the number of threads for the next call, which runs so many epochs."""
        if epochs * self._seconds.get(1, 0.0) < _INSTANT:
            return 1
        self._calls += 1
        unknown = [choice for choice in self._choices if choice not in self._seconds]
        best = min(self._choices, key=lambda choice: self._seconds.get(choice, math.inf))
        others = [choice for choice in self._choices if choice != best]
        return unknown[0] if unknown else others[0] if others and self._calls % _RETRY == 0 else best

    def note(self, threads: int, seconds: float) -> None:
        """Record how long an epoch took with so many threads."""
        self._seconds[threads] = seconds
