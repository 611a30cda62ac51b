"""Translate the expressions of functions in a subset of Python; see :mod:`steepest.engines.native.methods.translation`.

Where Python and LLVM differ, what is written takes the steps of Python: whole numbers are divided downwards, a
comparison with NaN fails, and later operands are computed only if the earlier ones leave the result open.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import math
import textwrap
from collections.abc import Callable
from types import FunctionType
from typing import Any, NoReturn, Protocol, TypeAlias

from llvmlite import ir

from steepest.engines.native.llvm.code import DOUBLE, I1, I64, POINTER, declared
from steepest.engines.native.methods import intrinsics

KINDS = {"float": DOUBLE, "int": I64, "bool": I1, "Floats": POINTER, "Words": POINTER}
_ELEMENTS = {"Floats": "float", "Words": "int"}
_FLOAT_OPERATIONS = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
_WORD_OPERATIONS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.FloorDiv: "sdiv", ast.Mod: "srem"}
_COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_MATHS = {"sqrt": 1, "isfinite": 1, "copysign": 2}
_BUILTINS = {"abs": 1, "min": 2, "max": 2, "float": 1, "bool": 1}
_OURS = (intrinsics.evaluate, intrinsics.floats_at, intrinsics.after, intrinsics.later)

Value: TypeAlias = Any
Typed: TypeAlias = tuple[Value, str]
"""A value of LLVM's intermediate representation with the name of its type in Python."""


class TranslationError(Exception):
    """A function is outside of the subset of Python that is translated."""


class Functions(Protocol):
    """Functions that are translated to one module of LLVM."""

    module: Any

    def translate(self, function: Callable[..., Any]) -> Any: ...


def tree_of(function: Callable[..., Any]) -> ast.FunctionDef:
    """Return the syntax tree of a function with positional arguments alone."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    name = getattr(function, "__name__", "a function")
    if not isinstance(tree, ast.FunctionDef) or tree.decorator_list:
        raise TranslationError(f"{name} is no plain function; define it by def, without decorators")
    given = tree.args
    if given.vararg or given.kwarg or given.kwonlyargs or given.defaults or given.posonlyargs:
        raise TranslationError(f"{name} has arguments other than plain ones; leave out *, ** and defaults")
    return tree


def kinds_of(tree: ast.FunctionDef) -> tuple[list[str], str]:
    """Return the types of the arguments and of the result of a function."""
    kinds = [ast.unparse(each.annotation) if each.annotation else "" for each in tree.args.args]
    result = ast.unparse(tree.returns) if tree.returns is not None else "None"
    for kind in (*kinds, *([] if result == "None" else [result])):
        if kind not in KINDS:
            raise TranslationError(f"{tree.name} has the type {kind or 'of no annotation'}; use {', '.join(KINDS)}")
    return kinds, result


class Values:
    """Expressions of one function.

    Args:
        functions: what translates the functions that are called.
        made: the function of LLVM.
        tree: the syntax tree.
        outside: the names outside of it.
    """

    def __init__(self, functions: Functions, made: Any, tree: ast.FunctionDef, outside: dict[str, Any]) -> None:
        self._functions, self._made, self._tree, self._outside = functions, made, tree, outside
        self._slots = ir.IRBuilder(made.append_basic_block("slots"))
        body = made.append_basic_block("body")
        self._slots.branch(body)
        self._slots.position_before(self._slots.block.terminator)
        self._build = ir.IRBuilder(body)
        self._names: dict[str, tuple[Any, str]] = {}
        nodes = ast.walk(tree)
        self._own = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}

    def _refuse(self, node: ast.AST, why: str) -> NoReturn:
        line = getattr(node, "lineno", 0)
        raise TranslationError(f"{self._tree.name}, line {line}: {ast.unparse(node).splitlines()[0]}: {why}")

    def _blocks(self, *names: str) -> list[Any]:
        return [self._made.append_basic_block(name) for name in names]

    # -- names and numbers

    def _value(self, node: ast.expr) -> Typed:
        write = getattr(self, f"_of_{type(node).__name__.lower()}", None)
        if write is None:
            self._refuse(node, "no such expression is translated")
        found: Typed = write(node)
        return found

    def _truth(self, node: ast.expr) -> Value:
        return self._as(self._value(node), "bool", node)

    def _as(self, value: Typed, kind: str, node: ast.AST) -> Value:
        made, own = value
        if own == "int" and kind == "float":
            return self._build.sitofp(made, DOUBLE)
        if own != kind:
            self._refuse(node, f"is {own} where {kind} is needed")
        return made

    def _place(self, node: ast.Subscript) -> tuple[Value, str]:
        array, kind = self._value(node.value)
        if kind not in _ELEMENTS:
            self._refuse(node, f"has no elements, as it is {kind}")
        element = _ELEMENTS[kind]
        index = self._as(self._value(node.slice), "int", node)
        return self._build.gep(array, [index], source_etype=KINDS[element]), element

    def _of_subscript(self, node: ast.Subscript) -> Typed:
        place, kind = self._place(node)
        return self._build.load(place, typ=KINDS[kind]), kind

    def _of_name(self, node: ast.Name) -> Typed:
        if node.id in self._names:
            slot, kind = self._names[node.id]
            return self._build.load(slot, typ=KINDS[kind]), kind
        if node.id in self._own or node.id not in self._outside:
            self._refuse(node, "has no value there")
        return self._constant(self._outside[node.id], node)

    def _of_attribute(self, node: ast.Attribute) -> Typed:
        if not self._is_math(node.value):
            self._refuse(node, "is no attribute of the module math")
        return self._constant(getattr(math, node.attr, None), node)

    def _is_math(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id not in self._own and self._outside.get(node.id) is math

    def _of_constant(self, node: ast.Constant) -> Typed:
        return self._constant(node.value, node)

    def _constant(self, value: object, node: ast.AST) -> Typed:
        if isinstance(value, bool):
            return ir.Constant(I1, int(value)), "bool"
        if isinstance(value, int):
            if not -(1 << 63) <= value < 1 << 63:
                self._refuse(node, "does not fit into 64 bits")
            return ir.Constant(I64, value), "int"
        if not isinstance(value, float):
            self._refuse(node, "is not a number")
        return ir.Constant(DOUBLE, value), "float"

    # -- operations

    def _of_binop(self, node: ast.BinOp) -> Typed:
        return self._arithmetic(node, node.op, self._value(node.left), self._value(node.right))

    def _arithmetic(self, node: ast.AST, operator: ast.operator, left: Typed, right: Typed) -> Typed:
        whole = left[1] == right[1] == "int"
        table = _WORD_OPERATIONS if whole else _FLOAT_OPERATIONS
        if type(operator) not in table:
            self._refuse(node, f"no such operation is translated of {left[1]} and {right[1]}")
        kind = "int" if whole else "float"
        a, b = self._as(left, kind, node), self._as(right, kind, node)
        made = getattr(self._build, table[type(operator)])(a, b)
        if isinstance(operator, ast.FloorDiv | ast.Mod):
            made = self._downwards(operator, made, a, b)
        return made, kind

    def _downwards(self, operator: ast.operator, made: Value, a: Value, b: Value) -> Value:
        """Return quotient or remainder of a division rounded down, from that of one rounded to 0."""
        build, zero = self._build, ir.Constant(I64, 0)
        rest = made if isinstance(operator, ast.Mod) else build.srem(a, b)
        apart = build.icmp_signed("<", build.xor(rest, b), zero)  # of unlike signs
        rounded = build.and_(apart, build.icmp_signed("!=", rest, zero))
        right = build.add(made, b) if isinstance(operator, ast.Mod) else build.sub(made, ir.Constant(I64, 1))
        return build.select(rounded, right, made)

    def _of_unaryop(self, node: ast.UnaryOp) -> Typed:
        value, kind = self._value(node.operand)
        if isinstance(node.op, ast.Not):
            return self._build.not_(self._as((value, kind), "bool", node)), "bool"
        if not isinstance(node.op, ast.USub) or kind not in ("int", "float"):
            self._refuse(node, f"no such operation is translated of {kind}")
        return (self._build.neg(value) if kind == "int" else self._build.fneg(value)), kind

    def _of_compare(self, node: ast.Compare) -> Typed:
        left, rest = self._value(node.left), list(zip(node.ops, node.comparators, strict=True))

        def next_one() -> Value:
            nonlocal left
            operator, each = rest.pop(0)
            right = self._value(each)
            made, left = self._compared(node, operator, left, right), right
            return made

        return self._one_by_one([next_one] * len(rest), every=True)

    def _compared(self, node: ast.AST, operator: ast.cmpop, left: Typed, right: Typed) -> Value:
        sign = _COMPARISONS.get(type(operator))
        if sign is None or left[1] != right[1] or left[1] not in ("int", "float"):
            # Python compares whole numbers beyond 2^53 with a float exactly, which a conversion does not.
            self._refuse(node, f"no such comparison is translated of {left[1]} with {right[1]}")
        if left[1] == "int":
            return self._build.icmp_signed(sign, left[0], right[0])
        ordered = self._build.fcmp_unordered if sign == "!=" else self._build.fcmp_ordered
        return ordered(sign, left[0], right[0])

    def _of_boolop(self, node: ast.BoolOp) -> Typed:
        every = isinstance(node.op, ast.And)
        return self._one_by_one([lambda each=each: self._truth(each) for each in node.values], every)  # type: ignore[misc]

    def _one_by_one(self, writers: list[Callable[[], Value]], every: bool) -> Typed:
        """Write conditions so that the later ones are computed only if the earlier ones leave the result open."""
        if len(writers) == 1:
            return writers[0](), "bool"
        slot = self._slots.alloca(I1)
        (known,) = self._blocks("known")
        for k, write in enumerate(writers):
            value = write()
            self._build.store(value, slot)
            if k + 1 < len(writers):
                (further,) = self._blocks("further")
                self._build.cbranch(value, *((further, known) if every else (known, further)))
                self._build.position_at_end(further)
        self._build.branch(known)
        self._build.position_at_end(known)
        return self._build.load(slot, typ=I1), "bool"

    def _of_ifexp(self, node: ast.IfExp) -> Typed:
        then, other, behind = self._blocks("then", "else", "after")
        self._build.cbranch(self._truth(node.test), then, other)
        slot, kind = None, ""
        for block, each in ((then, node.body), (other, node.orelse)):
            self._build.position_at_end(block)
            value = self._value(each)
            if slot is None:
                slot, kind = self._slots.alloca(self._kind(value, each)), value[1]
            self._build.store(self._as(value, kind, each), slot)
            self._build.branch(behind)
        self._build.position_at_end(behind)
        return self._build.load(slot, typ=KINDS[kind]), kind

    def _kind(self, value: Typed, node: ast.AST) -> Any:
        if value[1] not in KINDS:
            self._refuse(node, "has no value")
        return KINDS[value[1]]

    # -- calls

    def _of_call(self, node: ast.Call) -> Typed:
        if node.keywords or any(isinstance(each, ast.Starred) for each in node.args):
            self._refuse(node, "give the arguments by position")
        if isinstance(node.func, ast.Attribute) and self._is_math(node.func.value):
            return self._elementary(node, node.func.attr, _MATHS)
        if not isinstance(node.func, ast.Name):
            self._refuse(node, "no such call is translated")
        function = self._outside.get(node.func.id, getattr(builtins, node.func.id, None))
        if function is getattr(builtins, node.func.id, object):
            return self._elementary(node, node.func.id, _BUILTINS)
        if not isinstance(function, FunctionType):
            self._refuse(node, "is no function that is known")
        kinds, result = kinds_of(tree_of(function))
        if len(kinds) != len(node.args):
            self._refuse(node, f"takes {len(kinds)} arguments")
        given = [self._as(self._value(each), kind, each) for each, kind in zip(node.args, kinds, strict=True)]
        if function in _OURS:
            return getattr(self, f"_call_{function.__name__}")(*given), result
        return self._build.call(self._functions.translate(function), given), result

    def _elementary(self, node: ast.Call, name: str, known: dict[str, int]) -> Typed:
        if known.get(name) != len(node.args):
            self._refuse(node, f"no such call is translated; there are {', '.join(known)}")
        arguments = [self._value(each) for each in node.args]
        if name == "bool":
            return self._as(arguments[0], "bool", node), "bool"
        if name in ("abs", "min", "max") and all(kind == "int" for _, kind in arguments):
            values = [value for value, _ in arguments]
            values += [self._build.neg(values[0])] if name == "abs" else []
            return self._better("max" if name == "abs" else name, *values), "int"
        numbers = [self._as(value, "float", node) for value in arguments]
        if name == "float":
            return numbers[0], "float"
        if name in ("min", "max"):
            first, second = numbers  # as in Python, the first one if the comparison fails
            better = self._build.fcmp_ordered("<" if name == "min" else ">", second, first)
            return self._build.select(better, second, first), "float"
        if name == "isfinite":
            size = self._intrinsic("fabs", numbers)
            return self._build.fcmp_ordered("<", size, ir.Constant(DOUBLE, math.inf)), "bool"
        return self._intrinsic({"abs": "fabs"}.get(name, name), numbers), "float"

    def _better(self, name: str, a: Value, b: Value) -> Value:
        return self._build.select(self._build.icmp_signed("<" if name == "min" else ">", a, b), a, b)

    def _intrinsic(self, name: str, numbers: list[Value]) -> Value:
        made = declared(self._functions.module, f"llvm.{name}.f64", DOUBLE, [DOUBLE] * len(numbers))
        return self._build.call(made, numbers)

    def _call_evaluate(self, kernel: Value) -> None:
        words = [
            self._build.load(self._build.gep(kernel, [ir.Constant(I64, k)], source_etype=I64), typ=I64)
            for k in range(1 + intrinsics.CALLED_WITH)
        ]
        kind = ir.FunctionType(ir.VoidType(), [POINTER] * intrinsics.CALLED_WITH)
        function = self._build.inttoptr(words[0], kind.as_pointer())
        self._build.call(function, [self._build.inttoptr(word, POINTER) for word in words[1:]])

    def _call_floats_at(self, address: Value) -> Value:
        return self._build.inttoptr(address, POINTER)

    def _call_after(self, array: Value, count: Value) -> Value:
        return self._build.gep(array, [count], source_etype=DOUBLE)

    def _call_later(self, array: Value, count: Value) -> Value:
        return self._build.gep(array, [count], source_etype=I64)
