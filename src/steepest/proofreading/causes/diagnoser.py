"""Finds why a line is wrong: a constant factor, a letter held constant, a small repair, a wrong number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

from steepest.proofreading.causes.candidates import candidates, likely
from steepest.proofreading.causes.factors import find_factor, find_number
from steepest.proofreading.causes.latex import Writer
from steepest.proofreading.causes.mismatch import Diagnosis, Mismatch, Verifier, sentence
from steepest.proofreading.causes.repairs import Repair, distinct, exchanged, parts
from steepest.proofreading.causes.surroundings import Surroundings, find_bodies, find_surroundings
from steepest.proofreading.causes.symbol_repairs import in_conditions
from steepest.proofreading.meaning.document_model import DocumentModel, depends_on
from steepest.proofreading.reading.statements import Side, Statement
from steepest.proofreading.reading.tree import DERIVATIVES, Node, free_letters, same, swap, symbols, ungrouped, walk
from steepest.proofreading.values.arrays import NoValueError
from steepest.proofreading.values.comparison import holds_for_some

_TRIES_A_LINE = 700  # repairs of one side; the likely ones come first
_CONDITIONS = 4  # repairs of conditions that are combined with a second repair
_INSERTIONS = ("missing-factor", "missing-term", "missing-divisor")
_OMISSIONS = ("extra-factor", "extra-term")


class Diagnoser:
    """Finds causes in one document."""

    def __init__(self, statements: Sequence[Statement], writer: Writer) -> None:
        self.statements, self.writer = statements, writer
        self.verifier = Verifier()

    def diagnose(self, mismatch: Mismatch) -> Diagnosis | None:
        """Return the cause of a mismatch; None if no small change makes the line right.

        The order is that in which people make mistakes. A line whose sides agree at some points may be a claim with a
        condition: of the changes after that step some make it right that nobody would have meant.
        """
        verifier, writer, right = self.verifier, self.writer, mismatch.node
        try:
            comparison = mismatch.compare(right)
        except NoValueError:
            comparison = None
        index = mismatch.statement_index
        around = find_surroundings(mismatch.document, self.statements, index, mismatch.truth, right)
        found: Diagnosis | None = None
        if comparison is not None:
            found = find_factor(mismatch, writer, comparison, simple=True) or find_constant(mismatch, verifier, writer)
        found = found or self._by_repair(mismatch, likely(right, around), around)
        if found is None and comparison is not None:
            conditional = not mismatch.approximate and holds_for_some(comparison)
            if conditional or mismatch.is_series:
                found = find_number(mismatch, verifier, writer, comparison)
            if found is None and conditional and not set(free_letters(right)) - set(free_letters(mismatch.truth)):
                return None
        found = found or self._by_repair(mismatch, candidates(right, around), around)
        found = found or self._by_two_repairs(mismatch, around)
        if found is None and comparison is not None:
            found = find_number(mismatch, verifier, writer, comparison)
            found = found or find_factor(mismatch, writer, comparison, simple=False)
        return found

    def _by_repair(self, mismatch: Mismatch, repairs: Iterable[Repair], around: Surroundings) -> Diagnosis | None:
        """Return the first repair that makes the line right."""
        for repair in islice(repairs, _TRIES_A_LINE):
            if self.verifier.is_exhausted:
                return None
            changed = swap(mismatch.node, repair.old, repair.new)
            if changed is not mismatch.node and self.verifier.agrees(mismatch, changed):
                return self.describe(mismatch.document, repair, mismatch.side, changed, around)
        return None

    def _by_two_repairs(self, mismatch: Mismatch, around: Surroundings) -> Diagnosis | None:
        """Return a repair of the conditions of some cases together with one more repair."""
        right, writer = mismatch.node, self.writer
        for first in islice(in_conditions(parts(right), around), _CONDITIONS):
            halfway = swap(right, first.old, first.new)
            for second in islice(candidates(halfway, around), _TRIES_A_LINE // 3):
                changed = swap(halfway, second.old, second.new)
                if self.verifier.is_exhausted or changed is halfway or not self.verifier.agrees(mismatch, changed):
                    continue
                found = self.describe(mismatch.document, second, mismatch.side, changed, around)
                also = sentence(first.kind, writer.latex(first.old), writer.patched(first.old, first.new))
                message = f"{found.message}; and {also}"
                return replace(found, message=message, corrected=writer.patched(right, changed))
        return None

    def describe(
        self, document: DocumentModel, repair: Repair, side: Side, changed: Node, around: Surroundings
    ) -> Diagnosis:
        """Describe a repair of a side, which it changes to another tree, by a sentence and the corrected side."""
        old, new = self.writer.latex(repair.old), self.writer.patched(repair.old, repair.new)
        corrected = self.writer.spliced(side, repair.old, repair.new)
        output = self._through_output(repair, around) if repair.cause == "activation" else None
        if output is not None:
            message = sentence("activation-input", old, output, new)
            return Diagnosis(repair.cause, message, corrected.replace(new, output), changed)
        piece = self._piece(repair) if repair.kind in (*_INSERTIONS, *_OMISSIONS) else ""
        cause = "factor" if _is_size(document, repair) else repair.cause
        return Diagnosis(cause, sentence(repair.kind, old, new, piece), corrected, changed)

    def _through_output(self, repair: Repair, around: Surroundings) -> str | None:
        """Return ``a(1 - a)`` for ``z(1 - z)`` where z is the input of the activation with the output a."""
        old = repair.old
        if old.kind != "multiply" or not any(p.kind == "iverson" for p in walk(repair.new)):
            return None
        for inner in around.inputs:
            grouped = any(a.kind == "group" and any(same(s, inner) for s in symbols(a)) for a in old.args)
            if grouped and any(same(a, inner) for a in old.args):
                for output, other in around.activations:
                    if same(other, inner):
                        return self.writer.patched(old, exchanged(old, inner, output))
        return None

    def _piece(self, repair: Repair) -> str:
        """Return the factor or term that is missing or extra."""
        long, short = (repair.old, repair.new) if repair.kind in _OMISSIONS else (repair.new, repair.old)
        if repair.kind == "missing-divisor" or long.kind == "divide":
            return self.writer.latex(long.args[1] if long.kind == "divide" else long)
        inside = list(short.args) if short.kind == long.kind else [short]
        left = [a for a in long.args if not any(a is b for b in inside)]
        left = [a for a in left if not (a.kind == "group" and a.args[0] is short)]
        return " ".join(map(self.writer.latex, left or [long]))


def _is_size(document: DocumentModel, repair: Repair) -> bool:
    """Return whether a missing or extra factor is a number of samples or classes, which counts as a constant."""
    if repair.kind not in ("missing-factor", "missing-divisor", "extra-factor"):
        return False
    long, short = (repair.old, repair.new) if repair.kind == "extra-factor" else (repair.new, repair.old)
    kept = {id(n) for n in walk(short)}
    left = [p for p in long.args if id(p) not in kept]
    return bool(left) and all(p.base in document.indices.sizes for p in left)


def find_constant(mismatch: Mismatch, verifier: Verifier, writer: Writer) -> Diagnosis | None:
    """Diagnose a letter that makes the line right if its derivative is 0.

    Only letters are tried whose definition contains a derivative, and targets of a comparison, as authors hold these
    constant without a word: the error of a layer, the target of a squared difference.
    """
    document, index = mismatch.document, mismatch.statement_index
    sides = [mismatch.truth, mismatch.node]
    inside = [part for node in sides for part in walk(node)]
    if not any(part.kind in (*DERIVATIVES, "prime") for part in inside):
        return None
    variables = [v for p in inside if p.kind == "derivative" for v in p.args[1:] if v.kind == "symbol"]
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
