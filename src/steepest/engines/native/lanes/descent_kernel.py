"""The kernel of one descent: gradient, update, stopping rules and record, all inside the loop.

The function returns at the requested epoch, when its record is full, or when a rule stops it. Everything that it needs
to continue is then in memory, so that results do not depend on where it returned.
"""

from __future__ import annotations

from steepest.calculus.program import Program
from steepest.engines.native.lanes.finite_differences import Differences
from steepest.engines.native.lanes.frame import Frame
from steepest.engines.native.lanes.lanes import add_halves
from steepest.engines.native.lanes.plan import Plan
from steepest.engines.native.lanes.state import State, layout, state
from steepest.engines.native.lanes.tensors import RegisterTensor, Tensor
from steepest.engines.native.llvm.code import DOUBLE, I64, Code, Value, i64
from steepest.engines.native.llvm.kernel import Kernel
from steepest.engines.native.llvm.stopping import DIVERGED, stops
from steepest.engines.step import RATE, Step
from steepest.expressions.expression import Expression

NUMBERS = (
    "step", "divergence_threshold", "rtol", "atol", "tolerance", "gradient_tolerance", "sign", "last", "cost",
)  # fmt: skip
"""The content of the array ``numbers`` of float64, in order; ``last`` and ``cost`` are written as well."""
ARGUMENTS = ("params", "before", "numbers", "counters", "costs", "path", "rates")
"""What the function takes besides ``frame.COMMON``; ``rates`` is α for each epoch, or one for all, float64."""
COUNTERS = (
    "epoch", "until", "stride", "sparse", "due", "kept", "path_rows", "most_rows", "rises", "first_rise", "reason",
    "cost_only",
)  # fmt: skip
"""The content of the array ``counters`` of int64, in order: ``due`` epochs until the next row of the record; ``kept``
of ``most_rows`` rows of costs and ``path_rows`` rows of parameters (one for each ``sparse`` strides) are written;
``cost_only`` asks for the cost alone."""


class LoopState:
    """Numbers and counters of the loop: variables for what changes from epoch to epoch, constants for the rest."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self._arrays = dict.fromkeys(NUMBERS, (code.arguments["numbers"], DOUBLE))
        self._arrays |= dict.fromkeys(COUNTERS, (code.arguments["counters"], I64))
        self._slots: dict[str, Value] = {}
        self._fixed: dict[str, Value] = {}
        for name in (*NUMBERS, *COUNTERS):
            self._fixed[name] = self._read(name)
        for name in ("last", "cost", "epoch", "until", "due", "kept", "path_rows", "rises", "first_rise", "reason"):
            self._slots[name] = code.slot(self._arrays[name][1], self._fixed[name])

    def _read(self, name: str) -> Value:
        array, kind = self._arrays[name]
        return self.code.read(array, _position(name), kind)

    def __getitem__(self, name: str) -> Value:
        if name in self._slots:
            return self.code.get(self._slots[name], self._arrays[name][1])
        return self._fixed[name]

    def __setitem__(self, name: str, value: Value) -> None:
        self.code.put(value, self._slots[name])

    def save(self) -> None:
        """Write the variables back to the arrays."""
        for name in self._slots:
            array, _ = self._arrays[name]
            self.code.write(self[name], array, _position(name))


def _position(name: str) -> int:
    return NUMBERS.index(name) if name in NUMBERS else COUNTERS.index(name)


class _Derived:
    """Writes an epoch whose gradient is derived: cost, gradient and updated parameters are one program."""

    in_memory = False

    def __init__(self, frame: Frame) -> None:
        self.frame, self.emitter = frame, frame.emitter

    def run(self, now: dict[Expression, Tensor], rate: Value, step: Value) -> tuple[Tensor, dict[Expression, Tensor]]:
        """Write the epoch; see :meth:`Differences.run`."""
        paced = RegisterTensor((), [self.frame.code.broadcast(rate, self.frame.plan.lanes.shared)])
        self.frame.over.run(self.frame.program, {**now, RATE: paced})
        return self.emitter.values[self.frame.program.outputs[0]], self.emitter.values


def descent_kernel(
    step: Step, program: Program, moves: Program, plan: Plan, dtype: str, scheduled_rate: bool = False
) -> Kernel:
    """Write a function that descends.

    Args:
        step: what an epoch does.
        program: of cost, norm and updated parameters; with differences of the cost alone.
        moves: with differences the program of norm and updated parameters, else not used.
        plan: how it is laid out.
        dtype: the precision.
        scheduled_rate: whether there is a rate for each epoch.
    """
    frame = Frame(program, plan, dtype, "descend", ARGUMENTS)
    code, build = frame.code, frame.code.builder
    loop = LoopState(code)
    where = layout(list(step.updates), plan)
    way = _Derived(frame) if step.epsilon is None else Differences(frame, step, moves, where)
    params = state(way.emitter, where, code.arguments["params"], code.arguments["before"], way.in_memory)
    outputs = list(program.outputs[1:] if step.epsilon is None else moves.outputs)
    size_node = None if step.gradient_norm is None else outputs.pop(0)
    updates = dict(zip(step.updates, outputs, strict=True))
    params.expect(updates)
    rates, begin = code.arguments["rates"], loop["epoch"]
    rate = code.narrowed(code.read(rates, 0, DOUBLE))

    head, leave = code.begin_epochs()
    if scheduled_rate:
        rate = code.narrowed(code.read(rates, build.sub(loop["epoch"], begin), DOUBLE))
    cost, outcome = way.run(params.now(), rate, loop["step"])
    value = code.widened(code.lane(cost.at(())))
    size = None if size_node is None else code.widened(code.lane(outcome[size_node].at(())))

    _count_rise(loop, value)
    with build.if_then(_stopping(loop, value, size), likely=False):
        loop["cost"] = value
        build.branch(leave)
    _record(code, loop, value, params, where.length)
    loop["last"], loop["cost"] = value, value
    probe = params.move({leaf: outcome[node] for leaf, node in updates.items()})
    loop["epoch"] = build.add(loop["epoch"], i64(1))
    lost = _is_nan(code, probe)
    loop["reason"] = build.select(lost, i64(DIVERGED), loop["reason"])
    done = build.or_(lost, build.icmp_signed(">=", loop["epoch"], loop["until"]))
    code.end_epochs(done, head, leave)
    params.save()
    loop.save()
    return frame.finished()


def _count_rise(loop: LoopState, value: Value) -> None:
    """Write the count of epochs whose cost is worse than the one before."""
    code, build = loop.code, loop.code.builder
    worse = build.fmul(build.fsub(value, loop["last"]), loop["sign"])
    allowed = build.fadd(build.fmul(loop["rtol"], code.magnitude(loop["last"])), loop["atol"])
    rose = build.fcmp_ordered(">", worse, allowed)
    loop["rises"] = build.add(loop["rises"], build.zext(rose, I64))
    first = build.and_(rose, build.icmp_signed("==", loop["first_rise"], i64(0)))
    loop["first_rise"] = build.select(first, loop["epoch"], loop["first_rise"])


def _stopping(loop: LoopState, value: Value, norm: Value | None) -> Value:
    """Write whether a rule stops the descent here, and store the reason."""
    code, build = loop.code, loop.code.builder
    rules = {name: loop[name] for name in ("divergence_threshold", "tolerance", "gradient_tolerance")}
    stopped = stops(code, rules, value, loop["last"], build.icmp_signed(">", loop["epoch"], i64(0)), norm)
    loop["reason"] = stopped.reason(code, i64)
    cost_only = build.icmp_signed("!=", loop["cost_only"], i64(0))
    at_rest = stopped.tolerance if stopped.gradient is None else build.or_(stopped.tolerance, stopped.gradient)
    return build.or_(build.or_(stopped.diverged, at_rest), cost_only)


def _record(code: Code, loop: LoopState, value: Value, params: State, length: int) -> None:
    """Write a row of the record, if one is due; a full record ends the function after this epoch."""
    build = code.builder
    due = loop["due"]
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


def _is_nan(code: Code, probe: Value) -> Value:
    """Write whether a probe is NaN in one of its lanes."""
    whole = code.lane(add_halves(code, probe, probe.type.count, 1))
    return code.builder.fcmp_unordered("uno", whole, whole)
