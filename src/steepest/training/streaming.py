"""Descents through tables that memory need not hold: part after part, while the next one is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.engines.step import Batches, DescentState, Params, Rate, Record, Runner, StoppingRules
from steepest.tables.parts import Columns, Parts

Array = NDArray[Any]


class StreamRunner:
    """A descent in batches through a table in parts; see :class:`steepest.engines.step.Runner`.

    Each epoch takes the parts in another order, and the rows of each part in another order; a part's last batch may be
    short. The cost of the table is the mean of the parts' costs, weighted by their rows.

    Args:
        parts: the table.
        walk: from a part's columns, its rows, a rate and batches to a descent on them.
        look: from a part's columns and rows to its cost at some parameters.
        rate: α.
        batches: how each part is walked through.
    """

    pace = 1

    def __init__(
        self, parts: Parts, walk: Callable[[Columns, int, Rate, Batches], Runner],
        look: Callable[[Columns, int], Callable[[Mapping[str, Any]], float]], rate: Rate, batches: Batches,
    ) -> None:  # fmt: skip
        self._parts, self._walk, self._look, self._batches = parts, walk, look, batches
        self.rate = rate
        self._begun = False

    def cost_at(self, params: Params) -> float:
        """The cost at some parameters: before the first epoch of the first part, later of the table."""
        order = range(self._parts.number) if self._begun else [0]
        sofar, seen = 0.0, 0
        for _, columns, rows in self._parts.each(order):
            sofar, seen = sofar + rows * self._look(columns, rows)(params), seen + rows
        return sofar / seen if seen else math.nan

    def unpacked(self, rows: Sequence[Any]) -> list[Params]:
        """The parameters of rows, as they are."""
        return list(rows)

    def advance(self, leg: DescentState, until: int, rules: StoppingRules, record: Record) -> DescentState:
        """Go on; see :class:`steepest.engines.step.Runner`. An interruption ends it with that reason."""
        params, before, last, epoch, reason = leg.params, leg.before, leg.last, leg.epoch, ""
        self._begun = True
        while epoch < until and not reason:
            start, sofar, seen = params, 0.0, 0
            try:
                order = np.random.default_rng([self._batches.seed, epoch, self._parts.number])
                for k, columns, rows in self._parts.each(order.permutation(self._parts.number).tolist()):
                    batches = Batches(self._batches.size, self._batches.seed, k + 1)
                    walker = self._walk(columns, rows, self._within(epoch, seen, rows), batches)
                    own = Record()
                    inner = walker.advance(
                        DescentState(params, params, math.nan, epoch), epoch + 1, StoppingRules(), own
                    )
                    params, reason = inner.params, inner.reason
                    if reason:
                        break
                    sofar, seen = sofar + rows * inner.last, seen + rows
            except KeyboardInterrupt:
                reason = "interrupted"
            if reason:
                return DescentState(params, start, last, epoch, leg.rises, leg.first_rise, reason)
            value = sofar / seen if seen else math.nan
            reason = rules.reason(epoch, value, last, math.nan)
            if reason != "diverged":
                if epoch % record.stride == 0:
                    record.add([value], [start] if epoch % (record.stride * record.sparse) == 0 else [])
                last, before = value, start
            epoch += 1
        return DescentState(params, before, last, epoch, leg.rises, leg.first_rise, reason)

    def _within(self, epoch: int, seen: int, rows: int) -> Rate:
        """The rate for a part: its walker takes it for an epoch, the schedule for a share of one."""
        rate, whole = self.rate, self._parts.rows
        if not callable(rate):
            return rate
        return lambda times: rate(epoch + (seen + (times - epoch) * rows) / whole)
