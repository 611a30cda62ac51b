"""The loop of a descent: stopping rules, pace of the engine, thinned record, final report."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from steepest.display.progress import Details, Progress
from steepest.engines.step import ROWS_KEPT, DescentState, Params, Record, Runner, StoppingRules, rates_of
from steepest.errors import StartError
from steepest.training.callbacks import Callbacks
from steepest.training.ends import Reason
from steepest.training.result import Descent
from steepest.training.settings import Settings

_DIVERGENCE_FACTOR = 1e10  # no run has been seen to recover from such growth of the cost, counted from 1 at least
_RTOL = {"float64": 1e-9, "float32": 1e-5}  # smaller relative rises of the cost may be round-off of a long sum
_PATH_BYTES = 64 << 20  # memory of the recorded parameters; a small share of what a computer has
_NO_PATH = 1 << 40  # a thinning so large that only the parameters of the start are recorded
_POLL_INTERVAL = 0.05  # seconds between two checks of time and progress: prompt for a person, rare for an engine
_PACE_GROWTH = 16  # at most this many times the epochs of the last call, lest one fast call be followed by a long one
_FLAT, _FLAT_SHARE = 1e-3, 0.9  # flat: at most this relative change of the cost since this share of the epochs

_CAUSES = {
    "gradient": "the gradient is as small as requested",
    "tolerance": "the cost hardly changes any more",
    "stalled": "no step lowers the cost any more",
    "time": "the time limit was reached",
    "validation": "the validation cost had not fallen for long enough; these are the parameters at its minimum",
    "callback": "on_epoch returned True",
}


def _plain(params: Params) -> Params:
    """Convert 0-dimensional arrays to Python numbers; leave other arrays as they are."""
    return {name: array if getattr(array, "ndim", 0) else float(array) for name, array in params.items()}


def _is_flat(history: Sequence[tuple[int, float]]) -> bool:
    """Return whether the cost hardly changed over the last tenth of the epochs."""
    last_epoch, last = history[-1]
    before = next((cost for epoch, cost in history if epoch >= _FLAT_SHARE * last_epoch), last)
    return abs(before - last) <= _FLAT * abs(last)


def _pace(history: Sequence[tuple[int, float]]) -> str:
    """Return by how much the cost changed in each of the last epochs."""
    (epoch, last), (before, cost) = history[-1], history[-2]
    share = abs(cost - last) / ((epoch - before) * abs(cost)) if cost and epoch > before else 0.0
    return f", by {100 * share:.1g} % an epoch" if share else ""


class Loop:
    """One run of a descent: what its stopping rules and its report need to know."""

    def __init__(
        self, runner: Runner, settings: Settings, names: Sequence[str] = (), rows: int = 0, *,
        suggest: Callable[[Params], float | None] | None = None, callbacks: Callbacks | None = None,
        resume: Callable[[Record], DescentState | None] | None = None,
    ) -> None:  # fmt: skip
        self.runner, self.settings, self.names, self.rows = runner, settings, names, rows
        self.suggest, self.callbacks, self.resume = suggest, callbacks, resume
        self.first = 0.0
        self.lowest = math.inf  # cost of other restarts, −1 times it to climb; the path of a worse one is not kept
        self.resumed: int | None = None

    def run(self, params: Params, progress: Progress | None) -> Descent:
        started = time.perf_counter()
        self.first = first = self.runner.cost_at(params)
        if not math.isfinite(first):
            raise StartError(
                f"the cost is {first} at the start; choose another start, or check for a logarithm, root or quotient "
                "outside its domain"
            )
        rules, record = self.rules(first), Record(thinning=self.thinning(params))
        kept = None if self.resume is None else self.resume(record)
        state, self.resumed = (DescentState(params, params, first), None) if kept is None else (kept, kept.epoch)
        stopped, callbacks = "", self.callbacks
        try:
            if callbacks is not None:
                stopped = callbacks.start(state, self.runner)
            pace = self.runner.pace if self.settings.max_seconds is None and progress is None else 1
            while state.epoch < self.settings.epochs and not state.stop and not stopped:
                before, called = state.epoch, time.perf_counter()
                until = before + pace if callbacks is None else min(before + pace, callbacks.next(before))
                state = self.runner.advance(state, int(min(self.settings.epochs, until)), rules, record)
                now = time.perf_counter()
                left = math.inf if self.settings.max_seconds is None else self.settings.max_seconds - (now - started)
                pace = self._pace(state.epoch - before, now - called, pace, left)
                if progress is not None:
                    progress(state.epoch, self.settings.epochs, state.last)
                if callbacks is not None:
                    stopped = callbacks.after_epochs(state, record, self.runner, now - started)
                if left <= 0 and not state.stop:
                    stopped = stopped or "time"
        except KeyboardInterrupt:
            stopped = "interrupted"
        if callbacks is not None and state.stop != "diverged":
            callbacks.keep(state, record)
        return self.ended(state, stopped, params, record, progress, started)

    def thinning(self, params: Params) -> int:
        """Return how many rows of costs share one row of parameters, so that the path fits in its memory."""
        if not self.settings.path:
            return _NO_PATH
        size = 2 * ROWS_KEPT * sum(np.asarray(array).nbytes for array in self._shown(params).values())
        return 1 << max(-(-size // _PATH_BYTES) - 1, 0).bit_length()

    def details(self, epoch: int) -> Details:
        """Return what a progress bar may show about an epoch."""
        validation_costs = self.callbacks.validation_costs if self.callbacks is not None else []
        rate = None if self.suggest is None and not callable(self.runner.rate) else self.runner.rate
        now = None if rate is None else float(rates_of(rate, np.array([float(epoch)]))[0])
        return Details(validation_costs[-1][1] if validation_costs else None, now, self.rows)

    def _shown(self, params: Params) -> Params:
        """Return the parameters without the optimiser's state."""
        return {name: array for name, array in params.items() if name in self.names or not self.names}

    def rules(self, first: float) -> StoppingRules:
        """Return the stopping rules of a descent whose first cost is ``first``."""
        given = self.settings
        # From 1 at least, because a descent may start at a minimum, where the cost is 0.
        diverged = math.inf if given.maximise else _DIVERGENCE_FACTOR * max(abs(first), 1.0)
        tolerance, norm = (math.nan if each is None else each for each in (given.tolerance, given.gradient_tolerance))
        atol = 4 * float(np.finfo(given.dtype).eps) * min(abs(first), 1.0)
        return StoppingRules(diverged, tolerance, norm, _RTOL[given.dtype], atol, given.sign)

    def _pace(self, epochs: int, seconds: float, pace: int, left: float) -> int:
        """Return the epochs to run before the next check of time and progress."""
        fitting = epochs * min(_POLL_INTERVAL, max(left, 0.0)) / max(seconds, 1e-9)
        return max(1, min(int(fitting), _PACE_GROWTH * pace))

    def ended(
        self, state: DescentState, stopped: str, start: Params, record: Record, progress: Progress | None,
        started: float,
    ) -> Descent:  # fmt: skip
        """Return the report of a descent; ``stopped`` is why it was stopped from outside, empty if it was not."""
        params, epoch, stop = dict(state.params), state.epoch, state.stop or stopped or "epochs"
        rules, value = self.rules(self.first), self.runner.cost_at(params)
        rises, first_rise = state.rises, state.first_rise
        if not state.stop and rules.rose(value, state.last):
            rises, first_rise = rises + 1, first_rise or epoch
        finite = math.isfinite(value) and all(np.isfinite(array).all() for array in params.values())
        if not finite or value > rules.divergence_threshold:
            stop = "diverged"
            if not finite:
                params, epoch = dict(state.before), max(epoch - 1, 0)
                value = self.runner.cost_at(params)  # with batches, state.last is the mean of their costs
                value = value if math.isfinite(value) else state.last
        if progress is not None:
            progress(epoch, self.settings.epochs, value)
        optimiser_state = {name: array for name, array in params.items() if self.names and name not in self.names}
        may_be_best = stop == "diverged" or self.settings.sign * value < self.lowest
        history = [*record.history(epoch), (epoch, value)]
        path = self._path(record, start, params, epoch) if may_be_best else []
        validation, best_epoch = None, None
        if self.callbacks is not None and self.callbacks.validation_costs:
            validation = self.callbacks.validation_costs
            if self.callbacks.patience is not None and stop != "diverged":
                params, best_epoch = {**params, **self.callbacks.best}, self.callbacks.best_epoch
                value = self.runner.cost_at(params)
        seconds = time.perf_counter() - started  # without the search for a lower rate
        message = self._message(stop, state.epoch, value, start, history)
        warnings = self._warnings(stop, start, rises, first_rise)
        return Descent(
            _plain(self._shown(params)), value, Reason.STOPPED, stop, message, epoch, seconds, "", history, path,
            _plain(self._shown(start)), warnings, validation=validation, best_epoch=best_epoch, memory=optimiser_state,
            resumed=self.resumed,
        )  # fmt: skip

    def _path(self, record: Record, start: Params, params: Params, epoch: int) -> list[tuple[int, Params]]:
        """Return the recorded parameters by epoch, from the start to the last ones."""
        kept = record.path(epoch)
        rows = list(zip([k for k, _ in kept], self.runner.unpacked([row for _, row in kept]), strict=True))
        if record.costs and epoch and not (rows and rows[0][0] == 0):  # a descent resumed from a checkpoint
            rows.insert(0, (0, start))
        return [(k, _plain(self._shown(row))) for k, row in [*rows, (epoch, params)]]

    def _message(self, stop: str, epoch: int, value: float, start: Params, history: Sequence[tuple[int, float]]) -> str:
        if stop == "diverged":
            verb, bound = ("climb", "maximum") if self.settings.maximise else ("descent", "minimum")
            gained = value - self.first if self.settings.maximise else self.first - value
            if gained > _DIVERGENCE_FACTOR * max(abs(self.first), 1.0):
                cause = f"the formula seems to have no {bound}; bound it, or run fewer epochs"
            else:
                cause = f"the rate {self.settings.base_rate:g} is too large; {self._try_instead(start, stop)}"
            return f"the {verb} diverged at epoch {epoch}: {cause}. The result holds the last finite parameters"
        moving = len(history) > 9 and not _is_flat(history)
        going = "rising" if self.settings.maximise else "falling"
        ran = f"{epoch} epoch{'s'[epoch == 1 :]}"
        if stop == "epochs":
            return f"ran all {ran}" + (f"; the cost was still {going}{_pace(history)}" if moving else "")
        if stop == "interrupted":
            return f"was interrupted after {ran}; these are the parameters so far"
        return f"stopped after {ran}: {_CAUSES[stop]}"

    def _try_instead(self, start: Params, stop: str) -> str:
        if stop in ("interrupted", "time") or self.suggest is None:
            return f"try {self.settings.base_rate / 4:g}"  # no search for a rate once the time limit is reached
        rate = self.suggest(start)
        return "no smaller rate helps: choose another start" if rate is None else f"try {rate:g}"

    def _warnings(self, stop: str, start: Params, rises: int, first_rise: int) -> list[str]:
        found = []
        if self.callbacks is not None and self.callbacks.checkpoint_error:
            found.append(
                "a checkpoint could not be written, and the descent continued without it: "
                f"{self.callbacks.checkpoint_error}"
            )
        if rises and self.settings.is_exact and stop != "diverged":
            verb, opposite = ("fell", "ascent") if self.settings.maximise else ("rose", "descent")
            found.append(
                f"the cost {verb} in {rises} of the epochs, first at epoch {first_rise}, although the gradient is "
                f"exact: gradient {opposite} is guaranteed to first order only, and the rate "
                f"{self.settings.base_rate:g} is too large for that; {self._try_instead(start, stop)}"
            )
        return found
