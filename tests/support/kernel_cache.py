"""A kernel that compiles quickly, and the entries of a cache directory."""

from __future__ import annotations

from pathlib import Path

import pytest

import steepest as st


def small(rate: float = 0.1) -> float:
    """A descent of one kernel, quickly compiled: 3·(1 − 2α) from the minimum after an epoch."""
    x = st.params("x")
    run = st.descend((x - 3) ** 2, None, {"x": 0.0}, rate, 1, engine="native")
    assert run.engine == "native"
    assert run.params["x"] == pytest.approx(6 * rate, rel=1e-15)
    return float(run.params["x"])


def entries(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in place.iterdir()} if place.exists() else {}
