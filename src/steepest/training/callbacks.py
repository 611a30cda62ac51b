"""What is done between the epochs of a descent: validation, callbacks, rates that follow the cost, checkpoints."""

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
    """What a callback sees after an epoch.

    Attributes:
        epoch: how many epochs are over.
        cost: of the last one: at its beginning, or with batches the mean of theirs.
        validation: the cost of the validation rows, or None without any.
        params: the parameters, copies.
        seconds: since the descent began, s.
    """

    epoch: int
    cost: float
    validation: float | None
    params: Params
    seconds: float


@dataclass
class Callbacks:
    """What to look at, and how often.

    Attributes:
        names: of the parameters.
        validate: the cost of the validation rows at some parameters.
        patience: epochs without a lower validation cost after which the descent stops.
        on_epoch: is called after every epoch, and stops the descent if it returns True.
        plateau: lowers the rate when the cost does not fall.
        save: writes a checkpoint.
        every: epochs from a checkpoint to the next, if that is not left to the time.
        seconds: s from a checkpoint to the next otherwise.
        sign: −1 where the cost is to climb.
        trouble: why a checkpoint could not be written; empty if all could.
    """

    names: list[str]
    validate: Callable[[Mapping[str, Any]], float] | None = None
    patience: int | None = None
    on_epoch: OnEpoch | None = None
    plateau: Plateau | None = None
    save: Callable[[DescentState, Record, Callbacks], None] | None = None
    every: int | None = None
    seconds: float = 60.0
    sign: float = 1.0
    validation_costs: list[tuple[int, float]] = field(default_factory=list)
    judged: int = -1
    best: Params = field(default_factory=dict)
    best_epoch: int = 0
    best_cost: float = math.inf
    lowest: float = math.inf
    waited: int = 0
    factor: float = 1.0
    checkpoint_error: str = ""
    _saved: float = field(default_factory=time.perf_counter)

    def next(self, epoch: int) -> float:
        """The epoch to come to before anything else, at the latest."""
        if self.validate is not None or self.on_epoch is not None or self.plateau is not None:
            return epoch + 1
        return math.inf if self.every is None else (epoch // self.every + 1) * self.every

    def begin(self, state: DescentState, runner: Runner) -> str:
        """Look at the start, which counts as the best so far; the reason to stop already, or nothing."""
        if self.plateau is not None:
            runner.rate = self.plateau.rate * self.factor
        if self.judged < 0:
            self.validation_costs.clear()  # an interrupted first look counts for nothing
            if self.validate is not None:
                self._judge(state.epoch, state.params)
            self.judged = state.epoch
        self._follow_up(state, runner)  # if the look before a checkpoint was interrupted
        return "validation" if self._patience_exhausted(state.epoch) else ""

    def after_epochs(self, state: DescentState, record: Record, runner: Runner, seconds: float) -> str:
        """Do what is due; the reason to stop here, or nothing."""
        self._follow_up(state, runner)
        reason = state.reason or ("validation" if self._patience_exhausted(state.epoch) else "")
        if self.on_epoch is not None and state.reason != "diverged":
            params = {name: np.array(state.params[name])[()] for name in self.names}
            validation = self.validation_costs[-1][1] if self.validation_costs else None
            if self.on_epoch(EpochInfo(state.epoch, state.last, validation, params, seconds)) is True:
                reason = reason or "callback"
        if self.save is not None and state.reason != "diverged":
            due = (
                time.perf_counter() - self._saved >= self.seconds
                if self.every is None
                else not state.epoch % self.every
            )
            if due:
                self.keep(state, record)
        return "" if state.reason else reason

    def keep(self, state: DescentState, record: Record) -> None:
        """Write a checkpoint, if any are wanted."""
        if self.save is not None:
            try:
                self.save(state, record, self)
            except StorageError as error:  # a full disk is no reason to lose what was learnt
                self.checkpoint_error = str(error)
            self._saved = time.perf_counter()

    def _follow_up(self, state: DescentState, runner: Runner) -> None:
        """Judge the parameters and let the rate follow the cost, once an epoch: all of that, or if interrupted none."""
        if state.epoch <= self.judged or state.reason == "diverged":
            return
        before, rows, rate = (
            {name: getattr(self, name) for name in (*_STATE, "best")},
            len(self.validation_costs),
            runner.rate,
        )
        try:
            if self.validate is not None:
                self._judge(state.epoch, state.params)
            if self.plateau is not None and not state.reason and not self._patience_exhausted(state.epoch):
                self._follow(
                    self.plateau, runner, self.validation_costs[-1][1] if self.validation_costs else state.last
                )
            self.judged = state.epoch
        except KeyboardInterrupt:
            self.__dict__.update(before)
            del self.validation_costs[rows:]
            runner.rate = rate
            raise

    def _patience_exhausted(self, epoch: int) -> bool:
        """Whether the validation cost has not fallen for long enough."""
        return self.patience is not None and epoch - self.best_epoch >= self.patience

    def _judge(self, epoch: int, params: Mapping[str, Any]) -> None:
        assert self.validate is not None
        cost = self.validate(params)
        self.validation_costs.append((epoch, cost))
        if not self.best or self.sign * cost < self.best_cost:  # the start, even if its cost is not finite
            self.best_cost, self.best_epoch = self.sign * cost if math.isfinite(cost) else math.inf, epoch
            self.best = {name: np.array(params[name]) for name in self.names}

    def _follow(self, plateau: Plateau, runner: Runner, cost: float) -> None:
        """Lower the rate if the cost has not fallen for long enough."""
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
        """Everything that changes, but arrays, as JSON can hold it."""
        return {name: getattr(self, name) for name in ("validation_costs", *_STATE)}

    def restore(self, about: dict[str, Any], best: Params) -> None:
        """Go on from there."""
        for name, value in about.items():
            setattr(self, name, value)
        self.validation_costs = [(int(epoch), float(cost)) for epoch, cost in self.validation_costs]
        self.best = best
