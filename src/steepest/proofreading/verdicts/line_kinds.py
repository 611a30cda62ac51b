"""Pass one: assesses each line by the kind of line that it is.

A line is a relation that is not checked, an inequality, worked numbers, a definition, or a claim.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steepest.proofreading.meaning.definitions import is_square, is_update
from steepest.proofreading.meaning.document_model import definable, may_match
from steepest.proofreading.reading.statements import DECIDED
from steepest.proofreading.reading.tree import Node, same, symbols, walk
from steepest.proofreading.values.arrays import NoValueError
from steepest.proofreading.values.comparison import compare
from steepest.proofreading.verdicts.case import Assessment, Case, Line, conditional_message
from steepest.proofreading.verdicts.claims import HOLDS, changes_with_function, check_claim
from steepest.proofreading.verdicts.numeric_lines import check_numbers

_OVERFLOW = "; evaluated as written it overflows to ∞/∞ for large numbers"


def assess(case: Case, line: Line) -> list[Assessment]:
    """Assess a line; the verdict is empty if its sides differ. Return nothing for a line that claims no equality."""
    assessment = _by_kind(case, line)
    if assessment is None:
        return []
    if assessment.verdict in ("defines", "holds") and _overflows(line.right):
        assessment = replace(assessment, message=assessment.message + _OVERFLOW)
    return [assessment]


def _by_kind(case: Case, line: Line) -> Assessment | None:
    if line.relation in ("∝", "∼"):
        return Assessment(line, "not-understood", f"the relation {line.relation} is not checked")
    if line.relation not in DECIDED:
        return None
    for side in (line.left_side, line.right_side):
        if side.trouble is not None:
            detail = f": {side.trouble}" if str(side.trouble) else ""
            message = f"the formula near {side.trouble.token or side.text[-12:]!r} could not be read{detail}"
            return Assessment(line, "not-understood", message, unread=side)
    if not line.is_read:
        return Assessment(line, "not-understood", "one side of this equality is missing")
    left, right = line.left, line.right
    if line.relation in ("<", ">", "<=", ">="):
        return _inequality(case, line)
    if left.kind == "cost_gradient" and right.kind == "derivative" and same(left.args[0], right.args[-1]):
        return Assessment(line, "defines", f"defines the notation ${line.left_side.text}$")
    return check_numbers(case, line) or _definition(case, line) or check_claim(case, line)


def _overflows(node: Node) -> bool:
    """Return whether a quotient has growing exponentials in its numerator and in its denominator."""
    return any(p.kind == "divide" and all(_grows(a) for a in p.args) for p in walk(node))


def _grows(node: Node) -> bool:
    """Return whether a formula has an exponential that grows with its letters."""
    calls = [p for p in walk(node) if p.kind == "call" and p.args[0].kind == "function" and p.args[0].value == "exp"]
    return any(p.args[1].kind != "negate" and symbols(p.args[1]) for p in calls)


def _definition(case: Case, line: Line) -> Assessment | None:
    """Assess a line that defines a symbol or updates a value; None for any other line."""
    left, right, index = line.left, line.right, line.statement_index
    document = case.document
    roots = document.definitions_of(left.args[0], index) if is_square(left) else []
    if roots and all(d.statement_index == index for d in roots):
        return _defines(case, line, left.args[0])
    found = definable(left)
    words = next((p for p in walk(right) if p.kind in ("words", "dots")), None)
    if words is not None and found is not None and not is_update(found[0], right):
        what = f"“{words.value}”" if words.kind == "words" else "…"
        return Assessment(line, "not-understood", f"{what} is not a formula that can be computed")
    named = _names_right_side(case, line)
    if found is None or named is not None:
        return named
    target, formals = found
    if is_update(target, right) and target.kind == "symbol" and (line.relation == ":=" or line.relation_index == 0):
        return Assessment(line, "defines", "an assignment: the left side takes the value of the right side")
    if target.kind == "cost_gradient":
        return None
    if line.relation == ":=" and target.kind == "symbol":
        return _defines(case, line, target)
    before = [d for d in document.definitions_of(target, index) if d.statement_index < index]
    matching = [d for d in before if may_match(d.target, target)]
    earlier = any(not formals or not d.formals or len(formals) == len(d.formals) for d in matching)
    if earlier or (target.kind == "change" and changes_with_function(case, left, line)):
        return None
    return _defines(case, line, target)


def _defines(case: Case, line: Line, target: Node) -> Assessment:
    return Assessment(line, "defines", f"defines ${case.writer.latex(target)}$")


def _names_right_side(case: Case, line: Line) -> Assessment | None:
    """Assess ``f(x, y) = z``, which defines z where f is known."""
    left, right = line.left, line.right
    if right.kind != "symbol" or line.relation_index + 2 < len(line.statement.sides):
        return None
    known = case.document.definitions_of(right, line.statement_index)
    own = [d for d in known if d.statement_index == line.statement_index and d.target is right]
    if own and (definable(left) or own[0].body is left):
        return _defines(case, line, right)
    return None


def _inequality(case: Case, line: Line) -> Assessment:
    """Assess a line with < or its like; only claims about something computed are checked."""
    left, relation = line.left, line.relation
    if len(line.statement.relations) > 1 or left.kind in ("symbol", "number", "add"):
        return Assessment(line, "not-understood", "an inequality between these sides is not checked")
    try:
        comparison = compare(case.document, left, line.right, line.statement_index)
    except NoValueError as reason:
        return Assessment(line, "not-understood", str(reason))
    slack = 1e-9 * (1 + np.abs(comparison.right))  # the round-off that equalities are allowed, too
    below = relation in ("<", "<=")
    lower, upper = (comparison.left, comparison.right) if below else (comparison.right, comparison.left)
    true = lower <= upper + slack
    if true.all():
        return Assessment(line, "holds", HOLDS, comparison=comparison)
    comparison = replace(comparison, agree=true, lost=0.0)
    message = conditional_message(comparison, first_order=left.kind == "change")
    return Assessment(line, "differs", message, "condition", comparison=comparison)
