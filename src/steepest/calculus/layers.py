"""A prediction as layers of neurons: which of its parts are weighted sums, and what is applied to each.

A layer is g(Σ source · weight + bias): the sources are data or other layers, the weights and biases hold no data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, Expression
from steepest.expressions.traversal import toposort

_LARGEST = 20_000  # nodes of a prediction up to which layers are looked for


@dataclass(frozen=True, eq=False)
class Term:
    """One summand of a weighted sum.

    Attributes:
        source: data, or the output of a layer.
        weight: an expression without data; None for 1.
        kind: how they are joined: ``each`` element by element, ``columns`` as source @ weight, ``rows`` as
            weight @ source.
        negative: whether it is taken off.
    """

    source: Expression
    weight: Expression | None
    kind: str
    negative: bool

    def place(self, i: int, j: int) -> tuple[int, ...] | None:
        """Where in the weight stands what joins the source's element i to the sum's element j; None if nothing does."""
        shape = () if self.weight is None else self.weight.shape
        if self.kind == "columns":
            return (i, j)[: len(shape)]
        if self.kind == "rows":
            return (j, i)[-len(shape) :]
        if self.source.shape and i != j:
            return None
        return (j,) if shape else ()


@dataclass(frozen=True, eq=False)
class Layer:
    """Neurons with the same sources.

    Attributes:
        output: the node of their values.
        total: the weighted sum within; the output itself where nothing is applied to it.
        terms: its summands with a source.
        biases: its summands without; each an expression, and whether it is taken off.
        size: how many neurons.
        level: 1 for one that is fed by data alone, else one more than the highest that feeds it.
    """

    output: Expression
    total: Expression
    terms: tuple[Term, ...]
    biases: tuple[tuple[Expression, bool], ...]
    size: int
    level: int


@dataclass(frozen=True)
class Structure:
    """All layers, each after those that feed it; the last is the prediction.

    Attributes:
        inputs: the data, or functions of data alone, that feed the layers, as they are met reading.
    """

    layers: tuple[Layer, ...]
    inputs: tuple[Expression, ...]


def decompose(prediction: Expression) -> Structure | None:
    """The layers of a prediction; None if it is not made of layers.

    >>> from steepest.expressions.expression import data, params
    >>> x, w1, b1, w2 = data("x"), *params("w1", "b1", "w2")
    >>> [str(layer.output) for layer in decompose(op.sigmoid(x * w1 + b1) * w2).layers]
    ['sigmoid(x*w1 + b1)', 'sigmoid(x*w1 + b1)*w2']
    """
    nodes = toposort([prediction])
    on_data, on_params = _dependence(nodes)
    if prediction not in on_data or prediction not in on_params or len(nodes) > _LARGEST:
        return None
    found: dict[Expression, tuple[Expression, list[Term], list[tuple[Expression, bool]]]] = {}
    waiting = [prediction]
    inputs: list[Expression] = []
    while waiting:
        output = waiting.pop()
        if output in found:
            continue
        total = output
        parts = _summands(total, on_data, on_params)
        if parts is None:
            inside = _within(output, on_data)
            parts = None if inside is None else _summands(inside, on_data, on_params)
            if inside is None or parts is None or len(output.shape) > 1:
                return None
            total = inside
        found[output] = (total, *parts)
        for term in reversed(parts[0]):
            (waiting if term.source in on_params else inputs).append(term.source)
    levels: dict[Expression, int] = {}
    layers = []
    for output in sorted(found, key=lambda node: node.uid):
        total, terms, biases = found[output]
        levels[output] = 1 + max((levels.get(term.source, 0) for term in terms), default=0)
        size = output.shape[0] if output.shape else 1
        layers.append(Layer(output, total, tuple(terms), tuple(biases), size, levels[output]))
    order = {node: k for k, node in enumerate(dict.fromkeys(inputs[::-1]))}
    return Structure(tuple(layers), tuple(sorted(order, key=lambda node: _reading(prediction, node, order))))


def _reading(prediction: Expression, node: Expression, order: dict[Expression, int]) -> tuple[int, int]:
    names = prediction.data
    return (min((names.index(name) for name in node.data), default=len(names)), order[node])


def _dependence(nodes: Sequence[Expression]) -> tuple[set[Expression], set[Expression]]:
    """The nodes that hold data, and those that hold parameters."""
    on_data: set[Expression] = set()
    on_params: set[Expression] = set()
    for node in nodes:
        if node.operation is DATA or any(arg in on_data for arg in node.args):
            on_data.add(node)
        if (node.name and node.operation is not DATA) or any(arg in on_params for arg in node.args):
            on_params.add(node)
    return on_data, on_params


def _summands(
    root: Expression, on_data: set[Expression], on_params: set[Expression]
) -> tuple[list[Term], list[tuple[Expression, bool]]] | None:
    """The terms and biases of a weighted sum; None if this is none."""
    terms: list[Term] = []
    biases: list[tuple[Expression, bool]] = []
    stack = [(root, False)]
    while stack:
        node, negative = stack.pop()
        if node not in on_data:
            biases.append((node, negative))
        elif node.operation in (op.add, op.subtract):
            left, right = node.args
            stack += [(right, negative != (node.operation is op.subtract)), (left, negative)]
        elif node.operation is op.negate:
            stack.append((node.args[0], not negative))
        else:
            terms.append(_term(node, negative, on_data))
    weighted = any(term.weight is not None for term in terms) or bool(biases)
    alone = len(terms) == 1 and terms[0].source is root
    if alone or not (weighted or len(terms) > 1) or root not in on_params:
        return None
    return terms, biases


def _term(node: Expression, negative: bool, on_data: set[Expression]) -> Term:
    """A summand taken apart into source and weight."""
    if node.operation in (op.multiply, op.matmul, op.dot):
        left, right = node.args
        if (left in on_data) != (right in on_data):
            source, weight = (left, right) if left in on_data else (right, left)
            kind = "each" if node.operation is op.multiply else "columns" if source is left else "rows"
            inner = source.operation is op.negate
            return Term(source.args[0] if inner else source, weight, kind, negative != inner)
    return Term(node, None, "each", negative)


def _within(output: Expression, on_data: set[Expression]) -> Expression | None:
    """The one node that holds data through which everything below an activation passes."""
    open_nodes = {arg for arg in output.args if arg in on_data}
    if any(arg not in on_data and arg.parameters for arg in output.args):
        return None
    while len(open_nodes) > 1:
        youngest = max(open_nodes, key=lambda node: node.uid)
        if not youngest.args or any(arg not in on_data and arg.parameters for arg in youngest.args):
            return None  # a parameter of the activation itself
        open_nodes.discard(youngest)
        open_nodes |= {arg for arg in youngest.args if arg in on_data}
    return next(iter(open_nodes), None)
