"""Elementwise primitives but the elementary functions: what one instruction or two can do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from steepest.engines.native.code import Code, Value
from steepest.engines.native.functions import FUNCTIONS
from llvmlite import ir

_CONTRACT = ("contract",)  # a product and a sum may become one fused operation; nothing else is given away


def _numbers(value: Value, number: float) -> Value:
    """A number in every lane, of a value's type."""
    return ir.Constant(value.type, [ir.Constant(value.type.element, number)] * value.type.count)


def _compare(sign: str, code: Code, x: Value, y: Value) -> Value:
    compare = code.builder.fcmp_unordered if sign == "!=" else code.builder.fcmp_ordered
    return code.builder.select(compare(sign, x, y), _numbers(x, 1), _numbers(x, 0))


def _extreme(sign: str, code: Code, x: Value, y: Value) -> Value:
    # A NaN on either side is the result, as in NumPy; a constant y is no NaN.
    build = code.builder
    if isinstance(y, ir.Constant):
        return build.select(build.fcmp_unordered(sign, x, y), x, y)
    chosen = build.select(build.fcmp_ordered(sign, x, y), x, y)
    return build.select(build.fcmp_unordered("uno", x, x), x, chosen)


def _sign(code: Code, x: Value) -> Value:
    build, zero = code.builder, _numbers(x, 0)
    negative = build.select(build.fcmp_ordered("<", x, zero), _numbers(x, -1), x)
    return build.select(build.fcmp_ordered(">", x, zero), _numbers(x, 1), negative)


def _where(code: Code, condition: Value, x: Value, y: Value) -> Value:
    return code.builder.select(code.builder.fcmp_unordered("!=", condition, _numbers(condition, 0)), x, y)


def _absolute(code: Code, x: Value) -> Value:
    suffix = f"v{x.type.count}f{8 * code.size}"
    return code.intrinsic(f"llvm.fabs.{suffix}", x.type, [x])


def _elementary(name: str) -> Callable[..., Value]:
    return lambda code, *args: FUNCTIONS[name](code.builder, *args)


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
