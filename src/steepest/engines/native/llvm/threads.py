"""Several threads that run machine code and wait for one another at a barrier, and the choice of how many to use."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Sequence

from steepest.engines.native.llvm.code import I32, I64, Code, Value, declared, i64
from steepest.engines.native.llvm.memory import Array

_SPINS = 1000  # reads of the count before the thread yields: giving up the processor takes longer than a short wait
_RELEASE = 1 << 60  # a count at the barrier that lets every thread pass
_INSTANT = 0.005  # seconds of work; below, starting a thread and waiting for it may cost more than it saves
_RETRY = 20  # calls after which the slower number of threads is tried again: other programs' load changes


class Barrier:
    """Where the threads of a function wait for one another: its argument ``barrier`` counts how many have come.

    Each thread has a variable for the number of barriers that it has passed.
    """

    def __init__(self, code: Code, threads: Value) -> None:
        self.code, self.threads, self.passed = code, threads, code.slot(I64, i64(0))

    def wait(self) -> None:
        """Write code that waits until every thread has come here."""
        code, build, barrier = self.code, self.code.builder, self.code.arguments["barrier"]
        with build.if_then(build.icmp_signed(">", self.threads, i64(1))):
            times = build.add(code.get(self.passed, I64), i64(1))
            code.put(times, self.passed)
            build.atomic_rmw("add", barrier, i64(1), "acq_rel")
            expected = build.mul(times, self.threads)
            spins = code.slot(I64, i64(0))
            wait, retry, after = (code.function.append_basic_block(name) for name in ("wait", "retry", "met"))
            build.branch(wait)
            build.position_at_end(wait)
            here = build.load_atomic(barrier, "acquire", 8, typ=I64)
            build.cbranch(build.icmp_signed(">=", here, expected), after, retry)
            build.position_at_end(retry)
            tries = build.add(code.get(spins, I64), i64(1))
            code.put(tries, spins)
            with build.if_then(build.icmp_signed(">", tries, i64(_SPINS)), likely=False):
                yielding = "SwitchToThread" if os.name == "nt" else "sched_yield"
                build.call(declared(build.module, yielding, I32, []), [])
            build.branch(wait)
            build.position_at_end(after)


def run_threads(calls: Sequence[Callable[[], None]], barrier: Array) -> None:
    """Run each call on a thread of its own, the first one on the current thread; the barrier is one int64."""
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
