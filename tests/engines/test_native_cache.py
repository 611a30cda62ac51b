"""The cache of compiled kernels: found again by other processes, never trusted when damaged, never in the way."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

import steepest as st
from engine_cases import CASES
from kernel_cache import entries, small
from places import SUPPORT
from sampling import sampled
from steepest.engines.native.llvm import cache, kernel
from steepest.errors import CacheWarning
from steepest.expressions import operations as op
from steepest.storage import files

# -- found again ---------------------------------------------------------------------------------------------------


def test_an_entry_is_written_and_found(place: Path, compiled: list[str]) -> None:
    small()
    assert len(compiled) == 1
    (name,) = entries(place)
    assert len(name) == 64
    small(0.2)  # from memory: the rate is no part of the code
    kernel._compiled.clear()
    small(0.3)  # from the directory
    assert len(compiled) == 1
    assert list(entries(place)) == [name]


def test_results_are_the_same_from_the_directory(place: Path, compiled: list[str]) -> None:
    """Constants, scratch memory and calls of the C library survive being written and read."""
    names = ["network wide", "standardised vector", "network softmax", "chain(2)"]
    x = st.params("x")
    far = (op.sin(x * 1e9) - 0.5) ** 2  # which calls the C library's sine
    models = [CASES[name]() for name in names]
    fresh = [model.descend("native", epochs=50).history for model in models]
    fresh.append(st.descend(far, None, {"x": 1.0}, 1e-20, 5, engine="native").history)
    count = len(compiled)
    kernel._compiled.clear()
    again = [model.descend("native", epochs=50).history for model in models]
    again.append(st.descend(far, None, {"x": 1.0}, 1e-20, 5, engine="native").history)
    assert again == fresh
    assert len(compiled) == count


_PROCESS = """
import sys
import steepest as st
from engine_cases import CASES
from steepest.engines.native.llvm import kernel
real, count = kernel.compile_module, [0]
def compile_module(*args):
    count[0] += 1
    return real(*args)
kernel.compile_module = compile_module
run = CASES[sys.argv[1]]().descend("native", epochs=20)
print(repr(run.cost), count[0])
"""


def start_process(place: Path, name: str = "A3 neuron") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PROCESS, name], cwd=SUPPORT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "STEEPEST_CACHE_DIR": str(place)},
    )  # fmt: skip


def answer(process: subprocess.Popen[str]) -> tuple[str, int]:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    cost, count = out.split()
    return cost, int(count)


def test_a_second_process_does_not_compile(place: Path) -> None:
    first = answer(start_process(place))
    kept = entries(place)
    second = answer(start_process(place))
    assert first[1] == len(kept) > 0
    assert second == (first[0], 0)
    assert entries(place) == kept


@pytest.mark.parametrize("processes", sampled([4, 10], 2))
def test_processes_at_once(place: Path, processes: int) -> None:
    """They may compile the same kernel twice, but all succeed, and leave sound entries only."""
    running = [start_process(place, ("A3 neuron", "network tanh")[k % 2]) for k in range(processes)]
    answers = [answer(process) for process in running]
    for k in (0, 1):
        assert len({cost for cost, _ in answers[k::2]}) == 1
    kept = entries(place)
    assert len(kept) == 2
    assert all(len(name) == 64 and cache._unpacked(data) is not None for name, data in kept.items())
    assert answer(start_process(place))[1] == 0


# -- damaged entries -----------------------------------------------------------------------------------------------


def damages(data: bytes) -> dict[str, bytes]:
    """Every kind of damage, by name."""
    rng = random.Random(0)
    lengths = {0, 1, 17, 18, 19, 49, 50, 51, 53, 54, 55, 60, 90, len(data) // 2, len(data) - 1}
    lengths |= {rng.randrange(len(data)) for _ in range(20)}
    positions = {*range(120), len(data) - 1, *(rng.randrange(len(data)) for _ in range(60))}
    flipped = {
        f"bit of byte {k}": data[:k] + bytes([data[k] ^ (1 << rng.randrange(8))]) + data[k + 1 :] for k in positions
    }
    return {
        **{f"cut at {length}": data[:length] for length in lengths},
        **flipped,
        "longer": data + b"\0",
        "twice": data + data,
        "zeros": bytes(len(data)),
        "text": b"hello\n",
        "noise": rng.randbytes(len(data)),
        "another version": data.replace(b"kernel 1", b"kernel 0", 1),
        "end lost": data[:-100] + bytes(100),
    }


def test_damage_is_noticed(place: Path) -> None:
    """Nothing that differs from what was written is taken for an entry."""
    small()
    ((name, data),) = entries(place).items()
    assert cache._unpacked(data) is not None
    for kind, broken in damages(data).items():
        assert cache._unpacked(broken) is None, kind
        (place / name).write_bytes(broken)
        assert cache.read(name) is None, kind
        assert not (place / name).exists(), kind


def test_damaged_entries_are_compiled_again(place: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """And written again; machine code is never loaded from them."""
    small()
    ((name, data),) = entries(place).items()
    sound = cache._unpacked(data)
    assert sound is not None
    loaded: list[bytes] = []
    real = kernel.Loaded

    def load(code: bytes) -> Any:
        loaded.append(code)
        return real(code)

    monkeypatch.setattr(kernel, "Loaded", load)
    chosen = list(damages(data).items())[::11]
    for kind, broken in chosen:
        (place / name).write_bytes(broken)
        kernel._compiled.clear()
        before = len(compiled)
        small()
        assert len(compiled) == before + 1, kind
        written = cache._unpacked((place / name).read_bytes())
        assert written is not None
        assert len(written.code) == len(sound.code)
    assert len(loaded) == len(chosen)
    assert {len(code) for code in loaded} == {len(sound.code)}


def test_an_entry_under_another_name_is_another_entry(place: Path) -> None:
    """A digest says that a file is whole, not that it is the one wanted: the function's name at least must fit."""
    small()
    ((_, data),) = entries(place).items()
    entry = cache._unpacked(data)
    assert entry is not None
    loaded = kernel.Loaded(entry.code)
    with pytest.raises(KeyError):
        loaded.address("descend_many")


# -- folders that cannot be used ------------------------------------------------------------------------------------


def unusable(tmp_path: Path) -> dict[str, Path]:
    file = tmp_path / "file"
    file.write_text("mine")
    full = Path("/dev/full") if os.path.exists("/dev/full") else file
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    return {
        "a file": file, "below a file": file / "kernels", "a device": full, "locked": locked / "kernels",
        "locked itself": locked, "a loop": loop, "too long": tmp_path / ("n" * 300), "of no kernel": Path("/proc/1/x"),
    }  # fmt: skip


def test_descents_work_where_nothing_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = unusable(tmp_path)
    for kind, path in paths.items():
        monkeypatch.setenv("STEEPEST_CACHE_DIR", str(path))
        kernel._compiled.clear()
        with pytest.warns(CacheWarning, match="is a link") if kind == "a loop" else contextlib.nullcontext():
            small()
    (tmp_path / "locked").chmod(0o700)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("failing", ["mkdir", "mkstemp", "write", "replace", "scandir", "stat", "utime", "read"])
def test_descents_work_when_the_disk_fails(
    failing: str, place: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No space, no right, a device that is gone: at every step of writing and reading. Nothing half written stays."""
    if failing in ("utime", "read"):
        small()
        kernel._compiled.clear()

    def fail(*args: Any, **settings: Any) -> Any:
        raise OSError(28, "No space left on device")

    class Full:
        def __init__(self, handle: int, mode: str) -> None:
            self.file = real_open(handle, mode)

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *about: Any) -> None:
            self.file.close()

        def write(self, data: bytes) -> None:
            self.file.write(data[: len(data) // 2])
            fail()

    real_open = os.fdopen
    targets: dict[str, tuple[Any, str, Any]] = {
        "mkdir": (Path, "mkdir", fail), "mkstemp": (tempfile, "mkstemp", fail), "write": (os, "fdopen", Full),
        "replace": (os, "replace", fail), "scandir": (os, "scandir", fail), "stat": (Path, "stat", fail),
        "utime": (os, "utime", fail), "read": (os, "fstat", fail),
    }  # fmt: skip
    with monkeypatch.context() as patched:
        patched.setattr(*targets[failing])
        small()
    kept = entries(place)
    assert all(len(name) == 64 and cache._unpacked(data) is not None for name, data in kept.items())
    assert len(kept) == (0 if failing in ("mkdir", "mkstemp", "write", "replace") else 1)
    assert len(compiled) == (2 if failing == "read" else 1)


def test_nothing_is_kept_if_no_place_is_given(
    tmp_path: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEEPEST_CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for count in (1, 2):
        kernel._compiled.clear()
        small()
        assert len(compiled) == count
    assert cache.directory() is None
    assert list(tmp_path.iterdir()) == []


def test_the_users_directory_is_the_place_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEEPEST_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    found = cache.directory()
    assert found is not None
    assert found.is_relative_to(tmp_path)
    assert "steepest" in found.parts
    kernel._compiled.clear()
    small()
    assert len(entries(found)) == 1
    assert found.stat().st_mode & 0o077 == 0  # code that is run lies where nobody else writes


# -- what is deleted -----------------------------------------------------------------------------------------------


def test_files_of_others_are_left_alone(place: Path) -> None:
    """The directory may hold whatever else, old and large."""
    place.mkdir()
    others = ["thesis.tar", "download.part", ".hidden.part", "a" * 63, "g" * 64, "A" * 64, "b" * 65]
    for name in others:
        (place / name).touch()
        os.truncate(place / name, 30 << 20)
        os.utime(place / name, (0, 0))
    (place / "folder").mkdir()
    small()
    assert {*others, "folder"} < {path.name for path in place.iterdir()}


def test_the_entries_used_longest_ago_go_first(
    place: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = [(st.params("x") - k) ** 2 for k in range(4)]

    def use(k: int) -> None:
        st.descend(costs[k], None, {"x": 0.0}, epochs=1, engine="native")

    use(0)
    size = sum(map(len, entries(place).values()))
    monkeypatch.setattr(cache, "_KEPT_BYTES", int(3.5 * size))
    monkeypatch.setattr(cache, "_THINNED_AFTER", 0)
    for k, name in enumerate(entries(place)):
        os.utime(place / name, (k, k))
    for k in (1, 2):
        before = set(entries(place))
        use(k)
        (new,) = set(entries(place)) - before
        os.utime(place / new, (1000 + k, 1000 + k))
    kernel._compiled.clear()
    use(0)  # from the directory, and from now on the youngest
    assert len(compiled) == 3
    use(3)
    assert len(entries(place)) == 3
    kernel._compiled.clear()
    for k in (0, 2, 3):
        use(k)
    assert len(compiled) == 4
    use(1)
    assert len(compiled) == 5


def test_a_directory_is_thinned_once_and_then_after_so_many_bytes(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thinned: list[int] = []
    monkeypatch.setattr(cache, "_thin", lambda place: thinned.append(len(entries(place))))
    entry = cache.Entry(0, 0, bytes(cache._THINNED_AFTER // 4))
    for k in range(10):
        cache.write(f"{k:064x}", entry)
    assert thinned == [1, 5, 9]


def test_what_killed_processes_left_goes(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_THINNED_AFTER", 0)
    place.mkdir()
    handle, name = tempfile.mkstemp(prefix=f".{'0' * 64}.", dir=place)
    files._lock(handle)
    small()
    assert os.path.exists(name)  # somebody is writing it
    os.close(handle)
    kernel._compiled.clear()
    st.descend((st.params("x") - 4) ** 2, None, {"x": 0.0}, epochs=1, engine="native")
    assert not os.path.exists(name)


_KILLED = """
import sys, time
from steepest.engines.native.llvm import kernel, cache
from steepest.engines.native.llvm.host import compile_module, this_host
import steepest as st
x = st.params("x")
k = int(sys.argv[1])
st.descend((x - 1) ** 2, None, {"x": 0.0}, epochs=1, engine="native")
print("ready", flush=True)
while True:
    k += 1
    st.descend((x - k) ** 2 * (x + k), None, {"x": 0.0}, 1e-9, epochs=1, engine="native")
"""


def test_killed_processes_leave_nothing_that_is_used(place: Path) -> None:
    """SIGKILL at random moments of compiling and writing: every entry is whole, and works."""
    if not hasattr(signal, "SIGKILL"):
        pytest.skip("there is no SIGKILL to send")
    rng = random.Random(1)
    for turn in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", _KILLED, str(1000 * turn)], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "STEEPEST_CACHE_DIR": str(place)},
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.01, 0.25))
        process.kill()
        process.communicate()
    kept = entries(place)
    whole = {name: data for name, data in kept.items() if len(name) == 64}
    assert len(whole) > 8
    assert all(name.startswith(".") for name in set(kept) - set(whole))
    for name, data in whole.items():
        entry = cache._unpacked(data)
        assert entry is not None, name
        assert kernel.Loaded(entry.code).address("descend")
    x = st.params("x")
    for k in (1, 1001, 1002, 2001):
        run = st.descend((x - k) ** 2 * (x + k), None, {"x": 0.0}, 1e-9, epochs=1, engine="native")
        # −(2(x − k)(x + k) + (x − k)²) at 0 is k².
        assert run.params["x"] == pytest.approx(1e-9 * k**2, rel=1e-12)


def test_killed_while_writing(place: Path) -> None:
    """Every prefix of the file under its temporary name, as a kill leaves it, is passed over."""
    small()
    ((name, data),) = entries(place).items()
    (place / name).unlink()
    for length in (0, 10, len(data) // 2, len(data)):
        (place / f".{length:064}.part").write_bytes(data[:length])
    kernel._compiled.clear()
    small()
    assert (place / name).exists()
