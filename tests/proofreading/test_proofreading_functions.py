"""The functions that the proof-reader knows are those of the table of operations, and a few more."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from steepest.expressions.expression import OPERATIONS, Operation
from steepest.expressions.operations import FUNCTIONS, cos, exp, operation, sin
from steepest.expressions.printing import FUNCTION_NAMES
from steepest.proofreading import proofread
from steepest.proofreading.reading.vocabulary import functions, operation_of
from steepest.proofreading.values.functions import apply, is_known


@pytest.fixture
def wobble() -> Iterator[Operation]:
    """An operation that is added to the table for the time of a test."""
    row = operation(
        "wobble", 1, "sin(x)·exp(x)",
        partials=(lambda x, r: cos(x) * exp(x) + sin(x) * exp(x),),
        expansion=lambda x: sin(x) * exp(x),
    )  # fmt: skip
    try:
        yield row
    finally:
        del OPERATIONS["wobble"], FUNCTIONS["wobble"]
        FUNCTION_NAMES.discard("wobble")


@pytest.mark.parametrize("spelling", [r"\operatorname{wobble}(x)", r"\text{wobble}(x)", "wobble(x)", "np.wobble(x)"])
def test_an_operation_added_to_the_table_is_read(wobble: Operation, spelling: str) -> None:
    text = rf"$$f(x) = {spelling}$$ $$f'(x) = (\sin x + \cos x) e^x$$ $$f'(x) = (\sin x - \cos x) e^x$$"
    proof = proofread(text)
    assert [f.verdict for f in proof.findings] == ["defines", "holds", "differs"], str(proof)
    assert proof.findings[2].cause == "sign"
    expression = proof.findings[0].right
    assert expression is not None
    assert expression.operation is wobble


def test_a_removed_operation_is_not_read() -> None:
    assert "wobble" not in functions()
    assert not is_known("wobble")


def test_every_elementwise_function_of_the_table_is_read_and_evaluated() -> None:
    values = np.array([0.3, 0.7])
    names = {name for name in functions().values() if operation_of(name) is not None}
    assert names >= {"exp", "log", "log1p", "softplus", "sigmoid", "relu", "leaky_relu", "step", "max", "min", "abs"}
    for name in names:
        row = operation_of(name)
        assert row is not None
        inside = [values + max(low, 0.0) for low, _ in row.domain]
        assert np.isfinite(apply(name, *inside)).all(), name


def test_steep_functions_neither_overflow_nor_warn() -> None:
    steep = np.array([-800.0, 800.0])
    assert apply("softplus", steep).tolist() == [0.0, 800.0]
    assert apply("sigmoid", steep).tolist() == [0.0, 1.0]
    assert apply("softplus", steep + 1j * 1e-30).imag.tolist() == pytest.approx([0.0, 1e-30])


def test_a_wrong_number_of_arguments_is_said() -> None:
    finding = proofread(r"$$\sin(1 + 2) = \sin(x, y) + 1$$").findings[0]
    assert finding.verdict == "not-understood"
    assert "sin takes 1 argument, not 2" in finding.message
