"""The tests of derivatives themselves: every derivative of the table, once broken, must be noticed."""

from __future__ import annotations

import pytest

from mutate_partials import MUTATIONS, mutants
from rows import check_derivatives
from sampling import sampled
from steepest.expressions.operations import TABLE


@pytest.mark.parametrize("row", sampled([row for row in TABLE if row.arity], 4), ids=lambda row: row.name)
def test_no_broken_derivative_survives(row) -> None:
    check_derivatives(row)  # unbroken it passes, or being caught would mean nothing
    broken = [mutant for mutant in mutants() if mutant.row is row]
    places = len(row.partials) + len(row.adjoints)
    assert places <= len(broken) <= (places + 1) * len(MUTATIONS)
    assert not [str(mutant) for mutant in broken if mutant.survives()]


def test_the_table_is_whole_again_afterwards() -> None:
    mutant = next(mutants())
    before = getattr(mutant.row, mutant.field)
    assert not mutant.survives()
    assert getattr(mutant.row, mutant.field) is before
