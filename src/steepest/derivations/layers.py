"""A prediction taken apart into layers: a⁽ˡ⁾ = f(z⁽ˡ⁾), z⁽ˡ⁾ = a⁽ˡ⁻¹⁾ W⁽ˡ⁾ + b⁽ˡ⁾."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from steepest.calculus.layers import WeightedLayer, decompose
from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, PARAMETER, Expression, leaf, substitute, toposort

Function = Callable[[Expression], Expression]


@dataclass(frozen=True)
class Layer:
    """One layer of neurons.

    Attributes:
        number: from 1.
        below: what it takes: a data column, or the activation of the layer below.
        weight: the parameter that multiplies.
        bias: the parameter that is added; None without one.
        z: the weighted sums.
        a: the activations.
    """

    number: int
    below: Expression
    weight: Expression
    bias: Expression | None
    z: Expression
    a: Expression

    @property
    def inputs(self) -> int:
        """How many numbers it takes."""
        return self.below.shape[0] if self.below.shape else 1

    @property
    def outputs(self) -> int:
        """How many neurons it has."""
        return self.z.shape[0] if self.z.shape else 1

    def activation(self, z: Expression) -> Expression:
        """The activation at other weighted sums."""
        return substitute(self.a, {self.z: z})

    @property
    def is_linear(self) -> bool:
        """Whether the activation is the weighted sum itself."""
        return self.a is self.z

    @property
    def is_softmax(self) -> bool:
        """Whether the activation mixes the neurons."""
        return self.a.operation is op.softmax

    def acts_like(self, other: Layer) -> bool:
        """Whether two layers have the same activation, and both a bias or none."""
        z = leaf(DATA, "z")
        if self.is_softmax or other.is_softmax:
            return False
        same = _scalar(self, z) is _scalar(other, z)
        return same and (self.bias is None) == (other.bias is None)


def _scalar(layer: Layer, z: Expression) -> Expression:
    """The activation of one neuron at a number."""
    return substitute(layer.a, {layer.z: z}) if not layer.is_linear else z


def find(prediction: Expression) -> tuple[Layer, ...] | None:
    """The layers of a prediction, the first one first; None if it is no chain or network of layers.

    Everything that the parameters do must pass through the weighted sums of a layer, which are ``a @ W + b`` or
    ``a*w + b`` with parameters of their own; what follows them, up to the next layer, acts on each neuron alone, or
    is a softmax.

    >>> from steepest.language.formula import parse
    >>> [layer.number for layer in find(parse("sigmoid(sigmoid(x*w1 + b1)*w2 + b2)", data=["x"]))]
    [1, 2]
    """
    structure = decompose(prediction)
    if structure is None:
        return None
    found: list[Layer] = []
    taken: set[Expression] = set()
    for each in structure.layers:
        layer = _plain(each, len(found) + 1)
        above = layer is not None and (layer.below.operation is DATA if not found else layer.below is found[-1].a)
        if layer is None or not above:
            return None
        own = {layer.weight, *([layer.bias] if layer.bias is not None else [])}
        if own & taken:
            return None
        taken |= own
        found.append(layer)
    return tuple(found)


def _plain(layer: WeightedLayer, number: int) -> Layer | None:
    """A layer with one source, a weight and at most one bias, all of them names; None for any other."""
    if len(layer.terms) != 1 or len(layer.biases) > 1:
        return None
    term, z = layer.terms[0], layer.total
    below, weight = term.source, term.weight
    bias, minus = layer.biases[0] if layer.biases else (None, False)
    if term.negative or minus or weight is None or weight.operation is not PARAMETER:
        return None
    if bias is not None and (bias.operation is not PARAMETER or bias.shape != z.shape):
        return None
    shapes = (len(below.shape), len(weight.shape))
    if (term.kind, *shapes) not in (("columns", 1, 2), ("each", 0, 0)):
        return None
    return Layer(number, below, weight, bias, z, layer.output) if _acts_on_each(layer.output, z) else None


def _acts_on_each(a: Expression, z: Expression) -> bool:
    """Whether an activation acts on each neuron alone; a softmax of the sums themselves is the one that need not."""
    if a.operation is op.softmax:
        return a.args[0] is z
    between = [each for each in toposort([a], stop={z}.__contains__) if each is not z]
    return a.shape == z.shape and not any(each.operation.adjoints or each.name for each in between)
