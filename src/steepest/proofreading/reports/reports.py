"""A proof as text for people, as JSON, and as SARIF for tools that show findings beside the lines of a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steepest.proofreading.reading.passages import Lines
from steepest.proofreading.reports.findings import CAUSES, Finding, Proof

Read = Sequence[tuple[str, Proof]]
"""Files with what was found in them."""

_SHOWN = ("differs", "approximation", "not-understood")
_WORDS = {
    "holds": "holds", "differs": "wrong", "defines": "defines", "approximation": "approximation",
    "not-understood": "not understood",
}  # fmt: skip
_CAUSE_WORDS = {
    "factor": "A constant factor is wrong", "sign": "A sign is wrong", "term": "A factor or term is dropped or extra",
    "transpose": "A transpose is missing, or shapes do not fit", "index": "An index is free, clashing or wrong",
    "undefined": "A symbol is never defined", "variable": "A wrong variable", "arithmetic": "A slip in worked numbers",
    "activation": "The derivative of the wrong activation", "stop-gradient": "Something must be held constant",
    "condition": "A claim that is true only for some values",
}  # fmt: skip
_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


def as_text(proof: Proof, file: str, explain: bool = False) -> str:
    """The findings as ``file:line:column: message``, with the line and the corrected line beneath, and a summary.

    Args:
        proof: what was found.
        file: the name of the document.
        explain: whether to show every equality, with the numbers at the points tried.
    """
    parts = [_shown(f, file, explain) for f in proof.findings if explain or f.verdict in _SHOWN]
    return "\n".join([*parts, summary(proof, file)])


def _shown(finding: Finding, file: str, explain: bool) -> str:
    cause = f" ({finding.cause})" if finding.cause else ""
    place = f"{file}:{finding.line}:{finding.column}" if file else f"{finding.line}:{finding.column}"
    lines = [f"{place}: {_WORDS[finding.verdict]}{cause}: {finding.message}", f"    {finding.source}"]
    if finding.corrected:
        lines.append(f"    should be  {finding.corrected}")
    if explain:
        lines += _explained(finding)
    return "\n".join([*lines, ""])


def _explained(finding: Finding) -> list[str]:
    """The numbers at the points tried."""
    lines = []
    for trial in finding.trials:
        at = ", ".join(f"{name} = {value:.4g}" for name, value in list(trial.at.items())[:8])
        lines.append(f"      left {trial.left:.10g}, right {trial.right:.10g}" + (f"  at {at}" if at else ""))
    if finding.trials:
        lines.append(f"      equal if no further apart than {finding.tolerance:.0e} of their size")
    return lines


def summary(proof: Proof, file: str = "") -> str:
    """How many equalities there are, and what became of them."""
    counts = proof.counts
    many = len(proof.findings)
    words = [
        (counts["holds"], "hold", "holds"),
        (counts["defines"], "define something", "defines something"),
        (counts["approximation"], "are approximations", "is an approximation"),
        (counts["differs"], "are wrong", "is wrong"),
        (counts["not-understood"], "are not understood", "is not understood"),
    ]
    said = ", ".join(f"{n} {one if n == 1 else more}" for n, more, one in words if n)
    start = f"{file}: " if file else ""
    if not many:
        return f"{start}no equality was found"
    return f"{start}{many} equalit{'y' if many == 1 else 'ies'}: {said}"


def as_list(read: Read) -> list[dict[str, Any]]:
    """All findings for programs."""
    return [finding.as_dict(file) for file, proof in read for finding in proof.findings]


def as_sarif(read: Read) -> dict[str, Any]:
    """The findings as a SARIF 2.1.0 log."""
    from steepest.version import __version__

    rules = [{"id": c, "shortDescription": {"text": _CAUSE_WORDS[c]}} for c in CAUSES]
    rules += [
        {"id": "differs", "shortDescription": {"text": "The sides of an equation differ"}},
        {"id": "approximation", "shortDescription": {"text": "True to some order only"}},
        {"id": "not-understood", "shortDescription": {"text": "An equation that was not understood"}},
    ]
    results = [
        _result(finding, file, Lines(proof.text))
        for file, proof in read
        for finding in proof.findings
        if finding.verdict in _SHOWN
    ]
    driver = {"name": "steepest proofread", "version": __version__, "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SARIF, "version": "2.1.0", "runs": [run]}


def _result(finding: Finding, file: str, lines: Lines) -> dict[str, Any]:
    end_line, end_column = lines.place(max(finding.end, finding.start))
    region = {
        "startLine": finding.line, "startColumn": finding.column, "endLine": end_line, "endColumn": end_column,
        "snippet": {"text": finding.source},
    }  # fmt: skip
    text = finding.message + (f"; it should be {finding.corrected}" if finding.corrected else "")
    return {
        "ruleId": finding.cause or finding.verdict,
        "level": "error" if finding.verdict == "differs" else "note",
        "message": {"text": text},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": file.replace(" ", "%20")}, "region": region}}],
        "properties": {"verdict": finding.verdict, "corrected": finding.corrected or None},
    }
