"""The peers of native.py: C, NumPy and the native engine, each in the form that is the fastest here.

A way to descend is a function from the number of epochs to the seconds in its loop and the final cost. A peer may
have several; they are tried on the spot, and the fastest is the peer.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import steepest as st
from native_cases import Case
from steepest.bench.compiled import FAST, library
from steepest.bench.peer import Run
from steepest.bench.peers import ENGINE

LOOPS = Path(__file__).with_name("native_loops.c")
FLAGS = {"-O3": FAST, "-O2": ("-O2", *FAST[1:]), "-O3, scalar": (*FAST, "-fno-tree-vectorize")}
"""Sets of flags, all with -march=native -ffast-math, of which the fastest counts."""
LOOP_FLAGS = ("-O3", "-march=native", "-ffast-math")
WAYS = {
    "xor": ("xor_fused", "xor_split", "xor_vector", "xor_wide"),
    "chain": ("chain_layers", "chain_blocks"),
    "line": ("line_one", "line_side", "line_threads", "line_side_threads"),
    "restarts": ("restarts_fused", "restarts_split"),
}
_TRIAL, _TRIALS = 0.01, 5  # seconds that a trial takes about, and how many there are

# -- choosing --------------------------------------------------------------------------------------------------------


def epochs_for(run: Run, wanted: float) -> int:
    """How many epochs take about the wanted seconds."""
    epochs = 1
    while (spent := run(epochs)[0]) < wanted / 2:
        epochs *= max(2, min(50, round(wanted / max(spent, 1e-7))))
    return max(1, round(epochs * wanted / spent))


def fastest(ways: Mapping[str, Run]) -> tuple[str, Run]:
    """The way whose epoch is the shortest, by the best of a few trials, and its name."""
    if len(ways) == 1:
        return next(iter(ways.items()))
    found = {}
    for name, run in ways.items():
        run(1)
        epochs = epochs_for(run, _TRIAL)
        found[name] = min(run(epochs)[0] / epochs for _ in range(_TRIALS))
    best = min(found, key=found.__getitem__)
    return best, ways[best]


# -- steepest ----------------------------------------------------------------------------------------------------------


def native(case: Case, gradient: str = "backprop") -> Run:
    """``st.descend`` by the native engine; the time is that in its loop, ``run.seconds``."""
    problem = case.problem

    def run(epochs: int) -> tuple[float, float]:
        found = st.descend(
            problem.expression, problem.data, problem.start, problem.rate, epochs, gradient=gradient, engine=ENGINE,
            dtype=case.dtype, progress=False,
        )  # fmt: skip
        return found.seconds, case.cost(found.params)

    return run


def native_restarts(case: Case, models: int) -> Run:
    """``restarts=``: the time is that of the call less that of a call of 0 epochs; the cost is the median of all."""
    problem = case.problem

    def call(epochs: int) -> tuple[float, Any]:
        clock = time.perf_counter()
        found = st.descend(
            problem.expression, problem.data, rate=problem.rate, epochs=epochs, restarts=models, engine=ENGINE,
            dtype=case.dtype, progress=False,
        )  # fmt: skip
        return time.perf_counter() - clock, found

    def run(epochs: int) -> tuple[float, float]:
        nothing = call(0)[0]
        spent, found = call(epochs)
        return max(spent - nothing, 1e-9), float(np.median(found.restarts))

    return run


def restart_starts(case: Case, models: int) -> Any:
    """The parameters that ``restarts=`` starts from, ``(models, P)``."""
    from steepest.training.descent import initial

    return np.stack([case.flat(initial(case.problem.expression, None, k)) for k in range(models)])


def median_cost(case: Case, flat: Any) -> float:
    """The median of the costs of many models, ``(models, P)``."""
    return float(np.median([case.cost(case.named(row)) for row in flat]))


# -- NumPy -------------------------------------------------------------------------------------------------------------


def numpy_line(case: Case) -> dict[str, Run]:
    """The line: as in problems.py, and with buffers that are used again and no cost."""
    problem = case.problem
    x, y = (problem.data[name] for name in "xy")

    def timed(descend: Callable[[int], Mapping[str, Any]]) -> Run:
        def run(epochs: int) -> tuple[float, float]:
            clock = time.perf_counter()
            found = descend(epochs)
            return time.perf_counter() - clock, case.cost(found)

        return run

    def by_formulas(epochs: int) -> Mapping[str, Any]:
        params = dict(problem.start)
        for _ in range(epochs):
            params = problem.by_hand(problem.data, params, problem.rate)[1]
        return params

    def in_place(epochs: int) -> Mapping[str, Any]:
        w, b = (float(problem.start[name]) for name in "wb")
        e, step = np.empty_like(x), 2 * problem.rate / len(x)
        for _ in range(epochs):
            np.multiply(x, w, out=e)
            e += b
            e -= y
            w, b = w - step * float(e @ x), b - step * float(e.sum())
        return {"w": w, "b": b}

    return {"formulas": timed(by_formulas), "in place": timed(in_place)}


# -- C -----------------------------------------------------------------------------------------------------------------


@cache
def _loaded(flags: tuple[str, ...]) -> ctypes.CDLL:
    return library(LOOPS.read_text(encoding="utf-8"), flags)


def _columns(case: Case) -> list[Any]:
    """The data as C takes it: contiguous columns, a matrix's one by one."""
    arrays = case.problem.data.values()
    found = [column for array in arrays for column in (array.T if array.ndim > 1 else [array])]
    return [np.ascontiguousarray(column, case.dtype) for column in found]


def _call(loaded: ctypes.CDLL, way: str, case: Case) -> Callable[[Any, int, int], float]:
    """A loop as a function of parameters, rows and epochs to seconds; it moves the parameters."""
    columns = _columns(case)
    pointers = (ctypes.c_void_p * len(columns))(*(column.ctypes.data for column in columns))
    loop = loaded[way]
    real = ctypes.c_double if case.dtype == "float64" else ctypes.c_float
    loop.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.c_void_p, real, ctypes.c_long]
    loop.restype = None

    def call(params: Any, rows: int, epochs: int) -> float:
        clock = time.perf_counter()
        loop(pointers, rows, params.ctypes.data, case.problem.rate, epochs)
        return time.perf_counter() - clock if columns else 0.0  # the columns live as long as this function

    return call


def c(case: Case) -> dict[str, Run]:
    """Every way and set of flags; few rows are known at compile time."""
    own = (["-DSINGLE"] if case.dtype == "float32" else []) + ["-fopenmp"]
    if case.kind != "line":
        own.append(f"-DROWS={case.rows}")
    found = {}
    for label, flags in FLAGS.items():
        loaded = _loaded((*flags, *own))
        for way in WAYS[case.kind]:
            if hasattr(loaded, way):
                found[f"{way} {label}"] = _c_run(_call(loaded, way, case), case)
    return found


def c_plain(case: Case) -> dict[str, Run]:
    """The plain loop, with ``-O3 -march=native -ffast-math`` and nothing else."""
    single = ["-DSINGLE"] if case.dtype == "float32" else []
    loaded = _loaded((*LOOP_FLAGS, *single, f"-DROWS={case.rows}"))
    way = WAYS[case.kind][0]
    return {way: _c_run(_call(loaded, way, case), case)}


def _c_run(call: Callable[[Any, int, int], float], case: Case) -> Run:
    def run(epochs: int) -> tuple[float, float]:
        params = case.flat(case.problem.start).astype(case.dtype)
        spent = call(params, case.rows, epochs)
        return spent, case.cost(case.named(params))

    return run


def c_restarts(case: Case, starts: Any, threads: bool) -> dict[str, Run]:
    """Sixteen models side by side in a register, on one thread or on all."""
    own = (["-DSINGLE"] if case.dtype == "float32" else []) + ["-fopenmp"]
    models = len(starts)
    padded = -(-models // 16) * 16
    ready = np.zeros((starts.shape[1], padded), case.dtype)
    ready[:, :models] = starts.T

    def made(call: Callable[[Any, int, int], float]) -> Run:
        def run(epochs: int) -> tuple[float, float]:
            params = ready.copy()
            spent = call(params, padded, epochs)
            return spent, median_cost(case, params.T[:models])

        return run

    ways = [way + "_threads" * threads for way in WAYS["restarts"]]
    every = {label: _loaded((*flags, *own)) for label, flags in FLAGS.items() if "scalar" not in label}
    return {f"{way} {label}": made(_call(loaded, way, case)) for label, loaded in every.items() for way in ways}
