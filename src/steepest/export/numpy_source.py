"""Write a NumPy module that predicts, with the formula in readable lines."""

from __future__ import annotations

import builtins
import keyword
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from steepest.calculus.passes import users
from steepest.export.names import Identifiers, in_docstring, one_line
from steepest.export.prepared import INFIX, Array, Prepared, is_comparison, require, wrapped
from steepest.expressions.expression import CONSTANT, Expression
from steepest.expressions.printing import ATOM, POWER, PRODUCT, SIGN, Template, call, infix, write

_LONGEST = 10  # operations in one line, which a reader can still take in


Mixing = Callable[[Expression], Template]
"""A primitive that mixes elements, as a function from the node to its template."""


@dataclass(frozen=True)
class Helper:
    """A primitive that calls a function with its name, whose source is included in the file."""

    source: str
    template: Mixing | None = None  # if the call has more arguments than the operands


def _reduced(method: str) -> Mixing:
    """Return the form of a reduction over the features, which are the last axes."""

    def template(node: Expression) -> Template:
        axes = "-1" if len(node.args[0].shape) == 1 else "(-2, -1)"
        return Template(f"{{0}}.{method}(axis={axes})", ATOM, (ATOM,))

    return template


def _expand(node: Expression) -> Template:
    axes = ", None" * len(node.shape)
    return Template(f"{{0}}[...{axes}] * np.ones({node.shape}, DTYPE)", PRODUCT, (ATOM,))


def _product(node: Expression) -> Template:
    a, b = node.args
    ranks = (len(a.shape), len(b.shape))
    if ranks == (2, 2) or not b.per_sample or (ranks == (1, 2) and not a.per_sample):
        return infix(" @ ", PRODUCT)
    letters = {(1, 1): "d,...d->...", (1, 2): "d,...dh->...h", (2, 1): "dh,...h->...d"}[ranks]
    return Template(f'np.einsum("...{letters}", {{0}}, {{1}})')


_OF_ONE = ("exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "arctan", "tanh", "floor", "abs", "sign")

PRIMITIVES: dict[str, Template | Mixing | Helper] = {
    **INFIX,
    "power": Template("{0} ** {1}", POWER, (POWER + 1, SIGN)),
    "negate": Template("-{0}", SIGN, (SIGN,)),
    "where": call("np.where", 3),
    **{n: call(f"np.{n}", 1) for n in _OF_ONE},
    **{n: call(f"np.{n}", 2) for n in ("maximum", "minimum", "fmod")},
    "sigmoid": Helper('''def sigmoid(x):
    """The logistic function, which never overflows."""
    decay = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, decay) / (1 + decay)
'''),
    "softplus": Helper('''def softplus(x):
    """log(1 + exp(x)), which never overflows."""
    return np.logaddexp(x, DTYPE(0))
'''),
    "sum": _reduced("sum"),
    "largest": _reduced("max"),
    "transpose": Template("np.swapaxes({0}, -2, -1)"),
    "outer": Template("{0}[..., :, None] * {1}[..., None, :]", PRODUCT, (ATOM, ATOM)),
    "expand": _expand,
    "one_hot": Helper('''def one_hot(x, classes):
    """1 at the place of the class number, 0 at the others."""
    x = x[..., None]
    return np.where(np.isnan(x), x, x == np.arange(classes)).astype(DTYPE)
''', lambda node: Template(f"one_hot({{0}}, {node.shape[0]})")),
    "matmul": _product,
    "dot": _product,
}  # fmt: skip
"""How NumPy source writes every primitive of a prediction; to add an elementary function, add an entry."""

# NumPy's own exponential in single precision is off by up to 2.5 units in the last place.
_SINGLE_EXP = Template("np.exp({0}, dtype=float).astype(DTYPE)", ATOM)
_CHOICE_OF_NUMBERS = Template("np.where({0}, DTYPE({1}), DTYPE({2}))")  # np.where alone would give integers

_NAMES = {"exp": "e", "softplus": "s", "maximum": "m", "largest": "top", "sum": "total"}
_RESERVED = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np", "DTYPE", "predict"})


class _Writer:
    """The printer of NumPy source: assigns values that are used twice to names and inlines the others."""

    brackets = ("(", ")")

    def __init__(self, prepared: Prepared, names: Identifiers) -> None:
        self.names: dict[Expression, str] = {}
        self.lines: list[str] = []
        self.helpers: set[str] = set()
        self._prepared = prepared
        self._identifiers = names
        self._users = users(prepared.program)
        self._layers = set(prepared.layers)
        self._inlined: dict[Expression, int] = {}
        self._conditions: set[Expression] = set()

    def compute(self) -> str:
        """Write the assignments and return the expression of the prediction."""
        root = self._prepared.output
        for node in self._prepared.program.nodes:
            used = self._users.get(node, [])
            length = 1 + sum(self._inlined.get(arg, 0) for arg in node.args)
            if not node.args or node is root:
                continue
            if len(used) == 1 and length <= _LONGEST and node not in self._layers and not _needs_name(node, used[0]):
                self._inlined[node] = length
                in_condition = used[0].operation.name == "where" and used[0].args[0] is node
                if is_comparison(PRIMITIVES[node.operation.name]) and in_condition:
                    self._conditions.add(node)
                continue
            text = write(node, self, root_is_plain=True)
            self.names[node] = self._identifiers.pick(self._wanted(node))
            self.lines.append(f"{self.names[node]} = {text}")
        return write(root, self)

    def _wanted(self, node: Expression) -> str:
        if node in self._layers:
            return f"h{self._prepared.layers.index(node) + 1}"
        return _NAMES.get(node.operation.name, "z")

    def template(self, node: Expression) -> Template:
        """Return the template of a primitive in NumPy."""
        form = PRIMITIVES[node.operation.name]
        if node.operation.name == "exp" and self._prepared.dtype == "float32":
            form = _SINGLE_EXP
        if isinstance(form, Helper):
            self.helpers.add(node.operation.name)
            form = form.template or call(node.operation.name, node.operation.arity)
        if not isinstance(form, Template):
            return form(node)
        if node.operation.name == "where" and all(arg.operation is CONSTANT for arg in node.args[1:]):
            form = _CHOICE_OF_NUMBERS
        # One number per sample gets axes to broadcast over features.
        lifted = [bool(node.shape) and arg.per_sample and not arg.shape for arg in node.args]
        axes = f"[...{', None' * len(node.shape)}]"
        pattern = form.pattern.format(*(f"{{{k}}}{axes * lifts}" for k, lifts in enumerate(lifted)))
        operands = tuple(ATOM if lifts else form.strength(k) for k, lifts in enumerate(lifted))
        constants = all(arg.operation is CONSTANT for arg in node.args)
        if constants and form.level == ATOM and form is not _CHOICE_OF_NUMBERS:
            return Template(f"DTYPE({pattern})", ATOM, operands)  # functions of Python's numbers give float64
        if not is_comparison(form) or node in self._conditions:
            return Template(pattern, form.level, operands)
        return Template(f"({pattern}).astype(DTYPE)" if node.per_sample else f"DTYPE({pattern})", ATOM, operands)

    def leaf(self, node: Expression) -> tuple[str, int] | None:
        """Return the text of a number or a named value."""
        if node in self.names:
            return self.names[node], ATOM
        if node.operation is CONSTANT:
            text = _number(node.value)
            return text, SIGN if text.startswith("-") else ATOM
        return None

    def attributes(self, node: Expression) -> str:
        """Return an empty text, because the templates contain the lengths."""
        return ""


def _needs_name(node: Expression, user: Expression) -> bool:
    """Return whether a node is broadcast over features by its user, where a name is easier to read."""
    return bool(user.shape) and not node.shape and node.per_sample and user.operation.name != "one_hot"


def _number(value: float) -> str:
    if math.isnan(value):
        return "np.nan"
    if math.isinf(value):
        return "np.inf" if value > 0 else "-np.inf"
    whole = value == int(value) and abs(value) < 1e15 and math.copysign(1, value) == (1 if value >= 0 else -1)
    return str(int(value)) if whole else repr(value)


def _array(array: Array) -> str:
    """Return an array as nested lists of the shortest decimals that round-trip."""
    if array.ndim == 0:
        return f"DTYPE({_number(float(array))})"
    rows = [", ".join(_number(float(value)) for value in row) for row in np.atleast_2d(array)]
    text = ", ".join(f"[{row}]" for row in rows)
    if array.ndim == 1:
        text = rows[0]
    if len(text) > 90:
        before, after = ("[", "]") if array.ndim == 2 else ("", "")
        filled = [wrapped(row.split(", "), 100 - len(before)) for row in rows]
        joined = [f"\n    {' ' * len(before)}".join(lines).rstrip(",") for lines in filled]
        text = "\n" + "".join(f"    {before}{row}{after},\n" for row in joined)
    return f"np.array([{text}], dtype=DTYPE)"


def write_numpy(prepared: Prepared) -> bytes:
    """Return a module of NumPy that computes a prediction, which was prepared with ``fold=False``."""
    require(prepared.program, PRIMITIVES, "NumPy")
    sources = {name: form.source for name, form in PRIMITIVES.items() if isinstance(form, Helper)}
    names = Identifiers(_RESERVED | sources.keys(), unicode=True)
    columns = [names.pick(node.name) for node in prepared.columns]
    writer = _Writer(prepared, names)
    writer.names.update(zip(prepared.columns, columns, strict=True))
    values = []
    for node in prepared.params:
        writer.names[node] = names.pick(node.name)
        meaning = prepared.meanings.get(node.name, "" if writer.names[node] == node.name else node.name)
        remark = f"  # {one_line(meaning)}" if meaning else ""
        values.append(f"{writer.names[node]} = {_array(prepared.values[node.name])}{remark}")
    result = writer.compute()
    if prepared.output.shape == (1,):
        whole = not prepared.output.args or writer.template(prepared.output).level >= ATOM
        result = f"{result if whole else f'({result})'}[..., 0]"
    arguments = [
        f"    {column}: {'' if column == node.name else in_docstring(node.name) + ', '}shape {_shape(node.shape)}"
        + (f": {in_docstring(', '.join(prepared.blocks[node.name]))}" if node.name in prepared.blocks else "")
        for node, column in zip(prepared.columns, columns, strict=True)
    ]
    body = [f"{column} = np.asarray({column}, dtype=DTYPE)" for column in columns] + writer.lines + [f"return {result}"]
    helpers = [source for name, source in sources.items() if name in writer.helpers]
    parts = [
        f'"""Predicts {in_docstring(prepared.formula)}\n\n'
        'Made by steepest from a fitted model; needs NumPy alone.\n"""\n',
        f"import numpy as np\n\nDTYPE = np.{prepared.dtype}\n",
        "\n".join(values) + "\n" if values else "",
        *(f"\n{helper}" for helper in helpers),
        f"\ndef predict({', '.join(columns)}):\n"
        f'    """{in_docstring(prepared.formula)}\n\n    Args, of n samples, or without the first length of one:\n'
        + "".join(f"    {line}\n" for line in arguments)
        + f"\n    Returns:\n        The prediction, shape {_shape(prepared.shape)}.\n"
        + '    """\n'
        + "".join(f"    {line}\n" for line in body),
    ]
    return "\n".join(part for part in parts if part).encode()


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(['n', *map(str, shape)])}{'' if shape else ','})"
