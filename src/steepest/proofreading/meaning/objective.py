"""Finds the function that a document is about: its cost, or the function defined last."""

from __future__ import annotations

from steepest.proofreading.meaning.document_model import COSTS, Definition, DocumentModel
from steepest.proofreading.reading.tree import Node, walk


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
