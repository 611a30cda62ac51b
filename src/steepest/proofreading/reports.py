"""A proof as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steepest.proofreading.findings import Proof


def as_text(proof: Proof, file: str) -> str:
    """The findings as ``file:line:column: message``."""
    return "\n".join(
        f"{file}:{f.line}:{f.column}: {f.verdict} {f.cause or ''} {f.message}\n    {f.source}\n    {f.corrected}"
        for f in proof.findings
    )
