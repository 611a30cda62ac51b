"""Elementwise primitives that one instruction or two can do."""

from __future__ import annotations

from functools import partial

from llvmlite import ir

from steepest.engines.native.functions.elementwise import ADD, ELEMENTARY, MULTIPLY, native
from steepest.engines.native.functions.vectors import Real
from steepest.engines.native.llvm.code import Code, Splat, Value

_CONTRACT = ("contract",)  # a product and a sum may become one fused operation; no other accuracy is given away


native("add", latency=ADD)(partial(ir.IRBuilder.fadd, flags=_CONTRACT))
native("subtract", latency=ADD)(partial(ir.IRBuilder.fsub, flags=_CONTRACT))
native("multiply", latency=MULTIPLY)(partial(ir.IRBuilder.fmul, flags=_CONTRACT))
native("divide", latency=13)(ir.IRBuilder.fdiv)
native("negate")(ir.IRBuilder.fneg)


@native("abs")
def _absolute(builder: Value, x: Value) -> Value:
    return Real(builder, x).magnitude().value


@native("sign")
def _sign(builder: Value, x: Value) -> Value:
    zero = Splat(x.type, 0)
    negative = builder.select(builder.fcmp_ordered("<", x, zero), Splat(x.type, -1), x)
    return builder.select(builder.fcmp_ordered(">", x, zero), Splat(x.type, 1), negative)


@native("floor", latency=8)
def _floor(builder: Value, x: Value) -> Value:
    return Real(builder, x).floor().value


native("fmod", *ELEMENTARY)(ir.IRBuilder.frem)  # exact, and a call of the C library for each number


@native("where")
def _where(builder: Value, condition: Value, x: Value, y: Value) -> Value:
    return builder.select(builder.fcmp_unordered("!=", condition, Splat(condition.type, 0)), x, y)


def _extreme(sign: str, builder: Value, x: Value, y: Value) -> Value:
    # A NaN on either side is the result, as in NumPy; a constant y is never NaN.
    if isinstance(y, ir.Constant):
        return builder.select(builder.fcmp_unordered(sign, x, y), x, y)
    chosen = builder.select(builder.fcmp_ordered(sign, x, y), x, y)
    return builder.select(builder.fcmp_unordered("uno", x, x), x, chosen)


native("maximum")(partial(_extreme, ">="))
native("minimum")(partial(_extreme, "<="))


def _compare(sign: str, builder: Value, x: Value, y: Value) -> Value:
    compare = builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered
    return builder.select(compare(sign, x, y), Splat(x.type, 1), Splat(x.type, 0))


native("less")(partial(_compare, "<"))
native("less_equal")(partial(_compare, "<="))
native("greater")(partial(_compare, ">"))
native("greater_equal")(partial(_compare, ">="))
native("equal")(partial(_compare, "=="))
native("not_equal")(partial(_compare, "!="))


def add_apart(code: Code, x: Value, y: Value) -> Value:
    """Write x + y without the permission to fuse it with a product."""
    return code.builder.fadd(x, y)
