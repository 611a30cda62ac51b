"""Finds the cost that a document is about, or the loss that a line such as ``dz = a - y`` implies."""

from __future__ import annotations

from steepest.proofreading.meaning.document_model import COSTS, Definition, DocumentModel, ImpliedLoss, linear
from steepest.proofreading.reading.statements import ParsedDocument
from steepest.proofreading.reading.tree import Node, same, walk


def find_objective(document: DocumentModel, statement_index: int) -> Node | None:
    """Return the last cost defined before a statement, or else the last function; None if there is neither."""
    best: Definition | None = None
    for definition in (d for (kind, _), found in document.definitions.items() if kind == "symbol" for d in found):
        base = definition.target.base
        fits = (base in COSTS or definition.formals) and base != "\\sigma"
        if fits and (best is None or _nearness(definition, statement_index) > _nearness(best, statement_index)):
            best = definition
    return None if best is None else best.target


def _nearness(definition: Definition, statement_index: int) -> tuple[bool, bool, int]:
    before = definition.statement_index < statement_index
    return before, definition.target.base in COSTS, definition.statement_index


def is_vague(document: DocumentModel, cost: Node, statement_index: int) -> bool:
    """Return whether a cost is made of functions that nothing defines."""
    return any(
        part.kind == "call"
        and part.args[0].kind == "symbol"
        and part.args[0].base != "\\sigma"
        and not document.definitions_of(part.args[0], statement_index)
        for definition in document.definitions_of(cost, statement_index)
        for part in walk(definition.body)
    )


def find_losses(document: DocumentModel, parsed: ParsedDocument) -> dict[bool, ImpliedLoss]:
    """Return the losses of one sample (False) and of all samples (True, capital letters)."""
    found: dict[bool, ImpliedLoss] = {}
    lines = [(s.sides[0].node, s.sides[1].node) for s in parsed.statements if len(s.sides) > 1]
    gradients = [
        (le, ri)
        for le, ri in lines
        if le is not None and ri is not None and le.kind == "cost_gradient" and le.value == "d"
    ]
    for left, right in gradients:
        inner = left.args[0]
        bare = right
        divided = bare.kind == "divide" or (bare.kind == "multiply" and bare.args[0].kind == "divide")
        while bare.kind in ("group", "divide") or (
            bare.kind == "multiply" and bare.args[0].kind == "divide" and len(bare.args) == 2
        ):
            bare = bare.args[1] if bare.kind == "multiply" else bare.args[0]
        if bare.kind != "add" or bare.value != (1, -1) or any(a.kind != "symbol" for a in bare.args):
            continue
        output, target = bare.args
        kind = _activation_of(document, output, inner)
        if kind is None:
            continue
        scales = [
            p
            for _, ri in gradients
            for p in walk(ri)
            if p.kind == "divide" and p.args[1].kind == "symbol" and p.args[1].base in document.indices.sizes
        ]
        upper = inner.base[:1].isupper()
        scale = scales[0] if scales and upper and not divided else None
        found.setdefault(upper, ImpliedLoss(inner, target, kind, scale))
    return found


def _activation_of(document: DocumentModel, output: Node, inner: Node) -> str | None:
    """Return the activation that maps ``inner`` to ``output``; None if the document does not say."""
    bodies = [d.body for d in document.definitions.get(("symbol", output.base), ())]
    bodies += [d.body for d in document.all_definitions() if d.formals]
    for body in bodies:
        if (
            body.kind == "call"
            and len(body.args) == 2
            and body.args[1].kind == "symbol"
            and body.args[1].base == inner.base
        ):
            indices = [linear(i) for i in body.args[1].args][:1], [linear(i) for i in inner.args][:1]
            if indices[0] != indices[1]:
                continue
            name = (
                body.args[0].value
                if body.args[0].kind == "function"
                else "sigmoid"
                if body.args[0].base == "\\sigma"
                else ""
            )
            if name in ("sigmoid", "softmax"):
                return str(name)
    return "identity" if same(output, inner) else None
