"""The barrier at which the threads of one kernel wait for one another."""

from __future__ import annotations

import os

from steepest.engines.native.llvm.code import I32, I64, Code, Value, declared, i64

_SPINS = 1000  # reads of the count before the thread yields: giving up the processor takes longer than a short wait


def wait_at_barrier(code: Code, threads: Value, barrier: Value, passed: Value) -> None:
    """Write code that waits until every thread has come here.

    Args:
        code: the function being written.
        threads: how many threads there are.
        barrier: the address of a count that every thread increments.
        passed: a variable of this thread: how many barriers it has passed.
    """
    build = code.builder
    with build.if_then(build.icmp_signed(">", threads, i64(1))):
        times = build.add(code.get(passed, I64), i64(1))
        code.put(times, passed)
        build.atomic_rmw("add", barrier, i64(1), "acq_rel")
        expected = build.mul(times, threads)
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
