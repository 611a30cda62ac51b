"""Checks lines by the definitions of their own section: notes on several topics use the same letters again."""

from __future__ import annotations

import re

from steepest.proofreading.meaning.analysis import analyse
from steepest.proofreading.meaning.document_model import DocumentModel, definable
from steepest.proofreading.reading.statements import ParsedDocument, Statement
from steepest.proofreading.reading.tree import walk
from steepest.proofreading.values.comparison import compared
from steepest.proofreading.verdicts.assessment import Assessment, vanishes
from steepest.proofreading.verdicts.case import Case
from steepest.proofreading.verdicts.doubts import approximation


class SectionModels:
    """Models of the sections of a document, each built when it is first needed."""

    def __init__(self) -> None:
        self._models: dict[int, tuple[DocumentModel, list[Statement]] | None] = {}

    def find(self, case: Case, section: int) -> tuple[DocumentModel, list[Statement]] | None:
        """Return the model of a section with its statements; None for the only section of a document."""
        if section not in self._models:
            chosen = [s for s in case.parsed.statements if s.section == section]
            part = ParsedDocument(chosen, case.parsed.context)
            passages = [p for p in case.passages if p.is_maths or re.search(r"one[- ]hot", p.text, re.IGNORECASE)]
            model = analyse(part, passages, case.document.assumed, infer=False)
            model = model.with_constants(case.document.letters.constants)
            self._models[section] = None if len(chosen) == len(case.parsed.statements) else (model, chosen)
        return self._models[section]


def check_in_section(case: Case, models: SectionModels, assessment: Assessment) -> list[Assessment]:
    """Return a better assessment if the definitions of its section alone make a line right."""
    line = assessment.line
    found = models.find(case, line.statement.section)
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
