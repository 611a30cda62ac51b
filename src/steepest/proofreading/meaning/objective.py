"""Finds the cost that a document is about, or the loss that a line such as ``dz = a - y`` implies."""

from __future__ import annotations

from steepest.proofreading.meaning.document_model import COSTS, Definition, DocumentModel, ImpliedLoss, linear
from steepest.proofreading.reading.statements import ParsedDocument
from steepest.proofreading.reading.tree import Node, function_name, same, walk


def find_objective(document: DocumentModel, statement_index: int) -> Node | None:
    """Return the last cost defined before a statement, or else the last function; None if there is neither."""
    symbols = [d for d in document.all_definitions() if d.target.kind == "symbol" and d.target.base != "\\sigma"]
    fitting = [d for d in symbols if d.target.base in COSTS or d.formals]

    def nearness(definition: Definition) -> tuple[bool, bool, int]:
        before = definition.statement_index < statement_index
        return before, definition.target.base in COSTS, definition.statement_index

    return max(fitting, key=nearness).target if fitting else None


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
    lines = [(s.sides[0].node, s.sides[1].node) for s in parsed.statements]
    known = [(left, right) for left, right in lines if left is not None and right is not None]
    gradients = [(left, right) for left, right in known if left.kind == "cost_gradient" and left.value == "d"]
    for left, bare in gradients:
        inner = left.args[0]
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
        quotients = [part for _, right in gradients for part in walk(right) if part.kind == "divide"]
        scales = [q for q in quotients if q.args[1].kind == "symbol" and q.args[1].base in document.indices.sizes]
        upper = inner.base[:1].isupper()
        scale = scales[0] if scales and upper and not divided else None
        found.setdefault(upper, ImpliedLoss(inner, target, kind, scale))
    return found


def _activation_of(document: DocumentModel, output: Node, inner: Node) -> str | None:
    """Return the activation that maps ``inner`` to ``output``; None if the document does not say."""
    bodies = [d.body for d in document.definitions.get(("symbol", output.base), ())]
    bodies += [d.body for d in document.all_definitions() if d.formals]
    for body in bodies:
        match body:
            case Node(kind="call", args=(function, Node(kind="symbol", base=inner.base) as argument)):
                alike = [linear(i) for i in argument.args[:1]] == [linear(i) for i in inner.args[:1]]
                if alike and function_name(function) in ("sigmoid", "softmax"):
                    return function_name(function)
    return "identity" if same(output, inner) else None
