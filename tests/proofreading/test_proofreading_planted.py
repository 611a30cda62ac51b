"""Planted faults are found with their cause, and right derivations raise no alarm; see ``planted.py``."""

from __future__ import annotations

import pytest

from planted import derivations, measure
from steepest.proofreading import CAUSES


@pytest.mark.parametrize("part", ["development", "held-out"])
def test_faults_are_found_and_named(part: str) -> None:
    """The bar of the project: 95 % found, 80 % with the right cause, no false alarm."""
    counts, alarms, _ = measure(part)
    planted, found, named = (sum(getattr(c, f) for c in counts.values()) for f in ("planted", "found", "named"))
    assert not alarms
    assert found >= 0.95 * planted
    assert named >= 0.80 * planted


def test_the_set_is_as_large_as_it_should_be_and_has_every_cause() -> None:
    chosen = derivations()
    assert len(chosen) >= 60
    assert len({d.name for d in chosen}) == len(chosen)
    assert {fault.cause for d in chosen for fault in d.wrong()} == set(CAUSES)
    assert {d.topic for d in chosen} >= {"calculus", "neurons", "chains", "vectorised", "entropy", "means"}
    first = [d for d in chosen if d.topic != "further"]  # which came after the draw, for development
    assert 3 * sum(d.held_out for d in first) >= len(first) >= 60


def test_a_fault_changes_its_derivation_at_its_place() -> None:
    for derivation in derivations():
        for fault in derivation.wrong():
            assert fault.text != derivation.right
            assert "⟦" not in fault.text
            assert fault.text[: fault.start] == derivation.right[: fault.start]
