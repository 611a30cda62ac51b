"""The check on thousands of right gradients and planted faults, at random, extreme and tiny points.

What is right is computed with many digits (exact_slopes.py). Of right gradients none may be called wrong, and at most
1 % inconclusive; at a kink the verdict is *kink*. Of faults none may be called correct, and a number that does not lie
between the slopes at a kink may not be called a kink. The default run makes 100 checks, ``-m slow`` 10,000 more.
"""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from gradient_faults import FAULTS, Check, fault_check, right_check
from sampling import sampled
from steepest.checking.report import CORRECT, INCONCLUSIVE, KINK
from steepest.expressions.expression import toposort

CHUNKS = sampled(enumerate([50, *[500] * 10]), 11)
"""The number and the size of each part."""
INCONCLUSIVE_SHARE = 0.01


def simplest(failures: list[tuple[str, str, Check]], most: int = 8) -> str:
    """The failures by verdict, those with the smallest costs first."""
    failures.sort(key=lambda failure: (failure[0], len(toposort([failure[2].case.cost]))))
    lines = []
    for verdict, found in itertools.groupby(failures, key=lambda failure: failure[0]):
        every = list(found)
        lines += [f"{verdict}: {len(every)}", *(f"    {detail}: {check}" for _, detail, check in every[:most])]
    return "\n".join(lines)


def right_checks(chunk: tuple[int, int]) -> list[Check]:
    number, size = chunk
    found = (right_check(f"right {number} {k}") for k in itertools.count())
    return list(itertools.islice((check for check in found if check), size))


@pytest.mark.parametrize("chunk", CHUNKS, ids=str)
def test_right_gradients(chunk: tuple[int, int]) -> None:
    verdicts: Counter[str] = Counter()
    failures, unclear = [], []
    for check in right_checks(chunk):
        for row in check.report():
            verdicts[row.verdict] += 1
            expected = {KINK} if row.name in check.kinks else {CORRECT, INCONCLUSIVE}
            if row.verdict not in expected:
                failures.append(
                    (f"{row.verdict} instead of {sorted(expected)[0]}", f"{row.name} ({row.detail})", check)
                )
            elif row.verdict == INCONCLUSIVE:
                unclear.append((row.verdict, f"{row.name} ({row.detail})", check))
    if failures:
        pytest.fail(f"{dict(verdicts)}\n{simplest(failures)}", pytrace=False)
    if verdicts[INCONCLUSIVE] > max(1, INCONCLUSIVE_SHARE * sum(verdicts.values())):
        pytest.fail(f"{dict(verdicts)}\n{simplest(unclear)}", pytrace=False)


def fault_checks(chunk: tuple[int, int]) -> list[Check]:
    """Faults of all kinds in turn; many costs have no place for some of them."""
    number, size = chunk
    checks: list[Check] = []
    for k in range(size):
        kind = FAULTS[k % len(FAULTS)]
        tried = (fault_check(kind, f"{kind} {number} {k} {attempt}") for attempt in range(3000))
        checks.append(next(check for check in tried if check))
    return checks


@pytest.mark.parametrize("chunk", CHUNKS, ids=str)
def test_planted_faults(chunk: tuple[int, int]) -> None:
    verdicts: Counter[str] = Counter()
    missed = []
    for check in fault_checks(chunk):
        row = check.report()[check.names[0]]
        verdicts[row.verdict] += 1
        if row.verdict == CORRECT or (check.kind.startswith("outside") and row.verdict == KINK):
            missed.append((f"{row.verdict} instead of wrong", f"{row.name} ({row.detail})", check))
    assert sum(verdicts.values()) == chunk[1]
    if missed:
        pytest.fail(f"{dict(verdicts)}\n{simplest(missed)}", pytrace=False)
