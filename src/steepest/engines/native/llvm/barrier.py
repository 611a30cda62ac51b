"""Threads of one kernel: how they wait for one another."""

from __future__ import annotations

import os

from steepest.engines.native.llvm.code import I32, I64, Code, Value, declared, i64

_SPINS = 1000  # looks at the barrier before the thread lets others run


def wait_at_barrier(code: Code, threads: Value, barrier: Value, met: Value) -> None:
    """Wait until every thread is here.

    Args:
        code: the function being written.
        threads: how many there are.
        barrier: the address of a count that all of them raise.
        met: a variable of this thread: how often it has met the others.
    """
    build = code.builder
    with build.if_then(build.icmp_signed(">", threads, i64(1))):
        times = build.add(code.get(met, I64), i64(1))
        code.put(times, met)
        build.atomic_rmw("add", barrier, i64(1), "acq_rel")
        expected = build.mul(times, threads)
        spins = code.slot(I64, i64(0))
        wait, look, after = (code.function.append_basic_block(name) for name in ("wait", "look", "met"))
        build.branch(wait)
        build.position_at_end(wait)
        here = build.load_atomic(barrier, "acquire", 8, typ=I64)
        build.cbranch(build.icmp_signed(">=", here, expected), after, look)
        build.position_at_end(look)
        tries = build.add(code.get(spins, I64), i64(1))
        code.put(tries, spins)
        with build.if_then(build.icmp_signed(">", tries, i64(_SPINS)), likely=False):
            yielding = "SwitchToThread" if os.name == "nt" else "sched_yield"
            build.call(declared(build.module, yielding, I32, []), [])
        build.branch(wait)
        build.position_at_end(after)
