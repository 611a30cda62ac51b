"""The samples of a table: the columns that a cost uses, as arrays that check, fit and evaluation share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.errors import DescentError, TableError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Samples:
    """The columns selected from a table, as numbers.

    Attributes:
        arrays: each column by name, float64 and C-contiguous, ``(n,)``, or ``(n, d)`` for feature groups. Read-only,
            because they may share memory with the table.
        rows: n, the number of rows in the arrays.
        dropped: the number of rows that ``na="drop"`` removed.
        kept: ``(n,)``, the indices, from 0, of the rows of the table in the arrays.
        source: the name of the table in messages.
        weight_mean: what the column of sample weights was divided by, to have the mean 1; 1 without weights.
    """

    arrays: dict[str, FloatArray]
    rows: int
    dropped: int
    kept: NDArray[np.intp]
    source: str = field(default="the samples", kw_only=True)
    weight_mean: float = field(default=1.0, kw_only=True)

    def select(self, names: Any) -> Samples:
        """Return some of the columns."""
        for name in names:
            if name not in self.arrays:
                raise TableError(
                    f"{self.source}: there is no column {name!r}; its columns are {', '.join(self.arrays)}"
                )
        return replace(self, arrays={name: self.arrays[name] for name in names})

    def head(self, rows: int) -> Samples:
        """Return the first rows, or all if there are fewer."""
        return self if rows >= self.rows else self._taken(slice(0, rows))

    def split(self, share: float, seed: int) -> tuple[Samples, Samples, NDArray[np.intp]]:
        """Split off a random share of the rows; return the other rows, the rows drawn, and the indices of those."""
        drawn = round(self.rows * share)
        if not 0 < drawn < self.rows:
            raise DescentError(
                f"a share of {share:g} of {self.rows} rows leaves {drawn} to validate on; "
                "give another share, or a table"
            )
        order = np.random.default_rng([seed, self.rows]).permutation(self.rows)
        rest, out = np.sort(order[drawn:]), np.sort(order[:drawn])
        return self._taken(rest), self._taken(out), out

    def _taken(self, rows: Any) -> Samples:
        kept = self.kept[rows]
        return replace(
            self, arrays={name: array[rows] for name, array in self.arrays.items()}, rows=len(kept), kept=kept
        )
