"""What the key of a compiled kernel depends on, and which kernels are kept."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from engine_cases import CASES
from kernel_cache import entries
from steepest.calculus.prepared import prepare
from steepest.calculus.program import lower
from steepest.engines import native
from steepest.engines.native.lanes.evaluation import Evaluation
from steepest.engines.native.lanes.lane_runner import LaneRunner
from steepest.engines.native.llvm import kernel
from steepest.engines.native.llvm.host import this_host
from steepest.expressions import operations as op
from steepest.expressions.expression import constant
from steepest.tables.values import bind
from steepest.training.optimisers import Optimiser, gradient_descent
from steepest.training.steps import difference_step, gradient_step


def test_keys_do_not_depend_on_what_was_built_before(place: Path, compiled: list[str]) -> None:
    """Expressions that other expressions share parts with are older, but mean the same."""

    def use() -> None:
        x, y = st.data("x", "y")
        w, b = st.params("w", "b")
        cost = op.mean((op.sigmoid(x * w + b) * 1.25 - y) ** 2)
        st.descend(cost, {"x": [1.0, 2], "y": [0.0, 1]}, {"w": 0.5, "b": 0.1}, epochs=1, engine="native")

    use()
    functions = []
    for first in (
        lambda: st.params("b") * 1.25, lambda: st.data("y") - st.params("b"), lambda: constant(0.5),
        lambda: op.mean(st.data("y")) * 2, lambda: 1 - st.params("w"),
    ):  # fmt: skip
        gc.collect()
        functions.append(first())
        kernel._compiled.clear()
        use()
    assert len(compiled) == 1
    assert len(entries(place)) == 1


def test_keys_differ_by_what_the_code_depends_on(place: Path) -> None:
    """One kernel an entry: each of these descents needs its own, and none needs two."""
    x, y = st.data("x", "y")
    w, b = st.params("w", "b")
    cost = op.mean((x * w + b - y) ** 2)
    table = {"x": [1.0, 2, 3], "y": [2.0, 3, 5]}
    longer = {"x": [1.0, 2, 3, 4], "y": [2.0, 3, 5, 6]}
    known: set[str] = set()

    def new(cost: Any = cost, table: Any = table, **settings: Any) -> int:
        st.descend(cost, table, {"w": 0.1, "b": 0.2}, epochs=1, engine="native", **settings)
        found = set(entries(place)) - known
        known.update(found)
        return len(found)

    assert new() == 1
    assert new() == 0
    assert new(rate=0.2) == 0
    assert new(maximise=True) == 1
    assert new(dtype="float32") == 1
    assert new(table=longer) == 1
    assert new(table={"x": [7.0, 8, 9], "y": [0.0, 0, 0]}) == 0
    assert new(op.mean((x * w + b - y) ** 3)) == 1
    assert new(op.mean((x * w + b - 2 * y) ** 2)) == 1
    assert new(op.mean((x * w + b - 3 * y) ** 2)) == 1
    assert new(op.total((x * w + b - y) ** 2)) == 1
    assert new(tolerance=1e-3) == 0
    assert new(gradient_tolerance=1e-3) == 1
    assert new(gradient_tolerance=1e-5) == 0
    assert new(gradient="finite-difference") == 1
    assert new(gradient="finite-difference", step=0.1) == 0
    assert new(gradient="finite-difference", scheme="central") == 1
    assert new(gradient="finite-difference", gradient_tolerance=1e-5) == 1
    # The last letters exchanged: the same graph by its shape, another by its names.
    assert new(op.mean((y * w + b - x) ** 2)) == 1
    assert new(op.mean((x * b + w - y) ** 2)) == 1


def test_updates_that_differ_in_a_place_differ_in_their_key(place: Path) -> None:
    """w − α/g and w − g/α are one graph but for the names of its leaves."""
    cost = (st.params("w") - 3) ** 2 + st.params("v") * 2
    updates: list[Callable[..., Any]] = [
        lambda w, g, s, rate, t: (w - rate / g, s),
        lambda w, g, s, rate, t: (w - g / rate, s),
        lambda w, g, s, rate, t: (w - rate / (g * g), s),
    ]
    for gradient, near in (("backprop", 1e-14), ("finite-difference", 1e-9)):
        found = []
        for update in updates:
            run = st.descend(
                cost, None, {"w": 1.0, "v": 0.0}, 0.5, 1, optimiser=Optimiser("other", lambda w: (), update),
                gradient=gradient, step=1e-4, engine="native",
            )  # fmt: skip
            found.append((run.params["w"], run.params["v"]))
        slope = -4 if gradient == "backprop" else -4 + 1e-4
        wanted = [(1 - 0.5 / slope, -0.25), (1 - slope / 0.5, -4), (1 - 0.5 / slope**2, -0.125)]
        np.testing.assert_allclose(found, wanted, rtol=near * 1e3)


def test_keys_differ_by_host() -> None:
    """Another processor, another list of its features, another version of LLVM."""
    host = this_host()
    x = st.params("x")
    program = lower([x * 2])
    from steepest.engines.native.lanes.plan import make_plan

    layout = make_plan(program, 1, host, 8)
    others = [
        replace(host, cpu="generic"), replace(host, features="-avx512f"), replace(host, triple="aarch64-linux-gnu"),
    ]  # fmt: skip
    marks = {kernel.cache_key("evaluate", [program], layout, "float64", [], each) for each in [host, *others]}
    marks |= {kernel.cache_key("evaluate", [program], layout, dtype, [], host) for dtype in ("float64", "float32")}
    marks |= {kernel.cache_key(name, [program], layout, "float64", [], host) for name in ("evaluate", "descend")}
    marks |= {
        kernel.cache_key("evaluate", [lower([x * c])], layout, "float64", [], host) for c in (2.0, 3.0, -2.0, 2.5)
    }
    assert len(marks) == 4 + 1 + 1 + 3


@pytest.mark.parametrize("folder", ["arrays", "lanes", "functions", "llvm"])
def test_an_edit_in_any_folder_of_the_engine_changes_the_key(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Path(native.__file__).parent == kernel._ROOT
    copy = shutil.copytree(kernel._ROOT, tmp_path / "native", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(kernel, "_ROOT", copy)
    monkeypatch.setattr(kernel, "_source_digest", kernel._source_digest.__wrapped__)

    def key() -> str:
        return kernel.cache_key("evaluate", [lower([st.params("x") * 2])], None, "float64", [], this_host())

    before = key()
    assert key() == before
    file = sorted((copy / folder).glob("*.py"))[-1]
    file.write_text(file.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    assert key() != before


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_rows_are_part_of_the_key_when_unrolled_only(dtype: str, place: Path) -> None:
    """A few samples are in registers, as many lanes as there are; many rows of any number share one code."""
    x, y = st.data("x", "y")
    cost = op.mean((x * st.params("w") - y) ** 2)
    native = this_host().vector_bytes // np.dtype(dtype).itemsize
    for rows in range(1, 2 * native + 1):
        st.descend(cost, {"x": np.ones(rows), "y": np.ones(rows)}, {"w": 0}, epochs=1, engine="native", dtype=dtype)
        assert len(entries(place)) == rows
    for rows in range(2 * native + 1, 100 * native, 7):
        st.descend(cost, {"x": np.ones(rows), "y": np.ones(rows)}, {"w": 0}, epochs=1, engine="native", dtype=dtype)
    assert len(entries(place)) == 2 * native + 2  # with whole blocks only, and with a ragged one


def test_every_kind_of_kernel_is_kept(place: Path, compiled: list[str]) -> None:
    """Evaluations, descents, differences, restarts."""
    model = CASES["network tanh"]()
    bound = bind([model.cost], {**model.table, **model.start})

    def use() -> None:
        Evaluation([model.cost], "float64")(bound.arrays, bound.rows)
        for step in (
            gradient_step(prepare(model.cost), "backprop", gradient_descent(), False, True),
            difference_step(prepare(model.cost), 0.01, "central", gradient_descent(), False, True),
        ):
            LaneRunner(step, bound.data, bound.rows, 0.1, "float64").cost_at(bound.params)
        model.descend("native", restarts=3, epochs=2)

    use()
    count = len(compiled)
    assert count == len(entries(place)) == 5
    kernel._compiled.clear()
    use()
    assert len(compiled) == count


def test_only_so_many_kernels_stay_in_memory(place: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What has gone is found in the directory; a runner that uses a kernel keeps it alive."""
    monkeypatch.setattr(kernel, "_IN_MEMORY", 2)
    model = CASES["A2 line"]()
    bound = bind([model.cost], {**model.table, **model.start})
    runner = LaneRunner(
        gradient_step(prepare(model.cost), "backprop", gradient_descent(), False, False),
        bound.data,
        bound.rows,
        0.1,
        "float64",
    )
    cost = runner.cost_at(bound.params)
    x = st.params("x")
    for k in range(5):
        st.descend((x - k) ** 2, None, {"x": 0.0}, epochs=1, engine="native")
        assert len(kernel._compiled) <= 2
    assert runner.cost_at(bound.params) == cost
    count = len(compiled)
    st.descend((x - 0) ** 2, None, {"x": 0.0}, epochs=1, engine="native")
    assert len(compiled) == count
