"""Schedule a program as passes over the samples.

A sum over the samples is known only after a complete pass. So nodes have levels: 0 for leaves, the maximum of the
arguments for others, one more for a sum. Pass k computes the sums of level k + 1, and recomputes the per-sample
values they need rather than storing them for all samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steepest.calculus.program import Program
from steepest.expressions.expression import Expression


@dataclass(frozen=True)
class Pass:
    """One pass: nodes shared by all samples, nodes of each sample, and the sums and outputs computed from them."""

    shared: tuple[Expression, ...]
    sampled: tuple[Expression, ...]
    sums: tuple[Expression, ...]
    outputs: tuple[Expression, ...]


def is_sum(node: Expression) -> bool:
    """Return whether a node is a sum over the samples."""
    return node.operation.over_samples


def passes(program: Program) -> list[Pass]:
    """Return the passes of a program; the last one has no sums."""
    levels: dict[Expression, int] = {}
    for node in program.nodes:
        levels[node] = max((levels[arg] for arg in node.args), default=0) + is_sum(node)
    rounds = []
    for level in range(max(levels.values(), default=0) + 1):
        shared = [n for n in program.nodes if levels[n] == level and not n.per_sample and not is_sum(n)]
        sums = [n for n in program.nodes if levels[n] == level + 1 and is_sum(n)]
        outputs = [n for n in dict.fromkeys(program.outputs) if levels[n] == level and n.per_sample]
        sampled = _needed([arg for node in sums for arg in node.args] + outputs, program)
        rounds.append(Pass(tuple(shared), sampled, tuple(sums), tuple(outputs)))
    return rounds


def _needed(roots: Sequence[Expression], program: Program) -> tuple[Expression, ...]:
    """Return the per-sample nodes that some roots depend on, in the program's order."""
    wanted = {root for root in roots if root.per_sample}
    for node in reversed(program.nodes):
        if node in wanted:
            wanted.update(arg for arg in node.args if arg.per_sample)
    return tuple(node for node in program.nodes if node in wanted)


def users(program: Program) -> dict[Expression, list[Expression]]:
    """Return the users of each node, one entry per use; an output has two more, so that it is never inlined."""
    found: dict[Expression, list[Expression]] = {}
    for node in program.nodes:
        for arg in node.args:
            found.setdefault(arg, []).append(node)
    for output in program.outputs:
        found.setdefault(output, []).extend([output, output])
    return found
