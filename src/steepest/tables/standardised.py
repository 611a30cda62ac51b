"""Standardised columns: (x − mean) / standard deviation, of columns and feature groups, as a table is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from steepest.errors import TableError
from steepest.messages.sentences import shown
from steepest.tables.numerals import FloatArray
from steepest.tables.parts import PART_BYTES, is_read_in_parts
from steepest.tables.samples import Samples
from steepest.tables.table import Table

SCHEMES = ("standard",)
"""The ways of scaling that there are."""


def check_scale(scale: object) -> None:
    """Raise a TableError unless ``scale`` is None or one of :data:`SCHEMES`."""
    if scale is not None and scale not in SCHEMES:
        raise TableError(f'scale is "standard", or None for columns in their own units, not {shown(scale)}')


@dataclass(frozen=True, eq=False)
class Scale:
    """What is subtracted from a column, and by what it is then divided.

    Attributes:
        mean, deviation: of the column, float64 ``()``, or ``(d,)`` for a feature group, in its unit. The deviation of
            a column whose values are all equal is 1.
    """

    mean: FloatArray
    deviation: FloatArray

    def applied(self, values: FloatArray) -> FloatArray:
        """Return (values − mean) / deviation, elementwise, without a unit."""
        return (values - self.mean) / self.deviation

    def undone(self, values: FloatArray) -> FloatArray:
        """Return mean + deviation · values, elementwise, in the unit of the column."""
        return self.mean + self.deviation * values


def scale_of(table: Table, name: str) -> Scale:
    """Return the mean and the standard deviation of the values of a column that are not missing.

    A table that is too large to be read at once is read in parts, whose means and sums of squares are combined.

    Args:
        table: the table.
        name: a column, or a feature group.

    Returns:
        The scale; of a column without any value the mean 0 and the deviation 1.

    >>> from steepest.tables.table import open_table
    >>> found = scale_of(open_table({"x": [1.0, 2.0, 3.0, 2.0]}), "x")
    >>> float(found.mean), round(float(found.deviation), 4)
    (2.0, 0.7071)

    Source: Chan, Golub and LeVeque 1983, equations 2.1, for the parts.
    """
    largest: FloatArray = np.zeros(())
    for values in _parts(table, name):
        largest = np.fmax(largest, np.max(np.abs(values), axis=0, initial=0.0, where=np.isfinite(values)))
    unit = np.ldexp(1.0, np.frexp(largest)[1])  # in this unit no square overflows or is lost
    count, mean, squares = (np.zeros(largest.shape) for _ in range(3))
    for values in _parts(table, name):
        present = np.isfinite(values)
        there = present.sum(axis=0)
        reduced = values / unit
        own = np.where(present, reduced, 0.0).sum(axis=0) / np.maximum(there, 1)
        own = own + np.where(present, reduced - own, 0.0).sum(axis=0) / np.maximum(there, 1)  # what rounding took
        spread = (np.where(present, reduced - own, 0.0) ** 2).sum(axis=0)
        share = there / np.maximum(count + there, 1)
        squares = squares + spread + (own - mean) ** 2 * count * share
        mean, count = mean + (own - mean) * share, count + there
    deviation = np.sqrt(squares / np.maximum(count, 1))
    flat = deviation <= 1e-14 * np.abs(mean)  # or round-off of the mean of equal values
    return Scale(np.asarray(mean * unit), np.asarray(np.where(flat, 1.0, deviation * unit)))


def _parts(table: Table, name: str) -> Iterator[FloatArray]:
    """Yield the values of a column, in parts if the table is too large to be read at once."""
    if not is_read_in_parts(table, 1):
        yield table.read(name)
        return
    length = max(1, PART_BYTES // 8)
    for first in range(0, table.rows, length):
        yield table.part(first, min(length, table.rows - first), [name]).read(name)


@dataclass(frozen=True, eq=False)
class StandardisedTable(Table):
    """A table some of whose columns or feature groups are standardised when they are read.

    >>> from steepest.tables.table import open_table
    >>> raw = open_table({"x": [1.0, 3.0], "y": [5.0, 6.0]})
    >>> table = standardised(raw, {"x": scale_of(raw, "x")})
    >>> table.select(["x", "y"]).arrays
    {'x': array([-1.,  1.]), 'y': array([5., 6.])}
    """

    table: Table = field(repr=False, kw_only=True)
    scales: Mapping[str, Scale] = field(repr=False, kw_only=True)

    def select(self, names: Iterable[str], na: str = "error") -> Samples:
        """Return the named columns and groups as numbers, those with a scale standardised."""
        columns = self.table.select(names, na)
        arrays = {}
        for name, array in columns.arrays.items():
            arrays[name] = self.scales[name].applied(array) if name in self.scales else array
            arrays[name].flags.writeable = False
        return replace(columns, arrays=arrays)

    @property
    def in_parts(self) -> bool:
        """True if some rows can be read without the others."""
        return self.table.in_parts

    def part(self, first: int, count: int, names: Iterable[str]) -> Table:
        """Return a table of consecutive rows; see :meth:`Table.part`."""
        return standardised(self.table.part(first, count, names), self.scales)


def standardised(table: Table, scales: Mapping[str, Scale]) -> Table:
    """Return the table with standardised columns; the table itself if no column has a scale."""
    if not scales:
        return table
    plain = table.table if isinstance(table, StandardisedTable) else table

    def read(name: str) -> FloatArray:
        return scales[name].applied(plain.read(name)) if name in scales else plain.read(name)

    return StandardisedTable(plain.names, plain.source, plain.rows, read, table=plain, scales=dict(scales))
