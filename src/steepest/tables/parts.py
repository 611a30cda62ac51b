"""Tables larger than memory: read in parts of consecutive rows, the next one in the background."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from numpy.typing import NDArray

from steepest.tables.table import Table

Columns = Mapping[str, NDArray[Any]]

PART_BYTES = 32 << 20  # size of a part in float64: large enough to amortise a read, and three parts fit any memory
WHOLE_BYTES = 512 << 20  # a table up to this size in float64 is read at once


def is_read_in_parts(table: Table, width: int) -> bool:
    """Return whether a table is on disk and too large to be read at once, with so many values per row."""
    return table.in_parts and 8 * width * table.rows > WHOLE_BYTES


class Parts:
    """A table in parts of consecutive rows, each read on demand and converted to the required precision.

    ``width`` is the number of values per row.
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
        """Return the columns of a part and their number of rows."""
        first, after = self._edges[k : k + 2]
        found = self._table.part(first, after - first, self._names).select(self._names, self._na)
        return self._convert(found.arrays), found.rows

    def each(self, order: Sequence[int]) -> Iterator[tuple[int, Columns, int]]:
        """Yield the index, the columns and the number of rows of parts in an order; read one part ahead."""
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(self.read, order[0])
            for place, k in enumerate(order):
                columns, rows = ahead.result()
                if place + 1 < len(order):
                    ahead = reader.submit(self.read, order[place + 1])
                yield k, columns, rows
