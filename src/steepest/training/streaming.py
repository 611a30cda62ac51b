"""Descents through tables larger than memory: part by part, reading the next part meanwhile."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from steepest.engines.step import Batches, DescentState, EpochCounter, Rate, Record, Runner, Stop, StoppingRules
from steepest.tables.parts import Columns, Parts


class StreamRunner:
    """A descent in batches through a table in parts; see :class:`steepest.engines.step.Runner`.

    Each epoch takes the parts in another order, and the rows of each part in another order; a part's last batch may be
    short. The cost of the table is the mean of the parts' costs, weighted by their rows. ``runner`` and ``cost`` give
    the runner of a part and its cost as a function of the parameters.
    """

    pace = 1

    def __init__(
        self, parts: Parts, runner: Callable[[Columns, int, Rate, Batches], Runner],
        cost: Callable[[Columns, int], Callable[[Mapping[str, Any]], float]], rate: Rate, batches: Batches,
    ) -> None:  # fmt: skip
        self._parts, self._runner, self._cost, self._batches = parts, runner, cost, batches
        self.rate, self._started = rate, False

    def cost_at(self, params: Mapping[str, Any]) -> float:
        """Return the cost at some parameters: at first, to check the start, of the first part, later of the table."""
        order, self._started = range(self._parts.number) if self._started else range(1), True
        total, seen = 0.0, 0
        for _, columns, rows in self._parts.each(order):
            total, seen = total + rows * self._cost(columns, rows)(params), seen + rows
        return total / seen if seen else math.nan

    def unpacked(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        """Return the rows unchanged."""
        return list(rows)

    def advance(self, state: DescentState, until: int, rules: StoppingRules, record: Record) -> DescentState:
        """Run epochs; see :class:`steepest.engines.step.Runner`. An interruption becomes the stop."""
        counter = EpochCounter(state, rules, record)
        self._started = True
        while counter.epoch < until and not counter.stop:
            value, params, stop = self._epoch(counter.epoch, counter.params)
            if stop:
                return replace(counter.state(), params=params, before=counter.params, stop=stop)
            counter.judge(value)
            if counter.stop == Stop.DIVERGED:
                return replace(counter.state(), params=params, epoch=counter.epoch + 1)
            counter.go_on(value, params)
        return counter.state()

    def _epoch(self, epoch: int, params: Mapping[str, Any]) -> tuple[float, Mapping[str, Any], str]:
        """Run an epoch; return its mean cost, the parameters after it, and why it was not completed."""
        total, seen = 0.0, 0
        try:
            order = np.random.default_rng([self._batches.seed, epoch, self._parts.number])
            for k, columns, rows in self._parts.each(order.permutation(self._parts.number).tolist()):
                batches = replace(self._batches, part=k + 1)
                runner = self._runner(columns, rows, self._within(epoch, seen, rows), batches)
                start = DescentState(params, params, math.nan, epoch)
                after = runner.advance(start, epoch + 1, StoppingRules(), Record())
                params = after.params
                if after.stop:
                    return math.nan, params, after.stop
                total, seen = total + rows * after.last, seen + rows
        except KeyboardInterrupt:
            return math.nan, params, Stop.INTERRUPTED
        return total / seen if seen else math.nan, params, ""

    def _within(self, epoch: int, seen: int, rows: int) -> Rate:
        """Return the rate for a part, whose runner counts it as a whole epoch."""
        rate, whole = self.rate, self._parts.rows
        if not callable(rate):
            return rate
        return lambda times: rate(epoch + (seen + (times - epoch) * rows) / whole)
