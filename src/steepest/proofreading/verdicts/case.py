"""What all checks of one document share: its lines, the assessment of each, a verdict with reasons, and the case."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from steepest.proofreading.causes.diagnoser import Diagnoser
from steepest.proofreading.causes.latex import Writer
from steepest.proofreading.causes.mismatch import Diagnosis, Mismatch
from steepest.proofreading.meaning.analysis import analyse
from steepest.proofreading.meaning.document_model import DocumentModel
from steepest.proofreading.reading.passages import Passage
from steepest.proofreading.reading.statements import ParsedDocument, Side, Statement
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


class Case:
    """A document under check.

    Two things change while lines are checked, since later lines are judged by what earlier ones establish: the model
    of the document, replaced as a whole, and the corrections.
    """

    def __init__(self, parsed: ParsedDocument, passages: Sequence[Passage], assumed: Mapping[str, float]) -> None:
        self.parsed, self.passages = parsed, passages
        self.lines = [
            Line(statement, statement_index, relation_index)
            for statement_index, statement in enumerate(parsed.statements)
            for relation_index in range(len(statement.relations))
        ]
        self.writer = Writer(side for statement in parsed.statements for side in statement.sides)
        self.diagnoser = Diagnoser(parsed.statements, self.writer)
        self.document: DocumentModel = analyse(parsed, passages, assumed)
        self.corrections: dict[Side, Node] = {}  # corrected trees of sides that are wrong
        self._sections: dict[int, tuple[DocumentModel, list[Statement]] | None] = {}

    def model_of_section(self, section: int) -> tuple[DocumentModel, list[Statement]] | None:
        """Return the model of a section with its statements, built once; None for the only section of a document."""
        if section not in self._sections:
            chosen = [s for s in self.parsed.statements if s.section == section]
            part = ParsedDocument(chosen, self.parsed.context)
            passages = [p for p in self.passages if p.is_maths or re.search(r"one[- ]hot", p.text, re.IGNORECASE)]
            model = analyse(part, passages, self.document.assumed, infer=False)
            model = model.with_constants(self.document.letters.constants)
            self._sections[section] = None if len(chosen) == len(self.parsed.statements) else (model, chosen)
        return self._sections[section]

    def correct(self, side: Side, changed: Node) -> None:
        """Replace the tree of a side, also in the definitions that it is the body of, for all lines that follow."""
        assert side.node is not None  # a rule has read it
        self.document = self.document.with_body(side.node, changed)
        side.node = changed
        self.corrections[side] = changed

    def diagnose(
        self, assessment: Assessment, truth: Node, side: Side, node: Node, approximate: bool = False
    ) -> Diagnosis | None:
        """Find the cause of a difference between what is taken to be right and a side that is taken to be wrong."""
        index, interpretation = assessment.line.statement_index, assessment.interpretation
        return self.diagnoser.diagnose(Mismatch(self.document, index, truth, side, node, interpretation, approximate))
