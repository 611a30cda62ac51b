"""Labels of classes in a column: their numbers, as costs need them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.errors import TableError, TableWarning
from steepest.messages.sentences import listed, shown
from steepest.tables.cells import as_text
from steepest.tables.numerals import MISSING
from steepest.tables.table import Table

_FIRST = 1000  # rows that tell whether a column has numbers
_MOST = 1000  # classes; a column with more words is no target


@dataclass(frozen=True, eq=False)
class LabelledTable(Table):
    """A table in which a column of labels is read as their numbers."""


def labels_in(table: Table, name: str) -> tuple[str, ...]:
    """Return the labels in a column of words, sorted; none if a cell is a number, or they are no classes.

    >>> from steepest.tables.table import open_table
    >>> labels_in(open_table({"kind": ["b", "a", "b"]}), "kind"), labels_in(open_table({"x": [1, 2]}), "x")
    (('a', 'b'), ())
    """
    if name not in table.names or table.texts is None:
        return ()
    try:
        table.part(0, min(table.rows, _FIRST), [name]).read(name)
    except TableError:
        found = {cell.strip() for cell in table.cells(name) if not _is_missing(cell)}
        words = 2 <= len(found) <= _MOST and not any(map(_is_number, found))
        return tuple(sorted(found)) if words else ()
    return ()


def say_classes(name: str, labels: Sequence[Any]) -> None:
    """Warn that the words of a target are classes; nothing if there are no labels."""
    if labels:
        what = f"{name} has the classes {listed(labels, 8)}, with the numbers 0 to {len(labels) - 1} in this order"
        warnings.warn(what, TableWarning, stacklevel=3)


def labelled(table: Table, name: str, labels: Sequence[Any]) -> Table:
    """Return a table in which a column of labels has their numbers, 0, 1, …; without it the table as it is.

    A column of numbers whose labels are words has the numbers of the classes already.

    Raises:
        TableError: when the column is read, and a cell has none of the labels.

    >>> from steepest.tables.table import open_table
    >>> labelled(open_table({"kind": [3, 5, 3]}), "kind", [3, 5]).select(["kind"]).arrays["kind"]
    array([0., 1., 0.])
    """
    numbers = {_as_cell(label): float(k) for k, label in enumerate(labels)}
    inner: Any = table
    while inner is not None and not isinstance(inner, LabelledTable):
        inner = getattr(inner, "table", None)  # of feature groups and standardised columns
    if inner is not None or name not in table.names or [*numbers] == [str(k) for k in range(len(labels))]:
        return table
    words = not any(isinstance(label, bool | int | float) for label in labels)

    def read(column: str) -> NDArray[np.float64]:
        if column != name:
            return table.read(column)
        cells = table.cells(name)
        found = [_number_of(cell.strip(), numbers) for cell in cells]
        if None in found:
            row = found.index(None)
            if words and _is_number(cells[row]):
                return table.read(name)
            raise TableError(
                f"{table.source}: column {name!r} has {shown(cells[row])} in data row {row + 1}, which is none of the "
                f"classes of the model, {listed(numbers, 8)}; leave such rows out"
            )
        return np.array(found, np.float64)

    return LabelledTable(table.names, table.source, table.rows, read, texts=table.texts)


def _as_cell(label: Any) -> str:
    return as_text(float(label)) if isinstance(label, bool | int | float) else str(label).strip()


def _number_of(cell: str, numbers: Mapping[str, float]) -> float | None:
    """Return the number of a label, also of 2.0 for 2; NaN of an empty cell; None for other cells."""
    if cell in numbers:
        return numbers[cell]
    if _is_missing(cell):
        return float("nan")
    return numbers.get(as_text(float(cell))) if _is_number(cell) else None


def _is_missing(cell: str) -> bool:
    return not cell.strip() or cell.strip().lower() in MISSING


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
