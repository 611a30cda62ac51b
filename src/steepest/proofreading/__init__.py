"""The proof-reader: finds the wrong line in a derivation."""

from __future__ import annotations

from collections.abc import Mapping

from steepest.proofreading.reports.findings import CAUSES as CAUSES
from steepest.proofreading.reports.findings import VERDICTS as VERDICTS
from steepest.proofreading.reports.findings import Finding as Finding
from steepest.proofreading.reports.findings import Proof as Proof
from steepest.proofreading.reports.findings import Trial as Trial


def proofread(text: str, assume: Mapping[str, float] | None = None) -> Proof:
    r"""Find the wrong line in a derivation.

    An equality left = right of the document is computed on both sides at many random points, from what the document
    defined before: it *holds* if |left − right| ≤ bar · size at all of them.

    Args:
        text: a document, LaTeX or Markdown.
        assume: numbers of samples, layers or classes (``{"n": 4}``), or values of letters.

    Returns:
        A proof: its ``findings`` are one for each equality, with ``line``, ``column``, ``verdict``, ``cause``,
        ``message``, the ``corrected`` line, and both sides as expressions (``left``, ``right``) where they can be.

    Any text ends in a report; what is not understood is said to be so.

    >>> proof = proofread(r"Let $f(x) = x^3$. Then $f'(x) = 2 x^2$.")
    >>> [(finding.verdict, finding.cause) for finding in proof.findings]
    [('defines', None), ('differs', 'factor')]
    >>> print(proof.wrong[0].corrected)
    f'(x) = 3 x^2

    Source: identity by evaluation at random points, Schwartz 1980, Fast probabilistic algorithms for verification of
    polynomial identities.
    """
    from steepest.proofreading.proof import read

    return read(text, assume or {})
