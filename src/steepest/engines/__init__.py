"""Engines: each makes programs of primitives run; the reference engine is their meaning."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest.calculus.stability import stabilise
from steepest.engines.reference import compile_expressions
from steepest.engines.step import Batches, Ensemble, Params, Rate, Runner, Step
from steepest.engines.stepwise import Compiler as Compiler
from steepest.engines.stepwise import Runnable as Runnable
from steepest.engines.stepwise import Stepwise
from steepest.errors import DescentError
from steepest.expressions.expression import Expression, expect_expression
from steepest.tables.values import bind

Array = NDArray[Any]


@dataclass(frozen=True)
class Engine:
    """What runs programs.

    Attributes:
        name: what it is called.
        compile: from expressions and a precision to something that evaluates them.
        walk: from a step, columns, the number of rows, a rate, a precision and perhaps batches to a descent.
        look: from a cost, columns, the number of rows and a precision to what gives the cost at some parameters.
        sweep: from the same and a number of points to what gives the costs at about as many parameters, each an array
            with a row for each point.
        crowd: from what walk gets but batches, and a number of starts, to as many descents side by side; None where
            that is not offered.
    """

    name: str
    compile: Compiler
    walk: Callable[[Step, Mapping[str, Array], int, Rate, str, Batches | None], Runner]
    look: Callable[[Expression, Mapping[str, Array], int, str], Callable[[Mapping[str, Any]], float]]
    sweep: Callable[[Expression, Mapping[str, Array], int, str, int], Callable[[Params], Array]]
    ensemble: Callable[[Step, Mapping[str, Array], int, float, str, int], Ensemble] | None = None


def _native_compile(expressions: Sequence[Expression], dtype: str) -> Runnable:
    from steepest.engines.native.lanes.evaluation import Evaluation

    return Evaluation(expressions, dtype)


def _native_walk(
    step: Step, data: Mapping[str, Array], rows: int, rate: Rate, dtype: str, batches: Batches | None
) -> Runner:
    from steepest.engines.native.arrays.array_runner import ArrayRunner, prefers
    from steepest.engines.native.lanes.lane_runner import LaneRunner

    if batches is not None or prefers(step, rows):
        return ArrayRunner(step, data, rows, rate, dtype, batches)
    return LaneRunner(step, data, rows, rate, dtype)


def _native_look(
    cost: Expression, data: Mapping[str, Array], rows: int, dtype: str
) -> Callable[[Mapping[str, Any]], float]:
    from steepest.engines.native.arrays.array_runner import ArrayTable, CostFunction, only, supports

    if supports(only(cost)):
        return CostFunction(cost, ArrayTable(data, rows, dtype))
    return _look(_native_compile, cost, data, rows, dtype)


def _look(
    compiler: Compiler, cost: Expression, data: Mapping[str, Array], rows: int, dtype: str
) -> Callable[[Mapping[str, Any]], float]:
    compiled = compiler([cost], dtype)
    return lambda params: float(compiled({**data, **params}, rows)[0])


def _sweep(
    compiler: Compiler, cost: Expression, data: Mapping[str, Array], rows: int, dtype: str, points: int
) -> Callable[[Params], Array]:
    look = _look(compiler, cost, data, rows, dtype)

    def costs(params: Params) -> Array:
        many = len(next(iter(params.values())))
        return np.array([look({name: values[k] for name, values in params.items()}) for k in range(many)])

    return costs


def _native_sweep(
    cost: Expression, data: Mapping[str, Array], rows: int, dtype: str, points: int
) -> Callable[[Params], Array]:
    from steepest.engines.native.lanes.grid import GridEvaluator

    return GridEvaluator(cost, data, rows, dtype, points)


def _native_crowd(step: Step, data: Mapping[str, Array], rows: int, rate: float, dtype: str, starts: int) -> Ensemble:
    from steepest.engines.native.lanes.batched_runner import BatchedRunner

    return BatchedRunner(step, data, rows, rate, dtype, starts)


# LLVM is loaded with the first descent, not with this module.
ENGINES: dict[str, Engine] = {
    "reference": Engine(
        "reference",
        compile_expressions,
        partial(Stepwise, compile_expressions),
        partial(_look, compile_expressions),
        partial(_sweep, compile_expressions),
    ),
    "native": Engine("native", _native_compile, _native_walk, _native_look, _native_sweep, _native_crowd),
}
"""Every engine by its name."""

DTYPES = ("float64", "float32")


_LARGEST = 15_000
"""Nodes of a step up to which "auto" compiles it: then it takes seconds, and more than in proportion beyond."""


def _native_takes(step: Step) -> bool:
    from steepest.engines.native.arrays.array_runner import supports

    return supports(step)


def choose(engine: str, dtype: str, step: Step | None = None, batches: Batches | None = None) -> Engine:
    """An engine by its name; ``"auto"`` is the fastest one that this machine can run and that a step fits.

    Raises:
        DescentError: there is no such engine or precision, it is not installed, or it cannot run such batches.
    """
    installed = importlib.util.find_spec("llvmlite") is not None
    name = engine
    if engine == "auto":
        fits = step is None or step.length <= _LARGEST
        name = "native" if installed and fits else "reference"
    batched = installed and name == "native" and step is not None and batches is not None
    if batched and step is not None and not _native_takes(step):
        if engine == "native":
            raise DescentError(
                "the native engine takes batches for gradients that are derived, with a vector a sample at most; "
                "leave batch out, or take the engine 'reference'"
            )
        name = "reference"
    if name not in ENGINES:
        raise DescentError(f"there is no engine {engine!r}; the engines are auto, {', '.join(ENGINES)}")
    if name == "native" and not installed:
        raise DescentError("the native engine needs llvmlite; install it, or take the engine 'reference'")
    if dtype not in DTYPES:
        raise DescentError(f"there is no dtype {dtype!r}; the precisions are {' and '.join(DTYPES)}")
    return ENGINES[name]


@overload
def evaluate(expression: Expression, values: Mapping[str, ArrayLike], dtype: str = ...) -> Any: ...
@overload
def evaluate(
    expression: Mapping[Any, Expression], values: Mapping[str, ArrayLike], dtype: str = ...
) -> dict[Any, Any]: ...
def evaluate(
    expression: Expression | Mapping[Any, Expression], values: Mapping[str, ArrayLike], dtype: str = "float64"
) -> Any:
    """The value of an expression, computed by the reference engine in its stable form.

    Args:
        expression: an expression, or a dict of them (a gradient), computed together.
        values: name to number or array; data columns ``(n,)`` or ``(n, d)``, parameters in their shapes.
            A data column may also be given as one sample's value; with all of them so, so is the result.
        dtype: ``"float64"`` or ``"float32"``.

    Returns:
        A number or array of ``dtype``: ``(n, …)`` for a per-sample expression, else its feature shape.
        A dict gives a dict.

    Raises:
        ValuesError: a name has no value, or one of a wrong shape.

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
