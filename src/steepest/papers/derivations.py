"""Write the derivation in a paper: by rules for formulas of numbers, in forms for layers, node by node for the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from steepest.derivations import elementary
from steepest.derivations.layered import LayeredDerivation, derive_layers
from steepest.derivations.layers import dense_layers
from steepest.derivations.line_by_line import derive
from steepest.derivations.lines import Passage, formula
from steepest.derivations.nodewise import derive_nodes
from steepest.derivations.point_values import narrowed
from steepest.derivations.problem import sizes
from steepest.derivations.verification import Verification
from steepest.documents.document import Block, Equation, Equations, Formula, Heading, Paragraph
from steepest.errors import DerivationError
from steepest.expressions.expression import toposort
from steepest.expressions.notation import COST_LETTERS, current_notation, written_in
from steepest.papers.words import count, model_notation, name_of, number

if TYPE_CHECKING:
    from steepest.derivations.line_by_line import Derivation
    from steepest.objectives.specification import Specification

_MOST_DERIVED = 8  # parameters that are derived one by one
_MOST_NODES = 150  # of a cost that is derived so; its lines become as long as its depth
_OWN_LETTERS = frozenset("abijklmptuwxyz")
_HEADING = Heading(("The gradient, derived",))


def derivation_of(model: Specification, symbolic: bool | None) -> list[Block]:
    """Return the section that derives the gradient."""
    layers = dense_layers(model.prediction)
    deep = layers is not None and (len(layers) > 1 or any(layer.weight.shape for layer in layers))
    if deep:
        try:
            return _layered(derive_layers(model, symbolic))
        except DerivationError:  # a loss that has no form in indices: node by node, then
            return _nodewise(model)
    nodes = toposort([model.cost])
    few = len(model.cost.parameters) <= _MOST_DERIVED and len(nodes) <= _MOST_NODES
    small = few and not any(node.shape for node in nodes)
    return _by_rules(model) if small else _nodewise(model)


def activations(model: Specification) -> tuple[Passage, ...]:
    """Return the derivatives of activations made of exponentials, by a letter that is no name of the model."""
    return elementary.passages(model.prediction, model_notation(model).free("uvst"))


def _by_rules(model: Specification) -> list[Block]:
    derivations = [derive(model.cost, name, "textbook") for name in model.cost.parameters]
    blocks: list[Block] = [
        _HEADING,
        Paragraph((
            "The partial derivative of the cost with respect to each parameter, line by line; each line "
            "names the rule that led to it. ",
            Formula(r"\partial_{w}", "∂/∂w"), " denotes the partial derivative of what follows with respect to ",
            Formula("w", "w"), ".",
        )),
        *(block for passage in activations(model) for block in passage.blocks()),
        Paragraph(("The names in the derivation:",)),
        _equations(derivations[0], 0),
    ]  # fmt: skip
    for each in derivations:
        name = formula(next(node for node in toposort([model.cost]) if node.name == each.wrt))
        blocks += [Heading(("With respect to ", name), 2)]
        blocks += [_equations(each, k) for k in range(1, len(each.blocks()))]
    if len(derivations) > 1:
        blocks += [Paragraph(("Together the gradient is",)), Equations(tuple(_last(each) for each in derivations))]
    return blocks


def _equations(derivation: Derivation, block: int) -> Equations:
    return Equations(tuple(derivation.blocks()[block]))


def _last(derivation: Derivation) -> Equation:
    """Return ∂C/∂w and its last line."""
    lines = derivation.blocks()[-1]
    return Equation(lines[0].left, lines[-1].right, "", f"gradient-{derivation.wrt}")


def _layered(derivation: LayeredDerivation) -> list[Block]:
    found, problem = derivation.verify(), derivation.problem
    narrower = list(sizes(problem)) != list(sizes(narrowed(problem)))  # fewer neurons than the model has
    shown = [f"in {form.name}" for form in derivation.forms if form.name in ("indices", "vectors", "matrices")]
    told = Paragraph((
        "The same derivation ", ", ".join(shown[:-1]), " and " * (len(shown) > 1), shown[-1], ": "
        "for each layer ", Formula("z^{(l)}", "z^(l)"), " are the weighted sums, ", Formula("a^{(l)}", "a^(l)"),
        " the activations, and ", Formula(r"\delta^{(l)}", "δ^(l)"),
        " the partial derivatives of a sample's loss with respect to these sums. ", *_names(derivation),
        # Signs that not every reader knows.
        "A bracket ", Formula("[p = k]", "[p = k]"), " is 1 where both are equal, else 0; ", Formula(r"\odot", "⊙"),
        " multiplies element by element; functions and numbers act on vectors and matrices element by element, too; ",
        Formula(r"\mathbf{1}", "1"), " is a column of ones, ", name_of(current_notation().count),
        " the number of samples. ",
        *_said(list(found.values()), narrower),
    ))  # fmt: skip
    notation = current_notation()
    with written_in(replace(notation, letters={"C": notation.free(COST_LETTERS)})):
        return [_HEADING, told, *derivation.blocks()]


def _names(derivation: LayeredDerivation) -> tuple[str | Formula, ...]:
    """Explain the letters of the derivation in terms of the formula."""
    problem = derivation.problem
    first = problem.layers[0]
    letter = "w" if problem.is_chain else "W"
    weight = Formula(rf"{letter}^{{(l)}}", f"{letter}^(l)")
    bias = () if first.bias is None else (" and ", Formula("b^{(l)}", "b^(l)"))
    general: tuple[str | Formula, ...] = (
        "It holds for any number ", Formula("m", "m"),
        f" of layers; the model that is drawn and trained here has {len(problem.layers)}. ",
    ) if problem.symbolic else ()  # fmt: skip
    meant = {letter for letter, name in (("x", problem.inputs), ("y", problem.outcome)) if letter == name}
    alike = _OWN_LETTERS & set(current_notation().names) - meant
    general += ("These letters are those of the derivation, also where a name of the model is one. ",) * bool(alike)
    own = f"{first.weight.name}{'' if first.bias is None else ' and ' + first.bias.name}"
    return (
        "Here ", weight, *bias, f" denote{'s' * (first.bias is None)} {own} and so on, ", Formula("x", "x"),
        f" the inputs {problem.inputs}, ", Formula("y", "y"), f" the target {problem.outcome}. ", *general,
    )  # fmt: skip


def _nodewise(model: Specification) -> list[Block]:
    derivation = derive_nodes(model.cost)
    told = Paragraph((
        "Back-propagation through every operation of the cost; the local derivatives come from the table of "
        "operations. ", *_said([derivation.verify()]),
    ))  # fmt: skip
    return [_HEADING, told, *derivation.blocks()]


def _said(found: list[Verification], narrower: bool = False) -> tuple[str | Formula, ...]:
    """State what the evaluation of the equations found."""
    equations = sum(each.equations for each in found)
    error = max(each.error for each in found)
    text = f"Each of the {count(equations, 'equation')} was evaluated at {found[0].points} random points"
    fewer = " of a network with fewer neurons" if narrower else ""
    return (f"{text}{fewer}; no two sides differ by more than ", number(max(error, 1e-16), 2), " of their size.")
