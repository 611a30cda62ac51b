"""Puts lines that do not hold down to the definition that they share.

If a definition is misprinted, every line that follows from it seems wrong. Where two statements or more about a symbol
fail, none holds, and one small change of its definition makes all of them right, the definition is the wrong line.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from steepest.proofreading.causes.repairs import Repair, candidates, likely, other_letters, parts
from steepest.proofreading.meaning.document_model import Definition, may_match
from steepest.proofreading.reading.tree import Node, make, number, same, swap, symbols, times

if TYPE_CHECKING:
    from steepest.proofreading.verdicts.deciding import Decider, Draft

_TRIES = 500


def blame_definitions(decider: Decider) -> None:
    """Find definitions that make the lines after them wrong; see the module."""
    for draft in list(decider.drafts):
        _, left, _, right = decider.sides(draft.statement_index, draft.relation_index)
        if draft.verdict not in ("defines", "") or draft.relation_index > 1:
            continue
        if left.node is None or right.node is None:
            continue
        for definition in _made_by(decider, draft, right.node):
            failing = [
                d
                for d in decider.drafts
                if not d.verdict and d.comparison is not None and _is_about(decider, d, definition)
            ]
            if len({d.statement_index for d in failing}) < 2:
                continue
            standing = [
                d
                for d in decider.drafts
                if d.verdict == "holds"
                and _is_about(decider, d, definition)
                and d.statement_index > definition.statement_index
            ]
            if not standing and _repaired(decider, draft, definition, failing):
                return blame_definitions(decider)
    return None


def _made_by(decider: Decider, draft: Draft, body: Node) -> list[Definition]:
    return [
        d
        for found in decider.document.definitions.values()
        for d in found
        if d.statement_index == draft.statement_index and d.body is body
    ]


def _is_about(decider: Decider, draft: Draft, definition: Definition) -> bool:
    """Whether a line says something of what a definition defines, first in its chain, with this definition in force."""
    if draft.statement_index == definition.statement_index:
        return False
    _, left, _, right = decider.sides(draft.statement_index, draft.relation_index)
    target = definition.target
    if left.node is None or right.node is None or target.kind != "symbol":
        return False
    for part in (*symbols(left.node), *symbols(right.node)):
        if (
            part.base == target.base
            and part.roles == target.roles
            and may_match(target, part)
            and left.node is not part
        ):
            in_force = [
                d for d in decider.document.definitions_of(part, draft.statement_index) if may_match(d.target, part)
            ]
            if in_force and in_force[0] is definition:
                return True
    return False


def _wholly(body: Node) -> list[Repair]:
    """The other sign, twice and half of a whole definition."""
    opposite = body.args[0] if body.kind == "negate" else make("negate", (body,))
    half = make("divide", (number(1), number(2)))
    return [
        Repair("sign", body, opposite, "sign"),
        Repair("factor", body, times(number(2), body), "scaled"),
        Repair("factor", body, times(half, body), "scaled"),
    ]


def _repaired(decider: Decider, draft: Draft, definition: Definition, failing: list[Draft]) -> bool:
    """Try small changes of a definition; keep the first that makes the lines about it hold."""
    document = decider.document
    body = definition.body
    around = decider.doctor.surroundings(min(draft.statement_index + 4, len(decider.parsed.statements) - 1), body, body)
    tries = 0
    decider.doctor.approximate = False
    first = [*_wholly(body), *likely(body, around), *other_letters(parts(body), around)]
    for repair in (*first, *candidates(body, around)):
        tries += 1
        if tries > _TRIES:
            return False
        changed = swap(body, repair.old, repair.new)
        if changed is body or same(changed, body):
            continue
        new = replace(definition, body=changed)
        decider.document = document.without_definition(definition).with_definition(new)
        if all(_holds(decider, d) for d in failing):
            _, _, _, right = decider.sides(draft.statement_index, draft.relation_index)
            diagnosis = decider.doctor.said(repair, right, body, changed)
            draft.verdict, draft.cause = "differs", diagnosis.cause
            lines = len({d.statement_index for d in failing})
            draft.message = f"{diagnosis.message}: {number(lines).value} later statements need it so"
            draft.corrected = diagnosis.corrected
            decider.fixed[right] = changed
            for other in failing:
                other.verdict, other.message = "holds", "holds at all points that were tried"
            return True
        decider.document = document
    return False


def _holds(decider: Decider, draft: Draft) -> bool:
    _, left, _, right = decider.sides(draft.statement_index, draft.relation_index)
    return (
        left.node is not None
        and right.node is not None
        and decider.doctor.agrees(draft.statement_index, left.node, right.node, draft.interpretation)
    )
