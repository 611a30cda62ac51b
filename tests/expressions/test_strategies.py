"""The random formulas themselves: they draw on every operation, stay small and smooth, and none is thrown away."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given, settings

from meanings import numpy_evaluate
from steepest.expressions.expression import DATA, PARAMETER, toposort
from strategies import BASIC, KINK, LARGEST, MOST_NODES, Case, cases, random_cases

DRAWN: Counter[str] = Counter()


def is_usable(case: Case) -> None:
    nodes = toposort([case.cost])
    assert len(nodes) <= MOST_NODES
    assert not case.cost.per_sample
    assert case.cost.shape == ()
    assert case.cost.parameters
    assert 1 <= case.rows <= 7
    assert set(case.values) == {node.name for node in nodes if node.operation in (DATA, PARAMETER)}
    found = numpy_evaluate([case.cost], case.values, case.rows)
    on_params = {node for node in nodes if node.parameters}
    for node in nodes:
        assert np.all(np.isfinite(found[node])), node
        for kink in node.operation.kinks:
            distance = numpy_evaluate([kink(*node.args)], case.values, case.rows)[kink(*node.args)]
            same = len(node.args) == 2 and node.args[0] is node.args[1]
            assert node not in on_params or same or np.min(np.abs(distance)) >= KINK * (1 - 1e-9), node
    assert abs(found[case.cost]) <= 2.1 * LARGEST


def test_random_cases_hold_every_operation_of_the_table() -> None:
    counts: Counter[str] = Counter()
    for case in random_cases(300):
        is_usable(case)
        counts.update(case.operations)
    assert {row.name for row in BASIC} <= set(counts)
    assert min(counts[row.name] for row in BASIC) >= 10


def test_random_cases_are_the_same_each_time_and_differ_from_one_another() -> None:
    assert [case.cost for case in random_cases(20)] == [case.cost for case in random_cases(20)]
    assert len({case.cost for case in random_cases(200)}) >= 195


@settings(max_examples=400, derandomize=True)
@given(cases)
def test_drawn_cases_are_usable(case: Any) -> None:
    is_usable(case)
    DRAWN.update(case.operations | {"cases"})


def test_every_case_that_was_drawn_reached_the_assertions() -> None:
    DRAWN.clear()
    test_drawn_cases_are_usable()
    # hypothesis stops early only if it runs out of cases, and rejects none: there is no filter.
    assert DRAWN["cases"] >= 400
    assert {row.name for row in BASIC} <= set(DRAWN)
