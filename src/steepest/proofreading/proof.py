"""From a document to its proof: passages, statements, decisions, findings with their places."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from steepest.proofreading.reading.passages import Lines, passages
from steepest.proofreading.reading.statements import read_statements
from steepest.proofreading.reports.findings import Finding, Proof, Trial
from steepest.proofreading.values.symbols import POINTS
from steepest.proofreading.verdicts.deciding import Decider, Draft

_SIGNS = {"≈": r"\approx", "<=": r"\le", ">=": r"\ge"}


def read(text: str, assume: Mapping[str, float]) -> Proof:
    """Decide every equality of a document."""
    found = passages(text)
    reading = read_statements(found)
    decider = Decider(reading, found, assume)
    lines = Lines(text)
    findings = [_finding(decider, draft, lines) for draft in decider.run()]
    for passage, trouble in reading.troubles:
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
    _, left, relation, right = decider.sides(draft.order, draft.at)
    at = draft.point_at or (left if draft.at == 0 or draft.whole else right)
    start = at.place
    end = max(right.passage.places[right.end], start)
    line, column = lines.place(start)
    sign = _SIGNS.get(relation, relation)
    source = f"{left.text} {sign} {right.text}"
    corrected = draft.whole or (f"{left.text} {sign} {draft.corrected}" if draft.corrected else "")
    outcome = draft.outcome
    trials: tuple[Trial, ...] = ()
    if outcome is not None:
        trials = tuple(_trial(outcome, k) for k in np.linspace(0, len(outcome.left) - 1, 4).astype(int))
    return Finding(
        line, column, source, draft.verdict, draft.cause, draft.message, corrected, start, end,
        outcome.bar if outcome is not None else 0.0, trials, (left.node, right.node),
    )  # fmt: skip


def _trial(outcome: object, k: int) -> Trial:
    from steepest.proofreading.values.comparison import Outcome
    from steepest.proofreading.values.fitting import name_of

    assert isinstance(outcome, Outcome)
    point = int(outcome.points[k]) % POINTS
    at = {
        name_of(key): float(np.real(value[point]))
        for key, value in outcome.letters.items()
        if key in outcome.leaves and np.ndim(value) == 1
    }
    return Trial(float(outcome.left[k]), float(outcome.right[k]), at)
