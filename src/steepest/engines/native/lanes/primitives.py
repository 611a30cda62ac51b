"""Tensor primitives as code over lanes: one registered function each; elementwise ones are the emitter's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from steepest.engines.native.functions import ELEMENTWISE
from steepest.engines.native.functions.arithmetic import add_apart
from steepest.engines.native.lanes.emitter import TENSORS, Emitter
from steepest.engines.native.lanes.tensors import (
    UNROLLED_AXIS,
    FusedTensor,
    Place,
    RegisterTensor,
    Tensor,
    indices,
)
from steepest.engines.native.llvm.code import I32, Code, Index, Value
from steepest.expressions.expression import Expression

_TILE = 4  # elements of a product computed at once, so that a loaded operand is used several times

Write = Callable[[Emitter, Expression], Tensor]
Compute = Callable[[Place], Value]


def lanes(*names: str) -> Callable[[Write], Write]:
    """Return a decorator that registers the function as the code of tensor primitives."""

    def register(write: Write) -> Write:
        TENSORS.update(dict.fromkeys(names, write))
        return write

    return register


@lanes("constant")
def _constant(emitter: Emitter, node: Expression) -> Tensor:
    return RegisterTensor((), [emitter.code.splat(node.value, emitter.lanes.shared)])


@lanes("count")
def _count(emitter: Emitter, node: Expression) -> Tensor:
    return RegisterTensor((), [emitter.count])


# -- elements that come from elsewhere ---------------------------------------------------------------------------


def rearranged(name: str) -> Callable[[Callable[[Emitter, Expression], Compute]], Write]:
    """Return a decorator that registers a primitive whose elements are computed from an index alone."""

    def register(elements: Callable[[Emitter, Expression], Compute]) -> Write:
        @lanes(name)
        def write(emitter: Emitter, node: Expression) -> Tensor:
            compute = elements(emitter, node)
            if emitter.in_registers(node.shape):
                return RegisterTensor.of(node.shape, compute)
            return FusedTensor(node.shape, compute)

        return write

    return register


@rearranged("transpose")
def _transpose(emitter: Emitter, node: Expression) -> Compute:
    (arg,) = node.args
    return lambda place: emitter.at(arg, place[::-1], node.per_sample)


@rearranged("expand")
def _expand(emitter: Emitter, node: Expression) -> Compute:
    (arg,) = node.args
    return lambda place: emitter.at(arg, (), node.per_sample)


@rearranged("outer")
def _outer(emitter: Emitter, node: Expression) -> Compute:
    x, y = node.args
    return lambda place: ELEMENTWISE["multiply"](
        emitter.code, emitter.at(x, place[:1], node.per_sample), emitter.at(y, place[1:], node.per_sample)
    )


@rearranged("one_hot")
def _one_hot(emitter: Emitter, node: Expression) -> Compute:
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


# -- reductions --------------------------------------------------------------------------------------------------


@lanes("sum", "largest")
def _reduced(emitter: Emitter, node: Expression) -> Tensor:
    (arg,), code, is_sum = node.args, emitter.code, node.operation.name == "sum"
    join = ELEMENTWISE["add" if is_sum else "maximum"]
    if emitter.in_registers(arg.shape):
        items = [emitter.at(arg, p, node.per_sample) for p in indices(arg.shape)]
        return RegisterTensor((), [tree(code, join, items)])
    kind = code.vector(emitter.lanes.width(node.per_sample))
    first = emitter.at(arg, (0,) * len(arg.shape), node.per_sample)
    sofar = code.slot(kind, code.splat(0, kind.count) if is_sum else first)

    def take(place: Place) -> None:
        code.put(join(code, code.get(sofar, kind), emitter.at(arg, place, node.per_sample)), sofar)

    emitter.each(arg.shape, take)
    return RegisterTensor((), [code.get(sofar, kind)])


def tree(code: Code, join: Callable[..., Value], items: Sequence[Value]) -> Value:
    """Join values pairwise: as many dependent steps as the logarithm of their number."""
    while len(items) > 1:
        pairs = [join(code, items[k], items[k + 1]) for k in range(0, len(items) - 1, 2)]
        items = [*pairs, *items[2 * len(pairs) :]]
    return items[0]


# -- products ----------------------------------------------------------------------------------------------------


@lanes("matmul", "dot")
def _product(emitter: Emitter, node: Expression) -> Tensor:
    """Write a @ b for every combination of vectors and matrices, shared and per sample."""
    inner = node.args[1].shape[0]

    def element(place: Place) -> Value:
        return _dot(emitter, [emitter.factors(node, place, k) for k in range(inner)])

    if emitter.is_summand(node):
        return FusedTensor(node.shape, element)
    if emitter.unrolled or (inner <= UNROLLED_AXIS and emitter.in_registers(node.shape)):
        return RegisterTensor.of(node.shape, element)
    if emitter.in_registers(node.shape):
        return RegisterTensor(node.shape, _dots(emitter, node, list(indices(node.shape))))
    return _tiled_product(emitter, node)


def _tiled_product(emitter: Emitter, node: Expression) -> Tensor:
    made, last, code = emitter.output_buffer(node), node.shape[-1], emitter.code

    def tile(outer: Place, first: Index, size: int) -> None:
        group = [(*outer, code.plus(first, k)) for k in range(size)]
        for place, value in zip(group, _dots(emitter, node, group), strict=True):
            made.put(place, value)

    def along(outer: Place) -> None:
        whole = last // _TILE * _TILE
        if last <= UNROLLED_AXIS:
            for first in range(0, whole, _TILE):
                tile(outer, first, _TILE)
        else:
            with code.loop(0, whole, _TILE) as index:
                tile(outer, index, _TILE)
        if last > whole:
            tile(outer, whole, last - whole)

    emitter.each(node.shape[:-1], along)
    return made


def _dot(emitter: Emitter, pairs: Sequence[tuple[Value, Value]]) -> Value:
    multiply, add, code = ELEMENTWISE["multiply"], ELEMENTWISE["add"], emitter.code
    if emitter.unrolled:  # fewer dependent steps, not fewer operations
        return tree(code, add_apart, [multiply(code, x, y) for x, y in pairs])
    sofar = multiply(code, *pairs[0])
    for x, y in pairs[1:]:
        sofar = add(code, sofar, multiply(code, x, y))
    return sofar


def _dots(emitter: Emitter, node: Expression, group: Sequence[Place]) -> list[Value]:
    """Compute several elements of a product in one loop over the inner axis."""
    inner, code = node.args[1].shape[0], emitter.code
    if inner <= UNROLLED_AXIS:
        return [_dot(emitter, [emitter.factors(node, place, k) for k in range(inner)]) for place in group]
    kind = code.vector(emitter.lanes.width(node.per_sample))
    sums = [code.slot(kind, code.splat(0, kind.count)) for _ in group]
    with code.loop(0, inner) as k:
        for place, sofar in zip(group, sums, strict=True):
            product = ELEMENTWISE["multiply"](code, *emitter.factors(node, place, k))
            code.put(ELEMENTWISE["add"](code, code.get(sofar, kind), product), sofar)
    return [code.get(sofar, kind) for sofar in sums]


# -- sums over the samples ---------------------------------------------------------------------------------------


def _total(emitter: Emitter, node: Expression, place: Place) -> tuple[Value, ...]:
    return (emitter.at(node.args[0], place, True),)


def _total_outer(emitter: Emitter, node: Expression, place: Place) -> tuple[Value, ...]:
    return tuple(emitter.at(arg, place[k : k + 1], True) for k, arg in enumerate(node.args))


SUMS: dict[str, Callable[[Emitter, Expression, Place], tuple[Value, ...]]] = {
    "total": _total,
    "total_outer": _total_outer,
}
"""What is added up at an index: one value, or two that are multiplied; the passes over the samples add."""


def term(code: Code, factors: Sequence[Value]) -> Value:
    """Return what is added up, of the values that ``SUMS`` give: one, or the product of two."""
    return factors[0] if len(factors) == 1 else ELEMENTWISE["multiply"](code, *factors)
