"""A descent of a network by machine code: in batches, or with the whole table at once."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from steepest.engines.native.arrays.descent_kernel import ARGUMENTS, DescentProgram, DescentWriter, KernelConfig
from steepest.engines.native.arrays.layout import array_layout, rows_of, size, whole
from steepest.engines.native.arrays.schedule import is_supported, multiplications, normalised
from steepest.engines.native.arrays.shuffler import MOST_SAMPLES, Shuffler
from steepest.engines.native.llvm.host import Host, this_host
from steepest.engines.native.llvm.kernel import Kernel, cache_key, compiled
from steepest.engines.native.llvm.memory import Array, addresses, aligned, processors
from steepest.engines.native.llvm.threads import ThreadPolicy, run_threads
from steepest.engines.step import RULE_STOPS, Batches, DescentState, Rate, Record, Step, StoppingRules, rates_of
from steepest.expressions.expression import PARAMETER, Expression

_CAPACITY = 256  # samples of a block at most, so that what is computed for them stays in the cache
_SHARED = 3_000_000  # multiplications of a step; below, threads lose more by waiting than they save
# Multiplications and epochs of the first call, which is short so that progress, time limits and interruptions are
# answered soon; later calls are as long as the measured speed allows.
_FIRST, _MOST_AT_FIRST = 200_000_000, 16
# From these sizes on products of matrices are the better form: rows padded to whole vectors then waste little.
_LARGE = 128  # numbers of a weight matrix
_MANY = 16  # samples


@lru_cache(maxsize=16)
def supports(step: Step) -> bool:
    """Return whether arrays can run a step.

    Its gradient must be derived, no sample may have a matrix, and no parameter may become another one.
    """
    exchanged = any(
        leaf.shape and node is not leaf and node.operation is PARAMETER for leaf, node in step.updates.items()
    )
    return step.epsilon is None and not exchanged and is_supported(step.program)


def prefers(step: Step, rows: int) -> bool:
    """Return whether arrays run a step over a whole table faster than lanes of samples do."""
    matrices = [leaf for leaf in step.updates if len(leaf.shape) == 2 and prod(leaf.shape) >= _LARGE]
    return bool(matrices) and rows >= _MANY and supports(step)


class ArrayRunner:
    """One descent, with a derived gradient; see :class:`steepest.engines.step.Runner`.

    Takes the arguments of :class:`steepest.engines.stepwise.Stepwise` but ``compiler``, and ``threads``: how many at
    most; as many as pay if left out.
    """

    def __init__(
        self, step: Step, data: Mapping[str, Array], rows: int, rate: Rate, dtype: str,
        batches: Batches | None = None, threads: int | None = None,
    ) -> None:  # fmt: skip
        self._step, self._table = step, ArrayTable(data, rows, dtype, threads)
        self._kernel = _StepOnTable(step, self._table, batches)
        self._rows, self._shuffler = rows, None if batches is None else Shuffler(batches, rows)
        self._steps = 1 if batches is None else batches.number(rows)
        self.rate, self.pace = rate, max(1, min(_FIRST // self._kernel.work, _MOST_AT_FIRST))

    def cost_at(self, params: Mapping[str, Any]) -> float:
        """Return the cost of all samples at some parameters."""
        return self._cost(params)

    @cached_property
    def _cost(self) -> CostFunction:
        return CostFunction(self._step.cost, self._table)

    def advance(self, state: DescentState, until: int, rules: StoppingRules, record: Record) -> DescentState:
        """Run epochs; see :class:`steepest.engines.step.Runner`."""
        kernel, stride = self._kernel, record.stride
        last_row = state.epoch + -state.epoch % stride + (record.free_rows - 1) * stride
        most = max(1, MOST_SAMPLES // (self._rows if self._shuffler else self._steps))
        until = min(until, last_row + 1, state.epoch + most)
        kernel.where.pack(state.params, kernel.params)
        if state.before is state.params:
            kernel.before(state.epoch)[...] = kernel.params
        else:
            kernel.where.pack(state.before, kernel.before(state.epoch))
        orders = None if self._shuffler is None else self._shuffler.take(state.epoch, until)
        epoch, reason, last, path_rows = kernel.run(
            state, until, rules, record, self._rates(state.epoch, until), orders
        )
        costs = kernel.costs[: epoch - state.epoch + 1]  # the last one is NaN unless a rule ended the descent there
        found = np.array([state.last, *costs])
        with np.errstate(over="ignore", invalid="ignore"):  # a descent that diverges may end at any number
            rises = np.flatnonzero(rules.rose(found[1:], found[:-1])) + state.epoch
        due = range(state.epoch + -state.epoch % stride, epoch, stride)
        rows = kernel.path[: path_rows * kernel.shown].reshape(path_rows, kernel.shown).copy()
        record.add([float(costs[k - state.epoch]) for k in due], rows)
        first_rise = state.first_rise or (int(rises[0]) if len(rises) else 0)
        return DescentState(
            kernel.where.unpack(kernel.params), kernel.where.unpack(kernel.before(epoch)), last, epoch,
            state.rises + len(rises), first_rise, reason,
        )  # fmt: skip

    def unpacked(self, rows: Sequence[Array]) -> list[dict[str, Array]]:
        """Return the parameters in rows of the record."""
        return self._kernel.where.unpack_rows(np.stack(rows)) if rows else []

    def _rates(self, epoch: int, until: int) -> Array:
        # The fractions are added to each epoch, so that the last digit does not depend on where a call begins.
        times = np.zeros(1)
        if callable(self.rate):
            times = (np.arange(epoch, until)[:, None] + np.arange(self._steps) / self._steps).ravel()
        with np.errstate(over="ignore"):  # beyond float32 is ∞
            return rates_of(self.rate, times).astype(self._kernel.kind)


class CostFunction:
    """The cost of a table, whose columns a descent may share, as a function of the parameters."""

    def __init__(self, cost: Expression, table: ArrayTable) -> None:
        self._kernel = _StepOnTable(only(cost), table, None)

    def __call__(self, params: Mapping[str, Any]) -> float:
        """Return the cost at some parameters."""
        kernel = self._kernel
        kernel.where.pack(params, kernel.params)
        kernel.run(DescentState({}, {}, math.nan), 1, StoppingRules(), Record(), np.zeros(1, kernel.kind), None)
        return float(kernel.costs[0])


@lru_cache(maxsize=16)
def only(cost: Expression) -> Step:
    """Return the step that computes a cost and updates nothing."""
    return Step(cost, {})


@dataclass(frozen=True)
class ArrayTable:
    """The columns of a table ``(rows, …)``, laid out in ``blocks`` of rows of whole vectors when they are first needed.

    Kernels run on it on as many threads as pay if None are given.
    """

    data: Mapping[str, Array]
    rows: int
    dtype: str
    threads: int | None = None
    blocks: dict[str, Array] = field(default_factory=dict)

    def columns(self, names: Sequence[str], lanes: int) -> list[Array]:
        """Return columns with rows of whole vectors."""
        for name in names:
            if name not in self.blocks:
                self.blocks[name] = rows_of(self.data[name], lanes)
        return [self.blocks[name] for name in names]


class _StepPlan(NamedTuple):
    """What a step is on arrays, whatever the data: the key of its kernel, and the multiplications of a block, about."""

    key: str
    step: DescentProgram
    columns: tuple[str, ...]
    multiplications: int


@lru_cache(maxsize=32)  # short descents repeat a step often
def _plan_for(step: Step, config: KernelConfig, dtype: str, host: Host) -> _StepPlan:
    leaves = list(step.updates)
    program = normalised(step.program)
    outputs = list(program.outputs[1:])
    norm = None if step.gradient_norm is None else outputs.pop(0)
    present = leaves or program.parameters
    recorded = sum(size(leaf.shape, config.lanes) for leaf in present if leaf not in step.memory)
    updates = dict(zip(leaves, outputs, strict=True))
    made = DescentProgram(program, updates, norm, array_layout(present, config.lanes), recorded)
    extra = [[leaf.name for leaf in present], [leaf.shape for leaf in present], norm is not None, recorded]
    key = cache_key("train", [program], config, dtype, extra, host)
    columns = tuple(leaf.name for leaf in program.data_leaves)
    return _StepPlan(key, made, columns, multiplications(program, config.capacity))


class _StepOnTable:
    """A compiled step with a table and its memory."""

    def __init__(self, step: Step, table: ArrayTable, batches: Batches | None) -> None:
        self.kind, host, rows = np.dtype(table.dtype), this_host(), table.rows
        lanes = host.vector_bytes // self.kind.itemsize
        batch = rows if batches is None else min(batches.size, rows)
        # Whole vectors, so that batches of nearly the same size share a kernel.
        capacity = min(whole(batch, lanes), _CAPACITY)
        self.config = KernelConfig(lanes, capacity, batch > _CAPACITY, batches is not None, batches is None)
        plan = _plan_for(step, self.config, table.dtype, host)
        self.where, self.shown = plan.step.where, plan.step.recorded

        def write() -> Kernel:
            return DescentWriter(plan.step, self.config, table.dtype).kernel()

        self._kernel = compiled(plan.key, "train", len(ARGUMENTS), write)
        self._columns = table.columns(plan.columns, lanes)
        self._data = addresses(self._columns)
        self.params, self._begins = aligned(self.where.length, self.kind), aligned(2 * self.where.length, self.kind)
        self._rows, self._batch = rows, batch
        self.costs, self.path = np.zeros(1), aligned(1, self.kind)
        self._scratch, self._barrier = aligned(self._kernel.scratch, np.uint8), np.zeros(1, np.int64)
        self._thread_policy = ThreadPolicy(processors() if plan.multiplications >= _SHARED else 1)
        self.work = plan.multiplications * -(-rows // min(batch, _CAPACITY))  # of an epoch
        self._threads = table.threads

    def before(self, epoch: int) -> Array:
        """Return the memory of the parameters with which the epoch before another one began."""
        turn = (epoch - 1) % 2
        return self._begins[turn * self.where.length : (turn + 1) * self.where.length]

    def run(
        self, state: DescentState, until: int, rules: StoppingRules, record: Record, rates: Array, orders: Array | None
    ) -> tuple[int, str, float, int]:
        """Run epochs and return the last epoch, why it stopped, its cost, and the number of recorded rows."""
        apart = record.stride * record.thinning
        epochs = until - state.epoch
        if len(self.costs) <= epochs:
            self.costs = np.zeros(epochs + 1)
        self.costs[: epochs + 1] = math.nan
        if len(self.path) < (rows := (-(-epochs // apart) + 1) * self.shown):
            self.path = aligned(rows, self.kind)
        numbers = [rules.divergence_threshold, rules.tolerance, rules.gradient_tolerance, state.last]
        counters = [state.epoch, until, self._rows, self._batch, apart, 0, int(len(rates) > 1), 0]
        threads = self._threads or self._thread_policy.choose(epochs)
        own = [(np.array(numbers), np.array(counters), np.array([threads, k])) for k in range(threads)]
        turns = np.zeros(1, np.int32) if orders is None else orders

        def call(numbers: Array, counters: Array, share: Array) -> None:
            self._kernel.call(
                self._data, self.params, self._begins, numbers, counters, self.costs, self.path, turns, rates,
                share, self._scratch, self._barrier,
            )  # fmt: skip

        begin = time.perf_counter()
        run_threads([partial(call, *arrays) for arrays in own], self._barrier)
        self._thread_policy.note(threads, (time.perf_counter() - begin) / epochs)
        *_, last = own[0][0].tolist()
        epoch, *_, path_rows, _, reason = own[0][1].tolist()
        return epoch, RULE_STOPS[reason], last, path_rows
