"""Completes notation that other lines determine: the variable of each prime, the index of each sum without one."""

from __future__ import annotations

from steepest.proofreading.meaning.document_model import definable
from steepest.proofreading.reading.statements import ParsedDocument, Statement
from steepest.proofreading.reading.tree import Node, free_letters, make, same, symbols, transform, walk


def resolve(parsed: ParsedDocument) -> None:
    """Complete the trees of all statements, in place."""
    for statement in parsed.statements:
        _resolve(statement, parsed)


def _resolve(statement: Statement, parsed: ParsedDocument) -> None:
    variable: Node | None = None
    for side in statement.sides:
        if side.node is not None and variable is None:
            variable = _variable_of(side.node)
    for side in statement.sides:
        if side.node is not None:
            side.node = transform(side.node, lambda n: _resolved(n, variable, parsed))


def _variable_of(node: Node) -> Node | None:
    """Return the variable of the first derivative in a tree."""
    for part in walk(node):
        if (
            part.kind == "call"
            and part.value
            and len(part.args) == 2
            and part.args[1].kind == "symbol"
            and part.args[0].kind == "symbol"
        ):
            return part.args[1]
        if (
            part.kind == "prime"
            and part.args[0].kind == "call"
            and len(part.args[0].args) == 2
            and part.args[0].args[1].kind == "symbol"
        ):
            return part.args[0].args[1]
        if part.kind == "derivative" and part.args[1].kind == "symbol":
            return part.args[1]
    return None


def _resolved(node: Node, variable: Node | None, parsed: ParsedDocument) -> Node | None:
    if node.kind == "prime":
        inner = transform(node.args[0], lambda n: _resolved(n, variable, parsed))
        by = variable
        bare = inner.args[0] if inner.kind == "group" else inner
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
        body = transform(node.args[0], lambda n: _resolved(n, variable, parsed))
        free = free_letters(body)
        letter = next((x for x in ("i", "j", "k", "t", "n", "s") if x in free), None)
        if letter is None:
            return make("array_sum", (body,), None, node.start, node.end)
        return make(node.kind, (body,), letter, node.start, node.end)
    return None
