"""Engines by name, and the choice of one for a step; LLVM is imported with the first compiled descent."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.engines.reference import compile_expressions
from steepest.engines.step import Batches, Ensemble, Params, Rate, Runner, Step
from steepest.engines.stepwise import Compiler, Runnable, Stepwise
from steepest.errors import DescentError
from steepest.expressions.expression import Expression

Array = NDArray[Any]


@dataclass(frozen=True)
class Engine:
    """An engine, as functions that compile for a purpose.

    Attributes:
        compile: from expressions and a precision to a program that evaluates them.
        runner: from a step, columns, the number of rows, a rate, a precision and batches or None to a descent.
        cost_function: from a cost, columns, the number of rows and a precision to the cost as a function of parameters.
        grid: from the same and the approximate number of points to the cost as a function of arrays of parameters,
            whose first axis is the point.
        ensemble: from the arguments of ``runner`` without batches, and a number of starts, to that many descents in
            one kernel; None if the engine cannot do that.
    """

    name: str
    compile: Compiler
    runner: Callable[[Step, Mapping[str, Array], int, Rate, str, Batches | None], Runner]
    cost_function: Callable[[Expression, Mapping[str, Array], int, str], Callable[[Mapping[str, Any]], float]]
    grid: Callable[[Expression, Mapping[str, Array], int, str, int], Callable[[Params], Array]]
    ensemble: Callable[[Step, Mapping[str, Array], int, float, str, int], Ensemble] | None = None


def _native_compile(expressions: Sequence[Expression], dtype: str) -> Runnable:
    from steepest.engines.native.lanes.evaluation import Evaluation

    return Evaluation(expressions, dtype)


def _native_runner(
    step: Step, data: Mapping[str, Array], rows: int, rate: Rate, dtype: str, batches: Batches | None
) -> Runner:
    from steepest.engines.native.arrays.array_runner import ArrayRunner, prefers
    from steepest.engines.native.lanes.lane_runner import LaneRunner

    if batches is not None or prefers(step, rows):
        return ArrayRunner(step, data, rows, rate, dtype, batches)
    return LaneRunner(step, data, rows, rate, dtype)


def _native_cost_function(
    cost: Expression, data: Mapping[str, Array], rows: int, dtype: str
) -> Callable[[Mapping[str, Any]], float]:
    from steepest.engines.native.arrays.array_runner import ArrayTable, CostFunction, only, supports

    if supports(only(cost)):
        return CostFunction(cost, ArrayTable(data, rows, dtype))
    return _cost_function(_native_compile, cost, data, rows, dtype)


def _cost_function(
    compiler: Compiler, cost: Expression, data: Mapping[str, Array], rows: int, dtype: str
) -> Callable[[Mapping[str, Any]], float]:
    compiled = _compiled_cost(compiler, cost, dtype)
    return lambda params: float(compiled({**data, **params}, rows)[0])


@lru_cache(maxsize=64)
def _compiled_cost(compiler: Compiler, cost: Expression, dtype: str) -> Runnable:
    """Return a compiled cost; the descents of one cost share it."""
    return compiler([cost], dtype)


def _grid(
    compiler: Compiler, cost: Expression, data: Mapping[str, Array], rows: int, dtype: str, points: int
) -> Callable[[Params], Array]:
    cost_at = _cost_function(compiler, cost, data, rows, dtype)

    def costs(params: Params) -> Array:
        many = len(next(iter(params.values())))
        return np.array([cost_at({name: values[k] for name, values in params.items()}) for k in range(many)])

    return costs


def _native_grid(
    cost: Expression, data: Mapping[str, Array], rows: int, dtype: str, points: int
) -> Callable[[Params], Array]:
    from steepest.engines.native.lanes.grid import GridEvaluator

    return GridEvaluator(cost, data, rows, dtype, points)


def _native_ensemble(
    step: Step, data: Mapping[str, Array], rows: int, rate: float, dtype: str, starts: int
) -> Ensemble:
    from steepest.engines.native.lanes.batched_runner import BatchedRunner

    return BatchedRunner(step, data, rows, rate, dtype, starts)


ENGINES: dict[str, Engine] = {
    "reference": Engine(
        "reference",
        compile_expressions,
        partial(Stepwise, compile_expressions),
        partial(_cost_function, compile_expressions),
        partial(_grid, compile_expressions),
    ),
    "native": Engine("native", _native_compile, _native_runner, _native_cost_function, _native_grid, _native_ensemble),
}
"""Every engine by name."""

DTYPES = ("float64", "float32")

_MOST_COMPILED = 15_000
"""Nodes of a step up to which "auto" compiles it: LLVM takes seconds for them, and more than linearly longer beyond."""


@cache
def _llvm_is_installed() -> bool:
    return importlib.util.find_spec("llvmlite") is not None


def choose(engine: str, dtype: str, step: Step | None = None, batches: Batches | None = None) -> Engine:
    """Return an engine by name; ``"auto"`` is the fastest one that supports the step on this machine.

    Raises:
        DescentError: the engine or precision is unknown, not installed, or does not support such batches.
    """
    installed, name = _llvm_is_installed(), engine
    if engine == "auto":
        fits = step is None or step.length <= _MOST_COMPILED
        name = "native" if installed and fits else "reference"
    if installed and name == "native" and step is not None and batches is not None:
        from steepest.engines.native.arrays.array_runner import supports

        if not supports(step):
            if engine == "native":
                raise DescentError(
                    "the native engine supports batches only for derived gradients and at most a vector per sample; "
                    "leave batch out, or choose the engine 'reference'"
                )
            name = "reference"
    if name not in ENGINES:
        raise DescentError(f"there is no engine {engine!r}; the engines are auto, {', '.join(ENGINES)}")
    if name == "native" and not installed:
        raise DescentError("the native engine needs llvmlite; install it, or choose the engine 'reference'")
    if dtype not in DTYPES:
        raise DescentError(f"there is no dtype {dtype!r}; the precisions are {' and '.join(DTYPES)}")
    return ENGINES[name]
