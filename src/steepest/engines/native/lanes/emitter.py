"""Primitives written down as code over tensors of lanes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from steepest.engines.native.functions.arithmetic import ELEMENTWISE, add_apart
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
    places,
)
from steepest.engines.native.llvm.code import I32, Code, Index, Value
from steepest.expressions.expression import CONSTANT, Expression, Shape

_TILE = 4  # results of a product computed at once, so that a loaded operand serves several times
_ALIGNMENT = 64


class Scratch:
    """Memory for tensors that do not fit into registers, parcelled out while code is written.

    Args:
        pointer: where it begins, when the code runs.
    """

    def __init__(self, code: Code, pointer: Value) -> None:
        self._code, self._pointer = code, pointer
        self.size = 0

    def take(self, numbers: int) -> Value:
        """The address of room for so many numbers."""
        begin = self.size // self._code.size
        self.size += -(-numbers * self._code.size // _ALIGNMENT) * _ALIGNMENT
        return self._code.place(self._pointer, begin, self._code.number)


class Emitter:
    """Writes primitives as code, for one arrangement of lanes.

    Args:
        code: the function being written.
        lanes: what its vectors carry.
        unrolled: whether every tensor is held in registers.
        scratch: where the others go.
        count: the number of samples, in as many lanes as a shared value has.
        users: how many nodes use a node.
        stride: lanes of a run over the elements of a shared tensor.
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
        """Whether tensors of this shape are in registers."""
        return fits_registers(shape, self.unrolled)

    def room(self, node: Expression) -> MemoryTensor:
        """Where a tensor goes: where it is wanted, or to a place of its own."""
        return self.targets.get(node) or self.buffer(node.shape, node.per_sample)

    def buffer(self, shape: Shape, per_sample: bool) -> MemoryTensor:
        """Room for a tensor."""
        lanes = self.lanes.width(per_sample)
        width = lanes if per_sample or self.lanes.copies > 1 else 1
        padded = -(-prod(shape) // self.stride) * self.stride if width == 1 else prod(shape)
        return MemoryTensor(self.code, shape, self.scratch.take(padded * width), width, lanes)

    def at(self, node: Expression, place: Place, per_sample: bool) -> Value:
        """An element of a node, beside each sample if that is wanted; a number serves at every place."""
        value = self.values[node].at(place if node.shape else ())
        return self.lanes.spread(self.code, value) if per_sample and not node.per_sample else value

    def each(self, shape: Shape, body: Callable[[Place], None], in_registers: bool) -> None:
        """Do something at every index: written out if ``in_registers``, else in loops over the long axes."""
        if in_registers:
            for place in places(shape):
                body(place)
        else:
            self._nest(shape, (), body)

    def _nest(self, shape: Shape, outer: Place, body: Callable[[Place], None]) -> None:
        if not shape:
            body(outer)
        elif shape[0] <= UNROLLED_AXIS:
            for k in range(shape[0]):
                self._nest(shape[1:], (*outer, k), body)
        else:
            with self.code.loop(0, shape[0]) as index:
                self._nest(shape[1:], (*outer, index), body)

    # -- nodes

    def emit(self, node: Expression) -> None:
        """Write the code of a primitive whose arguments have been written; sums over samples are elsewhere."""
        self.values[node] = self._tensor(node)

    def _tensor(self, node: Expression) -> Tensor:
        name = node.operation.name
        if node.operation is CONSTANT:
            return RegisterTensor((), [self.code.splat(node.value, self.lanes.shared)])
        if name == "count":
            return RegisterTensor((), [self.count])
        if name in ELEMENTWISE:
            return self._elementwise(node)
        if name in ("matmul", "dot"):
            return self._product(node)
        if name in ("sum", "largest"):
            return self._reduced(node)
        return self._rearranged(node, _REARRANGED[name](self, node))

    def _rearranged(self, node: Expression, compute: Callable[[Place], Value]) -> Tensor:
        if self.in_registers(node.shape):
            return RegisterTensor(node.shape, [compute(place) for place in places(node.shape)])
        return FusedTensor(node.shape, compute)

    def _elementwise(self, node: Expression) -> Tensor:
        operate = ELEMENTWISE[node.operation.name]

        def compute(place: Place) -> Value:
            if self.unrolled and node.operation.name == "add":
                return self._sum(node, place)
            return operate(self.code, *(self.at(arg, place, node.per_sample) for arg in node.args))

        if self._is_summand(node):
            return FusedTensor(node.shape, compute)
        if self.in_registers(node.shape):
            return RegisterTensor(node.shape, [compute(place) for place in places(node.shape)])
        runs = self._runs(node)
        if self._is_passing(node):
            return FusedTensor(node.shape, compute, runs)
        made = self.room(node)
        if runs is None:
            self.each(node.shape, lambda place: made.put(place, compute(place)), in_registers=False)
            return made
        with self.code.loop(0, prod(node.shape), self.stride) as first:
            made.put_run(first, runs(first, self.stride))
        return made

    def _is_summand(self, node: Expression) -> bool:
        """Whether a single sum uses the elements, which then takes them apart; see :meth:`_sum`."""
        users = self.users.get(node, [])
        if not self.unrolled or len(users) != 1 or users[0].operation.name != "add":
            return False
        return users[0].per_sample == node.per_sample and node.operation.name in ("add", "multiply", "matmul", "dot")

    def _sum(self, node: Expression, place: Place) -> Value:
        """An element of a sum of any number of terms, written so that it is ready soon."""
        products: list[tuple[int, Value, Value]] = []
        others: list[tuple[int, Value]] = []
        below = [node]
        while below:
            for arg in below.pop().args:
                when, here = max((self.ready[each] for each in arg.args), default=0), place if arg.shape else ()
                if not self._is_summand(arg):
                    others.append((self.ready[arg], self.at(arg, place, node.per_sample)))
                elif arg.operation.name == "add":
                    below.append(arg)
                elif arg.operation.name == "multiply":
                    products.append((when, *(self.at(factor, here, node.per_sample) for factor in arg.args)))
                else:
                    inner = range(arg.args[1].shape[0])
                    products += [(when, *self._factors(arg, here, k)) for k in inner]
        return scheduled_sum(self.code, products, others)

    def _is_passing(self, node: Expression) -> bool:
        """Whether a single elementwise user takes the elements one by one, so that they need no room."""
        users = self.users.get(node, [])
        if len(users) != 1 or users[0].per_sample != node.per_sample:
            return False
        user = users[0]
        return user.operation.name in ELEMENTWISE and user.shape == node.shape

    def _runs(self, node: Expression) -> Run | None:
        """Lanes that carry neighbouring elements, for tensors that samples and copies share."""
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

    def _reduced(self, node: Expression) -> Tensor:
        (arg,) = node.args
        join = ELEMENTWISE["add" if node.operation.name == "sum" else "maximum"]
        if self.in_registers(arg.shape):
            return RegisterTensor(
                (), [tree(self.code, join, [self.at(arg, p, node.per_sample) for p in places(arg.shape)])]
            )
        kind = self.code.vector(self.lanes.width(node.per_sample))
        first = self.at(arg, (0,) * len(arg.shape), node.per_sample)
        begin = self.code.splat(0, kind.count) if node.operation.name == "sum" else first
        sofar = self.code.slot(kind, begin)

        def take(place: Place) -> None:
            self.code.put(join(self.code, self.code.get(sofar, kind), self.at(arg, place, node.per_sample)), sofar)

        self.each(arg.shape, take, in_registers=False)
        return RegisterTensor((), [self.code.get(sofar, kind)])

    # -- products

    def _product(self, node: Expression) -> Tensor:
        """a @ b: every mixture of vectors and matrices, shared and for each sample."""
        inner = node.args[1].shape[0]
        if self._is_summand(node):
            return FusedTensor(
                node.shape, lambda place: self._dot([self._factors(node, place, k) for k in range(inner)])
            )
        if self.unrolled or (inner <= UNROLLED_AXIS and self.in_registers(node.shape)):
            items = [self._dot([self._factors(node, p, k) for k in range(inner)]) for p in places(node.shape)]
            return RegisterTensor(node.shape, items)
        if self.in_registers(node.shape):
            return RegisterTensor(node.shape, self._dots(node, list(places(node.shape))))
        made, last = self.room(node), node.shape[-1]

        def tile(outer: Place, first: Index, size: int) -> None:
            group = [(*outer, self.code.plus(first, k)) for k in range(size)]
            for place, value in zip(group, self._dots(node, group), strict=True):
                made.put(place, value)

        def along(outer: Place) -> None:
            whole = last // _TILE * _TILE
            if last <= UNROLLED_AXIS:
                for first in range(0, whole, _TILE):
                    tile(outer, first, _TILE)
            else:
                with self.code.loop(0, whole, _TILE) as index:
                    tile(outer, index, _TILE)
            if last > whole:
                tile(outer, whole, last - whole)

        self.each(node.shape[:-1], along, in_registers=False)
        return made

    def _factors(self, node: Expression, place: Place, k: Index) -> tuple[Value, Value]:
        """What is multiplied for an element of a product, at the place k of the inner axis."""
        a, b = node.args
        rows = len(a.shape) - 1
        left, right = (*place[:rows], k), (k, *place[rows:])
        return self.at(a, left, node.per_sample), self.at(b, right, node.per_sample)

    def _dot(self, pairs: Sequence[tuple[Value, Value]]) -> Value:
        multiply, add = ELEMENTWISE["multiply"], ELEMENTWISE["add"]
        if self.unrolled:  # fewer dependent steps, not fewer operations
            return tree(self.code, add_apart, [multiply(self.code, x, y) for x, y in pairs])
        sofar = multiply(self.code, *pairs[0])
        for x, y in pairs[1:]:
            sofar = add(self.code, sofar, multiply(self.code, x, y))
        return sofar

    def _dots(self, node: Expression, group: Sequence[Place]) -> list[Value]:
        """Several elements of a product, side by side."""
        inner = node.args[1].shape[0]
        if inner <= UNROLLED_AXIS:
            return [self._dot([self._factors(node, place, k) for k in range(inner)]) for place in group]
        kind = self.code.vector(self.lanes.width(node.per_sample))
        sums = [self.code.slot(kind, self.code.splat(0, kind.count)) for _ in group]
        with self.code.loop(0, inner) as k:
            for place, sofar in zip(group, sums, strict=True):
                product = ELEMENTWISE["multiply"](self.code, *self._factors(node, place, k))
                self.code.put(ELEMENTWISE["add"](self.code, self.code.get(sofar, kind), product), sofar)
        return [self.code.get(sofar, kind) for sofar in sums]


# -- elements that come from elsewhere ---------------------------------------------------------------------------


def _transposed(emitter: Emitter, node: Expression) -> Callable[[Place], Value]:
    (arg,) = node.args
    return lambda place: emitter.at(arg, place[::-1], node.per_sample)


def _expanded(emitter: Emitter, node: Expression) -> Callable[[Place], Value]:
    (arg,) = node.args
    return lambda place: emitter.at(arg, (), node.per_sample)


def _outer(emitter: Emitter, node: Expression) -> Callable[[Place], Value]:
    x, y = node.args
    return lambda place: ELEMENTWISE["multiply"](
        emitter.code, emitter.at(x, place[:1], node.per_sample), emitter.at(y, place[1:], node.per_sample)
    )


def _one_hot(emitter: Emitter, node: Expression) -> Callable[[Place], Value]:
    (arg,) = node.args
    code, width = emitter.code, emitter.lanes.width(node.per_sample)

    def compute(place: Place) -> Value:
        (k,) = place
        label = emitter.at(arg, (), node.per_sample)
        number = (
            code.splat(k, width)
            if isinstance(k, int)
            else code.broadcast(code.builder.sitofp(code.builder.trunc(k, I32), code.number), width)
        )
        hit = ELEMENTWISE["equal"](code, label, number)
        return code.builder.select(code.builder.fcmp_unordered("uno", label, label), label, hit)

    return compute


_REARRANGED: dict[str, Callable[[Emitter, Expression], Callable[[Place], Value]]] = {
    "transpose": _transposed,
    "expand": _expanded,
    "outer": _outer,
    "one_hot": _one_hot,
}


def tree(code: Code, join: Callable[..., Value], items: Sequence[Value]) -> Value:
    """Many values joined to one in as few steps as possible."""
    while len(items) > 1:
        pairs = [join(code, items[k], items[k + 1]) for k in range(0, len(items) - 1, 2)]
        items = [*pairs, *items[2 * len(pairs) :]]
    return items[0]
