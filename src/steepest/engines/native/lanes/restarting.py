"""Many descents of one cost at once: lanes carry models, threads carry groups of them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from math import prod
from typing import Any

import numpy as np

from steepest.calculus.program import lower
from steepest.engines.native.lanes import state
from steepest.engines.native.lanes.arrange import arranged
from steepest.engines.native.lanes.many import COUNTERS, LANES, many
from steepest.engines.native.lanes.memory import Array, addresses, aligned, blocks_of, deal, processors
from steepest.engines.native.lanes.plan import instructions, plan, power_of_two
from steepest.engines.native.lanes.samples import data_leaves
from steepest.engines.native.llvm.build import build, key
from steepest.engines.native.llvm.host import this_host
from steepest.engines.step import RULE_REASONS, EnsembleResult, Params, Step, StoppingRules
from steepest.expressions.expression import Expression

_BREATH = 0.05  # seconds that a group is left alone for


class Many:
    """Descents from several starts.

    Args:
        step: what an epoch does; its gradient is derived.
        data: arrays of the columns, ``(rows, …)``.
        rows: the number of samples.
        rate: α.
        dtype: the precision.
        starts: how many there are.
    """

    def __init__(self, step: Step, data: Mapping[str, Array], rows: int, rate: float, dtype: str, starts: int) -> None:
        self._kind, host = np.dtype(dtype), this_host()
        size = [] if step.gradient_norm is None else [step.gradient_norm]
        program = lower([step.cost, *size, *step.updates.values()])
        native = host.vector_bytes // self._kind.itemsize
        copies = min(power_of_two(max(starts, 2)), 2 * native)
        self._layout = layout = plan(program, rows, host, self._kind.itemsize, copies)
        if layout.unrolled:
            program = arranged(program, rows)
        about = [[leaf.name for leaf in step.updates], step.gradient_norm is not None]
        mark = key("many", [program], layout, dtype, about, host)
        self._built = build(mark, "descend_many", 10, lambda: many(step, program, layout, dtype))
        self._where = state.layout(list(step.updates), layout, layout.lanes.copies)
        self._columns = [blocks_of(data[leaf.name], layout.lanes.samples) for leaf in data_leaves(program)]
        self._data = addresses(self._columns)
        self._deal = deal(layout, rows, instructions(program), threads=1)
        self._rate = rate
        self.pace = 1
        self._groups: list[_Group] = []

    def run(
        self, starts: Sequence[Params], epochs: int, rules: Callable[[float], StoppingRules], stop: threading.Event,
        told: Callable[[int, float], None],
    ) -> None:  # fmt: skip
        """Descend from every start; see :class:`steepest.engines.step.Ensemble`."""
        copies = self._layout.lanes.copies
        numbers = {leaf.name: np.array([np.ravel(start[leaf.name]) for start in starts]) for leaf in self._where.leaves}
        self._groups = groups = [
            _Group(self, {name: rows[k : k + copies] for name, rows in numbers.items()}, min(copies, len(starts) - k))
            for k in range(0, len(starts), copies)
        ]
        with ThreadPoolExecutor(min(processors(), len(groups))) as pool:
            try:
                pending: set[Future[None]] = {pool.submit(group.run, epochs, rules, stop) for group in groups}
                while pending:
                    finished, pending = wait(pending, _BREATH)
                    for each in finished:
                        each.result()
                    begun = [group for group in groups if group.begun]
                    best = float(begun[0].choose.reduce([group.best for group in begun])) if begun else math.nan
                    told(sum(group.epoch * group.starts for group in groups), best)
            finally:
                stop.set()

    def outcomes(self) -> list[EnsembleResult]:
        """How the descents ended; see :class:`steepest.engines.step.Ensemble`."""
        return [outcome for group in self._groups if group.begun for outcome in group.outcomes()]


class _Group:
    """As many descents as there are lanes, and their memory.

    Args:
        of: what they are descents of.
        numbers: for each parameter a row of its numbers for each start.
        starts: how many starts there are; lanes beyond repeat the last one.
    """

    def __init__(self, of: Many, numbers: Mapping[str, Array], starts: int) -> None:
        self._of, kind = of, of._kind
        self.starts, self._copies = starts, of._layout.lanes.copies
        self._params, self._before = aligned(of._where.length, kind), aligned(of._where.length, kind)
        for leaf in of._where.leaves:
            lanes = self._lanes_of(self._params, leaf)
            lanes[:, :starts] = numbers[leaf.name].T
            lanes[:, starts:] = lanes[:, starts - 1 : starts]
        self._rules = np.array([of._rate, math.nan, math.nan], kind)
        self._counters = np.zeros(len(COUNTERS), np.int64)
        self._lanes = aligned(len(LANES) * self._copies, kind)
        self._partials = aligned(2 * of._deal.parts * max(of._built.partials, of._layout.stride), kind)
        self._scratch, self._barrier = aligned(of._built.scratch, np.uint8), np.zeros(1, np.int64)
        self._dealt = of._deal.array(0)
        self.epoch, self.best, self.begun = 0, math.nan, False
        self.choose: np.ufunc = np.fmin

    def run(self, epochs: int, rules: Callable[[float], StoppingRules], stop: threading.Event) -> None:
        """Descend until the epochs are over, no lane goes on, or it is stopped."""
        if stop.is_set():
            return
        first = self._look()
        each = [rules(cost) for cost in first[: self.starts].tolist()]
        limits = [rule.divergence_threshold for rule in each] + [each[-1].divergence_threshold] * (
            self._copies - self.starts
        )
        with np.errstate(over="ignore"):  # beyond float32 is ∞
            self._lane("divergence_threshold")[:] = limits
        self._lane("last")[:] = first
        self.choose = np.fmax if each[0].sign < 0 else np.fmin
        self.begun, self.best = True, float(self.choose.reduce(first))
        self._rules[1:] = each[0].tolerance, each[0].gradient_tolerance
        while self.epoch < epochs and not stop.is_set() and not self._lane("reason").all():
            begin, before = time.perf_counter(), self.epoch
            self._counters[:] = before, min(epochs, before + self._of.pace), 0
            self._call()
            seconds = max(time.perf_counter() - begin, 1e-9)
            self.epoch, self.best = int(self._counters[0]), float(self.choose.reduce(self._lane("cost")))
            # All groups are equally fast, so that each goes on at the pace that another has found.
            self._of.pace = max(1, min(int((self.epoch - before) * _BREATH / seconds), 16 * self._of.pace))

    def outcomes(self) -> list[EnsembleResult]:
        """How each descent ended."""
        last, reasons = self._lane("last").copy(), self._lane("reason").astype(int)
        final = self._look()
        sound = np.isfinite(final)
        for leaf in self._of._where.leaves:
            sound &= np.isfinite(self._lanes_of(self._params, leaf)).all(axis=0)
        here, before = self._taken(self._params), self._taken(self._before)
        return [
            EnsembleResult(here[k], float(final[k]), RULE_REASONS[reasons[k]], self.epoch)
            if sound[k]
            else EnsembleResult(before[k], float(last[k]), "diverged", self.epoch)
            for k in range(self.starts)
        ]

    def _lanes_of(self, array: Array, leaf: Expression) -> Array:
        """The numbers of a parameter in an array of all: element, lane."""
        begin, size = self._of._where.begins[leaf.name], prod(leaf.shape)
        return array[begin : begin + size * self._copies].reshape(size, self._copies)

    def _taken(self, array: Array) -> list[Params]:
        """The parameters of every lane."""
        columns = {
            leaf.name: self._lanes_of(array, leaf).T.reshape(self._copies, *leaf.shape).copy()
            for leaf in self._of._where.leaves
        }
        return [{name: column[k] for name, column in columns.items()} for k in range(self._copies)]

    def _lane(self, name: str) -> Array:
        """One number of every lane."""
        k = LANES.index(name)
        return self._lanes[k * self._copies : (k + 1) * self._copies]

    def _look(self) -> Array:
        """The costs where the descents stand."""
        self._counters[:] = 0, 0, 1
        self._call()
        return self._lane("cost").copy()

    def _call(self) -> None:
        of = self._of
        arguments: list[Any] = [
            of._data, self._params, self._before, self._rules, self._counters, self._lanes, self._dealt,
            self._partials, self._scratch, self._barrier,
        ]  # fmt: skip
        of._built.call(*(array.ctypes.data for array in arguments))
