"""One equality of a document, and the assessment of it: a verdict with its reasons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from steepest.proofreading.reading.statements import Side, Statement
from steepest.proofreading.reading.tree import Node
from steepest.proofreading.values.comparison import Comparison, counterexample
from steepest.proofreading.values.scope import Interpretation


@dataclass(frozen=True, eq=False)
class Line:
    """One equality of a document: two neighbouring sides of a statement."""

    statement: Statement
    statement_index: int
    relation_index: int  # of its relation in the statement

    @property
    def left_side(self) -> Side:
        """The side before the relation."""
        return self.statement.sides[self.relation_index]

    @property
    def right_side(self) -> Side:
        """The side after the relation."""
        return self.statement.sides[self.relation_index + 1]

    @property
    def relation(self) -> str:
        """The relation between the sides."""
        return self.statement.relations[self.relation_index]

    @property
    def is_read(self) -> bool:
        """Whether both sides could be parsed."""
        return self.left_side.node is not None and self.right_side.node is not None

    @property
    def left(self) -> Node:
        """The tree of the left side of a line that is read."""
        assert self.left_side.node is not None  # callers check ``is_read``
        return self.left_side.node

    @property
    def right(self) -> Node:
        """The tree of the right side of a line that is read."""
        assert self.right_side.node is not None  # callers check ``is_read``
        return self.right_side.node


@dataclass(frozen=True, eq=False)
class Assessment:
    """What is known of a line; every step of the check returns new ones."""

    line: Line
    verdict: str = ""  # one of ``findings.VERDICTS``; empty while the sides differ and the cause is still to be found
    message: str = ""
    cause: str | None = None  # one of ``findings.CAUSES`` if the verdict is ``differs``, or None
    corrected: str = ""  # the corrected right side in LaTeX
    corrected_line: str = ""  # the corrected line, where the left side changes too
    comparison: Comparison | None = None
    interpretation: Interpretation = Interpretation.AS_WRITTEN  # of symbols, under which the sides were compared
    shape_clash: str = ""  # why the shapes of vectors and matrices do not match
    unread: Side | None = None  # the side that could not be read, at which the finding points

    def judged(self, verdict: str, message: str, cause: str | None = None, **changes: Any) -> Assessment:
        """Return an assessment of the same line with a verdict and its reasons."""
        return replace(self, verdict=verdict, message=message, cause=cause, **changes)


def vanishes(comparison: Comparison) -> bool:
    """Return whether the left side is 0 at all points, so that an equality says little."""
    # Above the round-off of sides near 1.
    return not np.any(np.abs(comparison.left) > 1e-12)


def conditional_message(comparison: Comparison, first_order: bool = False) -> str:
    """Describe a claim that is true only for some values by a counterexample."""
    wrong, values = counterexample(comparison)
    place = ", ".join(f"${name} = {value:.3g}$" for name, value in list(values.items())[:6])
    start = "true to first order only" if first_order else "true only for some values"
    one, other = comparison.left[wrong], comparison.right[wrong]
    return f"{start}: at {place} the left side is {one:.4g}, the right side {other:.4g}"
