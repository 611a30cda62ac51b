"""The table of operations as a reader wants it: how each is written, its derivatives, its domain."""

from __future__ import annotations

from typing import Any

from steepest.errors import FormulaError, ShapeError
from steepest.expressions.expression import DATA, Expression, Operation, constant, leaf
from steepest.expressions.maths_text import maths
from steepest.expressions.operations import TABLE
from steepest.messages.vocabulary import hint, ours


def find(name: str) -> Operation:
    """The operation of this name or alias.

    Raises:
        FormulaError: no operation has this name.
    """
    for row in TABLE:
        sign = row.text.pattern.replace("{0}", "").replace("{1}", "").strip()
        if name in (row.name, sign, *row.aliases) or ours("function", name) == row.name:
            return row
    raise FormulaError(f"there is no operation {name!r}{hint('function', name, [row.name for row in TABLE])}")


def describe(row: Operation) -> dict[str, Any]:
    """One row as texts: name, written, meaning, derivatives, domain, edges, kinks, source."""
    letters = ("c", "x", "y") if row.arity == 3 else ("x", "y")
    args = [leaf(DATA, letter) for letter in letters[: row.arity]]
    kinks, derivatives = [], []
    written = row.text.pattern.replace("{{", "{").replace("}}", "}")
    for k, letter in enumerate(letters[: row.arity]):
        written = written.replace(f"{{{k}}}", letter)
    if row.adjoints:
        derivatives = _adjoints(row, letters)
    if row.partials:
        result = leaf(DATA, "r")
        for letter, partial in zip(letters, row.partials, strict=False):
            found = partial(*args, result)
            found = found if isinstance(found, Expression) else constant(found)
            derivatives.append(f"∂{letter}: {_plain(found, {})}")
        kinks = [f"{_plain(kink(*args), {})} = 0" for kink in row.kinks]
    domain = [
        f"{letter} in ({low:g}, {high:g})"
        for letter, (low, high) in zip(letters, row.domain, strict=False)
        if (low, high) != (float("-inf"), float("inf"))
    ]
    return {
        "name": row.name, "aliases": list(row.aliases), "written": written.replace("{attributes}", "…"),
        "meaning": row.meaning, "derivatives": derivatives, "domain": domain,
        "edges": row.edges, "kinks": kinks, "primitive": row.is_primitive, "source": row.source,
    }  # fmt: skip


# Shapes that some operation on vectors and matrices takes; the first that fit are shown.
_SHAPES: tuple[tuple[tuple[int, ...], ...], ...] = (((3,),), ((2, 3),), ((),), ((3,), (3, 2)), ((3,), (3,)))


def _adjoints(row: Operation, letters: tuple[str, ...]) -> list[str]:
    """What an operation that mixes elements hands down: ``x̄ = r̄ @ transpose(y)``, r̄ the result's adjoint."""
    for shapes in _SHAPES:
        if len(shapes) != row.arity:
            continue
        args = [leaf(DATA, letter, shape) for letter, shape in zip(letters, shapes, strict=False)]
        try:
            result = row(*args, attributes=(3,) * bool(row.attributes))
        except ShapeError:
            continue
        adjoint = leaf(DATA, "r̄", result.shape)
        names = {result: "r"}
        found = []
        for letter, rule in zip(letters, row.adjoints, strict=False):
            part = rule(adjoint, *args, result)
            text = _plain(part, names) if isinstance(part, Expression) else str(part)
            found.append(f"{letter}̄ = {text}")
        return found
    return []


def _plain(part: Expression, names: dict[Expression, str]) -> str:
    """Mathematical text without the index of the sample."""
    return maths(part, names).replace("_i", "").replace("`", "")
