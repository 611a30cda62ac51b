"""Write numbers, times and names in papers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from steepest.documents.document import Formula
from steepest.expressions.expression import PARAMETER, Expression, leaves

if TYPE_CHECKING:
    from steepest.objectives.specification import Specification

_PREFIXES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def parameters_of(expression: Expression) -> list[Expression]:
    """Return the parameters in an expression, in the order of their occurrence."""
    return [node for node in leaves([expression]) if node.operation is PARAMETER]


def number(value: float, digits: int = 6) -> Formula:
    """Write a number with so many digits, in the notation of mathematics.

    >>> number(0.000012345).latex, number(1234567).text
    ('1.2345 \\\\cdot 10^{-5}', '1.23457e+06')
    """
    if not math.isfinite(value):
        sign = "-" if value < 0 else ""
        return Formula(r"\text{NaN}" if math.isnan(value) else rf"{sign}\infty", f"{value}")
    text = f"{value:.{digits}g}"
    if "e" not in text:
        return Formula(text, text.replace("-", "−"))
    mantissa, exponent = text.split("e")
    return Formula(rf"{mantissa} \cdot 10^{{{int(exponent)}}}", text)


def duration(seconds: float) -> str:
    """Write a time with three digits in a fitting unit.

    >>> duration(2.16e-8), duration(0.25)
    ('21.6 ns', '250 ms')
    """
    unit, name = next((pair for pair in _PREFIXES if seconds >= pair[0]), _PREFIXES[-1])
    return f"{seconds / unit:.3g} {name}"


def count(many: int, one: str) -> str:
    """Write a number of things: ``1 sample``, ``4 samples``."""
    return f"{many:,} {one}{'s' * (many != 1)}"


def cost_letter(model: Specification) -> Formula:
    """Return C, or the letter that derivations take if C is the name of a column or parameter."""
    taken = {*model.cost.data, *model.cost.parameters}
    letter = next((name for name in ("C", "F", "J", "Q") if name not in taken), "Cost")
    return Formula(letter, letter)
