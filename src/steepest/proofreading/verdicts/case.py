"""What all checks of one document share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from steepest.proofreading.causes.diagnoser import Diagnoser
from steepest.proofreading.causes.latex import Writer
from steepest.proofreading.causes.mismatch import Diagnosis, Mismatch
from steepest.proofreading.meaning.analysis import analyse
from steepest.proofreading.meaning.document_model import DocumentModel
from steepest.proofreading.reading.passages import Passage
from steepest.proofreading.reading.statements import ParsedDocument, Side
from steepest.proofreading.reading.tree import Node
from steepest.proofreading.verdicts.assessment import Assessment, Line


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
