"""Line searches by machine code, for costs that one thread computes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from steepest.calculus.program import Program, lower
from steepest.engines.step import DescentState, Params, Rate, Record, Step, Stop, StoppingRules
from steepest.training.line_search import IDLE, MOVES, RATE_FOUND
from steepest.training.parameter_vector import ParameterVector

MOST_PARAMETERS = 10_000
"""Beyond, NumPy adds and multiplies vectors faster than a loop over numbers."""

_EPOCHS = 256  # of one call
_NUMBERS = 1 << 20  # of the parameters of these epochs


def may_be_compiled(step: Step, rows: int) -> bool:
    """Return whether the compiled loop covers the step of a line search over so many rows."""
    from steepest.engines.native.arrays.array_runner import prefers
    from steepest.engines.native.methods.bound import runs_alone

    numbers = sum(math.prod(leaf.shape) for leaf in step.parameters)
    small = step.epsilon is None and numbers <= MOST_PARAMETERS
    return small and not prefers(step, rows) and runs_alone(_program(step), rows)


@lru_cache(maxsize=64)
def _program(step: Step) -> Program:
    """Return the program of the cost and its partial derivatives."""
    return lower([step.cost, *step.updates.values()])


class CompiledSearch:
    """A descent by line searches in one loop of machine code; see :class:`steepest.engines.step.Runner`.

    It takes the same steps as :class:`steepest.training.line_search.SearchRunner`.

    Args:
        step: the cost with its partial derivatives as "next values".
        vector: the order of the parameters.
        data, rows: arrays of the columns, ``(rows, …)``, float64, and the number of samples.
        length: how many updates L-BFGS remembers; 0 for Armijo's rule.
        sign: −1 to maximise.
        rate: the first trial of the first epoch.
    """

    pace = 1

    def __init__(
        self, step: Step, vector: ParameterVector, data: Mapping[str, Any], rows: int, length: int, sign: float,
        rate: float,
    ) -> None:  # fmt: skip
        from steepest.engines.native.methods import searches
        from steepest.engines.native.methods.bound import Numbers, call

        self._call, self._method = call, searches.descend
        self._ends = {
            searches.UNTIL: Stop.GOING_ON, searches.DIVERGED: Stop.DIVERGED, searches.GRADIENT: Stop.GRADIENT,
            searches.TOLERANCE: Stop.TOLERANCE, searches.STALLED: Stop.STALLED,
        }  # fmt: skip
        self.rate: Rate = rate
        self._first, self._length, self._sign = rate, length, sign
        self._vector, nodes = vector, vector.nodes
        self._numbers = Numbers(_program(step), data, rows)
        (cost, _), *outputs = self._numbers.outputs()
        partials = dict(zip(step.updates, outputs, strict=True))
        sizes = [math.prod(leaf.shape) for leaf in nodes]
        addresses = [partials[leaf][0] for leaf, size in zip(nodes, sizes, strict=True) for _ in range(size)]
        elements = [k for size in sizes for k in range(size)]
        self._columns = np.array([*self._numbers.positions(nodes), *addresses, *elements, cost], np.int64)
        p = len(self._vector)
        self._epochs = max(1, min(_EPOCHS, _NUMBERS // p))
        self._moves = np.zeros((length + 1, 2, p))
        self._costs, self._path = np.zeros(self._epochs), np.zeros((self._epochs, p))
        self._work = np.zeros(4 * (3 + 2 * p) + p + length)

    def cost_at(self, params: Params) -> float:
        """Return the cost at some parameters."""
        return float(self._numbers.at(params)[0][0])

    def unpacked(self, rows: Sequence[Any]) -> list[Params]:
        """Return the parameters in rows of the record."""
        return self._vector.unpacked(np.array(rows)) if len(rows) else []

    def advance(self, state: DescentState, until: int, rules: StoppingRules, record: Record) -> DescentState:
        """Run epochs; see :class:`steepest.engines.step.Runner`."""
        params = state.params
        flat = self._vector.flat(params)
        kept = params.get(MOVES, np.zeros((0, 2, len(flat))))
        self._moves[: len(kept)] = kept
        most = min(until - state.epoch, self._epochs)
        sizes = np.array([len(flat), self._length, len(kept), most, state.epoch > 0, 0, 0], np.int64)
        numbers = np.array([
            self._sign, rules.divergence_threshold, rules.tolerance, rules.gradient_tolerance, state.last, math.nan,
            params.get(RATE_FOUND, self._first / 2), self._first, params.get(IDLE, 0.0),
        ])  # fmt: skip
        self._call(
            self._method, self._numbers.words, self._columns, sizes, numbers, flat, self._moves, self._costs,
            self._path, self._work,
        )  # fmt: skip
        known, done, stop = int(sizes[2]), int(sizes[5]), self._ends[int(sizes[6])]
        memory: Params = {MOVES: self._moves[:known].copy()} if self._length else {RATE_FOUND: np.float64(numbers[6])}
        if done and numbers[8]:
            memory[IDLE] = np.float64(numbers[8])
        after = {
            **self._vector.named(flat),
            **(memory if done else {name: params[name] for name in (*memory, IDLE) if name in params}),
        }
        return self._counted(state, after, done, stop, float(numbers[5]), rules, record)

    def _counted(
        self, state: DescentState, after: Params, done: int, stop: Stop, final: float, rules: StoppingRules,
        record: Record,
    ) -> DescentState:  # fmt: skip
        """Return the state after some epochs, with the rises of the cost; rows of the record that are due are kept."""
        rows = done + (stop == Stop.STALLED)
        costs, path = self._costs[:rows].tolist(), self._path[:rows].copy()
        rises, first, last = state.rises, state.first_rise, state.last
        for k, value in enumerate([*costs[:done], *([] if stop == Stop.GOING_ON else [final])], start=state.epoch):
            if rules.rose(value, last):
                rises, first = rises + 1, first or k
            last = value
        record.extend(state.epoch, costs, path)
        before = self._vector.named(path[done - 1]) if done else state.before
        last = float(costs[done - 1]) if done else state.last
        return DescentState(after, before, last, state.epoch + done, rises, first, stop)
