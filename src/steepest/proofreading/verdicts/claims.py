"""Checks lines that claim that two things are equal.

A line is compared under each interpretation that the notation allows, and one that makes it right is taken. A line
whose sides differ keeps an empty verdict, since the mistake may lie in a definition above it; causes come later.
"""

from __future__ import annotations

from dataclasses import replace

from steepest.proofreading.meaning.document_model import Definition, depends_on
from steepest.proofreading.meaning.objective import find_objective, is_vague
from steepest.proofreading.reading.tree import DERIVATIVES, Node, is_of_symbols, same, ungrouped, walk
from steepest.proofreading.values.arrays import NoValueError, ShapeClashError
from steepest.proofreading.values.comparison import Comparison, compare, compared
from steepest.proofreading.values.scope import Interpretation
from steepest.proofreading.verdicts.case import Assessment, Case, Line, vanishes
from steepest.proofreading.verdicts.doubts import (
    approximation,
    doubt,
    has_ones,
    order_term,
    point_between,
    undefined_dependency,
)

HOLDS = "holds at all points tested"
_UNCONNECTED = "the document does not define how the differentiated quantity depends on the variable"
_LOST = 0.1  # the right side lacks a value at so many points that its domain is smaller, not only hit by overflow


def check_claim(case: Case, line: Line) -> Assessment:
    """Check a line that claims an equality; the verdict is empty if its sides differ."""
    if term := order_term(case.document, line):
        message = f"${case.writer.latex(term)}$ stands for any function of this order; such lines are not decided"
        return Assessment(line, "not-understood", message)
    if point := point_between(case.document, line):
        message = f"it claims that there is a ${case.writer.latex(point)}$ for which it holds, which is not decided"
        return Assessment(line, "not-understood", message)
    assessment, reason = _compare_sides(case, line)
    if assessment.verdict:
        return assessment
    holding = _for_any_function(case, assessment)
    if holding is not None:
        return holding
    if assessment.comparison is None:
        return _without_value(case, assessment, reason)
    if message := approximation(case.document, assessment, line.statement_index):
        return assessment.judged("approximation", message)
    for part in (p for p in walk(line.left) if p.kind == "change" and p is not line.left):
        known = case.document.definitions_of(part, line.statement_index) or changes_with_function(case, part, line)
        if not known and not any(same(p, part) for p in walk(line.right)):
            return assessment.judged("defines", f"defines ${case.writer.latex(part)}$")
    return _doubted(case, assessment)


def _compare_sides(case: Case, line: Line) -> tuple[Assessment, Exception | None]:
    """Compare the sides under each interpretation; return the first that makes them agree, else the first computed."""
    kept = Assessment(line)
    corrected = case.corrections.get(line.left_side)
    reason: Exception | None = None
    # A line that goes on with a mistake of the line above is right as it is written, or with that mistake corrected.
    lefts = [line.left] if corrected is None else [line.left, corrected]
    for interpretation in Interpretation if case.document.letters.sampled else (Interpretation.AS_WRITTEN,):
        for left in lefts:
            try:
                comparison = compare(case.document, left, line.right, line.statement_index, interpretation)
            except NoValueError as trouble:
                reason = reason or trouble
                continue
            if interpretation is Interpretation.PER_SAMPLE and vanishes(comparison):
                continue  # 0 = 0 under the less likely interpretation is no evidence
            assessment = Assessment(line, comparison=comparison, interpretation=interpretation)
            if comparison.holds:
                return _agreeing(case, assessment, comparison), reason
            if kept.comparison is None:
                kept = assessment
    return kept, reason


def _agreeing(case: Case, assessment: Assessment, comparison: Comparison) -> Assessment:
    """Assess a line whose sides agree."""
    line = assessment.line
    if comparison.lost > _LOST and line.relation == "=" and _takes_either_sign(line.left):
        message = "true only where the right side is defined; the left side is defined for either sign"
        return assessment.judged("differs", message, "condition", interpretation=Interpretation.AS_WRITTEN)
    if line.relation == "≈":
        return assessment.judged("approximation", "holds exactly, not only approximately")
    layers = {n for numbers in comparison.numbers for letter, n in numbers.items() if letter in ("l", "\\ell")}
    in_last = layers == {3} and any(d.target.kind == "derivative" for d in case.document.all_definitions())
    return assessment.judged("holds", f"{HOLDS}; checked for the last layer" if in_last else HOLDS)


def _takes_either_sign(node: Node) -> bool:
    """Return whether a formula has a logarithm or root of an even power, defined for letters of either sign."""
    takes = (p for p in walk(node) if p.kind == "sqrt" or (p.kind == "call" and p.args[0].value == "log"))
    inner = map(ungrouped, (p.args[-1] for p in takes))
    power = next((p for p in inner if p.kind == "power" and p.args[1].kind == "number"), None)
    return power is not None and float(power.args[1].value) % 2 == 0


def changes_with_function(case: Case, node: Node, line: Line) -> bool:
    """Return whether a change, Δf, has a value of its own: that of a function that is defined or depends on letters."""
    inner, index, document = node.args[0], line.statement_index, case.document
    return bool(document.definitions_of(inner, index) or document.dependencies_of(inner.base, index))


def _for_any_function(case: Case, assessment: Assessment) -> Assessment | None:
    """Assess a chain rule that holds for any function; the one of this name is defined in another section."""
    line, document = assessment.line, case.document
    left = line.left
    if left.kind != "derivative" or left.args[0].kind != "symbol":
        return None
    body = left.args[0]
    known = document.definitions_of(body, line.statement_index)
    if not known or any(d.section == line.statement.section for d in known):
        return None
    again = any(p.kind == "derivative" and same(p.args[0], body) for p in walk(line.right))
    if not again or not document.dependencies_of(body.base, line.statement_index):
        return None
    comparison = compared(document.ignoring(body.base), left, line.right, line.statement_index)
    if comparison is None or not comparison.holds or vanishes(comparison):
        return None
    return assessment.judged("holds", f"holds for any ${case.writer.latex(body)}$", comparison=comparison)


# -- lines without a value -----------------------------------------------------------------------------------


def _without_value(case: Case, assessment: Assessment, reason: Exception | None) -> Assessment:
    """Assess a line of which a side has no value: shapes do not match, or a derivative is given rather than derived."""
    line = assessment.line
    left, index = line.left, line.statement_index
    limited = is_of_symbols(left) and any(p.kind == "limit" for p in walk(line.right))
    if limited and not depends_on(case.document, left.args[0], left.args[1], index):
        return assessment.judged("not-understood", _UNCONNECTED)
    if isinstance(reason, ShapeClashError):
        clashing = replace(assessment, shape_clash=str(reason))
        if has_ones(line):
            return clashing.judged("not-understood", "the length of the vector of ones is not known")
        if compared(case.document, left, left, index) is None:
            return clashing.judged("not-understood", f"the shapes on the left side do not match: {reason}")
        return clashing
    return _take_as_given(case, assessment) or assessment.judged("not-understood", str(reason))


def _take_as_given(case: Case, assessment: Assessment) -> Assessment | None:
    """Take a derivative of something that the document does not define as the document gives it."""
    line, document = assessment.line, case.document
    left = line.left
    given = Definition(left, (), line.right, line.statement_index, line.statement.section)
    if left.kind == "cost_gradient" and left.args[0].kind == "symbol":
        case.document = document.with_definition(given)
        return assessment.judged("defines", f"${case.writer.latex(left)}$ is taken as given")
    if not is_of_symbols(left) or document.definitions_of(left.args[0], line.statement_index):
        return None
    name = case.writer.latex(left.args[0])
    earlier = document.definitions_of(left, line.statement_index)
    if any(d.statement_index < line.statement_index for d in earlier):
        message = f"${name}$ is never defined, and its derivative was given differently before"
        return assessment.judged("not-understood", message)
    case.document = document.with_definition(given)
    return assessment.judged("defines", f"${name}$ is not defined; its derivative is taken as given")


# -- lines whose sides differ --------------------------------------------------------------------------------


def _doubted(case: Case, assessment: Assessment) -> Assessment:
    """Assess a line whose sides differ: its verdict stays empty unless it may have been misread."""
    line, comparison = assessment.line, assessment.comparison
    assert comparison is not None  # both sides were computed
    left = line.left
    if left.kind == "derivative" or (left.kind == "cost_gradient" and _is_cost_vague(case, line)):
        given = _take_as_given(case, assessment)
        if given is not None:
            return given
    if message := doubt(case, line):
        return assessment.judged("not-understood", message)
    if not any(p.kind in DERIVATIVES for p in walk(left)) or not vanishes(comparison):
        return assessment
    if message := undefined_dependency(case, line):
        return assessment.judged("differs", message, "undefined")
    return assessment.judged("not-understood", _UNCONNECTED)


def _is_cost_vague(case: Case, line: Line) -> bool:
    """Return whether the cost is made of functions that nothing defines."""
    cost = find_objective(case.document, line.statement_index)
    return not case.document.losses and (cost is None or is_vague(case.document, cost, line.statement_index))
