"""From a document to its proof: passages, statements, decisions, findings with their places."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from steepest.proofreading.reading.passages import Lines, passages
from steepest.proofreading.reading.statements import read_statements
from steepest.proofreading.reports.findings import Finding, Proof, Trial
from steepest.proofreading.values.arrays import POINTS
from steepest.proofreading.verdicts.deciding import Decider, Draft

_SIGNS = {"≈": r"\approx", "<=": r"\le", ">=": r"\ge"}


def read(text: str, assume: Mapping[str, float]) -> Proof:
    """Decide every equality of a document."""
    found = passages(text)
    parsed = read_statements(found)
    decider = Decider(parsed, found, assume)
    lines = Lines(text)
    findings = [_finding(decider, draft, lines) for draft in decider.run()]
    for passage, trouble in parsed.troubles:
        line, column = lines.place(passage.places[0])
        findings.append(
            Finding(
                line,
                column,
                passage.text[:80],
                "not-understood",
                None,
                str(trouble),
                "",
                passage.places[0],
                passage.places[-1],
            )
        )
    return Proof(tuple(sorted(findings, key=lambda f: (f.start, f.end))), text)


def _finding(decider: Decider, draft: Draft, lines: Lines) -> Finding:
    _, left, relation, right = decider.sides(draft.statement_index, draft.relation_index)
    side = draft.point_at or (left if draft.relation_index == 0 or draft.whole else right)
    start = side.place
    end = max(right.passage.places[right.end], start)
    line, column = lines.place(start)
    sign = _SIGNS.get(relation, relation)
    source = f"{left.text} {sign} {right.text}"
    corrected = draft.whole or (f"{left.text} {sign} {draft.corrected}" if draft.corrected else "")
    comparison = draft.comparison
    trials: tuple[Trial, ...] = ()
    if comparison is not None:
        trials = tuple(_trial(comparison, k) for k in np.linspace(0, len(comparison.left) - 1, 4).astype(int))
    return Finding(
        line, column, source, draft.verdict, draft.cause, draft.message, corrected, start, end,
        comparison.tolerance if comparison is not None else 0.0, trials, (left.node, right.node),
    )  # fmt: skip


def _trial(comparison: object, k: int) -> Trial:
    from steepest.proofreading.values.comparison import Comparison
    from steepest.proofreading.values.fitting import name_of

    assert isinstance(comparison, Comparison)
    point = int(comparison.points[k]) % POINTS
    at = {
        name_of(key): float(np.real(value[point]))
        for key, value in comparison.letters.items()
        if key in comparison.leaves and np.ndim(value) == 1
    }
    return Trial(float(comparison.left[k]), float(comparison.right[k]), at)
