"""The epochs of many descents side by side: each lane is a model with parameters of its own.

A lane that a rule stops keeps its parameters while the others go on. The function returns when it has come to the epoch
it was told, or when no lane is left.
"""

from __future__ import annotations

from math import inf

from llvmlite import ir

from steepest.calculus.program import Program
from steepest.engines.native.lanes.kernels import Frame, Kernel
from steepest.engines.native.lanes.plan import Plan
from steepest.engines.native.lanes.state import layout, state
from steepest.engines.native.lanes.tensors import Held
from steepest.engines.native.llvm.code import I64, Code, Value, i64
from steepest.engines.step import RATE, Step

RULES = ("rate", "tolerance", "gradient_tolerance")
"""What the array ``rules`` of the precision holds, in order."""
COUNTERS = ("epoch", "until", "looking")
"""What the array ``counters`` of int64 holds, in order; ``epoch`` is written as well."""
LANES = ("divergence_threshold", "last", "cost", "reason")
"""Numbers of each lane, in order; ``reason`` is 0 while the lane goes on, else an index of ``RULE_REASONS``."""


class _PerLane:
    """The numbers of each lane, in variables."""

    def __init__(self, code: Code, copies: int) -> None:
        self.code, self.kind = code, code.vector(copies)
        self._slots = {}
        for k, name in enumerate(LANES):
            address = code.place(code.arguments["lanes"], k * copies, code.number)
            self._slots[name] = (code.slot(self.kind, code.read(address, 0, self.kind, code.size)), address)

    def __getitem__(self, name: str) -> Value:
        return self.code.get(self._slots[name][0], self.kind)

    def __setitem__(self, name: str, value: Value) -> None:
        self.code.put(value, self._slots[name][0])

    def save(self) -> None:
        """Write them back to memory."""
        for name, (_, address) in self._slots.items():
            self.code.write(self[name], address, 0, self.code.size)


def many(step: Step, program: Program, plan: Plan, dtype: str) -> Kernel:
    """A function that descends many times at once, by derived gradients.

    Args:
        step: what an epoch does.
        program: of cost, norm and moved parameters.
        plan: how it is laid out; with copies.
        dtype: the precision.
    """
    frame = Frame(program, plan, dtype, "descend_many", ("params", "before", "rules", "counters", "lanes"))
    code, build, copies = frame.code, frame.code.builder, plan.lanes.copies
    where = layout(list(step.updates), plan, copies)
    moved = dict(zip(step.updates, program.outputs[1 if step.gradient_norm is None else 2 :], strict=True))
    params = state(frame.emitter, where, code.arguments["params"], code.arguments["before"])
    params.expect(moved)
    lanes = _PerLane(code, copies)
    rules = {name: code.broadcast(code.read(code.arguments["rules"], k, code.number), copies)
             for k, name in enumerate(RULES)}  # fmt: skip
    counts = {name: code.read(code.arguments["counters"], k, I64) for k, name in enumerate(COUNTERS)}
    epoch = code.slot(I64, counts["epoch"])

    head, leave = code.function.append_basic_block("epoch"), code.function.append_basic_block("leave")
    build.branch(head)
    build.position_at_end(head)
    frame.over.run(program, {**params.now(), RATE: Held((), [rules["rate"]])})
    values = frame.emitter.values
    cost = values[program.outputs[0]].at(())
    lanes["cost"] = cost
    with build.if_then(build.icmp_signed("!=", counts["looking"], i64(0)), likely=False):
        build.branch(leave)
    active = build.fcmp_ordered("==", lanes["reason"], code.splat(0, copies))
    size = None if step.gradient_norm is None else values[program.outputs[1]].at(())
    later = build.icmp_signed(">", code.get(epoch, I64), i64(0))
    reason = _reason(code, lanes, rules, cost, size, code.broadcast(later, copies))
    lanes["reason"] = build.select(active, reason, lanes["reason"])
    active = build.fcmp_ordered("==", lanes["reason"], code.splat(0, copies))
    lanes["last"] = build.select(active, cost, lanes["last"])
    probe = params.move({leaf: values[node] for leaf, node in moved.items()}, active)
    lost = build.and_(build.fcmp_unordered("uno", probe, probe), active)
    lanes["reason"] = build.select(lost, code.splat(1, copies), lanes["reason"])
    code.put(build.add(code.get(epoch, I64), i64(1)), epoch)
    going = build.and_(active, build.not_(lost))
    word = build.bitcast(going, ir.IntType(copies))
    idle = build.icmp_unsigned("==", word, ir.Constant(ir.IntType(copies), 0))
    done = build.or_(idle, build.icmp_signed(">=", code.get(epoch, I64), counts["until"]))
    build.cbranch(done, leave, head)
    build.position_at_end(leave)
    params.save()
    lanes.save()
    code.write(code.get(epoch, I64), code.arguments["counters"], 0)
    return frame.finished()


def _reason(
    code: Code, lanes: _PerLane, rules: dict[str, Value], cost: Value, size: Value | None, later: Value
) -> Value:
    """Why each lane stops at this cost, or 0."""
    build, copies = code.builder, cost.type.count

    def magnitude(x: Value) -> Value:
        return code.intrinsic(f"llvm.fabs.v{copies}f{8 * code.size}", x.type, [x])

    change = magnitude(build.fsub(cost, lanes["last"]))
    little = build.fcmp_ordered("<=", change, build.fmul(rules["tolerance"], magnitude(lanes["last"])))
    reason = build.select(build.and_(little, later), code.splat(3, copies), code.splat(0, copies))
    if size is not None:
        flat = build.fcmp_ordered("<=", size, rules["gradient_tolerance"])
        reason = build.select(flat, code.splat(2, copies), reason)
    finite = build.fcmp_ordered("<", magnitude(cost), code.splat(inf, copies))
    sound = build.and_(finite, build.fcmp_ordered("<=", cost, lanes["divergence_threshold"]))
    return build.select(sound, reason, code.splat(1, copies))
