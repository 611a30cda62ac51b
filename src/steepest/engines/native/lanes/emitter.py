"""Primitives written as code over tensors of lanes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from steepest.engines.native.functions import ELEMENTWISE
from steepest.engines.native.lanes.lanes import Lanes
from steepest.engines.native.lanes.scheduling import scheduled_sum
from steepest.engines.native.lanes.tensors import (
    UNROLLED_AXIS,
    FusedTensor,
    MemoryTensor,
    Place,
    RegisterTensor,
    Run,
    Tensor,
    fits_registers,
)
from steepest.engines.native.llvm.code import Code, Index, Value
from steepest.engines.native.llvm.memory import ALIGNMENT
from steepest.expressions.expression import Expression, Shape


class Scratch:
    """Memory at ``pointer`` for tensors that do not fit into registers, allocated while code is written."""

    def __init__(self, code: Code, pointer: Value) -> None:
        self._code, self._pointer = code, pointer
        self.size = 0

    def take(self, numbers: int) -> Value:
        """Allocate memory for so many numbers and return its address."""
        begin = self.size // self._code.size
        self.size += -(-numbers * self._code.size // ALIGNMENT) * ALIGNMENT
        return self._code.place(self._pointer, begin, self._code.number)


class Emitter:
    """Writes primitives as code for one layout of lanes.

    Args:
        code: the function being written.
        lanes: what its vectors hold.
        unrolled: whether every tensor is kept in registers.
        scratch: where the others go.
        count: the number of samples, in as many lanes as a shared value has.
        users: how many nodes use a node.
        stride: elements of a shared tensor that are computed at once.
    """

    def __init__(
        self, code: Code, lanes: Lanes, unrolled: bool, scratch: Scratch, count: Value,
        users: dict[Expression, list[Expression]], stride: int,
    ) -> None:  # fmt: skip
        self.code, self.lanes, self.unrolled, self.scratch, self.count = code, lanes, unrolled, scratch, count
        self.users, self.stride = users, stride
        self.values: dict[Expression, Tensor] = {}
        self.targets: dict[Expression, MemoryTensor] = {}
        self.ready: dict[Expression, int] = {}

    # -- tensors

    def in_registers(self, shape: Shape) -> bool:
        """Return whether tensors of this shape are kept in registers."""
        return fits_registers(shape, self.unrolled)

    def output_buffer(self, node: Expression) -> MemoryTensor:
        """Return the memory for a node: its target if it has one, else new memory."""
        return self.targets.get(node) or self.buffer(node.shape, node.per_sample)

    def buffer(self, shape: Shape, per_sample: bool) -> MemoryTensor:
        """Allocate memory for a tensor."""
        lanes = self.lanes.width(per_sample)
        width = lanes if per_sample or self.lanes.copies > 1 else 1
        padded = -(-prod(shape) // self.stride) * self.stride if width == 1 else prod(shape)
        return MemoryTensor(self.code, shape, self.scratch.take(padded * width), width, lanes)

    def at(self, node: Expression, place: Place, per_sample: bool) -> Value:
        """Return one element of a node, optionally per sample; scalars are broadcast."""
        value = self.values[node].at(place if node.shape else ())
        return self.lanes.spread(self.code, value) if per_sample and not node.per_sample else value

    def loaded(self, tensor: MemoryTensor) -> Tensor:
        """Load a tensor into registers, if it fits."""
        return RegisterTensor.of(tensor.shape, tensor.at) if self.in_registers(tensor.shape) else tensor

    def each(self, shape: Shape, body: Callable[[Place], None], outer: Place = ()) -> None:
        """Call ``body`` at every index, in loops over the long axes unless everything is unrolled."""
        if not shape:
            body(outer)
        elif self.unrolled or shape[0] <= UNROLLED_AXIS:
            for k in range(shape[0]):
                self.each(shape[1:], body, (*outer, k))
        else:
            with self.code.loop(0, shape[0]) as index:
                self.each(shape[1:], body, (*outer, index))

    # -- nodes

    def emit(self, node: Expression) -> None:
        """Write a primitive whose arguments have been written; ``samples.py`` writes sums over samples."""
        write = TENSORS.get(node.operation.name)
        self.values[node] = self._elementwise(node) if write is None else write(self, node)

    def _elementwise(self, node: Expression) -> Tensor:
        operate = ELEMENTWISE[node.operation.name]

        def compute(place: Place) -> Value:
            if self.unrolled and node.operation.name == "add":
                return self._sum(node, place)
            return operate(self.code, *(self.at(arg, place, node.per_sample) for arg in node.args))

        if self.is_summand(node):
            return FusedTensor(node.shape, compute)
        if self.in_registers(node.shape):
            return RegisterTensor.of(node.shape, compute)
        runs = self._runs(node)
        if self._is_fused(node):
            return FusedTensor(node.shape, compute, runs)
        made = self.output_buffer(node)
        if runs is None:
            self.each(node.shape, lambda place: made.put(place, compute(place)))
            return made
        with self.code.loop(0, prod(node.shape), self.stride) as first:
            made.put_run(first, runs(first, self.stride))
        return made

    def is_summand(self, node: Expression) -> bool:
        """Return whether the only use of a node is as a term of a sum, which then expands it; see :meth:`_sum`."""
        users = self.users.get(node, [])
        if not self.unrolled or len(users) != 1 or users[0].operation.name != "add":
            return False
        return users[0].per_sample == node.per_sample and node.operation.name in ("add", "multiply", "matmul", "dot")

    def _sum(self, node: Expression, place: Place) -> Value:
        """Write an element of a sum of any number of terms, in an order of low latency."""
        products: list[tuple[int, Value, Value]] = []
        others: list[tuple[int, Value]] = []
        below = [node]
        while below:
            for arg in below.pop().args:
                when, here = max((self.ready[each] for each in arg.args), default=0), place if arg.shape else ()
                if not self.is_summand(arg):
                    others.append((self.ready[arg], self.at(arg, place, node.per_sample)))
                elif arg.operation.name == "add":
                    below.append(arg)
                elif arg.operation.name == "multiply":
                    products.append((when, *(self.at(factor, here, node.per_sample) for factor in arg.args)))
                else:
                    inner = range(arg.args[1].shape[0])
                    products += [(when, *self.factors(arg, here, k)) for k in inner]
        return scheduled_sum(self.code, products, others)

    def _is_fused(self, node: Expression) -> bool:
        """Return whether a node can be fused: a single elementwise node uses it, element by element."""
        users = self.users.get(node, [])
        if len(users) != 1 or users[0].per_sample != node.per_sample:
            return False
        user = users[0]
        return user.operation.name in ELEMENTWISE and user.shape == node.shape

    def _runs(self, node: Expression) -> Run | None:
        """Return what computes neighbouring elements in lanes, for tensors that samples and copies share."""
        if node.per_sample or self.lanes.copies > 1:
            return None
        operands: list[Run] = []
        for arg in node.args:
            tensor = self.values[arg]
            if not arg.shape:
                operands.append(self._constant_run(arg))
            elif isinstance(tensor, MemoryTensor | FusedTensor) and tensor.run is not None:
                operands.append(tensor.run)
            else:
                return None
        operate = ELEMENTWISE[node.operation.name]
        return lambda first, length: operate(self.code, *(run(first, length) for run in operands))

    def _constant_run(self, node: Expression) -> Run:
        value = self.values[node].at(())
        return lambda first, length: self.code.broadcast(self.code.lane(value), length)

    def factors(self, node: Expression, place: Place, k: Index) -> tuple[Value, Value]:
        """Return the factors of term k of an element of a product."""
        a, b = node.args
        rows = len(a.shape) - 1
        left, right = (*place[:rows], k), (k, *place[rows:])
        return self.at(a, left, node.per_sample), self.at(b, right, node.per_sample)


TENSORS: dict[str, Callable[[Emitter, Expression], Tensor]] = {}
"""What writes constants and tensor primitives, by name; filled by :mod:`steepest.engines.native.lanes.primitives`."""
