"""Lines with numbers put in: what comes out, whether a letter takes a value, where a wrong number came from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from steepest.proofreading.meaning.definitions import is_plain_number
from steepest.proofreading.meaning.document_model import definable
from steepest.proofreading.reading.tree import Node, make, same, swap, symbols, walk
from steepest.proofreading.values.arrays import POINTS
from steepest.proofreading.values.errors import ShapeClashError, UndecidedError
from steepest.proofreading.values.evaluator import Evaluator
from steepest.proofreading.values.exact_arithmetic import Exact, agree, is_printed, value_of, with_points, written
from steepest.proofreading.values.interpretation import Interpretation
from steepest.proofreading.values.scope import Scope

if TYPE_CHECKING:
    from steepest.proofreading.reading.statements import Side
    from steepest.proofreading.verdicts.deciding import Decider, Draft


def look(decider: Decider, statement_index: int, relation_index: int) -> Draft | None:
    """A draft for a line with numbers on the right; None for a line with letters there."""
    _, left, relation, right = decider.sides(statement_index, relation_index)
    assert left.node is not None  # the caller saw both sides
    assert right.node is not None
    if not is_plain_number(right.node):
        return None
    if is_plain_number(left.node):
        return _both(decider, statement_index, relation_index, left, relation, right)
    return _put_in(decider, statement_index, relation_index, left, relation, right)


def _draft(statement_index: int, relation_index: int, verdict: str, message: str) -> Draft:
    from steepest.proofreading.verdicts.deciding import Draft as Made

    return Made(statement_index, relation_index, verdict, message=message)


# -- numbers on both sides -----------------------------------------------------------------------------------


def _both(decider: Decider, statement_index: int, relation_index: int, left: Side, relation: str, right: Side) -> Draft:
    assert left.node is not None
    assert right.node is not None
    if left.node.kind == "tuple":
        return _at_point(decider, statement_index, relation_index, left, right)
    one, other = value_of(left.node), value_of(right.node)
    if one is None or other is None:
        return _cells(statement_index, relation_index, left.node, right.node)
    about = relation == "≈"
    if agree(one, other, right.node, about):
        exact = abs(float(one) - float(other)) < 1e-12
        if about:
            return _draft(statement_index, relation_index, "approximation", "right to the digits that are printed")
        return _draft(
            statement_index,
            relation_index,
            "holds",
            "the numbers agree" if exact else "the numbers agree to the digits that are printed",
        )
    for first, second in (
        (left.node, with_points(right.node)),
        (with_points(left.node), right.node),
        (with_points(left.node), with_points(right.node)),
    ):
        if first is None or second is None:
            continue
        a, b = value_of(first), value_of(second)
        if a is not None and b is not None and agree(a, b, second, about):
            return _draft(
                statement_index, relation_index, "holds", "the numbers agree, the raised dots read as decimal points"
            )
    return _slip(decider, statement_index, relation_index, left, right, one, other)


def _cells(statement_index: int, relation_index: int, left: Node, right: Node) -> Draft:
    """Vectors of numbers."""
    if left.kind == right.kind == "matrix" and left.value == right.value and len(left.args) == len(right.args):
        pairs = [(value_of(a), value_of(b), b) for a, b in zip(left.args, right.args, strict=True)]
        if all(a is not None and b is not None for a, b, _ in pairs):
            if all(agree(a, b, printed) for a, b, printed in pairs if a is not None and b is not None):
                return _draft(statement_index, relation_index, "holds", "the numbers agree")
            draft = _draft(statement_index, relation_index, "differs", "the numbers of these vectors differ")
            draft.cause = "arithmetic"
            return draft
    return _draft(statement_index, relation_index, "not-understood", "these numbers cannot be worked out")


def _slip(
    decider: Decider, statement_index: int, relation_index: int, left: Side, right: Side, one: Exact, other: Exact
) -> Draft:
    """A slip: in what comes out, or in a number that was put in."""
    assert left.node is not None
    assert right.node is not None
    draft = _draft(statement_index, relation_index, "differs", "")
    expected = _expected(decider, statement_index)
    if expected is not None and agree(expected[0], other, right.node) and not agree(expected[0], one, left.node):
        for part in walk(left.node):
            if part.kind != "number":
                continue
            for like in expected[1]:
                new = make("number", (), like)
                value = value_of(swap(left.node, part, new))
                if value is not None and agree(value, other, right.node) and str(part.value) != like:
                    draft.cause = "variable"
                    draft.message = (
                        f"a wrong number was put in: {part.value} should be {like}, as in the line "
                        f"before; the result {right.text} is right"
                    )
                    draft.whole = f"{decider.writer.spliced(left, part, new)} = {right.text}"
                    return draft
    draft.cause = "arithmetic"
    result = written(one, right.node)
    draft.message = f"the numbers differ: {left.text} is {result}, not {right.text}"
    draft.corrected = result
    return draft


def _expected(decider: Decider, statement_index: int) -> tuple[Exact, list[str]] | None:
    """What the statement before found for the same letters, and its numbers."""
    statement = decider.parsed.statements[statement_index]
    for earlier in reversed(decider.parsed.statements[max(0, statement_index - 2) : statement_index]):
        same_start = (
            earlier.sides[0].node is not None
            and statement.sides[0].node is not None
            and same(earlier.sides[0].node, statement.sides[0].node)
        )
        last = earlier.sides[-1].node
        if same_start and last is not None and is_plain_number(last):
            value = value_of(last)
            if value is not None:
                return value, [str(n.value) for n in walk(last) if n.kind == "number"]
    return None


# -- letters on the left -------------------------------------------------------------------------------------


def facts(decider: Decider, statement_index: int) -> dict[str, float]:
    """The values that letters were given before a statement."""
    found: dict[str, float] = {}
    for when, values in decider.document.assignments:
        if when <= statement_index:
            found.update(values)
    return {**found, **decider.document.assumed}


def _put_in(
    decider: Decider, statement_index: int, relation_index: int, left: Side, relation: str, right: Side
) -> Draft:
    """Letters on the left, numbers on the right: a value that a letter takes, or the numbers of a formula."""
    assert left.node is not None
    assert right.node is not None
    node = left.node
    found = definable(node)
    cells = list(node.args) if node.kind in ("matrix", "tuple") else [node]
    wanted = list(right.node.args) if right.node.kind in ("matrix", "tuple") else [right.node]
    point = decider.parsed.statements[statement_index].point
    if point is not None and node.kind == "call" and node.args[0].kind == "symbol":
        at_point = make("tuple", tuple(make("number", (), repr(p)) for p in point))
        return _of_function(decider, statement_index, relation_index, left, right, at_point)
    known = facts(decider, statement_index)
    constant = _identity(decider, statement_index, node, right.node)
    if constant is not None:
        return (
            _draft(statement_index, relation_index, "holds", "holds at all points that were tried")
            if constant
            else _claim(decider, statement_index, relation_index, relation)
        )
    slipped = _sign_of_left(decider, statement_index, relation_index, left, right)
    if slipped is not None:
        return slipped
    values = _evaluated(decider, statement_index, cells, known)
    numbers = [value_of(w) for w in wanted]
    if any(n is None for n in numbers) or len(numbers) != len(cells):
        return _draft(statement_index, relation_index, "not-understood", "these numbers cannot be worked out")
    if values is not None:
        if all(
            agree(v, n, w, relation == "≈") for v, n, w in zip(values, numbers, wanted, strict=True) if n is not None
        ):
            return _draft(
                statement_index, relation_index, "approximation" if relation == "≈" else "holds", "the numbers agree"
            )
        plain = all(c.kind == "symbol" and not decider.document.definitions_of(c, statement_index) for c in cells)
        if not plain and _fresh(decider, statement_index) and not _is_moved(decider, node, statement_index):
            return _wrong_number(decider, statement_index, relation_index, left, right, values)
    for cell, value in zip(cells, numbers, strict=True):
        if cell.kind == "symbol" and not cell.args and value is not None:
            decider.document = decider.document.with_assignment(statement_index, cell.base, float(value))
    for cell in cells:
        if (
            cell.kind == "derivative"
            and cell.args[0].kind == "symbol"
            and not decider.document.definitions_of(cell.args[0], statement_index)
        ):
            return _draft(
                statement_index,
                relation_index,
                "not-understood",
                f"${decider.writer.latex(cell.args[0])}$ is never defined",
            )
    if found is not None or all(c.kind in ("symbol", "cost_gradient") for c in cells):
        return _draft(statement_index, relation_index, "defines", f"gives ${decider.writer.latex(node)}$ a value")
    return _draft(
        statement_index, relation_index, "defines", "puts numbers in; which letter has which value is not said"
    )


def _sign_of_left(decider: Decider, statement_index: int, relation_index: int, left: Side, right: Side) -> Draft | None:
    """``Σ c_i (x_i + μ) = 0`` where μ is defined so that the other sign makes it an identity."""
    assert left.node is not None
    assert right.node is not None
    known = [s for s in symbols(left.node) if decider.document.definitions_of(s, statement_index)]
    if relation_index or left.node.kind != "sum" or not known:
        return None
    found = decider.doctor.diagnose(statement_index, right.node, left, left.node, Interpretation.AS_WRITTEN)
    if found is None or found.node is None or found.cause != "sign":
        return None
    draft = _draft(statement_index, relation_index, "differs", found.message)
    draft.cause, draft.whole = "sign", f"{found.corrected} = {right.text}"
    return draft


def _claim(decider: Decider, statement_index: int, relation_index: int, relation: str) -> Draft:
    _, left, _, right = decider.sides(statement_index, relation_index)
    assert left.node is not None
    assert right.node is not None
    return decider.claim(statement_index, relation_index, left.node, relation, right.node)


def _identity(decider: Decider, statement_index: int, node: Node, right: Node) -> bool | None:
    """Whether a formula is a constant whatever its letters are, and this one: ``∂z/∂b = 1``; None if it is none."""
    if not any(
        p.kind in ("derivative", "gradient", "limit", "sum", "cost_gradient") or (p.kind == "call" and p.value)
        for p in walk(node)
    ):
        return None
    from steepest.proofreading.values.comparison import compare

    if any(
        p.kind == "derivative"
        and p.args[0].kind == "symbol"
        and not decider.document.definitions_of(p.args[0], statement_index)
        for p in walk(node)
    ):
        return None
    try:
        comparison = compare(decider.document, node, right, statement_index)
    except (UndecidedError, ShapeClashError):
        return None
    if comparison.holds:
        return True
    spread = float(np.max(np.abs(comparison.left - np.median(comparison.left))))
    varied = 0.05 < comparison.share < 1
    if varied or (spread < 1e-9 and np.any(np.abs(comparison.left) > 1e-12)):
        return False
    return None


def _evaluated(
    decider: Decider, statement_index: int, cells: list[Node], known: dict[str, float]
) -> list[float] | None:
    """The values of some formulas at the numbers that are known; None if a letter has none."""
    evaluator = Evaluator(Scope(decider.document, statement_index))
    for base, value in known.items():
        evaluator.scope.overrides[base, ()] = np.full(POINTS, value)
    found = []
    for cell in cells:
        if cell.kind == "symbol" and not cell.args and decider.document.definitions_of(cell, statement_index):
            evaluator.scope.overrides.pop((cell.base, ()), None)
        try:
            with np.errstate(all="ignore"):
                came = np.real(evaluator.value(cell, {}))
        except (UndecidedError, ShapeClashError):
            return None
        if (
            evaluator.scope.leaf_keys
            or came.ndim != 1
            or not np.isfinite(came).all()
            or np.ptp(came) > 1e-9 * (1 + abs(float(came[0])))
        ):
            return None
        found.append(float(came[0]))
    return found


def _fresh(decider: Decider, statement_index: int) -> bool:
    """Whether the values of the letters were given in the section at hand."""
    section = decider.parsed.statements[statement_index].section
    return any(
        when <= statement_index
        and decider.parsed.statements[min(when, len(decider.parsed.statements) - 1)].section == section
        for when, _ in decider.document.assignments
    ) or bool(decider.document.assumed)


def _is_moved(decider: Decider, node: Node, statement_index: int) -> bool:
    """Whether the letters of a formula were moved since they had their values: x_new beside x."""
    bases = {s.base for s in symbols(node)}
    for statement in decider.parsed.statements[max(0, statement_index - 12) : statement_index + 1]:
        head = statement.sides[0].node
        if head is not None and head.kind == "symbol" and any(head.base.startswith(b + "_{") for b in bases):
            return True
    return any(p.kind in ("change", "cost_gradient") for p in walk(node))


def _wrong_number(
    decider: Decider, statement_index: int, relation_index: int, left: Side, right: Side, values: list[float]
) -> Draft:
    assert right.node is not None
    draft = _draft(statement_index, relation_index, "differs", "")
    draft.cause = "arithmetic"
    if len(values) == 1:
        result = written(values[0], right.node)
        draft.corrected = result
        if not is_printed(right.node):
            repaired = _number_repaired(decider, right, values[0])
            draft.corrected = repaired or result
        draft.message = f"the numbers differ: ${left.text}$ is {result} here, not ${right.text}$"
    else:
        draft.message = "the numbers differ: " + ", ".join(f"{v:.6g}" for v in values) + " come out"
    return draft


def _number_repaired(decider: Decider, right: Side, value: float) -> str | None:
    """An expression of numbers with one sign turned, if that gives the value."""
    assert right.node is not None
    for part in walk(right.node):
        if part.kind != "add":
            continue
        for k in range(len(part.args)):
            signs = tuple(-s if j == k else s for j, s in enumerate(part.value))
            new = replace(part, value=signs, start=-1, end=-1)
            other = value_of(swap(right.node, part, new))
            if other is not None and abs(float(other) - value) < 1e-9 * (1 + abs(value)):
                return decider.writer.spliced(right, part, make("add", part.args, signs))
    return None


def _at_point(decider: Decider, statement_index: int, relation_index: int, left: Side, right: Side) -> Draft:
    """``(0.5, 0.5) = 0.75``: the function in play at a point."""
    assert left.node is not None
    return _of_function(decider, statement_index, relation_index, left, right, left.node)


def _of_function(
    decider: Decider, statement_index: int, relation_index: int, left: Side, right: Side, where: Node
) -> Draft:
    """The last function of as many variables, at a point."""
    assert right.node is not None
    point = [value_of(a) for a in where.args]
    wanted = value_of(right.node)
    functions = [
        d
        for (kind, base), found in decider.document.definitions.items()
        if kind == "symbol" and base != "\\sigma"
        for d in found
        if len(d.formals) == len(point) and d.statement_index < statement_index
    ]
    if not functions or wanted is None or any(p is None for p in point):
        return _draft(
            statement_index, relation_index, "not-understood", "nothing says of which function this is the value"
        )
    last = max(functions, key=lambda d: d.statement_index)
    call = make("call", (last.target, *where.args), 0)
    values = _evaluated(decider, statement_index, [call], {})
    if values is None:
        return _draft(statement_index, relation_index, "not-understood", "the function in play has no value here")
    if agree(values[0], wanted, right.node):
        return _draft(
            statement_index, relation_index, "holds", f"${decider.writer.latex(last.target)}$ has this value here"
        )
    return _wrong_number(decider, statement_index, relation_index, left, right, values)
