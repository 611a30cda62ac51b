"""Checks lines with numbers on the right: results of arithmetic, values of letters, formulas at numbers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from steepest.proofreading.causes.repairs import with_other_sign
from steepest.proofreading.meaning.definitions import is_plain_number
from steepest.proofreading.meaning.document_model import definable
from steepest.proofreading.reading.tree import Node, is_derivative, make, same, swap, symbols, walk
from steepest.proofreading.values.arrays import POINTS, NoValueError
from steepest.proofreading.values.comparison import compared
from steepest.proofreading.values.evaluator import Evaluator
from steepest.proofreading.values.exact_arithmetic import Exact, agree, is_printed, value_of, with_points, written
from steepest.proofreading.values.scope import Scope
from steepest.proofreading.verdicts.case import Assessment, Case, Line, vanishes
from steepest.proofreading.verdicts.claims import HOLDS, check_claim

_AGREE = "the numbers agree"
_CLOSE = 1e-9  # relative; numbers that come from one formula agree to round-off
_RECENT = 12  # statements; a letter that is updated is used again within one worked example


def check_numbers(case: Case, line: Line) -> Assessment | None:
    """Assess a line with numbers on the right; return None for a line with letters there."""
    if not is_plain_number(line.right):
        return None
    if not is_plain_number(line.left):
        return _check_formula(case, line)
    if line.left.kind == "tuple":  # (0.5, 0.5) = 0.75 is a value of the function defined last
        return _check_function_value(case, line, line.left)
    return _check_arithmetic(case, line)


# -- numbers on both sides -----------------------------------------------------------------------------------


def _check_arithmetic(case: Case, line: Line) -> Assessment:
    left, right = value_of(line.left), value_of(line.right)
    if left is None or right is None:
        return _check_cells(line)
    about = line.relation == "≈"
    if agree(left, right, line.right, about):
        if about:
            return Assessment(line, "approximation", "correct to the printed digits")
        exact = abs(float(left) - float(right)) < 1e-12
        return Assessment(line, "holds", _AGREE if exact else f"{_AGREE} to the printed digits")
    pointed = with_points(line.left), with_points(line.right)
    for first, second in ((line.left, pointed[1]), (pointed[0], line.right), pointed):
        if first is None or second is None:
            continue
        a, b = value_of(first), value_of(second)
        if a is not None and b is not None and agree(a, b, second, about):
            return Assessment(line, "holds", f"{_AGREE} with the raised dots read as decimal points")
    result = written(left, line.right)
    message = f"the numbers differ: {line.left_side.text} is {result}, not {line.right_side.text}"
    inserted = _wrong_insertion(case, line, left, right)
    return inserted or Assessment(line, "differs", message, "arithmetic", corrected=result)


def _check_cells(line: Line) -> Assessment:
    """Assess an equality of vectors of numbers."""
    left, right = line.left, line.right
    if left.kind == right.kind == "matrix" and left.value == right.value and len(left.args) == len(right.args):
        pairs = [(value_of(a), value_of(b), b) for a, b in zip(left.args, right.args, strict=True)]
        known = [(a, b, printed) for a, b, printed in pairs if a is not None and b is not None]
        if len(known) == len(pairs):
            if all(itertools.starmap(agree, known)):
                return Assessment(line, "holds", _AGREE)
            return Assessment(line, "differs", "the numbers of these vectors differ", "arithmetic")
    return Assessment(line, "not-understood", "these numbers cannot be computed")


def _wrong_insertion(case: Case, line: Line, left: Exact, right: Exact) -> Assessment | None:
    """Assess a wrong line whose result is right: a wrong number was inserted on the left."""
    expected, numbers = _expected(case, line)
    if expected is None or not agree(expected, right, line.right) or agree(expected, left, line.left):
        return None
    for part in walk(line.left):
        for number in numbers if part.kind == "number" else ():
            new = make("number", (), number)
            value = value_of(swap(line.left, part, new))
            if value is not None and agree(value, right, line.right) and str(part.value) != number:
                result = line.right_side.text
                wrong = f"a wrong number was inserted: {part.value} should be {number}"
                message = f"{wrong}, as in the line before; the result {result} is right"
                corrected = f"{case.writer.spliced(line.left_side, part, new)} = {result}"
                return Assessment(line, "differs", message, "variable", corrected_line=corrected)
    return None


def _expected(case: Case, line: Line) -> tuple[Exact | None, list[str]]:
    """Return the value that the statements before found for the same letters, with its numbers."""
    start = line.statement.sides[0].node
    index = line.statement_index
    for earlier in reversed(case.parsed.statements[max(0, index - 2) : index]):
        other, last = earlier.sides[0].node, earlier.sides[-1].node
        if other is None or start is None or last is None or not same(other, start) or not is_plain_number(last):
            continue
        value = value_of(last)
        if value is not None:
            return value, [str(n.value) for n in walk(last) if n.kind == "number"]
    return None, []


# -- letters on the left -------------------------------------------------------------------------------------


def _check_formula(case: Case, line: Line) -> Assessment:
    """Assess a line with letters on the left: an assignment, an identity, or a formula at known numbers."""
    left, right, index = line.left, line.right, line.statement_index
    point = line.statement.point
    if point is not None and left.kind == "call" and left.args[0].kind == "symbol":
        return _check_function_value(case, line, make("tuple", tuple(make("number", (), repr(p)) for p in point)))
    identity = _check_identity(case, line) or _check_sign_of_left(case, line)
    if identity is not None:
        return identity
    cells = _cells(left)
    values = _values_of(case, line, cells, _known_values(case, index))
    wanted = _cells(right)
    numbers = [number for number in map(value_of, wanted) if number is not None]
    if not len(numbers) == len(wanted) == len(cells):
        return Assessment(line, "not-understood", "these numbers cannot be computed")
    if values is not None:
        about = line.relation == "≈"
        if all(agree(v, n, w, about) for v, n, w in zip(values, numbers, wanted, strict=True)):
            return Assessment(line, "approximation" if about else "holds", _AGREE)
        plain = all(c.kind == "symbol" and not case.document.definitions_of(c, index) for c in cells)
        if not plain and _has_recent_values(case, line) and not _is_updated(case, line):
            return _wrong_value(case, line, values)
    for cell, number in zip(cells, numbers, strict=True):
        if cell.kind == "symbol" and not cell.args:
            case.document = case.document.with_assignment(index, cell.base, float(number))
    undefined = _undefined_function(case, cells, index)
    if undefined is not None:
        return Assessment(line, "not-understood", f"${case.writer.latex(undefined)}$ is never defined")
    if definable(left) is not None or all(c.kind in ("symbol", "cost_gradient") for c in cells):
        return Assessment(line, "defines", f"gives ${case.writer.latex(left)}$ a value")
    return Assessment(line, "defines", "inserts numbers; the document does not say which letter has which value")


def _cells(node: Node) -> list[Node]:
    return list(node.args) if node.kind in ("matrix", "tuple") else [node]


def _undefined_function(case: Case, nodes: Sequence[Node], statement_index: int) -> Node | None:
    """Return a letter whose derivative some formulas are, or contain, without a definition."""
    derived = [node.args[0] for node in nodes if node.kind == "derivative" and node.args[0].kind == "symbol"]
    return next((of for of in derived if not case.document.definitions_of(of, statement_index)), None)


def _check_sign_of_left(case: Case, line: Line) -> Assessment | None:
    """Assess ``Σ c_i (x_i + μ) = 0`` where μ is defined so that the other sign makes it an identity."""
    known = any(case.document.definitions_of(s, line.statement_index) for s in symbols(line.left))
    if line.relation_index or line.left.kind != "sum" or not known:
        return None
    found = case.diagnose(Assessment(line), line.right, line.left_side, line.left)
    if found is None or found.node is None or found.cause != "sign":
        return None
    corrected = f"{found.corrected} = {line.right_side.text}"
    return Assessment(line, "differs", found.message, "sign", corrected_line=corrected)


def _check_identity(case: Case, line: Line) -> Assessment | None:
    """Assess a line whose left side is constant for all values of its letters: ``∂z/∂b = 1``; None for any other."""
    parts = list(walk(line.left))
    if not any(is_derivative(p) or p.kind in ("limit", "sum") for p in parts):
        return None
    if _undefined_function(case, parts, line.statement_index) is not None:
        return None
    comparison = compared(case.document, line.left, line.right, line.statement_index)
    if comparison is None:
        return None
    if comparison.holds:
        return Assessment(line, "holds", HOLDS)
    spread = float(np.max(np.abs(comparison.left - np.median(comparison.left))))
    # Equal at some points only: a claim with a condition, unless that happens at a few points by chance.
    if 0.05 < comparison.share < 1 or (spread < _CLOSE and not vanishes(comparison)):
        return check_claim(case, line)
    return None


def _known_values(case: Case, statement_index: int) -> dict[str, float]:
    """Return the values that letters were given before a statement."""
    given = [values for index, values in case.document.assignments if index <= statement_index]
    return {letter: value for values in (*given, case.document.assumed) for letter, value in values.items()}


def _values_of(case: Case, line: Line, cells: Sequence[Node], known: dict[str, float]) -> list[float] | None:
    """Return the values of formulas at known numbers; None if a letter has no value."""
    scope = Scope(case.document, line.statement_index)
    evaluator = Evaluator(scope)
    for base, value in known.items():
        scope.overrides[base, ()] = np.full(POINTS, value)
    found = []
    for cell in cells:
        if cell.kind == "symbol" and not cell.args and case.document.definitions_of(cell, line.statement_index):
            scope.overrides.pop((cell.base, ()), None)
        try:
            with np.errstate(all="ignore"):
                values = np.real(evaluator.value(cell, {}))
        except NoValueError:
            return None
        if scope.leaf_keys or values.ndim != 1 or not np.isfinite(values).all():
            return None
        if np.ptp(values) > _CLOSE * (1 + abs(float(values[0]))):
            return None
        found.append(float(values[0]))
    return found


def _has_recent_values(case: Case, line: Line) -> bool:
    """Return whether letters were given values in the section of a line, or by the caller."""
    statements = case.parsed.statements
    places = [index for index, _ in case.document.assignments if index <= line.statement_index]
    sections = [statements[min(index, len(statements) - 1)].section for index in places]
    return bool(case.document.assumed) or line.statement.section in sections


def _is_updated(case: Case, line: Line) -> bool:
    """Return whether letters of a formula were updated since they were given values: x_new next to x."""
    bases = {s.base for s in symbols(line.left)}
    for statement in case.parsed.statements[max(0, line.statement_index - _RECENT) : line.statement_index + 1]:
        head = statement.sides[0].node
        if head is not None and head.kind == "symbol" and any(head.base.startswith(b + "_{") for b in bases):
            return True
    return any(p.kind in ("change", "cost_gradient") for p in walk(line.left))


def _wrong_value(case: Case, line: Line, values: Sequence[float]) -> Assessment:
    """Assess a line whose left side has other values than the numbers on the right."""
    if len(values) > 1:
        message = "the numbers differ: the results are " + ", ".join(f"{v:.6g}" for v in values)
        return Assessment(line, "differs", message, "arithmetic")
    result = written(values[0], line.right)
    corrected = "" if is_printed(line.right) else _with_other_sign(case, line, values[0])
    message = f"the numbers differ: ${line.left_side.text}$ is {result} here, not ${line.right_side.text}$"
    return Assessment(line, "differs", message, "arithmetic", corrected=corrected or result)


def _with_other_sign(case: Case, line: Line, value: float) -> str:
    """Return the right side with the sign changed that makes it equal to a value; an empty text if none does."""
    for part in walk(line.right):
        for k in range(len(part.args)) if part.kind == "add" else ():
            new = with_other_sign(part, k)
            other = value_of(swap(line.right, part, new))
            if other is not None and abs(float(other) - value) < _CLOSE * (1 + abs(value)):
                return case.writer.spliced(line.right_side, part, new)
    return ""


def _check_function_value(case: Case, line: Line, point: Node) -> Assessment:
    """Assess the value at a point of the function of that many variables that was defined last."""
    coordinates = [value_of(a) for a in point.args]
    wanted = value_of(line.right)
    above = [d for d in case.document.all_definitions() if d.statement_index < line.statement_index]
    named = [d for d in above if d.target.kind == "symbol" and d.target.base != "\\sigma"]
    functions = [d for d in named if len(d.formals) == len(coordinates)]
    if not functions or wanted is None or any(c is None for c in coordinates):
        return Assessment(line, "not-understood", "the document does not say which function has this value")
    last = max(functions, key=lambda d: d.statement_index)
    values = _values_of(case, line, [make("call", (last.target, *point.args), 0)], {})
    if values is None:
        return Assessment(line, "not-understood", "the function defined last has no value here")
    if agree(values[0], wanted, line.right):
        return Assessment(line, "holds", f"${case.writer.latex(last.target)}$ has this value here")
    return _wrong_value(case, line, values)
