"""Finds what the statements of a document define."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from steepest.proofreading.meaning.document_model import Definition, DocumentModel, definable, depends_on, occurs
from steepest.proofreading.reading.passages import Passage
from steepest.proofreading.reading.statements import ParsedDocument, Statement
from steepest.proofreading.reading.tree import DERIVATIVES, Node, make, same, symbols, ungrouped, walk

_LEADS = r"\b(denote|call|write|let|assume|suppose|set|where|with|and)\b"


def with_definitions(
    document: DocumentModel, parsed: ParsedDocument, passages: Sequence[Passage], infer: bool
) -> DocumentModel:
    """Return the model with all definitions; ``infer`` takes them from ``∂s/∂x = ∂(wx)/∂x``, too."""
    for statement_index, statement in enumerate(parsed.statements):
        document = _with_defined(document, statement_index, statement)
    for definition in _denoted(parsed, passages):
        document = document.with_definition(definition)
    return _with_inferred(document, parsed) if infer else document


def find_simplex(parsed: ParsedDocument) -> frozenset[str]:
    """Return the letters of which a statement says that they sum to 1: ``Σ_i p_i = 1``."""
    found = set()
    for statement in parsed.statements:
        match statement.relations, statement.nodes:
            case ["="], [Node(kind="sum", args=(Node(kind="symbol") as summed, *_)), Node(kind="number") as right]:
                found |= {summed.base} if float(right.value) == 1 else set()
    return frozenset(found)


def is_plain_number(node: Node) -> bool:
    """Return whether a tree is a number or an expression of numbers, without letters and words."""
    sigmoids = {id(part.args[0]) for part in walk(node) if part.kind == "call" and part.args[0].base == "\\sigma"}
    kinds = {part.kind for part in walk(node) if id(part) not in sigmoids}
    return kinds.isdisjoint(("symbol", "words", "dots", "change", "cost_gradient", "derivative"))


def _with_defined(document: DocumentModel, statement_index: int, statement: Statement) -> DocumentModel:
    """Return the model with what one statement defines."""

    def define(target: Node, formals: tuple[Node, ...], body: Node) -> DocumentModel:
        return document.with_definition(Definition(target, formals, body, statement_index, statement.section))

    for left_side, relation, right_side in zip(statement.sides, statement.relations, statement.sides[1:], strict=False):
        left, right = left_side.node, right_side.node
        if relation not in ("=", ":=") or left is None or right is None:
            continue
        if is_square(left) and not document.definitions.get(("symbol", left.args[0].base)):
            document = define(left.args[0], (), make("sqrt", (right,)))
            continue
        found = definable(left)
        if found is None or found[0].kind == "cost_gradient" or is_plain_number(right):
            continue
        target, formals = found
        if statement.origin == "prose" and right.kind == "call" and right.args[0].kind == "symbol":
            continue  # "a function y = f(x)" says nothing of y
        unwritten = any(p.kind in ("words", "dots") for p in walk(right))
        if unwritten or is_update(target, right) or is_recurrence(target, right):
            continue
        names = left.kind == "call" or not _is_defined_before(document, right, statement_index)
        if right.kind == "symbol" and _is_defined_before(document, target, statement_index) and names:
            continue  # f(x, y) = z names z
        document = define(target, formals, right)
    left, right = statement.sides[0].node, statement.sides[1].node
    if left is None or right is None or statement.relations[0] != "=" or len(statement.sides) != 2:
        return document
    found = definable(left)
    if right.kind == "symbol" and found and not is_update(right, left):
        new = left.kind == "call" or not _is_defined_before(document, right, statement_index)
        if new and _is_defined_before(document, found[0], statement_index):
            document = define(right, (), left)
    return define(right, (), left) if _is_named(document, left, right, statement_index) else document


def _is_named(document: DocumentModel, left: Node, right: Node, statement_index: int) -> bool:
    """Return whether the right side is a new name for the formula on the left: ``W^T = Y``."""
    if right.kind != "symbol" or definable(left) is not None or is_plain_number(left):
        return False
    if any(p.kind in (*DERIVATIVES, "change", "words", "dots", "call", "sum") for p in walk(left)):
        return False
    new = not document.definitions.get(("symbol", right.base)) and right.base not in {s.base for s in symbols(left)}
    return new and not any(document.definitions_of(s, statement_index) for s in symbols(left))


def _is_defined_before(document: DocumentModel, target: Node, statement_index: int) -> bool:
    return any(d.statement_index < statement_index for d in document.definitions_of(target, statement_index))


def is_update(target: Node, body: Node) -> bool:
    """Return whether an equation is an assignment of a new value: ``w = w - α …``."""
    if target.kind != "symbol":
        return occurs(body, target)
    alone = len(symbols(body)) == 1
    differentiated = (part.kind in ("derivative", "gradient") and occurs(part, target) for part in walk(body))
    return any(same(part, target) for part in symbols(body)) and not (alone and any(differentiated))


def is_square(node: Node) -> bool:
    """Return whether this is the square of a letter, which defines the letter, too: ``\\sigma^2 = …``."""
    return node.kind == "power" and node.args[0].kind == "symbol" and str(node.args[1].value) == "2"


def is_recurrence(target: Node, body: Node) -> bool:
    """Return whether an equation is the recurrence of a sequence: ``x_{k+1} = x_k - …``.

    Recurrences over layers are definitions, since layers are few; those over steps have no end.
    """
    if target.kind != "symbol" or "sub" not in target.roles or all(a.kind == "number" for a in target.args):
        return False
    ours, *others = (
        [a for r, a in part.indices if r == "sub"] for part in (target, *symbols(body)) if part.value == target.value
    )
    return any(not same(a, b) for theirs in others for a, b in zip(ours, theirs, strict=True))


def _denoted(parsed: ParsedDocument, passages: Sequence[Passage]) -> Iterator[Definition]:
    """Yield the definitions in words: ``let us denote $A$ as $B$``, ``assume that $B$ is $A$``."""
    by_passage = dict(parsed.standalone)
    for place, side in parsed.standalone:
        other = by_passage.get(place + 2)
        if other is None or place == 0 or side.node is None or other.node is None:
            continue
        between, before = passages[place + 1], passages[place - 1]
        if between.is_maths or not re.fullmatch(r"\s*(?:is|as|be|by|for|:?=)\s*", between.text):
            continue
        leads = re.findall(_LEADS, before.text.split(".")[-1], re.IGNORECASE)
        if not leads:
            continue
        target, body = side.node, other.node
        if re.match(r"denote|call|write", leads[-1], re.IGNORECASE) and between.text.strip() in ("as", "by"):
            target, body = body, target
        statement_index = sum(s.passage < place for s in parsed.statements)
        if target.kind in ("symbol", "derivative", "change") and not is_plain_number(body):
            # Section -1: valid in every section.
            yield Definition(target, (), body, max(statement_index - 1, 0), -1)


def _with_inferred(document: DocumentModel, parsed: ParsedDocument) -> DocumentModel:
    """Return the model with ``s = wx`` from ``∂s/∂x = ∂(wx)/∂x`` where nothing else defines s."""
    for statement_index, statement in enumerate(parsed.statements):
        for left, right in itertools.pairwise(side.node for side in statement.sides):
            body = _inferred_body(document, left, right, statement_index)
            if left is not None and body is not None:
                inferred = Definition(left.args[0], (), body, statement_index - 1, statement.section)
                document = document.with_definition(inferred)
    return document


def _inferred_body(document: DocumentModel, left: Node | None, right: Node | None, statement_index: int) -> Node | None:
    """Return what the symbol under the left derivative equals if both sides are derivatives; None if unknown."""
    if left is None or right is None or not left.kind == right.kind == "derivative":
        return None
    if len(left.args) != len(right.args):
        return None
    target, body = left.args[0], ungrouped(right.args[0])
    if target.kind != "symbol" or (body.kind in ("symbol", "call") and same(target, body)):
        return None
    if not all(same(a, b) for a, b in zip(left.args[1:], right.args[1:], strict=True)) or same(target, body):
        return None
    if body.kind == "call" and body.args[0].kind == "symbol" and body.args[0].base == target.base:
        return None
    if any(same(s, target) for s in symbols(body)):
        return None
    variables = [v for v in left.args[1:] if v.kind == "symbol"]
    known = [d for d in document.definitions_of(target, statement_index) if d.statement_index <= statement_index]
    if known and any(depends_on(document, known[0].body, v, statement_index) for v in variables):
        return None
    return body
