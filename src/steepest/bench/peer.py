"""The interface of a peer: an implementation of the experiment that is timed."""

from __future__ import annotations

import importlib
import importlib.util
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from steepest.bench.neuron import METHODS, Method, X, Y, Z, cost
from steepest.errors import SteepestError

Run = Callable[[int], tuple[float, float]]
"""A function from the number of epochs to the seconds in the loop and the final cost."""


class BenchError(SteepestError):
    """A benchmark has nothing to measure, or a peer cannot run."""


class Peer(ABC):
    """An implementation of the experiment.

    Attributes:
        name: its name for ``--peer``.
        title: its short title in the table.
        about: what to know about its times.
        dtype: its precision.
        methods: its methods: gradient descent, finite differences.
        same: whether it minimises this cost, so that its final cost must equal that of plain Python.
        needs: the module that it requires.
        modules: the modules that it imports, so that importing is not counted as compiling.
    """

    name: str
    title: str
    about = ""
    dtype = "float64"
    methods: tuple[Method, ...] = METHODS
    same = True
    needs = ""
    modules: tuple[str, ...] = ()

    def available(self) -> str | None:
        """Return why this peer cannot run here; None if it can."""
        return f"{self.needs} is not installed" if self.needs and not importlib.util.find_spec(self.needs) else None

    @abstractmethod
    def prepare(self, method: Method) -> Run:
        """Compile and do other one-time work; return a function that runs a descent from the start at each call."""


def timed(descend: Callable[[int], Iterable[float]]) -> Run:
    """Return the run of a descent that takes a number of epochs and returns the final parameters."""

    def run(epochs: int) -> tuple[float, float]:
        clock = time.perf_counter()
        found = descend(epochs)
        return time.perf_counter() - clock, cost(X, Y, Z, *found)

    return run


def load(name: str) -> Any:
    """Import a module of a peer when it is needed, as Any, since not every one has types."""
    return importlib.import_module(name)
