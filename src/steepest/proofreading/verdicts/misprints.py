"""Finds definitions that are misprinted, which makes every line that follows from them seem wrong.

Where at least two statements about a symbol fail, none holds, and one small change of its definition makes all of them
right, the definition is the wrong line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from steepest.proofreading.causes.candidates import candidates, likely
from steepest.proofreading.causes.mismatch import Mismatch
from steepest.proofreading.causes.repairs import Repair, parts
from steepest.proofreading.causes.surroundings import find_surroundings
from steepest.proofreading.causes.symbol_repairs import other_letters
from steepest.proofreading.meaning.document_model import Definition, DocumentModel, may_match
from steepest.proofreading.reading.tree import Node, make, number, same, swap, symbols, times
from steepest.proofreading.verdicts.case import Assessment, Case, Line
from steepest.proofreading.verdicts.claims import HOLDS

_TRIES = 500  # repairs of one definition; each is checked against all lines that fail
_LINES_BELOW = 4  # statements below a definition whose letters and factors its repairs may use


def correct_definition(case: Case, assessments: Sequence[Assessment]) -> list[Assessment]:
    """Correct the first misprinted definition; return the assessments that change, none if nothing is misprinted."""
    for assessment in assessments:
        line = assessment.line
        if assessment.verdict not in ("defines", "") or line.relation_index > 1 or not line.is_read:
            continue
        own = (d for d in case.document.all_definitions() if d.body is line.right)
        for definition in [d for d in own if d.statement_index == line.statement_index]:
            about = [a for a in assessments if _is_about(case, a.line, definition)]
            failing = [a for a in about if not a.verdict and a.comparison is not None]
            holding = any(a.verdict == "holds" and a.line.statement_index > definition.statement_index for a in about)
            if holding or len({a.line.statement_index for a in failing}) < 2:
                continue
            changed = _corrected(case, assessment, definition, failing)
            if changed:
                return changed
    return []


def _is_about(case: Case, line: Line, definition: Definition) -> bool:
    """Return whether a line uses the symbol of a definition where that definition is in force."""
    target = definition.target
    if line.statement_index == definition.statement_index or not line.is_read or target.kind != "symbol":
        return False
    for part in (*symbols(line.left), *symbols(line.right)):
        if part.value == target.value and may_match(target, part) and line.left is not part:
            known = case.document.definitions_of(part, line.statement_index)
            in_force = [d for d in known if may_match(d.target, part)]
            if in_force and in_force[0] is definition:
                return True
    return False


def _whole(body: Node) -> list[Repair]:
    """Return the repairs of a whole definition: the other sign, twice and half."""
    opposite = body.args[0] if body.kind == "negate" else make("negate", (body,))
    half = make("divide", (number(1), number(2)))
    return [
        Repair("sign", body, opposite, "sign"),
        Repair("factor", body, times(number(2), body), "scaled"),
        Repair("factor", body, times(half, body), "scaled"),
    ]


def _corrected(
    case: Case, assessment: Assessment, definition: Definition, failing: Sequence[Assessment]
) -> list[Assessment]:
    """Try small changes of a definition; keep the first that makes the lines about it right."""
    body, line = definition.body, assessment.line
    statements = case.parsed.statements
    position = min(line.statement_index + _LINES_BELOW, len(statements) - 1)
    around = find_surroundings(case.document, statements, position, body, body)
    first = [*_whole(body), *likely(body, around), *other_letters(parts(body), around)]
    without = case.document.without_definition(definition)
    for repair in islice((*first, *candidates(body, around)), _TRIES):
        changed = swap(body, repair.old, repair.new)
        if changed is body or same(changed, body):
            continue
        document = without.with_definition(replace(definition, body=changed))
        if not all(_holds(case, document, other) for other in failing):
            continue
        case.document = document
        case.corrections[line.right_side] = changed
        diagnosis = case.diagnoser.describe(document, repair, line.right_side, changed, around)
        count = len({other.line.statement_index for other in failing})
        message = f"{diagnosis.message}: {count} later statements are right with this correction"
        return [
            assessment.judged("differs", message, diagnosis.cause, corrected=diagnosis.corrected),
            *(other.judged("holds", HOLDS) for other in failing),
        ]
    return []


def _holds(case: Case, document: DocumentModel, assessment: Assessment) -> bool:
    line, how = assessment.line, assessment.interpretation
    mismatch = Mismatch(document, line.statement_index, line.left, line.right_side, line.right, how)
    return case.diagnoser.verifier.agrees(mismatch, line.right)
