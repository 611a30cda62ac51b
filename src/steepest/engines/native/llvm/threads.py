"""Functions of machine code called on several threads that wait for one another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from steepest.engines.native.lanes.partition import Array

_RELEASE = 1 << 60  # a count at the barrier that lets everyone pass


def run_threads(calls: Sequence[Callable[[], None]], barrier: Array) -> None:
    """Run every call on a thread of its own, the first on this one.

    Args:
        calls: what to run.
        barrier: the count at which they meet, one int64.
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
        barrier[0] = _RELEASE
        _wait_for(running)


def _wait_for(threads: Sequence[threading.Thread]) -> None:
    """Join threads that were started; an interruption waits until they are done, for they write to our memory."""
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
