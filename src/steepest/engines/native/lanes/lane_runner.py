"""A descent by machine code whose lanes carry samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from steepest.calculus.program import Program, lower
from steepest.engines.native.lanes.bound_kernel import BoundKernel, KernelSource, Workspace
from steepest.engines.native.lanes.descent_kernel import ARGUMENTS, COUNTERS, NUMBERS, descent_kernel
from steepest.engines.native.lanes.finite_differences import copies
from steepest.engines.native.lanes.plan import make_plan, power_of_two
from steepest.engines.native.lanes.scheduling import scheduled
from steepest.engines.native.lanes.state import Layout, layout
from steepest.engines.native.llvm.host import this_host
from steepest.engines.native.llvm.memory import Array, aligned
from steepest.engines.native.llvm.threads import run_threads
from steepest.engines.step import RULE_REASONS, DescentState, Rate, Record, Step, StoppingRules, rates_of

_MOST_RATES = 1 << 20  # epochs whose rates are computed ahead for one call; bounds the memory, 8 bytes for each


class LaneRunner:
    """One descent of a whole table; see :class:`steepest.engines.step.Runner`.

    Takes the arguments of :class:`steepest.engines.stepwise.Stepwise` but ``compiler`` and ``batches``, and
    ``threads``: how many at most; as many as pay if left out.
    """

    pace = 1

    def __init__(
        self, step: Step, data: Mapping[str, Array], rows: int, rate: Rate, dtype: str, threads: int | None = None
    ) -> None:
        kind, scheduled_rate = np.dtype(dtype), callable(rate)
        norm = [] if step.gradient_norm is None else [step.gradient_norm]
        by_difference = step.epsilon is not None
        program = lower([step.cost]) if by_difference else step.program
        moves = lower([*norm, *step.updates.values()]) if by_difference else Program((), ())
        plan = make_plan(program, rows, this_host(), kind.itemsize, power_of_two(copies(step)) if by_difference else 1)
        if plan.unrolled:
            program, moves = scheduled(program, rows), scheduled(moves, rows)
        extra = [
            [leaf.name for leaf in step.updates], step.gradient_norm is not None, by_difference, step.central,
            [len(step.parameters), scheduled_rate],
        ]  # fmt: skip
        source = KernelSource(
            "descend", [program, moves], plan, dtype, extra, ARGUMENTS,
            lambda: descent_kernel(step, program, moves, plan, dtype, scheduled_rate),
        )  # fmt: skip
        self._kernel = BoundKernel(source, data, rows, threads)
        self.partition = self._kernel.partition
        self._where, self._scheduled_rate = layout(list(step.updates), plan), scheduled_rate
        self._threads = [_Thread(workspace, self._where, kind) for workspace in self._kernel.workspaces()]
        self._rates = np.zeros(1)
        self.rate = rate
        self._threads[0].set_numbers(step=step.epsilon or math.nan)

    def cost_at(self, params: Mapping[str, Any]) -> float:
        """Return the cost at some parameters."""
        first = self._threads[0]
        self._where.pack(params, first.params)
        first.set_counters(cost_only=1)
        self._rates = np.zeros(1)
        self._run()
        return float(first.numbers[NUMBERS.index("cost")])

    def advance(self, state: DescentState, until: int, rules: StoppingRules, record: Record) -> DescentState:
        """Run epochs; see :class:`steepest.engines.step.Runner`. Returns earlier when the record is full."""
        first, stride = self._threads[0], record.stride
        if self._scheduled_rate:
            until = min(until, state.epoch + _MOST_RATES)
        self._rates = rates_of(self.rate, np.arange(state.epoch, until if self._scheduled_rate else state.epoch + 1))
        self._where.pack(state.params, first.params)
        self._where.pack(state.before, first.before)
        first.set_numbers(
            divergence_threshold=rules.divergence_threshold, rtol=rules.rtol, atol=rules.atol,
            tolerance=rules.tolerance, gradient_tolerance=rules.gradient_tolerance, sign=rules.sign, last=state.last,
        )  # fmt: skip
        due = -state.epoch % stride
        first.set_counters(
            epoch=state.epoch, until=until, stride=stride, sparse=record.thinning, due=due, kept=0, path_rows=0,
            most_rows=record.free_rows, rises=state.rises, first_rise=state.first_rise, reason=0, cost_only=0,
        )  # fmt: skip
        rows = min(record.free_rows, max(0, -(-(until - state.epoch - due) // stride)))
        for thread in self._threads:
            thread.reserve(rows, -(-rows // record.thinning))
        self._run()
        found = dict(zip(COUNTERS, first.counters.tolist(), strict=True))
        length = self._where.length
        path = first.path[: found["path_rows"] * length].reshape(-1, length).copy()
        record.add(first.costs[: found["kept"]].tolist(), path)
        last = float(first.numbers[NUMBERS.index("last")])
        return DescentState(
            self._where.unpack(first.params), self._where.unpack(first.before), last, found["epoch"],
            found["rises"], found["first_rise"], RULE_REASONS[found["reason"]],
        )  # fmt: skip

    def unpacked(self, rows: Sequence[Array]) -> list[dict[str, Array]]:
        """Return the parameters in rows of the record."""
        return [self._where.unpack(row) for row in rows]

    def _run(self) -> None:
        first, *others = self._threads
        for other in others:
            other.copy_from(first)
        calls = [
            partial(self._kernel.call, thread.workspace, *thread.arrays(), self._rates) for thread in self._threads
        ]
        run_threads(calls, first.workspace.barrier)


class _Thread:
    """The memory of one thread; every thread descends with parameters of its own, and all come to the same ones."""

    def __init__(self, workspace: Workspace, where: Layout, kind: Any) -> None:
        self.workspace, self._length, self._kind = workspace, where.length, kind
        self.params, self.before = aligned(where.length, kind), aligned(where.length, kind)
        self.numbers, self.counters = np.zeros(len(NUMBERS)), np.zeros(len(COUNTERS), np.int64)
        self.costs, self.path = np.zeros(1), aligned(where.length, kind)

    def set_numbers(self, **values: float) -> None:
        """Store numbers by their names."""
        for name, value in values.items():
            self.numbers[NUMBERS.index(name)] = value

    def set_counters(self, **values: int) -> None:
        """Store counters by their names."""
        for name, value in values.items():
            self.counters[COUNTERS.index(name)] = value

    def reserve(self, costs: int, path: int) -> None:
        """Allocate rows of the record, unless there are enough."""
        if len(self.costs) < costs:
            self.costs = np.zeros(costs)
        if len(self.path) < path * self._length:
            self.path = aligned(path * self._length, self._kind)

    def copy_from(self, first: _Thread) -> None:
        """Begin with the numbers of the first thread."""
        for mine, its in zip(self.arrays()[:4], first.arrays()[:4], strict=True):
            mine[:] = its

    def arrays(self) -> tuple[Array, ...]:
        """Return what the function takes, but the rates; see ``descent_kernel.ARGUMENTS``."""
        return self.params, self.before, self.numbers, self.counters, self.costs, self.path
