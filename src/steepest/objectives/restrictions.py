"""Restrictions of parameters: numbers that they keep, and ties to expressions of other parameters.

Both replace a parameter in the formula before the cost is derived, so that every method sees a smaller model.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from steepest.errors import FormulaError, ModelError
from steepest.expressions.expression import PARAMETER, Expression, constant, leaves, substitute
from steepest.language.formula import names_in, parse
from steepest.messages.hints import nearest
from steepest.messages.numbers import is_number


def read_numbers(prediction: Expression, numbers: Mapping[str, Any], what: str) -> dict[Expression, Expression]:
    """Return the constants in place of parameters that keep a number.

    Args:
        prediction: the formula.
        numbers: a finite number for each parameter that is replaced.
        what: the name of the argument, for messages.

    Raises:
        ModelError: a name is no parameter, or an array, or a value is no number, or no parameter is left.

    >>> from steepest.language.formula import parse
    >>> [(str(node), str(value)) for node, value in read_numbers(parse("a + b"), {"a": 2}, "fixed").items()]
    [('a', '2')]
    """
    leaf_of = _parameters(prediction)
    for name, value in numbers.items():
        if name not in leaf_of:
            raise ModelError(f"{what} has {name!r}, which is no parameter of the formula{nearest(name, leaf_of)}")
        if leaf_of[name].shape:
            raise ModelError(f"{what} takes numbers, but {name!r} is an array of the shape {leaf_of[name].shape}")
        if not is_number(value) or not isfinite(value):
            raise ModelError(f"the value of {name!r} in {what} is a finite number, not {value!r}")
    if len(numbers) == len(leaf_of):
        raise ModelError(f"{what} has every parameter of the formula, so that nothing is left to fit")
    return {leaf_of[name]: constant(float(value)) for name, value in numbers.items()}


def read_ties(prediction: Expression, ties: Mapping[str, Any], what: str) -> dict[str, Expression]:
    """Return the expressions of tied parameters, in parameters that are not tied.

    With θ₂ = g(θ₁) the cost C(θ₁, θ₂) becomes C(θ₁, g(θ₁)), a function of the free parameters θ₁ alone.

    Args:
        prediction: the formula.
        ties: the text of an expression for each tied parameter, which may use other tied ones.
        what: the name of the argument, for messages.

    Raises:
        ModelError: a name is no parameter; a text is no expression of parameters, has another shape, or ties a
            parameter to itself through others; or no parameter is left.

    >>> from steepest.language.formula import parse
    >>> found = read_ties(parse("a*x + b + c", data=["x"]), {"c": "2*b", "b": "a + 1"}, "tied")
    >>> {name: str(value) for name, value in found.items()}
    {'c': '2*(a + 1)', 'b': 'a + 1'}

    Source: Seber and Wild 1989, section 2.1; lmfit's ``expr``.
    """
    leaf_of = _parameters(prediction)
    for name in ties:
        if name not in leaf_of:
            column = name in prediction.data
            no = "is a column" if column else "is no parameter of the formula"
            raise ModelError(f"{what} has {name!r}, which {no}{'' if column else nearest(name, leaf_of)}")
    if len(ties) == len(leaf_of):
        raise ModelError(f"{what} has every parameter of the formula, so that nothing is left to fit")
    read = {name: _read(name, text, prediction, leaf_of, what) for name, text in ties.items()}
    found: dict[str, Expression] = {}

    def resolve(name: str, above: tuple[str, ...]) -> Expression:
        if name in above:
            circle = ", ".join(f"{each} = {ties[each]}" for each in above[above.index(name) :])
            raise ModelError(f"the ties {circle} in {what} form a circle; leave one of them out")
        if name not in found:
            below = {leaf_of[each]: resolve(each, (*above, name)) for each in read[name].parameters if each in ties}
            found[name] = substitute(read[name], below)
        return found[name]

    return {name: resolve(name, ()) for name in ties}


def _parameters(prediction: Expression) -> dict[str, Expression]:
    return {node.name: node for node in leaves([prediction]) if node.operation is PARAMETER}


def _read(name: str, text: Any, prediction: Expression, leaf_of: Mapping[str, Expression], what: str) -> Expression:
    """Return one expression as it is written."""
    if not isinstance(text, str):
        raise ModelError(f"the tie of {name!r} in {what} is a text such as '2*b', not {text!r}")
    tie = f"the tie {name} = {text} in {what}"
    try:
        used = names_in(text)
        for each in used:
            if each in prediction.data:
                raise ModelError(f"{tie} has {each!r}, which is a column; a tie is an expression of parameters")
            if each not in leaf_of:
                raise ModelError(f"{tie} has {each!r}, which is no parameter of the formula{nearest(each, leaf_of)}")
        found = parse(text, params={each: leaf_of[each].shape for each in used})
    except FormulaError as error:
        raise ModelError(f"{tie} cannot be read: {str(error).splitlines()[0]}") from None
    if not found.parameters:
        raise ModelError(f"{tie} has no parameter; fix {name!r} at that number instead")
    if found.shape != leaf_of[name].shape:
        raise ModelError(f"{tie} has the shape {found.shape}, but {name!r} has the shape {leaf_of[name].shape}")
    return found
