"""Translate functions in a subset of Python to machine code: the loops of methods that decide from step to step.

A line search or a trust region is control flow over a few numbers, which is easiest to read, and to test, as Python.
The functions of this folder run as Python and as machine code, which takes a microsecond where Python takes a
millisecond. They consist of

* arguments and results of the types ``float``, ``int``, ``bool``, ``Floats`` and ``Words``, the arrays of float64 and
  int64, as annotations by these names;
* assignments to names and to elements ``a[k]``, of which a name keeps its type; ``+``, ``-``, ``*`` of numbers, ``/``
  where one is a ``float``, ``//`` and ``%`` of whole numbers; comparisons of numbers of one type; ``and``, ``or``,
  ``not`` of ``bool``, conditional expressions;
* ``if``, ``while``, ``for … in range(…)`` with a constant step, ``break``, ``continue``, ``return``, ``pass``;
* ``abs``, ``min`` and ``max`` of two numbers, ``float``, ``bool``, :func:`math.sqrt`, :func:`math.isfinite`,
  :func:`math.copysign`, those of :mod:`steepest.engines.native.methods.intrinsics`, and other functions like these.

Names outside a function are numbers. What is outside of the subset raises a :class:`TranslationError`. The results are
those of Python, bit by bit, but for errors, which machine code does not raise: a division of floats by 0 is ±∞ or NaN,
and a root of a negative number is NaN. So functions must not divide whole numbers by 0, read beyond the ends of arrays
or from behind with a negative index, read names that have no value yet, or compute whole numbers of 64 bits and more.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from llvmlite import ir

from steepest.engines.native.llvm.code import I64
from steepest.engines.native.methods.translated_values import (
    KINDS,
    TranslationError,
    Typed,
    Values,
    kinds_of,
    tree_of,
)

__all__ = ["TranslationError", "Translator"]


class Translator:
    """A module of LLVM into which functions are translated, each with those that it calls."""

    def __init__(self, name: str) -> None:
        self.module = ir.Module(name)
        self._made: dict[Callable[..., Any], Any] = {}

    def translate(self, function: Callable[..., Any], name: str | None = None) -> Any:
        """Translate a function, unless that is done, and return it as a function of LLVM.

        Args:
            function: the function.
            name: the name of the symbol; if left out it is not visible outside of the module.

        Raises:
            TranslationError: the function is outside of the subset.
        """
        if function not in self._made:
            tree = tree_of(function)
            kinds, result = kinds_of(tree)
            kind = ir.FunctionType(
                ir.VoidType() if result == "None" else KINDS[result], [KINDS[each] for each in kinds]
            )
            symbol = name or self.module.get_unique_name(f"py.{function.__name__}")
            made = ir.Function(self.module, kind, symbol)
            if name is None:
                made.linkage = "internal"
            self._made[function] = made
            _Body(self, made, tree, function.__globals__).write()
        return self._made[function]


class _Body(Values):
    """The body of one function."""

    def __init__(self, whole: Translator, made: Any, tree: ast.FunctionDef, outside: dict[str, Any]) -> None:
        super().__init__(whole, made, tree, outside)
        self._kinds, self._result = kinds_of(tree)
        self._loops: list[tuple[Any, Any]] = []  # where ``continue`` and ``break`` go

    def write(self) -> None:
        for argument, node, kind in zip(self._made.args, self._tree.args.args, self._kinds, strict=True):
            self._assign(node.arg, (argument, kind), node)
        self._block(self._tree.body)
        if not self._build.block.is_terminated:
            if self._result == "None":
                self._build.ret_void()
            else:
                raise TranslationError(f"{self._tree.name} ends without a result")

    def _block(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            if self._build.block.is_terminated:
                return
            write = getattr(self, f"_on_{type(statement).__name__.lower()}", None)
            if write is None:
                self._refuse(statement, "no such statement is translated")
            write(statement)

    def _on_expr(self, node: ast.Expr) -> None:
        if not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)):  # not the docstring
            self._value(node.value)

    def _on_assign(self, node: ast.Assign) -> None:
        if len(node.targets) != 1:
            self._refuse(node, "assign to one name at a time")
        (target,) = node.targets
        if isinstance(target, ast.Tuple):
            if not isinstance(node.value, ast.Tuple) or len(node.value.elts) != len(target.elts):
                self._refuse(node, "give as many values as names")
            values = [self._value(each) for each in node.value.elts]  # all of them before the first is stored
            for place, value in zip(target.elts, values, strict=True):
                self._store(place, value)
        else:
            self._store(target, self._value(node.value))

    def _on_annassign(self, node: ast.AnnAssign) -> None:
        kind = ast.unparse(node.annotation)
        if node.value is None or kind not in KINDS:
            self._refuse(node, f"give a value, and one of the types {', '.join(KINDS)}")
        self._store(node.target, (self._as(self._value(node.value), kind, node), kind))

    def _on_augassign(self, node: ast.AugAssign) -> None:
        place: ast.expr = node.target
        self._store(place, self._arithmetic(node, node.op, self._value(place), self._value(node.value)))

    def _on_return(self, node: ast.Return) -> None:
        if (node.value is None) != (self._result == "None"):
            self._refuse(node, f"the result is {self._result}")
        if node.value is None:
            self._build.ret_void()
        else:
            self._build.ret(self._as(self._value(node.value), self._result, node))

    def _on_pass(self, node: ast.Pass) -> None:
        """Write nothing."""

    def _on_break(self, node: ast.Break) -> None:
        self._build.branch(self._loops[-1][1])

    def _on_continue(self, node: ast.Continue) -> None:
        self._build.branch(self._loops[-1][0])

    def _on_if(self, node: ast.If) -> None:
        then, other, behind = self._blocks("then", "else", "after")
        self._build.cbranch(self._truth(node.test), then, other)
        left = True
        for block, statements in ((then, node.body), (other, node.orelse)):
            self._build.position_at_end(block)
            self._block(statements)
            left = left and self._build.block.is_terminated
            self._go(behind)
        self._build.position_at_end(behind)
        if left:
            self._build.unreachable()

    def _on_while(self, node: ast.While) -> None:
        head, body, behind = self._blocks("head", "loop", "after")
        self._build.branch(head)
        self._build.position_at_end(head)
        self._build.cbranch(self._truth(node.test), body, behind)
        self._loop(node, body, head, behind)
        self._go(head)
        self._build.position_at_end(behind)

    def _on_for(self, node: ast.For) -> None:
        if not isinstance(node.target, ast.Name) or not isinstance(node.iter, ast.Call):
            self._refuse(node.iter, "a loop is over range(…)")
        start, stop, step = self._range(node.iter)
        counter = self._slots.alloca(I64)
        self._build.store(start, counter)
        head, body, turn, behind = self._blocks("head", "loop", "turn", "after")
        self._build.branch(head)
        self._build.position_at_end(head)
        now = self._build.load(counter, typ=I64)
        self._build.cbranch(self._build.icmp_signed("<" if step > 0 else ">", now, stop), body, behind)
        self._build.position_at_end(body)
        self._assign(node.target.id, (now, "int"), node.target)
        self._loop(node, body, turn, behind)
        self._go(turn)
        self._build.position_at_end(turn)
        self._build.store(self._build.add(self._build.load(counter, typ=I64), ir.Constant(I64, step)), counter)
        self._build.branch(head)
        self._build.position_at_end(behind)

    def _range(self, node: ast.Call) -> tuple[Any, Any, int]:
        """Return start, stop and step of a range."""
        named = isinstance(node.func, ast.Name) and node.func.id == "range" and "range" not in self._outside
        if not named or node.keywords or not 1 <= len(node.args) <= 3:
            self._refuse(node, "a loop is over range(…)")
        ends = [self._as(self._value(each), "int", node) for each in node.args[:2]]
        start, stop = (ir.Constant(I64, 0), ends[0]) if len(ends) == 1 else ends
        try:
            step = 1 if len(node.args) < 3 else ast.literal_eval(node.args[2])
        except ValueError:
            step = 0
        if type(step) is not int or step == 0:
            self._refuse(node, "the step is a whole number other than 0")
        return start, stop, step

    def _loop(self, node: ast.For | ast.While, body: Any, again: Any, behind: Any) -> None:
        if node.orelse:
            self._refuse(node.orelse[0], "a loop has no else")
        if self._build.block is not body:
            self._build.position_at_end(body)
        self._loops.append((again, behind))
        self._block(node.body)
        self._loops.pop()

    def _go(self, block: Any) -> None:
        if not self._build.block.is_terminated:
            self._build.branch(block)

    def _store(self, target: ast.expr, value: Typed) -> None:
        if isinstance(target, ast.Name):
            self._assign(target.id, value, target)
        elif isinstance(target, ast.Subscript):
            place, kind = self._place(target)
            self._build.store(self._as(value, kind, target), place)
        else:
            self._refuse(target, "assign to names and elements")

    def _assign(self, name: str, value: Typed, node: ast.AST) -> None:
        if name not in self._names:
            self._names[name] = self._slots.alloca(self._kind(value, node)), value[1]
        slot, kind = self._names[name]
        self._build.store(self._as(value, kind, node), slot)
