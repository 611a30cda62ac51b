"""The order of a program: what all samples share, and passes over the samples between.

A sum over the samples can be used only when all samples have been seen. So nodes have levels: leaves 0, a node
that of its arguments, a sum one more. Pass k over the samples gives the sums of level k + 1 and computes what
they need of each sample again, rather than keeping it for all samples in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steepest.calculus.program import Program
from steepest.expressions.expression import Expression


@dataclass(frozen=True)
class Pass:
    """One round: shared nodes first, then nodes of each sample, then the sums and outputs that they give."""

    shared: tuple[Expression, ...]
    sampled: tuple[Expression, ...]
    sums: tuple[Expression, ...]
    outputs: tuple[Expression, ...]


def is_sum(node: Expression) -> bool:
    """Whether a node adds up over the samples."""
    return node.operation.over_samples


def passes(program: Program) -> list[Pass]:
    """The rounds of a program; the last one has no sums."""
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
    """The nodes of each sample that some roots are made of, in the program's order."""
    wanted = {root for root in roots if root.per_sample}
    for node in reversed(program.nodes):
        if node in wanted:
            wanted.update(arg for arg in node.args if arg.per_sample)
    return tuple(node for node in program.nodes if node in wanted)


def users(program: Program) -> dict[Expression, list[Expression]]:
    """For each node the nodes that use it, one entry a use; an output is used once more, by itself."""
    found: dict[Expression, list[Expression]] = {}
    for node in program.nodes:
        for arg in node.args:
            found.setdefault(arg, []).append(node)
    for output in program.outputs:
        found.setdefault(output, []).extend([output, output])
    return found
