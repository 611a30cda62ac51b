"""A descent by machine code whose lanes carry samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np

from steepest.calculus.program import Program, lower
from steepest.engines.native.lanes.bound_kernel import BoundKernel, Frame, Workspace
from steepest.engines.native.lanes.finite_differences import Differences, copies
from steepest.engines.native.lanes.lanes import add_halves
from steepest.engines.native.lanes.plan import power_of_two
from steepest.engines.native.lanes.state import Layout, State, layout, state
from steepest.engines.native.lanes.tensors import RegisterTensor
from steepest.engines.native.llvm.code import DOUBLE, I64, Code, Value, i64
from steepest.engines.native.llvm.memory import Array, aligned
from steepest.engines.native.llvm.stopping import DIVERGED, stopping
from steepest.engines.native.llvm.threads import run_threads
from steepest.engines.step import RATE, RULE_STOPS, DescentState, Rate, Record, Step, StoppingRules, rates_of

_MOST_RATES = 1 << 20  # epochs whose rates are computed ahead for one call; bounds the memory, 8 bytes for each

_NUMBERS = (
    "step", "divergence_threshold", "rtol", "atol", "tolerance", "gradient_tolerance", "sign", "last", "cost",
)  # fmt: skip
"""The content of the array ``numbers`` of float64, in order; ``last`` and ``cost`` are written as well."""
_ARGUMENTS = ("params", "before", "numbers", "counters", "costs", "path", "rates")
"""What the function takes besides what all do; ``rates`` is α for each epoch, or one for all, float64."""
_COUNTERS = (
    "epoch", "until", "stride", "sparse", "due", "kept", "path_rows", "most_rows", "rises", "first_rise", "reason",
    "cost_only",
)  # fmt: skip
"""The content of the array ``counters`` of int64, in order: ``due`` epochs until the next row of the record; ``kept``
of ``most_rows`` rows of costs and ``path_rows`` rows of parameters (one for each ``sparse`` strides) are written;
``cost_only`` asks for the cost alone."""

_VARIABLES = ("last", "cost", "epoch", "until", "due", "kept", "path_rows", "rises", "first_rise", "reason")
"""What changes from epoch to epoch."""


class LaneRunner:
    """One descent of a whole table; see :class:`steepest.engines.step.Runner`.

    Takes the arguments of :class:`steepest.engines.stepwise.Stepwise` but ``compiler`` and ``batches``, and
    ``threads``: how many at most; as many as pay if left out.
    """

    pace = 1

    def __init__(
        self, step: Step, data: Mapping[str, Array], rows: int, rate: Rate, dtype: str, threads: int | None = None
    ) -> None:
        by_difference, scheduled_rate = step.epsilon is not None, callable(rate)
        norm = [] if step.gradient_norm is None else [step.gradient_norm]
        moves = lower([*norm, *step.updates.values()]) if by_difference else Program((), ())
        extra = [
            [leaf.name for leaf in step.updates], step.gradient_norm is not None, by_difference, step.central,
            [len(step.parameters), scheduled_rate],
        ]  # fmt: skip
        self._kernel = BoundKernel(
            "descend", _ARGUMENTS, [lower([step.cost]) if by_difference else step.program, moves], data, rows, dtype,
            lambda frame: _write(frame, step, scheduled_rate), extra,
            copies=power_of_two(copies(step)) if by_difference else 1, threads=threads,
        )  # fmt: skip
        self.partition = self._kernel.partition
        self._where, self._scheduled_rate = layout(list(step.updates), self._kernel.plan), scheduled_rate
        self._threads = [_Thread(workspace, self._where, self._kernel.kind) for workspace in self._kernel.workspaces()]
        self._rates = np.zeros(1)
        self.rate = rate
        self._threads[0].put(step=step.epsilon or math.nan)

    def cost_at(self, params: Mapping[str, Any]) -> float:
        """Return the cost at some parameters."""
        first = self._threads[0]
        self._where.pack(params, first.params)
        first.put(cost_only=1)
        self._rates = np.zeros(1)
        self._run()
        return float(first.numbers[_NUMBERS.index("cost")])

    def advance(self, state: DescentState, until: int, rules: StoppingRules, record: Record) -> DescentState:
        """Run epochs; see :class:`steepest.engines.step.Runner`. Returns earlier when the record is full."""
        first, stride = self._threads[0], record.stride
        if self._scheduled_rate:
            until = min(until, state.epoch + _MOST_RATES)
        self._rates = rates_of(self.rate, np.arange(state.epoch, until if self._scheduled_rate else state.epoch + 1))
        self._where.pack(state.params, first.params)
        self._where.pack(state.before, first.before)
        due = -state.epoch % stride
        first.put(
            **vars(rules), last=state.last, epoch=state.epoch, until=until, stride=stride, sparse=record.thinning,
            due=due, kept=0, path_rows=0, most_rows=record.free_rows, rises=state.rises, first_rise=state.first_rise,
            reason=0, cost_only=0,
        )  # fmt: skip
        rows = min(record.free_rows, max(0, -(-(until - state.epoch - due) // stride)))
        for thread in self._threads:
            thread.reserve(rows, -(-rows // record.thinning))
        self._run()
        found = dict(zip(_COUNTERS, first.counters.tolist(), strict=True))
        length = self._where.length
        path = first.path[: found["path_rows"] * length].reshape(-1, length).copy()
        record.add(first.costs[: found["kept"]].tolist(), path)
        last = float(first.numbers[_NUMBERS.index("last")])
        return DescentState(
            self._where.unpack(first.params), self._where.unpack(first.before), last, found["epoch"],
            found["rises"], found["first_rise"], RULE_STOPS[found["reason"]],
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
        self.numbers, self.counters = np.zeros(len(_NUMBERS)), np.zeros(len(_COUNTERS), np.int64)
        self.costs, self.path = np.zeros(1), aligned(where.length, kind)

    def put(self, **values: float) -> None:
        """Store numbers and counters by their names."""
        for name, value in values.items():
            array, names = (self.numbers, _NUMBERS) if name in _NUMBERS else (self.counters, _COUNTERS)
            array[names.index(name)] = value

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
        """Return what the function takes, but the rates; see ``_ARGUMENTS``."""
        return self.params, self.before, self.numbers, self.counters, self.costs, self.path


class _LoopState:
    """Numbers and counters of the loop: variables for what changes from epoch to epoch, constants for the rest."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self._fixed = code.read_all("numbers", _NUMBERS, DOUBLE) | code.read_all("counters", _COUNTERS, I64)
        self._slots = {name: code.slot(self._fixed[name].type, self._fixed[name]) for name in _VARIABLES}

    def __getitem__(self, name: str) -> Value:
        if name in self._slots:
            return self.code.get(self._slots[name], self._fixed[name].type)
        return self._fixed[name]

    def __setitem__(self, name: str, value: Value) -> None:
        self.code.put(value, self._slots[name])

    def save(self) -> None:
        """Write the variables back to the arrays."""
        for name in self._slots:
            array, names = ("numbers", _NUMBERS) if name in _NUMBERS else ("counters", _COUNTERS)
            self.code.write(self[name], self.code.arguments[array], names.index(name))


def _write(frame: Frame, step: Step, scheduled_rate: bool) -> None:
    """Write a function that descends: gradient, update, stopping rules and record, all inside the loop.

    It returns at the requested epoch, when its record is full, or when a rule stops it. Everything that it needs to
    continue is then in memory, so that results do not depend on where it returned. With a scheduled rate there is one
    for each epoch.

    Its program is of cost, norm and updated parameters; with differences of the cost alone, and a second one is of norm
    and updated parameters.
    """
    code, build = frame.code, frame.code.builder
    loop = _LoopState(code)
    where = layout(list(step.updates), frame.plan)
    if step.epsilon is None:
        differences, params, outputs = None, state(frame.emitter, where), list(frame.program.outputs[1:])
    else:
        differences = Differences(frame, step, where)
        params = state(differences.emitter, where, differences.in_memory)
        outputs = list(frame.programs[1].outputs)
    size_node = None if step.gradient_norm is None else outputs.pop(0)
    updates = dict(zip(step.updates, outputs, strict=True))
    params.expect(updates)
    rates, begin = code.arguments["rates"], loop["epoch"]
    rate = code.narrowed(code.read(rates, 0, DOUBLE))

    head, leave = code.begin_epochs()
    if scheduled_rate:
        rate = code.narrowed(code.read(rates, build.sub(loop["epoch"], begin), DOUBLE))
    now = params.now()
    if differences is None:
        paced = RegisterTensor((), [code.broadcast(rate, frame.plan.lanes.shared)])
        frame.over.run(frame.program, {**now, RATE: paced})
        cost, outcome = frame.emitter.values[frame.program.outputs[0]], frame.emitter.values
    else:
        cost, outcome = differences.run(now, rate, loop["step"])
    value = code.widened(code.lane(cost.at(())))
    size = None if size_node is None else code.widened(code.lane(outcome[size_node].at(())))

    _count_rise(loop, value)
    with build.if_then(_stopping(loop, value, size), likely=False):
        loop["cost"] = value
        build.branch(leave)
    _record(loop, value, params, where.length)
    loop["last"], loop["cost"] = value, value
    probe = params.move({leaf: outcome[node] for leaf, node in updates.items()})
    loop["epoch"] = build.add(loop["epoch"], i64(1))
    whole = code.lane(add_halves(code, probe, probe.type.count, 1))
    lost = build.fcmp_unordered("uno", whole, whole)  # the probe is NaN in one of its lanes
    loop["reason"] = build.select(lost, i64(DIVERGED), loop["reason"])
    done = build.or_(lost, build.icmp_signed(">=", loop["epoch"], loop["until"]))
    code.end_epochs(done, head, leave)
    params.save()
    loop.save()


def _count_rise(loop: _LoopState, value: Value) -> None:
    """Write the count of epochs whose cost is worse than the one before."""
    code, build = loop.code, loop.code.builder
    worse = build.fmul(build.fsub(value, loop["last"]), loop["sign"])
    allowed = build.fadd(build.fmul(loop["rtol"], code.magnitude(loop["last"])), loop["atol"])
    rose = build.fcmp_ordered(">", worse, allowed)
    loop["rises"] = build.add(loop["rises"], build.zext(rose, I64))
    first = build.and_(rose, build.icmp_signed("==", loop["first_rise"], i64(0)))
    loop["first_rise"] = build.select(first, loop["epoch"], loop["first_rise"])


def _stopping(loop: _LoopState, value: Value, norm: Value | None) -> Value:
    """Write whether a rule stops the descent here, and store the reason."""
    code, build = loop.code, loop.code.builder
    rules = {name: loop[name] for name in ("divergence_threshold", "tolerance", "gradient_tolerance")}
    loop["reason"], (*at_rest, diverged) = stopping(
        code, rules, value, loop["last"], build.icmp_signed(">", loop["epoch"], i64(0)), norm, i64
    )
    cost_only = build.icmp_signed("!=", loop["cost_only"], i64(0))
    return build.or_(build.or_(diverged, reduce(build.or_, at_rest)), cost_only)


def _record(loop: _LoopState, value: Value, params: State, length: int) -> None:
    """Write a row of the record, if one is due; a full record ends the function after this epoch."""
    code, build, due = loop.code, loop.code.builder, loop["due"]
    with build.if_then(build.icmp_signed("==", due, i64(0)), likely=False):
        kept = loop["kept"]
        code.write(value, code.arguments["costs"], kept)
        rare = build.srem(loop["epoch"], build.mul(loop["stride"], loop["sparse"]))
        with build.if_then(build.icmp_signed("==", rare, i64(0))):
            path_rows = loop["path_rows"]
            params.record(code.place(code.arguments["path"], build.mul(path_rows, i64(length)), code.number))
            loop["path_rows"] = build.add(path_rows, i64(1))
        loop["kept"] = build.add(kept, i64(1))
        full = build.icmp_signed(">=", loop["kept"], loop["most_rows"])
        loop["until"] = build.select(full, build.add(loop["epoch"], i64(1)), loop["until"])
    left = build.select(build.icmp_signed("==", due, i64(0)), loop["stride"], due)
    loop["due"] = build.sub(left, i64(1))
