"""The second look at a line whose sides differ: what the cause is, and whether it is a mistake at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from steepest.proofreading.causes.causes import Diagnosis
from steepest.proofreading.meaning.definitions import is_plain_number
from steepest.proofreading.meaning.document_model import definable, depends_on, may_match
from steepest.proofreading.reading.statements import Statement
from steepest.proofreading.reading.tree import Node, symbols, walk
from steepest.proofreading.values.comparison import Comparison
from steepest.proofreading.values.fitting import counterexample, holds_for_some
from steepest.proofreading.values.interpretation import Interpretation
from steepest.proofreading.verdicts import rules

if TYPE_CHECKING:
    from steepest.proofreading.verdicts.deciding import Decider, Draft

_NEW_MEANING = re.compile(r"\b(now|instead|another|consider|let|suppose|new)\b|\w:\s*$", re.IGNORECASE)


def second_look(decider: Decider, draft: Draft) -> None:
    """Find the cause of a difference."""
    statement, left, relation, right = decider.sides(draft.statement_index, draft.relation_index)
    if left.node is None or right.node is None:
        return
    # A definition above may have been put right meanwhile.
    again = decider.claim(draft.statement_index, draft.relation_index, left.node, relation, right.node)
    if again.verdict:
        draft.verdict, draft.message, draft.comparison = again.verdict, again.message, again.comparison
        return
    draft.comparison, draft.interpretation = again.comparison, again.interpretation
    truth = decider.fixed.get(left, left.node)
    if redefines(decider, draft, statement, truth, right.node):
        return
    approximate = relation == "≈"
    found = decider.doctor.diagnose(draft.statement_index, truth, right, right.node, draft.interpretation, approximate)
    if found is not None and found.cause == "stop-gradient":
        blame_missing_stop_gradient(decider, draft, found)
    elif found is not None:
        draft.verdict, draft.cause = "differs", found.cause
        draft.message, draft.corrected = found.message, found.corrected
        if found.node is not None:
            decider.fixed[right] = found.node
        if draft.comparison is not None and found.cause in ("factor", "term", "variable"):
            of_number(draft, truth, right.node)
    elif draft.comparison is not None and holds_for_some(draft.comparison) and not approximate:
        if not left_is_wrong(decider, draft, truth, right.node, only_signs=True):
            conditional(draft)
    elif not left_is_wrong(decider, draft, truth, right.node):
        unexplained(decider, draft, truth, right.node)


def of_number(draft: Draft, left: Node, right: Node) -> None:
    """A formula that is always one number, and another number printed: a slip of the pen."""
    assert draft.comparison is not None  # the caller has seen to it
    steady = float(np.ptp(draft.comparison.left)) < 1e-9 * (1 + abs(float(draft.comparison.left[0])))
    derived = any(
        p.kind in ("derivative", "cost_gradient", "gradient", "limit") or (p.kind == "call" and p.value)
        for p in walk(left)
    )
    if is_plain_number(right) and steady and not derived:
        value = f"{float(draft.comparison.left[0]):.6g}"
        draft.cause, draft.message, draft.corrected = "arithmetic", f"this is always {value}", value


def left_is_wrong(decider: Decider, draft: Draft, left: Node, right: Node, only_signs: bool = False) -> bool:
    """Whether a small change of the left side makes the line right; only where nothing vouches for that side."""
    _, side, relation, other = decider.sides(draft.statement_index, draft.relation_index)
    head = any(
        p.kind in ("derivative", "cost_gradient", "gradient") or (p.kind == "call" and p.value) for p in walk(left)
    )
    if draft.relation_index > 0 or head or definable(left) is not None or side.node is None or draft.comparison is None:
        return False
    found = decider.doctor.diagnose(draft.statement_index, right, side, left, draft.interpretation)
    if found is None or found.node is None or (only_signs and found.cause != "sign"):
        return False
    draft.verdict, draft.cause, draft.message = "differs", found.cause, found.message
    draft.whole = f"{found.corrected} {relation} {other.text}"
    decider.fixed[side] = found.node
    return True


def redefines(decider: Decider, draft: Draft, statement: Statement, left: Node, right: Node) -> bool:
    """Whether a line gives a symbol a new meaning, which is no mistake."""
    found = definable(left)
    if found is None or (draft.relation_index > 0 and left.kind != "symbol") or found[0].kind == "cost_gradient":
        return False
    target, _ = found
    document, right_side = decider.document, statement.sides[draft.relation_index + 1]
    earlier = [
        d
        for d in document.definitions_of(target, draft.statement_index)
        if d.statement_index < draft.statement_index and may_match(d.target, target)
    ]
    if not earlier and target.kind == "change":
        return False
    near = bool(earlier) and earlier[0].section == statement.section and not _NEW_MEANING.search(statement.before)
    if near and statement.origin == "formula" and target.kind == "symbol":
        if right.kind == "call" and right.args[0].kind == "function" and earlier_is_wrong(decider, draft, right):
            return True
        diagnosis = decider.doctor.diagnose(draft.statement_index, left, right_side, right, draft.interpretation)
        small = diagnosis is not None and diagnosis.cause in ("sign", "factor", "index", "variable", "term")
        if small and diagnosis is not None and diagnosis.node is not None and len(statement.relations) <= 2:
            draft.verdict, draft.cause = "differs", diagnosis.cause
            draft.message = f"{diagnosis.message}, as it was defined before"
            draft.corrected = diagnosis.corrected
            decider.fixed[right_side] = diagnosis.node
            for definition in [
                d
                for d in document.definitions_of(target, draft.statement_index)
                if d.statement_index == draft.statement_index
            ]:
                decider.document = decider.document.without_definition(definition)
            return True
    draft.verdict, draft.message = "defines", f"defines ${decider.writer.latex(target)}$ anew"
    return True


def earlier_is_wrong(decider: Decider, draft: Draft, right: Node) -> bool:
    """Whether a definition was misprinted that a well-known function follows: ``t = …``, then ``tanh z``."""
    for other in decider.drafts:
        _, left, _, side = decider.sides(other.statement_index, other.relation_index)
        if (
            other.statement_index >= draft.statement_index
            or other.verdict != "defines"
            or left.node is None
            or side.node is None
        ):
            continue
        mine = decider.sides(draft.statement_index, draft.relation_index)[1].node
        if (
            mine is None
            or definable(left.node) is None
            or [s.value for s in symbols(left.node)] != [s.value for s in symbols(mine)]
        ):
            continue
        found = decider.doctor.diagnose(draft.statement_index, right, side, side.node, Interpretation.AS_WRITTEN)
        if found is not None and found.node is not None:
            other.verdict, other.cause, other.message = "differs", found.cause, found.message
            other.corrected = found.corrected
            draft.verdict, draft.message = "holds", "holds with the definition above put right"
            return True
    return False


def blame_missing_stop_gradient(decider: Decider, draft: Draft, found: Diagnosis) -> None:
    """Put a missing stop-gradient down to the definition of what has to be held constant."""
    constants = decider.document.letters.constants | {found.blamed}
    decider.document = decider.document.with_constants(constants)
    draft.verdict, draft.message = "holds", f"holds if ${found.blamed}$ is held constant"
    for other in decider.drafts:
        _, left, _, right = decider.sides(other.statement_index, other.relation_index)
        named = left.node is not None and left.node.kind == "symbol" and left.node.base == found.blamed
        if named and other.verdict == "defines":
            other.verdict, other.cause, other.message = "differs", "stop-gradient", found.message
            other.corrected = rf"\operatorname{{stopgrad}}\left({right.text}\right)"
            rules.add_layerwise_factor(decider, other, draft)
            return
    draft.verdict, draft.cause, draft.message = "differs", "stop-gradient", found.message


def unexplained(decider: Decider, draft: Draft, left: Node, right: Node) -> None:
    """A difference without a small repair: a condition, a letter that nothing defines, or just a difference."""
    comparison = draft.comparison
    draft.verdict = "differs"
    if comparison is None:
        draft.verdict, draft.message = "not-understood", f"the shapes do not fit as they were understood: {draft.clash}"
        return
    if _unrelated(decider, draft, left, right):
        draft.verdict = "not-understood"
        draft.message = "an equation between things that nothing defines; there is nothing to decide it by"
        return
    if 0.08 < comparison.share < 0.95 and len(comparison.agree) >= 8:
        conditional(draft)
        return
    strange = _nowhere_else(decider, draft, left, right, comparison)
    if strange:
        draft.cause, draft.message = "undefined", f"${strange[0]}$ is never defined"
        return
    wrong, _ = counterexample(comparison)
    draft.message = (
        f"the sides differ: where the left one is {comparison.left[wrong]:.6g}, "
        f"the right one is {comparison.right[wrong]:.6g}"
    )


def _unrelated(decider: Decider, draft: Draft, left: Node, right: Node) -> bool:
    """Whether the sides have no letter in common, and none of them is known."""
    if any(
        p.kind in ("derivative", "cost_gradient", "gradient", "limit", "change") for n in (left, right) for p in walk(n)
    ):
        return False
    ours, theirs = ({s.base for s in symbols(n)} - set(decider.document.indices.sizes) for n in (left, right))
    known = any(decider.document.definitions_of(s, draft.statement_index) for s in symbols(left))
    return bool(ours) and bool(theirs) and not ours & theirs and not known


def _nowhere_else(decider: Decider, draft: Draft, left: Node, right: Node, comparison: Comparison) -> list[str]:
    """Letters of the right side that stand for random numbers and occur in no other line."""
    random = {key[0] for key in comparison.leaves}
    others = [s for k, s in enumerate(decider.parsed.statements) if k != draft.statement_index]
    elsewhere = {x.base for s in others for m in s.sides if m.node is not None for x in symbols(m.node)}
    elsewhere |= {s.base for s in symbols(left)} | set(decider.document.indices.sizes)
    return sorted(({s.base for s in symbols(right)} & random) - elsewhere)


def never_reached(decider: Decider, draft: Draft, left: Node, right: Node) -> bool:
    """Whether a finished derivative is of something that does not depend on the letter, for a line is missing above."""
    if (
        left.kind != "derivative"
        or len(left.args) != 2
        or left.args[0].kind != "symbol"
        or left.args[1].kind != "symbol"
    ):
        return False
    if any(p.kind in ("derivative", "cost_gradient", "gradient") for p in walk(right)):
        return False
    cost, variable = left.args
    known = decider.document.definitions_of(cost, draft.statement_index)
    bodies = [d.body for found in decider.document.definitions.values() for d in found]
    if not known or any(depends_on(decider.document, body, variable, draft.statement_index) for body in bodies):
        return False
    letters = [s for s in symbols(known[0].body) if s.args and not decider.document.definitions.get(("symbol", s.base))]
    between = [s for s in letters if any(s.base == r.base for r in symbols(right))]
    if not between:
        return False
    name = decider.writer.latex(between[0])
    draft.verdict, draft.cause = "differs", "undefined"
    draft.message = (
        f"${name}$ is never defined: nothing says how ${decider.writer.latex(cost)}$ depends on "
        f"${decider.writer.latex(variable)}$"
    )
    return True


def conditional(draft: Draft, first_order: bool = False) -> Draft:
    """A claim that is true only for some values."""
    assert draft.comparison is not None  # it was computed
    wrong, letters = counterexample(draft.comparison)
    place = ", ".join(f"${name} = {value:.3g}$" for name, value in list(letters.items())[:6])
    draft.verdict, draft.cause = "differs", "condition"
    start = "true to first order only" if first_order else "true only for some values"
    draft.message = (
        f"{start}: at {place} the left side is {draft.comparison.left[wrong]:.4g}, "
        f"the right side {draft.comparison.right[wrong]:.4g}"
    )
    return draft
