"""Pass two: finds the cause of each line whose sides differ, and whether the line is a mistake at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from steepest.proofreading.causes.factors import name_factor
from steepest.proofreading.causes.mismatch import Diagnosis
from steepest.proofreading.meaning.definitions import is_plain_number
from steepest.proofreading.meaning.document_model import Definition, definable, may_match
from steepest.proofreading.reading.tree import DERIVATIVES, Node, is_derivative, make, number, symbols, walk
from steepest.proofreading.values.arrays import NoValueError
from steepest.proofreading.values.comparison import Comparison, counterexample, holds_for_some
from steepest.proofreading.values.evaluator import Evaluator
from steepest.proofreading.values.scope import Scope
from steepest.proofreading.verdicts.case import Assessment, Case, Line, conditional_message
from steepest.proofreading.verdicts.claims import check_claim

_NEW_MEANING = re.compile(r"\b(now|instead|another|consider|let|suppose|new)\b|\w:\s*$", re.IGNORECASE)
_SLIPS = ("sign", "factor", "index", "variable", "term")
"""Causes that are slips of the pen; a definition that differs by another cause from the one before is a new one."""

_SOME_LOW, _SOME_HIGH, _SOME_VALUES = 0.08, 0.95, 8
"""A share of points in this range, of at least so many, speaks for a condition; one outside it, for a coincidence."""

Assessments = Mapping[Line, Assessment]


def explain(case: Case, assessment: Assessment, others: Assessments) -> list[Assessment]:
    """Find the cause of a difference; return the new assessment, and those of other lines that change with it."""
    line = assessment.line
    if not line.is_read:
        return []
    # A definition above may have been corrected since pass one.
    again = check_claim(case, line)
    if again.verdict:
        return [assessment.judged(again.verdict, again.message, comparison=again.comparison)]
    assessment = replace(assessment, comparison=again.comparison, interpretation=again.interpretation)
    truth = case.corrections.get(line.left_side, line.left)
    if redefined := _redefinition(case, assessment, truth, others):
        return redefined
    approximate = line.relation == "≈"
    found = case.diagnose(assessment, truth, line.right_side, line.right, approximate)
    if found is not None and found.cause == "stop-gradient":
        return _hold_constant(case, assessment, found, others)
    if found is not None:
        return [_diagnosed(case, assessment, found, truth)]
    comparison = assessment.comparison
    conditional = comparison is not None and holds_for_some(comparison) and not approximate
    wrong_left = _wrong_left(case, assessment, truth, only_signs=conditional)
    return [wrong_left or _unexplained(case, assessment, truth, conditional)]


def _diagnosed(case: Case, assessment: Assessment, found: Diagnosis, truth: Node) -> Assessment:
    """Return the assessment of a line whose right side has a known cause."""
    line, comparison = assessment.line, assessment.comparison
    if found.node is not None:
        case.corrections[line.right_side] = found.node
    cause, message, corrected = found.cause, found.message, found.corrected
    if comparison is not None and cause in ("factor", "term", "variable") and is_plain_number(line.right):
        # The left side is always one number and another one is written: the result of a calculation is wrong.
        first = float(comparison.left[0])
        constant = float(np.ptp(comparison.left)) < 1e-9 * (1 + abs(first))
        if constant and not any(is_derivative(p) or p.kind == "limit" for p in walk(truth)):
            corrected = f"{first:.6g}"
            cause, message = "arithmetic", f"the left side is always {corrected}"
    return assessment.judged("differs", message, cause, corrected=corrected)


def _wrong_left(case: Case, assessment: Assessment, left: Node, only_signs: bool) -> Assessment | None:
    """Assess a line that a small change of its left side makes right; None where other lines confirm that side."""
    line = assessment.line
    if any(is_derivative(p) for p in walk(left)):
        return None
    if line.relation_index > 0 or definable(left) is not None or assessment.comparison is None:
        return None
    found = case.diagnose(assessment, line.right, line.left_side, left)
    if found is None or found.node is None or (only_signs and found.cause != "sign"):
        return None
    case.corrections[line.left_side] = found.node
    corrected = f"{found.corrected} {line.relation} {line.right_side.text}"
    return assessment.judged("differs", found.message, found.cause, corrected_line=corrected)


# -- definitions that change ---------------------------------------------------------------------------------


def _redefinition(case: Case, assessment: Assessment, left: Node, others: Assessments) -> list[Assessment]:
    """Assess a line that gives a symbol a new meaning, which is no mistake unless a slip explains it."""
    line = assessment.line
    found = definable(left)
    if found is None or (line.relation_index > 0 and left.kind != "symbol") or found[0].kind == "cost_gradient":
        return []
    target, index = found[0], line.statement_index
    known = case.document.definitions_of(target, index)
    earlier = [d for d in known if d.statement_index < index and may_match(d.target, target)]
    if not earlier and target.kind == "change":
        return []
    if target.kind == "symbol" and _repeats(line, earlier):
        known_function = line.right.kind == "call" and line.right.args[0].kind == "function"
        if known_function and (misprinted := _misprint_above(case, assessment, others)):
            return misprinted
        slip = case.diagnose(assessment, left, line.right_side, line.right)
        if slip is not None and slip.cause in _SLIPS and slip.node is not None and len(line.statement.relations) <= 2:
            case.corrections[line.right_side] = slip.node
            for definition in known:
                if definition.statement_index == index:
                    case.document = case.document.without_definition(definition)
            message = f"{slip.message}, as it was defined before"
            return [assessment.judged("differs", message, slip.cause, corrected=slip.corrected)]
    return [assessment.judged("defines", f"redefines ${case.writer.latex(target)}$")]


def _repeats(line: Line, earlier: list[Definition]) -> bool:
    """Return whether a line seems to repeat the definition before it: same section, no word of a new meaning."""
    statement = line.statement
    near = bool(earlier) and earlier[0].section == statement.section
    return near and statement.origin == "formula" and not _NEW_MEANING.search(statement.before)


def _misprint_above(case: Case, assessment: Assessment, others: Assessments) -> list[Assessment]:
    """Assess a well-known function that shows a misprint in a definition above: ``t = …``, then ``t = tanh z``."""
    line = assessment.line
    mine = [s.value for s in symbols(line.left)]
    for other in others.values():
        above = other.line
        if above.statement_index >= line.statement_index or other.verdict != "defines" or not above.is_read:
            continue
        if definable(above.left) is None or [s.value for s in symbols(above.left)] != mine:
            continue
        found = case.diagnose(Assessment(line), line.right, above.right_side, above.right)
        if found is not None and found.node is not None:
            return [
                other.judged("differs", found.message, found.cause, corrected=found.corrected),
                assessment.judged("holds", "holds with the definition above corrected"),
            ]
    return []


# -- what must be held constant ------------------------------------------------------------------------------


def _hold_constant(case: Case, assessment: Assessment, found: Diagnosis, others: Assessments) -> list[Assessment]:
    """Blame a missing stop-gradient on the definition of what must be held constant."""
    case.document = case.document.with_constants(case.document.letters.constants | {found.constant})
    for other in others.values():
        above = other.line
        left = above.left_side.node
        if left is not None and left.kind == "symbol" and left.base == found.constant and other.verdict == "defines":
            message = found.message + _layerwise_factor(case, assessment.line)
            corrected = rf"\operatorname{{stopgrad}}\left({above.right_side.text}\right)"
            return [
                other.judged("differs", message, "stop-gradient", corrected=corrected),
                assessment.judged("holds", f"holds if ${found.constant}$ is held constant"),
            ]
    return [assessment.judged("differs", found.message, "stop-gradient")]


def _layerwise_factor(case: Case, line: Line) -> str:
    """Describe by which factor the derivative of a layer's cost differs from that of the cost itself."""
    head = line.statement.nodes[0]
    if head.kind != "derivative" or len(head.args[0].args) != 1 or head.args[0].kind != "symbol":
        return ""
    cost, variable = head.args[0], head.args[1]
    layer = cost.index("paren") or cost.index("bracket")
    if layer is None or layer.kind != "number":
        return ""
    above = make("symbol", (number(int(float(layer.value)) + 1),), cost.value)
    if not case.document.definitions_of(above, line.statement_index):
        return ""
    whole = make("derivative", (above, variable), "partial")
    evaluator = Evaluator(Scope(case.document, line.statement_index))
    try:
        with np.errstate(all="ignore"):
            ratio = np.real(evaluator.value(head, {}) / evaluator.value(whole, {}))
    except NoValueError:
        return ""
    if ratio.ndim != 1 or not np.isfinite(ratio).all() or np.ptp(ratio) > 1e-6 * abs(float(ratio[0])):
        return ""
    named = name_factor(case.document, float(ratio[0]), head, head)
    if named is None:
        return ""
    here, own = case.writer.latex(head), case.writer.latex(whole)
    return f"; and then ${here}$ is ${named[1]}$ times ${own}$, the derivative of the cost itself"


# -- differences without a small repair ----------------------------------------------------------------------


def _unexplained(case: Case, assessment: Assessment, left: Node, conditional: bool) -> Assessment:
    """Assess a difference without a small repair: a condition, an undefined letter, or just a difference."""
    line, comparison = assessment.line, assessment.comparison
    if comparison is None:
        message = f"the shapes do not match as they were read: {assessment.shape_clash}"
        return assessment.judged("not-understood", message)
    some = _SOME_LOW < comparison.share < _SOME_HIGH and len(comparison.agree) >= _SOME_VALUES
    if not conditional and _is_unrelated(case, line, left):
        return assessment.judged("not-understood", "neither side is defined, so that the equation cannot be checked")
    if conditional or some:
        return assessment.judged("differs", conditional_message(comparison), "condition")
    strange = _letters_only_here(case, line, left, comparison)
    if strange:
        return assessment.judged("differs", f"${strange[0]}$ is never defined", "undefined")
    wrong, _ = counterexample(comparison)
    one, other = (f"{side[wrong]:.6g}" for side in (comparison.left, comparison.right))
    return assessment.judged("differs", f"the sides differ: where the left side is {one}, the right side is {other}")


def _is_unrelated(case: Case, line: Line, left: Node) -> bool:
    """Return whether the sides have no letter in common and no letter of the left side is defined."""
    if any(p.kind in (*DERIVATIVES, "limit", "change") for node in (left, line.right) for p in walk(node)):
        return False
    ours, theirs = ({s.base for s in symbols(n)} - set(case.document.indices.sizes) for n in (left, line.right))
    known = any(case.document.definitions_of(s, line.statement_index) for s in symbols(left))
    return bool(ours) and bool(theirs) and not ours & theirs and not known


def _letters_only_here(case: Case, line: Line, left: Node, comparison: Comparison) -> list[str]:
    """Return the letters of the right side that have random values and occur in no other statement."""
    random = {key[0] for key in comparison.leaves}
    others = [statement.nodes for statement in case.parsed.statements if statement is not line.statement]
    elsewhere = {s.base for nodes in ([left], *others) for node in nodes for s in symbols(node)}
    elsewhere |= set(case.document.indices.sizes)
    return sorted(({s.base for s in symbols(line.right)} & random) - elsewhere)
