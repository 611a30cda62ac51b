"""The registry of elementwise primitives: one function each, for both forms of the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from steepest.engines.native.llvm.code import I32, Code, Value
from steepest.errors import DescentError

ADD, MULTIPLY = 2, 3
"""Latencies of a sum and a product of today's processors, about, in cycles."""
ELEMENTARY = (25, 40)
"""Instructions and latency of an elementary function, about; estimates choose between layouts, not between results."""

Write = Callable[..., Value]
"""Emits code: takes an ``IRBuilder`` and the operands, returns the value."""


@dataclass(frozen=True)
class Elementwise:
    """What a primitive is on one vector.

    Attributes:
        write: emits the code.
        instructions: how many it takes, about; more than one may be called rather than written out at each use.
        latency: cycles until its value is ready, about.
    """

    name: str
    write: Write
    instructions: int
    latency: int

    def __call__(self, code: Code, *operands: Value) -> Value:
        """Write the primitive into a function."""
        if code.outlined and self.instructions > 1:
            return self._call(code, operands)
        return self.write(code.builder, *operands)

    def _call(self, code: Code, operands: tuple[Value, ...]) -> Value:
        """Call a function that is written once in the module, for each register of a wide vector."""
        width = operands[0].type.count
        piece = min(width, code.native)
        function = self._outlined(code, piece, len(operands))
        found = []
        for start in range(0, width, piece):
            lanes = list(range(start, start + piece))
            parts = [code.shuffle(operand, lanes) if piece < width else operand for operand in operands]
            found.append(code.builder.call(function, parts, cconv="fastcc"))
        return joined(code, found)

    def _outlined(self, code: Code, width: int, arity: int) -> Value:
        module, kind, title = code.builder.module, code.vector(width), f"{self.name}.{width}"
        known = module.globals.get(title)
        if known is not None:
            return known
        function = ir.Function(module, ir.FunctionType(kind, [kind] * arity), title)
        function.linkage, function.calling_convention = "internal", "fastcc"
        function.attributes.add("noinline")
        builder = ir.IRBuilder(function.append_basic_block())
        builder.ret(self.write(builder, *function.args))
        return function


def joined(code: Code, pieces: list[Value]) -> Value:
    """Concatenate vectors of one length, a power of two of them."""
    while len(pieces) > 1:
        width = pieces[0].type.count
        mask = ir.Constant(ir.VectorType(I32, 2 * width), list(range(2 * width)))
        pieces = [code.builder.shuffle_vector(pieces[k], pieces[k + 1], mask) for k in range(0, len(pieces), 2)]
    return pieces[0]


class _Registry(dict[str, Elementwise]):
    def __missing__(self, name: str) -> Elementwise:
        raise DescentError(
            f"the native engine has no code for the operation {name!r}; take engine='reference', "
            f"or register a function for it in steepest.engines.native.functions with @native({name!r})"
        )


ELEMENTWISE = _Registry()
"""Every elementwise primitive by its name."""


def native(name: str, instructions: int = 1, latency: int = 1) -> Callable[[Write], Write]:
    """Return a decorator that registers the function as the code of a primitive; see :class:`Elementwise`."""

    def register(write: Write) -> Write:
        ELEMENTWISE[name] = Elementwise(name, write, instructions, latency)
        return write

    return register
