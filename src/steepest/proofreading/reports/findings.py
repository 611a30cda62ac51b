"""What the proof-reader says of a document: one finding for every equality, and the whole of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steepest.expressions.expression import Expression
    from steepest.proofreading.reading.tree import Node

VERDICTS = ("holds", "differs", "defines", "approximation", "not-understood")
CAUSES = (
    "factor", "sign", "term", "transpose", "index", "undefined", "variable", "arithmetic", "activation",
    "stop-gradient", "condition",
)  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """The numbers at one of the points that were tried.

    Attributes:
        left: the value of the left side.
        right: the value of the right side.
        at: the letters' values.
    """

    left: float
    right: float
    at: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Finding:
    """What is said of one equality.

    Attributes:
        line: of the document, from 1.
        column: in that line, from 1.
        source: the equality as it is written, macros written out.
        verdict: ``holds``, ``differs``, ``defines``, ``approximation`` or ``not-understood``.
        cause: the most likely cause of a difference; None for none.
        message: one sentence.
        corrected: the equality as it should read, in LaTeX; empty if that is not known.
        start: offset in the document where it begins.
        end: offset where it ends.
        tolerance: how far apart the sides may be by round-off, relative to their size.
        trials: the numbers at some of the points tried.
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
    trials: tuple[Trial, ...] = ()
    nodes: tuple[Node | None, Node | None] = (None, None)

    @property
    def left(self) -> Expression | None:
        """The left side as an expression of steepest; None if it cannot be one."""
        from steepest.proofreading.reports.expressions import expression_of

        return expression_of(self.nodes[0])

    @property
    def right(self) -> Expression | None:
        """The right side as an expression of steepest; None if it cannot be one."""
        from steepest.proofreading.reports.expressions import expression_of

        return expression_of(self.nodes[1])

    def as_dict(self, file: str = "") -> dict[str, Any]:
        """The finding for programs."""
        return {
            "file": file, "line": self.line, "column": self.column, "source": self.source, "verdict": self.verdict,
            "cause": self.cause, "message": self.message, "corrected": self.corrected or None,
        }  # fmt: skip


@dataclass(frozen=True)
class Proof:
    """A document that was read.

    Attributes:
        findings: what is said of each equality, in the order of the document.
        text: the document.
    """

    findings: tuple[Finding, ...]
    text: str = field(default="", repr=False)

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.wrong

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """The findings of lines that are wrong."""
        return tuple(f for f in self.findings if f.verdict == "differs")

    @property
    def counts(self) -> dict[str, int]:
        """How many findings have each verdict."""
        return {verdict: sum(f.verdict == verdict for f in self.findings) for verdict in VERDICTS}

    def __str__(self) -> str:
        from steepest.proofreading.reports.reports import as_text

        return as_text(self, "")
