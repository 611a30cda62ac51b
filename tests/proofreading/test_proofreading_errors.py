"""An error of the proof-reader itself is a finding on its line, and the other lines are still checked."""

from __future__ import annotations

from typing import Any

import pytest

from steepest.proofreading import proofread
from steepest.proofreading.verdicts import checker
from steepest.proofreading.verdicts.case import Assessment, Case, Line

TEXT = r"$f(x) = x^3$ $f'(x) = 3 x^2$ $f''(x) = 5 x$"


def fail(*arguments: Any) -> list[Assessment]:
    raise ZeroDivisionError("a mistake of ours")


def test_an_error_on_one_line_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assess = checker.assess
    monkeypatch.setattr(
        checker, "assess", lambda case, line: fail() if line.statement_index == 1 else assess(case, line)
    )
    findings = proofread(TEXT).findings
    assert [f.verdict for f in findings] == ["defines", "not-understood", "differs"]
    assert findings[1].message == f"{checker.INTERNAL_ERROR} (ZeroDivisionError('a mistake of ours'))"


@pytest.mark.parametrize("step", ["apply_rules", "correct_definition"])
def test_an_error_of_a_step_for_all_lines_is_one_more_finding(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    monkeypatch.setattr(checker, step, fail)
    findings = proofread(TEXT).findings
    assert [f.verdict for f in findings if not f.message.startswith(checker.INTERNAL_ERROR)] == [
        "defines", "holds", "differs",
    ]  # fmt: skip
    assert len(findings) == 4


def test_an_error_in_the_search_for_a_cause_is_not_a_wrong_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "explain", fail)
    proof = proofread(TEXT)
    assert proof.ok
    assert proof.findings[2].message.startswith(checker.INTERNAL_ERROR)


def test_a_step_does_not_change_what_another_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every assessment stays as it was made: corrections further down make new ones."""
    made: list[tuple[Assessment, dict[str, Any]]] = []
    assess = checker.assess

    def noting(case: Case, line: Line) -> list[Assessment]:
        found = assess(case, line)
        made.extend((assessment, dict(vars(assessment))) for assessment in found)
        return found

    monkeypatch.setattr(checker, "assess", noting)
    assert proofread(r"$z = w x$ $a = -\sigma(z)$ $a = \frac{1}{1 + e^{-z}}$ $f(x) = x^2$ $f'(x) = 3x$").wrong
    assert all(vars(assessment) == before for assessment, before in made)


@pytest.mark.parametrize("text", ["x + y^{%s}", "%s x", "x_{%s}", r"\sum_{i=1}^{%s} x_i"])
def test_a_number_of_hundreds_of_digits_is_not_understood(text: str) -> None:
    findings = proofread(f"$z = {text % ('9' * 400)}$ {TEXT}").findings
    assert "the number 9999999999… has too many digits" in findings[0].message
    assert [f.verdict for f in findings] == ["not-understood", "defines", "holds", "differs"]


def test_a_maximum_of_three_has_no_expression() -> None:
    (finding,) = proofread(r"$z = \max(a, b, c)$").findings
    assert finding.right is None
    assert proofread(r"$z = \max(a, b)$").findings[0].right is not None
