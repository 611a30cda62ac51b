"""A prediction taken apart into layers: a⁽ˡ⁾ = f(z⁽ˡ⁾), z⁽ˡ⁾ = a⁽ˡ⁻¹⁾ W⁽ˡ⁾ + b⁽ˡ⁾."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from steepest import operations as op
from steepest.expression import DATA, PARAMETER, Expression, leaf, substitute, walk

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

    >>> from steepest.formula import parse
    >>> [layer.number for layer in find(parse("sigmoid(sigmoid(x*w1 + b1)*w2 + b2)", data=["x"]))]
    [1, 2]
    """
    found: list[Layer] = []
    taken: set[Expression] = set()
    top = prediction
    while top.operation is not DATA:
        layer = _outermost(top)
        if layer is None:
            return None
        own = {layer.weight, *([layer.bias] if layer.bias is not None else [])}
        if own & taken:
            return None
        taken |= own
        found.append(layer)
        top = layer.below
    return tuple(
        Layer(k, each.below, each.weight, each.bias, each.z, each.a) for k, each in enumerate(reversed(found), start=1)
    )


def _outermost(a: Expression) -> Layer | None:
    """The layer whose activation this is: the weighted sums nearest to it through which everything passes."""
    for node in reversed(walk([a])):
        parts = _affine(node)
        if parts is None:
            continue
        below, weight, bias = parts
        between = walk([a], stop={node}.__contains__)
        if any(each.operation in (DATA, PARAMETER) for each in between if each is not node):
            continue
        if a is not node and not _acts_on_each(a, node, between):
            return None
        return Layer(0, below, weight, bias, node, a)
    return None


def _acts_on_each(a: Expression, z: Expression, between: list[Expression]) -> bool:
    """Whether an activation acts on each neuron alone; a softmax of the sums themselves is the one that need not."""
    if a.operation is op.softmax:
        return a.args[0] is z
    return a.shape == z.shape and not any(each.operation.adjoints for each in between if each is not z)


def _affine(node: Expression) -> tuple[Expression, Expression, Expression | None] | None:
    """Input, weight and bias of ``u @ W + b`` or ``u*w + b``; None of anything else."""
    product, bias = node, None
    if node.operation is op.add:
        product, bias = node.args
        if bias.operation is not PARAMETER:
            return None
    if product.operation is op.matmul:
        below, weight = product.args
        fits = len(below.shape) == 1 and len(weight.shape) == 2
    elif product.operation is op.multiply:
        below, weight = product.args
        if below.operation is PARAMETER:
            below, weight = weight, below
        fits = not below.shape and not weight.shape
    else:
        return None
    if not fits or weight.operation is not PARAMETER or not below.per_sample:
        return None
    if bias is not None and bias.shape != node.shape:
        return None
    return below, weight, bias
