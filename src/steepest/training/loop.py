"""The loop of a descent: its stopping rules, its thinned record, and what it says at the end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from steepest.display.axes import CostPlot, cost_plot
from steepest.display.progress import Details, Progress
from steepest.display.summaries import ReprMixin, Summary, facts_table, value_text, values_table
from steepest.engines.step import ROWS_KEPT, DescentState, Params, Record, Runner, StoppingRules, rates_of
from steepest.errors import StartError
from steepest.training.callbacks import Callbacks

_HOPELESS = 1e10  # a cost that has grown by this factor, from 1 or above, will not come back
_RISE = {"float64": 1e-9, "float32": 1e-5}  # relative; a smaller rise of the cost may be round-off
_EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23}
_PATH_BYTES = 64 << 20
_NO_PATH = 1 << 40  # rows of costs for one of parameters: that of the start
_BREATH = 0.05  # seconds that an engine is left alone for
_FASTER = 16  # times as many epochs in a leg as in the one before, at most


@dataclass
class Descent(ReprMixin):
    """A descent that has ended.

    Attributes:
        params: the final parameters, numbers or arrays by name.
        cost: the cost at ``params``.
        reason: why it stopped: ``"epochs"``, ``"gradient"``, ``"tolerance"``, ``"time"``, ``"diverged"``,
            ``"interrupted"``, ``"validation"`` or ``"callback"``.
        message: the same as a sentence.
        epochs: how many updates were made.
        seconds: how long they took, s.
        engine: the engine that made them.
        history: rows (epoch, cost), at most 2000, first and last included.
        path: rows (epoch, parameters), likewise; fewer where there are many parameters, to stay below 64 MB.
        warnings: sentences about what a reader of the result should know.
        start: the parameters at epoch 0.
        restarts: the final cost of every restart, if there were several: the last finite one where it diverged, NaN
            where it began outside the domain.
        levels: the levels on which those costs lie, the lowest first, without the diverged ones.
        validation: rows (epoch, cost of the validation rows), if there were any.
        best_epoch: the epoch whose parameters these are, where the lowest validation cost decided.
        memory: what the optimiser remembers, for another descent to go on with.
        held_out: the rows, from 0, of those learnt from and held out together, that a share for validation took; None
            without one.
        resumed: the epoch of the checkpoint that it went on from; None if it began at its start.
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
    levels: list[Level] | None = None
    validation: list[tuple[int, float]] | None = None
    best_epoch: int | None = None
    memory: Params = field(default_factory=dict, repr=False)
    held_out: NDArray[np.intp] | None = field(default=None, repr=False)
    resumed: int | None = None

    @property
    def diverged(self) -> bool:
        """Whether the cost or a parameter left the finite numbers, or was on its way there."""
        return self.reason == "diverged"

    def cost_plot(self) -> CostPlot | None:
        """The cost by epoch, and that of the validation rows, ready to be drawn; None after less than two epochs."""
        return cost_plot(self.history, self.validation)

    def card(self) -> Summary:
        """What came of it, the parameters and the cost by epoch."""
        facts = [("cost", f"{self.cost:.10g}"), ("epochs", f"{self.epochs:,} in {self.seconds:.2g} s")]
        facts += [("stopped", self.message), ("engine", self.engine)]
        if self.validation:
            facts.append(("lowest validation cost", f"{min(cost for _, cost in self.validation):.10g}"))
        if self.restarts is not None:
            facts.append(("starts", f"{len(self.restarts):,}, of which this is the best"))
        tables = (facts_table("Descent", facts), values_table("Parameters", self.params))
        title = f"Cost {self.cost:.6g} after {self.epochs:,} epochs"
        return Summary(title, tables, self.cost_plot(), tuple(self.warnings))

    def __str__(self) -> str:
        values = ", ".join(f"{name} = {value_text(value)}" for name, value in self.params.items())
        lines = [f"cost {self.cost:.10g} after {self.epochs} epochs; {self.message}", values, *self.warnings]
        return "\n".join(lines)


@dataclass(frozen=True)
class Level:
    """Final costs of restarts without a gap between them.

    Attributes:
        lowest, highest: the costs between which they lie.
        starts: how many there are.
    """

    lowest: float
    highest: float
    starts: int


@dataclass(frozen=True)
class Stops:
    """When a descent ends: after ``epochs``, or when one of the others is reached."""

    epochs: int
    tolerance: float | None
    gradient_tolerance: float | None
    seconds: float | None


def _plain(params: Params) -> Params:
    """Python numbers for parameters that are numbers; arrays stay arrays."""
    return {name: array if getattr(array, "ndim", 0) else float(array) for name, array in params.items()}


def _sparse(params: Params) -> int:
    """How many rows of costs there are to be for one of parameters, that a path stays within its memory."""
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
        self, walker: Runner, stops: Stops, rate: float, maximise: bool, exact: bool = True, may_trap: bool = True,
        dtype: str = "float64", gentler: Callable[[Params], float | None] | None = None, watch: Callbacks | None = None,
        resume: Callable[[Record], DescentState | None] = lambda record: None, names: Sequence[str] = (), rows: int = 0,
        path: bool = True,
    ) -> None:  # fmt: skip
        self.walker, self.stops, self.rate, self.maximise = walker, stops, rate, maximise
        self.exact, self.may_trap, self.gentler = exact, may_trap, gentler
        self.rtol, self.epsilon = _RISE[dtype], _EPSILON[dtype]
        self.watch, self.resume, self.names, self.rows, self.path = watch, resume, names, rows, path
        self.first = 0.0
        self.resumed: int | None = None

    def run(self, params: Params, progress: Progress | None) -> Descent:
        begin = time.perf_counter()
        self.first = first = self.walker.cost_at(params)
        if not math.isfinite(first):
            raise StartError(
                f"the cost is {first} at the start; choose another start, or look for a logarithm, root or quotient "
                "outside its domain"
            )
        rules, record = self.rules(first), Record(sparse=self.sparse(params))
        kept = self.resume(record)
        leg, self.resumed = (DescentState(params, params, first), None) if kept is None else (kept, kept.epoch)
        stopped, watch = "", self.watch
        try:
            if watch is not None:
                stopped = watch.begin(leg, self.walker)
            pace = self.walker.pace if self.stops.seconds is None and progress is None else 1
            while leg.epoch < self.stops.epochs and not leg.reason and not stopped:
                before, then = leg.epoch, time.perf_counter()
                until = before + pace if watch is None else min(before + pace, watch.next(before))
                leg = self.walker.advance(leg, int(min(self.stops.epochs, until)), rules, record)
                now = time.perf_counter()
                left = self._seconds_left(now - begin)
                pace = self._pace(leg.epoch - before, now - then, pace, left)
                if progress is not None:
                    progress(leg.epoch, self.stops.epochs, leg.last)
                if watch is not None:
                    stopped = watch.look(leg, record, self.walker, now - begin)
                if left <= 0 and not leg.reason:
                    stopped = stopped or "time"
        except KeyboardInterrupt:
            stopped = "interrupted"
        if watch is not None and leg.reason != "diverged":
            watch.keep(leg, record)
        return self.ended(leg, stopped, params, record, progress, begin)

    def sparse(self, params: Params) -> int:
        """How many rows of costs the record is to have for one of parameters."""
        return _sparse(self._shown(params)) if self.path else _NO_PATH

    def details(self, epoch: int) -> Details:
        """What a progress bar may show of an epoch."""
        seen = self.watch.seen if self.watch is not None else []
        rate = None if self.gentler is None and not callable(self.walker.rate) else self.walker.rate
        now = None if rate is None else float(rates_of(rate, np.array([float(epoch)]))[0])
        return Details(seen[-1][1] if seen else None, now, self.rows)

    def _shown(self, params: Params) -> Params:
        """The parameters without what the optimiser remembers."""
        return {name: array for name, array in params.items() if name in self.names or not self.names}

    def rules(self, first: float) -> StoppingRules:
        """When a descent that begins at a cost stops by itself."""

        def given(tolerance: float | None) -> float:
            return math.nan if tolerance is None else tolerance

        # From 1 at least, because a descent may well begin at a minimum, where the cost is 0.
        hopeless = math.inf if self.maximise else _HOPELESS * max(abs(first), 1.0)
        return StoppingRules(
            hopeless, given(self.stops.tolerance), given(self.stops.gradient_tolerance), self.rtol,
            4 * self.epsilon * min(abs(first), 1.0), -1.0 if self.maximise else 1.0,
        )  # fmt: skip

    def _seconds_left(self, gone: float) -> float:
        return math.inf if self.stops.seconds is None else self.stops.seconds - gone

    def _pace(self, epochs: int, seconds: float, pace: int, left: float) -> int:
        """How many epochs the engine is left alone for next, that it may come back in a breath or when time is up."""
        fitting = epochs * min(_BREATH, max(left, 0.0)) / max(seconds, 1e-9)
        return max(1, min(int(fitting), _FASTER * pace))

    def ended(
        self, leg: DescentState, stopped: str, start: Params, record: Record, progress: Progress | None, begin: float
    ) -> Descent:
        """The report of a descent that stands where it does.

        Args:
            leg: where it stands.
            stopped: why it was stopped from outside; empty if it was not.
            start: its parameters at epoch 0.
            record: the rows that were kept.
            progress: is told a last time.
            begin: when it began, by the performance counter.
        """
        rules = self.rules(self.first)
        params, epoch, reason = dict(leg.params), leg.epoch, leg.reason or stopped or "epochs"
        value = self.walker.cost_at(params)
        rises, first_rise = leg.rises, leg.first_rise
        if not leg.reason and rules.rose(value, leg.last):
            rises, first_rise = rises + 1, first_rise or epoch
        finite = math.isfinite(value) and _all_finite(params)
        if not finite or value > rules.divergence_threshold:
            reason = "diverged"
            if not finite:
                params, epoch = dict(leg.before), max(epoch - 1, 0)
                value = self.walker.cost_at(params)  # with batches, leg.last is the mean of their costs
                value = value if math.isfinite(value) else leg.last
        if progress is not None:
            progress(epoch, self.stops.epochs, value)
        memory = {name: array for name, array in params.items() if self.names and name not in self.names}
        history = [*record.history(epoch), (epoch, value)]
        kept = record.path(epoch)
        numbers, rows = [k for k, _ in kept], [row for _, row in kept]
        places = list(zip(numbers, self.walker.unpacked(rows), strict=True))
        if record.costs and epoch and not (places and places[0][0] == 0):  # a descent that goes on from a checkpoint
            places.insert(0, (0, start))
        path = [(k, _plain(self._shown(place))) for k, place in [*places, (epoch, params)]]
        validation, best_epoch = None, None
        if self.watch is not None and self.watch.seen:
            validation = self.watch.seen
            if self.watch.patience is not None and reason != "diverged":
                params, best_epoch = {**params, **self.watch.best}, self.watch.best_epoch
                value = self.walker.cost_at(params)
        seconds = time.perf_counter() - begin
        message = self._message(reason, leg.epoch, value, start, history)
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
            "validation": "it stopped because the cost of the validation rows had not fallen for long enough; these "
            "are the parameters at which it was lowest",
            "callback": "it stopped because on_epoch returned True",
        }[reason]

    def _try_instead(self, start: Params, reason: str) -> str:
        if reason in ("interrupted", "time") or self.gentler is None:
            return f"try {self.rate / 4:g}"  # whoever has no time left is not made to wait for a search
        rate = self.gentler(start)
        return "no smaller one helps: choose another start" if rate is None else f"try {rate:g}"

    def _warnings(
        self, reason: str, history: Sequence[tuple[int, float]], start: Params, rises: int, first_rise: int
    ) -> list[str]:
        found, first = [], self.first
        if self.watch is not None and self.watch.checkpoint_error:
            found.append(
                f"a checkpoint could not be written, and the descent went on without: {self.watch.checkpoint_error}"
            )
        if rises and self.exact and reason != "diverged":
            verb, opposite = ("fell", "ascent") if self.maximise else ("rose", "descent")
            found.append(
                f"the cost {verb} in {rises} of the epochs, first at epoch {first_rise}, though the gradient "
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
                "try other starts (another seed, or restarts) before you trust it"
            )
        return found
