"""The native engine computes what the reference engine does: descents, random formulas, every primitive and shape."""

from __future__ import annotations

import subprocess
import sys
from random import Random
from typing import Any

import numpy as np
import pytest

import steepest as st
import strategies
from engine_cases import CASES, EPSILON, Model, apart, both, with_gradient
from native_descents import DTYPES, assert_same_descent
from places import SUPPORT
from printed_numbers import NAND_START, digits
from processors import REGISTERS, pretend_processor
from sampling import sampled
from steepest.errors import GradientError
from steepest.expressions import operations as op
from steepest.expressions.expression import data, params
from strategies import make_case


@pytest.mark.parametrize("name", sampled(CASES, 3))
def test_models_by_backprop(name: str) -> None:
    assert_same_descent(CASES[name](), epochs=1000)


@pytest.mark.parametrize("name", sampled(list(CASES)[::2], 3))
def test_models_in_single_precision(name: str) -> None:
    assert_same_descent(CASES[name](), "float32", epochs=1000)


@pytest.mark.parametrize("name", sampled(CASES, 3, 2))
def test_models_by_forward_differences(name: str) -> None:
    """Both divide a difference of costs by ε: its error of 1e-16 becomes one of 1e-13 in the gradient of an epoch."""
    model = CASES[name]()
    many = sum(np.size(value) for value in model.start.values())
    assert_same_descent(model, epochs=1000 if many < 7 else 60, gradient="finite-difference")


@pytest.mark.parametrize("k", sampled(range(len(CASES)), 3))
def test_models_by_central_differences_and_differences_in_float32(k: int) -> None:
    model = CASES[list(CASES)[k]]()
    dtype, scheme = DTYPES[k % 2], ("central", "forward", "central", "central")[k % 4]
    assert_same_descent(model, dtype, epochs=60, gradient="finite-difference", scheme=scheme, step=0.05)


@pytest.mark.parametrize("name", sampled(CASES, 3, 1))
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
@pytest.mark.parametrize("dtype", sampled(DTYPES, 2))
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
    """Twice as many rows are stored as are kept; then every second one goes."""
    assert_same_descent(CASES["A3 neuron"](), epochs=epochs)


@pytest.mark.parametrize("dtype", sampled(DTYPES, 2))
def test_other_optimisers(dtype: str) -> None:
    """The rate and the gradient may stand anywhere in the update."""
    from steepest.training.optimisers import Optimiser

    updates = [
        lambda w, g, s, rate, t: (w - rate * op.tanh(g), s),
        lambda w, g, s, rate, t: (w - g / (1 + 1 / rate), s),
        lambda w, g, s, rate, t: (w - rate / (1 + g * g) * g, s),
        lambda w, g, s, rate, t: (w * (1 - rate * 0.01) - rate * g, s),
        lambda w, g, s, rate, t: (w - rate * g * rate, s),
        lambda w, g, s, rate, t: (w - rate * g * op.absolute(g), s),
        lambda w, g, s, rate, t: (0.1 * rate - g, s),
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
    assert "not converged: a Newton step would lower the cost by 0.14 %" in model.run.message


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


@pytest.mark.parametrize("part", sampled(range(10), 10))
def test_random_formulas(part: int) -> None:
    for seed in range(part, 300, 10):
        case = make_case(Random(seed))
        roots = with_gradient(case.cost)
        found, wanted = both(roots, case.values)
        assert max(map(apart, found, wanted)) < RANDOM, (seed, case)
        if seed % 6 == 0:
            single, wide = both(roots, case.values, "float32")
            assert max(map(apart, single, wide)) < RANDOM * EPSILON["float32"] / EPSILON["float64"], (seed, case)


@pytest.mark.parametrize("part", [pytest.param(k, marks=pytest.mark.slow) if k >= 3 else k for k in range(30)])
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
        assert (found.stop, found.epochs) == (wanted.stop, wanted.epochs)
        assert apart(found.cost, wanted.cost) < near, (seed, case)
        for name, value in wanted.params.items():
            assert apart(found.params[name], value) < near, (seed, case, name)


# Longer axes have sums of more terms, whose parts cancel: changing the values by their last digit moves such a cost by
# up to 3000 of its own.
WIDE = 1e-11


@pytest.mark.parametrize("part", [pytest.param(k, marks=pytest.mark.slow) if k >= 1 else k for k in range(30)])
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
@pytest.mark.parametrize("rows", sampled(range(1, 41), 5))
def test_numbers_of_samples(rows: int, turn: int) -> None:
    """Whole and partly filled registers, one and two of them, and blocks, with every model in its turn."""
    for k in [2 * rows + turn + 5 * (turn // 2)]:
        model, dtype = CASES[TABLES[k % len(TABLES)]]().with_rows(rows), DTYPES[(k // len(TABLES) + rows) % 2]
        found, wanted = both(with_gradient(model.cost), {**model.table, **model.start}, dtype)
        assert max(map(apart, found, wanted)) < 4000 * EPSILON[dtype], TABLES[k % len(TABLES)]
        gradient = ("backprop", "finite-difference")[turn % 3 == 1]
        assert_same_descent(model, dtype, epochs=10, gradient=gradient, step=0.05)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", sampled([*range(1, 35), 63, 64, 65, 127, 128, 129, 1000, 1025], 4))
def test_padding_is_never_counted(rows: int, dtype: str) -> None:
    """Sums that would overflow with one sample more, and the last sample alone next to infinities."""
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
@pytest.mark.parametrize("rows", sampled([1, 3, 8, 16, 17, 21, 37, 64, 65], 4))
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
from steepest.engines.native.lanes import batched_runner, bound_kernel, evaluation, lane_runner, partition
for module in (batched_runner, bound_kernel, evaluation, lane_runner, partition):
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


@pytest.mark.parametrize("part", sampled(range(2), 2))
def test_nothing_is_read_or_written_past_the_end(part: int) -> None:
    """All arrays lie at the end of a page, before one that must not be touched; a process of its own may crash."""
    if not sys.platform.startswith("linux"):
        pytest.skip("mprotect is called as on Linux")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", _GUARDED, str(part)], cwd=SUPPORT,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "sound\n"), done.stderr[-3000:]


@pytest.mark.parametrize("part", sampled(range(4), 4))
@pytest.mark.parametrize("cpu", REGISTERS)
def test_narrower_processors(cpu: str, part: int, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code for registers shorter than this machine's, with and without fused multiplication: same results."""
    pretend_processor(monkeypatch, cpu)
    monkeypatch.setenv("STEEPEST_CACHE_DIR", str(tmp_path))
    for k, name in list(enumerate(CASES))[part::4]:
        model, dtype = CASES[name](), DTYPES[k % 5 == 4]
        gradient = ("backprop", "finite-difference")[k % 4 == 3]
        assert_same_descent(model, dtype, epochs=20, gradient=gradient, step=0.05)
        if model.table and k % 2:
            rows = (2, 3, 5, 7, 9, 13, 17, 26, 100, 3000)[k // 2 % 10]
            many = model.with_rows(rows)
            found, wanted = both(with_gradient(many.cost), {**many.table, **many.start}, dtype)
            assert max(map(apart, found, wanted)) < 4000 * EPSILON[dtype], name
            if "network" in name:
                batched = many.descend("native", restarts=5, epochs=5).restarts
                sequential = many.descend("reference", restarts=5, epochs=5).restarts
                assert batched == pytest.approx(sequential, rel=1e-9)
