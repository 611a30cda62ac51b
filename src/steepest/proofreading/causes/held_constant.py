"""Finds a letter that must be held constant for a line to be right, which the document does not say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from steepest.proofreading.causes.latex import Writer
from steepest.proofreading.causes.mismatch import Diagnosis, Mismatch, Verifier
from steepest.proofreading.causes.repairs import distinct
from steepest.proofreading.causes.sentences import sentence
from steepest.proofreading.causes.surroundings import find_bodies
from steepest.proofreading.meaning.document_model import depends_on
from steepest.proofreading.reading.tree import DERIVATIVES, Node, same, symbols, ungrouped, walk


def find_constant(mismatch: Mismatch, verifier: Verifier, writer: Writer) -> Diagnosis | None:
    """Diagnose a letter that makes the line right if its derivative is 0.

    Only letters are tried whose definition contains a derivative, and targets of a comparison, as authors hold these
    constant without a word: the error of a layer, the target of a squared difference.
    """
    document, index = mismatch.document, mismatch.statement_index
    sides = [mismatch.truth, mismatch.node]
    parts = [part for node in sides for part in walk(node)]
    if not any(part.kind in (*DERIVATIVES, "prime") for part in parts):
        return None
    variables = [v for p in parts if p.kind == "derivative" for v in p.args[1:] if v.kind == "symbol"]
    reached = [*sides, *find_bodies(document, sides, index)]
    for symbol in distinct([s for node in reached for s in symbols(node)]):
        definitions = document.definitions_of(symbol, index)
        if symbol.base in document.letters.constants or not definitions or definitions[0].formals:
            continue
        body = definitions[0].body
        if not any(part.kind in DERIVATIVES for part in walk(body)) and not _is_target(symbol, reached):
            continue
        if not any(depends_on(document, body, v, index) for v in variables):
            continue
        held = document.with_constants(document.letters.constants | {symbol.base})
        if verifier.agrees(replace(mismatch, document=held), mismatch.node):
            return Diagnosis("stop-gradient", sentence("stop-gradient", writer.latex(symbol)), "", None, symbol.base)
    return None


def _is_target(symbol: Node, nodes: Sequence[Node]) -> bool:
    """Return whether something is compared with a letter: ``(a - t)^2``."""
    bases = (ungrouped(part.args[0]) for node in nodes for part in walk(node) if part.kind == "power")
    return any(base.kind == "add" and base.value == (1, -1) and same(base.args[1], symbol) for base in bases)
