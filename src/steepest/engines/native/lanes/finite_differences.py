"""The gradient by finite differences: the lanes carry the perturbed copies of the model.

Copy 0 is the model itself; copy 1 + e has ε added to element e of its P parameters, and with central differences copy
1 + P + e has ε subtracted. Copies that fit into a vector are computed at once, together with as many samples as fit;
more of them are computed group after group.
"""

from __future__ import annotations

from itertools import accumulate
from math import prod

from llvmlite import ir

from steepest.calculus.passes import users
from steepest.engines.native.lanes.bound_kernel import Frame
from steepest.engines.native.lanes.emitter import Emitter
from steepest.engines.native.lanes.lanes import Lanes
from steepest.engines.native.lanes.samples import AllAtOnce
from steepest.engines.native.lanes.state import Layout
from steepest.engines.native.lanes.tensors import MemoryTensor, RegisterTensor, Tensor, indices
from steepest.engines.native.llvm.code import Index, Value, i64
from steepest.engines.step import RATE, Step, partial_derivative
from steepest.expressions.expression import Expression


def copies(step: Step) -> int:
    """Return how many copies of the model an epoch computes."""
    elements = sum(prod(leaf.shape) for leaf in step.parameters)
    return 1 + elements * (2 if step.central else 1)


class Differences:
    """Writes an epoch whose gradient is computed by finite differences.

    The frame's programs are that of the cost, and that of the norm and the updated parameters, given the gradient.
    """

    def __init__(self, frame: Frame, step: Step, where: Layout) -> None:
        self.frame, self.step, self.where, self.code = frame, step, where, frame.code
        plan, moves = frame.plan, frame.programs[1]
        in_registers = all(frame.emitter.in_registers(leaf.shape) for leaf in step.updates)
        self.in_memory = not in_registers or copies(step) > plan.lanes.copies
        lanes = Lanes(plan.native) if self.in_memory else plan.lanes
        self.emitter = Emitter(
            frame.code, lanes, plan.unrolled and not self.in_memory, frame.emitter.scratch, frame.emitter.count,
            users(moves), plan.stride,
        )  # fmt: skip
        *begins, self.elements = accumulate((prod(leaf.shape) for leaf in step.parameters), initial=0)
        self.first = dict(zip(step.parameters, begins, strict=True))

    def run(self, now: dict[Expression, Tensor], rate: Value, step: Value) -> tuple[Tensor, dict[Expression, Tensor]]:
        """Write cost, gradient and updated parameters, given the parameters, α, and ε in float64.

        Returns:
            The cost, and the values of the nodes of the norm and the updated parameters.
        """
        code, epsilon = self.code, self.code.narrowed(step)
        cost, slopes = self._by_groups(epsilon) if self.in_memory else self._all_at_once(now, epsilon)
        bound = {**now, **slopes, RATE: RegisterTensor((), [code.broadcast(rate, self.emitter.lanes.shared)])}
        AllAtOnce(self.emitter, 1, {}).run(self.frame.programs[1], bound)
        return cost, self.emitter.values

    def _run_cost(self, bound: dict[Expression, Tensor]) -> Value:
        cost = self.frame.program.outputs[0]
        self.frame.over.run(self.frame.program, bound)
        value = self.frame.emitter.values[cost].at(())
        self.frame.emitter.values.clear()
        return value

    # -- all copies at once

    def _all_at_once(self, now: dict[Expression, Tensor], epsilon: Value) -> tuple[Tensor, dict[Expression, Tensor]]:
        code, lanes = self.code, self.frame.plan.lanes
        shift = code.broadcast(epsilon, lanes.copies)
        bound: dict[Expression, Tensor] = {}
        for leaf, first in self.first.items():
            items = [self._shifted(now[leaf].at(p), shift, first + k) for k, p in enumerate(indices(leaf.shape))]
            bound[leaf] = RegisterTensor(leaf.shape, items)
        costs = self._run_cost(bound)
        here = code.shuffle(costs, [0] * lanes.copies)
        if self.step.central:
            behind = list(range(self.elements + 1, 2 * self.elements + 1))
            lower = code.shuffle(costs, [0, *behind, *[0] * (lanes.copies - 1 - self.elements)])
            ratio = code.builder.fdiv(code.builder.fsub(costs, lower), code.builder.fadd(shift, shift))
        else:
            ratio = code.builder.fdiv(code.builder.fsub(costs, here), shift)
        slopes: dict[Expression, Tensor] = {}
        for leaf, first in self.first.items():
            parts = [code.shuffle(ratio, [1 + first + k] * lanes.copies) for k in range(prod(leaf.shape))]
            slopes[partial_derivative(leaf)] = RegisterTensor(leaf.shape, parts)
        return RegisterTensor((), [here]), slopes

    def _shifted(self, value: Value, shift: Value, element: int) -> Value:
        code, count = self.code, self.frame.plan.lanes.copies
        signs = [0.0] * count
        signs[1 + element] = 1.0
        if self.step.central:
            signs[1 + self.elements + element] = -1.0
        ups = ir.Constant(code.vector(count), [ir.Constant(code.number, sign) for sign in signs])
        return code.builder.fadd(value, code.builder.fmul(shift, ups))

    # -- group after group

    def _by_groups(self, epsilon: Value) -> tuple[Tensor, dict[Expression, Tensor]]:
        code, build = self.code, self.code.builder
        side = self.frame.plan.lanes.copies
        groups = -(-copies(self.step) // side)
        scratch, stride = self.frame.emitter.scratch, self.emitter.stride
        costs = scratch.take(groups * side + stride)
        shifted = scratch.take(self.where.length * side)
        memory = code.arguments["params"]
        with code.loop(0, groups) as group:
            bound: dict[Expression, Tensor] = {}
            for leaf in self.first:
                begin = self.where.begins[leaf.name]
                with code.loop(0, prod(leaf.shape)) as k:
                    number = code.read(memory, code.plus(k, begin), code.number)
                    target = code.place(shifted, code.times(code.plus(k, begin), side), code.number)
                    code.write(code.broadcast(number, side), target, 0, code.size)
                self._shift_group(leaf, shifted, group, epsilon)
                start = code.place(shifted, begin * side, code.number)
                bound[leaf] = self.frame.emitter.loaded(MemoryTensor(code, leaf.shape, start, side, side))
            target = code.place(costs, build.mul(group, i64(side)), code.number)
            code.write(self._run_cost(bound), target, 0, code.size)
        here = code.broadcast(code.read(costs, 0, code.number), stride)
        return RegisterTensor((), [here]), {
            partial_derivative(leaf): self._slopes(leaf, costs, here, epsilon) for leaf in self.first
        }

    def _shift_group(self, leaf: Expression, shifted: Value, group: Value, epsilon: Value) -> None:
        """Shift one element of a parameter, in each lane of a group that is the copy for it."""
        code, build, side = self.code, self.code.builder, self.frame.plan.lanes.copies
        up, down = epsilon, build.fneg(epsilon)
        for lane in range(side):
            copy = build.add(build.mul(group, i64(side)), i64(lane))
            for shift, before in ((up, 1), (down, 1 + self.elements))[: 2 if self.step.central else 1]:
                element = build.sub(copy, i64(before + self.first[leaf]))
                mine = build.and_(
                    build.icmp_signed(">=", element, i64(0)), build.icmp_signed("<", element, i64(prod(leaf.shape)))
                )
                with build.if_then(mine):
                    place: Index = code.plus(code.times(code.plus(element, self.where.begins[leaf.name]), side), lane)
                    code.write(build.fadd(code.read(shifted, place, code.number), shift), shifted, place)

    def _slopes(self, leaf: Expression, costs: Value, here: Value, epsilon: Value) -> Tensor:
        code, build, stride = self.code, self.code.builder, self.emitter.stride
        shift, kind = code.broadcast(epsilon, stride), code.vector(self.emitter.stride)
        size = prod(leaf.shape)
        memory = self.frame.emitter.scratch.take(-(-size // stride) * stride)
        made = MemoryTensor(code, leaf.shape, memory, 1, self.emitter.lanes.shared)
        with code.loop(0, size, stride) as first:
            ahead = code.plus(first, 1 + self.first[leaf])
            rise = code.load(costs, ahead, kind)
            if self.step.central:
                fall = code.load(costs, code.plus(ahead, self.elements), kind)
                made.put_run(first, build.fdiv(build.fsub(rise, fall), build.fadd(shift, shift)))
            else:
                made.put_run(first, build.fdiv(build.fsub(rise, here), shift))
        return self.emitter.loaded(made)
