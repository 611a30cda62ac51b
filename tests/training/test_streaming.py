"""Tables that are read in parts: what a descent through them does, and what memory it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import steepest as st
from steepest.engines.step import Batches
from steepest.errors import DescentError, ModelError, TableError
from steepest.tables import parts
from steepest.tables.table import open_table

ROWS, RATE = 1000, 0.05
RNG = np.random.default_rng(5)
X = RNG.normal(size=(ROWS, 3))
Y = X @ [1.0, -2.0, 0.5] + 0.3 + 0.1 * RNG.normal(size=ROWS)
COLUMNS = {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": Y}
FORMULA = "y ~ a*w1 + b*w2 + c*w3 + v"
START = {"w1": 0.0, "w2": 0.0, "w3": 0.0, "v": 0.0}


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of at most 100 rows, and every file in parts."""
    monkeypatch.setattr(parts, "WHOLE_BYTES", 0)
    monkeypatch.setattr(parts, "PART_BYTES", 8 * 4 * 100)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "table.parquet"
    pl.DataFrame(COLUMNS).write_parquet(path, row_group_size=64)
    return str(path)


def by_hand(epochs: int, batch: int, seed: int = 0, schedule: Any = None) -> tuple[np.ndarray[Any, Any], list[float]]:
    """The same descent in plain NumPy: parts of 100 rows in the order of the epoch, rows in that of the part."""
    w, costs = np.zeros(4), []
    columns = np.column_stack([X, np.ones(ROWS)])
    for epoch in range(epochs):
        sofar, seen = 0.0, 0
        for part in np.random.default_rng([seed, epoch, 10]).permutation(10):
            rows = np.arange(100 * part, 100 * part + 100)
            order = rows[Batches(batch, seed, int(part) + 1).order(epoch, 100)]
            for k in range(0, 100, batch):
                some = order[k : k + batch]
                error = columns[some] @ w - Y[some]
                sofar += float(error @ error)
                # a schedule sees the share of the epoch's rows that are over, batches of a part being alike to it
                done = epoch + (seen + 100 * (k // batch) / -(-100 // batch)) / ROWS
                rate = RATE if schedule is None else float(schedule(np.array([done]))[0])
                w = w - rate * 2 / len(some) * columns[some].T @ error
            seen += 100
        costs.append(sofar / ROWS)
    return w, costs


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("engine", ["reference", "native"])
@pytest.mark.parametrize("batch", [10, 32])
def test_a_descent_takes_every_part_and_row(file: str, engine: str, batch: int) -> None:
    model = st.Model(FORMULA).fit(file, start=START, rate=RATE, epochs=3, batch=batch, engine=engine)
    w, costs = by_hand(3, batch)
    np.testing.assert_allclose([model.params[name] for name in START], w, rtol=1e-10)
    assert model.run is not None
    np.testing.assert_allclose([cost for _, cost in model.run.history[:-1]], costs, rtol=1e-10)
    error = X @ w[:3] + w[3] - Y
    assert model.run.cost == pytest.approx(float(np.mean(error**2)), rel=1e-10)


@pytest.mark.usefixtures("small_parts")
def test_a_schedule_runs_through_the_parts(file: str) -> None:
    schedule = st.schedules.cosine(RATE, 2)
    model = st.Model(FORMULA).fit(file, start=START, rate=schedule, epochs=2, batch=32)
    w, _ = by_hand(2, 32, schedule=schedule)
    np.testing.assert_allclose([model.params[name] for name in START], w, rtol=1e-9)


@pytest.mark.usefixtures("small_parts")
def test_blocks_of_columns_and_memory_of_the_optimiser(file: str) -> None:
    """A block gives what its columns give one by one, and Adam goes on from part to part."""
    single = st.Model(FORMULA).fit(file, start=START, rate=0.01, epochs=2, batch=16, optimiser="adam")
    block = st.Model("y ~ X @ W + v", features=["a", "b", "c"], params={"W": 3})
    block.fit(file, start={"W": [0, 0, 0], "v": 0}, rate=0.01, epochs=2, batch=16, optimiser="adam")
    found = [*block.params["W"], block.params["v"]]
    np.testing.assert_allclose(found, [single.params[name] for name in START], rtol=1e-9)
    assert single.run is not None
    assert single.run.memory["(updates)"] == 2 * 10 * 7  # 100 rows make seven batches of at most 16


@pytest.mark.usefixtures("small_parts")
def test_a_finished_descent_that_is_resumed_reports_the_cost_of_the_whole_table(file: str, tmp_path: Path) -> None:
    """As after a kill between the last checkpoint and the saved model."""
    settings: dict[str, Any] = {"start": START, "rate": RATE, "epochs": 2, "batch": 32}
    wanted = st.Model(FORMULA).fit(file, **settings).run
    for _ in range(2):
        found = st.Model(FORMULA).fit(file, checkpoint=tmp_path / "kept", resume=True, **settings).run
        assert found is not None
        assert wanted is not None
        assert (found.cost, found.history, found.warnings) == (wanted.cost, wanted.history, wanted.warnings)


@pytest.mark.usefixtures("small_parts")
def test_without_batches_a_table_is_read_at_once(file: str) -> None:
    whole = st.Model(FORMULA).fit(file, start=START, rate=RATE, epochs=5)
    table = st.Model(FORMULA).fit(COLUMNS, start=START, rate=RATE, epochs=5)
    assert whole.params == table.params


def test_small_files_are_read_at_once(file: str) -> None:
    """Batches are then drawn from all rows."""
    whole = st.Model(FORMULA).fit(file, start=START, rate=RATE, epochs=2, batch=32)
    table = st.Model(FORMULA).fit(COLUMNS, start=START, rate=RATE, epochs=2, batch=32)
    assert whole.params == table.params


@pytest.mark.usefixtures("small_parts")
def test_what_needs_the_whole_table_is_refused(file: str) -> None:
    with pytest.raises(DescentError, match="cannot be held out; give validate= a table"):
        st.Model(FORMULA).fit(file, batch=10, validate=0.2)
    with pytest.raises(ModelError, match="too large to be read at once, but weights are divided by their mean"):
        st.Model("y ~ a*w", weights="b").fit(file, batch=10)


@pytest.mark.usefixtures("small_parts")
def test_a_hole_in_a_later_part_is_named(tmp_path: Path) -> None:
    values = Y.tolist()
    values[250] = None
    path = tmp_path / "hole.parquet"
    pl.DataFrame({**COLUMNS, "y": values}).write_parquet(path)
    with pytest.raises(TableError, match=r"counted from data row 201: data row 51 of column 'y' has no value"):
        st.Model(FORMULA).fit(str(path), start=START, batch=10, epochs=1)
    st.Model(FORMULA).fit(str(path), start=START, batch=10, epochs=1, na="drop")


def test_parts_of_a_table_in_memory() -> None:
    part = open_table(COLUMNS).part(10, 5, ["a", "y"])
    np.testing.assert_array_equal(part.select(["y"]).arrays["y"], Y[10:15])
    assert part.rows == 5


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the most memory is read from Linux's /proc")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """1.3 GB of columns within 700 MB, most of which are the libraries and two parts."""
    path = tmp_path / "large.parquet"
    names = [f"x{k}" for k in range(64)]
    frames = []
    for k in range(10):
        rng = np.random.default_rng(k)
        inputs = rng.normal(size=(250_000, 64)).astype(np.float32)
        part = tmp_path / f"part{k}.parquet"
        pl.DataFrame({**dict(zip(names, inputs.T, strict=True)), "y": inputs.sum(axis=1)}).write_parquet(part)
        frames.append(pl.scan_parquet(part))
    pl.concat(frames).sink_parquet(path, row_group_size=50_000)
    script = (
        "import json, steepest as st\n"
        "model = st.Model('y ~ X @ W', features='x*', params={'W': 64})\n"
        f"model.fit({str(path)!r}, batch=256, rate=0.01, epochs=1, dtype='float32', seed=1)\n"
        # ru_maxrss would count what the process that began this one had; the status does not.
        "lines = open('/proc/self/status').read().splitlines()\n"
        "most = next(int(line.split()[1]) for line in lines if line.startswith('VmHWM'))\n"
        "print(json.dumps([most, model.run.cost]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    most, cost = json.loads(done.stdout)
    assert cost < 1e-3  # the variance of y is 64
    assert most * 1024 < 700e6
