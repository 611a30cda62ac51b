"""The derivation in vectors, one sample at a time, and in matrices, all samples at once.

Vectors are rows, as samples are rows of a table and as the formula ``X @ W1 + b1`` has them. The rules of products
are those of the table of operations (Giles 2008, 2.2.2); those of functions of each element come from the derivation
with indices, whose last lines hold for every neuron.

Source: rows D3 and D4 of the notes.
"""

from __future__ import annotations

from collections.abc import Mapping

from steepest.derivations.indices import (
    INSERT,
    PENALTY,
    Symbols,
    activation_derivative,
    delta_steps,
    is_cross_entropy,
    loss_derivative,
)
from steepest.derivations.lines import Form, Line, Passage, chained
from steepest.derivations.notation import ELEMENT, partial, symbol
from steepest.derivations.problem import INDICATOR, PREDICTION, SHARE, TARGET, Problem, View, in_indices
from steepest.documents.document import Inlines
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression, transform, with_args

PRODUCTS = "derivative of a matrix product"
EACH = "chain rule, element by element"


class Vectors:
    """The named quantities of one layer for sample i, each a row."""

    name, title = "vectors", "Sample by sample, in vectors"

    def __init__(self, problem: Problem, view: View) -> None:
        self.problem, self.view = problem, view
        layer = view.layer
        self.z = self._row("z", view.label, layer.size)
        self.a = self._row("a", view.label, layer.size)
        self.delta = self._row("δ", view.label, layer.size)
        self.below = self._row("a", view.below, layer.inputs) if view.below else self._row("x", "", layer.inputs)
        self.w = symbol("W", view.label, (layer.inputs, layer.size))
        self.b = symbol("b", view.label, (layer.size,))

    def _row(self, letter: str, label: str, width: int) -> Expression:
        return symbol(letter, label, (width,), per_sample=True)

    def sums(self) -> Expression:
        """Return a W + b."""
        product = self.below @ self.w
        return product if self.view.layer.bias is None else product + self.b

    def lifted(self, line: Expression) -> Expression:
        """Rewrite a line for neuron j of this layer for all of them at once."""
        return lifted(line, self._arrays())

    def _arrays(self) -> dict[str, Expression]:
        label, outputs = self.view.label, self.view.layer.size
        target = symbol(TARGET, "", self.problem.target, per_sample=True)
        classes = symbol(INDICATOR, "", (outputs,), per_sample=True)
        share = symbol(SHARE, per_sample=True)
        return {f"z^({label})": self.z, f"a^({label})": self.a, TARGET: target, INDICATOR: classes, SHARE: share}

    @property
    def loss(self) -> Expression:
        """ℓ_i."""
        return symbol("ℓ", per_sample=True)

    def activation(self) -> Expression:
        """Return f(z)."""
        return op.softmax(self.z) if self.view.layer.is_softmax else self.view.layer.activation(self.z)


def lifted(line: Expression, arrays: Mapping[str, Expression]) -> Expression:
    """Replace the elements in a line by the arrays that they belong to."""

    def visit(node: Expression, args: tuple[Expression, ...]) -> Expression:
        if node.operation is ELEMENT:
            return arrays[node.args[0].name]
        return with_args(node, args) if node.args else node

    return transform([line], visit, stop=lambda node: node.operation is ELEMENT)[line]


def vectors(problem: Problem) -> Form | None:
    """Return the derivation sample by sample; None for a chain, whose vectors are numbers, or without a form."""
    if problem.is_chain or in_indices(problem, "j") is None:
        return None
    views = problem.views()
    passages: list[Passage] = []
    for view in views:
        v = Vectors(problem, view)
        lines = (Line(v.z, v.sums()), Line(v.a, v.activation()))
        passages.append(Passage(says(view, problem), lines, view.repeats))
    last = Vectors(problem, problem.top_view(views[-1]))
    cost = op.mean(last.loss) + PENALTY if problem.has_penalty else op.mean(last.loss)
    lines = (Line(last.loss, _loss(problem, last)), Line(symbol("C"), cost))
    passages.append(Passage(("The loss of a sample and the cost:",), lines))
    passages.append(Passage(("Back-propagation begins with the loss:",), tuple(_top_lines(problem, last))))
    for view in reversed(views):
        passages += _back(problem, view)
    return Form(Vectors.name, Vectors.title, tuple(passages))


def says(view: View, problem: Problem) -> Inlines:
    if view.is_general:
        last = "m" if len(view.numbers) == len(problem.layers) else "m − 1"
        return (f"Layer l, for l = 1, …, {last}, where layer 0 is the inputs:",)
    return ("The output layer:",) if not view.above else (f"Layer {view.label}:",)


def _loss(problem: Problem, last: Vectors) -> Expression:
    """Return the loss with the names of the derivation."""
    arrays = last._arrays()
    found = {PREDICTION: last.a, TARGET: arrays[TARGET], SHARE: arrays[SHARE]}

    def visit(node: Expression, args: tuple[Expression, ...]) -> Expression:
        if node.name:
            return found[node.name]
        return arrays[INDICATOR] if node.operation is op.one_hot else with_args(node, args) if node.args else node

    return transform([problem.loss], visit)[problem.loss]


def _top_lines(problem: Problem, v: Vectors) -> list[Line]:
    """Return the lines of δ of the last layer, for all neurons at once."""
    s = Symbols(problem, v.view)
    before = (partial(v.loss, v.z), "definition of δ")
    if v.view.layer.is_softmax:
        return _softmax_lines(problem, v, before)
    by_a = loss_derivative(problem, s)[2]
    steps = [(v.lifted(each), rule) for each, rule in delta_steps(v.view, s, by_a)]
    if v.view.layer.is_linear:
        return chained(v.delta, before, *steps)
    of_a = v.lifted(activation_derivative(v.view, s)[0])
    return chained(v.delta, before, (partial(v.loss, v.a) * of_a, EACH), *steps, label=f"{v.name}-delta-top")


def _softmax_lines(problem: Problem, v: Vectors, before: tuple[Expression, str]) -> list[Line]:
    """Return the lines of δ by the adjoint of softmax in the table: x̄ = r ⊙ (r̄ − Σ r̄ ⊙ r)."""
    loss_gradient = partial(v.loss, v.a)
    row = op.softmax.adjoints[0]
    steps = [before, (row(loss_gradient, v.z, v.a), "derivative of softmax")]
    target = v._arrays()[INDICATOR if problem.has_classes else TARGET]
    if is_cross_entropy(problem, Symbols(problem, v.view)):
        steps += [
            (row(-(target / v.a), v.z, v.a), INSERT),
            (v.a * (-(target / v.a) + op.sum_(target)), "cancel"),
            (v.a * op.sum_(target) - target, "multiply out"),
        ]
        if problem.has_classes:
            steps.append((v.a - target, "the indicators add up to 1"))
    return chained(v.delta, *steps, label=f"{v.name}-delta-top")


def _back(problem: Problem, view: View) -> list[Passage]:
    found = []
    hidden = problem.hidden(view)
    v = Vectors(problem, view)
    s = Symbols(problem, view)
    if hidden:
        u = Vectors(problem, problem.view_above(view))
        by = op.matmul.adjoints[0](u.delta, v.a, u.w, u.z)
        lines = chained(partial(v.loss, v.a), (by, PRODUCTS))
        if view.layer.is_linear:
            lines += chained(v.delta, (by, EACH))
        else:
            of_a = v.lifted(activation_derivative(view, s)[0])
            lines += chained(
                v.delta, (partial(v.loss, v.a) * of_a, EACH), (by * of_a, INSERT), label=f"vectors-delta{view.label}"
            )
        found.append(Passage(("One layer further down:",), tuple(lines), hidden if view.is_general else ()))
    by_w = op.matmul.adjoints[1](v.delta, v.below, v.w, v.z)
    lines = chained(partial(v.loss, v.w), (by_w, PRODUCTS))
    mean = op.mean(partial(v.loss, v.w))
    extra = problem.penalty_gradient(v.w) if problem.has_penalty else None
    total = op.mean(by_w)
    lines += chained(
        partial(symbol("C"), v.w),
        (mean if extra is None else mean + extra, "sum rule"),
        (total if extra is None else total + extra, INSERT),
        label=f"vectors-dW{view.label}",
    )
    if view.layer.bias is not None:
        lines += chained(partial(v.loss, v.b), (v.delta, "sum rule"))
        lines += chained(
            partial(symbol("C"), v.b), (op.mean(partial(v.loss, v.b)), "sum rule"), (op.mean(v.delta), INSERT),
            label=f"vectors-db{view.label}",
        )  # fmt: skip
    text = f"The gradients of layer {view.label}, of one sample and of the cost:"
    found.append(Passage((text,), tuple(lines), view.repeats))
    return found
