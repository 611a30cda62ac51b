"""The epochs of one descent as machine code: gradient, update, stopping rules and record, all inside the loop.

The function returns when it has come to the epoch it was told, when its record is full, or when a rule stops it.
Everything that it needs to go on is then in memory, so results do not depend on where it returned.
"""

from __future__ import annotations

from math import inf

from llvmlite import ir

from steepest.calculus.program import Program
from steepest.engines.native.lanes.differences import Differences
from steepest.engines.native.lanes.kernels import Frame, Kernel
from steepest.engines.native.lanes.lanes import fold
from steepest.engines.native.lanes.plan import Plan
from steepest.engines.native.lanes.state import State, layout, state
from steepest.engines.native.lanes.tensors import Held, Tensor
from steepest.engines.native.llvm.code import DOUBLE, I64, Code, Value, i64
from steepest.engines.step import RATE, RULE_REASONS, Reason, Step
from steepest.expressions.expression import Expression

NUMBERS = (
    "step", "divergence_threshold", "rtol", "atol", "tolerance", "gradient_tolerance", "sign", "last", "cost",
)  # fmt: skip
"""What the array ``numbers`` of float64 holds, in order; ``last`` and ``cost`` are written as well."""
ARGUMENTS = ("params", "before", "numbers", "counters", "costs", "places", "rates")
"""What the function takes besides what every kernel takes; ``rates`` is α for each epoch, or one for all, float64."""
COUNTERS = (
    "epoch", "until", "stride", "sparse", "due", "kept", "placed", "room", "rises", "first_rise", "reason", "looking",
)  # fmt: skip
"""What the array ``counters`` of int64 holds, in order: ``due`` epochs until the next row of the record, of which
``kept`` of ``room`` are written, and ``placed`` of the parameters, one for each ``sparse`` strides; ``looking`` is not
0 to compute the cost and do nothing else."""


class _Book:
    """The arrays that keep a descent's account, with variables for what changes from epoch to epoch."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self._arrays = dict.fromkeys(NUMBERS, (code.arguments["numbers"], DOUBLE))
        self._arrays |= dict.fromkeys(COUNTERS, (code.arguments["counters"], I64))
        self._slots: dict[str, Value] = {}
        self._fixed: dict[str, Value] = {}
        for name in (*NUMBERS, *COUNTERS):
            self._fixed[name] = self._read(name)
        for name in ("last", "cost", "epoch", "until", "due", "kept", "placed", "rises", "first_rise", "reason"):
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
    """Writes an epoch whose gradient is derived: cost, slopes and moved parameters are one program."""

    in_memory = False

    def __init__(self, frame: Frame) -> None:
        self.frame, self.emitter = frame, frame.emitter

    def run(self, now: dict[Expression, Tensor], rate: Value, step: Value) -> tuple[Tensor, dict[Expression, Tensor]]:
        """Write it; see :meth:`Differences.run`."""
        paced = Held((), [self.frame.code.broadcast(rate, self.frame.plan.lanes.shared)])
        self.frame.over.run(self.frame.program, {**now, RATE: paced})
        return self.emitter.values[self.frame.program.outputs[0]], self.emitter.values


def epochs(step: Step, program: Program, moves: Program, plan: Plan, dtype: str, paced: bool = False) -> Kernel:
    """A function that descends.

    Args:
        step: what an epoch does.
        program: of cost, norm and moved parameters; with differences of the cost alone.
        moves: with differences the program of norm and moved parameters, else not used.
        plan: how it is laid out.
        dtype: the precision.
        paced: whether there is a rate for each epoch.
    """
    frame = Frame(program, plan, dtype, "descend", ARGUMENTS)
    code, build = frame.code, frame.code.builder
    book = _Book(code)
    where = layout(list(step.updates), plan)
    way = _Derived(frame) if step.epsilon is None else Differences(frame, step, moves, where)
    params = state(way.emitter, where, code.arguments["params"], code.arguments["before"], way.in_memory)
    outputs = list(program.outputs[1:] if step.epsilon is None else moves.outputs)
    size_node = None if step.gradient_norm is None else outputs.pop(0)
    moved = dict(zip(step.updates, outputs, strict=True))
    params.expect(moved)
    rates, begin = code.arguments["rates"], book["epoch"]
    rate = _narrowed(code, code.read(rates, 0, DOUBLE))

    head, leave = code.function.append_basic_block("epoch"), code.function.append_basic_block("leave")
    build.branch(head)
    build.position_at_end(head)
    if paced:
        rate = _narrowed(code, code.read(rates, build.sub(book["epoch"], begin), DOUBLE))
    cost, outcome = way.run(params.now(), rate, book["step"])
    value = _widened(code, code.lane(cost.at(())))
    size = None if size_node is None else _widened(code, code.lane(outcome[size_node].at(())))

    _look(book, value)
    with build.if_then(_stopping(book, value, size), likely=False):
        book["cost"] = value
        build.branch(leave)
    _record(code, book, value, params, where.length)
    book["last"], book["cost"] = value, value
    probe = params.move({leaf: outcome[node] for leaf, node in moved.items()})
    book["epoch"] = build.add(book["epoch"], i64(1))
    lost = _is_nan(code, probe)
    book["reason"] = build.select(lost, i64(RULE_REASONS.index(Reason.DIVERGED)), book["reason"])
    done = build.or_(lost, build.icmp_signed(">=", book["epoch"], book["until"]))
    build.cbranch(done, leave, head)
    build.position_at_end(leave)
    params.save()
    book.save()
    return frame.finished()


def _widened(code: Code, number: Value) -> Value:
    return number if code.number == DOUBLE else code.builder.fpext(number, DOUBLE)


def _narrowed(code: Code, number: Value) -> Value:
    return number if code.number == DOUBLE else code.builder.fptrunc(number, code.number)


def _absolute(code: Code, number: Value) -> Value:
    return code.intrinsic("llvm.fabs.f64", DOUBLE, [number])


def _look(book: _Book, value: Value) -> None:
    """Count it if the cost has become worse since the epoch before."""
    code, build = book.code, book.code.builder
    worse = build.fmul(build.fsub(value, book["last"]), book["sign"])
    allowed = build.fadd(build.fmul(book["rtol"], _absolute(code, book["last"])), book["atol"])
    rose = build.fcmp_ordered(">", worse, allowed)
    book["rises"] = build.add(book["rises"], build.zext(rose, I64))
    first = build.and_(rose, build.icmp_signed("==", book["first_rise"], i64(0)))
    book["first_rise"] = build.select(first, book["epoch"], book["first_rise"])


def _stopping(book: _Book, value: Value, size: Value | None) -> Value:
    """Whether a rule stops the descent here; the reason is noted."""
    code, build = book.code, book.code.builder
    finite = build.fcmp_ordered("<", _absolute(code, value), ir.Constant(DOUBLE, inf))
    lost = build.not_(build.and_(finite, build.fcmp_ordered("<=", value, book["divergence_threshold"])))
    # A rule that was not asked for has the tolerance NaN, which nothing is below.
    change = _absolute(code, build.fsub(value, book["last"]))
    little = build.fmul(book["tolerance"], _absolute(code, book["last"]))
    steady = build.and_(build.fcmp_ordered("<=", change, little), build.icmp_signed(">", book["epoch"], i64(0)))
    flat = build.fcmp_ordered("<=", size, book["gradient_tolerance"]) if size is not None else ir.Constant(lost.type, 0)
    looking = build.icmp_signed("!=", book["looking"], i64(0))
    reason = build.select(steady, i64(RULE_REASONS.index(Reason.TOLERANCE)), i64(0))
    reason = build.select(flat, i64(RULE_REASONS.index(Reason.GRADIENT)), reason)
    reason = build.select(lost, i64(RULE_REASONS.index(Reason.DIVERGED)), reason)
    book["reason"] = reason
    return build.or_(build.or_(lost, steady), build.or_(flat, looking))


def _record(code: Code, book: _Book, value: Value, params: State, length: int) -> None:
    """Write a row, if one is due; a full record ends the function after this epoch."""
    build = code.builder
    due = book["due"]
    with build.if_then(build.icmp_signed("==", due, i64(0)), likely=False):
        kept = book["kept"]
        code.write(value, code.arguments["costs"], kept)
        rare = build.srem(book["epoch"], build.mul(book["stride"], book["sparse"]))
        with build.if_then(build.icmp_signed("==", rare, i64(0))):
            placed = book["placed"]
            params.record(code.place(code.arguments["places"], build.mul(placed, i64(length)), code.number))
            book["placed"] = build.add(placed, i64(1))
        book["kept"] = build.add(kept, i64(1))
        full = build.icmp_signed(">=", book["kept"], book["room"])
        book["until"] = build.select(full, build.add(book["epoch"], i64(1)), book["until"])
    left = build.select(build.icmp_signed("==", due, i64(0)), book["stride"], due)
    book["due"] = build.sub(left, i64(1))


def _is_nan(code: Code, probe: Value) -> Value:
    """Whether a probe is NaN in one of its lanes."""
    whole = code.lane(fold(code, probe, probe.type.count, 1))
    return code.builder.fcmp_unordered("uno", whole, whole)
