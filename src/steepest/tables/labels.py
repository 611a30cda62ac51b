"""Labels of classes in a column: their numbers, as costs need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.errors import TableError
from steepest.messages.sentences import listed, shown
from steepest.tables.cells import as_text
from steepest.tables.table import Table


@dataclass(frozen=True, eq=False)
class LabelledTable(Table):
    """A table in which a column of labels is read as their numbers."""


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
    if not cell:
        return float("nan")
    if cell in numbers:
        return numbers[cell]
    return numbers.get(as_text(float(cell))) if _is_number(cell) else None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
