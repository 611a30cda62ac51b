"""Every peer of the experiment, steepest's own engines first."""

from __future__ import annotations

from collections.abc import Sequence

from steepest.bench.compiled import FAST, PLAIN, C
from steepest.bench.frameworks import Jax, Numba, ScikitLearn, Torch
from steepest.bench.neuron import LOOPS, RATE, START, STEP, Method, X, Y, Z, cost
from steepest.bench.peer import BenchError, Peer, Run, timed
from steepest.messages.hints import nearest

ENGINE = "native"  # the engine that is measured, by its name in st.descend
BASE = "native"  # the peer with which the others are compared


class Steepest(Peer):
    """``st.descend`` with one of its engines, record and stopping rules included; the time is ``run.seconds``."""

    def __init__(self, name: str, engine: str, dtype: str = "float64") -> None:
        self.name, self.engine, self.dtype = name, engine, dtype
        self.title = engine + ", f32" * (dtype == "float32")
        self.about = "st.descend with its record and stopping rules"
        self.modules = ("lark", "steepest.models.builders", "steepest.training.descent")
        if engine == "native":
            self.modules += ("steepest.engines.native.lanes.lane_runner",)

    def available(self) -> str | None:
        """Return why the engine cannot run; None if it can."""
        from steepest.engines import choose
        from steepest.errors import SteepestError

        try:
            choose(self.engine, self.dtype)
        except SteepestError as error:
            return str(error)
        return None

    def prepare(self, method: Method) -> Run:
        """Build the cost; a compiling engine compiles in the first descent."""
        from steepest.models.builders import neuron
        from steepest.training.descent import descend

        expression = neuron().cost
        columns = {"x": X, "y": Y, "z": Z}
        start = dict(zip(("w1", "w2", "b"), START, strict=True))
        gradient = "backprop" if method == "GD" else "finite-difference"

        def run(epochs: int) -> tuple[float, float]:
            found = descend(
                expression, columns, start, RATE, epochs, gradient=gradient, step=STEP, engine=self.engine,
                dtype=self.dtype, progress=False,
            )  # fmt: skip
            if found.stop == "interrupted":
                raise KeyboardInterrupt  # a partial descent is not a result here
            return found.seconds, cost(X, Y, Z, *(float(found.params[name]) for name in start))

        return run


class Python(Peer):
    """Plain Python: a loop over the epochs and one over the samples."""

    name, title = "python", "Python"
    about = "plain loops"

    def prepare(self, method: Method) -> Run:
        """Return the loop; there is nothing to compile."""
        return timed(lambda epochs: LOOPS[method](X, Y, Z, START, RATE, STEP, epochs))


def every_peer() -> list[Peer]:
    """Return all peers, in the order of the table."""
    return [
        Steepest(BASE, ENGINE),
        Steepest(f"{BASE}-float32", ENGINE, "float32"),
        *(C(flags, dtype) for flags in (FAST, PLAIN) for dtype in ("float64", "float32")),
        Jax(),
        Numba(fast=True),
        Numba(fast=False),
        Python(),
        Steepest("reference", "reference"),
        Torch(),
        ScikitLearn(),
    ]


def chosen(names: Sequence[str]) -> list[Peer]:
    """Return the peers of these names and the base of comparison; all if no name is given."""
    peers = every_peer()
    known = [peer.name for peer in peers]
    for name in names:
        if name not in known:
            raise BenchError(f"there is no peer {name!r}{nearest(name, known)}; the peers are {', '.join(known)}")
    return [peer for peer in peers if not names or peer.name in (BASE, *names)]
