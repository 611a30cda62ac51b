"""Layers as derivations write them: a⁽ˡ⁾ = f(z⁽ˡ⁾), z⁽ˡ⁾ = a⁽ˡ⁻¹⁾ W⁽ˡ⁾ + b⁽ˡ⁾, with one weight and at most one bias."""

from __future__ import annotations

from dataclasses import dataclass

from steepest.calculus.layers import Layer, WeightedLayer, decompose
from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, PARAMETER, Expression, leaf, toposort


@dataclass(frozen=True, eq=False)
class DenseLayer(Layer):
    """A layer whose weight and bias are parameters of its own.

    Attributes:
        number: from 1.
        below: its inputs: a data column, or the activation of the layer below.
        weight: the parameter that multiplies.
        bias: the parameter that is added; None without one.
    """

    number: int
    below: Expression
    weight: Expression
    bias: Expression | None

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return self.below.shape[0] if self.below.shape else 1

    @property
    def is_softmax(self) -> bool:
        """Whether the activation mixes the neurons."""
        return self.output.operation is op.softmax

    def acts_like(self, other: DenseLayer) -> bool:
        """Return whether two layers have the same activation, and both a bias or neither."""
        if self.is_softmax or other.is_softmax:
            return False
        z = leaf(DATA, "z")
        return self.activation(z) is other.activation(z) and (self.bias is None) == (other.bias is None)


def dense_layers(prediction: Expression) -> tuple[DenseLayer, ...] | None:
    """Return the layers of a prediction, the first one first; None if it is not a chain or network of dense layers.

    Every path from the parameters to the result must pass through the weighted sums of a layer, which are
    ``a @ W + b`` or ``a*w + b`` with parameters of their own; what follows them, up to the next layer, acts on each
    neuron alone, or is a softmax.

    >>> from steepest.language.formula import parse
    >>> [layer.number for layer in dense_layers(parse("sigmoid(sigmoid(x*w1 + b1)*w2 + b2)", data=["x"]))]
    [1, 2]
    """
    structure = decompose(prediction)
    if structure is None:
        return None
    found: list[DenseLayer] = []
    taken: set[Expression | None] = set()
    for each in structure.layers:
        layer = _dense(each, len(found) + 1)
        if layer is None or not (layer.below is found[-1].output if found else layer.below.operation is DATA):
            return None
        own = {layer.weight, layer.bias} - {None}
        if own & taken:
            return None
        taken |= own
        found.append(layer)
    return tuple(found)


def _dense(layer: WeightedLayer, number: int) -> DenseLayer | None:
    """Return a layer with one source, a weight and at most one bias, all of them names; None for any other."""
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
    return DenseLayer(layer.output, z, number, below, weight, bias) if _acts_on_each(layer.output, z) else None


def _acts_on_each(a: Expression, z: Expression) -> bool:
    """Return whether an activation acts on each neuron alone, or is a softmax of the sums themselves."""
    if a.operation is op.softmax:
        return a.args[0] is z
    between = [each for each in toposort([a], stop={z}.__contains__) if each is not z]
    return a.shape == z.shape and not any(each.operation.adjoints or each.name for each in between)
