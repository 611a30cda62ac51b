"""Evaluate expressions in their stable form with the reference engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from steepest.calculus.stability import stabilise
from steepest.engines.reference import compile_expressions
from steepest.expressions.expression import Expression, expect_expression
from steepest.tables.values import bind


@overload
def evaluate(expression: Expression, values: Mapping[str, ArrayLike], dtype: str = ...) -> Any: ...
@overload
def evaluate(
    expression: Mapping[Any, Expression], values: Mapping[str, ArrayLike], dtype: str = ...
) -> dict[Any, Any]: ...
def evaluate(
    expression: Expression | Mapping[Any, Expression], values: Mapping[str, ArrayLike], dtype: str = "float64"
) -> Any:
    """Return the value of an expression, in its stable form, by the reference engine.

    Args:
        expression: an expression, or a dict of expressions (a gradient) that are evaluated together.
        values: numbers or arrays by name; data columns ``(n,)`` or ``(n, d)``, parameters in their shapes. Data
            columns may also be values of one sample; if all are, the result has no sample axis either.
        dtype: ``"float64"`` or ``"float32"``.

    Returns:
        A number or array of ``dtype``: ``(n, …)`` for a per-sample expression, else its feature shape.
        A dict gives a dict.

    Raises:
        ValuesError: a name has no value, or a value has a wrong shape.

    >>> from steepest.expressions.expression import data, params
    >>> x, w = data("x"), params("w")
    >>> evaluate(x * w, {"x": [1, 2], "w": 3})
    array([3., 6.])

    Source: definition.
    """
    many = dict(expression) if isinstance(expression, Mapping) else {None: expression}
    for root in many.values():
        expect_expression(root, "evaluate")
    roots = list(many.values())
    bound = bind(roots, values, dtype)
    stable = stabilise(roots)
    found = compile_expressions([stable[root] for root in roots], dtype)(bound.arrays, bound.rows)
    results = {}
    for (key, root), value in zip(many.items(), found, strict=True):
        array = np.asarray(value)
        if root.per_sample:
            array = array[0] if bound.single else array
        results[key] = array[()]
    return results if isinstance(expression, Mapping) else results[None]
