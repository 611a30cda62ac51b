"""Rows of a record: many at once are those that one after another leaves."""

from __future__ import annotations

from random import Random

import pytest

from steepest.engines.step import Record


@pytest.mark.parametrize("seed", range(60))
def test_rows_of_many_epochs_are_kept_as_one_after_another(seed: int) -> None:
    random = Random(seed)
    epochs, thinning = random.randrange(1, 9000), random.choice([1, 2, 4])
    single, many = Record(thinning=thinning), Record(thinning=thinning)
    for k in range(epochs):
        if k % single.stride == 0:
            single.add([float(k)], [k] if k % (single.stride * thinning) == 0 else [])
    first = 0
    while first < epochs:
        after = min(epochs, first + random.randrange(1, 700))
        many.extend(first, [float(k) for k in range(first, after)], list(range(first, after)))
        first = after
    assert (many.stride, many.costs, many.parameters) == (single.stride, single.costs, single.parameters)
