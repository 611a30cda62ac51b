"""The cost at many points of the parameters, as for a picture: lanes carry models, threads run groups of them."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from math import prod

import numpy as np

from steepest.calculus.program import lower
from steepest.engines.native.lanes import state
from steepest.engines.native.lanes.bound_kernel import BoundKernel, Frame, models_at_once
from steepest.engines.native.llvm.code import I64
from steepest.engines.native.llvm.memory import Array, aligned, processors
from steepest.expressions.expression import Expression

_ARGUMENTS = ("params", "costs", "groups")
_AT_ONCE = 32 << 20  # bytes of parameters that are laid out at a time


class GridEvaluator:
    """Evaluates a cost in its stable form at many points of the parameters, about ``points`` in a call."""

    def __init__(self, cost: Expression, data: Mapping[str, Array], rows: int, dtype: str, points: int) -> None:
        copies = models_at_once(points, dtype)
        self._kernel = BoundKernel("sweep", _ARGUMENTS, [lower([cost])], data, rows, dtype, _write, copies=copies)
        self._kind, self._copies = self._kernel.kind, self._kernel.plan.lanes.copies
        self._where = state.layout(self._kernel.program.parameters, self._kernel.plan, self._copies)

    def __call__(self, params: Mapping[str, Array]) -> Array:
        """Return the costs ``(k,)`` at rows of parameters ``(k, …)``; those that the cost lacks are ignored."""
        points = len(next(iter(params.values())))
        copies, length = self._copies, self._where.length
        groups = -(-points // copies)
        each = max(1, min(-(-groups // processors()), _AT_ONCE // max(length * self._kind.itemsize, 1)))
        costs = aligned(groups * copies, self._kind)
        with ThreadPoolExecutor(processors()) as pool:
            begins = range(0, groups, each)
            list(pool.map(lambda k: self._run(params, costs, k, min(k + each, groups), points), begins))
        return costs[:points].copy()

    def _run(self, params: Mapping[str, Array], costs: Array, first: int, last: int, points: int) -> None:
        """Compute the costs of some groups; lanes beyond the points repeat the last one."""
        copies, length = self._copies, self._where.length
        rows = np.minimum(np.arange(first * copies, last * copies), points - 1)
        packed = aligned((last - first) * length, self._kind)
        view = packed.reshape(last - first, length)
        for leaf in self._where.leaves:
            numbers = np.asarray(params[leaf.name])[rows].reshape(last - first, copies, prod(leaf.shape))
            self._where.view(view, leaf)[...] = numbers.transpose(0, 2, 1).reshape(last - first, -1)
        found = costs[first * copies : last * copies]
        (workspace,) = self._kernel.workspaces()
        self._kernel.call(workspace, packed, found, np.array([last - first], np.int64))


def _write(frame: Frame) -> None:
    """Write a function that computes a cost for one group of points after another, a model in each lane."""
    program, code, copies = frame.program, frame.code, frame.plan.lanes.copies
    where = state.layout(program.parameters, frame.plan, copies)
    params, costs = code.arguments["params"], code.arguments["costs"]
    with code.loop(0, code.read(code.arguments["groups"], 0, I64)) as group:
        here = code.place(params, code.times(group, where.length), code.number)
        frame.over.run(program, {leaf: state.part(frame.emitter, where, here, leaf) for leaf in where.leaves})
        cost = frame.emitter.values[program.outputs[0]].at(())
        code.store(cost, costs, code.times(group, copies))
