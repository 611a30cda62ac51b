"""A descent by machine code, leg by leg."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steepest.calculus.program import Program, lower
from steepest.engines.native.lanes import state
from steepest.engines.native.lanes.arrange import arranged
from steepest.engines.native.lanes.differences import copies
from steepest.engines.native.lanes.epochs import COUNTERS, NUMBERS, epochs
from steepest.engines.native.lanes.memory import Array, addresses, aligned, blocks_of, deal, packed, unpacked
from steepest.engines.native.lanes.plan import instructions, plan, power_of_two
from steepest.engines.native.lanes.samples import data_leaves
from steepest.engines.native.llvm.build import build, key
from steepest.engines.native.llvm.calling import together
from steepest.engines.native.llvm.host import this_host
from steepest.engines.step import RULE_REASONS, DescentState, Rate, Record, Step, StoppingRules, rates_of

_PACED = 1 << 20  # epochs of a leg whose rates are made before


class Walk:
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
        extra = [] if step.gradient_norm is None else [step.gradient_norm]
        moved = list(step.updates.values())
        by_difference = step.epsilon is not None
        program = lower([step.cost]) if by_difference else step.program
        moves = lower([*extra, *moved]) if by_difference else Program((), ())
        beside = power_of_two(copies(step)) if by_difference else 1
        self._layout = layout = plan(program, rows, host, kind.itemsize, beside)
        if layout.unrolled:
            program, moves = arranged(program, rows), arranged(moves, rows)
        about = [[leaf.name for leaf in step.updates], step.gradient_norm is not None, by_difference, step.central]
        about.append([len(step.parameters), callable(rate)])
        mark = key("descend", [program, moves], layout, dtype, about, host)
        self._built = build(mark, "descend", 12, lambda: epochs(step, program, moves, layout, dtype, self._paced))
        self._where = state.layout(list(step.updates), layout)
        self._columns = [blocks_of(data[leaf.name], layout.lanes.samples) for leaf in data_leaves(program)]
        self._data = addresses(self._columns)
        self.deal = deal(layout, rows, instructions(program), threads)
        self._partials = aligned(2 * self.deal.parts * max(self._built.partials, layout.stride), kind)
        self._barrier = np.zeros(1, np.int64)
        self._threads = [_Thread(self, k, kind) for k in range(self.deal.threads)]
        self._kind = kind
        self.rate = rate
        self._threads[0].number("step", step.epsilon or math.nan)

    def cost_at(self, params: Mapping[str, Any]) -> float:
        """The cost at some parameters."""
        first = self._threads[0]
        packed(params, self._where, first.params)
        first.count("looking", 1)
        self._rates = np.zeros(1)
        self._go()
        return float(first.numbers[NUMBERS.index("cost")])

    def advance(self, leg: DescentState, until: int, rules: StoppingRules, record: Record) -> DescentState:
        """Go on; see :class:`steepest.engines.step.Runner`. It returns before when the record is full."""
        first, stride = self._threads[0], record.stride
        if self._paced:
            until = min(until, leg.epoch + _PACED)
        self._rates = rates_of(self.rate, np.arange(leg.epoch, until if self._paced else leg.epoch + 1))
        packed(leg.params, self._where, first.params)
        packed(leg.before, self._where, first.before)
        for name in ("divergence_threshold", "rtol", "atol", "tolerance", "gradient_tolerance", "sign"):
            first.number(name, getattr(rules, name))
        first.number("last", leg.last)
        due = -leg.epoch % stride
        rows = min(record.room, max(0, -(-(until - leg.epoch - due) // stride)))
        counts = {
            "epoch": leg.epoch, "until": until, "stride": stride, "sparse": record.thinning, "due": due, "kept": 0,
            "placed": 0, "room": record.room, "rises": leg.rises, "first_rise": leg.first_rise, "reason": 0,
            "looking": 0,
        }  # fmt: skip
        for name, value in counts.items():
            first.count(name, value)
        for thread in self._threads:
            thread.reserve(rows, -(-rows // record.thinning))
        self._go()
        found = dict(zip(COUNTERS, map(int, first.counters), strict=True))
        kept, placed, length = found["kept"], found["placed"], self._where.length
        record.add(first.costs[:kept].tolist(), first.places[: placed * length].reshape(placed, length).copy())
        last = float(first.numbers[NUMBERS.index("last")])
        reason = RULE_REASONS[found["reason"]]
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
        together([thread.call for thread in self._threads], self._barrier)


class _Thread:
    """The memory of one thread of a walk."""

    def __init__(self, walk: Walk, number: int, kind: Any) -> None:
        self._walk, self._kind = walk, kind
        self.params, self.before = aligned(walk._where.length, kind), aligned(walk._where.length, kind)
        self.numbers, self.counters = np.zeros(len(NUMBERS)), np.zeros(len(COUNTERS), np.int64)
        self.costs, self.places = np.zeros(1), aligned(walk._where.length, kind)
        self._deal = walk.deal.array(number)
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
            self._deal, walk._partials, self._scratch, walk._barrier,
        ]  # fmt: skip
        walk._built.call(*(array.ctypes.data for array in arguments))
