"""The proof-reader: finds the wrong line in a derivation."""

from __future__ import annotations

from collections.abc import Mapping

from steepest.proofreading.findings import CAUSES as CAUSES
from steepest.proofreading.findings import VERDICTS as VERDICTS
from steepest.proofreading.findings import Finding as Finding
from steepest.proofreading.findings import Proof as Proof
from steepest.proofreading.findings import Trial as Trial


def proofread(text: str, assume: Mapping[str, float] | None = None) -> Proof:
    """Read a derivation and decide every equality in it."""
    from steepest.proofreading.proof import read

    return read(text, assume or {})
