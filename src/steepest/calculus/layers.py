"""Find the layers of a graph: activations a = g(z) of a quantity z on which all inputs of a depend only through it.

* :func:`find_layers` returns the activations that every path from data and parameters to the result crosses. It takes
  any graph, also a cost, and any z. Neurons that are written as separate numbers are not found.
* :func:`decompose` returns the weighted sums z = Σ source · weight + bias of a prediction, if it is made of them. It
  finds neurons that are separate numbers, too. Sources are data or layers; weights and biases contain no data.

Both use :func:`bottlenecks`. Only the dominators of the root are wanted and nodes are numbered in the order of their
construction, so one pass replaces a dominator tree.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from steepest.calculus import polynomials
from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, PARAMETER, Expression, substitute
from steepest.expressions.traversal import dependents, toposort

_LARGEST = 20_000  # nodes; larger predictions are not decomposed, because drawing them by layers would be unreadable


@dataclass(frozen=True, eq=False)
class Term:
    """One summand of a weighted sum.

    Attributes:
        source: data, or the output of a layer.
        weight: an expression without data; None for 1.
        kind: the product: ``each`` elementwise, ``columns`` source @ weight, ``rows`` weight @ source.
        negative: whether it is subtracted.
    """

    source: Expression
    weight: Expression | None
    kind: str
    negative: bool

    def place(self, i: int, j: int) -> tuple[int, ...] | None:
        """Return the index of the weight from the source's element i to the sum's element j; None for no edge."""
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
    """Neurons that act as one: a = g(z).

    Attributes:
        output: a, the values of the neurons.
        total: z, the argument of the activation g; the output itself if g is the identity.
    """

    output: Expression
    total: Expression

    @property
    def size(self) -> int:
        """The number of neurons."""
        return self.output.shape[0] if self.output.shape else 1

    @property
    def is_linear(self) -> bool:
        """True if the activation is the identity."""
        return self.output is self.total

    def activation(self, z: Expression) -> Expression:
        """Return the activation applied to another z."""
        return substitute(self.output, {self.total: z})


@dataclass(frozen=True, eq=False)
class WeightedLayer(Layer):
    """A layer whose z is a weighted sum.

    Attributes:
        terms: the summands with a source.
        biases: the summands without; each an expression, and whether it is subtracted.
        level: 1 if all sources are data, else one more than the highest level of its sources.
    """

    terms: tuple[Term, ...]
    biases: tuple[tuple[Expression, bool], ...]
    level: int


@dataclass(frozen=True)
class Structure:
    """A prediction as weighted layers in topological order; the last one is the prediction.

    Attributes:
        inputs: data, or functions of data alone, that are sources of layers, in reading order.
    """

    layers: tuple[WeightedLayer, ...]
    inputs: tuple[Expression, ...]


def bottlenecks(root: Expression, inside: Collection[Expression]) -> Iterator[Expression]:
    """Yield the nodes that every path from the root to the leaves crosses, from the root itself down.

    Paths use nodes ``inside`` and end at one without arguments there. Nodes are opened from the youngest to the oldest.
    An argument is always older than what uses it, so a node that is waiting alone is one that no path can avoid.
    """
    waiting, seen = [(-root.uid, root)], {root}
    while waiting:
        node = heapq.heappop(waiting)[1]
        if not waiting:
            yield node
        below = [arg for arg in node.args if arg in inside]
        if not below:
            return  # a path ends here, and crosses nothing older
        for arg in below:
            if arg not in seen:
                seen.add(arg)
                heapq.heappush(waiting, (-arg.uid, arg))


def find_layers(root: Expression) -> tuple[Layer, ...]:
    """Return the activations that every path from data or parameters to the result crosses, from the data up.

    In a chain or network they are the layers a⁽¹⁾, …, a⁽ᵐ⁾. Neurons that are written as separate numbers are not
    found, because a path can avoid each of them.

    >>> from steepest.expressions.expression import data, params
    >>> x, w, v = data("x"), params("w"), params("v")
    >>> [str(layer.output) for layer in find_layers(op.tanh(op.sigmoid(x * w) * v) ** 2)]
    ['sigmoid(x*w)', 'tanh(sigmoid(x*w)*v)']
    """
    nodes = toposort([root])
    inside = dependents(nodes, DATA) & dependents(nodes, PARAMETER)
    if root not in inside:
        return ()
    found = [Layer(node, node.args[0]) for node in bottlenecks(root, inside) if node.operation.activation]
    return tuple(reversed(found))


def decompose(prediction: Expression) -> Structure | None:
    """Return the weighted layers of a prediction; None if it is not made of weighted layers.

    >>> from steepest.expressions.expression import data, params
    >>> x, w1, b1, w2 = data("x"), *params("w1", "b1", "w2")
    >>> [str(layer.output) for layer in decompose(op.sigmoid(x * w1 + b1) * w2).layers]
    ['sigmoid(x*w1 + b1)', 'sigmoid(x*w1 + b1)*w2']
    """
    nodes = toposort([prediction])
    on_data, on_params = dependents(nodes, DATA), dependents(nodes, PARAMETER)
    if prediction not in on_data or prediction not in on_params or len(nodes) > _LARGEST:
        return None
    found: dict[Expression, tuple[Expression, list[Term], list[tuple[Expression, bool]]]] = {}
    waiting = [prediction]
    inputs: list[Expression] = []
    while waiting:
        output = waiting.pop()
        if output in found:
            continue
        total: Expression | None = output
        parts = _summands(output, on_data, on_params)
        if parts is None:
            total = _within(output, on_data) if len(output.shape) < 2 else None
            parts = None if total is None else _summands(total, on_data, on_params)
        if total is None or parts is None:
            return None
        found[output] = (total, *parts)
        for term in reversed(parts[0]):
            (waiting if term.source in on_params else inputs).append(term.source)
    levels: dict[Expression, int] = {}
    layers = []
    for output in sorted(found, key=lambda node: node.uid):
        total, terms, biases = found[output]
        levels[output] = 1 + max((levels.get(term.source, 0) for term in terms), default=0)
        layers.append(WeightedLayer(output, total, tuple(terms), tuple(biases), levels[output]))
    order = {node: k for k, node in enumerate(dict.fromkeys(inputs[::-1]))}
    return Structure(tuple(layers), tuple(sorted(order, key=lambda node: _reading(prediction, node, order))))


def _reading(prediction: Expression, node: Expression, order: dict[Expression, int]) -> tuple[int, int]:
    names = prediction.data
    return (min((names.index(name) for name in node.data), default=len(names)), order[node])


def _summands(
    root: Expression, on_data: set[Expression], on_params: set[Expression]
) -> tuple[list[Term], list[tuple[Expression, bool]]] | None:
    """Return the terms and biases of a weighted sum; None if the node is not one."""
    parts = polynomials.terms(root, stop=lambda node: node not in on_data)
    terms = [_term(node, sign < 0, on_data) for sign, node in parts if node in on_data]
    biases = [(node, sign < 0) for sign, node in parts if node not in on_data]
    weighted = any(term.weight is not None for term in terms) or bool(biases)
    alone = len(terms) == 1 and terms[0].source is root
    if alone or not (weighted or len(terms) > 1) or root not in on_params:
        return None
    return terms, biases


def _term(node: Expression, negative: bool, on_data: set[Expression]) -> Term:
    """Split a summand into source and weight."""
    if node.operation in (op.multiply, op.matmul, op.dot):
        left, right = node.args
        if (left in on_data) != (right in on_data):
            source, weight = (left, right) if left in on_data else (right, left)
            kind = "each" if node.operation is op.multiply else "columns" if source is left else "rows"
            inner = source.operation is op.negate
            return Term(source.args[0] if inner else source, weight, kind, negative != inner)
    return Term(node, None, "each", negative)


def _within(output: Expression, on_data: set[Expression]) -> Expression | None:
    """Return z of an activation a = g(z): the one node with data below a, if g has no parameters of its own."""
    z = next((node for node in bottlenecks(output, on_data) if node is not output), None)
    if z is None:
        return None
    own = toposort([output], stop=lambda node: node is z or node not in on_data)
    return None if any(node not in on_data and node.parameters for node in own) else z
