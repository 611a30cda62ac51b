"""Errors of the benchmark."""

from __future__ import annotations

from steepest.errors import SteepestError


class BenchError(SteepestError):
    """A benchmark has nothing to measure, or a peer cannot run."""
