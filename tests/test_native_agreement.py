"""The native engine computes what the reference engine does: descents, random formulas, every primitive and shape."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

import steepest as st
import strategies
from edges import EDGES
from engine_cases import CASES, EPSILON, Model, apart, both, standardised, with_gradient
from oracles import ELEMENTWISE, STRUCTURAL, points
from rows import NAMES, structural_case
from steepest import operations as op
from steepest.engines.native import build, descending, evaluation, host, restarting
from steepest.engines.native.evaluation import Evaluation
from steepest.errors import GradientError
from steepest.expression import OPERATIONS, Expression, Operation, data, params
from strategies import make_case
from test_numbers import NAND_START, digits

DTYPES = ("float64", "float32")

# -- descents ----------------------------------------------------------------------------------------------------

# In float64 as asked. In float32 both engines round each parameter once an epoch, by 2^-24 of it at most and not
# alike: 1000 epochs add up to 6e-5. Divided by 2ε = 0.1 a cost's error of a few 2^-24 is one of 1e-5 in the gradient
# of an epoch, and the rate carries a tenth of it over.
CLOSE = {"float64": 1e-9, "float32": 2e-4}
NONE = {"float64": 1e-12, "float32": 1e-5}
"""What counts as 0: errors of a cost or parameter that ends at 0, where its parts are of size 1."""


def worded(sentence: str) -> str:
    """A sentence without its numbers, of which float32 has not all the digits."""
    return re.sub(r"[\d.]+(e-?\d+)?", "#", sentence)


def assert_same_descent(model: Model, dtype: str = "float64", **settings: Any) -> None:
    """Equal reports: epochs in the history, reasons, warnings; and costs and parameters up to round-off."""
    native = model.descend("native", dtype=dtype, **settings)
    wanted = model.descend("reference", dtype=dtype, **settings)
    assert (native.engine, wanted.engine) == ("native", "reference")
    assert (native.reason, native.epochs, native.message) == (wanted.reason, wanted.epochs, wanted.message)
    assert list(map(worded, native.warnings)) == list(map(worded, wanted.warnings))
    if dtype == "float64":
        assert native.warnings == wanted.warnings
    assert native.start.keys() == wanted.start.keys()
    assert [epoch for epoch, _ in native.history] == [epoch for epoch, _ in wanted.history]
    assert [epoch for epoch, _ in native.path] == [epoch for epoch, _ in wanted.path]
    near = {"rtol": CLOSE[dtype], "atol": NONE[dtype]}
    np.testing.assert_allclose([c for _, c in native.history], [c for _, c in wanted.history], **near)
    np.testing.assert_allclose(native.cost, wanted.cost, **near)
    for (_, mine), (_, its) in zip(native.path[:: max(len(native.path) // 20, 1)], wanted.path, strict=False):
        assert mine.keys() == its.keys()
    for name, value in wanted.params.items():
        assert type(native.params[name]) is type(value)
        assert np.shape(native.params[name]) == np.shape(value)
        np.testing.assert_allclose(native.params[name], value, **near, err_msg=name)
        for k in (1, len(wanted.path) // 2, len(wanted.path) - 2):
            np.testing.assert_allclose(native.path[k][1][name], wanted.path[k][1][name], **near, err_msg=name)


@pytest.mark.parametrize("name", CASES)
def test_models_by_backprop(name: str) -> None:
    assert_same_descent(CASES[name](), epochs=1000)


@pytest.mark.parametrize("name", list(CASES)[::2])
def test_models_in_single_precision(name: str) -> None:
    assert_same_descent(CASES[name](), "float32", epochs=1000)


@pytest.mark.parametrize("name", CASES)
def test_models_by_forward_differences(name: str) -> None:
    """Both divide a difference of costs by ε: its error of 1e-16 becomes one of 1e-13 in the gradient of an epoch."""
    model = CASES[name]()
    many = sum(np.size(value) for value in model.start.values())
    assert_same_descent(model, epochs=1000 if many < 7 else 60, gradient="finite-difference")


@pytest.mark.parametrize("k", range(len(CASES)))
def test_models_by_central_differences_and_differences_in_float32(k: int) -> None:
    model = CASES[list(CASES)[k]]()
    dtype, scheme = DTYPES[k % 2], ("central", "forward", "central", "central")[k % 4]
    assert_same_descent(model, dtype, epochs=60, gradient="finite-difference", scheme=scheme, step=0.05)


@pytest.mark.parametrize("name", CASES)
def test_models_by_layers(name: str) -> None:
    model = CASES[name]()
    try:
        with_gradient(model.cost, "layerwise")
    except GradientError:
        assert "chain" not in name
        return
    assert_same_descent(model, epochs=1000 if "chain" in name else 50, gradient="layerwise")
    if "(" not in name:
        assert_same_descent(model, "float32", epochs=50, gradient="layerwise")


@pytest.mark.parametrize("gradient", ["backprop", "finite-difference"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["A3 neuron", "network tanh", "E5 regression", "standardised vector", "network wide"])
def test_climbing(name: str, dtype: str, gradient: str) -> None:
    """Away from the minimum, but not for long: the squares have no maximum, and differences grow as fast as they do."""
    assert_same_descent(CASES[name](), dtype, epochs=6, gradient=gradient, step=0.05, maximise=True)


@pytest.mark.parametrize("settings", [
    {"rate": 0.169, "epochs": 40}, {"rate": 0.169, "epochs": 40, "gradient": "finite-difference"},
    {"rate": 0.2, "epochs": 8000}, {"rate": 0.166, "epochs": 5000}, {"rate": 0.169, "epochs": 40, "dtype": "float32"},
])  # fmt: skip
def test_rises_and_their_warnings(settings: dict[str, Any]) -> None:
    """A2 at rates about 1/6, where the cost begins to rise in every epoch."""
    assert_same_descent(CASES["A2 line"](), **settings)


def test_one_rise_in_the_middle() -> None:
    """The cost rises once, where the parameter comes over a step that it cannot see; the warning names that epoch."""
    x = params("x")
    ledge = Model((x - 3) ** 2 * 0.01 + 0.05 * op.step(x - 1), {}, {"x": np.float64(0.0)}, 0.9)
    (warning,) = ledge.descend("native", epochs=300).warnings
    crossing = next(k for k in range(300) if 3 - 3 * (1 - 0.018) ** k >= 1)
    assert f"rose in 1 of the epochs, first at epoch {crossing}," in warning
    assert_same_descent(ledge, epochs=300)


@pytest.mark.parametrize("epochs", [1, 2, 3, 1999, 2000, 2001, 3999, 4000, 4001, 7999, 8003])
def test_history_is_thinned_alike(epochs: int) -> None:
    """Twice as many rows are held as are kept; then every second one goes."""
    assert_same_descent(CASES["A3 neuron"](), epochs=epochs)


@pytest.mark.parametrize("dtype", DTYPES)
def test_other_optimisers(dtype: str) -> None:
    """The rate and the gradient may stand anywhere in the update."""
    from steepest.optimisers import Optimiser

    updates = [
        lambda w, g, s, rate: (w - rate * op.tanh(g), s),
        lambda w, g, s, rate: (w - g / (1 + 1 / rate), s),
        lambda w, g, s, rate: (w - rate / (1 + g * g) * g, s),
        lambda w, g, s, rate: (w * (1 - rate * 0.01) - rate * g, s),
        lambda w, g, s, rate: (w - rate * g * rate, s),
        lambda w, g, s, rate: (w - rate * g * g, s),
        lambda w, g, s, rate: (0.1 * rate - g, s),
    ]
    for update in updates:
        other = Optimiser("other", lambda w: (), update)
        for gradient in ("backprop", "finite-difference"):
            assert_same_descent(
                CASES["network tanh"](), dtype, epochs=30, optimiser=other, gradient=gradient, step=0.05
            )


# -- the numbers of mission.md -------------------------------------------------------------------------------------


def test_a6_nand() -> None:
    run = st.descend(st.models.neuron().cost, "nand", NAND_START, 0.1, 1000, engine="native")
    found = {**run.params, "cost": run.cost}
    printed = {
        "w1": "-1.7435789139926", "w2": "-1.7347777264922", "b": "2.7718489622682", "cost": "0.0626237279065",
    }  # fmt: skip
    assert {name: digits(found[name], text) for name, text in printed.items()} == dict.fromkeys(printed, True)


def test_a6_nand_after_eight_million_epochs() -> None:
    """A matter of half a second here."""
    run = st.descend(st.models.neuron().cost, "nand", NAND_START, 0.1, 8_000_000, engine="native")
    assert run.params["w1"] == pytest.approx(-11.7982395528862, abs=1e-9)
    assert digits(run.params["b"], "17.7818293")
    assert digits(run.cost, "5.3708e-06")
    assert len(run.history) <= 2001


def test_a5_nand_by_finite_difference() -> None:
    run = st.descend(
        st.models.neuron().cost, "nand", NAND_START, 0.1, 1000, gradient="finite-difference", engine="native"
    )
    found = {**run.params, "cost": run.cost}
    printed = {"w1": "-1.7436117135", "w2": "-1.7348100207", "b": "2.7713955766", "cost": "0.0626302376"}
    assert {name: digits(found[name], text) for name, text in printed.items()} == dict.fromkeys(printed, True)


def test_a2_by_forward_difference_settles_beside_the_minimum() -> None:
    settings: dict[str, Any] = {"start": {"w": 0}, "rate": 0.05, "gradient": "finite-difference", "engine": "native"}
    cost = st.models.linear().cost
    assert st.descend(cost, "twice", **settings).params["w"] == pytest.approx(1.9995, abs=1e-9)
    assert st.descend(cost, "twice", scheme="central", **settings).params["w"] == pytest.approx(2, abs=1e-9)


@pytest.mark.parametrize(("gradient", "near"), [("backprop", 1e-14), ("finite-difference", 1e-10)])
def test_e4_ascent(gradient: str, near: float) -> None:
    x, y = params("x", "y")
    run = st.descend(x * y, None, {"x": 4, "y": -3}, 0.2, 3, maximise=True, gradient=gradient, engine="native")
    assert [f for _, f in run.history] == pytest.approx([-12, -7.48, -4.4992, -2.464768], abs=near)
    points = [value for _, row in run.path for value in (row["x"], row["y"])]
    assert points == pytest.approx([4, -3, 3.4, -2.2, 2.96, -1.52, 2.656, -0.928], abs=near)


def test_d5_xor_stops_in_a_local_minimum_and_says_so() -> None:
    model = st.models.network([2, 2, 1], activation="sigmoid", output="sigmoid", cost="mse")
    start = {"W1": [[0.5, -0.4], [0.3, 0.8]], "b1": [0.1, -0.2], "W2": [0.7, -0.6], "b2": 0.05}
    table = {"X": [[0, 0], [0, 1], [1, 0], [1, 1]], "y": [0, 1, 1, 0]}
    model.fit(table, start=start, rate=1, epochs=10_000, engine="native")
    assert model.run is not None
    assert digits(model.run.cost, "0.12539207453")
    assert any("plateau" in sentence for sentence in model.run.warnings)


def test_e7_one_step() -> None:
    w, b = params("w", "b")
    run = st.descend((4 - op.relu(5 * w + b)) ** 2, None, {"w": 1, "b": 1}, 0.01, 1, engine="native")
    assert run.params == pytest.approx({"w": 0.8, "b": 0.96}, abs=1e-15)
    assert run.cost == pytest.approx(0.9216, abs=1e-14)


def test_b4_chains_by_layers_reach_cost_zero() -> None:
    model = st.models.chain(2)
    x = np.array([0.2, -0.4, 1, 0.7])
    target = model.predict({"x": x}, params={"w1": 2, "b1": -0.5, "w2": -3, "b2": 1})
    start = {"w1": 1.5, "b1": -0.3, "w2": -2.5, "b2": 0.8}
    for method in ("backprop", "layerwise"):
        run = st.descend(model.cost, {"x": x, "y": target}, start, 2, 20000, gradient=method, engine="native")
        assert run.cost < 1e-6


# -- random formulas -----------------------------------------------------------------------------------------------

# As in test_gradient.py: values lie within ±8 and 1 is the natural size of a derivative. Elementary functions of the
# engines differ by 2 ulp, and up to 40 operations follow.
RANDOM = 1e-12


@pytest.mark.parametrize("part", range(10))
def test_random_formulas(part: int) -> None:
    for seed in range(part, 300, 10):
        case = make_case(Random(seed))
        roots = with_gradient(case.cost)
        found, wanted = both(roots, case.values)
        assert max(map(apart, found, wanted)) < RANDOM, (seed, case)
        if seed % 6 == 0:
            single, wide = both(roots, case.values, "float32")
            assert max(map(apart, single, wide)) < RANDOM * EPSILON["float32"] / EPSILON["float64"], (seed, case)


@pytest.mark.parametrize("part", [pytest.param(k, marks=pytest.mark.slow) if k >= 10 else k for k in range(30)])
def test_random_formulas_descend_one_epoch(part: int) -> None:
    """By the derived gradient, and each fourth by differences."""
    for seed in range(part, 300, 30):
        case = make_case(Random(seed))
        model = Model(
            case.cost, {name: case.values[name] for name in case.cost.data},
            {name: case.values[name] for name in case.cost.parameters}, 0.001,
        )  # fmt: skip
        # Round-off of the cost, over 0.1, is the gradient's; differences are of the reference engine as well.
        gradient, near = (("backprop", RANDOM), ("finite-difference", 1e-9))[seed % 4 == 3]
        settings: dict[str, Any] = {"epochs": 1, "gradient": gradient, "step": 0.1}
        found, wanted = model.descend("native", **settings), model.descend("reference", **settings)
        assert (found.reason, found.epochs) == (wanted.reason, wanted.epochs)
        assert apart(found.cost, wanted.cost) < near, (seed, case)
        for name, value in wanted.params.items():
            assert apart(found.params[name], value) < near, (seed, case, name)


# Longer axes have sums of more terms, whose parts cancel: changing the values by their last digit moves such a cost by
# up to 3000 of its own.
WIDE = 1e-11


@pytest.mark.parametrize("part", [pytest.param(k, marks=pytest.mark.slow) if k >= 4 else k for k in range(30)])
def test_random_formulas_with_long_axes(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Axes on both sides of 8 and 16, and more samples than two registers hold: loops, runs and blocks."""
    real = strategies._Maker.__init__

    def stretched(self: Any, random: Random) -> None:
        real(self, random)
        self.dims = (random.choice([1, 2, 5, 8, 9, 13, 16, 17, 20]), random.choice([1, 3, 4, 8, 9, 12, 18]))

    monkeypatch.setattr(strategies._Maker, "__init__", stretched)
    monkeypatch.setattr(strategies, "MOST_SAMPLES", 70)
    for seed in range(part, 300, 30):
        case = strategies.make_case(Random(seed))
        roots = with_gradient(case.cost)
        found, wanted = both(roots, case.values)
        for mine, its in zip(found, wanted, strict=True):
            assert apart(mine, its, max(1.0, float(np.abs(its).max()))) < WIDE, (seed, case)


# -- every number of samples -----------------------------------------------------------------------------------------

TABLES = [name for name, make in CASES.items() if make().table]


@pytest.mark.parametrize("turn", [0, 1, *(pytest.param(k, marks=pytest.mark.slow) for k in range(2, 12))])
@pytest.mark.parametrize("rows", range(1, 41))
def test_numbers_of_samples(rows: int, turn: int) -> None:
    """Whole and partly filled registers, one and two of them, and blocks, with every model in its turn."""
    for k in [2 * rows + turn + 5 * (turn // 2)]:
        model, dtype = CASES[TABLES[k % len(TABLES)]]().with_rows(rows), DTYPES[(k // len(TABLES) + rows) % 2]
        found, wanted = both(with_gradient(model.cost), {**model.table, **model.start}, dtype)
        assert max(map(apart, found, wanted)) < 4000 * EPSILON[dtype], TABLES[k % len(TABLES)]
        gradient = ("backprop", "finite-difference")[turn % 3 == 1]
        assert_same_descent(model, dtype, epochs=10, gradient=gradient, step=0.05)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [*range(1, 35), 63, 64, 65, 127, 128, 129, 1000, 1025])
def test_padding_is_never_counted(rows: int, dtype: str) -> None:
    """Sums that would overflow with one sample more, and the last sample alone beside infinities."""
    x, y = data("x", "y")
    w = params("w")
    big = float(np.finfo(dtype).max)
    # The last row holds most of the largest number, and the least one; the padding repeats it.
    last = np.where(np.arange(rows) == rows - 1, big * 0.75, 1.0)
    tiny = np.where(np.arange(rows) == rows - 1, float(np.finfo(dtype).tiny), 1.0)
    sums = [op.total(x * w), op.total(op.log(y)), op.total(1 / (y * x)), op.total(op.where(x > 2, x, 0)), op.mean(x)]
    found, wanted = both(sums, {"x": last, "y": tiny, "w": 1.0}, dtype)
    assert np.isfinite(wanted).all()
    assert max(map(apart, found, wanted)) < 20 * EPSILON[dtype]
    # And where that row gives ∞ or NaN, it does so once.
    endless = np.where(np.arange(rows) == rows - 1, np.inf, 1.0)
    found, wanted = both([op.total(x), op.total(x - x), op.total(w / x), op.mean(x > 2)], {"x": endless, "w": 2}, dtype)
    assert max(map(apart, found, wanted)) < 20 * EPSILON[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 3, 8, 16, 17, 21, 37, 64, 65])
@pytest.mark.parametrize("sizes", [(3, 2), (4, 4), (9, 3), (3, 9), (17, 20)])
def test_padding_of_outer_products(sizes: tuple[int, int], rows: int, dtype: str) -> None:
    """An infinite last sample is infinite in the sum, whichever factor it is in."""
    X, Y = data("X", shape=sizes[0]), data("Y", shape=sizes[1])
    rng = np.random.default_rng([*sizes, rows])
    for infinite in ("", "X", "Y"):
        values = {"X": rng.normal(size=(rows, sizes[0])), "Y": rng.normal(size=(rows, sizes[1]))}
        if infinite:
            values[infinite][-1] = np.inf
        (found,), (wanted,) = both([op.total_outer(X, Y)], values, dtype)
        assert apart(found, wanted) < 100 * EPSILON[dtype], infinite


_GUARDED = """
import sys
import numpy as np
from engine_cases import CASES, guarded, with_gradient
from steepest.engines.native import descending, evaluation, memory, restarting
for module in (descending, evaluation, memory, restarting):
    module.aligned = guarded
import steepest.engines.step as step
step.ROWS_KEPT = 20
names = [name for name, make in CASES.items() if make().table]
for k in range(int(sys.argv[1]), 20, 2):
    rows = k * 7 % 40 + 1
    for j in (k, k + 7):
        model = CASES[names[j % len(names)]]().with_rows(rows)
        dtype = ("float64", "float32")[(k + j) % 2]
        table = {name: np.asarray(value, dtype) for name, value in model.table.items()}
        for name, value in table.items():
            table[name] = guarded(value.size, dtype)
            table[name][:] = value.ravel()
            table[name] = table[name].reshape(value.shape)
        values = {**table, **{name: np.asarray(value, dtype) for name, value in model.start.items()}}
        evaluation.Evaluation(with_gradient(model.cost), dtype)(values, rows)
        model.descend("native", epochs=50, dtype=dtype)
        if j % 2:
            model.descend("native", epochs=3, dtype=dtype, gradient="finite-difference", step=0.05, scheme="central")
        else:
            model.descend("native", epochs=5, dtype=dtype, restarts=3)
print("sound")
"""


@pytest.mark.parametrize("part", range(2))
def test_nothing_is_read_or_written_past_the_end(part: int) -> None:
    """All arrays lie at the end of a page, before one that must not be touched; a process of its own may crash."""
    if not sys.platform.startswith("linux"):
        pytest.skip("mprotect is called as on Linux")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", _GUARDED, str(part)], cwd=__file__.rpartition("/")[0],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "sound\n"), done.stderr[-3000:]


PROCESSORS = {"of 16 bytes": ("x86-64", 16), "of 32 bytes": ("haswell", 32)}


@pytest.mark.parametrize("registers", PROCESSORS)
def test_narrower_processors(registers: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code for registers shorter than this machine's, with and without fused multiplication: same results."""
    real = host.this_host()
    cpu, length = PROCESSORS[registers]
    if not real.triple.startswith("x86_64") or real.vector_bytes < length:
        pytest.skip("this processor cannot run that code")
    other = replace(real, cpu=cpu, features="", vector_bytes=length)
    for module in (host, build, descending, evaluation, restarting):
        monkeypatch.setattr(module, "this_host", lambda: other)
    monkeypatch.setenv("STEEPEST_CACHE_DIR", str(tmp_path))
    for k, name in enumerate(CASES):
        model, dtype = CASES[name](), DTYPES[k % 5 == 4]
        gradient = ("backprop", "finite-difference")[k % 4 == 3]
        assert_same_descent(model, dtype, epochs=20, gradient=gradient, step=0.05)
        if model.table and k % 2:
            rows = (2, 3, 5, 7, 9, 13, 17, 26, 100, 3000)[k // 2 % 10]
            many = model.with_rows(rows)
            found, wanted = both(with_gradient(many.cost), {**many.table, **many.start}, dtype)
            assert max(map(apart, found, wanted)) < 4000 * EPSILON[dtype], name
            if "network" in name:
                side_by_side = many.descend("native", restarts=5, epochs=5).restarts
                one_by_one = many.descend("reference", restarts=5, epochs=5).restarts
                assert side_by_side == pytest.approx(one_by_one, rel=1e-9)


# -- every primitive ---------------------------------------------------------------------------------------------------

SHAPES = ((), (1,), (3,), (9,), (20,), (2, 3), (4, 4), (3, 9), (17, 2), (10, 12))
PER_ELEMENT = [row for row in op.TABLE if row.partials]


def leaf_of(name: str, shape: tuple[int, ...], many: bool) -> Expression:
    return data(name, shape=shape) if many else params(name, shape=shape)


def mixtures(count: int) -> list[tuple[bool, ...]]:
    return [tuple(bool(k >> j & 1) for j in range(count)) for k in range(2**count)]


def check_shapes(row: Operation, chosen: list[int]) -> None:
    """Per sample and shared arguments in every mixture, numbers beside tensors, sums over features and samples."""
    elementary = points(row.name, row.domain, 400)
    rng = np.random.default_rng([*row.name.encode()])
    for k in chosen:
        shape, rows, dtype = SHAPES[k], (5, 37, 1, 16)[k % 4], DTYPES[k % 3 == 2]
        roots, values = [], {}
        for mixture in mixtures(row.arity):
            for plain in {0, row.arity - 1} if shape and row.arity > 1 else {row.arity}:
                args = []
                for j, many in enumerate(mixture):
                    own = () if j == plain else shape
                    name = f"{NAMES[j]}{int(many)}{len(own)}"
                    args.append(leaf_of(name, own, many))
                    values[name] = rng.choice(elementary[j], ((rows,) if many else ()) + own)
                node = row(*args)
                roots += [node]
                roots += [op.sum_(node)] if node.shape and plain else []
                roots += [op.total(node)] if node.per_sample and not (shape and plain) else []
        found, wanted = both(roots, values, dtype)
        for root, mine, its in zip(roots, found, wanted, strict=True):
            # NumPy's functions err by some ulp themselves, in float32 by 4; sums lose as many as they have terms.
            least = max(float(np.max(np.abs(its), initial=0.0, where=np.isfinite(its))), 1e-300)
            if root.operation is row:
                assert apart(mine, its, 1e-30) < 10 * EPSILON[dtype], (shape, str(root))
            else:
                assert apart(mine, its, max(least, 30.0)) < 400 * EPSILON[dtype], (shape, str(root))


@pytest.mark.parametrize("place", range(len(PER_ELEMENT)), ids=[row.name for row in PER_ELEMENT])
def test_elementwise_primitives(place: int) -> None:
    """Every shape with a third of the primitives, every primitive with a third of the shapes."""
    check_shapes(PER_ELEMENT[place], list(range(place % 3, len(SHAPES), 3)))


@pytest.mark.slow
@pytest.mark.parametrize("row", PER_ELEMENT, ids=[row.name for row in PER_ELEMENT])
def test_elementwise_primitives_in_every_shape(row: Operation) -> None:
    check_shapes(row, list(range(len(SHAPES))))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [row.name for row in PER_ELEMENT])
def test_edges_of_primitives(name: str, dtype: str) -> None:
    """Infinities, NaN and signed zeros as IEEE 754 has them, per sample, shared, and beside constants."""
    row, cases = OPERATIONS[name], EDGES[name]
    args = np.array([[*case] for case, _ in cases], float)
    with np.errstate(over="ignore"):
        rounded = args.astype(dtype)
        wanted = np.array([result for _, result in cases]).astype(dtype)
    columns = [data(n) for n in NAMES[: row.arity]]
    (found,), _ = both([row(*columns)], dict(zip(NAMES, rounded.T, strict=False)), dtype)
    assert_edges(found, wanted, dtype)
    alone = {f"{NAMES[j]}{k}": rounded[k, j] for k in range(len(cases)) for j in range(row.arity)}
    shared = [row(*(params(f"{NAMES[j]}{k}") for j in range(row.arity))) for k in range(len(cases))]
    found, _ = both(shared, alone, dtype)
    assert_edges(np.array(found), wanted, dtype)
    if row.arity == 2:
        # A constant beside the column of its own case.
        beside = {k: row(columns[0], float(b)) for k, (_, b) in enumerate(args) if math.isfinite(b)}
        before = {k: row(float(a), columns[1]) for k, (a, _) in enumerate(args) if math.isfinite(a)}
        values = {"x": rounded[:, 0], "y": rounded[:, 1]}
        for roots in (beside, before):
            known = {k: root for k, root in roots.items() if not root.is_leaf}
            found = both(list(known.values()), values, dtype)[0] if known else []
            each = [value[k] if np.ndim(value) else value for k, value in zip(known, found, strict=True)]
            assert_edges(np.array(each, dtype), wanted[list(known)], dtype)


def assert_edges(found: Any, wanted: Any, dtype: str) -> None:
    assert apart(found, wanted, 1e-30) < 4 * EPSILON[dtype]
    zero = wanted == 0
    np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(wanted[zero]))


@pytest.mark.parametrize("name", STRUCTURAL)
def test_structural_primitives(name: str) -> None:
    """The cases that the reference engine is held to, in all three ways of weighting their elements."""
    for case in range(len(STRUCTURAL[name].cases)):
        root, _, values = structural_case(name, case)
        whole = op.sum_(root) if root.shape else root
        roots = [root, whole, *([op.total(root), op.mean(whole)] if root.per_sample else [])]
        for dtype in DTYPES:
            found, wanted = both(roots, values, dtype)
            assert max(map(apart, found, wanted)) < 100 * EPSILON[dtype], (case, dtype)


FACTORS = [
    ((a,), (a,)) for a in (1, 3, 9, 20)
] + [
    ((a,), (a, b)) for a, b in ((3, 2), (2, 17), (9, 3), (12, 10), (20, 5))
] + [
    ((a, b), (b,)) for a, b in ((3, 2), (2, 17), (9, 3), (12, 10), (5, 20))
] + [
    ((a, b), (b, c)) for a, b, c in ((2, 3, 2), (2, 3, 9), (9, 2, 3), (3, 17, 2), (9, 10, 11), (20, 3, 18))
]  # fmt: skip


@pytest.mark.parametrize("shapes", FACTORS, ids=str)
def test_products(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """Vectors and matrices, shared and per sample, in registers and in loops."""
    for rows, dtype in ((3, "float32"), (21, "float64")):
        rng = np.random.default_rng([rows, *shapes[0], *shapes[1]])
        roots, values = [], {}
        for mixture in mixtures(2):
            args = []
            for letter, shape, many in zip("ab", shapes, mixture, strict=True):
                args.append(leaf_of(f"{letter}{int(many)}", shape, many))
                values[f"{letter}{int(many)}"] = rng.normal(size=((rows,) if many else ()) + shape)
            product = args[0] @ args[1]
            nested = op.tanh(product) * 2 - product
            roots += [product, op.sum_(nested) if nested.shape else nested]
            if len(shapes[0]) == len(shapes[1]) == 1:
                roots.append(op.dot(*args))
        found, wanted = both(roots, values, dtype)
        for root, mine, its in zip(roots, found, wanted, strict=True):
            assert apart(mine, its) < 400 * EPSILON[dtype], (rows, str(root))


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (4, 4), (3, 9), (9, 3), (17, 12), (8, 2)], ids=str)
def test_rearranged_and_reduced_tensors(shape: tuple[int, int]) -> None:
    """Transposes, outer products, expansions, classes, largest elements, sums: shared, per sample, and in chains."""
    d, h = shape
    for rows, dtype in ((3, "float64"), (37, "float32")):
        rng = np.random.default_rng([rows, *shape])
        roots, values = [], {}
        for many in (False, True):
            M, v = leaf_of(f"M{many:d}", shape, many), leaf_of(f"v{many:d}", (d,), many)
            u, x = leaf_of(f"u{many:d}", (h,), many), leaf_of(f"x{many:d}", (), many)
            head = (rows,) if many else ()
            values |= {
                M.name: rng.normal(size=head + shape), v.name: rng.normal(size=(*head, d)),
                u.name: rng.normal(size=(*head, h)), x.name: np.round(rng.uniform(-1, d, head)),
            }  # fmt: skip
            values[M.name].flat[0] = values[M.name].flat[-1] = 9.0  # two largest ones
            outer, softmax = op.outer(v, u), op.softmax(v)
            roots += [
                op.transpose(M), op.transpose(op.transpose(M) * 2) + M, outer, op.sum_(outer * M), op.transpose(outer),
                op.expand(x, attributes=(d,)) + v, op.expand(x, attributes=shape) * M, op.one_hot(x, attributes=(d,)),
                op.sum_(op.one_hot(x, attributes=(d,)) * v), op.largest(M), op.largest(v), op.sum_(M), op.sum_(v),
                op.largest(-op.exp(M)), op.largest(-op.exp(v)), softmax, op.log_softmax(u), op.softmax(v) @ M,
                op.sum_(op.exp(M - op.largest(M))),
                op.where(op.equal(M, op.largest(M)), 1, 0) / op.sum_(op.equal(M, op.largest(M))),
                M @ u, v @ M, op.transpose(M) @ v, op.transpose(M) @ M,
            ]  # fmt: skip
        M0, M1, v0, v1 = (leaf_of(name, shape if name[0] == "M" else (d,), name[1] == "1")
                          for name in ("M0", "M1", "v0", "v1"))  # fmt: skip
        u1 = leaf_of("u1", (h,), True)
        roots += [
            op.outer(v0, u1), op.total_outer(v1, u1), op.total_outer(v1 * v0, op.tanh(u1)), op.total(M1),
            op.mean(M1 * M0), op.total(op.outer(v1, u1)), op.sum_(op.total_outer(v1, u1) * M0),
            op.transpose(op.total(M1)) @ v0,
            op.total(M1) @ op.transpose(M0), op.total(v1 @ M0), op.total(M0 @ u1), op.total(op.largest(M1)),
        ]  # fmt: skip
        found, wanted = both(roots, values, dtype)
        for root, mine, its in zip(roots, found, wanted, strict=True):
            # Products of matrices have values of about 9·9, and up to 37·17 terms.
            assert apart(mine, its, 10.0) < 4000 * EPSILON[dtype], (rows, str(root))


def test_products_of_ones_count_their_terms() -> None:
    """Lengths about those at which code changes from registers to loops and runs."""
    for d in (1, 7, 8, 9, 16, 17, 33):
        for h in (1, 8, 9):
            X, W, v = data("X", shape=d), params("W", shape=(d, h)), params("v", shape=h)
            roots = [op.total(X @ W), op.sum_(W @ v), op.sum_(W), op.total(op.sum_(X)), op.total_outer(X, X)]
            values = {"X": np.ones((19, d)), "W": np.ones((d, h)), "v": np.ones(h)}
            found, _ = both(roots, values)
            counts = [19 * d, d * h, d * h, 19 * d, 19]
            for value, count in zip(found, counts, strict=True):
                assert (value == count).all(), (d, h)


@pytest.mark.parametrize("dtype", DTYPES)
def test_extremes_hand_nan_on_from_either_side(dtype: str) -> None:
    x, y, w = data("x"), data("y"), params("w")
    v = params("v", shape=20)
    nan, values = np.nan, {"x": [np.nan, 1, np.nan, 2, 3], "y": [1, np.nan, np.nan, 3, 2], "w": np.nan}
    values["v"] = np.where(np.arange(20) == 13, np.nan, 1.0)
    roots = [
        op.maximum(x, y), op.minimum(x, y), op.maximum(x, 0), op.minimum(0, x), op.maximum(y, w), op.minimum(w, 1),
        op.relu(x), op.where(x, y, 0), op.where(x > 1, y, w), op.not_equal(x, x), op.equal(x, x), op.largest(v),
        op.largest(v * x), op.sum_(op.maximum(v, 0)), op.one_hot(x, attributes=(3,)), op.sign(x), op.total(x),
        op.leaky_relu(x), op.step(x),
    ]  # fmt: skip
    found, wanted = both(roots, values, dtype)
    for root, mine, its in zip(roots, found, wanted, strict=True):
        np.testing.assert_array_equal(mine, its, err_msg=str(root))
    np.testing.assert_array_equal(found[0], [nan, nan, nan, 3, 3])
    np.testing.assert_array_equal(found[1], [nan, nan, nan, 2, 2])


@pytest.mark.parametrize("dtype", DTYPES)
def test_leaves_and_constants_may_be_wanted(dtype: str) -> None:
    """Outputs that nothing computes, the same output twice, and a program without columns."""
    x, X, w, W = data("x"), data("X", shape=(3, 9)), params("w"), params("W", shape=11)
    roots = [x, X, w, W, st.constant(2.5) if hasattr(st, "constant") else w * 0 + 2.5, op.count(), x, w, op.count() * x]
    for rows in (1, 5, 16, 33):
        values = {"x": np.arange(rows), "X": np.arange(27.0 * rows).reshape(rows, 3, 9), "w": 3, "W": np.arange(11)}
        found, wanted = both(roots, values, dtype)
        for mine, its in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(mine, its)
    (alone,), _ = both([w * W], {"w": 2, "W": np.arange(11)}, dtype)
    np.testing.assert_array_equal(alone, 2.0 * np.arange(11))


def test_many_rows_are_counted_and_added() -> None:
    """Against exact sums; also a table that is a slice of another one, and one in Fortran's order."""
    x, X, w = data("x"), data("X", shape=12), params("w")
    rng = np.random.default_rng(0)
    rows = 100_003
    values = {"x": rng.normal(size=2 * rows)[::2], "X": np.asfortranarray(rng.normal(size=(rows, 12))), "w": 3.0}
    roots = [op.count() * w, op.mean(x), op.mean(x * x - w), op.mean(X), op.total(op.sum_(X) * x), op.mean(op.sin(x))]
    found = Evaluation(roots, "float64")(values, rows)
    column, features = values["x"], values["X"]
    wanted: list[Any] = [
        3 * rows, math.fsum(column) / rows, math.fsum(column**2) / rows - 3,
        np.array([math.fsum(each) / rows for each in features.T]), math.fsum(features.sum(axis=1) * column),
        math.fsum(np.sin(column)) / rows,
    ]  # fmt: skip
    for mine, exact in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, exact, rtol=1e-13, atol=1e-14)
    single = Evaluation(roots[:2], "float32")({"x": column.astype(np.float32), "w": np.float32(3)}, rows)
    assert single[0] == 3 * rows
    assert single[1] == pytest.approx(wanted[1], abs=1e-6)


# -- sums within sums ----------------------------------------------------------------------------------------------


def nested_costs() -> dict[str, Expression]:
    """Costs whose sums over the samples need other sums: two, three and four passes."""
    x, y = data("x", "y")
    X = data("X", shape=3)
    w, b, v = params("w"), params("b"), params("v", shape=3)
    deviation = x * w - op.mean(x * w)
    variance = op.mean(deviation**2)
    skew = op.mean((deviation / op.sqrt(variance + 0.1)) ** 3)
    energy = op.exp(op.tanh(x * w + b))
    share = energy / op.total(energy)
    features = X * v - op.mean(X * v)
    spread = op.mean(op.outer(features, features))
    return {
        "variance": variance + (b - 1) ** 2,
        "skewness": (skew - b) ** 2 + variance / 10,
        "softmax over samples": (op.total(share * y) - 1) ** 2 - op.total(share * op.log(share)) / 10,
        "deviation of deviations": op.mean((deviation**2 - variance) ** 2) + b**2,
        "covariance": op.sum_(spread**2) + op.mean((op.sum_(features) - y - b * w) ** 2),
        "total of means": op.mean(op.sin(x - op.mean(x) * w)) ** 2 + op.mean(op.cos(y * b)) * op.mean(y * w),
    }


@pytest.mark.parametrize("rows", [1, 16, 37, 5000])
@pytest.mark.parametrize("name", nested_costs())
def test_sums_within_sums(name: str, rows: int) -> None:
    cost = nested_costs()[name]
    rng = np.random.default_rng(rows)
    table = {n: rng.normal(0, 1, (rows, 3) if n == "X" else rows) for n in cost.data}
    start = {n: rng.normal(0, 0.5, 3 if n == "v" else ()) for n in cost.parameters}
    for dtype in DTYPES:
        found, wanted = both(with_gradient(cost), {**table, **start}, dtype)
        assert max(map(apart, found, wanted)) < max(500, rows) * EPSILON[dtype]
    model = Model(cost, table, start, 0.05)
    assert_same_descent(model, epochs=100)
    if rows in (1, 37):
        assert_same_descent(model, epochs=30, gradient="finite-difference", step=0.01)


@pytest.mark.parametrize("features", [0, 3, 9, 20])
@pytest.mark.parametrize("rows", [1, 7, 40, 3000])
def test_standardised_features(rows: int, features: int) -> None:
    model = standardised(features).with_rows(rows)
    assert_same_descent(model, epochs=60)


@pytest.mark.parametrize("row", PER_ELEMENT, ids=[row.name for row in PER_ELEMENT])
def test_every_primitive_is_held_to_an_oracle(row: Operation) -> None:
    """This file compares engines; that the reference engine is right is shown elsewhere, for the same rows."""
    assert row.name in ELEMENTWISE
    assert row.name in EDGES
