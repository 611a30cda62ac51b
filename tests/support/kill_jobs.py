"""Jobs that write files and may be killed meanwhile. They are forked from one process that has imported everything.

A process of its own takes half a second to start, a fork takes milliseconds. ``kill_jobs.py`` reads a line of JSON for
each request and answers with a number: that of the process that it has forked, or the status with which one has ended.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

NUMBERS = 1_500_000  # in a saved model, which takes 12 MB
PADDING = 1 << 20  # bytes after the code of each kernel, so that a good part of the time goes into writing them


class Forks:
    """Start jobs in processes, and wait for them."""

    def __init__(self, log: Path, cache: Path) -> None:
        self.log = log
        environment = {**os.environ, "STEEPEST_CACHE_DIR": str(cache), "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def _asked(self, **request: Any) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def start(self, job: str, *given: Any) -> int:
        """Start a job and return the number of its process."""
        return self._asked(job=job, given=[str(each) if isinstance(each, Path) else each for each in given],
                           log=str(self.log))  # fmt: skip

    def wait(self, process: int) -> bool:
        """Wait for the end of a process; return whether it was killed. It may fail in no other way."""
        status = self._asked(wait=process)
        assert status in (0, -signal.SIGKILL), f"{status}: {self.log.read_text()[-3000:]}"
        return status != 0

    def is_writing(self, process: int) -> bool:
        """Return whether a process has, or had when it was killed, a temporary file."""
        trace = _trace(self.log, process)
        return trace.exists() and trace.read_bytes().endswith(b"+")

    def run(self, job: str, *given: Any) -> str:
        """Run a job to its end and return what it has printed to standard error."""
        self.log.unlink(missing_ok=True)
        assert not self.wait(self.start(job, *given))
        return self.log.read_text()

    def close(self) -> None:
        self._process.communicate()


def _trace(log: str | Path, process: int) -> Path:
    return Path(log).with_name(f"{process}.trace")


# -- jobs ----------------------------------------------------------------------------------------------------------


@functools.cache
def _models() -> list[Any]:
    """Make two models, in the process that is forked."""
    import steepest as st

    models = []
    for seed in range(2):
        model = st.Model("y ~ sum(v)*x", params={"v": NUMBERS}, data=["x", "y"])
        model.params = {"v": np.random.default_rng(seed).normal(size=NUMBERS)}
        assert model.cost.parameters == ("v",)
        models.append(model)
    return models


def save(path: str, version: int, times: int) -> None:
    """Save two models in turn to the same path."""
    for k in range(times):
        _models()[(version + k) % 2].save(path)


def fit(folder: str, words: list[str], part: int, contents: str) -> None:
    """Run a command in a folder; ``part`` is the size of parts of tables, 0 for no parts.

    If ``contents`` is a file, the digests of all files that are written are appended to it.
    """
    from steepest.cli.main import run
    from steepest.storage import tensors
    from steepest.tables import parts

    if part:
        parts.WHOLE_BYTES, parts.PART_BYTES = 0, part
    if contents:
        real = tensors.write_atomically

        def noted(path: str | os.PathLike[str], content: bytes) -> None:
            with open(contents, "a") as file:
                file.write(hashlib.sha256(content).hexdigest() + "\n")
            real(path, content)

        tensors.write_atomically = noted
    os.chdir(folder)
    sys.argv = ["steepest", *words]
    with open(os.devnull, "w") as sys.stdout:
        run()


def kernels(first: int, after: int) -> None:
    """Compile kernels, or read them from the cache, and run them: an epoch from 0 leads to rate · k²."""
    import steepest as st
    from steepest.engines.native.llvm import kernel

    real = kernel.compile_module
    kernel.compile_module = lambda *given: real(*given) + bytes(PADDING)
    x = st.params("x")
    for k in range(first, after):
        found = st.descend((x - k) ** 2 * (x + k), None, {"x": 0.0}, 1e-9, epochs=1, engine="native").params["x"]
        assert abs(found - 1e-9 * k**2) <= 1e-12 * 1e-9 * k**2, (k, found)


JOBS: dict[str, Callable[..., None]] = {"save": save, "fit": fit, "kernels": kernels}


class SlowFile(io.FileIO):
    """A file on a disk that takes ten milliseconds, piece by piece, so that kills find incomplete files anywhere."""

    def write(self, content: Any) -> int:
        rest = memoryview(content)
        size = -(-len(rest) // 16)
        while rest:
            rest = rest[super().write(rest[:size]) :]
            time.sleep(0.0006)
        return len(content)


def _note_writes(trace: Path) -> None:
    """Append + to a file when a temporary file has been created, and - when it has been renamed."""
    from steepest.storage import files

    create, replace = tempfile.mkstemp, files._replaced
    handle = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    def created(*given: Any) -> Any:
        made = create(*given)
        os.write(handle, b"+")
        return made

    def replaced(*given: Any) -> bool:
        done = replace(*given)
        os.write(handle, b"-")
        return done

    opened = os.fdopen

    def slow(handle: int, mode: str, *given: Any, **named: Any) -> Any:
        return SlowFile(handle, mode) if mode == "wb" else opened(handle, mode, *given, **named)

    tempfile.mkstemp, files._replaced, os.fdopen = created, replaced, slow


def _forked(request: dict[str, Any]) -> int:
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        with open(request["log"], "a", buffering=1) as sys.stderr:
            os.dup2(sys.stderr.fileno(), 2)
            warnings.simplefilter("error")
            _note_writes(_trace(request["log"], os.getpid()))
            try:
                JOBS[request["job"]](*request["given"])
                status = 0
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
            except BaseException:
                traceback.print_exc()
    finally:
        os._exit(status)


def _serve() -> None:
    """Answer requests. Nothing that starts threads runs here: a process with threads cannot be forked safely."""
    import polars  # noqa: F401
    import safetensors.numpy  # noqa: F401

    import steepest.cli.main
    import steepest.engines.native.lanes.lane_runner
    import steepest.models.model
    import steepest.training.descent  # noqa: F401

    _models()
    for line in sys.stdin:
        request = json.loads(line)
        ended = "wait" in request
        answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1]) if ended else _forked(request)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
