"""The expression graph: frozen, interned nodes with shapes, and their operators.

Equal expressions are one object, so ``is`` and ``==`` mean the same and a traversal visits a shared part once.
A node's ``uid`` is larger than those of its arguments, so sorting by it is a topological order (``traversal.py``).
"""

from __future__ import annotations

import itertools
import math
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, SupportsFloat, SupportsIndex

from steepest.errors import ShapeError, ValuesError
from steepest.expressions import showing
from steepest.expressions.maths_text import write_formula
from steepest.expressions.numpy_calls import of_function, of_ufunc
from steepest.expressions.printing import Template
from steepest.expressions.traversal import check_names as check_names
from steepest.expressions.traversal import in_reading_order
from steepest.expressions.traversal import leaves as leaves
from steepest.expressions.traversal import toposort as toposort
from steepest.expressions.traversal import transform as transform
from steepest.expressions.traversal import tree_size as tree_size
from steepest.messages.sentences import in_python

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import ArrayLike

Shape = tuple[int, ...]
Number: TypeAlias = "SupportsFloat | SupportsIndex"
Operand: TypeAlias = "Expression | SupportsFloat | SupportsIndex"
Adjoint = Callable[..., "Expression"]
Operator = Callable[["Expression", Operand], "Expression"]


@dataclass(frozen=True, eq=False, slots=True)
class Operation:
    """An entry of the table of operations: all properties of an operation.

    An operation that acts on each element alone has ``partials``: its partial derivatives, as functions of the
    arguments and the result. One that mixes elements has ``adjoints``: its vjp for each argument, as functions of the
    result's adjoint, the arguments and the result. ``differential`` is the textbook's form of the derivative, if it
    is not the sum of partial times inner derivative: a function of the arguments and of their derivatives. ``rules``
    gives the name of the rule for each argument if they differ. ``flops`` is the cost relative to an addition.
    An operation without ``expansion`` is a primitive, which every engine implements.
    """

    name: str
    arity: int
    meaning: str
    partials: tuple[Adjoint, ...] = ()
    adjoints: tuple[Adjoint, ...] = ()
    shape: Callable[[Operation, tuple[Expression, ...], tuple[Any, ...]], Shape] | None = None
    text: Template = field(default=Template(""))
    latex: Template = field(default=Template(""))
    maths: Template | None = None
    rule: str = ""
    rules: tuple[str, ...] = ()
    differential: Callable[..., Expression] | None = None
    domain: tuple[tuple[float, float], ...] = ()
    edges: str = ""
    kinks: tuple[Callable[..., Expression], ...] = ()
    expansion: Callable[..., Expression] | None = None
    linear: bool = False
    bilinear: bool = False
    over_samples: bool = False
    activation: bool = False
    attributes: int = 0
    aliases: tuple[str, ...] = ()
    flops: int = 1
    source: str = "definition"

    @property
    def is_primitive(self) -> bool:
        """True if engines implement this operation themselves."""
        return self.expansion is None

    def __call__(self, *operands: Operand, attributes: tuple[Any, ...] = ()) -> Expression:
        """Apply the operation: ``sin(x)``, ``maximum(x, 0)``.

        Raises:
            ShapeError: the shapes of the operands do not fit together.
            TypeError: an operand is not an expression or a number, or there are too many or too few.
        """
        if self.attributes and not attributes and len(operands) > self.arity:
            # Formulas write attributes as arguments: one_hot(y, 3).
            operands, attributes = operands[: self.arity], operands[self.arity :]
        if len(operands) != self.arity:
            plural = "" if self.arity == 1 else "s"
            raise TypeError(f"{self.name} takes {self.arity} argument{plural}, not {len(operands)}")
        args = [a if type(a) is Expression else _operand(self.name, a) for a in operands]
        return make(self, tuple(args), attributes)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return operation_named, (self.name,)


OPERATIONS: dict[str, Operation] = {}
"""Every operation by name; ``operations.py`` fills it."""


def operation_named(name: str) -> Operation:
    """Return the operation of this name; pickles refer to operations by name."""
    return OPERATIONS[name]


def _by_every_name() -> dict[str, Operation]:
    """Return every operation by its name and its aliases."""
    return {name: each for each in OPERATIONS.values() for name in (*each.aliases, each.name)}


def _operators(name: str) -> tuple[Operator, Operator]:
    """Return the methods of an operator for an expression as the left and as the right operand."""

    def left(self: Expression, other: Operand) -> Expression:
        return OPERATIONS[name](self, other)

    def right(self: Expression, other: Operand) -> Expression:
        return OPERATIONS[name](other, self)

    return left, right


class Expression:
    """A node of the expression graph: a number, a data column, a parameter, or an operation on others.

    Immutable; made by :func:`data`, :func:`params`, operators and the functions of the table.

    Attributes:
        operation: the operation.
        args: its arguments.
        attributes: constants of the node: the value of a number, a name, lengths.
        shape: the feature shape of one sample's value: ``()``, ``(d,)`` or ``(d, h)``.
        per_sample: whether there is one value per sample (data) or one for all (parameters, costs).

    >>> x, w = data("x"), params("w")
    >>> (x * w) is (x * w)
    True
    """

    __slots__ = ("__weakref__", "_leaves", "args", "attributes", "operation", "per_sample", "shape", "uid")

    operation: Operation
    args: tuple[Expression, ...]
    attributes: tuple[Any, ...]
    shape: Shape
    per_sample: bool
    uid: int
    _leaves: tuple[Expression, ...]

    def __init__(self) -> None:
        raise TypeError("expressions are made by st.data, st.params, st.parse and operations on them")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an expression is immutable; build another")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an expression is immutable; build another")

    @property
    def is_leaf(self) -> bool:
        """True for a number, a data column or a parameter."""
        return not self.args and self.operation in (CONSTANT, DATA, PARAMETER)

    @property
    def name(self) -> str:
        """The name of a data column or parameter; an empty string for other nodes."""
        return str(self.attributes[0]) if self.operation in (DATA, PARAMETER) else ""

    @property
    def value(self) -> float:
        """The value of a number; NaN for other nodes."""
        return float(self.attributes[0]) if self.operation is CONSTANT else math.nan

    @property
    def leaves(self) -> tuple[Expression, ...]:
        """The data columns and parameters in it, in reading order."""
        if not self.args:  # a leaf that cached itself would be a reference cycle
            return (self,) if self.name else ()
        try:
            return self._leaves
        except AttributeError:
            found = tuple(node for node in in_reading_order([self]) if node.name)
            object.__setattr__(self, "_leaves", found)
            return found

    @property
    def data(self) -> tuple[str, ...]:
        """The names of the data columns in it, in reading order."""
        return tuple(leaf.name for leaf in self.leaves if leaf.operation is DATA)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters in it, in reading order."""
        return tuple(leaf.name for leaf in self.leaves if leaf.operation is PARAMETER)

    def graph(
        self, values: Mapping[str, ArrayLike], *, names: Mapping[str, Expression] | None = None,
        sample: int | None = None, unfold: str | Iterable[str] | None = None,
    ) -> Any:  # fmt: skip
        """Return ``st.graph(self, values, …)``; deprecated, to be removed in the next release."""
        return import_module("steepest").graph(self, values, names=names, sample=sample, unfold=unfold)

    def __str__(self) -> str:
        return write_formula(self)

    def __repr__(self) -> str:
        text = str(self) if tree_size(self) < 200 else f"{self.operation.name} of {len(toposort([self]))} nodes"
        return f"<Expression {text if len(text) <= 200 else text[:200] + '…'}>"

    def _repr_latex_(self) -> str | None:
        return showing.displayed(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(showing.shown(self))

    def __rich__(self) -> Any:
        return showing.on_console(self)

    __add__, __radd__ = _operators("add")
    __sub__, __rsub__ = _operators("subtract")
    __mul__, __rmul__ = _operators("multiply")
    __truediv__, __rtruediv__ = _operators("divide")
    __pow__, __rpow__ = _operators("power")
    __matmul__, __rmatmul__ = _operators("matmul")
    __lt__, __gt__ = _operators("less")[0], _operators("greater")[0]
    __le__, __ge__ = _operators("less_equal")[0], _operators("greater_equal")[0]

    # NumPy hands over np.sin(expression) and array * expression, instead of building an array of objects.
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        return of_ufunc(_by_every_name(), ufunc, method, inputs, settings)

    def __array_function__(self, function: Any, types: Any, inputs: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        return of_function(_by_every_name(), function.__name__, inputs, settings)

    def __neg__(self) -> Expression:
        return constant(-self.value) if self.operation is CONSTANT else OPERATIONS["negate"](self)

    def __pos__(self) -> Expression:
        return self

    def __abs__(self) -> Expression:
        return OPERATIONS["abs"](self)

    @property
    def T(self) -> Expression:
        """The transpose of a matrix."""
        return OPERATIONS["transpose"](self)

    def __bool__(self) -> bool:
        raise TypeError(
            "an expression is neither true nor false until it is evaluated; "
            "for a choice within a formula write where(condition, a, b)"
        )

    def __iter__(self) -> Any:
        raise TypeError("an expression cannot be taken apart; use sum, dot or @ on its features")

    def __copy__(self) -> Expression:
        return self

    def __deepcopy__(self, memo: object) -> Expression:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Flat, in topological order: a nested pickle would recurse on deep graphs.
        order = toposort([self])
        place = {node: k for k, node in enumerate(order)}
        rows = [(n.operation.name, tuple(place[a] for a in n.args), n.attributes, n.shape, n.per_sample) for n in order]
        return _unflatten, (rows,)


def _unflatten(rows: list[tuple[str, tuple[int, ...], tuple[Any, ...], Shape, bool]]) -> Expression:
    made: list[Expression] = []
    for name, args, attributes, shape, per_sample in rows:
        made.append(_intern(OPERATIONS[name], tuple(made[k] for k in args), attributes, shape, per_sample))
    return made[-1]


_interned: weakref.WeakValueDictionary[tuple[Any, ...], Expression] = weakref.WeakValueDictionary()
_lock = threading.RLock()  # reentrant: a garbage collection while it is held may run code that builds expressions
_serials = itertools.count()


def _intern(
    operation: Operation, args: tuple[Expression, ...], attributes: tuple[Any, ...], shape: Shape, per_sample: bool
) -> Expression:
    # −0 and 0 compare equal, but their hexadecimal forms differ.
    exact = tuple([a.hex() if isinstance(a, float) else a for a in attributes]) if attributes else ()
    key = (operation.name, exact, shape, per_sample, *[arg.uid for arg in args])
    with _lock:
        found = _interned.get(key)
        if found is not None:
            return found
        node = object.__new__(Expression)
        put = object.__setattr__
        put(node, "operation", operation)
        put(node, "args", args)
        put(node, "attributes", attributes)
        put(node, "shape", shape)
        put(node, "per_sample", per_sample)
        put(node, "uid", next(_serials))
        _interned[key] = node
        return node


def make(operation: Operation, args: tuple[Expression, ...], attributes: tuple[Any, ...] = ()) -> Expression:
    """Return the node of an operation on expressions, with the shape that follows from theirs."""
    shape = (operation.shape or elementwise_shape)(operation, args, attributes)
    per_sample = False
    if not operation.over_samples:
        for arg in args:
            per_sample = per_sample or arg.per_sample
    return _intern(operation, args, attributes, shape, per_sample)


def with_args(node: Expression, args: tuple[Expression, ...]) -> Expression:
    """Return the same operation on other arguments."""
    if args == node.args:
        return node
    if node.operation.name == "negate":
        return -args[0]  # negates a number at once
    return make(node.operation, args, node.attributes)


def elementwise_shape(operation: Operation, args: tuple[Expression, ...], _: tuple[Any, ...]) -> Shape:
    """Return the common feature shape of the arguments; scalars are broadcast."""
    shape: Shape = ()
    for arg in args:
        if arg.shape != shape and arg.shape:
            if shape:
                raise ShapeError(
                    f"{operation.name} acts element by element and cannot join the feature shapes {shape} "
                    f"and {arg.shape}; make them equal, or reduce one by sum, dot or @"
                )
            shape = arg.shape
    return shape


def _operand(operation: str, operand: object) -> Expression:
    if isinstance(operand, Expression):
        return operand
    if type(operand) is float or type(operand) is int:
        return constant(operand)
    if getattr(operand, "ndim", 0):
        raise TypeError(
            f"{operation} got an array; name it with st.data or st.params and pass its values at evaluation"
        )
    if isinstance(operand, str | bytes) or not isinstance(operand, SupportsFloat | SupportsIndex):
        raise TypeError(f"{operation} takes expressions and numbers, not {type(operand).__name__}")
    return constant(operand)


# -- leaves --------------------------------------------------------------------------------------------------

CONSTANT = Operation("constant", 0, "a number", text=Template("{attributes}"))
DATA = Operation("data", 0, "a column, one value per sample", text=Template("{attributes}"))
PARAMETER = Operation("parameter", 0, "a value that a descent updates", text=Template("{attributes}"))
for _operation in (CONSTANT, DATA, PARAMETER):
    OPERATIONS[_operation.name] = _operation


def constant(value: Number) -> Expression:
    """Return a number as an expression.

    >>> constant(2) is constant(2.0)
    True
    """
    if isinstance(value, complex):
        raise TypeError("a number in an expression is real")
    if getattr(value, "ndim", 0) or isinstance(value, list | tuple):
        raise TypeError(
            "a constant is one number; name an array with st.data or st.params, and pass its values at evaluation"
        )
    return _intern(CONSTANT, (), (float(value),), (), False)


def data(*names: str, shape: int | Sequence[int] = ()) -> Any:
    """Return data columns: one value, or one array of ``shape``, per sample.

    Args:
        names: names of the columns. One name gives one expression, several give a tuple.
        shape: the feature shape of each: ``()``, ``d`` or ``(d, h)``.

    >>> x, y = data("x", "y")
    >>> data("X", shape=64).shape
    (64,)
    """
    return _leaves(DATA, names, shape)


def params(*names: str, shape: int | Sequence[int] = ()) -> Any:
    """Return parameters, the values that a descent updates: numbers, or arrays of ``shape``.

    Args:
        names: names of the parameters. One name gives one expression, several give a tuple.
        shape: the shape of each: ``()``, ``d`` or ``(d, h)``.

    >>> w1, w2, b = params("w1", "w2", "b")
    >>> params("W", shape=(64, 32)).shape
    (64, 32)
    """
    return _leaves(PARAMETER, names, shape)


def leaf(operation: Operation, name: str, shape: Shape = ()) -> Expression:
    """Return one data column or parameter."""
    if not isinstance(name, str) or not name or "`" in name or not name.isprintable():
        raise ValueError(f"a name is a printable text without backticks, not {name!r}")
    return _intern(operation, (), (name,), shape, operation is DATA)


def _leaves(operation: Operation, names: tuple[str, ...], shape: int | Sequence[int]) -> Any:
    given = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    if len(given) > 2 or any(not isinstance(d, int) or isinstance(d, bool) or d < 1 for d in given):
        raise ShapeError(f"a feature shape is (), d or (d, h) with positive integers, not {in_python(shape)}")
    if not names:
        raise TypeError(f"st.{'data' if operation is DATA else 'params'} needs at least one name")
    made = tuple(leaf(operation, name, given) for name in names)
    return made[0] if len(made) == 1 else made


def expect_expression(thing: object, function: str) -> None:
    """Raise if the argument of a function is not an expression.

    Raises:
        ValuesError: it is something else, such as formula text.
    """
    if not isinstance(thing, Expression):
        remedy = "; parse formula text with st.parse(text, data=[…]) first" if isinstance(thing, str) else ""
        raise ValuesError(f"st.{function} takes an expression, not {type(thing).__name__}{remedy}")


def substitute(root: Expression, replacements: Mapping[Expression, Expression]) -> Expression:
    """Return the expression with some of its nodes replaced."""

    def visit(node: Expression, args: tuple[Expression, ...]) -> Expression:
        return replacements[node] if node in replacements else with_args(node, args)

    return transform([root], visit, stop=replacements.__contains__)[root]
