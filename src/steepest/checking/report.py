"""The report of a check: a verdict for each parameter, as text and as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from steepest.display.summaries import ReprMixin, Summary, SummaryTable

CORRECT, FACTOR, WRONG, KINK, INCONCLUSIVE = "correct", "wrong by a factor", "wrong", "kink", "inconclusive"
SEVERITY = (CORRECT, INCONCLUSIVE, KINK, FACTOR, WRONG)
"""The verdicts from good to bad."""
CELLS = ("parameter", "verdict", "gradient", "by differences", "")
"""The header of the table of verdicts."""
_MARKS = {CORRECT: "good", KINK: "open", INCONCLUSIVE: "open"}


@dataclass(frozen=True)
class Verdict:
    """The result of the check for one parameter.

    Attributes:
        name: the parameter.
        verdict: correct, wrong by a factor, wrong, kink or inconclusive.
        given: the partial derivative under test, at the element with the largest discrepancy.
        expected: the finite difference there.
        error: the error bar of ``expected``.
        factor: given/expected, for the verdict "wrong by a factor".
        detail: reason and element, in words.
    """

    name: str
    verdict: str
    given: float
    expected: float
    error: float
    factor: float | None = None
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether the verdict is correct."""
        return self.verdict == CORRECT

    def cells(self) -> tuple[str, ...]:
        """Return a table row: parameter, verdict, gradient, finite difference, detail."""
        factor = f" {self.factor:.6g}" if self.factor is not None else ""
        differences = f"{self.expected:z.10g} ± {self.error:.0e}"
        return (self.name, self.verdict + factor, f"{self.given:z.10g}", differences, self.detail)


@dataclass(frozen=True)
class Report(ReprMixin):
    """The verdicts by parameter; ``ok`` if all are correct."""

    rows: tuple[Verdict, ...]

    @property
    def ok(self) -> bool:
        """Whether every partial derivative is correct."""
        return all(row.ok for row in self.rows)

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> Verdict:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"the check has no parameter {name!r}")

    def card(self) -> Summary:
        """Return a summary: the verdicts as a table."""
        right = sum(row.ok for row in self.rows)
        marks = tuple(_MARKS.get(row.verdict, "bad") for row in self.rows)
        title = f"{right} of {len(self.rows)} partial derivatives correct"
        rows = tuple(row.cells() for row in self.rows)
        return Summary(title, (SummaryTable("Gradient against finite differences", CELLS, rows, (2,), marks),))

    def __str__(self) -> str:
        width = max([len(row.name) for row in self.rows], default=0)
        lines = []
        for row in self.rows:
            verdict = f"{row.verdict} {row.factor:.6g}" if row.factor is not None else row.verdict
            figures = f"gradient {row.given: .10g}  difference {row.expected: .10g} ± {row.error:.1e}"
            lines.append(f"{row.name:<{width}}  {verdict:<12} {figures}" + (f"  {row.detail}" if row.detail else ""))
        return "\n".join(lines)
