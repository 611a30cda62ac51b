"""The derivation in vectors, one sample at a time, and in matrices, all samples at once.

Vectors are rows, as samples are rows of a table and as the formula ``X @ W1 + b1`` has them; a matrix of rows Z has the
row z_i. With samples as columns, as other texts have them, everything is transposed. In a chain of single neurons the
matrices have one column and are written as vectors over the samples.

The rules of products are those of the table of operations (Giles 2008, 2.2.2); those of functions of each element come
from the derivation with indices, whose last lines hold for every neuron.

Source: rows D3 and D4 of the notes.
"""

from __future__ import annotations

from steepest.derivations import indices
from steepest.derivations.indices import COST, INSERT, PENALTY, Symbols, in_words
from steepest.derivations.lines import Form, Line, Passage, chained
from steepest.derivations.notation import ELEMENT, partial, symbol
from steepest.derivations.problem import INDICATOR, PREDICTION, SHARE, TARGET, Problem, View, in_indices
from steepest.documents.document import Inlines
from steepest.expressions import operations as op
from steepest.expressions.expression import OPERATIONS, Expression, Operation, constant, substitute, toposort
from steepest.expressions.printing import call

PRODUCTS = "derivative of a matrix product"
EACH = "chain rule, element by element"
ROWS = 5
"""Number of samples of the matrices in these expressions; it is printed as n."""
Steps = list[tuple[Expression, str]]


def _ones(length: int) -> Expression:
    return op.expand(constant(1), attributes=(length,))


def _by_rows(x: Expression) -> Expression:
    e = op.exp(x)
    return e / op.outer(e @ _ones(x.shape[1]), _ones(x.shape[1]))


ROW_SOFTMAX = Operation(
    "row_softmax", 1, "softmax of every row", text=call("softmax", 1), latex=op.softmax.latex, expansion=_by_rows,
    source="Bridle 1990",
)  # fmt: skip
COLUMN_SOFTMAX = Operation(
    "column_softmax", 1, "softmax of every column", text=call("softmax", 1), latex=op.softmax.latex,
    expansion=lambda x: op.transpose(_by_rows(op.transpose(x))), source="Bridle 1990",
)  # fmt: skip
for _row in (ROW_SOFTMAX, COLUMN_SOFTMAX):
    OPERATIONS[_row.name] = _row


class Vectors:
    """The named quantities of one layer for sample i, each a row, and what a derivation says of them."""

    name, title, gradients = "vectors", "Sample by sample, in vectors", ", of one sample and of the cost"
    softmax, square = op.softmax, False

    def __init__(self, problem: Problem, view: View) -> None:
        self.problem, self.view, self.chain, self.symbols = problem, view, problem.is_chain, Symbols(problem, view)
        layer = view.layer
        self.z, self.a, self.delta = (self.stack(c, view.label, layer.size) for c in ("z", "a", "δ"))
        self.below = self.stack("a", view.below, layer.inputs) if view.below else self.stack("x", "", layer.inputs)
        self.w = self.weight(layer.inputs, layer.size)
        self.b = symbol("b", view.label, () if self.chain else (layer.size,), square=self.square)

    @classmethod
    def suits(cls, problem: Problem) -> bool:
        """Return whether there is this form: not of a chain, whose vectors are numbers."""
        return not problem.is_chain

    def stack(self, letter: str, label: str, width: int) -> Expression:
        """Return what holds the values of all neurons: a row."""
        return symbol(letter, label, (width,), per_sample=True)

    def weight(self, inputs: int, outputs: int) -> Expression:
        """Return W, inputs × outputs; the number w in a chain."""
        return symbol("w", self.view.label) if self.chain else symbol("W", self.view.label, (inputs, outputs))

    def given(self) -> dict[str, Expression]:
        """Return the target, the indicators of its class and the sample weights."""
        y, t = symbol(TARGET, "", self.problem.target, per_sample=True), self.stack(INDICATOR, "", self.view.layer.size)
        return {TARGET: y, INDICATOR: t, SHARE: symbol(SHARE, per_sample=True)}

    @property
    def target(self) -> Expression:
        """The target, or the indicators of its class."""
        return self.given()[INDICATOR if self.problem.has_classes else TARGET]

    def sums(self) -> Expression:
        """Return a W + b."""
        product = self.below @ self.w
        return product if self.view.layer.bias is None else product + self.b

    def activation(self) -> Expression:
        """Return f(z), element by element; softmax sample by sample."""
        return self.softmax(self.z) if self.view.layer.is_softmax else self.view.layer.activation(self.z)

    def lifted(self, line: Expression) -> Expression:
        """Rewrite a line for neuron j of this layer for all of them at once: arrays for their elements."""
        arrays = {f"z^({self.view.label})": self.z, f"a^({self.view.label})": self.a, **self.given()}
        elements = [node for node in toposort([line]) if node.operation is ELEMENT]
        return substitute(line, {node: arrays[node.args[0].name] for node in elements})

    def slope(self) -> Expression:
        """Return the derivative of the activation, for all neurons at once."""
        return self.lifted(self.symbols.slope()[0])

    def delta_steps(self) -> Steps:
        """Return the steps of δ of the last layer, for all neurons at once."""
        return [(self.lifted(each), rule) for each, rule in indices.delta_steps(self.symbols)]

    @property
    def loss(self) -> Expression:
        """ℓ_i."""
        return symbol("ℓ", per_sample=True)

    def opening(self) -> list[Passage]:
        """Return the loss, the cost, and δ of the last layer."""
        cost = op.mean(self.loss) + PENALTY if self.problem.has_penalty else op.mean(self.loss)
        lines = (Line(self.loss, self._written_loss()), Line(COST, cost))
        top = Passage(("Back-propagation begins with the loss:",), tuple(self.top()))
        return [Passage(("The loss of a sample and the cost:",), lines), top]

    def _written_loss(self) -> Expression:
        """Return the loss with the names of the derivation."""
        loss, arrays = self.problem.loss, {PREDICTION: self.a, **self.given()}
        named = [node for node in toposort([loss]) if node.name or node.operation is op.one_hot]
        return substitute(loss, {node: arrays[node.name or INDICATOR] for node in named})

    def top(self) -> list[Line]:
        """Return the lines of δ of the last layer, for all neurons at once."""
        before = (partial(self.loss, self.z), "definition of δ")
        if self.view.layer.is_softmax:
            return self._softmax_lines(before)
        if self.view.layer.is_linear:
            return chained(self.delta, before, *self.delta_steps())
        chain = (partial(self.loss, self.a) * self.slope(), EACH)
        return chained(self.delta, before, chain, *self.delta_steps(), label=f"{self.name}-delta-top")

    def _softmax_lines(self, before: tuple[Expression, str]) -> list[Line]:
        """Return the lines of δ by the adjoint of softmax in the table: x̄ = r ⊙ (r̄ − Σ r̄ ⊙ r)."""
        row, target = op.softmax.adjoints[0], self.target
        steps = [before, (row(partial(self.loss, self.a), self.z, self.a), "derivative of softmax")]
        if indices.is_cross_entropy(self.symbols):
            steps += [
                (row(-(target / self.a), self.z, self.a), INSERT),
                (self.a * (-(target / self.a) + op.sum_(target)), "cancel"),
                (self.a * op.sum_(target) - target, "multiply out, cancel"),
            ]
            if self.problem.has_classes:
                steps.append((self.a - target, "the indicators add up to 1"))
        return chained(self.delta, *steps, label=f"{self.name}-delta-top")

    def further_down(self, upper: Vectors) -> list[Line]:
        """Return the lines of δ from that of the layer above."""
        of_loss = partial(self.loss, self.a)
        by = op.matmul.adjoints[0](upper.delta, self.a, upper.w, upper.z)
        lines = chained(of_loss, (by, PRODUCTS))
        if self.view.layer.is_linear:
            return [*lines, *chained(self.delta, (by, EACH))]
        steps = ((of_loss * self.slope(), EACH), (by * self.slope(), INSERT))
        return [*lines, *chained(self.delta, *steps, label=f"{self.name}-delta{self.view.label}")]

    def gradient(self, array: Expression) -> tuple[list[Line], Steps]:
        """Return the lines before the gradient with respect to W or b, and its steps."""
        of_loss, by, rule = partial(self.loss, array), self.delta, "sum rule"
        if array is self.w:
            by, rule = op.matmul.adjoints[1](self.delta, self.below, self.w, self.z), PRODUCTS
        return chained(of_loss, (by, rule)), [(op.mean(of_loss), "sum rule"), (op.mean(by), INSERT)]


class Rows(Vectors):
    """The named quantities of one layer, a row for each sample."""

    name, title, gradients = "matrices", "All samples at once, in matrices", ""
    softmax = ROW_SOFTMAX
    ones = symbol("1", "", (ROWS,))

    @classmethod
    def suits(cls, problem: Problem) -> bool:
        """Return whether there is this form: not with sample weights."""
        return not problem.weighted

    def stack(self, letter: str, label: str, width: int) -> Expression:
        """Return a matrix with a row for each sample; a vector in a chain."""
        return symbol(letter, label, (ROWS,)) if self.chain else symbol(letter.upper(), label, (ROWS, width))

    def given(self) -> dict[str, Expression]:
        """Return Y, or T with the indicators of the classes, and the sample weights."""
        target = self.stack(INDICATOR if self.problem.has_classes else TARGET, "", self.problem.width)
        return {TARGET: target, INDICATOR: target, SHARE: self.stack(SHARE, "", self.view.layer.size)}

    def sums(self) -> Expression:
        """Return A W + 1 b."""
        product = self.below * self.w if self.chain else self.below @ self.w
        if self.view.layer.bias is None:
            return product
        return product + (self.b if self.chain else op.outer(self.ones, self.b))

    def opening(self) -> list[Passage]:
        """Return Δ of the last layer."""
        text = in_words("Back-propagation, with the derivatives ", self.delta, " of the losses of all samples:")
        return [Passage(text, tuple(self.top()))]

    def top(self) -> list[Line]:
        """Return the lines of Δ of the last layer; none for a softmax that has no short form."""
        if not self.view.layer.is_softmax:
            (first, _), *steps = self.delta_steps()
            steps = [(first, "both derivatives, element by element"), *steps]
        elif indices.is_cross_entropy(self.symbols) and self.problem.has_classes:
            steps = [(self.a - self.target, "derived for one sample above")]
        else:
            return []
        return chained(self.delta, *steps, label=f"{self.name}-delta-top")

    def further_down(self, upper: Vectors) -> list[Line]:
        """Return Δ from that of the layer above."""
        down = upper.delta * upper.w if self.chain else upper.delta @ op.transpose(upper.w)
        if self.view.layer.is_linear:
            return chained(self.delta, (down, PRODUCTS))
        return chained(self.delta, (down * self.slope(), f"{PRODUCTS}, {EACH}"))

    def gradient(self, array: Expression) -> tuple[list[Line], Steps]:
        """Return the lines before the gradient with respect to W or b, and its steps: Aᵀ or 1ᵀ times that of Z."""
        of_cost, mean = partial(COST, self.z), 1 / op.count()
        if array is not self.w:
            return [], [(self.ones @ of_cost, "sum rule"), (mean * (self.ones @ self.delta), INSERT)]

        def pulled(by: Expression) -> Expression:
            return self.below @ by if self.chain else op.matmul.adjoints[1](by, self.below, self.w, self.z)

        before = chained(of_cost, (mean * self.delta, "the mean over the samples"))
        return before, [(pulled(of_cost), PRODUCTS), (mean * pulled(self.delta), INSERT)]


def form(problem: Problem, kind: type[Vectors]) -> Form | None:
    """Return the derivation in vectors or matrices; None without a form in indices, or without this one."""
    if in_indices(problem, "j") is None or not kind.suits(problem):
        return None
    views = problem.views()
    passages = []
    for view in views:
        q = kind(problem, view)
        lines = (Line(q.z, q.sums()), Line(q.a, q.activation()))
        passages.append(Passage(_says(view, problem), lines, view.repeats))
    passages += kind(problem, problem.top_view(views[-1])).opening()
    for view in reversed(views):
        passages += _back(problem, view, kind)
    return Form(kind.name, kind.title, tuple(passages))


def _says(view: View, problem: Problem) -> Inlines:
    if view.is_general:
        last = "m" if len(view.numbers) == len(problem.layers) else "m − 1"
        return (f"Layer l, for l = 1, …, {last}, where layer 0 is the inputs:",)
    return ("The output layer:",) if not view.above else (f"Layer {view.label}:",)


def _back(problem: Problem, view: View, kind: type[Vectors]) -> list[Passage]:
    """Return δ of the layer from that of the layer above, and the gradients of the layer."""
    found = []
    q, hidden = kind(problem, view), problem.hidden(view)
    if hidden:
        down = q.further_down(kind(problem, problem.view_above(view)))
        found.append(Passage(("One layer further down:",), tuple(down), hidden if view.is_general else ()))
    lines: list[Line] = []
    for letter, array in (("W", q.w), *([("b", q.b)] if view.layer.bias is not None else [])):
        before, steps = q.gradient(array)
        if problem.has_penalty and array is q.w:
            steps = [(right + problem.penalty_gradient(q.w), rule) for right, rule in steps]
        lines += [*before, *chained(partial(COST, array), *steps, label=f"{q.name}-d{letter}{view.label}")]
    text = f"The gradients of layer {view.label}{q.gradients}:"
    return [*found, Passage((text,), tuple(lines), view.repeats)]


class Columns(Rows):
    """The named quantities of one layer, a column for each sample, and W transposed."""

    name, title = "columns", "With samples as columns"
    softmax, square = COLUMN_SOFTMAX, True

    @classmethod
    def suits(cls, problem: Problem) -> bool:
        """Return whether there is this form: neither of a chain, nor with sample weights or a penalty."""
        return not (problem.is_chain or problem.weighted or problem.has_penalty)

    def weight(self, inputs: int, outputs: int) -> Expression:
        """Return W, outputs × inputs."""
        return symbol("W", self.view.label, (outputs, inputs), square=True)

    def stack(self, letter: str, label: str, width: int) -> Expression:
        """Return a matrix with a column for each sample."""
        return symbol("dZ" if letter == "δ" else letter.upper(), label, (width, ROWS), square=True)

    def sums(self) -> Expression:
        """Return W A + b 1ᵀ."""
        product = self.w @ self.below
        return product if self.view.layer.bias is None else product + op.outer(self.b, self.ones)


def columns(problem: Problem) -> Form | None:
    """Return both passes with a column for each sample; None without a form in indices, or without this one.

    The names are those of the notes: dZ are derivatives of the losses, dW and db those of the cost.
    """
    if in_indices(problem, "j") is None or not Columns.suits(problem):
        return None
    views = problem.views()
    forward: list[Line] = []
    for view in views:
        c = Columns(problem, view)
        forward += [Line(c.z, c.sums()), Line(c.a, c.activation())]
    last = Columns(problem, problem.top_view(views[-1]))
    back = last.top()
    for view in reversed(views):
        c = Columns(problem, view)
        if view.above:
            u = Columns(problem, problem.view_above(view))
            down = op.transpose(u.w) @ u.delta
            back.append(Line(c.delta, down if view.layer.is_linear else down * c.slope(), f"{PRODUCTS}, {EACH}"))
        mean = 1 / op.count()
        dw, db = (symbol(f"d{p.name[0]}", view.label, p.shape, square=True) for p in (c.w, c.b))
        back.append(Line(dw, mean * (c.delta @ op.transpose(c.below)), PRODUCTS))
        if view.layer.bias is not None:
            back.append(Line(db, mean * (c.delta @ c.ones), "sum rule"))
    numbers = next((view.numbers for view in views if view.is_general), ())
    text = in_words(
        "Every matrix and vector with square brackets is the transpose of the one above, ", last.w, " for example, and "
        "so are the inputs and targets here. The forward step:",
    )  # fmt: skip
    if numbers and len(views) == 1:
        return None
    return Form(
        Columns.name, Columns.title,
        (Passage(text, tuple(forward), numbers), Passage(("The backward step:",), tuple(back), numbers)),
    )  # fmt: skip
