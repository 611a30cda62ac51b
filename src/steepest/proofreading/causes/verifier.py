"""Checks whether a changed side makes a line right, within a budget of work for the whole document."""

from __future__ import annotations

from steepest.proofreading.causes.mismatch import Mismatch
from steepest.proofreading.reading.tree import Node
from steepest.proofreading.values.comparison import orders
from steepest.proofreading.values.errors import ShapeClashError, UndecidedError

_TRIES = 6_000  # changes tried for one document
_MOST_WORK = 300_000  # parts of formulas evaluated for one document, a few seconds; causes are not searched beyond
_MARGIN = 0.75  # by how much the measured order of the error must exceed the degree that the line writes out


class Verifier:
    """Counts its work, so that a document full of mistakes still ends in a report."""

    def __init__(self) -> None:
        self._tries = 0

    @property
    def is_exhausted(self) -> bool:
        """Whether no more changes may be tried."""
        return self._tries > _TRIES

    def agrees(self, mismatch: Mismatch, node: Node) -> bool:
        """Return whether a tree in place of the wrong side makes the line right."""
        self._tries += 1
        if self.is_exhausted or mismatch.document.work.done > _MOST_WORK:
            return False
        try:
            if mismatch.is_series:
                index, interpretation = mismatch.statement_index, mismatch.interpretation
                powers = orders(mismatch.document, mismatch.truth, node, index, interpretation)
                return powers is None or powers[0] > mismatch.degree + _MARGIN
            # One choice of the free indices refutes most changes; the others are tried only if it does not.
            return mismatch.compare(node, quick=True).holds and mismatch.compare(node).holds
        except (ShapeClashError, UndecidedError):
            return False
