"""Describe operations as text: how each is written, its derivatives, its domain."""

from __future__ import annotations

from typing import Any

from steepest.errors import FormulaError, ShapeError
from steepest.expressions.expression import DATA, Expression, Operation, constant, leaf
from steepest.expressions.maths_text import maths
from steepest.expressions.operations import TABLE
from steepest.messages.vocabulary import hint, ours


def find(name: str) -> Operation:
    """Return the operation of this name, sign or alias.

    Raises:
        FormulaError: no operation has this name.
    """
    for operation in TABLE:
        sign = operation.text.pattern.replace("{0}", "").replace("{1}", "").strip()
        if name in (operation.name, sign, *operation.aliases) or ours("function", name) == operation.name:
            return operation
    raise FormulaError(f"there is no operation {name!r}{hint('function', name, [each.name for each in TABLE])}")


def describe(operation: Operation) -> dict[str, Any]:
    """Describe an operation: name, aliases, written form, meaning, derivatives, domain, edges, kinks, source."""
    letters = "cxy" if operation.arity == 3 else "xy"[: operation.arity]
    args = [leaf(DATA, letter) for letter in letters]
    kinks, derivatives = [], []
    written = operation.text.pattern.replace("{{", "{").replace("}}", "}")
    for k, letter in enumerate(letters):
        written = written.replace(f"{{{k}}}", letter)
    if operation.adjoints:
        derivatives = _adjoints(operation, letters)
    if operation.partials:
        result = leaf(DATA, "r")
        for letter, partial in zip(letters, operation.partials, strict=False):
            found = partial(*args, result)
            found = found if isinstance(found, Expression) else constant(found)
            derivatives.append(f"∂{letter}: {_plain(found, {})}")
        kinks = [f"{_plain(kink(*args), {})} = 0" for kink in operation.kinks]
    domain = [
        f"{letter} in ({low:g}, {high:g})"
        for letter, (low, high) in zip(letters, operation.domain, strict=False)
        if (low, high) != (float("-inf"), float("inf"))
    ]
    return {
        "name": operation.name, "aliases": list(operation.aliases), "written": written.replace("{attributes}", "…"),
        "meaning": operation.meaning, "derivatives": derivatives, "domain": domain,
        "edges": operation.edges, "kinks": kinks, "primitive": operation.is_primitive, "source": operation.source,
    }  # fmt: skip


# Example shapes for operations on vectors and matrices; the first that an operation accepts are used.
_SHAPES: tuple[tuple[tuple[int, ...], ...], ...] = (((3,),), ((2, 3),), ((),), ((3,), (3, 2)), ((3,), (3,)))


def _adjoints(operation: Operation, letters: str) -> list[str]:
    """Describe the pullback to each argument: ``x̄ = r̄ @ transpose(y)``, where r̄ is the adjoint of the result."""
    for shapes in (each for each in _SHAPES if len(each) == operation.arity):
        args = [leaf(DATA, letter, shape) for letter, shape in zip(letters, shapes, strict=True)]
        try:
            result = operation(*args, attributes=(3,) * bool(operation.attributes))
        except ShapeError:
            continue
        adjoint = leaf(DATA, "r̄", result.shape)
        names = {result: "r"}
        found = []
        for letter, rule in zip(letters, operation.adjoints, strict=False):
            part = rule(adjoint, *args, result)
            text = _plain(part, names) if isinstance(part, Expression) else str(part)
            found.append(f"{letter}̄ = {text}")
        return found
    return []


def _plain(part: Expression, names: dict[Expression, str]) -> str:
    """Return mathematical text without the index of the sample."""
    return maths(part, names).replace("_i", "").replace("`", "")
