"""Sweeps of which the default run takes a sample, and ``-m slow`` the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def sampled(values: Iterable[Any], every: int, first: int = 0) -> list[Any]:
    """Return values for a parametrisation: every n-th runs by default, the others are slow.

    Args:
        values: the values; a tuple is one value.
        every: the n.
        first: the place of the first that runs by default, below ``every``.
    """
    return [
        value if k % every == first else pytest.param(value, marks=pytest.mark.slow) for k, value in enumerate(values)
    ]
