"""Every operation's value and partial derivatives against mpmath over the whole range of both precisions.

The relative error of each is at most 1e-14 in float64 and 4e-7 in float32, computed by the reference engine, by the
native one, and by exported C, ONNX and NumPy source. Where a logarithm of a sum of exponentials is next to its zero, a
difference of two rounded numbers, the error of their rounding is added to what is allowed: ``slack`` in whole_range.py.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import mpmath as mp
import numpy as np
import pytest

from export_harness import needs_compiler
from steepest.engines import evaluate
from steepest.expressions import operations as op
from steepest.expressions.expression import params
from steepest.expressions.operations import TABLE
from whole_range import BARS, DTYPES, NAMES, UNIT, Trial, trials
from whole_range_engines import ENGINES, Results
from whole_range_exports import EXPORTS

EVERY = {**ENGINES, **EXPORTS}
"""Engines and formats, by name."""

REPORTED = {
    (name, "onnx", "float32"): "the runtime's Tanh has denormal intermediate results for x below 2^-121"
    for name in ("tanh value", "sech ∂x0", "mish value")
}
"""Trials that miss the bar, with the reason; each is expected to fail, and is removed from here when it is mended."""

FEW, MANY = 60, 500
"""How many arguments of each kind the trials have; with MANY they include every exponent of float32."""


@cache
def results(engine: str, dtype: str, count: int) -> Results:
    """The results of every trial; those of C are compiled together."""
    return EVERY[engine]([trial for name in NAMES for trial in trials(name, dtype, count)], dtype)


def check(trial: Trial, engine: str, dtype: str, count: int) -> None:
    """Raise an AssertionError with the worst arguments if a trial misses its bar."""
    found = results(engine, dtype, count).get(trial.name)
    if found is None:
        return
    excess = trial.excess(found, BARS[dtype])
    worst = int(np.argmax(excess))
    if excess.flat[worst] > 1:
        number = np.broadcast_to(found, excess.shape).flat[worst]
        raise AssertionError(
            f"{trial.at(worst)}, {engine} {dtype} found {number!r}: {excess.flat[worst]:.3g} × the bar"
        )


def check_all(name: str, engine: str, dtype: str, count: int) -> None:
    """Check the value and every partial derivative of an operation."""
    for trial in trials(name, dtype, count):
        if (trial.name, engine, dtype) not in REPORTED:
            check(trial, engine, dtype, count)


COMPUTED = [pytest.param(name, marks=needs_compiler) if name == "c" else name for name in EVERY]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("engine", COMPUTED)
@pytest.mark.parametrize("name", NAMES)
def test_value_and_partials_are_accurate(name: str, engine: str, dtype: str) -> None:
    check_all(name, engine, dtype, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("engine", COMPUTED)
@pytest.mark.parametrize("name", NAMES)
def test_value_and_partials_are_accurate_at_more_arguments(name: str, engine: str, dtype: str) -> None:
    check_all(name, engine, dtype, MANY)


@needs_compiler
@pytest.mark.parametrize(("trial", "engine", "dtype"), REPORTED)
def test_what_is_reported_misses_the_bar(trial: str, engine: str, dtype: str, request: pytest.FixtureRequest) -> None:
    request.applymarker(pytest.mark.xfail(reason=REPORTED[trial, engine, dtype], strict=True))
    (chosen,) = (each for name in NAMES for each in trials(name, dtype, FEW) if each.name == trial)
    check(chosen, engine, dtype, FEW)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("engine", COMPUTED)
def test_slope_of_arctan_vanishes_where_the_square_overflows(engine: str, dtype: str) -> None:
    (given,) = [each for each in trials("arctan", dtype, FEW) if each.what == "∂x0"]
    root, top = float(np.sqrt(np.finfo(dtype).max)), float(np.finfo(dtype).max)
    x = np.concatenate([root * np.array([0.999, 1.0, 1.001, 2.0, 1e3, 1e6]), [0.9 * top, np.inf]]).astype(dtype)
    columns = {"x0": np.concatenate([x, -x])}
    true = np.array([float(1 / (1 + mp.mpf(float(each)) ** 2)) for each in columns["x0"]])
    found = EVERY[engine]([replace(given, columns=columns)], dtype)["arctan ∂x0"]
    assert np.all(np.abs(found - true) <= 2 * np.spacing(true.astype(dtype)) + (true < np.finfo(dtype).tiny) * true)


# -- the trials themselves ---------------------------------------------------------------------------------------


def test_every_operation_is_tried_with_each_partial() -> None:
    tried = {name.partition(" ")[0] for name in NAMES}
    assert tried == {row.name for row in TABLE if row.arity}
    for row in TABLE:
        if row.arity:
            wanted = ["value", *(f"∂x{k}" for k in range(row.arity))]
            assert [trial.what for trial in trials(row.name, "float64", FEW)] == wanted


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_there_are_enough_results_in_range(name: str, dtype: str) -> None:
    """At least a third are normal numbers or 0; of the others there are some where a result can leave the range."""
    for trial in trials(name, dtype, FEW):
        assert np.isfinite(trial.high).mean() > 1 / 3, trial.what


@pytest.mark.parametrize("dtype", DTYPES)
def test_arguments_have_the_exponents_of_the_whole_range(dtype: str) -> None:
    info = np.finfo(dtype)
    (x,) = trials("negate", dtype, FEW)[0].columns.values()
    assert x.dtype == dtype
    exponents = np.frexp(np.abs(x[x != 0]))[1] - 1
    assert (exponents.min(), exponents.max()) == (info.minexp, info.maxexp - 1)
    (x,) = trials("log", dtype, FEW)[0].columns.values()
    assert {np.nextafter(x.dtype.type(1), x.dtype.type(2)), np.nextafter(x.dtype.type(1), x.dtype.type(0))} <= set(x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_only_values_next_to_their_zero_are_allowed_more(dtype: str) -> None:
    """What is added is 0 but for two values and three slopes, and needed: of log(exp(x) + exp(x)) next to its zero."""
    allowed = {trial.name for name in NAMES for trial in trials(name, dtype, FEW) if np.any(trial.slack)}
    slopes = {"silu ∂x0", "gelu ∂x0", "mish ∂x0"}  # differences of two terms left of their minimum
    assert allowed <= {"logaddexp value", "logsumexp value", "logsumexp of a matrix value"} | slopes
    x = float(np.nextafter(np.dtype(dtype).type(-np.log(2)), np.dtype(dtype).type(0)))
    z = params("z")
    found, true = float(evaluate(op.logaddexp(z, z), {"z": x}, dtype)), float(mp.log(2 * mp.exp(mp.mpf(x))))
    assert BARS[dtype] < abs(found / true - 1) < 4 * UNIT[dtype] * abs(x / true)


def test_sigmoids_of_opposite_arguments_share_their_tail() -> None:
    """σ(z), σ(−z) and their slope together, where the tail serves all three."""
    z = params("z")
    for at in (-300.0, -0.5, 0.0, 0.5, 300.0):
        found = evaluate({"s": op.sigmoid(z), "c": op.sigmoid(-z), "d": op.sigmoid(z) * (1 - op.sigmoid(z))}, {"z": at})
        tail = float(1 / (1 + mp.exp(abs(mp.mpf(at)))))
        assert found["d"] == pytest.approx(tail * (1 - tail), rel=1e-14, abs=0)
        assert min(found["s"], found["c"]) == pytest.approx(tail, rel=1e-14, abs=0)
        assert (found["s"] >= found["c"]) == (at >= 0)


def test_prediction_minus_target_keeps_its_digits() -> None:
    """σ(z) − t next to t, from both sides and with either first."""
    z = params("z")
    for at, target in ((40.0, 1.0), (300.0, 1.0), (-300.0, 0.0), (30.0, 1 - 2.0**-40), (0.0, 0.25), (2.0, 0.5)):
        with mp.workdps(400):
            true = float(1 / (1 + mp.exp(-mp.mpf(at))) - mp.mpf(target))
        assert evaluate(op.sigmoid(z) - target, {"z": at}) == pytest.approx(true, rel=1e-14, abs=0)
        assert evaluate(target - op.sigmoid(z), {"z": at}) == pytest.approx(-true, rel=1e-14, abs=0)
