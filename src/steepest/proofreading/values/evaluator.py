"""Evaluates formulas at many random points at once.

Numbers are arrays of shape (K,), one value a point; vectors and matrices are (K, r, c). Index letters are whole
numbers: a sum runs over them, a free one is given by the caller. A symbol that nothing defines is a random number of
its own, and a function that nothing defines is a smooth random function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from steepest.proofreading.meaning.document_model import Definition, Key, bind, depends_on
from steepest.proofreading.reading.tree import Node, end_of_sum, letters_in_indices, signature, symbols
from steepest.proofreading.reading.vocabulary import RUNS
from steepest.proofreading.values.arrays import POINTS, Array, elementwise, random_function
from steepest.proofreading.values.derivatives import Differentiator
from steepest.proofreading.values.errors import ShapeClashError, UndecidedError
from steepest.proofreading.values.functions import apply, is_known
from steepest.proofreading.values.scope import MAX_DEFINITIONS, Scope
from steepest.proofreading.values.symbols import SymbolLookup

_MAX_WORK = 60_000  # parts of one formula, so that every report ends
_MAX_DEPTH = 120  # of parts inside one another, through definitions, well below Python's limit of recursion
_MAX_EXPONENT = 12  # up to which powers are products, so that negative bases have values
_LONGEST_SUM = 64
_COMPARISONS = {
    "<": np.less, ">": np.greater, "<=": np.less_equal, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal,
}  # fmt: skip
_DIFFERENTIATED = {
    "derivative": Differentiator.derivative, "gradient": Differentiator.gradient, "change": Differentiator.change,
    "cost_gradient": Differentiator.cost_gradient, "limit": Differentiator.limit, "prime": Differentiator.prime,
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
        """Return the value of a tree for these numbers of the index letters.

        Raises:
            UndecidedError: a part has no value.
            ShapeClashError: vectors or matrices do not fit together.
        """
        scope = self.scope
        scope.work += 1
        self.document.work.done += 1
        if scope.work > _MAX_WORK or scope.depth > _MAX_DEPTH:
            raise UndecidedError("this formula takes too long to evaluate", node)
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
        method = getattr(self, "_" + node.kind, None)
        if method is None:
            raise UndecidedError(f"{node.kind} has no value", node)
        found: Array = method(node, numbers)
        return found

    def _number(self, node: Node, numbers: Mapping[str, int]) -> Array:
        return np.full(POINTS, float(node.value))

    def _symbol(self, node: Node, numbers: Mapping[str, int]) -> Array:
        known = self.document.definitions.get(("symbol", node.base)) and node.base not in RUNS
        if not node.args and node.base in numbers and not known:
            return np.full(POINTS, float(numbers[node.base]))
        return self.symbols.symbol(node, numbers)

    def _group(self, node: Node, numbers: Mapping[str, int]) -> Array:
        return self.value(node.args[0], numbers)

    def _words(self, node: Node, numbers: Mapping[str, int]) -> Array:
        raise UndecidedError(f"the words “{node.value}” are not a formula", node)

    def _dots(self, node: Node, numbers: Mapping[str, int]) -> Array:
        raise UndecidedError("the dots represent terms that are not written", node)

    def _add(self, node: Node, numbers: Mapping[str, int]) -> Array:
        total: Array | None = None
        for sign, term in zip(node.value, node.args, strict=True):
            part = self.value(term, numbers) * sign
            total = part if total is None else elementwise(np.add, total, part, node)
        assert total is not None  # a sum has terms
        return total

    def _negate(self, node: Node, numbers: Mapping[str, int]) -> Array:
        return -self.value(node.args[0], numbers)

    def _multiply(self, node: Node, numbers: Mapping[str, int]) -> Array:
        total = self.value(node.args[0], numbers)
        for sign, factor in zip(node.value, node.args[1:], strict=True):
            total = self.product(total, self.value(factor, numbers), sign, node)
        return total

    def product(self, left: Array, right: Array, sign: str, node: Node) -> Array:
        """Return the product that the sign between two factors stands for."""
        if left.ndim == 1 or right.ndim == 1:
            return elementwise(np.multiply, left, right, node)
        if sign == "*":
            return elementwise(np.multiply, left, right, node)
        if sign == "dot" and left.shape == right.shape and left.shape[2] == 1:
            return np.asarray((left * right).sum(axis=(1, 2)))
        if left.shape[2] != right.shape[1]:
            raise ShapeClashError(
                f"{left.shape[1]}×{left.shape[2]} and {right.shape[1]}×{right.shape[2]} have no product", node
            )
        return left @ right

    def _divide(self, node: Node, numbers: Mapping[str, int]) -> Array:
        return elementwise(np.divide, self.value(node.args[0], numbers), self.value(node.args[1], numbers), node)

    def _power(self, node: Node, numbers: Mapping[str, int]) -> Array:
        base, exponent = node.args
        if (
            exponent.kind == "number"
            and float(exponent.value) == int(float(exponent.value))
            and abs(float(exponent.value)) <= _MAX_EXPONENT
        ):
            value = self.value(base, numbers)
            power = int(float(exponent.value))
            return value**power if power >= 0 else 1.0 / value**-power
        value, raised = self.value(base, numbers), self.value(exponent, numbers)
        if value.ndim == 1 and not np.iscomplexobj(value):
            value = np.where(value > 0, value, np.nan)
        return elementwise(np.power, value, raised, node)

    def _transpose(self, node: Node, numbers: Mapping[str, int]) -> Array:
        value = self.value(node.args[0], numbers)
        return value if value.ndim == 1 else np.swapaxes(value, 1, 2)

    def _sqrt(self, node: Node, numbers: Mapping[str, int]) -> Array:
        return apply("sqrt", self.value(node.args[0], numbers))

    def _abs(self, node: Node, numbers: Mapping[str, int]) -> Array:
        value = self.value(node.args[0], numbers)
        return np.asarray(np.where(value.real < 0, -value, value))

    def _norm(self, node: Node, numbers: Mapping[str, int]) -> Array:
        value = self.value(node.args[0], numbers)
        return np.asarray(np.sqrt((value * value).sum(axis=(1, 2)) if value.ndim == 3 else value * value))

    def _array_sum(self, node: Node, numbers: Mapping[str, int]) -> Array:
        value = self.value(node.args[0], numbers)
        if value.ndim == 1:
            return value
        if node.value is None:
            return np.asarray(value.sum(axis=(1, 2)))
        return np.asarray(value.sum(axis=node.value + 1, keepdims=True))

    def _compare(self, node: Node, numbers: Mapping[str, int]) -> Array:
        left, right = (self.value(a, numbers).real for a in node.args)
        return elementwise(_COMPARISONS[node.value], left, right, node).astype(float)

    def _iverson(self, node: Node, numbers: Mapping[str, int]) -> Array:
        return self.value(node.args[0], numbers)

    def _cases(self, node: Node, numbers: Mapping[str, int]) -> Array:
        result: Array | None = None
        pairs = list(zip(node.args[::2], node.args[1::2], strict=True))
        for value, condition in reversed(pairs):
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
                raise ShapeClashError("the cases are of different shapes", node)
            result = np.where(holds > 0, part, result)
        assert result is not None  # the parser wants at least one case
        return result

    def _matrix(self, node: Node, numbers: Mapping[str, int]) -> Array:
        cells = [self.value(cell, numbers) for cell in node.args]
        if any(cell.ndim != 1 for cell in cells):
            raise UndecidedError("a matrix of matrices cannot be evaluated here", node)
        return np.stack(cells, axis=-1).reshape(POINTS, -1, node.value)

    def _tuple(self, node: Node, numbers: Mapping[str, int]) -> Array:
        cells = [self.value(cell, numbers) for cell in node.args]
        if any(cell.ndim != 1 for cell in cells):
            raise UndecidedError("a tuple of vectors or matrices cannot be evaluated here", node)
        return np.stack(cells, axis=-1).reshape(POINTS, -1, 1)

    def _stopped(self, node: Node, numbers: Mapping[str, int]) -> Array:
        value = self.value(node.args[0], numbers)
        return value.real.astype(float) if np.iscomplexobj(value) else value

    def _element(self, node: Node, numbers: Mapping[str, int]) -> Array:
        value = self.value(node.args[0], numbers)
        if value.ndim != 3:
            return value
        places = [self.symbols.index_value(a, numbers) for a in node.args[1:]]
        row, column = (places[0], places[1]) if len(places) > 1 else (places[0], 1)
        if not (1 <= row <= value.shape[1] and 1 <= column <= value.shape[2]):
            raise ShapeClashError("there is no such element", node)
        return value[:, row - 1, column - 1]

    def _sum(self, node: Node, numbers: Mapping[str, int]) -> Array:
        total: Array | None = None
        for number in self.running(node, numbers):
            part = self.value(node.args[0], {**numbers, str(node.value): number})
            total = part if total is None else elementwise(np.add, total, part, node)
        return np.zeros(POINTS) if total is None else total

    def _product(self, node: Node, numbers: Mapping[str, int]) -> Array:
        total = np.ones(POINTS)
        for number in self.running(node, numbers):
            total = elementwise(
                np.multiply, total, self.value(node.args[0], {**numbers, str(node.value): number}), node
            )
        return total

    def running(self, node: Node, numbers: Mapping[str, int]) -> Sequence[int]:
        """Return the values of the index of a sum."""
        if len(node.args) < 3:
            return range(1, self.document.indices.range_of(str(node.value)) + 1)
        first, last = self.symbols.index_value(node.args[1], numbers), self.symbols.index_value(node.args[2], numbers)
        if node.args[2].kind == "number":
            last = end_of_sum(node, first, last)
        if last - first > _LONGEST_SUM:
            raise UndecidedError("the sum is too long to be evaluated", node)
        return range(first, last + 1)

    # -- functions and derivatives ---------------------------------------------------------------------------

    def _call(self, node: Node, numbers: Mapping[str, int]) -> Array:
        function, arguments = node.args[0], node.args[1:]
        values = [self.value(a, numbers) for a in arguments]
        if node.value:
            if len(values) != 1:
                raise UndecidedError("the prime does not say with respect to which of several variables", node)
            return self.derivatives.differentiate(
                lambda v: self.applied(function, arguments, [v], numbers, node), values[0], int(node.value)
            )
        return self.applied(function, arguments, values, numbers, node)

    def applied(
        self, function: Node, arguments: Sequence[Node], values: list[Array], numbers: Mapping[str, int], node: Node
    ) -> Array:
        """Return a function of values."""
        if function.kind == "function":
            if function.value == "softmax":
                return self.softmax(values[0])
            if not is_known(function.value):
                raise UndecidedError(f"the function {function.value} is not known here", function)
            try:
                return apply(function.value, *values)
            except ValueError as error:
                raise UndecidedError(str(error), function) from None
        key = self.symbols.key(function, numbers)
        found = [
            d
            for d in self.document.definitions.get(("symbol", function.base), ())
            if sorted(d.target.roles) == sorted(function.roles)
        ]
        for definition in self.document.by_nearness(found, self.scope.statement_index):
            bound = bind(
                definition.target, None, tuple(dict(key[1])[r] for r in definition.target.roles), self.document.indices
            )
            if bound is None or (definition.formals and len(definition.formals) != len(values)):
                continue
            formals: Sequence[Node] = definition.formals or self.places(definition, arguments)
            if not formals:
                continue
            mark = (definition, key, "call")
            if sum(m == mark for m in self.scope.active) > 3 or len(self.scope.active) > MAX_DEFINITIONS:
                raise UndecidedError("this definition is circular", node)
            self.scope.active.append(mark)
            try:
                # σ(z_i) = … holds for every i, also where σ is applied to something without an index.
                here = {**{x: 1 for f in formals for x in letters_in_indices(f)}, **numbers, **bound}
                given = dict(zip((self.symbols.key(f, here) for f in formals), values, strict=False))
                return self.with_values(given, definition.body, here)
            finally:
                self.scope.active.pop()
        if function.base == "\\sigma" and len(values) == 1:
            return apply("sigmoid", values[0])
        scalars = all(v.ndim == 1 for v in values)
        if not scalars and len({v.shape for v in values}) > 1:
            raise UndecidedError(f"the document does not say what {function.base} is", function)
        return random_function(function.base + str(key[1]), values)

    def places(self, definition: Definition, arguments: Sequence[Node]) -> list[Node]:
        """Return the symbols that the arguments replace in a function defined without formal arguments."""
        found: list[Node] = []
        if not any(
            depends_on(self.document, definition.body, s, self.scope.statement_index)
            for a in arguments
            for s in symbols(a)
        ):
            return []
        for argument in arguments:
            near = [
                s
                for s in symbols(argument)
                if depends_on(self.document, definition.body, s, self.scope.statement_index)
            ]
            if argument.kind != "symbol" and near:
                found.append(near[0])
            elif argument.kind == "symbol":
                found.append(argument)
        return found if len(found) == len(arguments) else []

    def with_values(self, values: Mapping[Key, Array], body: Node, numbers: Mapping[str, int]) -> Array:
        """Return the value of a body in which some symbols have other values."""
        return self.within(self.scope.inner(values)).value(body, numbers)

    def softmax(self, value: Array) -> Array:
        """Return the softmax over the features: the columns if samples are rows, else the whole vector."""
        if value.ndim != 3:
            raise UndecidedError("softmax takes a vector", Node("words"))
        axis = 1 if value.shape[2] == 1 else 2
        powers = np.exp(value)
        return np.asarray(powers / powers.sum(axis=axis, keepdims=True))
