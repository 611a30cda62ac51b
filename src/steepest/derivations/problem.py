"""The problem to derive: the layers of a model, and its loss per sample in names of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from steepest.calculus.polynomials import times
from steepest.derivations.layers import DenseLayer, dense_layers
from steepest.derivations.notation import SAMPLE, element, index_sum, symbol
from steepest.derivations.rules import tidy
from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, Expression, Shape, constant, leaf, substitute
from steepest.expressions.traversal import leaves, toposort, transform
from steepest.objectives.costs import WEIGHT

if TYPE_CHECKING:
    from steepest.objectives.specification import Specification

_SHOWN = 3  # layers that are written one by one
PREDICTION, TARGET, SHARE, INDICATOR = "a", "y", "ω", "t"
"""The names of the prediction, the target, a sample's weight and the indicators of its class."""


@dataclass(frozen=True)
class View:
    """A layer, or all layers alike, under the label that equations give it.

    Attributes:
        layer: the layer, or the first of those alike.
        label: ``1``, …, or ``l``, or ``m`` for the last.
        below: the label of the layer below; empty for the inputs.
        above: that of the layer above; empty for the last.
        numbers: the layers that it represents.
    """

    layer: DenseLayer
    label: str
    below: str
    above: str
    numbers: tuple[int, ...]

    @property
    def is_general(self) -> bool:
        """Whether it represents several layers."""
        return self.label == "l"

    @property
    def repeats(self) -> tuple[int, ...]:
        """The layers that its equations are evaluated for, one by one; empty if it is a single layer."""
        return self.numbers if self.is_general else ()


@dataclass(frozen=True)
class Problem:
    """A layered model as its derivation sees it.

    Attributes:
        layers: the layers, the first one first.
        loss: the loss of a sample, of the prediction ``a`` and the target ``y``, both with one value a sample.
        target: the shape of the target.
        weighted: whether samples have weights ω of their own in it.
        l1, l2: the factors of the penalties.
        inputs: what the inputs are called in the table.
        outcome: what is predicted, as it is called there.
        symbolic: whether the layers are written for any l, and their number as m.
    """

    layers: tuple[DenseLayer, ...]
    loss: Expression
    target: Shape
    weighted: bool
    l1: float
    l2: float
    inputs: str
    outcome: str
    symbolic: bool

    @property
    def last(self) -> DenseLayer:
        """The output layer."""
        return self.layers[-1]

    @property
    def width(self) -> int:
        """How many outputs there are."""
        return self.last.size

    @property
    def has_classes(self) -> bool:
        """Whether the target is the number of a class, of which the loss takes the row of indicators."""
        return self.last.is_softmax and not self.target

    @property
    def has_penalty(self) -> bool:
        """Whether the cost holds a penalty on the weights."""
        return bool(self.l1 or self.l2)

    def penalty_gradient(self, weight: Expression) -> Expression:
        """Return ∂/∂w of l1·|w| + l2/2·w²: l1·sgn w + l2·w, element by element.

        Source: Tibshirani 1996 (l1), Hoerl and Kennard 1970 (l2).
        """
        parts = [constant(self.l1) * op.sign(weight)] if self.l1 else []
        parts += [constant(self.l2) * weight] if self.l2 else []
        return tidy(parts[0] + parts[1] if len(parts) == 2 else parts[0])

    @property
    def is_chain(self) -> bool:
        """Whether every layer is one neuron."""
        return all(layer.inputs == layer.size == 1 for layer in self.layers)

    @property
    def top(self) -> str:
        """The label of the last layer."""
        return "m" if self.symbolic else str(len(self.layers))

    def top_view(self, view: View) -> View:
        """Return the last layer of a view, under the label of the last layer."""
        return View(view.layer, self.top, view.below, "", view.numbers[-1:])

    def view_above(self, view: View) -> View:
        """Return the layer above a view, under the label that the view gives it."""
        return View(self.layers[view.numbers[0]], view.above, view.label, "", ())

    def hidden(self, view: View) -> tuple[int, ...]:
        """Return the layers of a view for which it names a layer above: not the last one if it includes that."""
        if not view.above:
            return ()
        return view.numbers[:-1] if view.is_general and len(view.numbers) == len(self.layers) else view.numbers

    def views(self) -> tuple[View, ...]:
        """Return the layers with their labels: one by one, or those alike together."""
        count = len(self.layers)
        if not self.symbolic:
            return tuple(
                View(each, str(k), str(k - 1) if k > 1 else "", str(k + 1) if k < count else "", (k,))
                for k, each in enumerate(self.layers, start=1)
            )
        if self.is_chain and self.layers[0].acts_like(self.last):
            return (View(self.layers[0], "l", "l-1", "l+1", tuple(range(1, count + 1))),)
        hidden = View(self.layers[0], "l", "l-1", "l+1", tuple(range(1, count)))
        return (hidden, View(self.last, "m", "m-1", "", (count,)))


def problem_of(model: Specification, symbolic: bool | None = None) -> Problem | None:
    """Return layers and loss of a model; None if it is not layered, or its loss is no mean over the samples.

    The layers are written for any l if ``symbolic``; left out, from four layers that are alike.
    """
    layers = dense_layers(model.prediction)
    if layers is None:
        return None
    plain = replace(model.objective, l1=0.0, l2=0.0)
    cost = plain.of(model.prediction, model.target)
    if cost.operation is not op.mean:
        return None
    stand_ins = {
        model.prediction: leaf(DATA, PREDICTION, model.prediction.shape),
        model.target: leaf(DATA, TARGET, model.target.shape),
        leaf(DATA, WEIGHT): leaf(DATA, SHARE),
    }
    loss = substitute(cost.args[0], stand_ins)
    if any(node.name not in (PREDICTION, TARGET, SHARE) for node in leaves([loss])):
        return None
    alike = len(layers) > 1 and all(layers[0].acts_like(each) for each in layers[:-1])
    alike = alike and not (model.objective.l1 or model.objective.l2)
    return Problem(
        layers, loss, model.target.shape, plain.weighted, float(model.objective.l1), float(model.objective.l2),
        model.prediction.data[0], str(model.target), alike and (len(layers) > _SHOWN if symbolic is None else symbolic),
    )  # fmt: skip


def in_indices(problem: Problem, letter: str) -> Expression | None:
    """Return the loss of sample i with an index of the outputs; None if a part has no form in index notation."""
    wide = letter if problem.width > 1 else ""
    arrays: dict[str, Any] = {PREDICTION: symbol("a", problem.top), TARGET: symbol(TARGET), SHARE: symbol(SHARE)}

    def visit(node: Expression, args: tuple[Expression, ...]) -> Expression:
        row = node.operation
        if node.name:
            return element(arrays[node.name], SAMPLE, wide if node.shape else "")
        if row is op.one_hot:
            return element(symbol(INDICATOR), SAMPLE, wide)
        if row in (op.sum_, op.dot):
            return index_sum(times(args), wide, str(problem.width))
        if row is op.expand:
            return args[0]
        return node if not args else row(*args)

    known = (op.one_hot, op.sum_, op.dot, op.expand)
    if any(node.operation.adjoints and node.operation not in known for node in toposort([problem.loss])):
        return None
    return transform([problem.loss], visit)[problem.loss]


def sizes(problem: Problem) -> Iterator[int]:
    """Yield the number of inputs, then the number of neurons of every layer."""
    yield problem.layers[0].inputs
    for layer in problem.layers:
        yield layer.size
