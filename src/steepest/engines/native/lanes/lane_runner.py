"""A descent by machine code, leg by leg."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steepest.calculus.program import lower
from steepest.engines.native.lanes import state
from steepest.engines.native.lanes.descent_kernel import COUNTERS, NUMBERS, REASONS, descent_kernel
from steepest.engines.native.lanes.finite_differences import copies
from steepest.engines.native.lanes.partition import Array, addresses, aligned, blocks_of, packed, partition, unpacked
from steepest.engines.native.lanes.plan import instructions, plan, power_of_two
from steepest.engines.native.lanes.samples import data_leaves
from steepest.engines.native.lanes.scheduling import scheduled
from steepest.engines.native.llvm.host import this_host
from steepest.engines.native.llvm.kernel import build, cache_key
from steepest.engines.native.llvm.threads import run_threads
from steepest.engines.step import DescentState, Rate, Record, Step, StoppingRules, rates_of

_PACED = 1 << 20  # epochs of a leg whose rates are made before


class LaneRunner:
    """One descent: a compiled step, its parameters, and where it stands.

    Args:
        step: what an epoch does.
        data: arrays of the columns, ``(rows, …)``.
        rows: the number of samples.
        rate: α.
        dtype: the precision.
        threads: how many at most; as many as pay if left out.
    """

    pace = 1

    def __init__(
        self, step: Step, data: Mapping[str, Array], rows: int, rate: Rate, dtype: str, threads: int | None = None
    ) -> None:
        kind, host = np.dtype(dtype), this_host()
        self._paced = callable(rate)
        extra = [] if step.size is None else [step.size]
        moved = list(step.moved.values())
        by_difference = step.difference is not None
        program = lower([step.cost] if by_difference else [step.cost, *extra, *moved])
        moves = lower([*extra, *moved] if by_difference else [])
        beside = power_of_two(copies(step)) if by_difference else 1
        self._layout = layout = plan(program, rows, host, kind.itemsize, beside)
        if layout.unrolled:
            program, moves = scheduled(program, rows), scheduled(moves, rows)
        about = [[leaf.name for leaf in step.moved], step.size is not None, by_difference, step.central]
        about.append([len(step.parameters), callable(rate)])
        key = cache_key("descend", [program, moves], layout, dtype, about, host)
        self._built = build(
            key, "descend", 12, lambda: descent_kernel(step, program, moves, layout, dtype, self._paced)
        )
        self._where = state.layout(list(step.moved), layout)
        self._columns = [blocks_of(data[leaf.name], layout.lanes.samples) for leaf in data_leaves(program)]
        self._data = addresses(self._columns)
        self.partition = partition(layout, rows, instructions(program), threads)
        self._partials = aligned(2 * self.partition.parts * max(self._built.partials, layout.stride), kind)
        self._barrier = np.zeros(1, np.int64)
        self._threads = [_Thread(self, k, kind) for k in range(self.partition.threads)]
        self._kind = kind
        self.rate = rate
        self._threads[0].number("step", step.difference or math.nan)

    def cost_at(self, params: Mapping[str, Any]) -> float:
        """The cost at some parameters."""
        first = self._threads[0]
        packed(params, self._where, first.params)
        first.count("looking", 1)
        self._rates = np.zeros(1)
        self._go()
        return float(first.numbers[NUMBERS.index("cost")])

    def advance(self, state: DescentState, until: int, rules: StoppingRules, record: Record) -> DescentState:
        """Go on; see :class:`steepest.engines.step.Runner`. It returns before when the record is full."""
        first, stride = self._threads[0], record.stride
        if self._paced:
            until = min(until, state.epoch + _PACED)
        self._rates = rates_of(self.rate, np.arange(state.epoch, until if self._paced else state.epoch + 1))
        packed(state.params, self._where, first.params)
        packed(state.before, self._where, first.before)
        for name in ("divergence_threshold", "rtol", "atol", "tolerance", "gradient_tolerance", "sign"):
            first.number(name, getattr(rules, name))
        first.number("last", state.last)
        due = -state.epoch % stride
        rows = min(record.room, max(0, -(-(until - state.epoch - due) // stride)))
        counts = {
            "epoch": state.epoch, "until": until, "stride": stride, "sparse": record.sparse, "due": due, "kept": 0,
            "placed": 0, "room": record.room, "rises": state.rises, "first_rise": state.first_rise, "reason": 0,
            "looking": 0,
        }  # fmt: skip
        for name, value in counts.items():
            first.count(name, value)
        for thread in self._threads:
            thread.reserve(rows, -(-rows // record.sparse))
        self._go()
        found = dict(zip(COUNTERS, map(int, first.counters), strict=True))
        kept, placed, length = found["kept"], found["placed"], self._where.length
        record.add(first.costs[:kept].tolist(), first.places[: placed * length].reshape(placed, length).copy())
        last = float(first.numbers[NUMBERS.index("last")])
        reason = REASONS[found["reason"]]
        return DescentState(
            unpacked(first.params, self._where), unpacked(first.before, self._where), last, found["epoch"],
            found["rises"], found["first_rise"], reason,
        )  # fmt: skip

    def unpacked(self, rows: Sequence[Array]) -> list[dict[str, Array]]:
        """The parameters in rows of all numbers."""
        return [unpacked(row, self._where) for row in rows]

    def _go(self) -> None:
        first, *others = self._threads
        for other in others:
            other.follow(first)
        run_threads([thread.call for thread in self._threads], self._barrier)


class _Thread:
    """The memory of one thread of a walk."""

    def __init__(self, walk: LaneRunner, number: int, kind: Any) -> None:
        self._walk, self._kind = walk, kind
        self.params, self.before = aligned(walk._where.length, kind), aligned(walk._where.length, kind)
        self.numbers, self.counters = np.zeros(len(NUMBERS)), np.zeros(len(COUNTERS), np.int64)
        self.costs, self.places = np.zeros(1), aligned(walk._where.length, kind)
        self._partition = walk.partition.array(number)
        self._scratch = aligned(walk._built.scratch, np.uint8)

    def number(self, name: str, value: float) -> None:
        self.numbers[NUMBERS.index(name)] = value

    def count(self, name: str, value: int) -> None:
        self.counters[COUNTERS.index(name)] = value

    def reserve(self, costs: int, places: int) -> None:
        """Make room for rows of the record."""
        if len(self.costs) < costs:
            self.costs = np.zeros(costs)
        length = self._walk._where.length
        if len(self.places) < places * length:
            self.places = aligned(places * length, self._kind)

    def follow(self, first: _Thread) -> None:
        """Begin where the first thread begins."""
        for mine, its in ((self.params, first.params), (self.before, first.before)):
            mine[:] = its
        self.numbers[:], self.counters[:] = first.numbers, first.counters

    def call(self) -> None:
        walk = self._walk
        arguments = [
            walk._data, self.params, self.before, self.numbers, self.counters, self.costs, self.places, walk._rates,
            self._partition, walk._partials, self._scratch, walk._barrier,
        ]  # fmt: skip
        walk._built.call(*(array.ctypes.data for array in arguments))
