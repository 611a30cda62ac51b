"""Checks every equality of a document in passes.

Causes are looked for last, when it is known which lines do not hold: the mistake may lie in a definition above them.
Notes on several topics use the same letters again, so that lines are also checked by the definitions of their section.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from steepest.proofreading.meaning.document_model import definable
from steepest.proofreading.reading.passages import Passage
from steepest.proofreading.reading.statements import ParsedDocument
from steepest.proofreading.reading.tree import walk
from steepest.proofreading.values.comparison import compared
from steepest.proofreading.verdicts.case import Assessment, Case, Line, vanishes
from steepest.proofreading.verdicts.doubts import approximation
from steepest.proofreading.verdicts.explanations import explain
from steepest.proofreading.verdicts.line_kinds import assess
from steepest.proofreading.verdicts.misprints import correct_definition
from steepest.proofreading.verdicts.structural_rules import apply_rules

INTERNAL_ERROR = "steepest itself fails on this line; please report it"
"""Begins the message of a finding that shows an error of the proof-reader; the fuzz tests look for it."""


class Checker:
    """Checks a document and keeps the assessments so far."""

    def __init__(self, parsed: ParsedDocument, passages: Sequence[Passage], assumed: Mapping[str, float]) -> None:
        self._case = Case(parsed, passages, assumed)
        self._assessments: dict[Line, Assessment] = {}
        self._errors: list[Assessment] = []

    def run(self) -> list[Assessment]:
        """Return the assessments of all lines."""
        case = self._case
        self._attempt(partial(apply_rules, case))
        for line in case.lines:
            if line not in self._assessments:
                self._attempt(partial(assess, case, line), line)
        for assessment in self._with_verdict("", "not-understood"):
            self._attempt(partial(check_in_section, case, assessment), assessment.line)
        while self._attempt(lambda: correct_definition(case, list(self._assessments.values()))):
            pass  # a correction makes lines right that may have hidden another misprint
        for assessment in self._with_verdict(""):
            self._attempt(partial(explain, case, assessment, self._assessments), assessment.line)
        return [*self._errors, *self._assessments.values()]

    def _with_verdict(self, *verdicts: str) -> Iterator[Assessment]:
        """Yield the assessments with some verdicts; a step may change those that follow."""
        for line in list(self._assessments):
            if self._assessments[line].verdict in verdicts:
                yield self._assessments[line]

    def _attempt(self, step: Callable[[], Sequence[Assessment]], line: Line | None = None) -> bool:
        """Run a step and keep the assessments that it returns; return whether there are any.

        An error of the proof-reader itself becomes an assessment, so that the other lines are still checked.
        """
        self._case.document.work.begin()
        try:
            found = step()
        except Exception as error:
            message = f"{INTERNAL_ERROR} ({error!r})"
            if line is not None:
                self._assessments[line] = Assessment(line, "not-understood", message)
            else:
                self._errors.append(Assessment(self._case.lines[0], "not-understood", message))
            return False
        self._assessments.update((assessment.line, assessment) for assessment in found)
        return bool(found)


def check_in_section(case: Case, assessment: Assessment) -> list[Assessment]:
    """Return a better assessment if the definitions of its section alone make a line right."""
    line = assessment.line
    found = case.model_of_section(line.statement.section)
    if found is None or not line.is_read:
        return []
    if definable(line.left) is not None and line.left.kind in ("symbol", "call"):
        return []
    model, statements = found
    statement_index = statements.index(line.statement)
    heads = [p.args[0] for p in walk(line.left) if p.kind == "derivative" and p.args[0].kind == "symbol"]
    if any(not model.definitions_of(head, statement_index) for head in heads):
        return []
    comparison = compared(model, line.left, line.right, statement_index)
    if comparison is None:
        return []
    if not comparison.holds:
        message = approximation(model, assessment, statement_index)
        return [assessment.judged("approximation", message)] if message else []
    if vanishes(comparison):
        return []
    return [assessment.judged("holds", "holds by the definitions of this section", comparison=comparison)]
