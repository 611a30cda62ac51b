"""Collects what repairs of a side may use: letters, factors, terms and activations of the lines around."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steepest.proofreading.causes.repairs import distinct, one_minus, squared
from steepest.proofreading.meaning.document_model import DocumentModel
from steepest.proofreading.reading import tree
from steepest.proofreading.reading.statements import Statement
from steepest.proofreading.reading.tree import Node, make, number, rename, symbol, symbols, times, walk
from steepest.proofreading.reading.vocabulary import ACTIVATIONS

# Each limit bounds the number of repairs, which is about the product of parts and letters; the cause of a mistake lies
# near it, so that what comes first in the document order around the line is enough.
_MOST_PARTS, _MOST_LETTERS, _MOST_RENAMED, _MOST_BODIES, _MOST_DERIVATIVES, _MOST_STEPS = 24, 40, 16, 12, 8, 3
_BEFORE, _AFTER = 12, 5  # statements around a line whose letters may be meant
_DEFINITION_LEVELS = 3
_DEEPEST_FACTOR, _DEEPEST_PART, _DEEPEST_SUM = 9, 8, 6  # levels of a tree; deeper parts are not tried
_Nodes = tuple[Node, ...]
_ACTIVATION_LETTERS = ("\\sigma", "\\phi", "g", "\\psi", "f")


@dataclass(frozen=True)
class Surroundings:
    """What repairs take from the lines around."""

    letters: _Nodes = ()
    factors: _Nodes = ()  # what may be missing in a product
    terms: _Nodes = ()  # what may be missing in a sum
    indices: tuple[str, ...] = ()  # letters of indices
    activations: tuple[tuple[Node, Node], ...] = ()  # outputs with their inputs: ``(a, z)`` for ``a = σ(z)``
    outputs: _Nodes = ()  # symbols for the outputs of activations
    inputs: _Nodes = ()  # symbols for the inputs of activations
    has_matrices: bool = False  # whether transposes matter


def find_surroundings(
    document: DocumentModel, statements: Sequence[Statement], statement_index: int, left: Node, right: Node
) -> Surroundings:
    """Return the surroundings of a line."""
    own = statements[statement_index]
    around = statements[max(0, statement_index - _BEFORE) : statement_index + _AFTER]
    chain = own.nodes
    near = [node for statement in around if statement is not own for node in statement.nodes]
    bodies = find_bodies(document, [left, right], statement_index)
    letters = distinct([s for n in (*chain, *bodies, *near) for s in symbols(n)])[:_MOST_LETTERS]
    has_matrices = document.shapes.has_matrices
    if has_matrices:
        letters = distinct([*letters, *(_without_sample_index(s) for s in letters)])
    factors, terms = _factors_and_terms([*chain, *bodies])
    free = [symbol(x) for x in tree.free_letters(left)]
    renamed = [
        rename(f, {x: letter}) for f in factors for x in tree.free_letters(f) for letter in free if x != letter.base
    ]
    indices = list(dict.fromkeys(x for n in (*chain, *bodies) for x in tree.letters_in_indices(n)))
    activations, outputs, inputs = _find_activations(document)
    derivatives = [n for o in outputs for n in (times(o, one_minus(o)), one_minus(squared(o)))]
    steps = [make("iverson", (make("compare", (z, number(0)), ">"),)) for z in inputs[:_MOST_STEPS]]
    factors = (*distinct([*factors, *renamed[:_MOST_RENAMED]]), *derivatives[:_MOST_DERIVATIVES], *steps)
    return Surroundings(letters, factors, terms, tuple(indices), activations, outputs, inputs, has_matrices)


def find_bodies(document: DocumentModel, nodes: Sequence[Node], statement_index: int) -> list[Node]:
    """Return the definitions of what occurs in some trees, and in those definitions."""
    found: list[Node] = []
    level = list(nodes)
    for _ in range(_DEFINITION_LEVELS):
        inner = [s for n in level for s in symbols(n)]
        inner += [n.args[0] for root in level for n in walk(root) if n.kind == "call" and n.args[0].kind == "symbol"]
        known = [document.definitions_of(s, statement_index)[:1] for s in distinct(inner)]
        level = [d.body for definitions in known for d in definitions if d.body not in found]
        found += [b for b in level if b not in found]
    return found[:_MOST_BODIES]


def _factors_and_terms(nodes: Sequence[Node]) -> tuple[_Nodes, _Nodes]:
    """Return the factors and the terms that occur in some trees."""
    factors: list[Node] = []
    terms: list[Node] = []
    sums: list[Node] = []
    for node in nodes:
        for part in walk(node):
            if part.kind == "multiply":
                factors += [a for a in part.args if a.depth < _DEEPEST_FACTOR]
            elif part.kind in ("derivative", "power", "iverson", "change", "call") and part.depth < _DEEPEST_PART:
                factors.append(part)
            elif part.kind == "add":
                terms += [a for a in part.args if a.depth < _DEEPEST_FACTOR]
                if part.depth < _DEEPEST_SUM:
                    sums.append(make("group", (part,), "("))
        factors += symbols(node)
    kept = [f for f in distinct([*factors, *sums]) if f.kind not in ("number", "sum", "words", "multiply")]
    return tuple(kept[:_MOST_PARTS]), distinct(terms)[:_MOST_PARTS]


def _find_activations(document: DocumentModel) -> tuple[tuple[tuple[Node, Node], ...], _Nodes, _Nodes]:
    """Return pairs of output and input of activations, the outputs, and the inputs that are symbols."""
    pairs: list[tuple[Node, Node]] = []
    outputs: list[Node] = []
    for (kind, _), found in document.definitions.items():
        calls = [(d, d.body.args[0], d.body.args[1:]) for d in found if kind == "symbol" and d.body.kind == "call"]
        for definition, function, arguments in calls:
            named = function.kind == "function" and function.value in ACTIVATIONS
            if not definition.formals and len(arguments) == 1 and (named or function.base in _ACTIVATION_LETTERS):
                outputs.append(definition.target)
                pairs.append((definition.target, arguments[0]))
        for definition, function, arguments in calls:
            if len(arguments) == 2 and function.kind == "function":  # a = max(0, z)
                outputs.append(definition.target)
                pairs += [(definition.target, a) for a in arguments if a.kind == "symbol"]
    inputs = distinct([z for _, z in pairs if z.kind == "symbol"])
    return tuple(pairs), distinct(outputs), inputs


def _without_sample_index(node: Node) -> Node:
    """Return ``x`` for ``x^{(i)}``."""
    kept = [(r, a) for r, a in node.indices if r != "paren" or a.kind != "symbol"]
    return node if len(kept) == len(node.args) else symbol(node.base, *kept)
