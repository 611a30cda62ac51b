"""Derivations node by node: every line at random points, for random costs of every operation of the table."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest import models
from steepest.derivations.lines import formula
from steepest.derivations.nodewise import _Values, derive_nodes
from steepest.documents.document import Paragraph, plain
from steepest.errors import DerivationError
from steepest.expressions import operations as op
from strategies import make_case

EXACT = 1e-10


def _held_at(derivation: Any, values: dict[str, Any]) -> float:
    """The largest difference of a line's sides at given values."""
    return derivation.verify(values=values).error  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", range(60))
def test_random_costs_hold_line_by_line(seed: int) -> None:
    case = make_case(Random(seed))
    if not case.cost.parameters:
        with pytest.raises(DerivationError, match="no parameter"):
            derive_nodes(case.cost)
        return
    derivation = derive_nodes(case.cost)
    assert _held_at(derivation, case.values) < EXACT


def test_a_product_of_sums() -> None:
    """Row E6: ∂f/∂q = z, ∂f/∂x = ∂f/∂q."""
    derivation = derive_nodes(st.parse("(x + y)*z"))
    said = {formula(line.left).text: formula(line.right).text for line in derivation.lines if line.left is not None}
    assert said == {
        "v1": "x + y", "C": "v1·z", "∂C/∂v1": "z", "∂C/∂x": "∂C/∂v1", "∂C/∂y": "∂C/∂v1", "∂C/∂z": "v1",
    }  # fmt: skip
    values = _Values(derivation, np.random.default_rng(0), {"x": -2.0, "y": 5.0, "z": -4.0})
    slopes = [float(values.of(line.left)) for line in derivation.backward.lines if line.left is not None]
    assert slopes == [-4, -4, -4, 3]


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        (op.tanh, "partials", (lambda x, r: 1 - r,)),
        (op.multiply, "partials", (lambda x, y, r: x, lambda x, y, r: x)),
        (op.sum_, "adjoints", (lambda adj, x, r: 2 * adj,)),
        (op.matmul, "adjoints", (lambda adj, a, b, r: adj @ b, lambda adj, a, b, r: op.outer(a, adj))),
    ],
)
def test_a_wrong_rule_of_the_table_is_seen(row: Any, field: str, value: Any) -> None:
    X, (W, V) = st.data("X", shape=3), st.params("W", "V", shape=(3, 3))
    cost = st.mean(st.sum(st.tanh(X @ W) @ V * (X @ V)))
    assert derive_nodes(cost).verify().error < EXACT
    before = getattr(row, field)
    object.__setattr__(row, field, value)
    try:
        found = derive_nodes(cost).verify()
        assert found.error > 1e-3
        assert found.worst
    finally:
        object.__setattr__(row, field, before)


def test_too_many_nodes_are_refused() -> None:
    with pytest.raises(DerivationError, match=r"not readable: use st.gradient"):
        derive_nodes(models.chain(60).cost)


def test_a_parameter_c_is_not_the_cost() -> None:
    x = st.data("x")
    C, n = st.params("C", "n")
    derivation = derive_nodes(st.mean((C * x - n) ** 2))
    assert formula(derivation.lines[-1].left).text == "∂F/∂n"
    assert derivation.verify().error < 1e-9
    found = [block for block in derivation.blocks() if isinstance(block, Paragraph)]
    assert plain(found[0].pieces) == "N is the number of samples, because n is a parameter."
