"""The setup of a descent: from cost, settings and columns to a loop that is ready to run."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.calculus.prepared import PreparedCost
from steepest.calculus.program import described, lower
from steepest.calculus.stability import stabilise
from steepest.engines import Engine, Runnable, choose
from steepest.engines.reference import compile_expressions
from steepest.engines.step import DescentState, Ensemble, Params, Record, Runner, Step, StoppingRules
from steepest.errors import DescentError
from steepest.expressions.expression import PARAMETER
from steepest.messages.hints import nearest
from steepest.storage.files import refuse_place
from steepest.tables.parts import Parts
from steepest.tables.values import Bound, number_array
from steepest.training.callbacks import Callbacks, OnEpoch
from steepest.training.checkpoints import Checkpoint, kind_of
from steepest.training.line_search import SearchRunner, restored_state
from steepest.training.loop import Loop
from steepest.training.schedules import Plateau
from steepest.training.settings import Settings
from steepest.training.steps import difference_step, gradient_step, is_quadratic, search_step
from steepest.training.streaming import StreamRunner

_HALVINGS, _TRIAL_EPOCHS = 80, 20  # 2^-80 is below any useful rate; an unstable one shows within twenty epochs


@lru_cache(maxsize=16)
def _state_at_start(step: Step, dtype: str) -> Runnable:
    """Return the compiled expressions of the optimiser's state at the start, as a function of the parameters."""
    stable = stabilise(list(step.memory.values()))
    return compile_expressions([stable[value] for value in step.memory.values()], dtype)


class DescentSetup:
    """The step, the engine and the columns of a descent; ``bound`` are those of the first part, if there are parts."""

    def __init__(
        self, prepared: PreparedCost, settings: Settings, engine: str, bound: Bound, held_out: Bound | None,
        parts: Parts | None = None,
    ) -> None:  # fmt: skip
        self.prepared, self.settings, self._bound, self._held_out = prepared, settings, bound, held_out
        self._parts = parts
        self._shapes = {leaf.name: leaf.shape for leaf in prepared.cost.leaves if leaf.operation is PARAMETER}
        rule, maximise, norm = settings.update_rule, settings.maximise, settings.gradient_tolerance is not None
        if settings.searches:
            self.step = search_step(prepared, settings.gradient)
        elif settings.gradient == "finite-difference":
            self.step = difference_step(prepared, settings.step, settings.scheme, rule, maximise, norm)
        else:
            self.step = gradient_step(prepared, settings.gradient, rule, maximise, norm)
        self.engine: Engine = choose(engine, settings.dtype, self.step, settings.batches)

    def _runner_of(self, step: Step) -> Runner:
        rate, dtype, batches = self.settings.scheduled_rate, self.settings.dtype, self.settings.batches
        if self._parts is None or batches is None:
            return self.engine.runner(step, self._bound.data, self._bound.rows, rate, dtype, batches)
        return StreamRunner(
            self._parts, lambda data, rows, its, order: self.engine.runner(step, data, rows, its, dtype, order),
            lambda data, rows: self.engine.cost_function(step.cost, data, rows, dtype), rate, batches,
        )  # fmt: skip

    def _runner(self) -> Runner:
        given, runner = self.settings, self._runner_of(self.step)
        if not given.searches:
            return runner
        return SearchRunner(runner, self._shapes, given.remembered, given.sign, given.dtype, given.base_rate)

    def _suggest(self, start: Params) -> float | None:
        given, step = self.settings, self.step
        if given.gradient != "backprop":
            step = gradient_step(self.prepared, "backprop", given.update_rule, given.maximise, norm=False)
        return suggest_lower_rate(self._runner_of(step), start, given.sign)

    def loop(self, on_epoch: OnEpoch | None, start: Params) -> Loop:
        """Return the loop of the descent; ``start`` enters the digest of a checkpoint."""
        given, cost = self.settings, self.prepared.cost
        callbacks, resume = self._callbacks(on_epoch), None
        if callbacks is not None and given.checkpoint is not None:
            refuse_place(given.checkpoint)
            stops = given.tolerance, given.gradient_tolerance
            kept = Checkpoint(given.checkpoint, self._kind(start), self._fits, stops)
            callbacks.save, resume = kept.save, partial(kept.load, callbacks) if given.resume else None
        steady = isinstance(given.scheduled_rate, float) and given.batch is None and not given.searches
        return Loop(
            self._runner(), given, list(self._shapes), (self._parts or self._bound).rows,
            may_trap=bool(cost.data) and not is_quadratic(cost), suggest=self._suggest if steady else None,
            callbacks=callbacks, resume=resume,
        )  # fmt: skip

    def ensemble(self, starts: int, loop: Loop) -> Ensemble | None:
        """Return the runner of several descents at once; None if the engine has none for these settings."""
        given, engine, rate = self.settings, self.engine, self.settings.scheduled_rate
        plain = given.batch is None and loop.callbacks is None and not given.searches and self.step.epsilon is None
        if engine.ensemble is None or not plain or not isinstance(rate, float):
            return None
        return engine.ensemble(self.step, self._bound.data, self._bound.rows, rate, given.dtype, starts)

    def _callbacks(self, on_epoch: OnEpoch | None) -> Callbacks | None:
        given = self.settings
        plateau = given.rate if isinstance(given.rate, Plateau) else None
        if self._held_out is None and on_epoch is None and given.checkpoint is None and plateau is None:
            return None
        callbacks = Callbacks(
            list(self._shapes), patience=given.patience, on_epoch=on_epoch, plateau=plateau,
            every=given.checkpoint_every, sign=given.sign,
        )  # fmt: skip
        if (apart := self._held_out) is not None:
            callbacks.validate = self.engine.cost_function(self.step.cost, apart.data, apart.rows, given.dtype)
        return callbacks

    def _kind(self, start: Params) -> str:
        """Return the digest of a checkpoint: all that determines the result, except the number of epochs."""
        given, step = self.settings, self.step
        updates = [described(lower([step.cost, *step.updates.values()])), [leaf.name for leaf in step.updates]]
        rate: Any = given.rate if isinstance(given.rate, int | float | str) else repr(given.rate)
        if callable(given.scheduled_rate):
            rate = [getattr(given.rate, "name", ""), given.scheduled_rate(np.arange(8.0)).tolist()]
        whole = given.batch, given.seed, given.patience
        about = [updates, rate, repr(getattr(given.solver, "memory", "")), step.epsilon, step.central, given.maximise,
                 self.engine.name, given.dtype, *(each if each is None else int(each) for each in whole)]  # fmt: skip
        columns = {**self._bound.data, **{f"start {name}": value for name, value in start.items()}}
        if self._held_out is not None:
            columns |= {f"held out {name}": value for name, value in self._held_out.data.items()}
        return kind_of({"about": about}, columns)

    def _fits(self, state: Params) -> bool:
        """Return whether a state of a checkpoint has the names and shapes of one of this descent."""
        shapes = {name: np.shape(state[name]) for name in self._shapes}
        memory = {name: array for name, array in state.items() if name not in shapes}
        try:
            whole = self.initial_values({name: state[name] for name in shapes}, memory)
        except DescentError:
            return False
        complete = self.settings.searches or not memory or whole.keys() == state.keys()
        return complete and shapes == self._shapes and all(array.dtype.kind == "f" for array in state.values())

    def initial_values(self, start: Mapping[str, ArrayLike], memory: Mapping[str, ArrayLike] | None) -> Params:
        """Return the parameters at a start with the optimiser's state: ``memory``, or its initial values."""
        dtype = self.settings.dtype
        params = {name: number_array(name, value, dtype) for name, value in start.items()}
        if self.settings.searches:
            numbers = sum(math.prod(shape) for shape in self._shapes.values())
            return {**params, **restored_state(memory or {}, numbers, self.settings.remembered)}
        fresh = {leaf.name: leaf.shape for leaf in self.step.memory}
        values = map(np.array, _state_at_start(self.step, dtype)(params, 1)) if fresh else ()
        first = dict(zip(fresh, values, strict=True))
        for name, value in (memory or {}).items():
            if name not in fresh or np.shape(value) != fresh[name]:
                raise DescentError(
                    f"memory has {name!r} of the shape {np.shape(value)}, which is not in the state of "
                    f"{self.settings.solver.name}{nearest(name, fresh)}; give run.memory of a descent with the same "
                    "optimiser"
                )
        given = {name: number_array(name, value, dtype) for name, value in (memory or {}).items()}
        return {**params, **first, **given}


def suggest_lower_rate(runner: Any, start: Params, sign: float) -> float | None:
    """Return the largest of 1/2, 1/4, … of the rate at which the cost improves in each of the first epochs."""
    rate = float(runner.rate)
    for _ in range(_HALVINGS):
        rate /= 2
        runner.rate = float(f"{rate:.1g}")
        record, state = Record(), DescentState(start, start, math.nan)
        while state.epoch < _TRIAL_EPOCHS and not state.reason:
            state = runner.advance(state, _TRIAL_EPOCHS, StoppingRules(), record)
        values = [sign * value for value in record.costs]
        if len(values) == _TRIAL_EPOCHS and all(b <= a for a, b in itertools.pairwise(values)):
            return float(runner.rate)
    return None
