"""Checkpoints: a descent that was killed, however often, ends bit for bit where an undisturbed one does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

import steepest as st
from batch_cases import FORMULAS
from checkpoint_runs import RUNS, numbers, run
from engine_cases import Model
from places import SUPPORT
from steepest import schedules
from steepest.engines.step import Record
from steepest.errors import SteepestError, StorageError
from steepest.storage.tensors import write_tensors
from steepest.training import checkpoints
from steepest.training.callbacks import Callbacks
from steepest.training.result import Descent

SLOW = pytest.mark.slow


def assert_same_bits(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert sorted(found) == sorted(wanted)
    for name, value in wanted.items():
        assert found[name].dtype == value.dtype, name
        assert found[name].shape == value.shape, name
        assert found[name].tobytes() == value.tobytes(), name


# -- killed --------------------------------------------------------------------------------------------------------


def _killed_again_and_again(name: str, folder: Path, kills: int, seed: int) -> int:
    """Run it to its end in as many processes as it takes; how many of them were killed in the midst of writing."""
    random, done = Random(seed), 0
    script = SUPPORT / "checkpoint_runs.py"
    for turn in range(kills + 20):
        process = subprocess.Popen([sys.executable, script, name, folder], stderr=subprocess.PIPE, text=True)
        checkpoint = folder / "kept.safetensors"
        if turn < kills:
            begin, before = time.perf_counter(), checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
            while process.poll() is None and time.perf_counter() - begin < 60:
                written = checkpoint.exists() and checkpoint.stat().st_mtime_ns != before
                if written:  # it is past its beginning, which takes longest
                    time.sleep(random.uniform(0, 0.3))
                    break
                time.sleep(0.002)
            done += process.poll() is None
            process.kill()
        _, errors = process.communicate(timeout=100)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, errors
    assert (folder / "result.npz").exists()
    return done


@pytest.mark.parametrize(("name", "kills"), [
    ("adam batches", 3), pytest.param("lbfgs", 2, marks=SLOW), pytest.param("lanes", 2, marks=SLOW),
    *(pytest.param(name, 12, marks=SLOW) for name in RUNS),
])  # fmt: skip
def test_killed_again_and_again(name: str, kills: int, tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("there is no SIGKILL to send")
    done = _killed_again_and_again(name, tmp_path, kills, kills)
    assert done >= min(kills, 2)  # they did not end before
    with np.load(tmp_path / "result.npz") as result:
        assert_same_bits(dict(result), numbers(run(name, None)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.safetensors", "result.npz"]


# -- stopped -------------------------------------------------------------------------------------------------------


def _shorter(name: str) -> dict[str, Any]:
    _, settings = RUNS[name]
    return {"epochs": min(settings["epochs"] // 5, 120)}


@pytest.mark.parametrize("name", RUNS)
def test_resumed_after_any_number_of_epochs(name: str, tmp_path: Path) -> None:
    """By a descent with fewer epochs, and by one that a callback or an interruption stops."""
    epochs = _shorter(name)["epochs"]
    wanted = numbers(run(name, None, epochs=epochs))
    # a schedule's length is its own, so that epochs are no part of what is the same descent
    run(name, tmp_path, epochs=epochs // 3)
    for stop in (epochs // 2, epochs // 2 + 1):

        def interrupt(moment: Any, stop: int = stop) -> None:
            if moment.epoch == stop:
                raise KeyboardInterrupt

        assert run(name, tmp_path, epochs=epochs, on_epoch=interrupt).stop == "interrupted"
    end = epochs * 3 // 4
    assert run(name, tmp_path, epochs=epochs, on_epoch=lambda moment: moment.epoch >= end).stop == "callback"
    assert_same_bits(numbers(run(name, tmp_path, epochs=epochs)), wanted)
    # and again, when it is at its end
    assert_same_bits(numbers(run(name, tmp_path, epochs=epochs)), wanted)


@pytest.mark.parametrize("name", RUNS)
def test_writing_changes_nothing(name: str, tmp_path: Path) -> None:
    epochs = _shorter(name)
    assert_same_bits(numbers(run(name, tmp_path, **epochs)), numbers(run(name, None, **epochs)))


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("settings", [
    {"tolerance": 1e-3}, {"tolerance": 1e-2, "batch": 6}, {"gradient_tolerance": 0.02},
    {"patience": 4, "validate": 0.3, "rate": 0.3}, {"tolerance": 1e-4, "optimiser": "lbfgs"},
])  # fmt: skip
def test_what_is_at_its_end_stays_there(settings: dict[str, Any], engine: str, tmp_path: Path) -> None:
    """Whoever runs a finished descent again gets the same result, and another one by asking for more."""
    model = FORMULAS["neuron"](30)
    settings = {"epochs": 3000, "checkpoint": tmp_path / "kept", "resume": True, **settings}
    first = model.descend(engine, **settings)
    assert first.stop != "epochs"
    again = model.descend(engine, **settings)
    assert (again.stop, again.message, again.epochs) == (first.stop, first.message, first.epochs)
    assert_same_bits(numbers(again), numbers(first))
    assert list(again.params) == list(first.params)
    finer = {name: value / 10 for name, value in settings.items() if name.endswith("tolerance")}
    if finer:
        assert model.descend(engine, **{**settings, **finer}).epochs > first.epochs


def test_the_path_of_a_resumed_descent(tmp_path: Path) -> None:
    """It begins at the start and goes on where it was resumed, at its own epochs."""
    model = FORMULAS["neuron"](30)
    whole = model.descend("native", epochs=50)
    model.descend("native", epochs=20, checkpoint=tmp_path / "kept")
    rest = model.descend("native", epochs=50, checkpoint=tmp_path / "kept", resume=True)
    assert [epoch for epoch, _ in rest.path] == [0, *range(20, 51)]
    assert all(row == dict(whole.path)[epoch] for epoch, row in rest.path)


def test_interrupted_while_a_call_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record then has rows of epochs that were not made; the checkpoint has not."""
    real, calls = Record.add, [0]

    def add(self: Record, *rows: Any) -> None:
        real(self, *rows)
        calls[0] += 1
        if calls[0] == 3:
            raise KeyboardInterrupt

    model = FORMULAS["neuron"](30)
    monkeypatch.setattr(Record, "add", add)
    first = model.descend("native", epochs=5000, checkpoint=tmp_path / "kept")
    assert first.stop == "interrupted"
    monkeypatch.undo()
    rest = model.descend("native", epochs=5000, checkpoint=tmp_path / "kept", resume=True)
    assert_same_bits(numbers(rest), numbers(model.descend("native", epochs=5000)))


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("where", ["_judge", "_follow"])
@pytest.mark.parametrize("engine", ["native", "reference"])
def test_interrupted_while_it_validates(
    engine: str, where: str, late: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not done for the last epoch is done when it is resumed, and nothing twice."""
    real, calls = getattr(Callbacks, where), [0]

    def cut(*given: Any) -> None:
        calls[0] += 1
        if late:
            real(*given)
        if calls[0] in (9, 15):
            raise KeyboardInterrupt
        if not late:
            real(*given)

    model = FORMULAS["neuron"](30)
    settings: dict[str, Any] = {
        "epochs": 40, "validate": 0.4, "patience": 30, "rate": schedules.plateau(2.0, 0.5, 2, 0.01), "batch": 7,
        "optimiser": "momentum",
    }  # fmt: skip
    whole = model.descend(engine, **settings)
    monkeypatch.setattr(Callbacks, where, cut)
    kept = {"checkpoint": tmp_path / "kept", "resume": True}
    for _ in range(2):
        assert model.descend(engine, **settings, **kept).stop == "interrupted"
    assert_same_bits(numbers(model.descend(engine, **settings, **kept)), numbers(whole))


# -- refused -------------------------------------------------------------------------------------------------------


def _base(tmp_path: Path, **others: Any) -> tuple[Model, dict[str, Any]]:
    given = {"epochs": 6, "checkpoint": tmp_path / "kept", "resume": True, "optimiser": "adam", **others}
    return FORMULAS["neuron"](30), given


@pytest.mark.parametrize("others", [
    {"rate": 0.2}, {"rate": schedules.cosine(0.1, 6)}, {"optimiser": "adamw"}, {"optimiser": st.optimisers.adam(0.8)},
    {"batch": 4}, {"seed": 1, "batch": 3}, {"dtype": "float32"}, {"maximise": True}, {"engine": "reference"},
    {"validate": 0.3}, {"gradient": "finite-difference"}, {"start": {"w1": 1, "w2": 0, "b": 0}}, {"optimiser": "lbfgs"},
    {"rate": schedules.plateau(0.1)},
])  # fmt: skip
def test_of_another_descent(others: dict[str, Any], tmp_path: Path) -> None:
    model, given = _base(tmp_path, batch=3)
    model.descend("native", **given)
    content = given["checkpoint"].read_bytes()
    changed = {"engine": "native", **given, **others}
    if others.keys() & {"gradient"} or others.get("optimiser") == "lbfgs":
        changed["batch"] = None
    with pytest.raises(StorageError, match="is a checkpoint of another descent") as caught:
        model.descend(changed.pop("engine"), **changed)
    assert "\n" not in str(caught.value)
    assert given["checkpoint"].read_bytes() == content


def test_of_another_table_or_cost(tmp_path: Path) -> None:
    model, given = _base(tmp_path)
    model.descend("native", **given)
    table = {**model.table, "z": np.array(model.table["z"])}
    table["z"][3] = np.nextafter(table["z"][3], 9)
    others = (Model(model.cost, table, model.start), Model(model.cost * 2, model.table, model.start))
    for other in (*others, FORMULAS["neuron"](31)):
        with pytest.raises(StorageError, match="is a checkpoint of another descent"):
            other.descend("native", **given, rate=0.1)


def test_what_may_differ(tmp_path: Path) -> None:
    """The length, the tolerances, the time, and numbers of another type."""
    model, given = _base(tmp_path, batch=5, seed=3)
    model.descend("native", **given)
    more: dict[str, Any] = {
        "epochs": 9,
        "tolerance": 1e-9,
        "max_seconds": 60.0,
        "batch": np.int64(5),
        "seed": np.int8(3),
    }
    assert model.descend("native", **{**given, **more}).epochs == 9


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


def test_damaged_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    model, given = _base(tmp_path)
    model.descend("native", **given)
    path = given["checkpoint"]
    content = path.read_bytes()
    places = [0, 3, 9, 40, len(content) // 2, len(content) - 1]
    lengths = [0, 1, 7, 8, 100, len(content) // 2, len(content) - 1]
    for wrong in [*(_flipped(content, k) for k in places), *(content[:k] for k in lengths), content + b"x", b"z" * 300]:
        path.write_bytes(wrong)
        with pytest.raises(StorageError) as caught:
            model.descend("native", **{**given, "epochs": 12})
        assert "\n" not in str(caught.value)
        assert path.read_bytes() == wrong
    path.write_bytes(content)
    assert model.descend("native", **{**given, "epochs": 12}).epochs == 12


def test_every_single_byte_counts(tmp_path: Path) -> None:
    """A changed byte anywhere is noticed, or does not matter: no other result comes out, and no traceback."""
    model, given = _base(tmp_path, epochs=2)
    model.descend("native", **given)
    path = given["checkpoint"]
    content = path.read_bytes()
    wanted = model.descend("native", **{**given, "epochs": 3})
    random = Random(1)
    for place in random.sample(range(len(content)), 250):
        path.write_bytes(_flipped(content, place))
        try:
            found = model.descend("native", **{**given, "epochs": 3})
        except StorageError:
            continue
        assert_same_bits(numbers(found), numbers(wanted))


def test_files_of_another_kind(tmp_path: Path) -> None:
    model, given = _base(tmp_path)
    saved = st.models.linear()
    saved.fit({"x": [1.0, 2], "y": [2.0, 4]}, epochs=2)
    saved.save(given["checkpoint"])
    with pytest.raises(StorageError, match="holds tensors but no steepest checkpoint"):
        model.descend("native", **given)
    write_tensors(given["checkpoint"], {}, checkpoints._KEY, {"format": 99})
    with pytest.raises(StorageError, match="newer steepest"):
        model.descend("native", **given)
    write_tensors(given["checkpoint"], {}, checkpoints._KEY, {"kind": "other"})
    with pytest.raises(StorageError, match="another descent"):
        model.descend("native", **given)
    given["checkpoint"].unlink()
    model.descend("native", **given)
    with pytest.raises(StorageError, match="holds tensors but no steepest model"):
        st.load(given["checkpoint"])


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    """Said before the first epoch, not after the last."""
    model, given = _base(tmp_path)
    began: list[int] = []
    for wrong in (tmp_path, tmp_path / "none" / "kept"):
        with pytest.raises(StorageError, match="cannot write"):
            model.descend("native", **{**given, "checkpoint": wrong}, on_epoch=lambda moment: began.append(1))
    assert began == []
    for path in (3, True, b"kept"):
        with pytest.raises(SteepestError, match="checkpoint is the path of a file"):
            model.descend("native", **{**given, "checkpoint": path})


def test_without_resume_it_begins_again(tmp_path: Path) -> None:
    model, given = _base(tmp_path)
    first = model.descend("native", **given)
    found: Descent = model.descend("native", **{**given, "resume": False})
    assert_same_bits(numbers(found), numbers(first))
    assert found.path[1][0] == 1


def test_a_checkpoint_is_text_that_can_be_read(tmp_path: Path) -> None:
    """The file is safetensors with JSON beside, for whoever looks what is in it."""
    from safetensors import safe_open

    model, given = _base(tmp_path)
    run_ = model.descend("native", **given)
    with safe_open(given["checkpoint"], framework="numpy") as file:
        about = json.loads(file.metadata()["steepest checkpoint"])
        assert about["epoch"] == 6
        assert float(file.get_tensor("params w1")) == run_.params["w1"]
