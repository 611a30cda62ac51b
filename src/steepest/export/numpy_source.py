"""A module of plain NumPy for predictions: the formula in lines as a person would write them."""

from __future__ import annotations

import builtins
import keyword
import math
from collections.abc import Sequence

import numpy as np

from steepest.calculus.passes import users
from steepest.export.names import Identifiers, in_docstring, one_line
from steepest.export.prepared import Array, Prepared
from steepest.expressions.expression import CONSTANT, Expression
from steepest.expressions.printing import ATOM, COMPARISON, POWER, PRODUCT, SIGN, SUM, Template, infix, write

_LONGEST = 10  # operations in one line
_COMPARISONS = {
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
}  # fmt: skip
_INFIX = {
    "add": (" + ", SUM), "subtract": (" - ", SUM), "multiply": (" * ", PRODUCT), "divide": (" / ", PRODUCT),
}  # fmt: skip
_ELEMENTWISE = {
    "exp": "np.exp", "log": "np.log", "log1p": "np.log1p", "expm1": "np.expm1",
    "sqrt": "np.sqrt", "sin": "np.sin", "cos": "np.cos", "tanh": "np.tanh", "abs": "np.abs", "sign": "np.sign",
    "maximum": "np.maximum", "minimum": "np.minimum", "sigmoid": "sigmoid", "softplus": "softplus",
}  # fmt: skip
_HELPERS = {
    "sigmoid": '''def sigmoid(x):
    """The logistic function, which never overflows."""
    decay = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, decay) / (1 + decay)
''',
    "softplus": '''def softplus(x):
    """log(1 + exp(x)), which never overflows."""
    return np.logaddexp(x, DTYPE(0))
''',
    "one_hot": '''def one_hot(x, classes):
    """1 at the place of the class number, 0 at the others."""
    x = x[..., None]
    return np.where(np.isnan(x), x, x == np.arange(classes)).astype(DTYPE)
''',
}
_NAMES = {"exp": "e", "softplus": "s", "maximum": "m", "largest": "top", "sum": "total"}
_RESERVED = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *_HELPERS, "np", "DTYPE", "predict"})


class _Writer:
    """The medium of NumPy: names for values that are used twice, and lines for the others."""

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
        """Write the lines; the expression of the prediction."""
        root = self._prepared.output
        for node in self._prepared.program.nodes:
            used = self._users.get(node, [])
            length = 1 + sum(self._inlined.get(arg, 0) for arg in node.args)
            if not node.args or node is root:
                continue
            if len(used) == 1 and length <= _LONGEST and node not in self._layers and not _needs_name(node, used[0]):
                self._inlined[node] = length
                if node.operation.name in _COMPARISONS and _is_condition(node, used[0]):
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
        """How a primitive is written with NumPy."""
        name = node.operation.name
        if name in _COMPARISONS:
            sign = _COMPARISONS[name]
            bare = self._lifted(f"{{0}} {sign} {{1}}", node, (SUM, SUM), COMPARISON)
            if node in self._conditions:
                return bare
            if node.per_sample:
                return Template(f"({bare.pattern}).astype(DTYPE)", ATOM, bare.operands)
            return Template(f"DTYPE({bare.pattern})", ATOM, bare.operands)
        if name in _INFIX:
            sign, level = _INFIX[name]
            return self._lifted(f"{{0}}{sign}{{1}}", node, (level, level + 1), level)
        if name == "negate":
            return Template("-{0}", SIGN, (SIGN,))
        if name == "power":
            return self._lifted("{0} ** {1}", node, (POWER + 1, SIGN), POWER)
        if name == "where":
            return self._lifted("np.where({0}, {1}, {2})", node, (), ATOM)
        if name in _ELEMENTWISE:
            if name in _HELPERS:
                self.helpers.add(name)
            places = ", ".join(f"{{{k}}}" for k in range(node.operation.arity))
            return self._lifted(f"{_ELEMENTWISE[name]}({places})", node, (), ATOM)
        return self._mixing(node)

    @staticmethod
    def _lifted(pattern: str, node: Expression, strengths: Sequence[int], level: int) -> Template:
        """A template in which a number a sample is shaped so that it meets the features of the sample."""
        found = list(strengths) + [0] * (node.operation.arity - len(strengths))
        axes = ", None" * len(node.shape)
        for k, arg in enumerate(node.args):
            if node.shape and arg.per_sample and not arg.shape:
                pattern = pattern.replace(f"{{{k}}}", f"{{{k}}}[...{axes}]")
                found[k] = ATOM
        return Template(pattern, level, tuple(found))

    def _mixing(self, node: Expression) -> Template:
        """The primitives that mix elements; the axes of a sample are the last ones."""
        name = node.operation.name
        rank = len(node.args[0].shape)
        if name in ("sum", "largest"):
            method = "sum" if name == "sum" else "max"
            axes = "-1" if rank == 1 else "(-2, -1)"
            return Template(f"{{0}}.{method}(axis={axes})", ATOM, (ATOM,))
        if name == "transpose":
            return Template("np.swapaxes({0}, -2, -1)")
        if name == "outer":
            return Template("{0}[..., :, None] * {1}[..., None, :]", PRODUCT, (ATOM, ATOM))
        if name == "expand":
            axes = ", None" * len(node.shape)
            return Template(f"{{0}}[...{axes}] * np.ones({node.shape}, DTYPE)", PRODUCT, (ATOM,))
        if name == "one_hot":
            self.helpers.add("one_hot")
            return Template(f"one_hot({{0}}, {node.shape[0]})")
        return self._product(node)

    @staticmethod
    def _product(node: Expression) -> Template:
        a, b = node.args
        ranks = (len(a.shape), len(b.shape))
        if ranks == (2, 2) or not b.per_sample or (ranks == (1, 2) and not a.per_sample):
            return infix(" @ ", PRODUCT)
        letters = {(1, 1): "d,...d->...", (1, 2): "d,...dh->...h", (2, 1): "dh,...h->...d"}[ranks]
        return Template(f'np.einsum("...{letters}", {{0}}, {{1}})')

    def leaf(self, node: Expression) -> tuple[str, int] | None:
        """Numbers, and what has a name."""
        if node in self.names:
            return self.names[node], ATOM
        if node.operation is CONSTANT:
            text = _number(node.value)
            return text, SIGN if text.startswith("-") else ATOM
        return None

    def attributes(self, node: Expression) -> str:
        """Nothing: lengths stand in the patterns."""
        return ""


def _is_condition(node: Expression, user: Expression) -> bool:
    return user.operation.name == "where" and user.args[0] is node


def _needs_name(node: Expression, user: Expression) -> bool:
    """Whether a number a sample meets an array there: with its new axis it is read more easily by a name."""
    return bool(user.shape) and not node.shape and node.per_sample and user.operation.name != "one_hot"


def _number(value: float) -> str:
    if math.isnan(value):
        return "np.nan"
    if math.isinf(value):
        return "np.inf" if value > 0 else "-np.inf"
    whole = value == int(value) and abs(value) < 1e15 and math.copysign(1, value) == (1 if value >= 0 else -1)
    return str(int(value)) if whole else repr(value)


def _array(array: Array, indent: str) -> str:
    """An array as nested lists of the shortest numbers that read back to the bit."""
    if array.ndim == 0:
        return f"DTYPE({_number(float(array))})"
    rows = [", ".join(_number(float(value)) for value in row) for row in np.atleast_2d(array)]
    text = ", ".join(f"[{row}]" for row in rows)
    if array.ndim == 1:
        text = rows[0]
    if len(text) > 90:
        opening = ("[", "],") if array.ndim == 2 else ("", ",")
        text = "\n" + "".join(_wrapped(row, *opening, indent) for row in rows)
    return f"np.array([{text}], dtype=DTYPE)"


def _wrapped(row: str, before: str, after: str, indent: str) -> str:
    lines, line = [], before
    for text in row.split(", "):
        if len(line) + len(text) > 100:
            lines.append(line.rstrip())
            line = " " * len(before)
        line += f"{text}, "
    lines.append(line.rstrip(", ") + after)
    return "".join(f"{indent}{each}\n" for each in lines)


def write_numpy(prepared: Prepared) -> bytes:
    """A model's prediction as a module of NumPy.

    Args:
        prepared: the prediction, whose parameters stand for themselves.

    Returns:
        The file's content.
    """
    names = Identifiers(_RESERVED, unicode=True)
    columns = [names.pick(node.name) for node in prepared.columns]
    writer = _Writer(prepared, names)
    writer.names.update(zip(prepared.columns, columns, strict=True))
    values = []
    for node in prepared.params:
        writer.names[node] = names.pick(node.name)
        meaning = prepared.meanings.get(node.name, "" if writer.names[node] == node.name else node.name)
        remark = f"  # {one_line(meaning)}" if meaning else ""
        values.append(f"{writer.names[node]} = {_array(prepared.values[node.name], '    ')}{remark}")
    result = writer.compute()
    if prepared.output.shape == (1,):
        whole = not prepared.output.args or writer.template(prepared.output).level >= ATOM
        result = f"{result if whole else f'({result})'}[..., 0]"
    told = [
        f"    {column}: {'' if column == node.name else in_docstring(node.name) + ', '}shape {_shape(node.shape)}"
        + (f": {in_docstring(', '.join(prepared.blocks[node.name]))}" if node.name in prepared.blocks else "")
        for node, column in zip(prepared.columns, columns, strict=True)
    ]
    body = [f"{column} = np.asarray({column}, dtype=DTYPE)" for column in columns] + writer.lines + [f"return {result}"]
    helpers = [_HELPERS[name] for name in _HELPERS if name in writer.helpers]
    parts = [
        f'"""Predicts {in_docstring(prepared.formula)}\n\n'
        'Made by steepest from a fitted model; needs NumPy alone.\n"""\n',
        f"import numpy as np\n\nDTYPE = np.{prepared.dtype}\n",
        "\n".join(values) + "\n" if values else "",
        *(f"\n{helper}" for helper in helpers),
        f"\ndef predict({', '.join(columns)}):\n"
        f'    """{in_docstring(prepared.formula)}\n\n    Args, of n samples, or without the first length of one:\n'
        + "".join(f"    {line}\n" for line in told)
        + f"\n    Returns:\n        The prediction, shape {_shape(prepared.shape)}.\n"
        + '    """\n'
        + "".join(f"    {line}\n" for line in body),
    ]
    return "\n".join(part for part in parts if part).encode()


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(['n', *map(str, shape)])}{'' if shape else ','})"
