"""C99 for programs of primitives: statements over fixed arrays, one loop a tensor, arithmetic as it is written.

A node that is used once stands within the expression of its user; any other has a variable of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from steepest.export.names import Identifiers
from steepest.export.prepared import Array, constant_value
from steepest.expressions.expression import CONSTANT, Expression
from steepest.expressions.printing import ATOM, COMPARISON, PRODUCT, SIGN, SUM, Template, call, infix, write

TYPES = {"float64": "double", "float32": "float"}
_LONGEST = 12  # operations in one expression
_COMPARISONS = {
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
}  # fmt: skip
_TEMPLATES = {
    "add": infix(" + ", SUM),
    "subtract": infix(" - ", SUM),
    "multiply": infix(" * ", PRODUCT),
    "divide": infix(" / ", PRODUCT),
    "negate": Template("-{0}", SIGN, (SIGN + 1,)),  # two signs would be a decrement
    "where": Template("({0} != 0 ? {1} : {2})", ATOM, (SUM,)),
    "expand": Template("{0}", SIGN, (SIGN,)),
}
_FROM_THE_LIBRARY = {
    "power": "pow", "exp": "exp", "log": "log", "log1p": "log1p", "expm1": "expm1", "sqrt": "sqrt", "sin": "sin",
    "cos": "cos", "tanh": "tanh", "abs": "fabs",
}  # fmt: skip
_HELPERS = {
    "sigmoid": """static T sigmoid(T x)
{
    T decay = exp(-fabs(x));
    return (x >= 0 ? 1 : decay) / (1 + decay);
}
""",
    "softplus": """static T softplus(T x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}
""",
    "sign": """static T sign(T x)
{
    return x > 0 ? (T)1 : x < 0 ? (T)-1 : x;
}
""",
    "maximum": """static T maximum(T x, T y)
{
    return (x >= y || x != x) ? x : y;
}
""",
    "minimum": """static T minimum(T x, T y)
{
    return (x <= y || x != x) ? x : y;
}
""",
}
_ONE_BY_ONE = frozenset({*_TEMPLATES, *_FROM_THE_LIBRARY, *_HELPERS, *_COMPARISONS})
_READS_EACH_ONCE = frozenset({"sum", "dot", "largest", "total"})

_WORDS = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl complex const const_cast
constexpr continue decltype default delete do double dynamic_cast else enum explicit export extern false float for
friend goto if imaginary inline int long main mutable namespace new noexcept not not_eq nullptr operator or or_eq
private protected public register reinterpret_cast restrict return short signed sizeof static static_assert static_cast
struct switch template this thread_local throw true try typedef typeid typename typeof union unsigned using virtual void
volatile wchar_t while xor xor_eq
size_t ptrdiff_t offsetof NULL max_align_t nullptr_t linux unix i386 errno signgam HUGE HUGE_VAL HUGE_VALF HUGE_VALL
INFINITY NAN FP_NAN FP_INFINITE FP_ZERO FP_NORMAL FP_SUBNORMAL FP_FAST_FMA FP_FAST_FMAF FP_ILOGB0 FP_ILOGBNAN MATH_ERRNO
MATH_ERREXCEPT math_errhandling float_t double_t fpclassify isfinite isinf isnan isnormal signbit isgreater
isgreaterequal isless islessequal islessgreater isunordered DOMAIN SING OVERFLOW UNDERFLOW PLOSS TLOSS
n s i j k T
"""
_FUNCTIONS = """
acos asin atan atan2 cos sin tan acosh asinh atanh cosh sinh tanh exp exp2 expm1 frexp ilogb ldexp log log10 log1p log2
logb modf scalbn scalbln cbrt fabs hypot pow sqrt erf erfc lgamma tgamma ceil floor nearbyint rint lrint llrint round
lround llround trunc fmod remainder remquo copysign nan nextafter nexttoward fdim fmax fmin fma j0 j1 jn y0 y1 yn gamma
drem significand scalb finite exp10 pow10 sincos
"""
RESERVED = frozenset(_WORDS.split()).union(
    f"{name}{end}" for name in _FUNCTIONS.split() for end in ("", "f", "l")
)  # fmt: skip
"""Words that mean something in C, C++ or <math.h>, and the indices of the loops here."""


def literal(value: float, dtype: str) -> str:
    """A number as C reads it back to the bit.

    >>> literal(2.0, "float64"), literal(0.1, "float64"), literal(0.5, "float32")
    ('2.0', '0x1.999999999999ap-4', '0x1p-1f')
    """
    end = "f" if dtype == "float32" else ""
    if not math.isfinite(value):
        cast = "" if dtype == "float32" else "(double)"  # the macros are of type float
        return f"{cast}NAN" if math.isnan(value) else f"{'-' if value < 0 else ''}{cast}INFINITY"
    if value == int(value) and abs(value) < 1e6:
        return f"{value!r}{end}"
    digits, _, exponent = value.hex().partition("p")
    digits = digits.rstrip("0").rstrip(".")
    return f"{digits}p{int(exponent)}{end}"


def array_literal(array: Array, dtype: str) -> str:
    """The numbers of an array between braces, in C order, on lines of bounded length."""
    numbers = [literal(float(value), dtype) for value in np.asarray(array).ravel()]
    lines, line = [], ""
    for text in numbers:
        if len(line) + len(text) > 110:
            lines.append(line)
            line = ""
        line += f"{' ' if line else ''}{text},"
    return "{\n" + "".join(f"    {each}\n" for each in [*lines, line]) + "}"


@dataclass(frozen=True)
class Place:
    """Where a value stands: the text of a number, or the name of an array."""

    text: str
    size: int = 0

    def element(self, index: str = "i") -> str:
        """The text of one element; of a number, the number."""
        return f"{self.text}[{index}]" if self.size else self.text


def size_of(node: Expression) -> int:
    """How many numbers a node's array has; 0 for a number by itself."""
    return math.prod(node.shape) if node.shape else 0


class Functions:
    """The helper functions that a file needs; it notes them as they are used."""

    def __init__(self, dtype: str, names: Identifiers, prefix: str) -> None:
        self.dtype = dtype
        self._names = {helper: names.pick(f"{prefix}_{helper}") for helper in _HELPERS}
        self._used: set[str] = set()

    def called(self, operation: str) -> str:
        """The name of the function for an operation."""
        if operation in _HELPERS:
            self._used.add(operation)
            return self._names[operation]
        return _FROM_THE_LIBRARY[operation] + ("f" if self.dtype == "float32" else "")

    def source(self) -> str:
        """The definitions of the helpers that were used."""
        parts = []
        for helper in _HELPERS:
            if helper in self._used:
                text = _HELPERS[helper].replace(f"T {helper}(", f"T {self._names[helper]}(")
                if self.dtype == "float32":
                    for name in ("exp", "fabs", "log1p"):
                        text = text.replace(f"{name}(", f"{name}f(")
                parts.append(text.replace("(T)", f"({TYPES[self.dtype]})").replace("T ", f"{TYPES[self.dtype]} "))
        return "\n".join(parts)


class Code:
    """Writes the statements for nodes, one section after another.

    Args:
        functions: the helpers of the file.
        names: the identifiers of the file.
        places: where leaves stand; gets the place of every variable that is written.
        users: for each node those that use it, one entry a use, outputs twice more.
        targets: where some nodes go to, instead of a variable of their own.
        static: the arrays of what all samples share are not put on the stack.
    """

    def __init__(
        self, functions: Functions, names: Identifiers, places: dict[Expression, Place],
        users: Mapping[Expression, Sequence[Expression]], targets: Mapping[Expression, Place] | None = None,
        static: bool = False,
    ) -> None:  # fmt: skip
        self.functions, self.names, self.places, self._users = functions, names, places, users
        self._targets = targets or {}
        self.dtype, self.type = functions.dtype, TYPES[functions.dtype]
        self.lines: list[str] = []
        self.indent = 1
        self.stack = 0
        self._static = static
        self._inlined: dict[Expression, int] = {}
        self._conditions: set[Expression] = set()

    def go_on(self, users: Mapping[Expression, Sequence[Expression]]) -> None:
        """Write another program below, which has what was computed."""
        self._users = users

    def add(self, *lines: str) -> None:
        """Statements, at the indentation of this place."""
        self.lines.extend("    " * self.indent + line for line in lines)

    def loop(self, count: int, *body: str, index: str = "i") -> None:
        """A loop around one statement, or around several."""
        head = f"for (size_t {index} = 0; {index} < {count}; {index}++)"
        if len(body) == 1:
            self.add(head, f"    {body[0]}")
        else:
            self.add(head + " {", *(f"    {line}" for line in body), "}")

    def compute(self, nodes: Iterable[Expression]) -> None:
        """Write nodes of one section, in an order in which they can be computed."""
        order = [node for node in nodes if node.args or node.operation is CONSTANT]
        for node in order:
            if node.operation is CONSTANT:
                self.places[node] = Place(literal(constant_value(node, self.dtype), self.dtype))
            elif not self._within_user(node):
                self._materialise(node)

    def _within_user(self, node: Expression) -> bool:
        """Whether a node stands in the expression of its only user, rather than in a variable."""
        used = self._users.get(node, ())
        if len(used) != 1 or node.operation.name not in _ONE_BY_ONE:
            return False
        (user,) = used
        name = user.operation.name
        length = 1 + sum(self._inlined.get(arg, 0) for arg in node.args)
        alike = user.shape == node.shape and name in _ONE_BY_ONE
        collected = name in _READS_EACH_ONCE and bool(node.shape or name == "total")
        section = user.per_sample == node.per_sample or name == "total"
        if length > _LONGEST or not section or not (alike or collected):
            return False
        self._inlined[node] = length
        if node.operation.name in _COMPARISONS and name == "where" and user.args[0] is node:
            self._conditions.add(node)
        return True

    def declare(self, node: Expression, wanted: str, value: Place | None = None) -> Place:
        """An array for a node, or a variable if it has a value already; another is declared where it gets one."""
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
        """A variable or array that is 0, for a sum."""
        place = self.declare(node, "sum", Place("0"))
        if place.size:
            self.loop(place.size, f"{place.text}[i] = 0;")
        return place

    def _materialise(self, node: Expression) -> None:
        name = node.operation.name
        size = size_of(node)
        place = self._targets.get(node) or self.declare(node, "t")
        # A variable of one number is declared where it gets its first value.
        first = place.text if size or node in self._targets else f"{self.type} {place.text}"
        if name in _ONE_BY_ONE:
            if size:
                self.loop(size, f"{place.text}[i] = {self.text(node)};")
            else:
                self.add(f"{first} = {self.text(node)};")
        elif name in ("matmul", "dot") and not node.shape:
            product = f"{self._factor(node.args[0])} * {self._factor(node.args[1])}"
            self.add(f"{first} = 0;")
            self.loop(size_of(node.args[0]), f"{place.text} += {product};")
        elif name == "sum":
            self.add(f"{first} = 0;")
            self.loop(size_of(node.args[0]), f"{place.text} += {self.text(node.args[0])};")
        elif name == "largest":
            larger = self.functions.called("maximum")
            self.add(f"{first} = -INFINITY;")
            self.loop(size_of(node.args[0]), f"{place.text} = {larger}({place.text}, {self.text(node.args[0])});")
        else:
            self._arranged(node, place.text)
        self.places[node] = place

    def text(self, node: Expression) -> str:
        """The expression of a node: of its element i, if it has several."""
        return write(node, self, root_is_plain=True) if node not in self.places else self.places[node].element()

    def _factor(self, node: Expression) -> str:
        text = self.text(node)
        return text if node in self.places or self.template(node).level >= ATOM else f"({text})"

    def _arranged(self, node: Expression, target: str) -> None:
        """The primitives that put elements at other places."""
        name = node.operation.name
        if name == "matmul":
            self._matmul(node, target)
        elif name == "one_hot":
            x = self.places[node.args[0]].text
            self.loop(node.shape[0], f"{target}[i] = {x} != {x} ? {x} : ({self.type})({x} == ({self.type})i);")
        elif name == "transpose":
            rows, columns = node.args[0].shape
            x = self.places[node.args[0]].text
            self.loop(rows, f"for (size_t j = 0; j < {columns}; j++)",
                      f"    {target}[j * {rows} + i] = {x}[i * {columns} + j];")  # fmt: skip
        elif name == "outer":
            rows, columns = node.shape
            x, y = (self.places[arg].text for arg in node.args)
            self.loop(rows, f"for (size_t j = 0; j < {columns}; j++)",
                      f"    {target}[i * {columns} + j] = {x}[i] * {y}[j];")  # fmt: skip
        else:
            raise NotImplementedError(f"the operation {name} has no code in C")

    def _matmul(self, node: Expression, target: str) -> None:
        a, b = node.args
        x, y = self.places[a].text, self.places[b].text
        inner = b.shape[0]
        if len(b.shape) == 1:
            self.loop(a.shape[0], f"{target}[i] = 0;", f"for (size_t k = 0; k < {inner}; k++)",
                      f"    {target}[i] += {x}[i * {inner} + k] * {y}[k];")  # fmt: skip
            return
        columns = b.shape[1]
        # Along the rows of the right factor, as it lies in memory.
        if len(a.shape) == 1:
            self.loop(columns, f"{target}[j] = 0;", index="j")
            self.loop(inner, f"for (size_t j = 0; j < {columns}; j++)",
                      f"    {target}[j] += {x}[k] * {y}[k * {columns} + j];", index="k")  # fmt: skip
            return
        self.loop(size_of(node), f"{target}[i] = 0;")
        self.loop(a.shape[0], f"for (size_t k = 0; k < {inner}; k++)", f"    for (size_t j = 0; j < {columns}; j++)",
                  f"        {target}[i * {columns} + j] += {x}[i * {inner} + k] * {y}[k * {columns} + j];")  # fmt: skip

    def accumulate(self, node: Expression, target: str) -> None:
        """Add one sample's share to a sum over the samples."""
        if node.operation.name == "total":
            text = self.text(node.args[0])
            if node.shape:
                self.loop(size_of(node), f"{target}[i] += {text};")
            else:
                self.add(f"{target} += {text};")
            return
        rows, columns = node.shape
        x, y = (self.places[arg].text for arg in node.args)
        self.loop(rows, f"for (size_t j = 0; j < {columns}; j++)",
                  f"    {target}[i * {columns} + j] += {x}[i] * {y}[j];")  # fmt: skip

    # -- the medium of `notation.write` --

    brackets = ("(", ")")

    def template(self, node: Expression) -> Template:
        """How a primitive is written in C."""
        name = node.operation.name
        if name in _COMPARISONS:
            sign = f"{{0}} {_COMPARISONS[name]} {{1}}"
            if node in self._conditions:
                return Template(sign, COMPARISON, (SUM, SUM))
            return Template(f"({self.type})({sign})", SIGN, (SUM, SUM))
        if name == "where" and node.args[0] in self._conditions:
            return Template("({0} ? {1} : {2})")
        if name in _TEMPLATES:
            return _TEMPLATES[name]
        return call(self.functions.called(name), node.operation.arity)

    def leaf(self, node: Expression) -> tuple[str, int] | None:
        """The element of a variable."""
        if node not in self.places:
            return None
        text = self.places[node].element()
        return text, SIGN if text.startswith(("-", "(")) else ATOM

    def attributes(self, node: Expression) -> str:
        """Nothing: lengths stand in the loops."""
        return ""
