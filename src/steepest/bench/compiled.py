"""C compiled by the system's compiler: ``neuron.c`` as a shared library, called in this process.

The file has several variants of each method. Which one is fastest depends on the compiler, so all are timed once and
the fastest is measured.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from steepest.bench.neuron import RATE, START, STEP, Method, X, Y, Z, cost
from steepest.bench.peer import BenchError, Peer, Run

PLAIN = ("-O3",)
FAST = ("-O3", "-march=native", "-ffast-math", "-fopenmp-simd")
COMPILERS = ("cc", "gcc", "clang")
VARIANTS: dict[Method, tuple[str, ...]] = {
    "GD": ("gd_fused", "gd_split", "gd_rows", "gd_vector"),
    "FD": ("fd_calls", "fd_flat", "fd_split", "fd_points"),
}
_TRIAL_EPOCHS, _TRIALS = 100_000, 3  # milliseconds per variant, far above the resolution of the clock
_COMPILE_SECONDS = 120  # for slow machines; usual is less than one


def compiler() -> list[str]:
    """Return the command of the C compiler: ``$CC``, else the first of cc, gcc and clang that exists."""
    given = shlex.split(os.environ.get("CC", ""))
    if given:
        if shutil.which(given[0]) is None:
            raise BenchError(f"there is no compiler {given[0]!r}, which $CC names")
        return given
    for name in COMPILERS:
        if shutil.which(name):
            return [name]
    raise BenchError("there is no C compiler: $CC is not set, and cc, gcc and clang are not on the path")


def neuron_library(flags: Sequence[str]) -> ctypes.CDLL:
    """Compile ``neuron.c`` with these flags and load it."""
    return library(resources.files("steepest.bench").joinpath("neuron.c").read_text(encoding="utf-8"), flags)


def library(source: str, flags: Sequence[str]) -> ctypes.CDLL:
    """Compile C source and load it."""
    words = compiler()
    with tempfile.TemporaryDirectory(prefix="steepest", ignore_cleanup_errors=True) as folder:
        text, object_file, made = (Path(folder) / f"loops.{suffix}" for suffix in ("c", "o", "so"))
        text.write_text(source, encoding="utf-8")
        _make([*words, *flags, "-fPIC", "-c", str(text), "-o", str(object_file)], object_file)
        # Linked without the flags: with -ffast-math, GCC links code that lets the whole process flush denormals to 0.
        threads = [flag for flag in flags if flag == "-fopenmp"]
        _make([*words, *threads, "-shared", str(object_file), "-o", str(made), "-lm"], made)
        try:
            return ctypes.CDLL(str(made))
        except OSError as error:
            raise BenchError(f"the library that {words[0]!r} made cannot be loaded: {error}") from None


def _make(command: list[str], made: Path) -> None:
    """Run the compiler to make a file."""
    name = command[0]
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=_COMPILE_SECONDS
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"the compiler {name!r} cannot be run: {error}") from None
    if done.returncode or not made.exists():
        errors = [line for line in done.stderr.decode(errors="replace").splitlines() if "error" in line.lower()]
        detail = f": {errors[0].replace(str(made.parent) + os.sep, '')}" if errors else ""
        what = f"ended with status {done.returncode}" if done.returncode else "made no library"
        raise BenchError(f"the compiler {name!r} {what}{detail}")


class C(Peer):
    """The whole loop in C; the cost is computed at the end only, which is in its favour.

    ``ways`` has the fastest variant by method, or the first, which is the plain one, if ``first`` is set.
    """

    def __init__(self, flags: Sequence[str], dtype: str, first: bool = False) -> None:
        self.flags, self.dtype, self.first = flags, dtype, first
        fast, single = flags == FAST, dtype == "float32"
        self.name = "c" + "-fast" * fast + "-float32" * single
        self.title = ("C fast-math" if fast else "C -O3") + ", f32" * single
        self.about = " ".join(flags)
        self.ways: dict[Method, str] = {}

    def available(self) -> str | None:
        """Return why there is no compiler; None if there is one."""
        try:
            compiler()
        except BenchError as error:
            return str(error)
        return None

    def prepare(self, method: Method) -> Run:
        """Compile, and choose the fastest variant."""
        single = self.dtype == "float32"
        loaded = neuron_library([*self.flags, *(["-DSINGLE"] if single else [])])
        ways = VARIANTS[method][:1] if self.first else VARIANTS[method]
        runs = {way: self._run(loaded, way) for way in ways if hasattr(loaded, way)}
        best = {way: min(run(_TRIAL_EPOCHS)[0] for _ in range(_TRIALS)) for way, run in runs.items()}
        self.ways[method] = min(best, key=best.__getitem__)
        return runs[self.ways[method]]

    def _run(self, loaded: ctypes.CDLL, way: str) -> Run:
        real: Any = ctypes.c_float if self.dtype == "float32" else ctypes.c_double
        columns = [(real * len(column))(*column) for column in (X, Y, Z)]
        # Pointers to three columns and the parameters, rate and ε, the number of epochs.
        loop: Callable[..., None] = loaded[way]
        loop.argtypes = [ctypes.POINTER(real)] * 4 + [real, real, ctypes.c_long]  # type: ignore[attr-defined]
        loop.restype = None  # type: ignore[attr-defined]

        def run(epochs: int) -> tuple[float, float]:
            params = (real * len(START))(*START)
            clock = time.perf_counter()
            loop(*columns, params, RATE, STEP, epochs)
            spent = time.perf_counter() - clock
            return spent, cost(X, Y, Z, *params)

        return run
