"""Descents by the native engine that are interrupted: from a callback, from a thread, by a real signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from engine_cases import standardised
from native_descents import bound_start, lane_runner, nand
from places import SUPPORT
from plain_loops import START, nand_loop
from steepest.engines import step as steps
from steepest.engines.step import Record

# -- interruptions -------------------------------------------------------------------------------------------------


class Interrupt:
    """A progress callback that is interrupted at an epoch, as by Control-C."""

    def __init__(self, epoch: int) -> None:
        self.epoch, self.seen = epoch, 0

    def __call__(self, epoch: int, epochs: int, cost: float) -> None:
        self.seen = epoch
        if epoch >= self.epoch and epochs > epoch:
            self.epoch = 10**12
            raise KeyboardInterrupt


@pytest.mark.parametrize("epoch", [1, 100, 20_000])
def test_interrupted_run_is_returned(epoch: int) -> None:
    callback = Interrupt(epoch)
    run = nand(epochs=10**9, progress=callback)
    assert run.stop == "interrupted"
    assert run.epochs == callback.seen >= epoch
    costs, path = nand_loop(run.epochs) if run.epochs < 50_000 else ([], [])
    if path:
        assert [run.params[name] for name in START] == pytest.approx(list(path[run.epochs]), rel=1e-11)
        assert run.cost == pytest.approx(costs[run.epochs], rel=1e-11)
    assert "interrupted" in run.message
    assert run.history[-1] == (run.epochs, run.cost)
    assert all(a[0] < b[0] for a, b in zip(run.history, run.history[1:], strict=False))


def test_interrupted_while_a_call_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of epochs that were not handed over are no part of the report."""
    real, calls = Record.add, [0]

    def add(self: Record, *rows: Any) -> None:
        real(self, *rows)
        calls[0] += 1
        if calls[0] == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(steps.Record, "add", add)
    run = nand(epochs=10**6)
    assert run.stop == "interrupted"
    costs, path = nand_loop(run.epochs)
    assert [run.params[name] for name in START] == pytest.approx(list(path[-1]), rel=1e-12)
    assert [epoch for epoch, _ in run.history] == list(range(run.epochs + 1))
    assert [cost for _, cost in run.history] == pytest.approx(costs, rel=1e-12)


_LONG = """
import sys
import numpy as np
import steepest as st
from engine_cases import CASES
model = CASES[sys.argv[1]]()
if int(sys.argv[2]):
    model = model.with_rows(int(sys.argv[2]))
settings = {"restarts": 12} if sys.argv[3] == "restarts" else {}
model.descend("native", epochs=1, **settings)
print("ready", flush=True)
run = model.descend("native", epochs=10**9, rate=0.001, gradient_tolerance=1e-300, **settings)
finite = all(np.isfinite(value).all() for value in run.params.values())
again = st.evaluate(model.cost, {**model.table, **run.params})
near = abs(again - run.cost) <= 1e-9 * max(abs(run.cost), 1.0)
print(run.stop, run.epochs > 0, finite, near, flush=True)
"""


@pytest.mark.parametrize(("name", "rows", "way"), [
    ("nand", 0, "once"), ("network tanh", 20_000, "restarts"),
    pytest.param("nand", 0, "restarts", marks=pytest.mark.slow),
    pytest.param("standardised", 20_000, "once", marks=pytest.mark.slow),
])  # fmt: skip
def test_a_real_interruption_ends_it_within_a_second(name: str, rows: int, way: str) -> None:
    """SIGINT to a process in the midst of its descent, with one thread and with several."""
    if os.name == "nt":
        pytest.skip("there is no SIGINT to send")
    process = subprocess.Popen(
        [sys.executable, "-c", _LONG, name, str(rows), way], cwd=SUPPORT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        time.sleep(2 if (name, way) == ("nand", "once") else 1)  # calls that only grew would take as long by now
        process.send_signal(signal.SIGINT)
        sent = time.perf_counter()
        answer = process.stdout.readline()
        assert time.perf_counter() - sent < 1
        assert answer == "interrupted True True True\n", (answer, process.stderr.read())
    finally:
        process.kill()
        process.communicate()


def test_an_interruption_while_threads_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads are done before the interruption goes on, for they share memory with the next call."""
    model = standardised(3).with_rows(3000)
    runner = lane_runner(model, threads=3)
    start = bound_start(model)
    before = runner.cost_at(start)
    real, thrown, alive = threading.Thread.join, [0], threading.active_count()

    def join(self: threading.Thread, timeout: float | None = None) -> None:
        thrown[0] += 1
        if thrown[0] in (1, 2):
            raise KeyboardInterrupt
        real(self, timeout)

    monkeypatch.setattr(threading.Thread, "join", join)

    def often() -> None:
        for _ in range(50):  # a thread may be done before it is waited for
            runner.cost_at(start)

    with pytest.raises(KeyboardInterrupt):
        often()
    assert threading.active_count() == alive
    monkeypatch.undo()
    assert runner.cost_at(start) == before
