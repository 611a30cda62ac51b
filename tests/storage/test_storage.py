"""Saved models: what was saved comes back to the bit, and nothing else comes out of a file."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save as to_bytes

import steepest as st
from model_files import ABOUT, forge
from steepest.errors import ModelError, StorageError
from steepest.storage import files, tensors


def fitted() -> st.Model:
    return st.Model("y ~ a*x").fit({"x": [1.0, 2], "y": [2.1, 3.9]}, rate=0.1, epochs=50)


def refused(path: Path) -> str:
    """The one sentence with which a file is refused."""
    with pytest.raises(StorageError) as caught:
        st.load(path)
    text = str(caught.value)
    assert str(path) in text
    assert len(text) < 1000
    return text


# -- there and back ----------------------------------------------------------------------------------------------


def test_a_forged_file_is_read(tmp_path: Path) -> None:
    """So that what is refused below is refused for what is wrong with it."""
    model = st.load(forge(tmp_path / "m.safetensors", ABOUT))
    assert model.predict({"x": [3.0]}).tolist() == [6.0]


def test_round_trip_of_numbers_is_exact(tmp_path: Path) -> None:
    model = fitted()
    for value in (model.params["a"], 0.1, -0.0, 5e-324, 1.7976931348623157e308, 1 / 3):
        model.params = {"a": value}
        model.save(tmp_path / "m.safetensors")
        back = st.load(tmp_path / "m.safetensors")
        assert np.float64(back.params["a"]).tobytes() == np.float64(value).tobytes()
    assert (back.formula, back.cost_name, back.data) == ("y ~ a*x", "mse", ("x", "y"))


def test_the_same_model_gives_the_same_file(tmp_path: Path) -> None:
    """So that a digest of the file identifies the model."""
    model, path = st.Model("größe ~ a*x", data=["x", "größe"]), tmp_path / "m.safetensors"
    model.params = {"a": 1.5}
    contents = set()
    for _ in range(20):
        model.save(path)
        contents.add(path.read_bytes())
    assert len(contents) == 1
    assert st.load(path).formula == "größe ~ a*x"


def test_round_trip_of_a_network(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    model = st.models.network([3, 4, 2], output="softmax")
    table = {"X": rng.normal(size=(10, 3)), "y": rng.integers(0, 2, 10)}
    model.fit(table, epochs=5)
    model.params["W1"] = np.asfortranarray(model.params["W1"])  # another order in memory is the same array
    model.save(tmp_path / "n.safetensors")
    back = st.load(tmp_path / "n.safetensors")
    assert {name: array.shape for name, array in back.params.items()} == {
        "W1": (3, 4), "b1": (4,), "W2": (4, 2), "b2": (2,),
    }  # fmt: skip
    for name, array in model.params.items():
        np.testing.assert_array_equal(back.params[name], array)
    np.testing.assert_array_equal(back.predict(table), model.predict(table))
    assert back.cost is model.cost
    back.fit(table, start=back.params, epochs=5)  # and it can be fitted further
    model.fit(table, start=model.params, epochs=5)
    np.testing.assert_array_equal(back.params["W2"], model.params["W2"])


def test_round_trip_of_odd_names(tmp_path: Path) -> None:
    table = {"petal length": [1.0, 2], "größe": [2.0, 5]}
    model = st.Model('größe ~ `petal length`*ω + `the "offset"`', "huber").fit(table, epochs=20)
    model.save(tmp_path / "модель.safetensors")
    back = st.load(tmp_path / "модель.safetensors")
    assert back.params == model.params
    assert (back.formula, back.cost_name) == (model.formula, "huber")
    np.testing.assert_array_equal(back.predict(table), model.predict(table))


def test_others_can_read_the_file(tmp_path: Path) -> None:
    """It is plain safetensors: numbers by name, and metadata in JSON."""
    from safetensors import safe_open

    model = fitted()
    model.save(tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", framework="numpy") as file:
        assert float(file.get_tensor("a")) == model.params["a"]
        about = json.loads(file.metadata()["steepest"])
    assert about["formula"] == "y ~ a*x"
    assert about["format"] == 1
    assert about["version"] == st.__version__


def test_parameters_set_by_hand_get_their_shapes(tmp_path: Path) -> None:
    model = st.models.network([2, 2, 1])
    model.params = {"W1": [[1, 2], [3, 4]], "b1": 0.5, "W2": [7, 8], "b2": 9}
    model.save(tmp_path / "m.safetensors")
    back = st.load(tmp_path / "m.safetensors").params
    assert {name: array.tolist() for name, array in back.items()} == {
        "W1": [[1, 2], [3, 4]], "b1": [0.5, 0.5], "W2": [[7], [8]], "b2": [9],
    }  # fmt: skip
    del model.params["b2"]
    with pytest.raises(ModelError, match="'b2' has no value yet"):
        model.save(tmp_path / "m.safetensors")


# -- damage ------------------------------------------------------------------------------------------------------


def test_truncated_anywhere(tmp_path: Path) -> None:
    fitted().save(tmp_path / "m.safetensors")
    whole = (tmp_path / "m.safetensors").read_bytes()
    cut = tmp_path / "cut.safetensors"
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        refused(cut)
    cut.write_bytes(whole + b"\0")
    refused(cut)
    cut.write_bytes(whole)
    assert st.load(cut).formula == "y ~ a*x"


def test_no_flipped_bit_goes_unnoticed(tmp_path: Path) -> None:
    """One bit of every byte; only blanks that pad the header may become other blanks."""
    model = fitted()
    model.save(tmp_path / "m.safetensors")
    whole = (tmp_path / "m.safetensors").read_bytes()
    bent = tmp_path / "bent.safetensors"
    for place in range(len(whole)):
        for bit in (0, 3, 6) if place % 2 else (1, 4, 7):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            bent.write_bytes(changed)
            refused(bent)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_that_are_not_finite(value: float, tmp_path: Path) -> None:
    assert "finite" in refused(forge(tmp_path / "m.safetensors", ABOUT, {"a": value}))


def test_single_precision_is_refused(tmp_path: Path) -> None:
    text = json.dumps({"format": 1, **ABOUT})
    tensor = np.float32(2.0)
    digest = hashlib.sha256(text.encode() + json.dumps(["a", "<f4", []]).encode() + tensor.tobytes()).hexdigest()
    path = tmp_path / "m.safetensors"
    path.write_bytes(to_bytes({"a": np.array(tensor)}, metadata={"steepest": text, "sha256": digest}))
    assert "not float64" in refused(path)


# -- other files -------------------------------------------------------------------------------------------------


def test_newer_version(tmp_path: Path) -> None:
    text = refused(forge(tmp_path / "m.safetensors", ABOUT, format_=tensors.FORMAT + 1))
    assert "newer steepest" in text
    assert "update steepest" in text


@pytest.mark.parametrize(
    "about", ["", "{", "[]", "null", "7", '{"formula": "y ~ a*x"}', '{"format": "one"}', "[" * 100_000, "\x00"]
)
def test_metadata_that_does_not_parse(about: str, tmp_path: Path) -> None:
    refused(forge(tmp_path / "m.safetensors", about))


@pytest.mark.parametrize(
    "change",
    [
        {"formula": None}, {"formula": 7}, {"formula": ""}, {"formula": "y ~ "}, {"formula": "x*a"}, {"cost": "msee"},
        {"cost": None}, {"cost": ["mse"]}, {"data": None}, {"data": []}, {"data": {"x": "wide", "y": []}},
        {"data": {"x": [-1], "y": []}}, {"data": {"x": [1, 2, 3], "y": []}}, {"data": {"x": 5, "y": []}},
        {"parameter": {"a": [2]}}, {"parameter": {"a": [10**30]}}, {"parameter": 5}, {"parameter": {"a": [[1]]}},
        {"formula": "y ~ a*x*q"}, {"formula": "y ~ x"}, {"data": {"x": []}}, {"data": {"x": [float("nan")], "y": []}},
    ],
    ids=str,
)  # fmt: skip
def test_metadata_that_does_not_fit(change: dict[str, Any], tmp_path: Path) -> None:
    assert "not a usable model" in refused(forge(tmp_path / "m.safetensors", {**ABOUT, **change}))


def test_metadata_without_a_part(tmp_path: Path) -> None:
    for part in ABOUT:
        about = {key: value for key, value in ABOUT.items() if key != part}
        assert "its metadata is incomplete" in refused(forge(tmp_path / "m.safetensors", about))


def test_nothing_in_a_file_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    harm = "__import__('os').system('touch owned')"
    attacks = [
        f"y ~ {harm}",
        f"y ~ a*x; {harm}",
        f"{harm} ~ a*x",
        "y ~ a.__class__.__mro__",
        "y ~ (lambda: a)()",
        "y ~ a*x if open('owned', 'w') else 1",
        'y ~ f\'{open("owned", "w")}\'',
    ]
    for attack in attacks:
        refused(forge(tmp_path / "m.safetensors", {**ABOUT, "formula": attack}))
        refused(forge(tmp_path / "m.safetensors", {**ABOUT, "cost": attack}))
    refused(forge(tmp_path / "m.safetensors", {**ABOUT, "parameter": {harm: []}}))
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


@pytest.mark.parametrize(
    "formula",
    ["y ~ a*x" + " + a*x" * 2_000_000, "y ~ " + "(" * 100_000 + "a" + ")" * 100_000, "y ~ a*x^99999"],
    ids=["10 MB", "deep", "power"],
)  # fmt: skip
def test_a_formula_beyond_the_limits(formula: str, tmp_path: Path) -> None:
    path = forge(tmp_path / "m.safetensors", {**ABOUT, "formula": formula})
    begin = time.process_time()
    refused(path)
    assert time.process_time() - begin < 5


def test_tensors_of_someone_else(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(to_bytes({"a": np.zeros(3)}, metadata={"author": "someone"}))
    assert "no steepest model" in refused(path)
    path.write_bytes(to_bytes({"a": np.zeros(3)}))
    assert "no steepest model" in refused(path)


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    for content in (b"", b"x,y\n1,2\n", b"\x80\x04\x95cos\nsystem\n(S'touch owned'\ntR.", b"\xff" * 100):
        path = tmp_path / "m.safetensors"
        path.write_bytes(content)
        assert "is not a saved model, or is damaged" in refused(path)


def test_no_file_and_a_directory(tmp_path: Path) -> None:
    assert "there is no such file" in refused(tmp_path / "absent.safetensors")
    assert "it is a directory" in refused(tmp_path)


# -- writing -----------------------------------------------------------------------------------------------------


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    model = fitted()
    with pytest.raises(StorageError, match="choose another place"):
        model.save(tmp_path / "absent" / "m.safetensors")
    with pytest.raises(StorageError, match="cannot write"):
        model.save(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot write"):
        model.save(tmp_path / "file" / "m.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_places_that_are_seen_to_be_wrong_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.refuse_place(tmp_path / "m.safetensors")
    with pytest.raises(StorageError, match="there is no directory"):
        files.refuse_place(tmp_path / "absent" / "m.safetensors")
    with pytest.raises(StorageError, match="it is a directory"):
        files.refuse_place(tmp_path)
    monkeypatch.setattr(os, "access", lambda place, mode: not (place == tmp_path and mode == os.W_OK))
    with pytest.raises(StorageError, match="is not writable"):
        files.refuse_place(tmp_path / "m.safetensors")


def test_a_kill_in_the_middle_leaves_the_old_file_whole(tmp_path: Path) -> None:
    """A process saves two models in turn without end and is killed; what stands there is one of the two."""
    path = tmp_path / "m.safetensors"
    script = textwrap.dedent("""
        import sys
        from steepest.storage.tensors import save
        about = {"formula": "y ~ sum(v)*x", "cost": "mse", "data": {"x": [], "y": []}, "parameter": {"v": [200000]}}
        print("ready", flush=True)
        k = 0
        while True:
            save(sys.argv[1], {"v": [float(k % 2)] * 200000}, about)
            k += 1
            print(k, flush=True)
    """)
    for delay in (0.0, 0.003, 0.011, 0.017, 0.029):
        process = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        while process.stdout.readline().strip() != "1":
            pass
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        v = st.load(path).params["v"]
        assert v.shape == (200000,)
        assert set(v.tolist()) in ({0.0}, {1.0})


def test_the_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        fitted().save(tmp_path / "m.safetensors")
    finally:
        os.umask(before)
    assert (tmp_path / "m.safetensors").stat().st_mode & 0o777 == 0o640


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    for mode in (0o600, 0o640, 0o664):
        path.write_bytes(b"old")
        path.chmod(mode)
        files.write_atomically(path, b"new")
        assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", mode)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_the_file_that_a_link_names_is_written(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target, link, further = tmp_path / "there" / "m", tmp_path / "link", tmp_path / "further"
    link.symlink_to(target)
    further.symlink_to("link")
    for content in (b"first", b"second"):  # into a link that names nothing yet, and over a file
        files.refuse_place(further)
        files.write_atomically(further, content)
        assert link.is_symlink()
        assert further.is_symlink()
        assert (target.is_symlink(), target.read_bytes()) == (False, content)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["further", "link", "m", "there"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").symlink_to("absent/file")
    for name in ("a", "c"):
        for refuse in (files.refuse_place, lambda path: files.write_atomically(path, b"x")):
            with pytest.raises(StorageError, match=r"cannot write .*; choose another place"):
                refuse(tmp_path / name)
        assert (tmp_path / name).is_symlink()


def test_a_private_file_replaces_a_link(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"of someone else")
    (tmp_path / "m").symlink_to(other)
    files.write_atomically(tmp_path / "m", b"code", private=True)
    assert ((tmp_path / "m").is_symlink(), other.read_bytes()) == (False, b"of someone else")
    assert (tmp_path / "m").stat().st_mode & 0o777 == 0o600


def test_a_read_only_file_stays(tmp_path: Path) -> None:
    """For the administrator, too, who may write it."""
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"old")
    path.chmod(0o444)
    for refuse in (files.refuse_place, lambda place: files.write_atomically(place, b"new")):
        with pytest.raises(StorageError, match="is read-only; choose another place"):
            refuse(path)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"old", 0o444)
    assert [each.name for each in tmp_path.iterdir()] == ["m.safetensors"]
