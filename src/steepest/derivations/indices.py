"""The derivation neuron by neuron, in indices, as one writes it by hand.

Sample i; neuron j of a layer, k of the layer below, p where a sum runs over neurons. An index of a layer with one
neuron is left out, so that a chain has the index i alone.

Source: Rumelhart, Hinton and Williams 1986, eqs 3 to 9; rows B2, B3 and D4 of the notes.
"""

from __future__ import annotations

from steepest.calculus.polynomials import added, cancelled, worked_out
from steepest.derivations.lines import Form, Line, Passage, chained, formula
from steepest.derivations.notation import SAMPLE, bracket, element, index, index_sum, over_samples, partial, symbol
from steepest.derivations.problem import INDICATOR, TARGET, Problem, View, in_indices
from steepest.derivations.rules import CHAIN, collapsed, derivative, renamed, tidy
from steepest.documents.document import Formula, Inlines
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression, constant

INSERT, DEFINITION = "insert", "definition"


class Symbols:
    """The named quantities of one layer, with the indices that its width asks for."""

    def __init__(self, problem: Problem, view: View) -> None:
        self.view, self.problem = view, problem
        self.wide, self.wide_below = view.layer.size > 1, view.layer.inputs > 1
        self.upper = self._upper(view.label, view.layer.size)
        self.upper_below = self._upper(view.below, view.layer.inputs)

    def _upper(self, label: str, width: int) -> str:
        return f"d_{{{label}}}" if self.problem.symbolic and label else str(width)

    def z(self, j: str = "j") -> Expression:
        """Return z_ij of this layer."""
        return element(symbol("z", self.view.label), SAMPLE, j if self.wide else "")

    def a(self, j: str = "j") -> Expression:
        """Return a_ij of this layer."""
        return element(symbol("a", self.view.label), SAMPLE, j if self.wide else "")

    def delta(self, j: str = "j") -> Expression:
        """Return δ_ij of this layer."""
        return element(symbol("δ", self.view.label), SAMPLE, j if self.wide else "")

    def below(self, k: str = "k") -> Expression:
        """Return a_ik of the layer below, or the inputs x_ik."""
        array = symbol("a", self.view.below) if self.view.below else symbol("x")
        return element(array, SAMPLE, k if self.wide_below else "")

    def w(self, k: str = "k", j: str = "j") -> Expression:
        """Return w_kj of this layer."""
        return element(symbol("w", self.view.label), k if self.wide_below else "", j if self.wide else "")

    def b(self) -> Expression:
        """Return b_j of this layer."""
        return element(symbol("b", self.view.label), "j" if self.wide else "")

    def sums(self, k: str = "k") -> Expression:
        """Return Σ_k a_ik w_kj + b_j."""
        product = index_sum(self.below(k) * self.w(k), k if self.wide_below else "", self.upper_below)
        return product + self.b() if self.view.layer.bias is not None else product

    def activation(self) -> Expression:
        """Return f(z_ij), or a softmax by its exponentials."""
        if self.view.layer.is_softmax:
            return op.exp(self.z()) / index_sum(op.exp(self.z("p")), "p", self.upper)
        return self.view.layer.activation(self.z())

    def slope(self) -> tuple[Expression, str]:
        """Return ∂a_ij/∂z_ij, in terms of a_ij where the table of operations gives it so, and the rules."""
        body = self.activation()
        return derivative(body, self.z(), {body: self.a()})

    def loss(self, letter: str = "p") -> Expression:
        """Return ℓ_i, with an index of the outputs within it."""
        found = in_indices(self.problem, letter)
        assert found is not None  # form() has seen to it
        return found


LOSS, COST, PENALTY = element(symbol("ℓ"), SAMPLE), symbol("C"), symbol("R")
"""ℓ_i, the loss of sample i; C, the cost; R, the penalty on the weights."""


def in_words(*pieces: str | Expression | Formula) -> Inlines:
    """Return running text with formulas in it."""
    return tuple(formula(piece) if isinstance(piece, Expression) else piece for piece in pieces)


def form(problem: Problem) -> Form | None:
    """Return the derivation in indices; None if the loss has no such form."""
    if in_indices(problem, "j") is None:
        return None
    views = problem.views()
    passages = [*_forward(problem, views), *_derivatives(problem, views), *output(problem, views[-1])]
    passages += [part for view in reversed(views) for part in _back(problem, view)]
    return Form("indices", "Neuron by neuron", tuple(passages))


def _forward(problem: Problem, views: tuple[View, ...]) -> list[Passage]:
    """Return the definitions, layer after layer, and the cost."""
    found = []
    for view in views:
        s = Symbols(problem, view)
        lines = [Line(s.z(), s.sums(), label=f"indices-z{view.label}"), Line(s.a(), s.activation())]
        found.append(Passage(_says(s), tuple(lines), view.repeats))
    loss = Symbols(problem, views[-1]).loss("j")
    lines = [Line(LOSS, loss, label="indices-loss"), Line(COST, over_samples(LOSS))]
    if problem.has_penalty:
        lines[-1] = Line(COST, over_samples(LOSS) + PENALTY)
        lines.append(Line(PENALTY, _penalty(problem, views)))
    text: Inlines = in_words("The loss of sample ", index(SAMPLE), ", and the cost, its mean over the samples:")
    if problem.has_classes:
        t, y = element(symbol(INDICATOR), SAMPLE, "j"), element(symbol(TARGET), SAMPLE)
        lines.insert(0, Line(t, bracket(y, index("j"))))
        text = in_words(
            "With ", t, ", which is 1 where ", index("j"), " is the class ", y, " of sample ", index(SAMPLE),
            " (counted from 1, where the table counts from 0) and 0 elsewhere, the loss of a sample, and the cost, its "
            "mean over the samples:",
        )  # fmt: skip
    return [*found, Passage(text, tuple(lines))]


def _penalty(problem: Problem, views: tuple[View, ...]) -> Expression:
    """Return R, the penalty on the weights of all layers."""
    terms = []
    for view in views:
        s = Symbols(problem, view)
        for factor, size in ((problem.l1, abs(s.w())), (problem.l2 / 2, s.w() ** 2)):
            if factor:
                inner = index_sum(size, "j" if s.wide else "", s.upper)
                terms.append(factor * index_sum(inner, "k" if s.wide_below else "", s.upper_below))
    return added([(1, term) for term in terms])


def _says(s: Symbols) -> Inlines:
    view = s.view
    if view.is_general:
        first, last = view.numbers[0], "m" if len(view.numbers) == len(s.problem.layers) else "m-1"
        label = Formula("l", "l")
        given = Formula(f"l = {first}, \\dots, {last}", f"l = {first}, …, {last}".replace("-", " − "))
        zeroth = element(symbol("a", "0"), SAMPLE, "k" if s.wide_below else "")
        inputs = element(symbol("x"), SAMPLE, "k" if s.wide_below else "")
        return in_words("Layer ", label, ", for ", given, ", where ", zeroth, " is the input ", inputs, ":")
    kind = "The output layer" if not view.above else f"Layer {view.label}"
    how = "one neuron" if view.layer.size == 1 else f"{view.layer.size} neurons"
    of = "one input" if view.layer.inputs == 1 else f"{view.layer.inputs} inputs"
    return (f"{kind}, with {how} and {of}:",)


def _derivatives(problem: Problem, views: tuple[View, ...]) -> list[Passage]:
    """Return the partial derivatives of every layer with respect to its weights, biases and inputs."""
    found = []
    for view in views:
        s = Symbols(problem, view)
        wanted = [s.w(), *([s.b()] if view.layer.bias is not None else []), *([s.below()] if view.below else [])]
        lines = [line for by in wanted for line in _of_sums(s, by)] + _of_activation(s)
        bias = "" if view.layer.bias is None else ", its bias"
        text = f"The partial derivatives of layer {view.label} with respect to its weights{bias} and its inputs:"
        found.append(Passage((text,), tuple(lines), view.repeats))
    return found


def _of_sums(s: Symbols, by: Expression) -> list[Line]:
    """Return the lines of ∂z_ij/∂(w_kj, b_j or a_ik): index notation applied to the definition."""
    return _differentiated(s.z(), s.sums("p"), by, DEFINITION, "derivative of the variable")[0]


def _differentiated(
    name: Expression, body: Expression, by: Expression, why: str, simple: str = ""
) -> tuple[list[Line], Expression]:
    """Return the lines of ∂name/∂by, first with all brackets, and its last line; ``simple`` is the rule if none is."""
    opened, rules = derivative(body, by)
    closed, only = collapsed(opened)
    return chained(partial(name, by), (partial(body, by), why), (opened, rules or simple), (closed, only)), closed


def _of_activation(s: Symbols) -> list[Line]:
    if s.view.layer.is_linear:
        return [Line(partial(s.a(), s.z()), constant(1), "derivative of the variable")]
    if not s.view.layer.is_softmax:
        return chained(partial(s.a(), s.z()), (partial(s.activation(), s.z()), DEFINITION), s.slope())
    # The quotient rule on e^z_ij / S: numerator and S both hold z_ik.
    top, whole = op.exp(s.z()), index_sum(op.exp(s.z("p")), "p", s.upper)
    same = bracket(index("j"), index("k"))
    quotient = (top * same * whole - top * op.exp(s.z("k"))) / whole**2
    return chained(
        partial(s.a(), s.z("k")),
        (partial(top / whole, s.z("k")), DEFINITION),
        (quotient, "quotient rule"),
        (top / whole * (same - op.exp(s.z("k")) / whole), "common factor"),
        (s.a() * (same - s.a("k")), INSERT),
    )


def output(problem: Problem, view: View) -> list[Passage]:
    """Return δ of the last layer, from the loss."""
    s = Symbols(problem, problem.top_view(view))
    head = in_words(
        "Back-propagation carries ", Formula(r"\delta^{(l)}", "δ^(l)"), ", the derivatives of a sample's loss with ",
        "respect to ", Formula("z^{(l)}", "z^(l)"), ", from the last layer to the first. It begins with the loss:",
    )  # fmt: skip
    if view.layer.is_softmax:
        return [Passage(head, tuple(_softmax(s)))]
    lines, by_a = _of_loss(s)
    before = (partial(LOSS, s.z()), "definition of δ")
    chain = (partial(LOSS, s.a()) * partial(s.a(), s.z()), CHAIN)
    lines += chained(s.delta(), before, chain, *delta_steps(s, by_a), label="indices-delta-top")
    return [Passage(head, tuple(lines))]


def _of_loss(s: Symbols) -> tuple[list[Line], Expression]:
    """Return the lines of ∂ℓ_i/∂a_ij of an elementwise output, and what it is."""
    return _differentiated(LOSS, s.loss(), s.a(), DEFINITION)


def delta_steps(s: Symbols, by_a: Expression | None = None) -> list[tuple[Expression, str]]:
    """Return the steps of δ_ij after ∂ℓ/∂a and ∂a/∂z are inserted: multiplied, cancelled and multiplied out."""
    by_a = _of_loss(s)[1] if by_a is None else by_a
    if s.view.layer.is_linear:
        return [(by_a, INSERT)]
    of_a, _ = s.slope()
    found = [(tidy(by_a * of_a), INSERT)]
    short = cancelled(by_a, of_a)
    if short is not None:
        found.append((short, "cancel"))
    out = worked_out(found[-1][0])
    return found if out is None else [*found, out]


def _softmax(s: Symbols) -> list[Line]:
    """Return the lines of δ_ik = Σ_j ∂ℓ_i/∂a_ij ∂a_ij/∂z_ik, which is a_ik − t_ik for a cross-entropy."""
    target, upper, loss = symbol(INDICATOR if s.problem.has_classes else TARGET), s.upper, s.loss()
    of_class, entropy = _entropies(s)
    lines: list[Line] = []
    if loss is of_class:
        why = "one of the indicators is 1, the others are 0"
        lines += chained(LOSS, (of_class, DEFINITION), (entropy, why))
        loss = entropy
    by = s.a("j")
    more, by_a = _differentiated(LOSS, loss, by, INSERT)
    lines += more
    chain = index_sum(partial(LOSS, by) * partial(by, s.z("k")), "j", upper)
    same = bracket(index("j"), index("k"))
    steps = [(partial(LOSS, s.z("k")), "definition of δ"), (chain, CHAIN)]
    steps.append((index_sum(by_a * by * (same - s.a("k")), "j", upper), INSERT))
    if loss is entropy:
        t, t_k, a_k = element(target, SAMPLE, "j"), element(target, SAMPLE, "k"), s.a("k")
        steps += [
            (-index_sum(t * (same - a_k), "j", upper), "cancel"),
            (-index_sum(t * same, "j", upper) + a_k * index_sum(t, "j", upper), "sum rule"),
            (-t_k + a_k * index_sum(t, "j", upper), "only the term j = k is left"),
        ]
        if s.problem.has_classes:
            steps.append((a_k - t_k, "the indicators add up to 1"))
    else:
        inner = renamed(by_a, "j", "k") - index_sum(by_a * s.a("j"), "j", upper)
        steps.append((s.a("k") * inner, "only the term j = k is left, common factor"))
    return lines + chained(s.delta("k"), *steps, label="indices-delta-top")


def _entropies(s: Symbols) -> tuple[Expression, Expression]:
    """Return −ln Σ t a and −Σ t ln a, the two ways of writing a cross-entropy."""
    target = element(symbol(INDICATOR if s.problem.has_classes else TARGET), SAMPLE, "p")
    of_class = -op.log(index_sum(target * s.a("p"), "p", s.upper))
    return of_class, -index_sum(target * op.log(s.a("p")), "p", s.upper)


def is_cross_entropy(s: Symbols) -> bool:
    """Return whether the loss of a softmax is a cross-entropy."""
    return s.loss() in _entropies(s)


def _back(problem: Problem, view: View) -> list[Passage]:
    """Return δ of the layer from that of the layer above, and the gradients of the layer."""
    hidden = problem.hidden(view)
    found = [_recursion(problem, view, hidden if view.is_general else ())] if hidden else []
    s = Symbols(problem, view)
    lines = [*_gradient(s, s.w()), *(_gradient(s, s.b()) if view.layer.bias is not None else [])]
    text = f"The gradient of the cost with respect to the parameters of layer {view.label}:"
    return [*found, Passage((text,), tuple(lines), view.repeats)]


def _recursion(problem: Problem, view: View, numbers: tuple[int, ...]) -> Passage:
    s, u = Symbols(problem, view), Symbols(problem, problem.view_above(view))
    delta, by = u.delta("p"), s.a()
    chain = index_sum(partial(LOSS, u.z("p")) * partial(u.z("p"), by), "p" if u.wide else "", u.upper)
    insert = index_sum(delta * u.w("j", "p"), "p" if u.wide else "", u.upper)
    lines = chained(partial(LOSS, by), (chain, CHAIN), (insert, INSERT))
    if view.layer.is_linear:
        lines += chained(s.delta(), (insert, CHAIN))
    else:
        steps = ((partial(LOSS, by) * partial(by, s.z()), CHAIN), (tidy(insert * s.slope()[0]), INSERT))
        lines += chained(s.delta(), *steps, label=f"indices-delta{view.label}")
    through = "every neuron of the layer above" if u.wide else "the neuron above"
    text = f"Layer {view.label} reaches the loss through {through}:"
    if numbers:
        range_ = Formula(r"l = m-1, \dots, 1", "l = m − 1, …, 1")
        return Passage((*in_words("For ", range_, ": "), text[0].lower() + text[1:]), tuple(lines), numbers)
    return Passage((text,), tuple(lines))


def _gradient(s: Symbols, by: Expression) -> list[Line]:
    """Return the lines of ∂C/∂w_kj = 1/n Σ δ_ij a_ik."""
    is_weight = by is s.w()
    inner = s.below() if is_weight else constant(1)
    steps: list[tuple[Expression, str]] = [
        (over_samples(partial(LOSS, by)), "sum rule"),
        (over_samples(partial(LOSS, s.z()) * partial(s.z(), by)), CHAIN),
        (over_samples(tidy(s.delta() * inner)), INSERT),
    ]
    if is_weight and s.problem.has_penalty:
        extra = [partial(PENALTY, by), *[s.problem.penalty_gradient(by)] * 2]
        steps = [(right + more, rule) for (right, rule), more in zip(steps, extra, strict=True)]
    label = f"indices-d{'w' if is_weight else 'b'}{s.view.label}"
    return chained(partial(COST, by), *steps, label=label)
