"""Descents through tables that memory need not hold: part after part, while the next one is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.engines.step import Batches, Leg, Params, Rate, Record, Rules, Walker
from steepest.tables.table import Table

Array = NDArray[Any]
Columns = Mapping[str, Array]

PART_BYTES = 32 << 20  # of a part's columns in float64
WHOLE_BYTES = 512 << 20  # of columns up to which a table is read at once


def is_read_in_parts(table: Table, width: int) -> bool:
    """Whether a table is better not read at once: it is on disk, and large.

    Args:
        table: the table.
        width: numbers of a row, all columns that are wanted together.
    """
    return table.in_parts and 8 * width * table.rows > WHOLE_BYTES


class Parts:
    """A table in parts of neighbouring rows, each read when it is wanted.

    Args:
        table: the table.
        names: the columns that are wanted.
        na: ``"drop"`` leaves out rows with missing values.
        convert: from columns to arrays of the precision wanted; its errors stop the descent.
        width: numbers of a row, all columns together.
    """

    def __init__(
        self, table: Table, names: Sequence[str], na: str, convert: Callable[[Columns], Columns], width: int
    ) -> None:
        self._table, self._names, self._na, self._convert = table, tuple(names), na, convert
        length = max(1, PART_BYTES // (8 * width))
        self.rows = table.rows
        self.number = -(-table.rows // length)
        self._edges = [table.rows * k // self.number for k in range(self.number + 1)]

    def read(self, k: int) -> tuple[Columns, int]:
        """The columns of a part, and how many rows they have."""
        first, after = self._edges[k : k + 2]
        found = self._table.part(first, after - first, self._names).select(self._names, self._na)
        return self._convert(found.arrays), found.rows

    def each(self, order: Sequence[int]) -> Iterator[tuple[int, Columns, int]]:
        """Parts in an order, with their numbers; while one is worked on, the next is read."""
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(self.read, order[0])
            for place, k in enumerate(order):
                columns, rows = ahead.result()
                if place + 1 < len(order):
                    ahead = reader.submit(self.read, order[place + 1])
                yield k, columns, rows


class StreamWalker:
    """A descent in batches through a table in parts; see :class:`steepest.engines.step.Walker`.

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
        self, parts: Parts, walk: Callable[[Columns, int, Rate, Batches], Walker],
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

    def leg(self, leg: Leg, until: int, rules: Rules, record: Record) -> Leg:
        """Go on; see :class:`steepest.engines.step.Walker`. An interruption ends it with that reason."""
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
                    inner = walker.leg(Leg(params, params, math.nan, epoch), epoch + 1, Rules(), own)
                    params, reason = inner.params, inner.reason
                    if reason:
                        break
                    sofar, seen = sofar + rows * inner.last, seen + rows
            except KeyboardInterrupt:
                reason = "interrupted"
            if reason:
                return Leg(params, start, last, epoch, leg.rises, leg.first_rise, reason)
            value = sofar / seen if seen else math.nan
            reason = rules.reason(epoch, value, last, math.nan)
            if reason != "diverged":
                if epoch % record.stride == 0:
                    record.add([value], [start] if epoch % (record.stride * record.sparse) == 0 else [])
                last, before = value, start
            epoch += 1
        return Leg(params, before, last, epoch, leg.rises, leg.first_rise, reason)

    def _within(self, epoch: int, seen: int, rows: int) -> Rate:
        """The rate for a part: its walker takes it for an epoch, the schedule for a share of one."""
        rate, whole = self.rate, self._parts.rows
        if not callable(rate):
            return rate
        return lambda times: rate(epoch + (seen + (times - epoch) * rows) / whole)
