"""What a peer is: something that runs the experiment and says how long it took."""

from __future__ import annotations

import importlib
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from steepest.bench.neuron import METHODS, Method

Run = Callable[[int], tuple[float, float]]
"""From the number of epochs to the seconds in the loop and the final cost."""


class Peer(ABC):
    """A way to run the experiment.

    Attributes:
        name: what ``--peer`` calls it.
        title: what the table calls it, in few letters.
        about: what a reader of its times should know.
        dtype: the precision it computes in.
        methods: what it can do: gradient descent, finite differences.
        same: whether it descends this very cost, so that its final cost must be that of plain Python.
        needs: the module without which it cannot be run.
        modules: those that it loads, so that loading them is not counted as compiling.
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
        """Return why this peer cannot be run here, as the end of a sentence; None if it can."""
        return f"{self.needs} is not installed" if self.needs and not importlib.util.find_spec(self.needs) else None

    @abstractmethod
    def prepare(self, method: Method) -> Run:
        """Compile, and do whatever else is done once; return what descends from the start, again at each call."""


def load(name: str) -> Any:
    """Load a module of a peer when it is needed; not every one has types."""
    return importlib.import_module(name)
