"""The cells of a table as they were written, for output next to what is computed from them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def written(column: Iterable[Any]) -> list[str]:
    """Return the texts of a column of CSV; of numbers that are kept as such the shortest that are read as they are."""
    found: list[str] = []
    for part in column:
        found += map(as_text, part.tolist() if isinstance(part, np.ndarray) else part.to_list())
    return found


def as_text(value: Any) -> str:
    """Return a value as the text of a cell; a missing one is empty.

    >>> as_text(2.0), as_text(0.1), as_text(float("nan")), as_text(None), as_text("setosa")
    ('2', '0.1', '', '', 'setosa')
    """
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else str(value)


def csv_lines(columns: Mapping[str, Iterable[str]]) -> str:
    """Return columns as CSV, with quotation marks around cells that need them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()[:-1]
