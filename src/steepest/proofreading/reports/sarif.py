"""Write proofs as SARIF, the format in which tools show findings at the lines of a file."""

from __future__ import annotations

from typing import Any

from steepest.proofreading.reading.passages import Lines
from steepest.proofreading.reports.findings import CAUSE_WORDS, REPORTED, Documents, Finding
from steepest.version import __version__

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_sarif(documents: Documents) -> dict[str, Any]:
    """Return the findings as a SARIF 2.1.0 log."""
    rules = [{"id": cause, "shortDescription": {"text": words}} for cause, words in CAUSE_WORDS.items()]
    rules += [
        {"id": "differs", "shortDescription": {"text": "The sides of an equation differ"}},
        {"id": "approximation", "shortDescription": {"text": "True to some order only"}},
        {"id": "not-understood", "shortDescription": {"text": "An equation that could not be checked"}},
    ]
    results = [
        _result(finding, file, Lines(proof.text))
        for file, proof in documents
        for finding in proof.findings
        if finding.verdict in REPORTED
    ]
    driver = {"name": "steepest proofread", "version": __version__, "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


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
