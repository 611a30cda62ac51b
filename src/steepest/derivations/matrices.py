"""The derivation in matrices, all samples at once: with samples as rows, and, as other texts have them, as columns.

A matrix of rows Z has the row z_i. Its derivations use the rules of the table for products (Giles 2008, 2.2.2). In a
chain of single neurons the matrices have one column and are written as vectors over the samples.

Source: rows D3 and D4 of the notes.
"""

from __future__ import annotations

from steepest.derivations.indices import (
    COST,
    INSERT,
    Symbols,
    activation_derivative,
    delta_steps,
    in_words,
    is_cross_entropy,
    loss_derivative,
)
from steepest.derivations.lines import Form, Line, Passage, chained
from steepest.derivations.notation import partial, symbol
from steepest.derivations.problem import INDICATOR, SHARE, TARGET, Problem, View, in_indices
from steepest.derivations.vectors import EACH, PRODUCTS, lifted, says
from steepest.expressions import operations as op
from steepest.expressions.expression import OPERATIONS, Expression, Operation, constant
from steepest.expressions.printing import call

ROWS = 5
"""Number of samples of the matrices in these expressions; it is printed as n."""


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


class Rows:
    """The named quantities of one layer, a row for each sample."""

    name, title, square = "matrices", "All samples at once, in matrices", False

    def __init__(self, problem: Problem, view: View) -> None:
        self.problem, self.view = problem, view
        layer = view.layer
        self.chain = problem.is_chain
        self.z, self.a, self.delta = (self.stack(c, view.label, layer.size) for c in ("z", "a", "δ"))
        self.below = self.stack("a", view.below, layer.inputs) if view.below else self.stack("x", "", layer.inputs)
        self.w = self.weight(layer.inputs, layer.size)
        self.b = symbol("b", view.label, () if self.chain else (layer.size,), square=self.square)
        self.ones = symbol("1", "", (ROWS,))

    def weight(self, inputs: int, outputs: int) -> Expression:
        """Return W, inputs × outputs; the number w in a chain."""
        if self.chain:
            return symbol("w", self.view.label)
        return symbol("W", self.view.label, (inputs, outputs))

    def stack(self, letter: str, label: str, width: int) -> Expression:
        """Return a matrix with a row for each sample; a vector in a chain."""
        if self.chain:
            return symbol(letter, label, (ROWS,))
        return symbol(letter.upper(), label, (ROWS, width))

    def sums(self) -> Expression:
        """Return A W + 1 b."""
        if self.chain:
            product = self.below * self.w
            return product if self.view.layer.bias is None else product + self.b
        product = self.below @ self.w
        return product if self.view.layer.bias is None else product + op.outer(self.ones, self.b)

    def activation(self) -> Expression:
        """Return f(Z), element by element; softmax row by row."""
        return ROW_SOFTMAX(self.z) if self.view.layer.is_softmax else self.view.layer.activation(self.z)

    def lifted(self, line: Expression) -> Expression:
        """Rewrite a line for neuron j and sample i for all of them at once."""
        outputs = self.view.layer.size
        label = self.view.label
        arrays = {f"z^({label})": self.z, f"a^({label})": self.a, SHARE: self.stack(SHARE, "", outputs)}
        return lifted(line, {**arrays, TARGET: self.target(), INDICATOR: self.target()})

    def target(self) -> Expression:
        """Return Y, or T with the indicators of the classes."""
        return self.stack(INDICATOR if self.problem.has_classes else TARGET, "", self.problem.width)

    def back(self, delta: Expression, w: Expression) -> Expression:
        """Return Δ Wᵀ."""
        return delta * w if self.chain else delta @ op.transpose(w)

    def by_weight(self, gradient: Expression) -> Expression:
        """Return Aᵀ times a gradient with respect to Z."""
        return op.matmul.adjoints[1](gradient, self.below, self.w, self.z) if not self.chain else self.below @ gradient

    def by_bias(self, gradient: Expression) -> Expression:
        """Return 1ᵀ times a gradient with respect to Z."""
        return self.ones @ gradient


def matrices(problem: Problem) -> Form | None:
    """Return the derivation for all samples at once; None without a form in indices, or with sample weights."""
    return _form(problem, Rows)


def _form(problem: Problem, kind: type[Rows]) -> Form | None:
    if in_indices(problem, "j") is None or problem.weighted:
        return None
    views = problem.views()
    passages: list[Passage] = []
    for view in views:
        r = kind(problem, view)
        lines = (Line(r.z, r.sums()), Line(r.a, r.activation()))
        passages.append(Passage(says(view, problem), lines, view.repeats))
    last = kind(problem, problem.top_view(views[-1]))
    text = in_words("Back-propagation, with the derivatives ", last.delta, " of the losses of all samples:")
    passages.append(Passage(text, tuple(_top_lines(problem, last))))
    for view in reversed(views):
        passages += _back(problem, view, kind)
    return Form(kind.name, kind.title, tuple(passages))


def _top_lines(problem: Problem, r: Rows) -> list[Line]:
    s = Symbols(problem, r.view)
    label = f"{r.name}-delta-top"
    if r.view.layer.is_softmax:
        if is_cross_entropy(problem, s) and problem.has_classes:
            return chained(r.delta, (r.a - r.target(), "derived for one sample above"), label=label)
        return []
    by_a = loss_derivative(problem, s)[2]
    steps = [(r.lifted(each), rule) for each, rule in delta_steps(r.view, s, by_a)]
    steps[0] = (steps[0][0], "both derivatives, element by element")
    return chained(r.delta, *steps, label=label)


def _back(problem: Problem, view: View, kind: type[Rows]) -> list[Passage]:
    found = []
    hidden = problem.hidden(view)
    r, s = kind(problem, view), Symbols(problem, view)
    if hidden:
        u = kind(problem, problem.view_above(view))
        down = r.back(u.delta, u.w)
        if view.layer.is_linear:
            lines = chained(r.delta, (down, PRODUCTS))
        else:
            lines = chained(r.delta, (down * r.lifted(activation_derivative(view, s)[0]), f"{PRODUCTS}, {EACH}"))
        found.append(Passage(("One layer further down:",), tuple(lines), hidden if view.is_general else ()))
    cost_gradient = partial(COST, r.z)
    lines = chained(cost_gradient, ((1 / op.count()) * r.delta, "the mean over the samples"))
    extra = problem.penalty_gradient(r.w) if problem.has_penalty else None
    steps = [(r.by_weight(cost_gradient), PRODUCTS), ((1 / op.count()) * r.by_weight(r.delta), INSERT)]
    if extra is not None:
        steps = [(right + extra, rule) for right, rule in steps]
    lines += chained(partial(COST, r.w), *steps, label=f"{r.name}-dW{view.label}")
    if view.layer.bias is not None:
        steps = [(r.by_bias(cost_gradient), "sum rule"), ((1 / op.count()) * r.by_bias(r.delta), INSERT)]
        lines += chained(partial(COST, r.b), *steps, label=f"{r.name}-db{view.label}")
    found.append(Passage((f"The gradients of layer {view.label}:",), tuple(lines), view.repeats))
    return found


class Columns(Rows):
    """The named quantities of one layer, a column for each sample, and W transposed."""

    name, title, square = "columns", "With samples as columns", True

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

    def activation(self) -> Expression:
        """Return f(Z); softmax column by column."""
        return COLUMN_SOFTMAX(self.z) if self.view.layer.is_softmax else self.view.layer.activation(self.z)


def columns(problem: Problem) -> Form | None:
    """Return both passes with a column for each sample; None for a chain, or where ``matrices`` has no form.

    The names are those of the notes: dZ are derivatives of the losses, dW and db those of the cost.
    """
    if problem.is_chain or in_indices(problem, "j") is None or problem.weighted or problem.has_penalty:
        return None
    views = problem.views()
    forward: list[Line] = []
    for view in views:
        c = Columns(problem, view)
        forward += [Line(c.z, c.sums()), Line(c.a, c.activation())]
    last = Columns(problem, problem.top_view(views[-1]))
    back = _top_lines(problem, last)
    for view in reversed(views):
        c, s = Columns(problem, view), Symbols(problem, view)
        if view.above:
            u = Columns(problem, problem.view_above(view))
            down = op.transpose(u.w) @ u.delta
            down = down if view.layer.is_linear else down * c.lifted(activation_derivative(view, s)[0])
            back.append(Line(c.delta, down, f"{PRODUCTS}, {EACH}"))
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
