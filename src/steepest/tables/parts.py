"""Tables that memory need not hold: in parts of neighbouring rows, the next one read while one is worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from numpy.typing import NDArray

from steepest.tables.table import Table

Columns = Mapping[str, NDArray[Any]]

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
