"""Elementwise primitives but the elementary functions: what one instruction or two can do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from llvmlite import ir

from steepest.engines.native.functions import FUNCTIONS
from steepest.engines.native.llvm.code import I32, Code, Splat, Value

LONG = frozenset(FUNCTIONS) - {"sqrt"}
"""Functions that take many instructions; a root is one."""

_CONTRACT = ("contract",)  # a product and a sum may become one fused operation; nothing else is given away


def _compare(sign: str, code: Code, x: Value, y: Value) -> Value:
    compare = code.builder.fcmp_unordered if sign == "!=" else code.builder.fcmp_ordered
    return code.builder.select(compare(sign, x, y), Splat(x.type, 1), Splat(x.type, 0))


def _extreme(sign: str, code: Code, x: Value, y: Value) -> Value:
    # A NaN on either side is the result, as in NumPy; a constant y is no NaN.
    build = code.builder
    if isinstance(y, ir.Constant):
        return build.select(build.fcmp_unordered(sign, x, y), x, y)
    chosen = build.select(build.fcmp_ordered(sign, x, y), x, y)
    return build.select(build.fcmp_unordered("uno", x, x), x, chosen)


def _sign(code: Code, x: Value) -> Value:
    build, zero = code.builder, Splat(x.type, 0)
    negative = build.select(build.fcmp_ordered("<", x, zero), Splat(x.type, -1), x)
    return build.select(build.fcmp_ordered(">", x, zero), Splat(x.type, 1), negative)


def _where(code: Code, condition: Value, x: Value, y: Value) -> Value:
    return code.builder.select(code.builder.fcmp_unordered("!=", condition, Splat(condition.type, 0)), x, y)


def _absolute(code: Code, x: Value) -> Value:
    suffix = f"v{x.type.count}f{8 * code.size}"
    return code.intrinsic(f"llvm.fabs.{suffix}", x.type, [x])


def _elementary(name: str) -> Callable[..., Value]:
    def written(code: Code, *args: Value) -> Value:
        called = code.outlined and name in LONG
        return _called(name, code, args) if called else FUNCTIONS[name](code.builder, *args)

    return written


def _called(name: str, code: Code, args: tuple[Value, ...]) -> Value:
    """A call of a function that is written once in the module, for each register of a wide vector."""
    width = args[0].type.count
    piece = min(width, code.native)
    function = _outlined(name, code, piece)
    found = []
    for start in range(0, width, piece):
        parts = [code.shuffle(arg, list(range(start, start + piece))) if piece < width else arg for arg in args]
        found.append(code.builder.call(function, parts, cconv="fastcc"))
    return joined(code, found)


def _outlined(name: str, code: Code, width: int) -> Value:
    module, kind, title = code.builder.module, code.vector(width), f"{name}.{width}"
    known = module.globals.get(title)
    if known is not None:
        return known
    arity = 2 if name == "power" else 1
    function = ir.Function(module, ir.FunctionType(kind, [kind] * arity), title)
    function.linkage, function.calling_convention = "internal", "fastcc"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block())
    builder.ret(FUNCTIONS[name](builder, *function.args))
    return function


def joined(code: Code, pieces: list[Value]) -> Value:
    """Vectors of one length as one, in order."""
    while len(pieces) > 1:
        width = pieces[0].type.count
        mask = ir.Constant(ir.VectorType(I32, 2 * width), list(range(2 * width)))
        pieces = [code.builder.shuffle_vector(pieces[k], pieces[k + 1], mask) for k in range(0, len(pieces), 2)]
    return pieces[0]


ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "add": lambda code, x, y: code.builder.fadd(x, y, flags=_CONTRACT),
    "subtract": lambda code, x, y: code.builder.fsub(x, y, flags=_CONTRACT),
    "multiply": lambda code, x, y: code.builder.fmul(x, y, flags=_CONTRACT),
    "divide": lambda code, x, y: code.builder.fdiv(x, y),
    "negate": lambda code, x: code.builder.fneg(x),
    "abs": _absolute,
    "sign": _sign,
    "maximum": partial(_extreme, ">="),
    "minimum": partial(_extreme, "<="),
    "where": _where,
    "less": partial(_compare, "<"),
    "less_equal": partial(_compare, "<="),
    "greater": partial(_compare, ">"),
    "greater_equal": partial(_compare, ">="),
    "equal": partial(_compare, "=="),
    "not_equal": partial(_compare, "!="),
    **{name: _elementary(name) for name in FUNCTIONS},
}
"""Primitives that act on each lane alone: code and operands in, the value out."""


def add_apart(code: Code, x: Value, y: Value) -> Value:
    """x + y, of which no product becomes part."""
    return code.builder.fadd(x, y)
