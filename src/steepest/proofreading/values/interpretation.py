"""The ways in which an index on a symbol may be meant."""

from __future__ import annotations

from enum import Enum


class Interpretation(Enum):
    """Which definitions serve a symbol with a sample index, such as ``a_i``."""

    AS_WRITTEN = "as written"
    """Only definitions of ``a_i``."""
    PER_SAMPLE = "per sample"
    """Definitions of ``a`` as well; what depends on the sample gets the index, too."""
