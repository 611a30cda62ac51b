"""Expressions evaluated by machine code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from steepest.calculus.program import lower
from steepest.engines.native.lanes import state
from steepest.engines.native.lanes.frame import evaluation, parameters
from steepest.engines.native.lanes.partition import Array, addresses, aligned, blocks_of, packed, partition
from steepest.engines.native.lanes.plan import Plan, instructions, plan
from steepest.engines.native.lanes.samples import data_leaves
from steepest.engines.native.llvm.host import this_host
from steepest.engines.native.llvm.kernel import build, cache_key
from steepest.expressions.expression import Expression


class Evaluation:
    """A program ready to be run on values, for any number of samples.

    Args:
        expressions: what to compute, already rewritten for stability where that is wanted.
        dtype: the precision.
    """

    def __init__(self, expressions: Sequence[Expression], dtype: str) -> None:
        self.program = lower(expressions)
        self.dtype = np.dtype(dtype)

    def __call__(self, values: Mapping[str, Array], rows: int) -> list[Array]:
        """Compute the outputs.

        Args:
            values: an array for every data column ``(rows, …)`` and parameter, of this program's dtype.
            rows: the number of samples n.
        """
        host, program = this_host(), self.program
        layout = plan(program, rows, host, self.dtype.itemsize)
        key = cache_key("evaluate", [program], layout, self.dtype.name, [], host)
        built = build(key, "evaluate", 7, lambda: evaluation(program, layout, self.dtype.name))
        samples = layout.lanes.samples
        columns = [blocks_of(np.asarray(values[leaf.name]), samples) for leaf in data_leaves(program)]
        leaves = parameters(program)
        where = state.layout(leaves, layout)
        params = aligned(where.length, self.dtype)
        packed(values, where, params)
        made = {node: self._room(node, layout, rows) for node in dict.fromkeys(program.outputs)}
        dealt = partition(layout, rows, instructions(program), threads=1)
        partials = aligned(2 * dealt.parts * max(built.partials, layout.stride), self.dtype)
        scratch, barrier = aligned(built.scratch, np.uint8), np.zeros(1, np.int64)
        lists = addresses(columns), addresses(list(made.values()))
        arguments = [lists[0], params, lists[1], dealt.array(0), partials, scratch, barrier]
        built.call(*(array.ctypes.data for array in arguments))
        return [self._shaped(node, made[node], layout, rows) for node in program.outputs]

    def _room(self, node: Expression, layout: Plan, rows: int) -> Array:
        elements = prod(node.shape)
        if node.per_sample:
            return aligned(layout.blocks(rows) * layout.lanes.samples * elements, self.dtype)
        return aligned(-(-elements // layout.stride) * layout.stride, self.dtype)

    def _shaped(self, node: Expression, made: Array, layout: Plan, rows: int) -> Array:
        elements = prod(node.shape)
        if not node.per_sample:
            return made[:elements].reshape(node.shape)
        blocks = made.reshape(layout.blocks(rows), elements, layout.lanes.samples)
        return blocks.transpose(0, 2, 1).reshape(-1, elements)[:rows].reshape(rows, *node.shape)
