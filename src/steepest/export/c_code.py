"""Write programs of primitives as C99: one loop per tensor, arrays of fixed size, arithmetic in the order as written.

A node that is used once is inlined into the expression of its user; any other has a variable.
"""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steepest.export.c_functions import ELEMENTWISE, ElementwiseForm, Functions
from steepest.export.c_literals import TYPES, literal
from steepest.export.names import Identifiers
from steepest.export.prepared import constant_value, is_comparison
from steepest.expressions.expression import CONSTANT, Expression
from steepest.expressions.printing import ATOM, SIGN, Template, call, write

_LONGEST = 12  # operations inlined into one expression, which then fits a line


@dataclass(frozen=True)
class Statements:
    """A primitive that needs statements, which ``write`` adds, given the array or variable for the result."""

    write: Callable[[Code, Expression, str], None]
    reads_once: bool = False  # whether each element of the arguments is, so that arguments can be inlined


def is_elementwise(node: Expression) -> bool:
    """Return whether each element of a node's value is an expression of elements of its arguments."""
    return not isinstance(PRIMITIVES[node.operation.name], Statements)


@dataclass(frozen=True)
class Place:
    """The place of a value: the text of a number, or the name of an array."""

    text: str
    size: int = 0

    def element(self, index: str = "i") -> str:
        """Return the text of one element, or of the number."""
        return f"{self.text}[{index}]" if self.size else self.text


def size_of(node: Expression) -> int:
    """Return the number of elements of a node's array; 0 for a scalar."""
    return math.prod(node.shape) if node.shape else 0


def of_sample(node: Expression, pointer: str) -> Place:
    """Return the place of a leaf's value, given the pointer to it."""
    return Place(pointer, size_of(node)) if node.shape else Place(f"{pointer}[0]")


class Code:
    """Writes the statements for nodes, one section after another, and adds the place of every variable to ``places``.

    The values of some nodes get the places in ``targets`` instead of new variables. Arrays of values that all samples
    share are on the stack, or ``static``.
    """

    def __init__(
        self, functions: Functions, names: Identifiers, places: dict[Expression, Place],
        users: Mapping[Expression, Sequence[Expression]], targets: Mapping[Expression, Place] | None = None,
        static: bool = False,
    ) -> None:  # fmt: skip
        self.functions, self.names, self.places, self.users = functions, names, places, users
        self._targets = targets or {}
        self.dtype, self.type = functions.dtype, TYPES[functions.dtype]
        self.lines: list[str] = []
        self.indent = 1
        self.stack = 0
        self._static = static
        self._inlined: dict[Expression, int] = {}
        self._conditions: set[Expression] = set()

    def add(self, *lines: str) -> None:
        """Add statements at the current indentation."""
        self.lines.extend("    " * self.indent + line for line in lines)

    def loop(self, count: int, *body: str, index: str = "i") -> None:
        """Add a loop around statements."""
        head = f"for (size_t {index} = 0; {index} < {count}; {index}++)"
        if len(body) == 1:
            self.add(head, f"    {body[0]}")
        else:
            self.add(head + " {", *(f"    {line}" for line in body), "}")

    def compute(self, nodes: Iterable[Expression]) -> None:
        """Write the nodes of one section, which are in topological order."""
        order = [node for node in nodes if node.args or node.operation is CONSTANT]
        for node in order:
            if node.operation is CONSTANT:
                self.places[node] = Place(literal(constant_value(node, self.dtype), self.dtype))
            elif not self._within_user(node):
                self._materialise(node)

    def _within_user(self, node: Expression) -> bool:
        """Return whether a node is inlined into the expression of its only user."""
        used = self.users.get(node, ())
        if len(used) != 1 or not is_elementwise(node):
            return False
        (user,) = used
        name, form = user.operation.name, PRIMITIVES[user.operation.name]
        length = 1 + sum(self._inlined.get(arg, 0) for arg in node.args)
        alike = user.shape == node.shape and is_elementwise(user)
        collected = isinstance(form, Statements) and form.reads_once and bool(node.shape or name == "total")
        section = user.per_sample == node.per_sample or name == "total"
        if length > _LONGEST or not section or not (alike or collected):
            return False
        self._inlined[node] = length
        if is_comparison(PRIMITIVES[node.operation.name]) and name == "where" and user.args[0] is node:
            self._conditions.add(node)
        return True

    def declare(self, node: Expression, wanted: str, value: Place | None = None) -> Place:
        """Declare an array for a node, or a variable with its value; without a value it is declared on assignment."""
        size = size_of(node)
        place = Place(self.names.pick(wanted), size)
        if size:
            static = self._static and not node.per_sample
            self.add(f"{'static ' if static else ''}{self.type} {place.text}[{size}];")
            self.stack += 0 if static else size
        elif value is not None:
            self.add(f"{self.type} {place.text} = {value.text};")
        return place

    def zeroed(self, node: Expression) -> Place:
        """Declare a variable or array of zeros, for a sum."""
        place = self.declare(node, "sum", Place("0"))
        if place.size:
            self.loop(place.size, f"{place.text}[i] = 0;")
        return place

    def _materialise(self, node: Expression) -> None:
        size = size_of(node)
        place = self._targets.get(node) or self.declare(node, "t")
        # A variable of one number is declared where it gets its first value.
        first = place.text if size or node in self._targets else f"{self.type} {place.text}"
        form = PRIMITIVES[node.operation.name]
        if isinstance(form, Statements):
            form.write(self, node, place.text if size else first)
        elif size:
            self.loop(size, f"{place.text}[i] = {self.text(node)};")
        else:
            self.add(f"{first} = {self.text(node)};")
        self.places[node] = place

    def text(self, node: Expression) -> str:
        """Return the C expression of a node, or of its element i."""
        return write(node, self, root_is_plain=True) if node not in self.places else self.places[node].element()

    def factor(self, node: Expression) -> str:
        """Return the text of a node as a factor of a product."""
        text = self.text(node)
        return text if node in self.places or self.template(node).level >= ATOM else f"({text})"

    def accumulate(self, node: Expression, target: str) -> None:
        """Add one sample's share to a sum over the samples."""
        if node.operation.name == "total_outer":
            _outer(self, node, target, "+=")
        elif node.shape:
            self.loop(size_of(node), f"{target}[i] += {self.text(node.args[0])};")
        else:
            self.add(f"{target} += {self.text(node.args[0])};")

    def copy(self, target: Place, source: Place) -> None:
        """Copy a value."""
        if target.size:
            self.loop(target.size, f"{target.text}[i] = {source.element()};")
        else:
            self.add(f"{target.text} = {source.text};")

    # -- a printer of `expressions.printing` --

    brackets = ("(", ")")

    def template(self, node: Expression) -> Template:
        """Return the template of a primitive in C."""
        form = PRIMITIVES[node.operation.name]
        if node.operation.name == "where" and node.args[0] in self._conditions:
            return Template("({0} ? {1} : {2})")
        if isinstance(form, Template):
            if not is_comparison(form) or node in self._conditions:
                return form
            return Template(f"({self.type})({form.pattern})", SIGN, form.operands)
        return call(self.functions.called(node.operation.name), node.operation.arity)

    def leaf(self, node: Expression) -> tuple[str, int] | None:
        """Return the text of a variable or its element i."""
        if node not in self.places:
            return None
        text = self.places[node].element()
        return text, SIGN if text.startswith(("-", "(")) else ATOM

    def attributes(self, node: Expression) -> str:
        """Return an empty text, because the loops contain the lengths."""
        return ""


# -- primitives that need statements --


def _variable(target: str) -> str:
    """Return the name of a variable that a statement may declare."""
    return target.rpartition(" ")[2]


def _sum(code: Code, node: Expression, target: str) -> None:
    code.add(f"{target} = 0;")
    code.loop(size_of(node.args[0]), f"{_variable(target)} += {code.text(node.args[0])};")


def _largest(code: Code, node: Expression, target: str) -> None:
    larger, name = code.functions.called("maximum"), _variable(target)
    code.add(f"{target} = -INFINITY;")
    code.loop(size_of(node.args[0]), f"{name} = {larger}({name}, {code.text(node.args[0])});")


def _product(code: Code, node: Expression, target: str) -> None:
    if node.shape:
        _matmul(code, node, target)
        return
    product = f"{code.factor(node.args[0])} * {code.factor(node.args[1])}"
    code.add(f"{target} = 0;")
    code.loop(size_of(node.args[0]), f"{_variable(target)} += {product};")


def _matmul(code: Code, node: Expression, target: str) -> None:
    a, b = node.args
    x, y = code.places[a].text, code.places[b].text
    inner = b.shape[0]
    if len(b.shape) == 1:
        code.loop(a.shape[0], f"{target}[i] = 0;", f"for (size_t k = 0; k < {inner}; k++)",
                  f"    {target}[i] += {x}[i * {inner} + k] * {y}[k];")  # fmt: skip
        return
    columns = b.shape[1]
    # The inner loop runs along the rows of the right factor, which are contiguous in memory.
    if len(a.shape) == 1:
        code.loop(columns, f"{target}[j] = 0;", index="j")
        code.loop(inner, f"for (size_t j = 0; j < {columns}; j++)",
                  f"    {target}[j] += {x}[k] * {y}[k * {columns} + j];", index="k")  # fmt: skip
        return
    code.loop(size_of(node), f"{target}[i] = 0;")
    code.loop(a.shape[0], f"for (size_t k = 0; k < {inner}; k++)", f"    for (size_t j = 0; j < {columns}; j++)",
              f"        {target}[i * {columns} + j] += {x}[i * {inner} + k] * {y}[k * {columns} + j];")  # fmt: skip


def _one_hot(code: Code, node: Expression, target: str) -> None:
    x = code.places[node.args[0]].text
    code.loop(node.shape[0], f"{target}[i] = {x} != {x} ? {x} : ({code.type})({x} == ({code.type})i);")


def _transpose(code: Code, node: Expression, target: str) -> None:
    rows, columns = node.args[0].shape
    x = code.places[node.args[0]].text
    code.loop(rows, f"for (size_t j = 0; j < {columns}; j++)",
              f"    {target}[j * {rows} + i] = {x}[i * {columns} + j];")  # fmt: skip


def _outer(code: Code, node: Expression, target: str, sign: str = "=") -> None:
    rows, columns = node.shape
    x, y = (code.places[arg].text for arg in node.args)
    code.loop(rows, f"for (size_t j = 0; j < {columns}; j++)",
              f"    {target}[i * {columns} + j] {sign} {x}[i] * {y}[j];")  # fmt: skip


def _accumulated(code: Code, node: Expression, target: str) -> None:
    """Raise: :meth:`Code.accumulate` adds up sums over the samples, in the loop over the samples."""
    raise AssertionError(f"{node.operation.name} is accumulated, not computed")


_STATEMENTS: dict[str, Statements] = {
    "sum": Statements(_sum, reads_once=True),
    "largest": Statements(_largest, reads_once=True),
    "dot": Statements(_product, reads_once=True),
    "matmul": Statements(_product),
    "one_hot": Statements(_one_hot),
    "transpose": Statements(_transpose),
    "outer": Statements(_outer),
    "total": Statements(_accumulated, reads_once=True),
    "total_outer": Statements(_accumulated),
}
PRIMITIVES: Mapping[str, ElementwiseForm | Statements] = ChainMap[str, Any](_STATEMENTS, ELEMENTWISE)
"""How C writes every primitive; an elementary function is added in ``c_functions.py``."""
