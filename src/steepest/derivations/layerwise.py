"""The recursion of the papers with a cost for each layer, compared with the gradient.

Read per sample, as here, it gives layer l of m the factor 2^(m−l): each layer's square brings one factor 2 more. With
the sum that the papers print inside ∂a the factor would be different, or the sign wrong; a sample's activation changes
only the term of that sample.

Source: rows B2 to B4 of the notes.
"""

from __future__ import annotations

from steepest.derivations.indices import INSERT, Symbols, in_words
from steepest.derivations.lines import Line, Passage, chained
from steepest.derivations.notation import FACTOR, SAMPLE, element, over_samples, partial, symbol
from steepest.derivations.problem import TARGET, Problem, View, in_indices
from steepest.derivations.rules import CHAIN, tidy
from steepest.documents.document import Formula, Inlines
from steepest.expressions.expression import Expression, constant, make

_POWER = "power rule, chain rule"
_ONLY = "only the term of sample i has it"


def passages(problem: Problem) -> tuple[Passage, ...]:
    """Return the recursion for a chain with a squared error; nothing for any other model."""
    if not problem.is_chain or len(problem.layers) < 2 or problem.has_penalty or not _is_squared(problem):
        return ()
    top = symbol("a", problem.top)
    y = element(symbol(TARGET), SAMPLE)
    first = [Line(symbol("C", problem.top), over_samples((element(top, SAMPLE) - y) ** 2))]
    first.append(Line(_g(problem.top), element(top, SAMPLE) - y))
    text = in_words(
        "A recursion that is also taught gives each layer a cost of its own. Let ", _g(problem.top),
        " be the error of the last layer, and ", _e("l"), " a target for layer l that is held constant.",
    )  # fmt: skip
    found = [Passage(text, tuple(first))]
    for view in reversed(problem.views()):
        found += _layer(problem, view)
    last = Formula("2^{m-l}", "2^(m−l)") if problem.symbolic else f"{2 ** (len(problem.layers) - 1)} in the first layer"
    what: Inlines = ("by ", last) if problem.symbolic else ("by up to ", last)
    end: Inlines = (
        "This is not the gradient of the cost: it still descends and ends at the same points, but scales the layers ",
        *what, " and takes another path.",
    )  # fmt: skip
    return (*found, Passage(end, ()))


def _is_squared(problem: Problem) -> bool:
    top, y = element(symbol("a", problem.top), SAMPLE), element(symbol(TARGET), SAMPLE)
    return in_indices(problem, "p") is (top - y) ** 2


def _g(label: str) -> Expression:
    """Return g_i of a layer: n times the derivative of the cost above with respect to a_i."""
    return element(symbol("g", label), SAMPLE)


def _e(label: str) -> Expression:
    """Return e_i of a layer: its target."""
    return element(symbol("e", label), SAMPLE)


def _layer(problem: Problem, view: View) -> list[Passage]:
    s = Symbols(problem, view)
    label = view.label
    of_a, cost = s.slope()[0], symbol("C", label)
    numbers = view.repeats
    lines: list[Line] = []
    found = []
    if view.is_general or view.above:
        e = (Line(_e(label), s.a() - _g(label)), Line(cost, over_samples((s.a() - _e(label)) ** 2)))
        found = [Passage((f"Layer {label} has this target and this cost:",), e, numbers[:-1])]
    for by in (s.w(), *([s.b()] if view.layer.bias is not None else [])):
        inner = s.below() if by is s.w() else constant(1)
        product = tidy(2 * _g(label) * (of_a * inner))
        steps = [(over_samples(2 * _g(label) * partial(s.a(), by)), _POWER), (over_samples(product), INSERT)]
        lines += chained(partial(cost, by), *steps)
        true = partial(symbol("C"), by)
        why = "one factor 2 for each layer above"
        if view.is_general:
            factor, why = make(FACTOR, (true,), ("m-l",)), f"{why}, by induction from the last"
        else:
            factor = tidy(2 ** (len(problem.layers) - view.numbers[0]) * true)
            why = why if view.above else "there is no layer above"
        lines += chained(partial(cost, by), (factor, why))
    if not view.below:
        return [*found, Passage((), tuple(lines), numbers)]
    text = "is n times the derivative of this cost with respect to the activation there:"
    below = Passage(
        in_words("Below it, ", _g(view.below), f" {text}"),
        tuple(chained(_g(view.below), (tidy(2 * _g(label) * (of_a * s.w())), f"{_ONLY}, {CHAIN}"))),
        tuple(n for n in numbers if n > 1),
    )
    gradients = Passage((), tuple(lines), numbers)
    return [*found, below, gradients] if view.is_general else [*found, gradients, below]
