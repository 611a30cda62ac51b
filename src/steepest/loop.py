"""The loop of a descent: its stopping rules, its thinned record, and what it says at the end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steepest.errors import DescentError
from steepest.render.progress import Progress
from steepest.training import Advance, Params

_ROWS_KEPT = 1000  # of history and path; twice as many are held before every second one goes
_HOPELESS = 1e10  # a cost that has grown by this factor, from 1 or above, will not come back
_RISE = {"float64": 1e-9, "float32": 1e-5}  # relative; a smaller rise of the cost may be round-off
_EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23}
_BREATH = 0.05  # seconds between two looks at the clock's consequences


@dataclass
class Descent:
    """A descent that has ended.

    Attributes:
        params: the final parameters, numbers or arrays by name.
        cost: the cost at ``params``.
        reason: why it stopped: ``"epochs"``, ``"gradient"``, ``"tolerance"``, ``"time"``, ``"diverged"`` or
            ``"interrupted"``.
        message: the same as a sentence.
        epochs: how many updates were made.
        seconds: how long they took, s.
        engine: the engine that made them.
        history: rows (epoch, cost), at most 2000, first and last included.
        path: rows (epoch, parameters), likewise.
        warnings: sentences about what a reader of the result should know.
        start: the parameters at epoch 0.
        restarts: the final cost of every restart, if there were several.
    """

    params: Params
    cost: float
    reason: str
    message: str
    epochs: int
    seconds: float
    engine: str
    history: list[tuple[int, float]]
    path: list[tuple[int, Params]]
    start: Params
    warnings: list[str] = field(default_factory=list)
    restarts: list[float] | None = None

    @property
    def diverged(self) -> bool:
        """Whether the cost or a parameter left the finite numbers, or was on its way there."""
        return self.reason == "diverged"

    def __str__(self) -> str:
        values = ", ".join(f"{name} = {_short(value)}" for name, value in self.params.items())
        lines = [f"cost {self.cost:.10g} after {self.epochs} epochs; {self.message}", values, *self.warnings]
        return "\n".join(lines)


def _short(value: Any) -> str:
    return f"{float(value):.10g}" if np.ndim(value) == 0 else f"array of shape {np.shape(value)}"


@dataclass(frozen=True)
class Stops:
    """When a descent ends: after ``epochs``, or when one of the others is reached."""

    epochs: int
    tolerance: float | None
    gradient_tolerance: float | None
    seconds: float | None


class _Track:
    """Rows by epoch, thinned to a bounded number by leaving out every second one."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, Any]] = []
        self._stride = 1

    def add(self, epoch: int, row: Any) -> None:
        if epoch % self._stride == 0:
            self.rows.append((epoch, row))
            if len(self.rows) >= 2 * _ROWS_KEPT:
                self._stride *= 2
                self.rows = [kept for kept in self.rows if kept[0] % self._stride == 0]

    def end(self, epoch: int, row: Any) -> list[tuple[int, Any]]:
        """All rows, the last one being this."""
        return [kept for kept in self.rows if kept[0] < epoch] + [(epoch, row)]


def _plain(params: Params) -> Params:
    """Python numbers for parameters that are numbers; arrays stay arrays."""
    return {name: float(array) if np.ndim(array) == 0 else array for name, array in params.items()}


def _all_finite(params: Params) -> bool:
    return all(np.isfinite(array).all() for array in params.values())


def _is_flat(history: Sequence[tuple[int, float]]) -> bool:
    """Whether the cost changed by less than a thousandth of itself over the last tenth of the epochs."""
    last_epoch, last = history[-1]
    before = next((cost for epoch, cost in history if epoch >= 0.9 * last_epoch), last)
    return abs(before - last) <= 1e-3 * abs(last)


class Loop:
    """One run of a descent: the state that its stopping rules and its report need."""

    def __init__(
        self, advance: Advance, cost_at: Callable[[Params], float], stops: Stops, rate: float, maximise: bool,
        exact: bool = True, may_trap: bool = True, dtype: str = "float64",
        gentler: Callable[[Params], float | None] = lambda start: None,
    ) -> None:  # fmt: skip
        self.advance, self.cost_at, self.stops, self.rate, self.maximise = advance, cost_at, stops, rate, maximise
        self.exact, self.may_trap, self.gentler = exact, may_trap, gentler
        self.relative, self.epsilon = _RISE[dtype], _EPSILON[dtype]
        self.shown = 0.0
        self.costs, self.places = _Track(), _Track()
        self.first = 0.0
        self.seen = -1
        self.first_rise = 0
        self.rises = 0

    def run(self, params: Params, progress: Progress | None) -> Descent:
        begin, epoch, reason = time.perf_counter(), 0, "epochs"
        first = self.cost_at(params)
        if not math.isfinite(first):
            raise DescentError(
                f"the cost is {first} at the start; choose another start, or look for a logarithm, root or quotient "
                "outside its domain"
            )
        self.first = first
        start, last, last_params = params, first, params
        try:
            while epoch < self.stops.epochs:
                value, norm, after = self.advance(params)
                self._look(epoch, value, last)
                stopped = self._stop(epoch, value, last, norm, begin)
                if stopped:
                    reason = stopped
                    break
                last, last_params = value, params
                self.costs.add(epoch, value)
                self.places.add(epoch, params)
                params = after
                epoch += 1
                if progress is not None and (epoch == 1 or time.perf_counter() - self.shown > _BREATH):
                    self.shown = time.perf_counter()
                    progress(epoch, self.stops.epochs, value)
                if not _all_finite(params):
                    reason = "diverged"
                    break
        except KeyboardInterrupt:
            reason = "interrupted"
        value = self.cost_at(params)
        gone = epoch
        finite = math.isfinite(value) and _all_finite(params)
        if not finite or self._is_hopeless(value):
            reason = "diverged"
            if not finite:
                params, value, epoch = last_params, last, max(epoch - 1, 0)
        self._look(epoch, value, last)
        if progress is not None:
            progress(epoch, self.stops.epochs, value)
        seconds = time.perf_counter() - begin
        history = self.costs.end(epoch, value)
        path = [(k, _plain(row)) for k, row in self.places.end(epoch, params)]
        return Descent(
            _plain(params), value, reason, self._message(reason, gone, value, start, history), epoch, seconds, "",
            history, path, _plain(start), self._warnings(reason, history, start),
        )  # fmt: skip

    def _is_hopeless(self, value: float) -> bool:
        # From 1 at least, because a descent may well begin at a minimum, where the cost is 0.
        return not self.maximise and value > _HOPELESS * max(abs(self.first), 1.0)

    def _look(self, epoch: int, value: float, last: float) -> None:
        """Count the cost's rises, each epoch once."""
        if epoch <= self.seen:
            return
        self.seen = epoch
        worse = last - value if self.maximise else value - last
        if worse > self.relative * abs(last) + 4 * self.epsilon * min(abs(self.first), 1.0):
            self.rises += 1
            self.first_rise = self.first_rise or epoch

    def _stop(self, epoch: int, value: float, last: float, norm: float, begin: float) -> str:
        stops = self.stops
        if not math.isfinite(value) or self._is_hopeless(value):
            return "diverged"
        if stops.gradient_tolerance is not None and norm <= stops.gradient_tolerance:
            return "gradient"
        if stops.tolerance is not None and epoch > 0 and abs(value - last) <= stops.tolerance * abs(last):
            return "tolerance"
        if stops.seconds is not None and time.perf_counter() - begin > stops.seconds:
            return "time"
        return ""

    def _message(
        self, reason: str, epoch: int, value: float, start: Params, history: Sequence[tuple[int, float]]
    ) -> str:
        if reason == "diverged":
            verb, bound = ("climb", "maximum") if self.maximise else ("descent", "minimum")
            gained = value - self.first if self.maximise else self.first - value
            if gained > _HOPELESS * max(abs(self.first), 1.0):
                cause = f"the formula seems to have no {bound}; bound it, or stop after fewer epochs"
            else:
                cause = f"the rate {self.rate:g} is too large here; {self._try_instead(start, reason)}"
            return f"the {verb} diverged at epoch {epoch}: {cause}. The parameters kept are the last finite ones"
        moving = len(history) > 9 and not _is_flat(history)
        going = "rising" if self.maximise else "falling"
        return {
            "epochs": "it stopped after the epochs it was given" + (f", the cost still {going}" if moving else ""),
            "gradient": "it stopped because the gradient is as small as asked",
            "tolerance": "it stopped because the cost hardly changes any more",
            "time": "it stopped because its time was up",
            "interrupted": "it was interrupted; these are the parameters so far",
        }[reason]

    def _try_instead(self, start: Params, reason: str) -> str:
        if reason in ("interrupted", "time"):
            return f"try {self.rate / 4:g}"  # whoever has no time left is not made to wait for a search
        rate = self.gentler(start)
        return "no smaller one helps: choose another start" if rate is None else f"try {rate:g}"

    def _warnings(self, reason: str, history: Sequence[tuple[int, float]], start: Params) -> list[str]:
        found, first = [], self.first
        if self.rises and self.exact and reason != "diverged":
            verb, opposite = ("fell", "ascent") if self.maximise else ("rose", "descent")
            found.append(
                f"the cost {verb} in {self.rises} of the epochs, first at epoch {self.first_rise}, though the gradient "
                f"is exact: {opposite} by the gradient is sure to first order only, and the rate {self.rate:g} is too "
                f"large for that; {self._try_instead(start, reason)}"
            )
        last_epoch, last = history[-1]
        if (
            self.may_trap and not self.maximise and last_epoch >= 100 and _is_flat(history) and last > 0.25 * first > 0
            and reason in ("epochs", "gradient", "tolerance")
        ):  # fmt: skip
            found.append(
                f"it ended on a plateau: the cost {last:.6g} hardly changes any more but is still {last / first:.0%} "
                "of what it was at the start. That is a local minimum, or all that this formula can explain: "
                "try other starts (another seed) before you trust it"
            )
        return found
