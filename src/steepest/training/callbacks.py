"""Work between the epochs of a descent: validation, early stopping, callbacks, rate on plateaus, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steepest.engines.step import DescentState, Params, Record, Runner
from steepest.errors import StorageError
from steepest.training.schedules import Plateau

_STATE = ("judged", "best_epoch", "best_cost", "lowest", "waited", "factor")

OnEpoch = Callable[["EpochInfo"], Any]


@dataclass(frozen=True)
class EpochInfo:
    """The argument of a callback after an epoch.

    Attributes:
        epoch: epochs so far.
        cost: the cost at the start of the last epoch; with batches the mean of their costs.
        validation: the cost of the validation rows; None without any.
        params: the parameters, copies.
        seconds: time since the start of the descent, s.
    """

    epoch: int
    cost: float
    validation: float | None
    params: Params
    seconds: float


@dataclass
class Callbacks:
    """The callbacks of a descent, when each is due, and their state."""

    names: list[str]  # of the parameters
    validate: Callable[[Mapping[str, Any]], float] | None = None
    patience: int | None = None
    on_epoch: OnEpoch | None = None
    plateau: Plateau | None = None
    save: Callable[[DescentState, Record, Callbacks], None] | None = None
    every: int | None = None  # epochs between two checkpoints; None to go by ``seconds``
    seconds: float = 60.0
    sign: float = 1.0  # −1 to maximise
    validation_costs: list[tuple[int, float]] = field(default_factory=list)
    judged: int = -1
    best: Params = field(default_factory=dict)
    best_epoch: int = 0
    best_cost: float = math.inf
    lowest: float = math.inf
    waited: int = 0
    factor: float = 1.0
    checkpoint_error: str = ""  # why a checkpoint could not be written
    _saved: float = field(default_factory=time.perf_counter)

    def next(self, epoch: int) -> float:
        """Return the next epoch at which something is due."""
        if self.validate is not None or self.on_epoch is not None or self.plateau is not None:
            return epoch + 1
        return math.inf if self.every is None else (epoch // self.every + 1) * self.every

    def start(self, state: DescentState, runner: Runner) -> str:
        """Evaluate the start, which counts as the best so far; return a reason to stop, or an empty text."""
        if self.plateau is not None:
            runner.rate = self.plateau.rate * self.factor
        if self.judged < 0:
            self.validation_costs.clear()  # of an evaluation of the start that was interrupted
            if self.validate is not None:
                self._judge(state.epoch, state.params)
            self.judged = state.epoch
        self._follow_up(state, runner)  # if the evaluation before a checkpoint was interrupted
        return "validation" if self._patience_exhausted(state.epoch) else ""

    def after_epochs(self, state: DescentState, record: Record, runner: Runner, seconds: float) -> str:
        """Do what is due; return a reason to stop, or an empty text."""
        self._follow_up(state, runner)
        reason = state.stop or ("validation" if self._patience_exhausted(state.epoch) else "")
        if self.on_epoch is not None and state.stop != "diverged":
            params = {name: np.array(state.params[name])[()] for name in self.names}
            validation = self.validation_costs[-1][1] if self.validation_costs else None
            if self.on_epoch(EpochInfo(state.epoch, state.last, validation, params, seconds)) is True:
                reason = reason or "callback"
        if self.save is not None and state.stop != "diverged":
            late = time.perf_counter() - self._saved >= self.seconds
            if late if self.every is None else not state.epoch % self.every:
                self.keep(state, record)
        return "" if state.stop else reason

    def keep(self, state: DescentState, record: Record) -> None:
        """Write a checkpoint, if there is a file for it."""
        if self.save is not None:
            try:
                self.save(state, record, self)
            except StorageError as error:  # a full disk must not lose the result
                self.checkpoint_error = str(error)
            self._saved = time.perf_counter()

    def _follow_up(self, state: DescentState, runner: Runner) -> None:
        """Update validation and rate once an epoch; an interruption undoes both, so that resuming repeats them."""
        if state.epoch <= self.judged or state.stop == "diverged":
            return
        before = {name: getattr(self, name) for name in (*_STATE, "best")}
        rows, rate = len(self.validation_costs), runner.rate
        try:
            if self.validate is not None:
                self._judge(state.epoch, state.params)
            if self.plateau is not None and not state.stop and not self._patience_exhausted(state.epoch):
                cost = self.validation_costs[-1][1] if self.validation_costs else state.last
                self._follow(self.plateau, runner, cost)
            self.judged = state.epoch
        except KeyboardInterrupt:
            self.__dict__.update(before)
            del self.validation_costs[rows:]
            runner.rate = rate
            raise

    def _patience_exhausted(self, epoch: int) -> bool:
        """Return whether the validation cost has not fallen for ``patience`` epochs."""
        return self.patience is not None and epoch - self.best_epoch >= self.patience

    def _judge(self, epoch: int, params: Mapping[str, Any]) -> None:
        assert self.validate is not None
        cost = self.validate(params)
        self.validation_costs.append((epoch, cost))
        if not self.best or self.sign * cost < self.best_cost:  # take the start even if its cost is not finite
            self.best_cost, self.best_epoch = self.sign * cost if math.isfinite(cost) else math.inf, epoch
            self.best = {name: np.array(params[name]) for name in self.names}

    def _follow(self, plateau: Plateau, runner: Runner, cost: float) -> None:
        """Lower the rate if the cost has not fallen for the patience of the plateau."""
        value = self.sign * cost
        if value < self.lowest - plateau.threshold * abs(self.lowest) or not math.isfinite(self.lowest):
            self.lowest, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= plateau.patience:
            self.waited, self.factor = 0, self.factor * plateau.factor
            runner.rate = plateau.rate * self.factor

    # -- for checkpoints

    def about(self) -> dict[str, Any]:
        """Return the state, except arrays, in a form that JSON can hold."""
        return {name: getattr(self, name) for name in ("validation_costs", *_STATE)}

    def restore(self, about: dict[str, Any], best: Params) -> None:
        """Restore the state of a checkpoint; raise a TypeError, ValueError or KeyError if it is none."""
        numbers = {name: type(getattr(self, name))(about[name]) for name in _STATE}
        validation_costs = [(int(epoch), float(cost)) for epoch, cost in about["validation_costs"]]
        self.__dict__.update(numbers)
        self.validation_costs, self.best = validation_costs, best
