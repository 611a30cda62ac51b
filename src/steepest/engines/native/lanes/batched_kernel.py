"""The kernel of many descents at once: each lane is a model with parameters of its own.

A lane that a rule stops keeps its parameters while the others go on. The function returns at the requested epoch, or
when every lane has stopped.
"""

from __future__ import annotations

from llvmlite import ir

from steepest.calculus.program import Program
from steepest.engines.native.lanes.frame import Frame
from steepest.engines.native.lanes.plan import Plan
from steepest.engines.native.lanes.state import layout, state
from steepest.engines.native.lanes.tensors import RegisterTensor
from steepest.engines.native.llvm.code import I64, Code, Value, i64
from steepest.engines.native.llvm.kernel import Kernel
from steepest.engines.native.llvm.stopping import DIVERGED, stops
from steepest.engines.step import RATE, Step

ARGUMENTS = ("params", "before", "rules", "counters", "lanes")
"""What the function takes besides ``frame.COMMON``."""
RULES = ("rate", "tolerance", "gradient_tolerance")
"""The content of the array ``rules``, in order."""
COUNTERS = ("epoch", "until", "cost_only")
"""The content of the array ``counters`` of int64, in order; ``epoch`` is written as well."""
LANES = ("divergence_threshold", "last", "cost", "reason")
"""Numbers of each lane, in order; ``reason`` is the number of a reason, 0 while the lane goes on."""


class _PerLane:
    """The numbers of each lane, as variables."""

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
        """Write the variables back to memory."""
        for name, (_, address) in self._slots.items():
            self.code.write(self[name], address, 0, self.code.size)


def batched_descent_kernel(step: Step, program: Program, plan: Plan, dtype: str) -> Kernel:
    """Write a function that runs many descents at once, with derived gradients.

    Args:
        step: what an epoch does.
        program: of cost, norm and updated parameters.
        plan: how it is laid out; with copies.
        dtype: the precision.
    """
    frame = Frame(program, plan, dtype, "descend_many", ARGUMENTS)
    code, build, copies = frame.code, frame.code.builder, plan.lanes.copies
    where = layout(list(step.updates), plan, copies)
    updates = dict(zip(step.updates, program.outputs[1 if step.gradient_norm is None else 2 :], strict=True))
    params = state(frame.emitter, where, code.arguments["params"], code.arguments["before"])
    params.expect(updates)
    lanes = _PerLane(code, copies)
    rules = {name: code.broadcast(code.read(code.arguments["rules"], k, code.number), copies)
             for k, name in enumerate(RULES)}  # fmt: skip
    counts = {name: code.read(code.arguments["counters"], k, I64) for k, name in enumerate(COUNTERS)}
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
    stopped = stops(code, rules, cost, lanes["last"], code.broadcast(later, copies), size)
    reason = stopped.reason(code, lambda number: code.splat(number, copies))
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
    return frame.finished()
