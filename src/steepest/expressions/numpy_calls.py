"""Functions of NumPy called with expressions: ``np.sin(x)`` is ``st.sin(x)``.

NumPy hands such calls to the expression (NEP 13 for ufuncs, NEP 18 for functions such as ``np.mean``), which applies
the operation of the same meaning, or says which to write. NumPy itself is not imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from steepest.messages.vocabulary import hint, ours

_NAMES = {
    "negative": "negate", "absolute": "abs", "float_power": "power", "vecdot": "dot", "rint": "round",
    "fmax": "maximum", "fmin": "minimum",
}  # fmt: skip
_EQUALITY = ("equal", "not_equal")
_REFLECTED = {"less": "greater", "greater": "less", "less_equal": "greater_equal", "greater_equal": "less_equal"}

Operations = Mapping[str, Callable[..., Any]]


def of_ufunc(
    operations: Operations, ufunc: Any, method: str, inputs: tuple[Any, ...], settings: Mapping[str, Any]
) -> Any:
    """Return what a ufunc makes of operands with an expression among them.

    Args:
        operations: every operation by its names.
        ufunc, method, inputs, settings: as NumPy hands them over.

    Raises:
        TypeError: there is no such operation, or it is to act along axes or write into an array.
    """
    name = ufunc.__name__
    if method != "__call__":
        raise TypeError(f"np.{name}.{method} does not take expressions; st.sum, st.largest and st.mean reduce them")
    if name in _EQUALITY and not all(map(_is_expression, inputs)):
        return name == "not_equal"  # array == expression: two objects, as == of expressions compares objects
    if name in _REFLECTED and not _is_expression(inputs[0]):  # as Python does for 2 < x
        name, inputs = _REFLECTED[name], inputs[::-1]
    if name == "positive":
        return inputs[0]
    if name == "square":
        return inputs[0] ** 2
    if name == "reciprocal":
        return 1 / inputs[0]
    return of_function(operations, name, inputs, settings)


def of_function(operations: Operations, name: str, inputs: tuple[Any, ...], settings: Mapping[str, Any]) -> Any:
    """Return what a function of NumPy, as ``mean``, makes of arguments with an expression; see :func:`of_ufunc`."""
    own = _NAMES.get(name) or ours("function", name) or name
    if own not in operations:
        meant = hint("function", name, list(operations)) or "; 'steepest ops' lists the operations"
        raise TypeError(f"np.{name} does not take expressions{meant}")
    if settings:
        raise TypeError(f"np.{name} of an expression takes no {next(iter(settings))}=; write st.{own}(…)")
    return operations[own](*inputs)


def _is_expression(operand: object) -> bool:
    return hasattr(operand, "operation")
