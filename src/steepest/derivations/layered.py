"""The whole derivation of a layered model in several forms, as text, LaTeX, and blocks of a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from steepest.derivations import arrays, elementary, indices, layerwise
from steepest.derivations.lines import Form, equation
from steepest.derivations.problem import Problem, problem_of
from steepest.derivations.verification import Verification, verify
from steepest.documents.document import Block, Formula, Heading, plain
from steepest.errors import DerivationError
from steepest.expressions.characters import latex_text
from steepest.expressions.latex import align
from steepest.expressions.maths_text import Line as TextLine
from steepest.expressions.maths_text import lay_out

if TYPE_CHECKING:
    from steepest.objectives.specification import Specification


@dataclass(frozen=True, repr=False)
class LayeredDerivation:
    """The derivation of a model of layers in several notations.

    Attributes:
        problem: the layers and the loss.
        forms: in indices, in vectors, in matrices, with samples in columns: those that the model has.
    """

    problem: Problem
    forms: tuple[Form, ...]

    def __getitem__(self, name: str) -> Form:
        """Return a form by its name.

        Raises:
            DerivationError: the derivation has no such form.
        """
        for form in self.forms:
            if form.name == name:
                return form
        names = ", ".join(form.name for form in self.forms)
        raise DerivationError(f"this derivation has no form {name!r}; it has {names}")

    def verify(self, points: int = 3, seed: int = 0) -> Mapping[str, Verification]:
        """Evaluate both sides of every equation at random points; see :mod:`steepest.derivations.verification`."""
        return {form.name: verify(self.problem, form, points, seed) for form in self.forms}

    def blocks(self) -> list[Block]:
        """Return the derivation as blocks of a document, with a heading for each form."""
        found: list[Block] = []
        for form in self.forms:
            found.append(Heading((form.title,), 2))
            for passage in form.passages:
                found += passage.blocks()
        return found

    def latex(self) -> str:
        """Return the equations as ``align*`` environments, with a paragraph of text before each."""
        parts = []
        for form in self.forms:
            for passage in form.passages:
                said = [
                    f"${piece.latex}$" if isinstance(piece, Formula) else latex_text(str(piece))
                    for piece in passage.text
                ]
                lines = [
                    TextLine(each.left.latex if each.left else "", each.right.latex, each.rule)
                    for each in map(equation, passage.lines)
                ]
                parts += ["".join(said), align([lines]) if lines else ""]
        return "\n\n".join(part for part in parts if part)

    def __repr__(self) -> str:
        names = ", ".join(form.name for form in self.forms)
        return f"<derivation of {self.problem.outcome} through {len(self.problem.layers)} layers: {names}; print it>"

    def _repr_markdown_(self) -> str:
        from steepest.documents import write_document
        from steepest.documents.document import Document

        text = write_document(Document((f"Derivation of {self.problem.outcome}",), tuple(self.blocks())), ".md")
        return text.partition("\n")[2].lstrip()

    def __str__(self) -> str:
        parts, number = [], count(1)
        for form in self.forms:
            parts.append(f"{form.title}\n{'-' * len(form.title)}")
            for passage in form.passages:
                rows = [
                    TextLine(each.left.text if each.left else "", each.right.text, f"({k}) {each.rule}".strip())
                    for each, k in zip(map(equation, passage.lines), number, strict=False)
                ]
                parts.append("\n".join(part for part in (plain(passage.text), lay_out([rows]) if rows else "") if part))
        return "\n\n".join(parts)


def derive_layers(model: Specification, symbolic: bool | None = None) -> LayeredDerivation:
    """Derive the gradient of a model of layers in indices, in vectors, and in matrices.

    Each layer is z⁽ˡ⁾ = a⁽ˡ⁻¹⁾ W⁽ˡ⁾ + b⁽ˡ⁾, a⁽ˡ⁾ = f(z⁽ˡ⁾). Back-propagation carries δ⁽ˡ⁾ = ∂ℓ/∂z⁽ˡ⁾ from the loss
    to the first layer, and every parameter's partial derivative follows from the δ of its layer.

    Args:
        model: a chain or a network, of any widths, activations of each neuron alone, or a softmax at the end.
        symbolic: whether to write the layers for any l and their number as m; left out, from four on that are alike.

    Returns:
        A LayeredDerivation; its ``verify()`` evaluates every equation at random points.

    Raises:
        DerivationError: the prediction is not made of layers, or the loss is no mean over the samples.

    >>> from steepest.derivations.lines import formula
    >>> from steepest.models.builders import chain
    >>> derivation = derive_layers(chain(2))
    >>> [form.name for form in derivation.forms]
    ['activations', 'indices', 'matrices', 'layerwise']
    >>> print(formula(derivation["indices"].lines[-1].right).text)
    1/n Σ δ^(1)_i

    Source: Rumelhart, Hinton and Williams 1986; rows B2 to B4, D3 and D4 of the notes.
    """
    problem = problem_of(model, symbolic)
    by_index = None if problem is None else indices.form(problem)
    if problem is None or by_index is None:
        raise DerivationError(
            f"the model {model.formula!r} is not made of layers a @ W + b or a*w + b with a loss for each sample; take "
            "st.derive for formulas of numbers, or st.gradient"
        )
    found = [
        Form("activations", "The derivatives of the activations", elementary.passages(model.prediction)),
        by_index, *(arrays.form(problem, kind) for kind in (arrays.Vectors, arrays.Rows)), arrays.columns(problem),
        Form("layerwise", "A cost for each layer", layerwise.passages(problem)),
    ]  # fmt: skip
    return LayeredDerivation(problem, tuple(form for form in found if form is not None and form.passages))
