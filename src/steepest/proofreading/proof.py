"""Leads from a document to its proof: passages, statements, assessments, findings with their places."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from steepest.proofreading.reading.passages import Lines, passages
from steepest.proofreading.reading.statements import read_statements
from steepest.proofreading.reports.findings import Finding, Proof, Trial
from steepest.proofreading.values.comparison import values_at
from steepest.proofreading.verdicts.case import Assessment
from steepest.proofreading.verdicts.checker import Checker

_SIGNS = {"≈": r"\approx", "<=": r"\le", ">=": r"\ge"}
_TRIALS = 4  # points whose numbers a finding shows
_LONGEST_SOURCE = 80  # characters shown of a passage that could not be read


def read(text: str, assume: Mapping[str, float]) -> Proof:
    """Check every equality of a document."""
    found = passages(text)
    parsed = read_statements(found)
    lines = Lines(text)
    findings = [_finding(assessment, lines) for assessment in Checker(parsed, found, assume).run()]
    for passage, trouble in parsed.troubles:
        start, end = passage.places[0], passage.places[-1]
        source = passage.text[:_LONGEST_SOURCE]
        findings.append(Finding(*lines.place(start), source, "not-understood", None, str(trouble), "", start, end))
    return Proof(tuple(sorted(findings, key=lambda f: (f.start, f.end))), text)


def _finding(assessment: Assessment, lines: Lines) -> Finding:
    """Return the finding on a line: an assessment with its place in the document."""
    line, comparison = assessment.line, assessment.comparison
    left, right = line.left_side, line.right_side
    # In a chain the left side belongs to the line above, so that a finding points at the right one.
    whole = line.relation_index == 0 or assessment.corrected_line
    start = (assessment.unread or (left if whole else right)).place
    end = max(right.passage.places[right.end], start)
    beginning = f"{left.text} {_SIGNS.get(line.relation, line.relation)} "
    corrected = assessment.corrected_line or (beginning + assessment.corrected if assessment.corrected else "")
    trials: tuple[Trial, ...] = ()
    if comparison is not None:
        one, other = comparison.left, comparison.right
        chosen = np.linspace(0, len(one) - 1, _TRIALS).astype(int)
        trials = tuple(Trial(float(one[k]), float(other[k]), values_at(comparison, k)) for k in chosen)
    return Finding(
        *lines.place(start), beginning + right.text, assessment.verdict, assessment.cause, assessment.message,
        corrected, start, end, comparison.tolerance if comparison is not None else 0.0, trials,
        (left.node, right.node),
    )  # fmt: skip
