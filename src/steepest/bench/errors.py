"""What the bench raises."""

from __future__ import annotations

from steepest.errors import SteepestError


class BenchError(SteepestError):
    """A bench has nothing to measure, or a peer of it cannot be run."""
