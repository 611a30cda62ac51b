"""The result of proof-reading: one finding for every equality, the proof of all, and both as text and SARIF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from steepest.display.summaries import ReprMixin, Summary, SummaryTable
from steepest.expressions.expression import Expression
from steepest.proofreading.reading.passages import Lines
from steepest.proofreading.reading.tree import Node
from steepest.proofreading.reports.expressions import expression_of
from steepest.version import __version__

VERDICT_WORDS = {
    "holds": "holds", "differs": "wrong", "defines": "defines", "approximation": "approximation",
    "not-understood": "not understood",
}  # fmt: skip
VERDICTS = tuple(VERDICT_WORDS)
REPORTED = ("differs", "approximation", "not-understood")
"""The verdicts that a report shows; the others need no attention."""

CAUSE_WORDS = {
    "factor": "A constant factor is wrong", "sign": "A sign is wrong", "term": "A factor or term is missing or extra",
    "transpose": "A transpose is missing, or shapes do not match", "index": "An index is free, clashing or wrong",
    "undefined": "A symbol is never defined", "variable": "A wrong variable",
    "arithmetic": "An arithmetic error in worked numbers",
    "activation": "The derivative of the wrong activation", "stop-gradient": "Something must be held constant",
    "condition": "A claim that is true only for some values",
}  # fmt: skip
CAUSES = tuple(CAUSE_WORDS)


@dataclass(frozen=True)
class Trial:
    """The numbers at one of the points tried.

    Attributes:
        left: the value of the left side.
        right: the value of the right side.
        at: the values of the letters.
    """

    left: float
    right: float
    at: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Finding:
    """The verdict on one equality.

    Attributes:
        line: its line in the document, from 1.
        column: its column in that line, from 1.
        source: the equality as written, with macros expanded.
        verdict: ``holds``, ``differs``, ``defines``, ``approximation`` or ``not-understood``.
        cause: the most likely cause of a difference, or None.
        message: one sentence.
        corrected: the corrected equality in LaTeX; empty if it is not known.
        start: the offset in the document where it begins.
        end: the offset where it ends.
        tolerance: the difference that round-off allows, relative to the size of the sides.
        trials: the numbers at some of the points tried.
        nodes: the trees of both sides; None for a side that could not be read.
    """

    line: int
    column: int
    source: str
    verdict: str
    cause: str | None
    message: str
    corrected: str
    start: int
    end: int
    tolerance: float = 0.0
    trials: tuple[Trial, ...] = field(default=(), repr=False)
    nodes: tuple[Node | None, Node | None] = field(default=(None, None), repr=False)

    @property
    def left(self) -> Expression | None:
        """The left side as an expression; None if it cannot be written as one."""
        return expression_of(self.nodes[0])

    @property
    def right(self) -> Expression | None:
        """The right side as an expression; None if it cannot be written as one."""
        return expression_of(self.nodes[1])

    def as_dict(self, file: str = "") -> dict[str, Any]:
        """Return the finding as a dict, for JSON."""
        return {
            "file": file, "line": self.line, "column": self.column, "source": self.source, "verdict": self.verdict,
            "cause": self.cause, "message": self.message, "corrected": self.corrected or None,
        }  # fmt: skip


_MARKS = {"differs": "bad", "approximation": "open", "not-understood": "open"}


@dataclass(frozen=True, repr=False)
class Proof(ReprMixin):
    """The findings on one document; notebooks show those that need attention as a table.

    Attributes:
        findings: one for each equality, in the order of the document.
        text: the document.
    """

    findings: tuple[Finding, ...]
    text: str = field(default="", repr=False)

    @property
    def ok(self) -> bool:
        """Whether no line is wrong."""
        return not self.wrong

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """The findings on wrong lines."""
        return tuple(f for f in self.findings if f.verdict == "differs")

    @property
    def counts(self) -> dict[str, int]:
        """The number of findings by verdict."""
        return {verdict: sum(f.verdict == verdict for f in self.findings) for verdict in VERDICTS}

    def card(self) -> Summary:
        """Return a summary: how many equalities hold, and a row for each that needs attention."""
        found = [f for f in self.findings if f.verdict in REPORTED]
        rows = tuple(
            (f"{f.line}:{f.column}", VERDICT_WORDS[f.verdict], f.source, f.message, f.corrected or "–") for f in found
        )
        marks = tuple(_MARKS[f.verdict] for f in found)
        header = ("line", "verdict", "equality", "why", "should be")
        tables = (SummaryTable("Findings", header, rows, (), marks),) if rows else ()
        title = summary(self)
        return Summary(f"{title[:1].upper()}{title[1:]}", tables)

    def __repr__(self) -> str:
        return f"<Proof: {summary(self)}>"

    def __str__(self) -> str:
        return as_text(self)


Documents = Sequence[tuple[str, Proof]]
"""File names, each with the proof of its document."""


def as_text(proof: Proof, file: str = "", explain: bool = False) -> str:
    """Write the findings as ``file:line:column: message`` with the line and its correction, then a summary.

    Args:
        proof: the proof to write.
        file: the name of the document.
        explain: whether to show every equality, with the numbers at the points tried.
    """
    parts = [_entry(f, file, explain) for f in proof.findings if explain or f.verdict in REPORTED]
    return "\n".join([*parts, summary(proof, file)])


def _entry(finding: Finding, file: str, explain: bool) -> str:
    cause = f" ({finding.cause})" if finding.cause else ""
    place = f"{file}:{finding.line}:{finding.column}" if file else f"{finding.line}:{finding.column}"
    lines = [f"{place}: {VERDICT_WORDS[finding.verdict]}{cause}: {finding.message}", f"    {finding.source}"]
    if finding.corrected:
        lines.append(f"    should be  {finding.corrected}")
    if explain:
        lines += _explanation(finding)
    return "\n".join([*lines, ""])


def _explanation(finding: Finding) -> list[str]:
    """Return lines with the numbers at the points tried."""
    lines = []
    for trial in finding.trials:
        at = ", ".join(f"{name} = {value:.4g}" for name, value in list(trial.at.items())[:8])
        lines.append(f"      left {trial.left:.10g}, right {trial.right:.10g}" + (f"  at {at}" if at else ""))
    if finding.trials:
        lines.append(f"      equal if the difference is at most {finding.tolerance:.0e} of their size")
    return lines


def summary(proof: Proof, file: str = "") -> str:
    """Count the equalities of a document by verdict, in one sentence."""
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


def as_list(documents: Documents) -> list[dict[str, Any]]:
    """Return the findings of all documents as dicts, for JSON."""
    return [finding.as_dict(file) for file, proof in documents for finding in proof.findings]


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
