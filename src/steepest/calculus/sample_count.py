"""Keep the number of samples known to expressions that have lost their data."""

from __future__ import annotations

from collections.abc import Sequence

from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, Expression, substitute
from steepest.expressions.traversal import dependents, toposort


def with_sample_count(parts: Sequence[Expression], whole: Expression) -> list[Expression]:
    """Write n as a sum of ones over a data column in parts without data.

    The derivative of Σ (w − x) with respect to w is n, and so is Σ x^0; n could not be evaluated without a column.
    """
    columns = [node for node in whole.leaves if node.operation is DATA]
    nodes = toposort(parts)
    if not columns or op.count() not in nodes:
        return list(parts)
    on_data = dependents(nodes, DATA)
    column = min(columns, key=lambda node: len(node.shape))
    one = op.where(op.largest(column) if column.shape else column, 1, 1)
    return [p if p in on_data else substitute(p, {op.count(): op.total(one)}) for p in parts]
