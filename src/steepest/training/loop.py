"""The loop of a descent: its stopping rules, its thinned record, and what it says at the end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from steepest.display.progress import Details, Progress
from steepest.engines.step import ROWS_KEPT, DescentState, Params, Record, Runner, StoppingRules, rates_of
from steepest.errors import StartError
from steepest.training.callbacks import Callbacks
from steepest.training.result import Descent
from steepest.training.settings import Settings

_DIVERGENCE_FACTOR = 1e10  # a cost that has grown by this factor, from 1 or above, will not come back
_RTOL = {"float64": 1e-9, "float32": 1e-5}  # relative; a smaller rise of the cost may be round-off
_EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23}
_PATH_BYTES = 64 << 20
_NO_PATH = 1 << 40  # rows of costs for one of parameters: that of the start
_POLL_INTERVAL = 0.05  # seconds that an engine is left alone for
_LONGEST_GROWTH = 16  # times as many epochs in a state as in the one before, at most


def _plain(params: Params) -> Params:
    """Python numbers for parameters that are numbers; arrays stay arrays."""
    return {name: array if getattr(array, "ndim", 0) else float(array) for name, array in params.items()}


def _thinning(params: Params) -> int:
    """Return how many rows of costs there are for one of parameters, so that a path stays within its memory."""
    size = 2 * ROWS_KEPT * sum(np.asarray(array).nbytes for array in params.values())
    return 1 << max(-(-size // _PATH_BYTES) - 1, 0).bit_length()


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
        self, runner: Runner, settings: Settings, names: Sequence[str] = (), *, rows: int = 0, may_trap: bool = True,
        suggest: Callable[[Params], float | None] | None = None, callbacks: Callbacks | None = None,
        resume: Callable[[Record], DescentState | None] = lambda record: None,
    ) -> None:  # fmt: skip
        self.runner, self.settings, self.names, self.rows = runner, settings, names, rows
        self.may_trap, self.suggest, self.callbacks, self.resume = may_trap, suggest, callbacks, resume
        self.rtol, self.epsilon = _RTOL[settings.dtype], _EPSILON[settings.dtype]
        self.first = 0.0
        self.resumed: int | None = None

    def run(self, params: Params, progress: Progress | None) -> Descent:
        begin = time.perf_counter()
        self.first = first = self.runner.cost_at(params)
        if not math.isfinite(first):
            raise StartError(
                f"the cost is {first} at the start; choose another start, or look for a logarithm, root or quotient "
                "outside its domain"
            )
        rules, record = self.rules(first), Record(thinning=self.thinning(params))
        kept = self.resume(record)
        state, self.resumed = (DescentState(params, params, first), None) if kept is None else (kept, kept.epoch)
        stopped, callbacks = "", self.callbacks
        try:
            if callbacks is not None:
                stopped = callbacks.begin(state, self.runner)
            pace = self.runner.pace if self.settings.max_seconds is None and progress is None else 1
            while state.epoch < self.settings.epochs and not state.reason and not stopped:
                before, then = state.epoch, time.perf_counter()
                until = before + pace if callbacks is None else min(before + pace, callbacks.next(before))
                state = self.runner.advance(state, int(min(self.settings.epochs, until)), rules, record)
                now = time.perf_counter()
                left = self._seconds_left(now - begin)
                pace = self._pace(state.epoch - before, now - then, pace, left)
                if progress is not None:
                    progress(state.epoch, self.settings.epochs, state.last)
                if callbacks is not None:
                    stopped = callbacks.after_epochs(state, record, self.runner, now - begin)
                if left <= 0 and not state.reason:
                    stopped = stopped or "time"
        except KeyboardInterrupt:
            stopped = "interrupted"
        if callbacks is not None and state.reason != "diverged":
            callbacks.keep(state, record)
        return self.ended(state, stopped, params, record, progress, begin)

    def thinning(self, params: Params) -> int:
        """How many rows of costs the record is to have for one of parameters."""
        return _thinning(self._shown(params)) if self.settings.path else _NO_PATH

    def details(self, epoch: int) -> Details:
        """What a progress bar may show of an epoch."""
        validation_costs = self.callbacks.validation_costs if self.callbacks is not None else []
        rate = None if self.suggest is None and not callable(self.runner.rate) else self.runner.rate
        now = None if rate is None else float(rates_of(rate, np.array([float(epoch)]))[0])
        return Details(validation_costs[-1][1] if validation_costs else None, now, self.rows)

    def _shown(self, params: Params) -> Params:
        """The parameters without what the optimiser remembers."""
        return {name: array for name, array in params.items() if name in self.names or not self.names}

    def rules(self, first: float) -> StoppingRules:
        """When a descent that begins at a cost stops by itself."""

        def given(tolerance: float | None) -> float:
            return math.nan if tolerance is None else tolerance

        # From 1 at least, because a descent may well begin at a minimum, where the cost is 0.
        hopeless = math.inf if self.settings.maximise else _DIVERGENCE_FACTOR * max(abs(first), 1.0)
        return StoppingRules(
            hopeless, given(self.settings.tolerance), given(self.settings.gradient_tolerance), self.rtol,
            4 * self.epsilon * min(abs(first), 1.0), -1.0 if self.settings.maximise else 1.0,
        )  # fmt: skip

    def _seconds_left(self, gone: float) -> float:
        return math.inf if self.settings.max_seconds is None else self.settings.max_seconds - gone

    def _pace(self, epochs: int, seconds: float, pace: int, left: float) -> int:
        """How many epochs the engine is left alone for next, that it may come back in a breath or when time is up."""
        fitting = epochs * min(_POLL_INTERVAL, max(left, 0.0)) / max(seconds, 1e-9)
        return max(1, min(int(fitting), _LONGEST_GROWTH * pace))

    def ended(
        self, state: DescentState, stopped: str, start: Params, record: Record, progress: Progress | None, begin: float
    ) -> Descent:
        """The report of a descent that stands where it does.

        Args:
            state: where it stands.
            stopped: why it was stopped from outside; empty if it was not.
            start: its parameters at epoch 0.
            record: the rows that were kept.
            progress: is told a last time.
            begin: when it began, by the performance counter.
        """
        rules = self.rules(self.first)
        params, epoch, reason = dict(state.params), state.epoch, state.reason or stopped or "epochs"
        value = self.runner.cost_at(params)
        rises, first_rise = state.rises, state.first_rise
        if not state.reason and rules.rose(value, state.last):
            rises, first_rise = rises + 1, first_rise or epoch
        finite = math.isfinite(value) and _all_finite(params)
        if not finite or value > rules.divergence_threshold:
            reason = "diverged"
            if not finite:
                params, epoch = dict(state.before), max(epoch - 1, 0)
                value = self.runner.cost_at(params)  # with batches, state.last is the mean of their costs
                value = value if math.isfinite(value) else state.last
        if progress is not None:
            progress(epoch, self.settings.epochs, value)
        memory = {name: array for name, array in params.items() if self.names and name not in self.names}
        history = [*record.history(epoch), (epoch, value)]
        kept = record.path(epoch)
        numbers, rows = [k for k, _ in kept], [row for _, row in kept]
        places = list(zip(numbers, self.runner.unpacked(rows), strict=True))
        if record.costs and epoch and not (places and places[0][0] == 0):  # a descent that goes on from a checkpoint
            places.insert(0, (0, start))
        path = [(k, _plain(self._shown(place))) for k, place in [*places, (epoch, params)]]
        validation, best_epoch = None, None
        if self.callbacks is not None and self.callbacks.validation_costs:
            validation = self.callbacks.validation_costs
            if self.callbacks.patience is not None and reason != "diverged":
                params, best_epoch = {**params, **self.callbacks.best}, self.callbacks.best_epoch
                value = self.runner.cost_at(params)
        seconds = time.perf_counter() - begin
        message = self._message(reason, state.epoch, value, start, history)
        warnings = self._warnings(reason, history, start, rises, first_rise)
        return Descent(
            _plain(self._shown(params)), value, reason, message, epoch, seconds, "", history, path,
            _plain(self._shown(start)), warnings, validation=validation, best_epoch=best_epoch, memory=memory,
            resumed=self.resumed,
        )  # fmt: skip

    def _message(
        self, reason: str, epoch: int, value: float, start: Params, history: Sequence[tuple[int, float]]
    ) -> str:
        if reason == "diverged":
            verb, bound = ("climb", "maximum") if self.settings.maximise else ("descent", "minimum")
            gained = value - self.first if self.settings.maximise else self.first - value
            if gained > _DIVERGENCE_FACTOR * max(abs(self.first), 1.0):
                cause = f"the formula seems to have no {bound}; bound it, or stop after fewer epochs"
            else:
                cause = f"the rate {self.settings.base_rate:g} is too large here; {self._try_instead(start, reason)}"
            return f"the {verb} diverged at epoch {epoch}: {cause}. The parameters kept are the last finite ones"
        moving = len(history) > 9 and not _is_flat(history)
        going = "rising" if self.settings.maximise else "falling"
        return {
            "epochs": "it stopped after the epochs it was given" + (f", the cost still {going}" if moving else ""),
            "gradient": "it stopped because the gradient is as small as asked",
            "tolerance": "it stopped because the cost hardly changes any more",
            "time": "it stopped because its time was up",
            "interrupted": "it was interrupted; these are the parameters so far",
            "validation": "it stopped because the cost of the validation rows had not fallen for long enough; these "
            "are the parameters at which it was lowest",
            "callback": "it stopped because on_epoch returned True",
        }[reason]

    def _try_instead(self, start: Params, reason: str) -> str:
        if reason in ("interrupted", "time") or self.suggest is None:
            return f"try {self.settings.base_rate / 4:g}"  # whoever has no time left is not made to wait for a search
        rate = self.suggest(start)
        return "no smaller one helps: choose another start" if rate is None else f"try {rate:g}"

    def _warnings(
        self, reason: str, history: Sequence[tuple[int, float]], start: Params, rises: int, first_rise: int
    ) -> list[str]:
        found, first = [], self.first
        if self.callbacks is not None and self.callbacks.checkpoint_error:
            found.append(
                f"a checkpoint could not be written, and the descent went on without: {self.callbacks.checkpoint_error}"
            )
        if rises and self.settings.is_exact and reason != "diverged":
            verb, opposite = ("fell", "ascent") if self.settings.maximise else ("rose", "descent")
            found.append(
                f"the cost {verb} in {rises} of the epochs, first at epoch {first_rise}, though the gradient "
                f"is exact: {opposite} by the gradient is sure to first order only, and the rate "
                f"{self.settings.base_rate:g} is too large for that; {self._try_instead(start, reason)}"
            )
        last_epoch, last = history[-1]
        if (
            self.may_trap and not self.settings.maximise and last_epoch >= 100 and _is_flat(history)
            and last > 0.25 * first > 0 and reason in ("epochs", "gradient", "tolerance")
        ):  # fmt: skip
            found.append(
                f"it ended on a plateau: the cost {last:.6g} hardly changes any more but is still {last / first:.0%} "
                "of what it was at the start. That is a local minimum, or all that this formula can explain: "
                "try other starts (another seed, or restarts) before you trust it"
            )
        return found
