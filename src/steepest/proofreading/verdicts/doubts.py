"""Reasons to doubt that a line was understood, and what is true to some order only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steepest.proofreading.meaning.document_model import DocumentModel, depends_on
from steepest.proofreading.meaning.objective import find_objective
from steepest.proofreading.reading.tree import Node, symbols, walk
from steepest.proofreading.values.comparison import degree, orders
from steepest.proofreading.values.errors import ShapeClashError, UndecidedError

if TYPE_CHECKING:
    from steepest.proofreading.verdicts.deciding import Draft


def has_ones(*nodes: Node) -> bool:
    """Whether a vector of ones is in a line, whose length is said by what stands beside it."""
    return any(p.base == "\\mathbf{1}" for node in nodes for p in walk(node))


def has_small(node: Node) -> bool:
    """Whether a small quantity is in a formula."""
    if any(p.kind == "change" for p in walk(node)):
        return True
    return any(s.base in ("h", "\\epsilon") and not s.args for s in symbols(node))


def to_first_order(
    document: DocumentModel, statement_index: int, draft: Draft, left: Node, relation: str, right: Node
) -> bool:
    """Whether a line is true but for what vanishes faster than its sides; the draft then says to which order."""
    try:
        found = orders(document, left, right, statement_index, draft.interpretation)
    except (UndecidedError, ShapeClashError):
        return False
    if found is None or found[0] - max(found[1], 0.0) < 0.75:
        return False
    power = round(found[0])
    if (relation != "≈" and power < 2) or power <= degree(right):
        return False
    words = ["zeroth", "zeroth", "first", "second", "third", "fourth"][min(power, 5)]
    draft.verdict, draft.cause = "approximation", None
    draft.message = f"true to {words} order: what is left out vanishes as the power {power} of the small quantity"
    return True


def of_either_sign(node: Node) -> bool:
    """Whether a logarithm or root is of an even power, which takes letters of either sign."""
    for part in walk(node):
        takes = part.kind == "sqrt" or (part.kind == "call" and part.args[0].value == "log")
        inner = part.args[-1] if takes else None
        inner = inner.args[0] if inner is not None and inner.kind == "group" else inner
        if inner is not None and inner.kind == "power" and inner.args[1].kind == "number":
            return float(inner.args[1].value) % 2 == 0
    return False


def over_samples(document: DocumentModel, node: Node) -> bool:
    """Whether a derivative is by ``z`` where the document's numbers are ``z_i``: by all samples at once."""
    for part in walk(node):
        for variable in part.args[1:] if part.kind == "derivative" else ():
            roles = {tuple(sorted(r)) for r in document.indices.roles.get(variable.base, set())}
            plain = variable.kind == "symbol" and "sub" not in variable.roles
            sampled = plain and variable.base in document.letters.sampled and variable.base not in "wb"
            if sampled and tuple(sorted((*variable.roles, "sub"))) in roles:
                return True
    return False


def slope_of_nothing(document: DocumentModel, left: Node, statement_index: int) -> bool:
    """Whether ``dW`` is to be of a cost that does not depend on W by anything the document says."""
    if left.kind != "cost_gradient" or left.args[0].kind != "symbol" or document.losses:
        return False
    cost = find_objective(document, statement_index)
    bodies = document.definitions_of(cost, statement_index)[:1] if cost is not None else []
    return not any(depends_on(document, d.body, left.args[0], statement_index) for d in bodies)


def unconnected(document: DocumentModel, node: Node) -> Node | None:
    """A letter that is derived by a layer's letter and defined without it."""
    for part in walk(node):
        if part.kind != "derivative" or part.args[0].kind != "symbol" or part.args[1].kind != "symbol":
            continue
        body, variable = part.args[0], part.args[1]
        known = [d for found in document.definitions.values() for d in found if d.target.value == body.value]
        layered = any(r in ("paren", "bracket") for r in variable.roles)
        if known and layered and not any(depends_on(document, d.body, variable, d.statement_index) for d in known):
            return body
    return None
