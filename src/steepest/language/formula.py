"""Build expressions from formula text, which is parsed by ``formula.lark`` and never executed."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from steepest.errors import FormulaError, ShapeError
from steepest.expressions.arithmetic import number_value
from steepest.expressions.expression import DATA, OPERATIONS, PARAMETER, Expression, Operation, Shape, constant, leaf
from steepest.expressions.operations import FUNCTIONS
from steepest.expressions.printing import FUNCTION_NAMES, RESERVED
from steepest.language.columns import DIGITS, as_columns
from steepest.language.syntax import LIMITS as LIMITS
from steepest.language.syntax import Limits as Limits
from steepest.language.syntax import error_at, grammar, read, with_products
from steepest.messages.hints import nearest
from steepest.messages.vocabulary import hint, ours

if TYPE_CHECKING:
    from lark import Token

Names = Iterable[str] | Mapping[str, Any]


@dataclass(frozen=True)
class Formula:
    """A parsed text: ``target ~ expression``, or an expression alone (target None).

    ``definitions`` are the named parts, such as a in ``a = sigmoid(x*w); y ~ a*v``.
    """

    target: Expression | None
    expression: Expression
    definitions: dict[str, Expression] = field(default_factory=dict)


DENSE = "dense"  # not an operation, because it creates parameters
# fmt: off
_SIGNS = {"PLUS": "add", "MINUS": "subtract", "TIMES": "multiply", "OVER": "divide", "AT": "matmul", "POWER": "power"}
_COMPARISONS = {
    "<": "less", "<=": "less_equal", "≤": "less_equal", ">": "greater", ">=": "greater_equal", "≥": "greater_equal",
    "==": "equal", "!=": "not_equal", "≠": "not_equal",
}
# fmt: on


def parse(text: str, data: Names = (), params: Names | None = None, limits: Limits = LIMITS) -> Expression:
    """Read an expression from formula text.

    Arithmetic is written as in Python, with ``^`` or ``**`` for powers, functions by their names in the table of
    operations, and ``σ · × ÷ √ ² ≤ ≥ ≠ π`` as on paper. Names between backticks may contain any printable character.
    ``a = x*w; sigmoid(a)`` names a part. ``dense(X, 32)`` is a layer ``X @ W1 + b1`` with 32 outputs and new
    parameters W1 (d, 32) and b1 (32), numbered in the order in which the layers are computed; names that the text
    contains are skipped. For one number per sample it is ``x*W1 + b1`` with W1 (32).

    Args:
        text: the formula.
        data: the names that are data columns; a mapping gives their feature shapes. They come before anything else
            that a name could mean: with ``data=["pi", "x²"]``, ``pi`` is no number and ``x²`` no power.
        params: the names that are parameters, or a mapping to their shapes [default: all other names].
        limits: limits on length, nesting and constant exponents.

    Returns:
        The expression; the same object as if it had been built in Python.

    Raises:
        FormulaError: the text is not a formula; the message shows the position.

    >>> parse("sigmod(x·w₁)² + 2*x0", data=["x"])
    Traceback (most recent call last):
        ...
    steepest.errors.FormulaError: there is no function 'sigmod'; did you mean 'sigmoid'? (character 1)
        sigmod(x·w₁)² + 2*x0
        ^
    >>> print(parse("σ(x·w₁)² + 2*x0", data=["x"]))
    sigmoid(x*w1)^2 + 2*x0

    Source: definition.
    """
    builder = _Builder(text, data, params, limits)
    formula = builder.build(read(builder.text, limits))
    if builder.tilde is not None:
        raise builder.error(builder.tilde, "'~' makes a model of a target and a prediction: give it to st.Model")
    return formula.expression


def parse_formula(text: str, data: Names = (), params: Names | None = None, limits: Limits = LIMITS) -> Formula:
    """Read a formula that may be a model ``target ~ prediction``; see :func:`parse`."""
    builder = _Builder(text, data, params, limits)
    return builder.build(read(builder.text, limits))


def names_in(text: str, limits: Limits = LIMITS, columns: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names in a formula that are not functions, constants or defined parts, in reading order.

    Names of ``columns`` come before anything else that they could mean.

    Raises:
        FormulaError: the text is not a formula.

    >>> names_in("z ~ sigmoid(x*w + b) + pi")
    ('z', 'x', 'w', 'b')
    >>> names_in("z ~ w*pi", columns=["z", "pi"])
    ('z', 'w', 'pi')
    """
    return _names_in(as_columns(text, columns, limits), limits)


@functools.lru_cache(maxsize=256)
def _names_in(text: str, limits: Limits) -> tuple[str, ...]:
    read(text, limits)
    tokens = list(grammar().lex(text))
    defined = {_plain(name) for name, sign in itertools.pairwise(tokens) if sign.type == "EQUAL"}
    found: dict[str, None] = {}
    for token in tokens:
        name = _bare(token)
        known = name in defined or name in FUNCTION_NAMES or name in RESERVED
        if token.type == "QUOTED" or (token.type == "NAME" and not known):
            found[name] = None
    return tuple(found)


_PARAMETER_LIKE = re.compile(r"(w|W|b|a|c|k|m|alpha|beta|gamma|theta|α|β|γ|θ)\d*")


def guess_data(text: str, wrt: Iterable[str] = ()) -> list[str]:
    """Guess which names are data if there is no table.

    A formula without a target or a sum over samples is a function of parameters. In any other, the names in ``wrt``
    and usual names of parameters (w1, b, theta, …) are parameters.

    >>> guess_data("z ~ sigmoid(x*w1 + y*w2 + b)"), guess_data("x*y")
    (['z', 'x', 'y'], [])
    """
    names = names_in(text)
    tokens = [str(token) for token in grammar().lex(text)]
    if not {"~", "mean", "total", "total_outer", "count"} & set(tokens):
        return []
    taken = set(wrt)
    return [name for name in names if name not in taken and not _PARAMETER_LIKE.fullmatch(name)]


def _plain(token: Token) -> str:
    return str(token).translate(DIGITS)


def _bare(token: Token) -> str:
    """Return the name in a token, without backticks."""
    return str(token)[1:-1] if token.type == "QUOTED" else _plain(token)


class _Builder:
    """Builds the graph bottom-up from a parse tree, without recursion."""

    def __init__(self, text: str, data: Names, params: Names | None, limits: Limits) -> None:
        if isinstance(data, str) or isinstance(params, str):
            raise FormulaError("data and params are lists of names, not one text; write data=['x']")
        self.data = data if isinstance(data, Mapping) else dict.fromkeys(data, ())
        self.text, self.limits = as_columns(text, self.data, limits), limits
        self.params = dict.fromkeys(params, ()) if params is not None and not isinstance(params, Mapping) else params
        self.definitions: dict[str, Expression] = {}
        self.tilde: Token | None = None
        self.written: set[str] | None = None  # every name of the text; computed for the first dense layer
        self.layers = 0

    def build(self, tree: Any) -> Formula:
        """Visit the tree in post-order with an explicit stack, which long sums would overflow as recursion."""
        done: list[Any] = []
        stack: list[tuple[Any, bool]] = [(tree, False)]
        while stack:
            node, children_done = stack.pop()
            if not hasattr(node, "children"):
                done.append(node)
            elif children_done:
                size = len(node.children)
                args = done[len(done) - size :]
                del done[len(done) - size :]
                done.append(getattr(self, "_" + node.data)(*args))
            else:
                stack.append((node, True))
                stack.extend((child, False) for child in reversed(node.children))
        formula: Formula = done[0]
        return formula

    def _start(self, *parts: Any) -> Formula:
        last = parts[-1]
        target, expression = last if isinstance(last, tuple) else (None, last)
        kept = {name: part for name, part in self.definitions.items() if not name.startswith("__")}
        return Formula(target, expression, kept)

    def _relation(self, target: Expression, sign: Token, prediction: Expression) -> tuple[Expression, Expression]:
        self.tilde = sign
        return target, prediction

    def _definition(self, token: Token, value: Expression) -> None:
        name = _plain(token)
        named = name in self.data or name in (self.params or ())
        if named or name in self.definitions or name in FUNCTION_NAMES or name in RESERVED:
            raise self.error(token, f"the name {name!r} is taken; define another")
        self.definitions[name] = value

    def _number(self, token: Token) -> Expression:
        value = float(str(token).replace("_", ""))
        if math.isinf(value):
            raise self.error(token, "this number is larger than a double can hold")
        return constant(value)

    def _name(self, token: Token) -> Expression:
        name = _plain(token)
        if name in self.definitions:
            return self.definitions[name]
        if name not in self.data:
            if name in FUNCTION_NAMES:
                raise self.error(token, f"{name} is a function; write {name}(…), or `{name}` for a column of that name")
            if name in RESERVED:
                return constant(RESERVED[name])
        return self._leaf(token, name)

    def _quoted(self, token: Token) -> Expression:
        return self._leaf(token, str(token)[1:-1])

    def _leaf(self, token: Token, name: str) -> Expression:
        if not name.isprintable():
            raise self.error(token, "a name holds printable characters only")
        if name in self.data:
            return leaf(DATA, name, _shape(self.data.get(name, ())))
        if self.params is not None and name not in self.params:
            known = [*self.data, *self.params]
            raise self.error(token, f"the name {name!r} is neither data nor a parameter{nearest(name, known)}")
        return leaf(PARAMETER, name, _shape(self.params.get(name, ()) if self.params else ()))

    def _negative(self, sign: Token, x: Expression) -> Expression:
        return -x

    def _positive(self, sign: Token, x: Expression) -> Expression:
        return x

    def _binary(self, left: Expression, sign: Token, right: Expression) -> Expression:
        name = _SIGNS[sign.type] if sign.type in _SIGNS else _COMPARISONS[str(sign)]
        if name == "power":
            self._check_exponent(sign, right)
        return self._apply(sign, OPERATIONS[name], left, right)

    def _superscript(self, base: Expression, sign: Token) -> Expression:
        exponent = constant(float(_plain(sign)))
        self._check_exponent(sign, exponent)
        return self._apply(sign, OPERATIONS["power"], base, exponent)

    def _root(self, sign: Token, x: Expression) -> Expression:
        return OPERATIONS["sqrt"](x)

    def _call(self, token: Token, *args: Expression | None) -> Expression:
        name = str(token)
        operation = FUNCTIONS.get(name) or FUNCTIONS.get(ours("function", name) or "")
        given = [arg for arg in args if arg is not None]
        if name == DENSE:
            return self._dense(token, given)
        if operation is None:
            meant = hint("function", name, [*FUNCTIONS, DENSE]) or "; 'steepest ops' lists the functions"
            if name in self.data or name in RESERVED or (given and "steepest ops" in meant):
                whole = with_products(self.text, int(token.start_pos or 0) + len(token))
                meant = f"; a product needs its '*': {whole or f'{name}*(…)'}"
            raise self.error(token, f"there is no function {name!r}{meant}")
        extra = given[operation.arity :]
        if len(given) < operation.arity or (extra and not operation.attributes) or len(extra) > operation.attributes:
            want = f"{operation.arity} argument{'' if operation.arity == 1 else 's'}"
            raise self.error(token, f"{name} takes {want}, not {len(given)}")
        if operation is OPERATIONS["power"]:
            self._check_exponent(token, given[1])
        if not all(arg.value.is_integer() for arg in extra):  # the value of anything but a number is NaN
            raise self.error(token, f"the lengths given to {name} must be whole numbers")
        if math.prod(arg.value for arg in extra) > self.limits.elements:
            raise self.error(token, f"{name} makes more than {self.limits.elements:,} elements, the limit for a text")
        lengths = tuple(int(arg.value) for arg in extra)
        return self._apply(token, operation, *given[: operation.arity], attributes=lengths)

    def _dense(self, token: Token, given: list[Expression]) -> Expression:
        """Expand dense(X, 32) to X @ W1 + b1."""
        if len(given) != 2:
            raise self.error(token, f"dense takes the inputs and a size, as dense(X, 32), not {len(given)}")
        x, size = given[0], given[1].value
        if not size.is_integer() or size < 1:
            raise self.error(token, "the size of a dense layer is a whole number from 1, as in dense(X, 32)")
        if not x.per_sample:
            hint = f"; declare data={{'{x.name}': …}}" if x.name else ""
            raise self.error(token, f"dense needs a data column in its inputs{hint}")
        if len(x.shape) > 1:
            raise self.error(token, f"dense takes a number or a vector per sample, not the shape {x.shape}")
        shape = (*x.shape, int(min(size, 1e15)))
        if math.prod(shape) > self.limits.weights:
            raise self.error(token, f"dense makes more than {self.limits.weights:,} weights, the limit for a text")
        number = self._free_number()
        W, b = leaf(PARAMETER, f"W{number}", shape), leaf(PARAMETER, f"b{number}", shape[-1:])
        return (x @ W if x.shape else x * W) + b

    def _free_number(self) -> int:
        """Return the next k for which neither Wk nor bk is a name in the text or a data column."""
        if self.written is None:
            self.written = {_bare(t) for t in grammar().lex(self.text) if t.type in ("NAME", "QUOTED")} | {*self.data}
        self.layers += 1
        while self.written & {f"W{self.layers}", f"b{self.layers}"}:
            self.layers += 1
        return self.layers

    def _apply(self, token: Token, operation: Operation, *args: Expression, attributes: Shape = ()) -> Expression:
        try:
            return operation(*args, attributes=attributes)
        except ShapeError as error:
            raise self.error(token, str(error)) from None

    def _check_exponent(self, token: Token, exponent: Expression) -> None:
        value = number_value(exponent)
        if value is not None and not abs(value) <= self.limits.exponent:
            raise self.error(token, f"the exponent {value:g} is beyond {self.limits.exponent:g}, the limit for a text")

    def error(self, token: Token, message: str) -> FormulaError:
        return error_at(self.text, int(token.start_pos or 0), message)


def _shape(shape: Any) -> Shape:
    return (shape,) if isinstance(shape, int) else tuple(shape)
