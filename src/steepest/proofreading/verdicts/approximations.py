"""Lines that are true to some order only."""

from __future__ import annotations

from steepest.proofreading.meaning.document_model import DocumentModel
from steepest.proofreading.reading.tree import Node, symbols, walk
from steepest.proofreading.values.comparison import degree, orders
from steepest.proofreading.values.errors import ShapeClashError, UndecidedError
from steepest.proofreading.verdicts.assessment import Assessment

_MARGIN = 0.75
"""By how much the error must vanish faster than the sides: measured orders of small powers are off by up to 1/4."""


def approximation(document: DocumentModel, assessment: Assessment, statement_index: int) -> str:
    """Describe the order to which a line is true; return an empty text if it is no approximation.

    Args:
        document: the model under which the sides are compared.
        assessment: the assessment of the line so far.
        statement_index: the number of its statement in that model.
    """
    line = assessment.line
    small = line.relation == "≈" or _has_small_quantity(line.left) or _has_small_quantity(line.right)
    if not small:
        return ""
    try:
        found = orders(document, line.left, line.right, statement_index, assessment.interpretation)
    except (UndecidedError, ShapeClashError):
        return ""
    if found is None or found[0] - max(found[1], 0.0) < _MARGIN:
        return ""
    power = round(found[0])
    # Without ≈ an error of first order is a mistake, and so is an error of an order that the line writes out.
    if (line.relation != "≈" and power < 2) or power <= degree(line.right):
        return ""
    words = ["zeroth", "zeroth", "first", "second", "third", "fourth"][min(power, 5)]
    return f"true to {words} order: the error vanishes as the power {power} of the small quantity"


def _has_small_quantity(node: Node) -> bool:
    if any(p.kind == "change" for p in walk(node)):
        return True
    return any(s.base in ("h", "\\epsilon") and not s.args for s in symbols(node))
