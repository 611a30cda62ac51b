"""Gathers what a document says into a symbol table, before any line is checked.

Notation that other lines determine is completed first: the variable of each prime, the index of each sum without one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from steepest.proofreading.meaning.definitions import find_simplex, with_definitions
from steepest.proofreading.meaning.document_model import DocumentModel, Indices, Letters, definable, depends_on, linear
from steepest.proofreading.meaning.objective import find_losses
from steepest.proofreading.meaning.shapes import find_shapes
from steepest.proofreading.meaning.sizes import find_depth_letter, find_ranges, find_roles, find_sizes
from steepest.proofreading.reading import tree
from steepest.proofreading.reading.passages import Passage
from steepest.proofreading.reading.statements import ParsedDocument
from steepest.proofreading.reading.tree import Node, make, number, same, symbols, walk

_CONSTANT_WORDS = (
    r"(?:held|kept|treated as|hold|taken as|regarded as|considered|as a|is a|are|stays?)"
    r"\s+(?:a\s+)?(?:fixed|constant)"
    r"|stop[- ]?gradient|detach|no gradient flows|not differentiated"
)
_HOLDING = r"(?:stop[- ]?gradient|detach|constant|hold(?:ing)?|keep(?:ing)?|treat(?:ing)?)[^.$]{0,30}$"
_MOST_DEPENDENCIES = 6  # a letter with more variables is more likely several letters of one name


def analyse(
    parsed: ParsedDocument, passages: Sequence[Passage], assumed: Mapping[str, float], infer: bool = True
) -> DocumentModel:
    """Return the symbol table of a document, whose trees are completed in place.

    ``infer`` takes definitions from ``∂s/∂x = ∂(wx)/∂x``, too.
    """
    prose = " ".join(p.text for p in passages if not p.is_maths)
    depth_letter = find_depth_letter(prose, parsed, passages)
    # Sizes come before the resolution: a sum without index has no count yet that could be tied to its letter.
    sizes, ranges = find_sizes(parsed.nodes(standalone=True), assumed, depth_letter)
    resolve(parsed)
    nodes = parsed.nodes()
    roles, sampled = find_roles(nodes)
    document = DocumentModel(
        indices=Indices(sizes, ranges, roles, {}, depth_letter),
        letters=Letters(sampled=sampled),
        assumed=dict(assumed),
        sections=tuple(s.section for s in parsed.statements),
    )
    document = with_definitions(document, parsed, passages, infer)
    simplex = find_simplex(parsed)
    if re.search(r"one[- ]hot", prose, re.IGNORECASE):
        simplex |= {base for base in ("y", "t", "p^*") if any("sub" in r for r in roles.get(base, ()))}
    letters = Letters(_find_constants(parsed, passages), simplex, sampled)
    heads = [s.sides[0].node for s in parsed.statements if s.sides[0].node is not None]
    document = document.replace(letters=letters, shapes=find_shapes(document, nodes, heads))
    ranges, classes = find_ranges(document, nodes)
    document = document.replace(indices=replace(document.indices, ranges=ranges, classes=classes))
    bodies = [d.body for d in document.all_definitions() if d.target.kind == "symbol"]
    return document.replace(
        losses=find_losses(document, parsed),
        batch_from=_find_batch(parsed, document.batch_from),
        has_derivatives=any(part.kind in ("derivative", "gradient") for body in bodies for part in walk(body)),
        dependencies=_find_dependencies(document, parsed),
    )


def _find_batch(parsed: ParsedDocument, default: int) -> int:
    """Return the first statement about a derivative with respect to all samples at once: ``dZ = …``."""
    heads = enumerate(statement.sides[0].node for statement in parsed.statements)
    gradients = ((index, head.args[0]) for index, head in heads if head is not None and head.kind == "cost_gradient")
    return next((index for index, variable in gradients if variable.base in ("Z", "A")), default)


def _find_constants(parsed: ParsedDocument, passages: Sequence[Passage]) -> frozenset[str]:
    """Return the letters that the text declares constant."""
    found = set()
    for place, side in parsed.standalone:
        if side.node is None or side.node.kind != "symbol":
            continue
        after = passages[place + 1].text if place + 1 < len(passages) and not passages[place + 1].is_maths else ""
        before = passages[place - 1].text if place and not passages[place - 1].is_maths else ""
        near = re.match(rf"[^.$]{{0,60}}?(?:{_CONSTANT_WORDS})", after, re.IGNORECASE)
        led = re.search(_HOLDING, before, re.IGNORECASE)
        stated = re.match(r"\s*(?:fixed|constant|as (?:a )?constant)", after, re.IGNORECASE)
        if near or (led and (stated or re.search(r"stop|detach|constant", led.group(), re.IGNORECASE))):
            found.add(side.node.base)
    for statement in parsed.statements:
        target, last = statement.sides[0].node, statement.sides[-1]
        notes = " ".join(t.text for side in statement.sides for t in side.tokens if t.kind == "note")
        text = notes + " " + last.passage.text[last.end : last.end + 80]
        beside = re.search(_CONSTANT_WORDS + r"|\bconstant\b", text.split("\\\\")[0], re.IGNORECASE)
        lead = r"[\s,;]*(?:which|where|and|it|this)?[^.$]{0,40}"
        below = re.match(f"{lead}(?:{_CONSTANT_WORDS})", statement.after, re.IGNORECASE)
        if target is not None and target.kind == "symbol" and (beside or below):
            found.add(target.base)
    return frozenset(found)


def _find_dependencies(document: DocumentModel, parsed: ParsedDocument) -> dict[tuple[int, str], tuple[Node, ...]]:
    """Return the variables of letters without a definition: those of their derivatives in the same section."""
    # Letters inside a definition of the section are independent variables: ∂b/∂w is 0 where a = wx + b.
    leaves = {(d.section, s.base) for d in document.all_definitions() for s in symbols(d.body)}
    found: dict[tuple[int, str], list[Node]] = {}
    derivatives = (
        (s.section, p) for s in parsed.statements for n in s.nodes for p in walk(n) if p.kind == "derivative"
    )
    for section, derivative in derivatives:
        body = derivative.args[0]
        if body.kind != "symbol" or body.args or (section, body.base) in leaves:
            continue
        known = found.setdefault((section, body.base), [])
        for variable in derivative.args[1:]:
            plain = variable.args[0] if variable.kind in ("group", "transpose") else variable
            if plain.kind == "symbol" and plain.base != body.base and not any(same(plain, v) for v in known):
                known.append(plain)
    for key, variables in found.items():
        expanded = [e for v in variables for e in _expanded(document.indices, v)]
        found[key] = [v for v in expanded if not any(w is not v and _reaches(document, w, v) for w in expanded)]
    return {key: tuple(free) for key, free in found.items() if 0 < len(free) <= _MOST_DEPENDENCIES}


def _expanded(indices: Indices, variable: Node) -> list[Node]:
    """Return all elements that a variable with an index letter stands for."""
    if not variable.args:
        return [variable]
    letter, _ = linear(variable.args[0])
    if variable.roles != ("sub",) or letter is None or letter == "?":
        return []
    return [make("symbol", (number(k),), variable.value) for k in range(1, indices.range_of(letter) + 1)]


def _reaches(document: DocumentModel, node: Node, target: Node) -> bool:
    """Return whether a symbol depends on another one through its definition."""
    definitions = document.definitions_of(node, 10**9)
    return bool(definitions) and depends_on(document, definitions[0].body, target, 10**9)


def resolve(parsed: ParsedDocument) -> None:
    """Complete the trees of all statements, in place."""
    for statement in parsed.statements:
        variable = next((found for found in map(_variable_of, statement.nodes) if found is not None), None)
        for side in statement.sides:
            if side.node is not None:
                side.node = tree.transform(side.node, partial(_resolved, variable=variable, parsed=parsed))


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
        inner = tree.transform(node.args[0], partial(_resolved, variable=variable, parsed=parsed))
        by = variable
        bare = tree.ungrouped(inner)
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
        body = tree.transform(node.args[0], partial(_resolved, variable=variable, parsed=parsed))
        free = tree.free_letters(body)
        letter = next((x for x in ("i", "j", "k", "t", "n", "s") if x in free), None)
        return make("array_sum" if letter is None else node.kind, (body,), letter, node.start, node.end)
    return None
