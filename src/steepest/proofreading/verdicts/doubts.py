"""Reasons why a line whose sides differ may be no mistake: it is true to some order, or it was misread."""

from __future__ import annotations

from itertools import pairwise

from steepest.proofreading.meaning.document_model import DocumentModel, depends_on
from steepest.proofreading.meaning.objective import find_objective
from steepest.proofreading.reading.tree import DERIVATIVES, Node, is_of_symbols, symbols, walk
from steepest.proofreading.values.arrays import NoValueError
from steepest.proofreading.values.comparison import convergence_orders, degree
from steepest.proofreading.verdicts.case import Assessment, Case, Line


def doubt(case: Case, line: Line) -> str:
    """Describe why a line whose sides differ may have been misread; return an empty text if nothing suggests so."""
    document = case.document
    unconnected = _unconnected(document, line.right)
    if unconnected is not None:
        name = case.writer.latex(unconnected)
        return f"the document does not define how ${name}$ depends on the variable of its derivative"
    over_samples = _is_over_samples(document, line.left) or _is_over_samples(document, line.right)
    doubtful = has_ones(line) or over_samples or _is_gradient_of_nothing(document, line)
    return "a letter here denotes all samples at once" if doubtful else ""


def has_ones(line: Line) -> bool:
    """Return whether a line has a vector of ones, whose length depends on its neighbours."""
    return any(p.base == "\\mathbf{1}" for node in (line.left, line.right) for p in walk(node))


def _is_over_samples(document: DocumentModel, node: Node) -> bool:
    """Return whether a derivative is with respect to ``z``, thus all samples, in a document that writes ``z_i``."""
    for part in walk(node):
        for variable in part.args[1:] if part.kind == "derivative" else ():
            roles = {tuple(sorted(r)) for r in document.indices.roles.get(variable.base, frozenset())}
            plain = variable.kind == "symbol" and "sub" not in variable.roles
            sampled = plain and variable.base in document.letters.sampled and variable.base not in "wb"
            if sampled and tuple(sorted((*variable.roles, "sub"))) in roles:
                return True
    return False


def _is_gradient_of_nothing(document: DocumentModel, line: Line) -> bool:
    """Return whether ``dW`` is of a cost that does not depend on W by any definition of the document."""
    left = line.left
    if left.kind != "cost_gradient" or left.args[0].kind != "symbol" or document.losses:
        return False
    cost = find_objective(document, line.statement_index)
    bodies = document.definitions_of(cost, line.statement_index)[:1] if cost is not None else []
    return not any(depends_on(document, d.body, left.args[0], line.statement_index) for d in bodies)


def _unconnected(document: DocumentModel, node: Node) -> Node | None:
    """Return a letter that is differentiated with respect to a letter of a layer but defined without it."""
    for part in walk(node):
        if part.kind != "derivative" or part.args[0].kind != "symbol" or part.args[1].kind != "symbol":
            continue
        body, variable = part.args[0], part.args[1]
        known = [d for d in document.all_definitions() if d.target.value == body.value]
        layered = any(r in ("paren", "bracket") for r in variable.roles)
        if known and layered and not any(depends_on(document, d.body, variable, d.statement_index) for d in known):
            return body
    return None


def undefined_dependency(case: Case, line: Line) -> str:
    """Describe the letter whose definition is missing between a cost and the variable of its derivative.

    Return an empty text unless the line is a finished derivative whose letters lead to such a letter.
    """
    left, right, document = line.left, line.right, case.document
    if not is_of_symbols(left) or any(p.kind in DERIVATIVES for p in walk(right)):
        return ""
    cost, variable = left.args
    known = document.definitions_of(cost, line.statement_index)
    bodies = [d.body for d in document.all_definitions()]
    if not known or any(depends_on(document, body, variable, line.statement_index) for body in bodies):
        return ""
    letters = [s for s in symbols(known[0].body) if s.args and not document.definitions.get(("symbol", s.base))]
    between = [s for s in letters if any(s.base == r.base for r in symbols(right))]
    if not between:
        return ""
    name, of, by = map(case.writer.latex, (between[0], cost, variable))
    return f"${name}$ is never defined: the document does not define how ${of}$ depends on ${by}$"


_LANDAU = ("O", "o", "\\mathcal{O}", "\\mathcal{o}")


def order_term(document: DocumentModel, line: Line) -> Node | None:
    """Return a term such as ``O(h^4)``, of a letter that the document does not define; None if there is none."""
    for part in (p for node in (line.left, line.right) for p in walk(node) if p.kind == "multiply"):
        for letter, inner in pairwise(part.args):
            known = letter.base in _LANDAU and document.definitions.get(("symbol", letter.base))
            if letter.base in _LANDAU and not letter.args and not known and inner.kind == "group":
                return part
    return None


_BETWEEN = ("\\xi", "\\zeta", "\\theta")


def point_between(document: DocumentModel, line: Line) -> Node | None:
    """Return ξ of a remainder such as ``f''(ξ)``, a claim that there is such a point; None if there is none."""
    calls = [p for node in (line.left, line.right) for p in walk(node) if p.kind == "call"]
    at = [s for p in calls if p.value for s in symbols(p.args[1]) if s.base in _BETWEEN]
    letters = [s for node in (line.left, line.right) for s in symbols(node)]
    for point in at:
        alone = sum(s.base == point.base for s in letters) == sum(p.base == point.base for p in at)
        if alone and not point.args and not document.definitions.get(("symbol", point.base)):
            return point
    return None


_MARGIN = 0.75
"""By how much the order of the error must exceed that of the sides, which are whole numbers."""


def approximation(document: DocumentModel, assessment: Assessment, statement_index: int) -> str:
    """Describe the order to which a line is true under a model; return an empty text if it is no approximation."""
    line = assessment.line
    small = line.relation == "≈" or _has_small_quantity(line.left) or _has_small_quantity(line.right)
    if not small:
        return ""
    try:
        found = convergence_orders(document, line.left, line.right, statement_index, assessment.interpretation)
    except NoValueError:
        return ""
    if found is None or found[0] - max(found[1], 0.0) < _MARGIN:
        return ""
    power = round(found[0])
    # Without ≈ an error of first order is a mistake, and so is an error of an order that the line writes out.
    if (line.relation != "≈" and power < 2) or power <= degree(line.right):
        return ""
    words = ["zeroth", "zeroth", "first", "second", "third", "fourth", "fifth", "sixth"]
    order = words[power] if power < len(words) else f"{power - 1}th"
    return f"true to {order} order: the error vanishes as the power {power} of the small quantity"


def _has_small_quantity(node: Node) -> bool:
    changes = any(p.kind == "change" for p in walk(node))
    return changes or any(s.base in ("h", "\\epsilon") and not s.args for s in symbols(node))
