"""The bench: every peer does the same work, and what it reports is what it measured."""

from __future__ import annotations

import importlib.util
import io
import json
import platform
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plain_loops import nand_loop
from steepest.bench import compiled, experiment, neuron, peers, report
from steepest.bench.experiment import Report, Row, measure
from steepest.bench.neuron import METHODS, Method
from steepest.bench.peer import BenchError, Peer, Run
from steepest.bench.peers import Steepest
from steepest.errors import SteepestError

# Costs after 1,000 epochs, computed apart from this package; the first is in the README.
KNOWN: dict[Method, float] = {"GD": 0.0626237279065, "FD": 0.0626302376}
CLOSE = {("float64", "GD"): 1e-10, ("float64", "FD"): 1e-8, ("float32", "GD"): 1e-5, ("float32", "FD"): 1e-3}
PLAIN = peers.Python()


class Pretended(Peer):
    """A peer whose times and costs are given, and which keeps a diary."""

    dtype = "float64"
    methods: tuple[Method, ...] = ("GD",)

    def __init__(self, name: str, times: list[float], diary: list[str], cost: float | None = None) -> None:
        self.name, self.title, self.times, self.diary, self.cost = name, name.upper(), times, diary, cost

    def prepare(self, method: Method) -> Run:
        def run(epochs: int) -> tuple[float, float]:
            right = neuron.final_cost(method, epochs) if self.cost is None else self.cost
            if epochs != 5:  # not yet the timed one
                return 0.01 * epochs, right
            self.diary.append(self.name)
            time = self.times.pop(0)
            if time < 0:
                raise ValueError("it ran out of luck\nand of lines")
            return time, right

        return run


class Simulated(Peer):
    """A peer on a simulated clock: compiling and its first call take long, each descent has costs of its own.

    Args:
        name: of the peer.
        an_epoch: seconds per epoch.
        compiling: seconds of ``prepare``.
        first: seconds that the first call takes longer than the others.
        starting: seconds of a descent, up to which they grow over its first thousand epochs.
    """

    methods: tuple[Method, ...] = ("GD",)

    def __init__(
        self, name: str, an_epoch: float, compiling: float = 0.0, first: float = 0.0, starting: float = 0.0
    ) -> None:
        self.name, self.title = name, name.capitalize()
        self.an_epoch, self.compiling, self.first, self.starting = an_epoch, compiling, first, starting
        self.now = 0.0

    def prepare(self, method: Method) -> Run:
        self.now += self.compiling
        extra = self.first

        def run(epochs: int) -> tuple[float, float]:
            nonlocal extra
            spent = extra + self.starting * min(epochs / 1000, 1.0) + self.an_epoch * epochs
            extra = 0.0
            self.now += spent
            return spent, neuron.final_cost(method, min(epochs, 1000))

        return run


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes simulated peers the only ones, and their clocks that of the experiment."""

    def replace(*given: Simulated) -> None:
        monkeypatch.setattr(experiment, "chosen", lambda names: list(given))
        monkeypatch.setattr(experiment, "_clock", lambda: sum(peer.now for peer in given), raising=False)

    return replace


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes these the only peers; they are timed over five epochs."""

    def replace(*given: Peer) -> None:
        monkeypatch.setattr(experiment, "chosen", lambda names: list(given))
        monkeypatch.setattr(experiment, "_enough", lambda *settings: 5)

    return replace


# -- the same work -------------------------------------------------------------------------------------------------


def test_plain_python_ends_where_numpy_and_the_notes_do() -> None:
    costs, _ = nand_loop(1000)
    assert neuron.final_cost("GD", 1000) == pytest.approx(costs[-1], rel=1e-12)
    for method in METHODS:
        assert neuron.final_cost(method, 1000) == pytest.approx(KNOWN[method], rel=1e-9)
        assert neuron.final_cost(method, 0) == pytest.approx(costs[0], rel=1e-15)


@pytest.mark.parametrize("peer", peers.every_peer(), ids=lambda peer: peer.name)
def test_every_peer_ends_at_the_known_cost(peer: Peer) -> None:
    if reason := peer.available():
        pytest.skip(reason)
    for method in peer.methods:
        run = peer.prepare(method)
        seconds, cost = run(1000 if peer.same else 100)
        assert 0 < seconds < 60
        if peer.same:
            assert cost == pytest.approx(KNOWN[method], rel=CLOSE[peer.dtype, method])
            assert run(0)[1] == pytest.approx(neuron.final_cost(method, 0), rel=1e-6)
        else:
            assert cost < run(10)[1]
        assert run(100)[1] == run(100)[1]  # from the start each time


@pytest.mark.parametrize(("flags", "dtype"), [(f, d) for f in (compiled.PLAIN, compiled.FAST) for d in ("64", "32")])
def test_every_way_of_writing_the_c_ends_at_the_known_cost(flags: tuple[str, ...], dtype: str) -> None:
    peer = compiled.C(flags, f"float{dtype}")
    if reason := peer.available():
        pytest.skip(reason)
    loaded = compiled.neuron_library([*flags, *(["-DSINGLE"] if dtype == "32" else [])])
    for method, ways in compiled.VARIANTS.items():
        for way in ways:
            if hasattr(loaded, way):
                _, cost = peer._run(loaded, way)(1000)
                assert cost == pytest.approx(KNOWN[method], rel=CLOSE[peer.dtype, method]), way


def test_gcc_makes_vectors_of_the_fast_c(tmp_path: Path) -> None:
    """Or the comparison would not be with the best that C can do here."""
    gcc = shutil.which("gcc")
    if gcc is None or platform.machine() != "x86_64" or platform.libc_ver()[0] != "glibc":
        pytest.skip("GCC with glibc on x86-64 is needed")
    source = Path(compiled.__file__).with_name("neuron.c")
    flags = ["-march=haswell" if flag == "-march=native" else flag for flag in compiled.FAST]
    made = tmp_path / "neuron.s"
    subprocess.run([gcc, *flags, "-S", str(source), "-o", str(made)], check=True)
    parts = made.read_text().split(".type\t")
    for way in ("gd_fused", "gd_vector", "fd_calls", "fd_flat", "fd_split"):
        assert any(part.startswith(f"{way},") and "_ZGVdN4v_exp" in part for part in parts), way


def test_a_peer_that_does_other_work_is_left_out(only: Any) -> None:
    diary: list[str] = []
    only(Pretended("honest", [1.0], diary), Pretended("idle", [1e-9], diary, cost=0.0625))
    found = measure(rounds=1)
    assert [row.peer.name for row in found.rows] == ["honest"]
    assert found.left_out.keys() == {"idle, GD"}
    assert found.left_out["idle, GD"].startswith(
        "after 1,000 epochs its cost is 0.0625 and that of plain Python 0.0626"
    )


# -- measuring -----------------------------------------------------------------------------------------------------


def test_rounds_are_interleaved_and_ratios_taken_within_them(only: Any) -> None:
    diary: list[str] = []
    only(Pretended("native", [1.0, 10.0, 2.0], diary), Pretended("other", [3.0, 20.0, 8.0], diary))
    found = measure(rounds=3)
    assert diary == ["native", "other"] * 3
    base, other = found.rows
    assert (base.time, other.time) == (2.0, 8.0)
    assert other.nanoseconds == pytest.approx(8e9 / 5)
    assert found.ratio_to_base(other) == pytest.approx(3.0)  # the median of 3, 2 and 4, not 8 by 2
    assert found.ratio_to_base(base) == 1.0


def test_a_peer_that_fails_in_a_round_is_named_and_the_others_go_on(only: Any) -> None:
    diary: list[str] = []
    only(Pretended("luckless", [1.0, -1.0, 1.0], diary), Pretended("other", [1.0, 2.0, 3.0], diary))
    found = measure(rounds=3)
    assert [row.peer.name for row in found.rows] == ["other"]
    assert found.rows[0].seconds == [1.0, 2.0, 3.0]
    assert found.left_out == {"luckless, GD": "ValueError: it ran out of luck"}
    assert diary == ["luckless", "other", "luckless", "other", "other"]


def test_slow_peers_get_fewer_epochs() -> None:
    assert experiment._enough(2e-8, 8_000_000, False) == 8_000_000
    assert experiment._enough(2.7e-5, 8_000_000, False) == 10_000
    assert experiment._enough(8e-4, 8_000_000, False) == 500
    assert experiment._enough(8e-4, 8_000_000, True) == 60
    assert experiment._enough(8e-4, 7, False) == 7
    assert experiment._enough(5.0, 8_000_000, False) == 1


def test_a_peer_nearly_as_fast_as_the_native_engine_is_not_slow() -> None:
    for wanted in (8_000_000, 8_000_000_000):
        assert experiment._enough(5e-7, wanted, False, base=5e-7) == wanted
        assert experiment._enough(1.9e-6, wanted, False, base=5e-7) == wanted
        assert experiment._enough(2.1e-6, wanted, False, base=5e-7) == 200_000


def test_a_speed_is_that_of_many_epochs() -> None:
    """Neither the start of a descent, 20 ms here, nor one interrupted call is taken for it."""
    asked: list[int] = []

    def run(epochs: int) -> tuple[float, float]:
        asked.append(epochs)
        interrupted = 3.0 if len(asked) == 3 else 0.0
        return interrupted + 0.02 + 6e-8 * epochs, 0.0

    assert experiment._pace(run, 8_000_000, False) == pytest.approx(6e-8, rel=0.1)
    assert max(asked) <= 8_000_000
    assert experiment._pace(lambda epochs: (0.0, 0.0), 8_000_000, False) == 0.0
    assert experiment._pace(lambda epochs: (5.0 * epochs, 0.0), 8_000_000, False) == 5.0


@pytest.mark.parametrize("name", ["native", "other"])
def test_a_slow_first_call_and_slow_starts_do_not_reduce_the_epochs(simulated: Any, name: str) -> None:
    """As on a slow machine: 2 s to compile, 3 s more in the first call, 21 ms to start a descent, 60 ns an epoch."""
    simulated(Simulated(name, 6e-8, compiling=2.0, first=3.0, starting=0.021))
    found = measure(8_000_000, rounds=2)
    (row,) = found.rows
    assert row.epochs == 8_000_000
    assert row.nanoseconds == pytest.approx(60, rel=0.1)
    assert row.fixed == pytest.approx(5.0, rel=0.01)
    assert row.seconds == pytest.approx([0.501, 0.501])
    assert found.shortened() == []
    assert not any("slow" in sentence for sentence in report.notes(found))
    (result,) = found.document()["results"]
    assert (result["epochs"], result["fewer_epochs"]) == (8_000_000, False)
    assert result["fixed_seconds"] == row.fixed


def test_a_slow_peer_is_reported_with_its_epochs(simulated: Any) -> None:
    simulated(Simulated("native", 6e-8, first=3.0), Simulated("slow", 2.7e-5), Simulated("other", 1e-7, compiling=7.0))
    found = measure(8_000_000, rounds=1)
    assert [(row.epochs, row.fixed) for row in found.rows] == [
        (8_000_000, pytest.approx(3.0)), (10_000, pytest.approx(0.0, abs=1e-4)), (8_000_000, pytest.approx(7.0)),
    ]  # fmt: skip
    assert "slow peers ran fewer than 8,000,000 epochs: Slow: GD 10,000" in report.notes(found)
    assert [row["fewer_epochs"] for row in found.document()["results"]] == [False, True, False]


def test_the_native_engine_does_all_epochs_even_if_it_is_slow(simulated: Any) -> None:
    simulated(Simulated("native", 1e-5), Simulated("other", 1e-5))
    assert [row.epochs for row in measure(8_000_000, rounds=1).rows] == [8_000_000, 8_000_000]


def test_the_native_engine_does_all_epochs() -> None:
    found = measure(300_000, rounds=1, names=["native"], quick=True)
    assert [(row.method, row.epochs) for row in found.rows] == [("GD", 300_000), ("FD", 300_000)]
    for row in found.rows:
        assert row.cost == pytest.approx(neuron.final_cost(row.method, 300_000), rel=1e-6)


def test_loading_modules_is_no_fixed_cost(simulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Simulated("heavy", 6e-8, compiling=2.0)
    peer.modules = ("one", "two")
    loaded: list[str] = []

    def load(name: str) -> None:
        loaded.append(name)
        peer.now += 50.0

    simulated(peer)
    monkeypatch.setattr(experiment, "load", load)
    assert measure(8_000_000, rounds=1).rows[0].fixed == pytest.approx(2.0)
    assert loaded == ["one", "two"]


def test_epochs_may_differ_in_a_ratio() -> None:
    slow, fast = Row(PLAIN, "FD", 10, [1.0], 0.1), Row(PLAIN, "GD", 1000, [20.0], 0.1)
    assert slow.ratio_to(fast) == pytest.approx(5.0)
    assert Report(1000, 1, [fast, slow], {}).differences("python") == pytest.approx(5.0)
    assert Report(1000, 1, [slow], {}).differences("python") is None
    assert Report(1000, 1, [slow], {}).ratio_to_base(slow) is None


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"epochs": 0}, "epochs is a whole number from 1, not 0"),
        ({"rounds": 0}, "rounds is a whole number from 1, not 0"),
        ({"epochs": 1.5}, "epochs is a whole number from 1, not 1.5"),
        ({"names": ["jaxx"]}, "there is no peer 'jaxx'; did you mean 'jax'?; the peers are native, "),
    ],
)
def test_settings_that_make_no_sense_are_one_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BenchError) as caught:
        measure(**settings)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, SteepestError)


# -- peers that cannot be run ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["jax", "numba", "numba-fast", "torch", "sklearn"])
def test_a_peer_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None)
    found = measure(epochs=10, rounds=1, names=["python", name])
    assert found.left_out[name] == f"{name.removesuffix('-fast')} is not installed"
    assert [row.peer.name for row in found.rows if row.peer.name != "native"] == ["python", "python"]


def test_a_broken_compiler_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "false")
    found = measure(epochs=10, rounds=1, names=["python", "c-fast"])
    for method in METHODS:
        assert found.left_out[f"c-fast, {method}"] == "the compiler 'false' ended with status 1"


def test_a_compiler_that_makes_nothing_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "true")
    with pytest.raises(BenchError, match=r"^the compiler 'true' made no library$"):
        compiled.neuron_library(compiled.PLAIN)


def test_what_a_compiler_complains_of_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := compiled.C(compiled.PLAIN, "float64").available():
        pytest.skip(reason)
    with pytest.raises(BenchError, match=r"ended with status 1: .*error") as caught:
        compiled.neuron_library(["-O3", "-Dlong=nonsense"])
    assert "\n" not in str(caught.value)


def test_a_compiler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    peer = compiled.C(compiled.FAST, "float64")
    monkeypatch.setenv("CC", "nonesuch -v")
    assert peer.available() == "there is no compiler 'nonesuch', which $CC names"
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert peer.available() == "there is no C compiler: $CC is not set, and cc, gcc and clang are not on the path"


def test_with_no_peer_at_all_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers.Steepest, "available", lambda self: "it is on holiday")
    monkeypatch.setenv("CC", "nonesuch")
    with pytest.raises(BenchError, match=r"^no peer could be measured: native: it is on holiday; c: there is no comp"):
        measure(epochs=10, rounds=1, names=["c"])


# -- the report ----------------------------------------------------------------------------------------------------


@pytest.fixture
def small() -> Report:
    """Numbers that are easy to follow."""
    c, python = compiled.C(compiled.FAST, "float64"), PLAIN
    native = peers.Steepest("native", "native")
    c.ways["GD"] = "gd_vector"
    return Report(
        8_000_000,
        1,
        [
            Row(native, "GD", 8_000_000, [0.16], 5.37e-6, 0.25), Row(c, "GD", 8_000_000, [0.2], 5.37e-6, 0.5),
            Row(python, "GD", 500_000, [0.4], 1e-4, 2e-6), Row(native, "FD", 8_000_000, [0.32], 5.37e-6, 0.125),
        ],
        {"torch": "torch is not installed"},
    )  # fmt: skip


def test_the_tables_hold_every_figure(small: Report, capsys: pytest.CaptureFixture[str]) -> None:
    report.show(small)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 78
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]
    assert cells[0] == ["peer", "by", "epochs", "ns/epoch", "/ native", "fixed s", "final cost"]
    assert cells[1] == ["native", "GD", "8,000,000", "20", "1", "0.250", "5.37e-06"]
    assert cells[2] == ["C fast-math", "GD", "8,000,000", "25", "1.25", "0.500", "5.37e-06"]
    assert cells[3] == ["Python", "GD", "500,000", "800", "40", "2e-06", "0.0001"]
    assert cells[6:] == [
        ["an epoch of FD / of GD", "times as long"],
        ["native", "2.00"],
        ["the notes, row A7", "3.29"],
        ["in theory, P + 1", "4.00"],
    ]


def test_the_notes_say_what_the_tables_do_not(small: Report) -> None:
    _, fixed, slow, flags, missing = report.notes(small)
    assert fixed.startswith(
        "fixed s: seconds spent once on compiling and the first call, not included in other columns"
    )
    assert slow == "slow peers ran fewer than 8,000,000 epochs: Python: GD 500,000"
    assert flags == "C fast-math: -O3 -march=native -ffast-math -fopenmp-simd"
    assert missing == "left out: torch: torch is not installed"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8137, "0.814"), (27.561, "27.6"), (999.6, "1,000"), (2111428.4, "2.1e+06"), (999_999.6, "1.0e+06")],
)
def test_figures_are_short(value: float, text: str) -> None:
    assert report._figures(value) == text


def test_the_document_is_json_and_holds_every_figure(small: Report) -> None:
    document = json.loads(json.dumps(small.document(), allow_nan=False))
    assert document["experiment"]["epochs"] == 8_000_000
    assert [row["peer"] for row in document["results"]] == ["native", "c-fast", "python", "native"]
    assert document["results"][1] == {
        "peer": "c-fast", "title": "C fast-math", "about": "-O3 -march=native -ffast-math -fopenmp-simd",
        "dtype": "float64", "method": "GD", "epochs": 8_000_000, "fewer_epochs": False,
        "fixed_seconds": 0.5, "seconds": 0.2, "rounds": [0.2],
        "nanoseconds_an_epoch": pytest.approx(25.0), "ratio_to_native": pytest.approx(1.25),
        "cost": 5.37e-6, "same_cost": True, "way": "gd_vector",
    }  # fmt: skip
    measured = {"native": pytest.approx(2.0)}
    assert document["differences_by_gradient"] == {"paper": 3.29, "theory": 4.0, "measured": measured}
    assert document["left_out"] == {"torch": "torch is not installed"}


def test_progress_shows_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, shown in ((io.StringIO(), False), (Terminal(), True)):
        monkeypatch.setattr(sys, "stderr", stream)
        with report.progress_shown() as tell:
            tell("round 1 of 3")
        assert bool(stream.getvalue()) == shown


def test_no_peer_is_loaded_until_it_is_asked_for() -> None:
    code = (
        "import sys, steepest.bench.experiment, steepest.bench.report\n"
        "steepest.bench.experiment.measure(epochs=10, rounds=1, names=['python'])\n"
        "sys.exit(' '.join({'jax', 'numba', 'torch', 'sklearn', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_an_interrupted_descent_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """A descent returns what it has reached when it is interrupted; timed as if it had ended, that would be a lie."""
    from steepest.training import descent

    real = descent.descend

    def broken_off(*args: Any, **settings: Any) -> Any:
        return replace(real(*args, **settings), stop="interrupted")

    run = Steepest("native", "native").prepare("GD")
    assert run(10)[1] > 0
    monkeypatch.setattr(descent, "descend", broken_off)
    run = Steepest("native", "native").prepare("GD")
    with pytest.raises(KeyboardInterrupt):
        run(10)
