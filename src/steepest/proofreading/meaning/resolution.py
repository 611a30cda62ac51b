"""Completes notation that other lines determine: the variable of each prime, the index of each sum without one."""

from __future__ import annotations

from functools import partial

from steepest.proofreading.meaning.document_model import definable
from steepest.proofreading.reading.statements import ParsedDocument
from steepest.proofreading.reading.tree import Node, free_letters, make, same, symbols, transform, ungrouped, walk


def resolve(parsed: ParsedDocument) -> None:
    """Complete the trees of all statements, in place."""
    for statement in parsed.statements:
        variable = next((found for found in map(_variable_of, statement.nodes) if found is not None), None)
        for side in statement.sides:
            if side.node is not None:
                side.node = transform(side.node, partial(_resolved, variable=variable, parsed=parsed))


def _variable_of(node: Node) -> Node | None:
    """Return the variable of the first derivative in a tree."""
    for part in walk(node):
        match part:
            case Node(kind="call", args=(Node(kind="symbol"), Node(kind="symbol") as variable)) if part.value:
                return variable
            case Node(kind="prime", args=(Node(kind="call", args=(_, Node(kind="symbol") as variable)),)):
                return variable
            case Node(kind="derivative", args=(_, Node(kind="symbol") as variable, *_)):
                return variable
    return None


def _resolved(node: Node, variable: Node | None, parsed: ParsedDocument) -> Node | None:
    if node.kind == "prime":
        inner = transform(node.args[0], partial(_resolved, variable=variable, parsed=parsed))
        by = variable
        bare = ungrouped(inner)
        if bare.kind == "call" and len(bare.args) == 2 and bare.args[1].kind == "symbol":
            by = bare.args[1]
        if by is None and bare.kind == "symbol":
            for statement in parsed.statements:
                found = definable(statement.sides[0].node) if statement.sides[0].node is not None else None
                if found and same(found[0], bare) and len(found[1]) == 1:
                    by = found[1][0]
        if by is None:
            letters = [s.base for s in symbols(inner)]
            by = make("symbol", (), (next((x for x in ("x", "t", "z", "w") if x in letters), "x"), ()))
        return make("derivative", (inner, *([by] * int(node.value))), "prime", node.start, node.end)
    if node.kind in ("sum", "product") and node.value == "":
        body = transform(node.args[0], partial(_resolved, variable=variable, parsed=parsed))
        free = free_letters(body)
        letter = next((x for x in ("i", "j", "k", "t", "n", "s") if x in free), None)
        return make("array_sum" if letter is None else node.kind, (body,), letter, node.start, node.end)
    return None
