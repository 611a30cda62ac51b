"""Write numbers, times and names in papers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from steepest.derivations import elementary
from steepest.derivations.lines import inlines
from steepest.documents.document import Formula, Inlines
from steepest.expressions.expression import PARAMETER, Expression, leaves
from steepest.expressions.names import latex_name
from steepest.expressions.notation import COST_LETTERS, Notation, current_notation, notation_of

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
    letter = model_notation(model).free(COST_LETTERS)
    return Formula(latex_name(letter), letter)


def model_notation(model: Specification) -> Notation:
    """Return the notation of a paper about a model: no sign is one of its names, or a letter of derivations."""
    return notation_of([model.cost], avoid="ahsjkplmtz")


def small_step(model: Specification) -> Formula:
    """Return ε, or h where ε is a name in the model."""
    named = {"epsilon", "ε"} & {*model.cost.data, *model.cost.parameters}
    return Formula("h", "h") if named else Formula(r"\varepsilon", "ε")


def remarks_of(model: Specification) -> Inlines:
    """Return sentences on the signs that are not the usual ones in a paper about a model."""
    notation, letter = model_notation(model), cost_letter(model).text
    activations = [line.right for passage in elementary.passages(model.prediction) for line in passage.lines]
    found = notation.remarks([model.cost, *activations])
    return inlines([*found, *([notation.cost_remark(letter, "C")] if letter != "C" else [])])


def name_of(name: str, index: str = "") -> Formula:
    """Return a name of the model, with an index if there is one."""
    return Formula(current_notation().latex_name(name, index), name + (f"_{index}" if index else ""))


def element_of(name: str, place: tuple[int, ...]) -> Formula:
    """Return the element of an array at a place, which is counted from 1 in papers."""
    where = ",".join(str(k + 1) for k in place)
    return Formula(f"({name_of(name).latex})_{{{where}}}", f"{name}[{where}]")
