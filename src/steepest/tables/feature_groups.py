"""Feature groups: several columns of a table under one name in a formula, as a vector per sample."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

import numpy as np

from steepest.errors import ModelError, TableError
from steepest.expressions.expression import Shape
from steepest.messages.hints import nearest
from steepest.messages.sentences import listed
from steepest.tables.numerals import FloatArray
from steepest.tables.samples import Samples
from steepest.tables.table import Table

Features = str | Sequence[str] | Mapping[str, str | Sequence[str]]
DEFAULT = "X"


def spelt_out(features: Features | None) -> dict[str, tuple[str, ...]]:
    """Return the groups by name, each as a tuple of columns or patterns; a group without a name is X.

    >>> spelt_out("pixel_*"), spelt_out({"Z": ["a", "b"]})
    ({'X': ('pixel_*',)}, {'Z': ('a', 'b')})
    """
    if features is None:
        return {}
    blocks = features if isinstance(features, Mapping) else {DEFAULT: features}
    found = {}
    for name, given in blocks.items():
        parts = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, Sequence) else ()
        if not isinstance(name, str) or not parts or not all(isinstance(part, str) and part for part in parts):
            raise ModelError(
                f"features has {given!r}; write a pattern such as 'pixel_*', a list of columns, or a dict "
                "from a name of the formula to one of these"
            )
        found[name] = parts
    return found


def resolve(
    blocks: Mapping[str, Sequence[str]], table: Table, names: Collection[str], taken: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return the columns of each group, in the order of the list, or of the table for a pattern.

    ``names`` are those in the formula; a pattern does not match the ``taken`` columns, which the formula or the
    weights use.

    >>> from steepest.tables.table import open_table
    >>> resolve({"X": ["p*"]}, open_table({"p2": [1], "y": [1], "p1": [2]}), ["y", "X"], ["y"])
    {'X': ('p2', 'p1')}
    """
    found = {}
    for name, parts in blocks.items():
        if name not in names:
            raise ModelError(
                f"the feature group {name!r} is not in the formula{nearest(name, names)}; use it there, or drop it"
            )
        if name in table.names:
            raise TableError(f"{table.source}: there is a column {name!r} already; give the feature group another name")
        found[name] = tuple(dict.fromkeys(column for part in parts for column in _matching(part, table, taken)))
    return found


def _matching(part: str, table: Table, taken: Collection[str]) -> Iterable[str]:
    if part in table.names:
        return [part]
    if not set("*?[") & set(part):
        table.select([part])  # raises an error with the nearest name and the list of columns
    matching = [column for column in table.names if fnmatchcase(column, part) and column not in taken]
    if not matching:
        hint = nearest(part.strip("*?"), table.names)
        raise TableError(f"{table.source}: no column matches {part!r}{hint}; its columns are {listed(table.names)}")
    return matching


@dataclass(frozen=True, eq=False)
class GroupedTable(Table):
    """A table with feature groups: ``table`` is the one without them, ``blocks`` the columns of each.

    >>> from steepest.tables.table import open_table
    >>> table = with_blocks(open_table({"a": [1, 2], "b": [3, 4]}), {"X": ["a", "b"]})
    >>> table.select(["X"]).arrays["X"].tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """

    table: Table = field(repr=False, kw_only=True)
    blocks: Mapping[str, Sequence[str]] = field(repr=False, kw_only=True)

    def select(self, names: Iterable[str], na: str = "error") -> Samples:
        """Return the named columns and groups as numbers; errors name the single column."""
        needed = dict.fromkeys([names] if isinstance(names, str) else names)
        single = [column for name in needed for column in self.blocks.get(name, (name,))]
        columns = self.table.select(single, na)
        arrays = {name: columns.arrays[name] for name in needed if name not in self.blocks}
        for name in needed:
            if name in self.blocks:
                parts = [_column(columns.arrays[column], column, self.source) for column in self.blocks[name]]
                arrays[name] = np.stack(parts, axis=1)
                arrays[name].flags.writeable = False
        return replace(columns, arrays={name: arrays[name] for name in needed})

    @property
    def in_parts(self) -> bool:
        """True if some rows can be read without the others."""
        return self.table.in_parts

    def part(self, first: int, count: int, names: Iterable[str]) -> Table:
        """Return a table of consecutive rows; see :meth:`Table.part`."""
        single = [column for name in names for column in self.blocks.get(name, (name,))]
        return with_blocks(self.table.part(first, count, single), self.blocks)


def with_blocks(table: Table, blocks: Mapping[str, Sequence[str]]) -> Table:
    """Return the table with feature groups, except those that are columns of it."""
    own = {name: columns for name, columns in blocks.items() if name not in table.names}
    if not own:
        return table

    def read(name: str) -> FloatArray:
        # Does not refer to the new table: a reference cycle would keep its data until the next garbage collection.
        if name not in own:
            return table.read(name)
        return np.stack([_column(table.read(column), column, table.source) for column in own[name]], axis=1)

    return GroupedTable((*table.names, *own), table.source, table.rows, read, table=table, blocks=own)


def _column(array: FloatArray, name: str, source: str) -> FloatArray:
    if array.ndim != 1:
        what = f"column {name!r} has shape {array.shape[1:]} per row; a feature group needs single numbers"
        raise TableError(f"{source}: {what}; use the column itself in the formula")
    return array


def feature_shape(table: Table, name: str) -> Shape:
    """Return the shape of one sample's value in a column or group."""
    if isinstance(table, GroupedTable) and name in table.blocks:
        return (len(table.blocks[name]),)
    return tuple(table.read(name).shape[1:])
