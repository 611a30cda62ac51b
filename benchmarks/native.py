"""The native engine beside the peers: an epoch of every problem, and how far the bars are met.

The peers are C by the system's compiler (-march=native -ffast-math, and -O3 alone), JAX's fori_loop and NumPy by
hand, each in the form that is the fastest here, out of several that are tried first. A "plain loop" is C as the
notes write it, with the flags alone; "of matrices" is JAX as a user of it writes a network. All descend from the
same start at the same rate over the full batch, and must end at the same cost after a few epochs, or the script
fails. Seconds are those in the loop: compiling is left out for all. Rounds are interleaved; times are medians over
the rounds, ratios the medians of the ratios within them.

The line through many rows stands beside the bandwidth of the machine's memory, measured by reading two arrays of
80 MB by two threads in C. A table (CSV) and a picture go to the folder of --out.
"""

from __future__ import annotations

import ctypes
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np

import native_jax
import native_peers as peers
from native_cases import Case, chain, line, network
from pictures import OUT, curves, picture, write_table
from start_up import steepest_command
from steepest.bench import compiled, frameworks
from steepest.bench.neuron import Method, final_cost
from steepest.bench.peer import BenchError, Peer, Run
from steepest.bench.peers import ENGINE, Steepest
from timing import Options, RefusedError, Times, benchmark, interleaved, processes, ratio, table

LOOP, LOOP_PLAIN, JAX_MATRICES = "C, fast-math, plain loop", "C, -O3, plain loop", "JAX, fori_loop of matrices"
NATIVE, FAST, PLAIN, JAX, NUMPY = "native", "C, fast-math", "C, -O3", "JAX, fori_loop", "NumPy by hand"
VMAP, VMAP_MATRICES = "JAX, vmap, 2 threads", "JAX, vmap of matrices"
FAST_THREADS, FAST_ONE = "C, 16 lanes, threads", "C, 16 lanes, one thread"
DESCENT, QUICK_DESCENT = 0.4, 0.01  # seconds that a timed descent takes about
MANY_EPOCHS = 10_000  # of the restarts
THREADS = 2
BANDWIDTH_ROWS = 10_000_000
LARGE = 64 << 20  # bytes
LINE_ROWS = tuple(10**k for k in range(1, 8))
AGREEMENT = {"float64": 1e-8, "float32": 2e-3}


@dataclass
class Race:
    """Peers that do the same work.

    Attributes:
        name: the problem, method and precision.
        peers: what makes each; it may have several ways.
        check: after how many epochs the costs are compared, and what must come out, if that is known otherwise.
        agreement: how far costs may differ, relative.
        epochs: how many are timed; as many as take long enough, if 0.
        share: what the time of an epoch is divided by: the number of models.
        bytes: what an epoch reads from memory, for a rate in GB/s.
        times: seconds an epoch by peer, a number a round.
        ways: which way of writing a peer was the fastest.
    """

    name: str
    peers: dict[str, Callable[[], Mapping[str, Run]]]
    check: int = 100
    expected: float | None = None
    agreement: float = 1e-8
    epochs: int = 0
    share: int = 1
    bytes: int = 0
    times: Times = field(default_factory=dict)
    ways: dict[str, str] = field(default_factory=dict)

    @property
    def large(self) -> bool:
        """Whether the data is beyond the caches of most machines."""
        return self.bytes > LARGE


@dataclass(frozen=True)
class Bar:
    """What a ratio of two peers in a race should be at least: how many times as long as the base the peer takes."""

    race: str
    peer: str
    least: float

    @property
    def name(self) -> str:
        """What it says."""
        return f"{self.race}: {self.peer} / native"


BARS = [
    Bar("NAND GD, float64", LOOP, 1.0),
    Bar("NAND GD, float64", FAST, 1.0),
    Bar("NAND GD, float64", LOOP_PLAIN, 1.8),
    Bar("NAND GD, float64", PLAIN, 1.8),
    Bar("NAND GD, float64", JAX_MATRICES, 3.5),
    Bar("NAND GD, float64", JAX, 3.5),
    Bar("NAND FD, float64", LOOP, 1.5),
    Bar("NAND FD, float64", FAST, 1.5),
    Bar("XOR 2-2-1, float64", JAX_MATRICES, 4.0),
    Bar("XOR 2-2-1, float32", JAX_MATRICES, 2.0),
    Bar("XOR 2-2-1, float64", JAX, 4.0),
    Bar("XOR 2-2-1, float32", JAX, 2.0),
    Bar("XOR 2-2-1, float64", LOOP, 1.0),
    Bar("XOR 2-2-1, float32", LOOP, 1.0),
    Bar("XOR 2-2-1, float64", FAST, 1.0),
    Bar("XOR 2-2-1, float32", FAST, 1.0),
    Bar("restarts, 1,000 models", VMAP_MATRICES, 8.0),
    Bar("restarts, 1,000 models", VMAP, 8.0),
    Bar("line, 10,000,000 rows", NUMPY, 3.0),
]
BANDWIDTH_BAR, PROCESS_BAR = 1.3, 0.5


# -- the races -------------------------------------------------------------------------------------------------------


def gate(method: Method) -> Race:
    """The neuron of ``steepest bench``."""

    def of(peer: Peer) -> Callable[[], Mapping[str, Run]]:
        def make() -> Mapping[str, Run]:
            run = peer.prepare(method)
            return {peer.ways[method] if isinstance(peer, compiled.C) else "": run}

        return make

    found = {
        NATIVE: of(Steepest(NATIVE, ENGINE)), FAST: of(compiled.C(compiled.FAST, "float64")),
        PLAIN: of(compiled.C(compiled.PLAIN, "float64")),
        LOOP: of(compiled.C(peers.LOOP_FLAGS, "float64", first=True)),
        LOOP_PLAIN: of(compiled.C(compiled.PLAIN, "float64", first=True)), JAX: of(frameworks.Jax()),
    }  # fmt: skip
    if method == "GD":
        found[JAX_MATRICES] = native_jax.jax_neuron_of_matrices
    return Race(f"NAND {method}, float64", found, 1000, final_cost(method, 1000))


def usual(name: str, case: Case) -> Race:
    """A case by back-propagation: the native engine, C and JAX."""
    found: dict[str, Callable[[], Mapping[str, Run]]] = {
        NATIVE: lambda: {"": peers.native(case)},
        FAST: lambda: peers.c(case),
        JAX: lambda: native_jax.jax_loop(case),
    }
    race = Race(name, found, 100, by_hand(case, 100), AGREEMENT[case.dtype])
    if case.kind == "xor":
        race.peers[LOOP] = lambda: peers.c_plain(case)
        race.peers[JAX_MATRICES] = lambda: {"matrices": native_jax.jax_loop(case)["matrices"]}
    if case.kind == "line":
        race.peers[NUMPY] = lambda: peers.numpy_line(case)
        race.bytes = 2 * np.dtype(case.dtype).itemsize * case.rows
        race.check = 3
        race.expected = by_hand(case, 3)
    return race


def by_hand(case: Case, epochs: int) -> float:
    """The cost after some epochs of NumPy in float64."""
    params = dict(case.problem.start)
    for _ in range(epochs):
        params = case.problem.by_hand(case.problem.data, params, case.problem.rate)[1]
    return case.cost(params)


def many(models: int) -> Race:
    """Restarts of XOR: the same starts for all, the median of their costs compared."""
    case = Case("xor", network(0, "mse"), "float32")
    starts = peers.restart_starts(case, models)
    found: dict[str, Callable[[], Mapping[str, Run]]] = {
        NATIVE: lambda: {"": peers.native_restarts(case, models)},
        FAST_THREADS: lambda: peers.c_restarts(case, starts, threads=True),
        FAST_ONE: lambda: peers.c_restarts(case, starts, threads=False),
        VMAP: lambda: native_jax.jax_restarts(case, starts, THREADS, ["numbers", "products", "matrices"]),
        VMAP_MATRICES: lambda: native_jax.jax_restarts(case, starts, 1, ["matrices"]),
    }
    return Race(f"restarts, {models:,} models", found, 50, None, 1e-3, MANY_EPOCHS, models)


def races(quick: bool) -> list[Callable[[], Race]]:
    """What makes each race, so that only one's data is held at a time."""
    xor = {dtype: Case("xor", network(0, "mse"), dtype) for dtype in ("float64", "float32")}
    rows = LINE_ROWS[:3] if quick else LINE_ROWS
    return [
        lambda: gate("GD"),
        lambda: gate("FD"),
        *(lambda case=case: usual(f"XOR 2-2-1, {case.dtype}", case) for case in xor.values()),
        *(lambda n=n: usual(f"chain of 8, {n} rows", Case("chain", chain(8, n))) for n in (4, 100)),
        *(lambda n=n: usual(f"line, {n:,} rows", Case("line", line(n, 0))) for n in rows),
        lambda: many(32 if quick else 1000),
    ]


# -- measuring -------------------------------------------------------------------------------------------------------


def run_race(race: Race, options: Options, left_out: dict[str, str]) -> None:
    """Prepare the peers, see that they agree, time them.

    Raises:
        RefusedError: a peer ends at another cost.
    """
    wanted = QUICK_DESCENT if options.quick else DESCENT
    tasks: dict[str, Callable[[], float]] = {}
    costs: dict[str, float] = {}
    for name, make in race.peers.items():
        try:
            way, run = peers.fastest(make())
            costs[name] = run(race.check)[1]
        except (BenchError, ImportError) as error:
            left_out[f"{race.name}, {name}"] = str(error)
            continue
        race.ways[name] = way
        tasks[name] = timed(run, race.epochs or peers.epochs_for(run, wanted))
    expected = race.expected if race.expected is not None else next(iter(costs.values()))
    for name, cost in costs.items():
        if not abs(cost - expected) <= race.agreement * abs(expected):
            raise RefusedError(
                f"{race.name}: after {race.check} epochs {name} has the cost {cost!r} where {expected!r} is right; "
                "it did other work, so nothing is compared"
            )
    race.times = interleaved(tasks, options.rounds)


def timed(run: Run, epochs: int) -> Callable[[], float]:
    """A task that returns the seconds of an epoch."""
    return lambda: run(epochs)[0] / epochs


def bandwidth(rounds: int, quick: bool) -> float:
    """How many bytes a second two threads read from memory: the median of many readings of 160 MB."""
    source = Path(__file__).with_name("bandwidth.c").read_text(encoding="utf-8")
    read = compiled.library(source, ["-O3", "-march=native", "-ffast-math", "-pthread"]).read_seconds
    read.restype = ctypes.c_double
    read.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p]
    length, total = 2_000_000 if quick else BANDWIDTH_ROWS, ctypes.c_double()
    x, y = np.ones(length), np.ones(length)
    found = [read(x.ctypes.data, y.ctypes.data, length, THREADS, ctypes.byref(total)) for _ in range(5 + 5 * rounds)]
    if total.value != 2 * length:
        raise RefusedError(f"reading memory summed {total.value}, not {2 * length}")
    return 16 * length / statistics.median(found[5:])


def fit_process(rounds: int) -> list[float]:
    """``steepest fit nand --epochs 100000`` as a process, after one that fills the cache."""
    command = [steepest_command(), "fit", "nand", "--epochs", "100000", "--engine", ENGINE]
    return processes({"fit": command}, rounds)["fit"]


# -- reporting -------------------------------------------------------------------------------------------------------


def show(race: Race, options: Options, speed: float) -> list[list[str]]:
    """Print a race; return its rows."""
    rows = []
    for name, found in race.times.items():
        an_epoch = statistics.median(found)
        beside = f"{ratio(race.times, name, NATIVE):.3g}" if NATIVE in race.times else "–"
        cells = [name, f"{1e9 * an_epoch / race.share:.4g}", f"{1e9 * min(found) / race.share:.4g}", beside]
        if race.bytes:
            cells += [f"{race.bytes / an_epoch / 1e9:.1f}", f"{race.bytes / speed * 1e9:.4g}" if race.large else "–"]
        rows.append([*cells, race.ways[name]])
    unit = "ns an epoch and model" if race.share > 1 else "ns an epoch"
    read = ("GB/s", "memory, ns") if race.bytes else ()
    options.write(race.name)
    options.write(table(("", unit, "least", "/ native", *read, "fastest way"), rows) + "\n")
    return [[race.name, *row[:4], row[-1]] for row in rows]


def judged(found: Mapping[str, Race], speed: float, fits: list[float]) -> list[dict[str, Any]]:
    """Every bar whose race was run: what it asks and what was measured."""
    rows: list[dict[str, Any]] = []
    for bar in BARS:
        times = found[bar.race].times if bar.race in found else {}
        if NATIVE in times and bar.peer in times:
            value = ratio(times, bar.peer, NATIVE)
            rows.append({"bar": bar.name, "asked": f"≥ {bar.least:g}", "measured": value, "met": value >= bar.least})
    largest = found.get(f"line, {LINE_ROWS[-1]:,} rows")
    if largest and NATIVE in largest.times:
        value = statistics.median(largest.times[NATIVE]) * speed / largest.bytes
        name = f"{largest.name}: native / reading them"
        rows.append({"bar": name, "asked": f"≤ {BANDWIDTH_BAR:g}", "measured": value, "met": value <= BANDWIDTH_BAR})
    if fits:
        value = statistics.median(fits)
        name = "steepest fit nand --epochs 100000, second run, s"
        rows.append({"bar": name, "asked": f"≤ {PROCESS_BAR:g}", "measured": value, "met": value <= PROCESS_BAR})
    return rows


def draw(found: list[Race], speed: float) -> Callable[[Any], Any]:
    """Bars of the small problems by peer, and the line against its rows."""
    lines = [race for race in found if race.bytes]
    small = [race for race in found if not race.bytes]

    def drawn(pyplot: Any) -> Any:
        figure, places = pyplot.subplots(2, 4, figsize=(17, 7))
        places = list(places.flat)
        for race, axes in zip(small, places, strict=False):
            names = list(race.times)
            values = [1e9 * statistics.median(race.times[name]) / race.share for name in names]
            axes.barh(names, values, color=["C3" if name == NATIVE else "C0" for name in names])
            axes.bar_label(axes.containers[0], fmt="%.3g", fontsize=7, padding=2)
            axes.invert_yaxis()
            axes.margins(x=0.15)
            axes.tick_params(labelsize=7)
            axes.set_title(race.name, fontsize=9)
            axes.set_xlabel("ns an epoch" + (" and model" if race.share > 1 else ""), fontsize=8)
        for axes in places[len(small) :]:
            axes.set_visible(False)
        if lines:
            axes = places[-1]
            axes.set_visible(True)
            by_peer: dict[str, dict[float, float]] = {}
            for race in lines:
                rows = race.bytes / 16
                for name, times in race.times.items():
                    by_peer.setdefault(name, {})[rows] = statistics.median(times)
                if race.large:
                    by_peer.setdefault("reading memory", {})[rows] = race.bytes / speed
            curves(axes, by_peer, "rows", "s an epoch", "line, float64")
        figure.tight_layout()
        return figure

    return drawn


ONLY = click.Option(["--only"], multiple=True, metavar="TEXT", help="Only races whose names hold this; repeatable.")


@benchmark(__doc__, rounds=7, extra=[OUT, ONLY])
def main(options: Options, out: Path, only: tuple[str, ...]) -> dict[str, Any]:
    """Measure, print, and return what goes into the JSON."""
    left_out: dict[str, str] = {}
    speed = bandwidth(options.rounds, options.quick)
    options.write(f"memory: {speed / 1e9:.1f} GB/s, read by {THREADS} threads\n")
    found: list[Race] = []
    rows: list[list[str]] = []
    for make in races(options.quick):
        race = make()
        if only and not any(text in race.name for text in only):
            continue
        run_race(race, options, left_out)
        race.peers.clear()  # and the data that they hold
        rows += show(race, options, speed)
        found.append(race)
    fits = [] if only and "fit" not in only else fit_process(options.rounds)
    bars = judged({race.name: race for race in found}, speed, fits)
    headers = ("bar", "asked", "measured", "")
    written = [(b["bar"], b["asked"], f"{b['measured']:.3g}", "met" if b["met"] else "MISSED") for b in bars]
    options.write(table(headers, written))
    for name, reason in left_out.items():
        options.write(f"left out: {name}: {reason}")
    write_table(out, "native", ("race", "peer", "ns an epoch", "least", "/ native", "way"), rows)
    write_table(out, "native_bars", headers, written)
    picture(options, out, "native", draw(found, speed))
    races_found = [{"race": r.name, "seconds_an_epoch": r.times, "share": r.share, "ways": r.ways} for r in found]
    return {"bandwidth": speed, "races": races_found, "fit": fits, "bars": bars, "left_out": left_out}


if __name__ == "__main__":
    main()
