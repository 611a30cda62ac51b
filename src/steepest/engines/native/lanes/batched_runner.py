"""Many descents of one cost at once: lanes carry models, threads run groups of them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

import numpy as np
from llvmlite import ir

from steepest.engines.native.lanes.bound_kernel import BoundKernel, Frame, models_at_once
from steepest.engines.native.lanes.state import layout, state
from steepest.engines.native.lanes.tensors import RegisterTensor
from steepest.engines.native.llvm.code import I64, Code, Value, i64
from steepest.engines.native.llvm.memory import Array, aligned, processors
from steepest.engines.native.llvm.stopping import DIVERGED, stopping
from steepest.engines.step import RATE, RULE_STOPS, EnsembleResult, Params, Step, StoppingRules
from steepest.expressions.expression import Expression

_POLL_INTERVAL = 0.05  # seconds between two polls of a group: progress and interruptions feel immediate

_ARGUMENTS = ("params", "before", "rules", "counters", "lanes")
"""What the function takes besides what all do."""
_RULES = ("rate", "tolerance", "gradient_tolerance")
"""The content of the array ``rules``, in order."""
_COUNTERS = ("epoch", "until", "cost_only")
"""The content of the array ``counters`` of int64, in order; ``epoch`` is written as well."""
_LANES = ("divergence_threshold", "last", "cost", "reason")
"""Numbers of each lane, in order; ``reason`` is the number of a reason, 0 while the lane goes on."""


class BatchedRunner:
    """Descents from several starts, with derived gradients; see :class:`steepest.engines.step.Ensemble`.

    Takes the arguments of :class:`steepest.engines.stepwise.Stepwise` but ``compiler`` and ``batches``, and
    ``starts``: how many there will be.
    """

    def __init__(self, step: Step, data: Mapping[str, Array], rows: int, rate: float, dtype: str, starts: int) -> None:
        extra = [[leaf.name for leaf in step.updates], step.gradient_norm is not None]
        self.kernel = BoundKernel(
            "descend_many", _ARGUMENTS, [step.program], data, rows, dtype, lambda frame: _write(frame, step),
            extra, models_at_once(starts, dtype),
        )  # fmt: skip
        self.kind, self.copies, self.rate, self.pace = self.kernel.kind, self.kernel.plan.lanes.copies, rate, 1
        self.where = layout(list(step.updates), self.kernel.plan, self.copies)
        self._groups: list[_Group] = []

    def run(
        self, starts: Sequence[Params], epochs: int, rules: Callable[[float], StoppingRules], stop: threading.Event,
        on_progress: Callable[[int, float], None],
    ) -> None:  # fmt: skip
        """Descend from every start; see :class:`steepest.engines.step.Ensemble`."""
        copies, leaves = self.copies, self.where.leaves
        numbers = {leaf.name: np.array([np.ravel(start[leaf.name]) for start in starts]) for leaf in leaves}
        self._groups = groups = [
            _Group(self, {name: rows[k : k + copies] for name, rows in numbers.items()}, min(copies, len(starts) - k))
            for k in range(0, len(starts), copies)
        ]
        with ThreadPoolExecutor(min(processors(), len(groups))) as pool:
            try:
                pending: set[Future[None]] = {pool.submit(group.run, epochs, rules, stop) for group in groups}
                while pending:
                    finished, pending = wait(pending, _POLL_INTERVAL)
                    for each in finished:
                        each.result()
                    begun = [group for group in groups if group.begun]
                    best = float(begun[0].choose.reduce([group.best for group in begun])) if begun else math.nan
                    on_progress(sum(group.epoch * group.starts for group in groups), best)
            finally:
                stop.set()

    def outcomes(self) -> list[EnsembleResult]:
        """Return how the descents ended; see :class:`steepest.engines.step.Ensemble`."""
        return [outcome for group in self._groups if group.begun for outcome in group.outcomes()]


class _Group:
    """As many descents as there are lanes, with their memory.

    Args:
        runner: whose descents they are.
        numbers: for each parameter a row of its numbers for each start.
        starts: how many starts there are; lanes beyond repeat the last one.
    """

    def __init__(self, runner: BatchedRunner, numbers: Mapping[str, Array], starts: int) -> None:
        self._runner, self._where, kind = runner, runner.where, runner.kind
        self.starts, self._copies = starts, runner.copies
        self._params, self._before = aligned(self._where.length, kind), aligned(self._where.length, kind)
        for leaf in self._where.leaves:
            lanes = self._lanes_of(self._params, leaf)
            lanes[:, :starts] = numbers[leaf.name].T
            lanes[:, starts:] = lanes[:, starts - 1 : starts]
        self._rules = np.array([runner.rate, math.nan, math.nan], kind)
        self._counters = np.zeros(len(_COUNTERS), np.int64)
        self._lanes = aligned(len(_LANES) * self._copies, kind)
        (self._workspace,) = runner.kernel.workspaces()
        self.epoch, self.best, self.begun = 0, math.nan, False
        self.choose: np.ufunc = np.fmin

    def run(self, epochs: int, rules: Callable[[float], StoppingRules], stop: threading.Event) -> None:
        """Descend until all epochs are done, every lane has stopped, or ``stop`` is set."""
        if stop.is_set():
            return
        first = self._costs()
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
            self._counters[:] = before, min(epochs, before + self._runner.pace), 0
            self._call()
            seconds = max(time.perf_counter() - begin, 1e-9)
            self.epoch, self.best = int(self._counters[0]), float(self.choose.reduce(self._lane("cost")))
            # All groups are equally fast, so that each goes on at the pace that another has found.
            self._runner.pace = max(
                1, min(int((self.epoch - before) * _POLL_INTERVAL / seconds), 16 * self._runner.pace)
            )

    def outcomes(self) -> list[EnsembleResult]:
        """Return how each descent ended."""
        last, reasons = self._lane("last").copy(), self._lane("reason").astype(int)
        final = self._costs()
        sound = np.isfinite(final)
        for leaf in self._where.leaves:
            sound &= np.isfinite(self._lanes_of(self._params, leaf)).all(axis=0)
        here, before = self._taken(self._params), self._taken(self._before)
        return [
            EnsembleResult(here[k], float(final[k]), RULE_STOPS[reasons[k]], self.epoch)
            if sound[k]
            else EnsembleResult(before[k], float(last[k]), "diverged", self.epoch)
            for k in range(self.starts)
        ]

    def _lanes_of(self, array: Array, leaf: Expression) -> Array:
        """Return the numbers of a parameter in an array of all: element, lane."""
        return self._where.view(array, leaf).reshape(-1, self._copies)

    def _taken(self, array: Array) -> list[Params]:
        """Return the parameters of every lane."""
        columns = {
            leaf.name: self._lanes_of(array, leaf).T.reshape(self._copies, *leaf.shape).copy()
            for leaf in self._where.leaves
        }
        return [{name: column[k] for name, column in columns.items()} for k in range(self._copies)]

    def _lane(self, name: str) -> Array:
        """Return one number of every lane."""
        k = _LANES.index(name)
        return self._lanes[k * self._copies : (k + 1) * self._copies]

    def _costs(self) -> Array:
        """Return the costs at the current parameters."""
        self._counters[:] = 0, 0, 1
        self._call()
        return self._lane("cost").copy()

    def _call(self) -> None:
        arrays = self._params, self._before, self._rules, self._counters, self._lanes
        self._runner.kernel.call(self._workspace, *arrays)


class _PerLane:
    """The numbers of each lane, as variables."""

    def __init__(self, code: Code, copies: int) -> None:
        self.code, self.kind = code, code.vector(copies)
        self._slots = {}
        for k, name in enumerate(_LANES):
            address = code.place(code.arguments["lanes"], k * copies, code.number)
            self._slots[name] = (code.slot(self.kind, code.read(address, 0, self.kind, code.size)), address)

    def __getitem__(self, name: str) -> Value:
        return self.code.get(self._slots[name][0], self.kind)

    def __setitem__(self, name: str, value: Value) -> None:
        self.code.put(value, self._slots[name][0])

    def save(self) -> None:
        """Write the variables back to memory."""
        for name, (_, address) in self._slots.items():
            self.code.write(self[name], address, 0, self.code.size)


def _write(frame: Frame, step: Step) -> None:
    """Write a function that runs many descents at once, with derived gradients: each lane is a model.

    A lane that a rule stops keeps its parameters while the others go on. The function returns at the requested epoch,
    or when every lane has stopped.
    """
    program, code, build, copies = frame.program, frame.code, frame.code.builder, frame.plan.lanes.copies
    where = layout(list(step.updates), frame.plan, copies)
    updates = dict(zip(step.updates, program.outputs[1 if step.gradient_norm is None else 2 :], strict=True))
    params = state(frame.emitter, where)
    params.expect(updates)
    lanes = _PerLane(code, copies)
    rules = {name: code.broadcast(code.read(code.arguments["rules"], k, code.number), copies)
             for k, name in enumerate(_RULES)}  # fmt: skip
    counts = code.read_all("counters", _COUNTERS, I64)
    epoch = code.slot(I64, counts["epoch"])

    head, leave = code.begin_epochs()
    frame.over.run(program, {**params.now(), RATE: RegisterTensor((), [rules["rate"]])})
    values = frame.emitter.values
    cost = values[program.outputs[0]].at(())
    lanes["cost"] = cost
    with build.if_then(build.icmp_signed("!=", counts["cost_only"], i64(0)), likely=False):
        build.branch(leave)
    active = build.fcmp_ordered("==", lanes["reason"], code.splat(0, copies))
    size = None if step.gradient_norm is None else values[program.outputs[1]].at(())
    later = build.icmp_signed(">", code.get(epoch, I64), i64(0))
    rules["divergence_threshold"] = lanes["divergence_threshold"]
    reason, _ = stopping(
        code, rules, cost, lanes["last"], code.broadcast(later, copies), size, lambda number: code.splat(number, copies)
    )
    lanes["reason"] = build.select(active, reason, lanes["reason"])
    active = build.fcmp_ordered("==", lanes["reason"], code.splat(0, copies))
    lanes["last"] = build.select(active, cost, lanes["last"])
    probe = params.move({leaf: values[node] for leaf, node in updates.items()}, active)
    lost = build.and_(build.fcmp_unordered("uno", probe, probe), active)
    lanes["reason"] = build.select(lost, code.splat(DIVERGED, copies), lanes["reason"])
    code.put(build.add(code.get(epoch, I64), i64(1)), epoch)
    word = build.bitcast(build.and_(active, build.not_(lost)), ir.IntType(copies))
    idle = build.icmp_unsigned("==", word, ir.Constant(ir.IntType(copies), 0))
    done = build.or_(idle, build.icmp_signed(">=", code.get(epoch, I64), counts["until"]))
    code.end_epochs(done, head, leave)
    params.save()
    lanes.save()
    code.write(code.get(epoch, I64), code.arguments["counters"], 0)
