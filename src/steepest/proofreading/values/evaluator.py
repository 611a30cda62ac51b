"""Evaluates formulas at many random points at once.

Numbers are arrays of shape (K,), one value a point; vectors and matrices are (K, r, c). Index letters are whole
numbers: a sum runs over them, a free one is given by the caller. A symbol that nothing defines is a random number of
its own, and a function that nothing defines is a smooth random function.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial, reduce

import numpy as np

from steepest.proofreading.meaning.document_model import Definition, bind, depends_on
from steepest.proofreading.reading.tree import Node, end_of_sum, letters_in_indices, signature, symbols
from steepest.proofreading.reading.vocabulary import RUNS
from steepest.proofreading.values.arrays import POINTS, Array, ShapeClashError, UndecidedError, elementwise, stacked
from steepest.proofreading.values.derivatives import Differentiator
from steepest.proofreading.values.functions import apply, is_known, random_function
from steepest.proofreading.values.scope import MAX_DEFINITIONS, Scope
from steepest.proofreading.values.symbols import SymbolLookup

_MAX_WORK = 60_000  # parts of one formula, so that every report ends
_CALL = 4  # parts that take as long as a function of all points
_TOO_LONG = "this line takes too long to evaluate"
_MAX_DEPTH = 120  # of parts inside one another, through definitions, well below Python's limit of recursion
_MAX_EXPONENT = 12  # up to which powers are products, so that negative bases have values
_LONGEST_SUM = 64
_COMPARISONS = {
    "<": np.less, ">": np.greater, "<=": np.less_equal, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal,
}  # fmt: skip
_DIFFERENTIATED = {
    "derivative": Differentiator.derivative, "gradient": Differentiator.gradient, "change": Differentiator.change,
    "cost_gradient": Differentiator.cost_gradient, "limit": Differentiator.limit,
}  # fmt: skip
_OF_ONE = ("group", "iverson", "negate", "transpose", "sqrt", "abs", "norm", "stopped")
_WITHOUT_VALUE = {
    "words": "the words “{}” are not a formula", "dots": "the dots represent terms that are not written",
    "prime": "the variable of this derivative is not given",
}  # fmt: skip
_REMEMBERED = ("derivative", "cost_gradient", "gradient", "change")  # which take many evaluations


class Evaluator:
    """Evaluates formulas in a scope; symbols and derivatives are left to objects of their own."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.document = scope, scope.document
        self.symbols = SymbolLookup(self)
        self.derivatives = Differentiator(self, self.symbols)

    def within(self, scope: Scope) -> Evaluator:
        """Return an evaluator in another scope."""
        return Evaluator(scope)

    def value(self, node: Node, numbers: Mapping[str, int]) -> Array:
        """Return the value of a tree for these numbers of the index letters; raise NoValueError if it has none."""
        scope = self.scope
        scope.work += 1
        self.document.work.done += 1
        if scope.work > _MAX_WORK or scope.depth > _MAX_DEPTH or self.document.work.done > self.document.work.most:
            raise UndecidedError(_TOO_LONG)
        scope.depth += 1
        try:
            if node.kind not in _REMEMBERED or scope.overrides or scope.complex_depth:
                return self._evaluated(node, numbers)
            place = scope.statement_index, scope.interpretation, scope.scale, len(scope.active) > 0
            mark = place, signature(node), tuple(sorted(numbers.items()))
            if mark not in self.document.memo:
                self.document.memo[mark] = scope.record(lambda: self._evaluated(node, numbers))
            return scope.use(self.document.memo[mark])
        finally:
            scope.depth -= 1

    def _evaluated(self, node: Node, numbers: Mapping[str, int]) -> Array:
        if node.kind in _DIFFERENTIATED:
            return _DIFFERENTIATED[node.kind](self.derivatives, node, numbers)
        if node.kind in _OF_ONE:
            return _of_one(node.kind, self.value(node.args[0], numbers))
        method = getattr(self, "_" + node.kind, None)
        if method is None:
            trouble = _WITHOUT_VALUE.get(node.kind, f"{node.kind} has no value")
            raise UndecidedError(trouble.format(node.value))
        found: Array = method(node, numbers)
        return found

    def _number(self, node: Node, numbers: Mapping[str, int]) -> Array:
        return np.full(POINTS, float(node.value))

    def _symbol(self, node: Node, numbers: Mapping[str, int]) -> Array:
        known = self.document.definitions.get(("symbol", node.base)) and node.base not in RUNS
        if not node.args and node.base in numbers and not known:
            return np.full(POINTS, float(numbers[node.base]))
        return self.symbols.symbol(node, numbers)

    def _add(self, node: Node, numbers: Mapping[str, int]) -> Array:
        total: Array = self.value(node.args[0], numbers) * node.value[0]
        for sign, term in zip(node.value[1:], node.args[1:], strict=True):
            total = elementwise(np.add, total, self.value(term, numbers) * sign)
        return total

    def _multiply(self, node: Node, numbers: Mapping[str, int]) -> Array:
        total = self.value(node.args[0], numbers)
        for sign, factor in zip(node.value, node.args[1:], strict=True):
            total = self.product(total, self.value(factor, numbers), sign)
        return total

    def product(self, left: Array, right: Array, sign: str) -> Array:
        """Return the product that the sign between two factors stands for."""
        if left.ndim == 1 or right.ndim == 1 or sign == "*":
            return elementwise(np.multiply, left, right)
        if sign == "dot" and left.shape == right.shape and left.shape[2] == 1:
            return np.asarray((left * right).sum(axis=(1, 2)))
        if left.shape[2] != right.shape[1]:
            one, other = (f"{a.shape[1]}×{a.shape[2]}" for a in (left, right))
            raise ShapeClashError(f"{one} and {other} have no product")
        return left @ right

    def _divide(self, node: Node, numbers: Mapping[str, int]) -> Array:
        return elementwise(np.divide, self.value(node.args[0], numbers), self.value(node.args[1], numbers))

    def _power(self, node: Node, numbers: Mapping[str, int]) -> Array:
        base, exponent = node.args
        value = self.value(base, numbers)
        power = float(exponent.value) if exponent.kind == "number" else None
        if power is not None and power == int(power) and abs(power) <= _MAX_EXPONENT:
            return value ** int(power) if power >= 0 else 1.0 / value ** -int(power)
        raised = self.value(exponent, numbers)
        if value.ndim == 1 and not np.iscomplexobj(value):
            value = np.where(value > 0, value, np.nan)
        return elementwise(np.power, value, raised)

    def _array_sum(self, node: Node, numbers: Mapping[str, int]) -> Array:
        value = self.value(node.args[0], numbers)
        if value.ndim == 1:
            return value
        whole = node.value is None
        return np.asarray(value.sum(axis=(1, 2)) if whole else value.sum(axis=node.value + 1, keepdims=True))

    def _compare(self, node: Node, numbers: Mapping[str, int]) -> Array:
        left, right = (self.value(a, numbers).real for a in node.args)
        return elementwise(_COMPARISONS[node.value], left, right).astype(float)

    def _cases(self, node: Node, numbers: Mapping[str, int]) -> Array:
        result: Array | None = None
        for value, condition in zip(node.args[-2::-2], node.args[::-2], strict=True):
            part = self.value(value, numbers)
            if condition.kind == "else":
                result = part
                continue
            holds = self.value(condition, numbers)
            if result is None:
                result = np.full(holds.shape, np.nan)
            full = next((a.shape for a in (holds, part, result) if a.ndim == 3), holds.shape)
            holds, part, result = (
                np.broadcast_to(a[:, None, None], full) if a.ndim < len(full) else a for a in (holds, part, result)
            )
            if not holds.shape == part.shape == result.shape:
                raise ShapeClashError("the cases are of different shapes")
            result = np.where(holds > 0, part, result)
        assert result is not None  # the parser wants at least one case
        return result

    def _matrix(self, node: Node, numbers: Mapping[str, int]) -> Array:
        cells = [self.value(cell, numbers) for cell in node.args]
        return stacked(cells, "a matrix of matrices cannot be evaluated here").reshape(POINTS, -1, node.value)

    def _tuple(self, node: Node, numbers: Mapping[str, int]) -> Array:
        cells = [self.value(cell, numbers) for cell in node.args]
        return stacked(cells, "a tuple of vectors or matrices cannot be evaluated here")[:, :, None]

    def _element(self, node: Node, numbers: Mapping[str, int]) -> Array:
        value = self.value(node.args[0], numbers)
        if value.ndim != 3:
            return value
        places = [self.symbols.index_value(a, numbers) for a in node.args[1:]]
        row, column = [*places, 1][:2]
        if not (1 <= row <= value.shape[1] and 1 <= column <= value.shape[2]):
            raise ShapeClashError("there is no such element")
        return value[:, row - 1, column - 1]

    def _sum(self, node: Node, numbers: Mapping[str, int]) -> Array:
        terms = self._running(node, numbers)
        first = next(terms, None)
        return np.zeros(POINTS) if first is None else reduce(partial(elementwise, np.add), terms, first)

    def _product(self, node: Node, numbers: Mapping[str, int]) -> Array:
        return reduce(partial(elementwise, np.multiply), self._running(node, numbers), np.ones(POINTS))

    def _running(self, node: Node, numbers: Mapping[str, int]) -> Iterator[Array]:
        """Yield the values of what is summed or multiplied, for each value of the index."""
        first, last = 1, self.document.indices.range_of(str(node.value))
        if len(node.args) == 3:
            first, last = (self.symbols.index_value(limit, numbers) for limit in node.args[1:])
            if node.args[2].kind == "number":
                last = end_of_sum(node, first, last)
            if last - first > _LONGEST_SUM:
                raise UndecidedError("the sum is too long to be evaluated")
        for number in range(first, last + 1):
            yield self.value(node.args[0], {**numbers, str(node.value): number})

    # -- functions and derivatives ---------------------------------------------------------------------------

    def _call(self, node: Node, numbers: Mapping[str, int]) -> Array:
        function, arguments = node.args[0], node.args[1:]
        values = [self.value(a, numbers) for a in arguments]
        if node.value:
            if len(values) != 1:
                raise UndecidedError("the prime does not say with respect to which of several variables")
            return self.derivatives.differentiate(
                lambda v: self.applied(function, arguments, [v], numbers), values[0], int(node.value)
            )
        return self.applied(function, arguments, values, numbers)

    def applied(
        self, function: Node, arguments: Sequence[Node], values: list[Array], numbers: Mapping[str, int]
    ) -> Array:
        """Return a function of values."""
        self.document.work.done += _CALL  # a derivative of fourth order takes a function at hundreds of values
        if self.document.work.done > self.document.work.most:
            raise UndecidedError(_TOO_LONG)
        if function.kind == "function":
            if function.value == "softmax":
                return self.softmax(values[0])
            if not is_known(function.value):
                raise UndecidedError(f"the function {function.value} is not known here")
            try:
                return apply(function.value, *values)
            except ValueError as error:
                raise UndecidedError(str(error)) from None
        key = self.symbols.key(function, numbers)
        named = self.document.definitions.get(("symbol", function.base), ())
        found = [d for d in named if sorted(d.target.roles) == sorted(function.roles)]
        for definition in self.document.by_nearness(found, self.scope.statement_index):
            concrete = tuple(dict(key[1])[r] for r in definition.target.roles)
            bound = bind(definition.target, None, concrete, self.document.indices)
            if bound is None or (definition.formals and len(definition.formals) != len(values)):
                continue
            formals: Sequence[Node] = definition.formals or self.places(definition, arguments)
            if not formals:
                continue
            mark = (definition, key, "call")
            if sum(m == mark for m in self.scope.active) > 3 or len(self.scope.active) > MAX_DEFINITIONS:
                raise UndecidedError("this definition is circular")
            with self.scope.entered(mark):
                # σ(z_i) = … holds for every i, also where σ is applied to something without an index.
                here = {**{x: 1 for f in formals for x in letters_in_indices(f)}, **numbers, **bound}
                given = dict(zip((self.symbols.key(f, here) for f in formals), values, strict=False))
                return self.within(self.scope.inner(given)).value(definition.body, here)
        if function.base == "\\sigma" and len(values) == 1:
            return apply("sigmoid", values[0])
        scalars = all(v.ndim == 1 for v in values)
        if not scalars and len({v.shape for v in values}) > 1:
            raise UndecidedError(f"the document does not say what {function.base} is")
        return random_function(function.base + str(key[1]), values)

    def places(self, definition: Definition, arguments: Sequence[Node]) -> list[Node]:
        """Return the symbols that the arguments replace in a function defined without formal arguments."""
        body, index = definition.body, self.scope.statement_index
        near = [[s for s in symbols(a) if depends_on(self.document, body, s, index)] for a in arguments]
        if not any(near) or not all(a.kind == "symbol" or inner for a, inner in zip(arguments, near, strict=True)):
            return []
        return [a if a.kind == "symbol" else inner[0] for a, inner in zip(arguments, near, strict=True)]

    def softmax(self, value: Array) -> Array:
        """Return the softmax over the features: the columns if samples are rows, else the whole vector."""
        if value.ndim != 3:
            raise UndecidedError("softmax takes a vector")
        axis = 1 if value.shape[2] == 1 else 2
        powers = np.exp(value)
        return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def _of_one(kind: str, value: Array) -> Array:
    """Return the value of a node with one argument, such as a root, from the value of the argument."""
    match kind:
        case "negate":
            return -value
        case "transpose" if value.ndim == 3:
            return np.swapaxes(value, 1, 2)
        case "sqrt":
            return apply("sqrt", value)
        case "abs":
            return np.asarray(np.where(value.real < 0, -value, value))
        case "norm":
            return np.asarray(np.sqrt((value * value).sum(axis=(1, 2)) if value.ndim == 3 else value * value))
        case "stopped" if np.iscomplexobj(value):
            return value.real.astype(float)
    return value
