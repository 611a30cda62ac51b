"""The cache of compiled kernels: found again by other processes, never trusted when damaged, never in the way."""

from __future__ import annotations

import gc
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from engine_cases import CASES
from places import SUPPORT
from sampling import sampled
from steepest.calculus.prepared import prepare
from steepest.calculus.program import lower
from steepest.engines import native
from steepest.engines.native.lanes.evaluation import Evaluation
from steepest.engines.native.lanes.lane_runner import LaneRunner
from steepest.engines.native.llvm import cache, kernel
from steepest.engines.native.llvm.host import this_host
from steepest.expressions import operations as op
from steepest.expressions.expression import constant
from steepest.tables.values import bind
from steepest.training.optimisers import Optimiser, gradient_descent
from steepest.training.steps import difference_step, gradient_step


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache directory of this test's own, and nothing in memory before or after."""
    monkeypatch.setenv("STEEPEST_CACHE_DIR", str(tmp_path / "kernels"))
    kernel._compiled.clear()
    yield tmp_path / "kernels"
    kernel._compiled.clear()


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every module that LLVM is given."""
    texts: list[str] = []
    real = kernel.compile_module

    def compile_module(text: str, *rest: Any) -> bytes:
        texts.append(text)
        return real(text, *rest)

    monkeypatch.setattr(kernel, "compile_module", compile_module)
    return texts


def small(rate: float = 0.1) -> float:
    """A descent of one kernel, quickly compiled: 3·(1 − 2α) from the minimum after an epoch."""
    x = st.params("x")
    run = st.descend((x - 3) ** 2, None, {"x": 0.0}, rate, 1, engine="native")
    assert run.engine == "native"
    assert run.params["x"] == pytest.approx(6 * rate, rel=1e-15)
    return float(run.params["x"])


def entries(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in place.iterdir()} if place.exists() else {}


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
    for path in paths.values():
        monkeypatch.setenv("STEEPEST_CACHE_DIR", str(path))
        kernel._compiled.clear()
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
        "utime": (os, "utime", fail), "read": (Path, "read_bytes", fail),
    }  # fmt: skip
    with monkeypatch.context() as patched:
        patched.setattr(*targets[failing])
        small()
    kept = entries(place)
    assert all(len(name) == 64 and cache._unpacked(data) is not None for name, data in kept.items())
    assert len(kept) == (0 if failing in ("mkdir", "mkstemp", "write", "replace", "stat") else 1)
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


def test_a_directory_is_thinned_once_and_then_after_so_many_bytes(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thinned: list[int] = []
    monkeypatch.setattr(cache, "_thin", lambda place: thinned.append(len(entries(place))))
    entry = cache.Entry(0, 0, bytes(cache._THINNED_AFTER // 4))
    for k in range(10):
        cache.write(f"{k:064x}", entry)
    assert thinned == [1, 5, 9]


def test_what_killed_processes_left_goes_after_a_while(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_THINNED_AFTER", 0)
    place.mkdir()
    handle, name = tempfile.mkstemp(prefix=f".{'0' * 64}.", dir=place)
    os.close(handle)
    small()
    assert os.path.exists(name)  # somebody may be writing it
    os.utime(name, (0, 0))
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


# -- what a key depends on -----------------------------------------------------------------------------------------


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
