"""Diagnostics of a model: names that were probably meant otherwise, costs whose gradient is 0 everywhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from steepest.calculus.prepared import PreparedCost
from steepest.calculus.ranges import WITHOUT_SLOPE
from steepest.errors import ModelError
from steepest.expressions.expression import CONSTANT, Expression, toposort
from steepest.expressions.operations import power
from steepest.expressions.printing import quoted
from steepest.messages.hints import closest, same_but_for_signs
from steepest.messages.sentences import counted, listed

_FLAT = {row.name for row in WITHOUT_SLOPE} - {"one_hot", "stop_gradient"}  # which have no jump


def notes_on_names(
    root: Expression, columns: Sequence[str], given: Collection[str] = (), what: str = "prediction"
) -> list[str]:  # fmt: skip
    """Return sentences on parameters that were probably meant as one of these columns, or as the number e.

    Args:
        root: the prediction.
        columns: those that the formula does not use.
        given: parameters that the user named as such.
        what: the root in messages.
    """
    notes = []
    for name in root.parameters:
        meant = None if name in columns or name in given else _meant(name, columns)
        if meant is not None:
            written = "" if quoted(meant) == meant else ", written in backquotes"
            notes.append(f"{name!r} is not a column, so it is a parameter; did you mean {meant!r}{written}?")
    if columns and root.parameters and not root.data:
        notes.append(f"the {what} uses no column of the table, which has {listed(columns, 8)}")
    if any(node.operation is power and node.args[0].name == "e" for node in toposort([root]) if node.args):
        notes.append("'e' is a parameter here; the exponential function is written exp(x)")
    return notes


def _meant(name: str, columns: Sequence[str]) -> str | None:
    """Return the column that a name probably means; short names are alike by chance, unless only signs differ."""
    return closest(name, columns) if len(name) > 3 else same_but_for_signs(name, columns)


def rows_left_out(dropped: int, rows: int) -> str:
    """Return a sentence on the rows that ``na="drop"`` left out."""
    verbs = ("has", "was") if dropped == 1 else ("have", "were")
    return f"{dropped} of {counted(rows, 'row')} {verbs[0]} a missing value and {verbs[1]} left out"


def refuse_flat(prepared: PreparedCost, what: str = "model", done: str = "trained") -> None:
    """Raise a ModelError if every partial derivative of a cost is 0 by the rules of its operations.

    ``what`` cannot be ``done`` then, in the words of the message.
    """
    cost, partials = prepared.cost, prepared.partials()
    if partials and all(_is_zero(partial) for partial in partials.values()):
        flat = [node.operation.name for node in toposort([cost]) if node.operation.name in _FLAT]
        culprit = f"the derivative of {flat[-1]} is 0 except at its jump" if flat else "it is constant"
        raise ModelError(
            f"this {what} cannot be {done} by its gradient: {culprit}, so every partial derivative is 0 and no "
            "step changes a parameter; use sigmoid in its place, or set the parameters by hand"
        )


def _is_zero(partial: Expression) -> bool:
    return all(n.operation is CONSTANT and n.value == 0 for n in toposort([partial]) if not n.args)
