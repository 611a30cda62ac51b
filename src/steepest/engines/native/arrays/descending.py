"""A descent of a network by machine code, leg by leg: batches, or the whole table at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from math import prod
from typing import Any

import numpy as np

from steepest.engines.native.arrays.layout import Places, places, rows_of, size, whole
from steepest.engines.native.arrays.schedule import fits, normal, work
from steepest.engines.native.arrays.training import ARGUMENTS, Form, training
from steepest.engines.native.lanes.kernels import Kernel
from steepest.engines.native.lanes.memory import Array, addresses, aligned, processors
from steepest.engines.native.lanes.samples import data_leaves
from steepest.engines.native.llvm.build import build, key
from steepest.engines.native.llvm.calling import together
from steepest.engines.native.llvm.host import Host, this_host
from steepest.engines.step import RULE_REASONS, Batches, DescentState, Rate, Record, Step, StoppingRules, rates_of
from steepest.expressions.expression import PARAMETER, Expression

_CAPACITY = 256  # samples of a block at most, so that what is computed of them stays in the cache
_TURNS = 1 << 22  # of samples in a leg, whose orders are made before
_MANY_TURNS = 1 << 16  # from which on drawing them beside the descent saves more than a thread costs
_SHARED = 3_000_000  # multiplications of a step from which on a second thread saves more than it may lose by waiting
_AGAIN = 20  # legs after which the number of threads that was slower is tried again
_FIRST, _MOST_AT_FIRST = 200_000_000, 16  # multiplications and epochs of a first leg, which is over in a breath
_INSTANT = 0.005  # seconds of a leg up to which one thread runs it
_LARGE = 128  # numbers of a matrix from which on its products are better written as products
_MANY = 16  # samples likewise


@lru_cache(maxsize=16)
def takes(step: Step) -> bool:
    """Whether arrays can run a step: its gradient is derived, no sample has a matrix, no array becomes another one."""
    exchanged = any(
        leaf.shape and node is not leaf and node.operation is PARAMETER for leaf, node in step.updates.items()
    )
    return step.epsilon is None and not exchanged and fits(step.program)


def suits(step: Step, rows: int) -> bool:
    """Whether arrays run a step over a whole table faster than lanes of samples do."""
    matrices = [leaf for leaf in step.updates if len(leaf.shape) == 2 and prod(leaf.shape) >= _LARGE]
    return bool(matrices) and rows >= _MANY and takes(step)


class ArrayWalk:
    """One descent; see :class:`steepest.engines.step.Runner`.

    Args:
        step: what an update does; its gradient is derived.
        data: arrays of the columns, ``(rows, …)``.
        rows: the number of samples.
        rate: α.
        dtype: the precision.
        batches: how an epoch walks through the samples; all at once if left out.
        threads: how many at most; as many as pay if left out.
    """

    def __init__(
        self, step: Step, data: Mapping[str, Array], rows: int, rate: Rate, dtype: str,
        batches: Batches | None = None, threads: int | None = None,
    ) -> None:  # fmt: skip
        packed: dict[str, Array] = {}
        self._kernel = _Kernel(step, data, rows, dtype, batches, threads, packed)
        self._look: Look | None = None
        self._looking = partial(Look, step.cost, data, rows, dtype, threads, packed)
        self._rows, self._orders = rows, None if batches is None else _Orders(batches, rows)
        self._steps = 1 if batches is None else batches.number(rows)
        self.rate, self.pace = rate, max(1, min(_FIRST // self._kernel.work, _MOST_AT_FIRST))

    def cost_at(self, params: Mapping[str, Any]) -> float:
        """The cost at some parameters, of all samples."""
        if self._look is None:
            self._look = self._looking()
        return self._look(params)

    def advance(self, leg: DescentState, until: int, rules: StoppingRules, record: Record) -> DescentState:
        """Go on; see :class:`steepest.engines.step.Runner`."""
        kernel, stride = self._kernel, record.stride
        last_row = leg.epoch + -leg.epoch % stride + (record.room - 1) * stride
        until = min(until, last_row + 1, leg.epoch + max(1, _TURNS // (self._rows if self._orders else self._steps)))
        kernel.where.pack(leg.params, kernel.params)
        if leg.before is leg.params:
            kernel.before(leg.epoch)[...] = kernel.params
        else:
            kernel.where.pack(leg.before, kernel.before(leg.epoch))
        orders = None if self._orders is None else self._orders.take(leg.epoch, until)
        epoch, reason, last, placed = kernel.run(leg, until, rules, record, self._rates(leg.epoch, until), orders)
        costs = kernel.costs[: epoch - leg.epoch + (kernel.form.whole and reason in ("gradient", "tolerance"))]
        found = np.array([leg.last, *costs])
        worse = rules.rose(found[1:], found[:-1])
        rises = np.flatnonzero(worse) + leg.epoch
        due = range(leg.epoch + -leg.epoch % stride, epoch, stride)
        rows = kernel.places[: placed * kernel.shown].reshape(placed, kernel.shown).copy()
        record.add([float(costs[k - leg.epoch]) for k in due], rows)
        first_rise = leg.first_rise or (int(rises[0]) if len(rises) else 0)
        return DescentState(
            kernel.where.unpack(kernel.params), kernel.where.unpack(kernel.before(epoch)), last, epoch,
            leg.rises + len(rises), first_rise, reason,
        )  # fmt: skip

    def unpacked(self, rows: Sequence[Array]) -> list[dict[str, Array]]:
        """The parameters in rows of the record."""
        return self._kernel.where.unpack_rows(np.stack(rows)) if rows else []

    def _rates(self, epoch: int, until: int) -> Array:
        # The fractions are added to each epoch, lest the last digit depend on where a leg begins.
        times = np.zeros(1)
        if callable(self.rate):
            times = (np.arange(epoch, until)[:, None] + np.arange(self._steps) / self._steps).ravel()
        with np.errstate(over="ignore"):  # beyond float32 is ∞
            return rates_of(self.rate, times).astype(self._kernel.kind)


class _Orders:
    """The samples in the order of their turn, epoch by epoch; while some run, those of the next ones are drawn."""

    def __init__(self, batches: Batches, rows: int) -> None:
        self._batches, self._rows = batches, rows
        self._pool: ThreadPoolExecutor | None = None
        self._begin = 0
        self._ahead: Future[Array] | None = None

    def take(self, epoch: int, until: int) -> Array:
        """The orders of some epochs, ``(epochs, rows)``."""
        begin, drawn = self._begin, self._ahead.result() if self._ahead is not None else self._draw(0, 0)
        first, after = max(epoch, begin), min(until, begin + len(drawn))
        parts = [drawn[first - begin : after - begin]] if first == epoch and first < after else []
        rest = self._draw(after if parts else epoch, until)
        self._begin, self._ahead = until, None
        if (until - epoch) * self._rows >= _MANY_TURNS:
            self._pool = self._pool or ThreadPoolExecutor(1)
            self._ahead = self._pool.submit(self._draw, until, until + min(until - epoch, _TURNS // self._rows))
        return np.concatenate([*parts, rest])

    def _draw(self, epoch: int, until: int) -> Array:
        found = np.empty((until - epoch, self._rows), np.int32)
        for k in range(epoch, until):
            found[k - epoch] = self._batches.order(k, self._rows)
        return found


class _Crew:
    """How many threads run: one or all, whichever was faster of late; the result is the same.

    Threads that wait for one another are slow where other programs want the processors, too, and a leg that is over
    in an instant is not worth their start.
    """

    def __init__(self, most: int) -> None:
        self._choices = (1, most) if most > 1 else (1,)
        self._seconds: dict[int, float] = {}
        self._turn = 0

    def choose(self, epochs: int) -> int:
        """How many for the next leg of so many epochs."""
        if epochs * self._seconds.get(1, 0.0) < _INSTANT:
            return 1
        self._turn += 1
        unknown = [choice for choice in self._choices if choice not in self._seconds]
        best = min(self._choices, key=lambda choice: self._seconds.get(choice, math.inf))
        others = [choice for choice in self._choices if choice != best]
        return unknown[0] if unknown else others[0] if others and self._turn % _AGAIN == 0 else best

    def note(self, threads: int, seconds: float) -> None:
        """An epoch took so long."""
        self._seconds[threads] = seconds


class Look:
    """The cost of a table at any parameters.

    Args:
        cost: an expression of one number.
        data: arrays of the columns, ``(rows, …)``.
        rows: the number of samples.
        dtype: the precision.
        threads: how many at most; as many as pay if left out.
        packed: columns that were laid out before, by name; gets the others.
    """

    def __init__(
        self, cost: Expression, data: Mapping[str, Array], rows: int, dtype: str, threads: int | None = None,
        packed: dict[str, Array] | None = None,
    ) -> None:  # fmt: skip
        self._kernel = _Kernel(only(cost), data, rows, dtype, None, threads, {} if packed is None else packed)

    def __call__(self, params: Mapping[str, Any]) -> float:
        """The cost at some parameters."""
        kernel = self._kernel
        kernel.where.pack(params, kernel.params)
        kernel.run(DescentState({}, {}, math.nan), 1, StoppingRules(), Record(), np.zeros(1, kernel.kind), None)
        return float(kernel.costs[0])


@lru_cache(maxsize=16)
def only(cost: Expression) -> Step:
    """The step that computes a cost and moves nothing."""
    return Step(cost, {})


@dataclass(frozen=True)
class _Plan:
    """What a step is on arrays, whatever the data.

    Attributes:
        mark: the name of its kernel among all kernels.
        write: writes the kernel.
        where: how parameters, and what the optimiser remembers, lie in memory.
        shown: numbers at the beginning of that memory which a place of the path keeps.
        columns: names of the data columns.
        multiplications: about as many as a block of samples takes.
    """

    mark: str
    write: Callable[[], Kernel]
    where: Places
    shown: int
    columns: tuple[str, ...]
    multiplications: int


@lru_cache(maxsize=32)  # short descents of one step follow one another
def _planned(step: Step, form: Form, dtype: str, host: Host) -> _Plan:
    norm = [] if step.gradient_norm is None else [step.gradient_norm]
    leaves = list(step.updates)
    program = normal(step.program)
    outputs = list(program.outputs[1:])
    size_node = outputs.pop(0) if norm else None
    moved = dict(zip(leaves, outputs, strict=True))
    present = leaves or [node for node in program.nodes if node.operation is PARAMETER]
    where = places(present, form.lanes)
    shown = sum(size(leaf.shape, form.lanes) for leaf in present if leaf not in step.memory)
    about = [[leaf.name for leaf in present], [leaf.shape for leaf in present], norm != [], shown]
    return _Plan(
        key("train", [program], form, dtype, about, host),
        lambda: training(program, moved, size_node, form, dtype, where, shown), where, shown,
        tuple(leaf.name for leaf in data_leaves(program)), work(program, form.capacity),
    )  # fmt: skip


class _Kernel:
    """A compiled step over a table, and its memory; columns that are not ``packed`` yet are laid out there."""

    def __init__(
        self, step: Step, data: Mapping[str, Array], rows: int, dtype: str, batches: Batches | None,
        threads: int | None, packed: dict[str, Array],
    ) -> None:  # fmt: skip
        self.kind, host = np.dtype(dtype), this_host()
        lanes = host.vector_bytes // self.kind.itemsize
        batch = rows if batches is None else min(batches.size, rows)
        room = min(whole(batch, lanes), _CAPACITY)  # whole vectors, so that batches of nearly one size share a kernel
        self.form = Form(lanes, room, batch > _CAPACITY, batches is not None, batches is None)
        plan = _planned(step, self.form, dtype, host)
        self.where, self.shown = plan.where, plan.shown
        self._built = build(plan.mark, "train", len(ARGUMENTS), plan.write)
        for name in plan.columns:
            if name not in packed:
                packed[name] = rows_of(data[name], lanes)
        self._columns = [packed[name] for name in plan.columns]
        self._data = addresses(self._columns)
        self.params, self._begins = aligned(self.where.length, self.kind), aligned(2 * self.where.length, self.kind)
        self._rows, self._batch = rows, batch
        self.costs, self.places = np.zeros(1), aligned(1, self.kind)
        self._scratch, self._barrier = aligned(self._built.scratch, np.uint8), np.zeros(1, np.int64)
        self._crew = _Crew(processors() if plan.multiplications >= _SHARED else 1)
        self.work = plan.multiplications * -(-rows // min(batch, _CAPACITY))  # of an epoch
        self._threads = threads

    def before(self, epoch: int) -> Array:
        """Where the parameters at the beginning of the epoch before another one lie."""
        turn = (epoch - 1) % 2
        return self._begins[turn * self.where.length : (turn + 1) * self.where.length]

    def run(
        self, leg: DescentState, until: int, rules: StoppingRules, record: Record, rates: Array, orders: Array | None
    ) -> tuple[int, str, float, int]:
        """Run epochs; the epoch it came to, why it stopped, the cost of the last one, and places written."""
        apart = record.stride * record.thinning
        epochs = until - leg.epoch
        if len(self.costs) < epochs:
            self.costs = np.zeros(epochs)
        if len(self.places) < (rows := (-(-epochs // apart) + 1) * self.shown):
            self.places = aligned(rows, self.kind)
        numbers = [rules.divergence_threshold, rules.tolerance, rules.gradient_tolerance, leg.last]
        counters = [leg.epoch, until, self._rows, self._batch, apart, 0, int(len(rates) > 1), 0]
        threads = self._threads or self._crew.choose(epochs)
        mine = [(np.array(numbers), np.array(counters), np.array([threads, k])) for k in range(threads)]
        turns = np.zeros(1, np.int32) if orders is None else orders

        def call(own: tuple[Array, Array, Array]) -> None:
            numbers, counters, deal = own
            arguments = [
                self._data, self.params, self._begins, numbers, counters, self.costs, self.places, turns, rates,
                deal, self._scratch, self._barrier,
            ]  # fmt: skip
            self._built.call(*(array.ctypes.data for array in arguments))

        begin = time.perf_counter()
        together([lambda own=own: call(own) for own in mine], self._barrier)  # type: ignore[misc]
        self._crew.note(threads, (time.perf_counter() - begin) / epochs)
        *_, last = mine[0][0].tolist()
        epoch, *_, placed, _, reason = mine[0][1].tolist()
        return epoch, RULE_REASONS[reason], last, placed
