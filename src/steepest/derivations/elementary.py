"""Derive the derivatives of sigmoid and tanh from their exponentials by the quotient rule and some algebra."""

from __future__ import annotations

from collections.abc import Callable

from steepest.derivations.lines import Line, Passage, chained
from steepest.derivations.notation import partial, symbol
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression, Operation, toposort


def _sigmoid(u: Expression) -> tuple[Line, list[Line]]:
    decay = op.exp(-u)
    explicit = 1 / (1 + decay)
    value = op.sigmoid(u)
    return Line(value, explicit), chained(
        partial(value, u),
        (partial(explicit, u), "definition"),
        (decay / (1 + decay) ** 2, "quotient rule, derivative of exp, chain rule"),
        (explicit * (1 - explicit), "add and subtract 1 in the numerator"),
        (value * (1 - value), "definition"),
    )


def _tanh(u: Expression) -> tuple[Line, list[Line]]:
    up, down = op.exp(u), op.exp(-u)
    explicit = (up - down) / (up + down)
    value = op.tanh(u)
    return Line(value, explicit), chained(
        partial(value, u),
        (partial(explicit, u), "definition"),
        (((up + down) ** 2 - (up - down) ** 2) / (up + down) ** 2, "quotient rule, derivative of exp"),
        (1 - explicit**2, "divide"),
        (1 - value**2, "definition"),
    )


_KNOWN: dict[Operation, Callable[[Expression], tuple[Line, list[Line]]]] = {op.sigmoid: _sigmoid, op.tanh: _tanh}
_OVERFLOWS = " As written it overflows for large arguments; it is evaluated in a form that does not."


def passages(prediction: Expression, letter: str = "u") -> tuple[Passage, ...]:
    """Return the derivative of every activation in a prediction that is made of exponentials, as a function of u."""
    found = []
    u = symbol(letter)
    used = {node.operation for node in toposort([prediction])}
    for row, lines in _KNOWN.items():
        if row in used:
            definition, steps = lines(u)
            text = f"The activation {row.name}, whose derivative is a function of its value."
            note = _OVERFLOWS if row is op.tanh else ""
            found.append(Passage((text + note,), (definition, *steps)))
    return tuple(found)
