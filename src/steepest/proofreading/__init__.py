"""Finds the wrong lines of derivations that others wrote; README.md explains how."""

from __future__ import annotations

from collections.abc import Mapping

from steepest.proofreading.reports.findings import CAUSES as CAUSES
from steepest.proofreading.reports.findings import VERDICTS as VERDICTS
from steepest.proofreading.reports.findings import Finding as Finding
from steepest.proofreading.reports.findings import Proof as Proof
from steepest.proofreading.reports.findings import Trial as Trial


def proofread(text: str, assume: Mapping[str, float] | None = None) -> Proof:
    r"""Find the wrong lines of a derivation.

    Both sides of every equality left = right are computed at random points, from what the document defined before. The
    equality *holds* if |left − right| ≤ tolerance · size at all points.

    Args:
        text: a document, LaTeX or Markdown.
        assume: numbers of samples, layers or classes (``{"n": 4}``), or values of letters.

    Returns:
        A proof. Its ``findings``, one for each equality, have ``line``, ``column``, ``verdict``, ``cause``,
        ``message``, the ``corrected`` line, and both sides as expressions (``left``, ``right``) where these exist.

    Every text yields a report; parts that could not be read are marked as such.

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
