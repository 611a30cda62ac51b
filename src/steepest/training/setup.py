"""The setup of a descent: from cost, settings and columns to a loop that is ready to run."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.calculus.prepared import PreparedCost, prepare
from steepest.calculus.program import described, lower
from steepest.calculus.stability import stabilise
from steepest.engines import ENGINES, Engine, Runnable, choose
from steepest.engines.reference import compile_expressions
from steepest.engines.step import DescentState, Ensemble, Params, Record, Runner, Step, Stop, StoppingRules
from steepest.errors import DescentError
from steepest.expressions.expression import PARAMETER, Expression
from steepest.messages.hints import nearest
from steepest.storage.files import refuse_place
from steepest.tables.parts import Parts
from steepest.tables.values import Bound, number_array
from steepest.training import compiled_region, compiled_search
from steepest.training.bounds import Bounds, at_bounds, read_bounds, rounded
from steepest.training.callbacks import Callbacks, OnEpoch
from steepest.training.checkpoints import Checkpoint, kind_of
from steepest.training.compiled_region import CompiledRegion
from steepest.training.compiled_search import CompiledSearch
from steepest.training.derivatives import Derivatives
from steepest.training.ends import Reason, message_of, reason_of
from steepest.training.line_search import SearchRunner, restored_state
from steepest.training.loop import Loop
from steepest.training.many_parameters import examine_end
from steepest.training.parameter_vector import ParameterVector
from steepest.training.residuals import Residuals
from steepest.training.restarts import agreement
from steepest.training.result import Descent, End
from steepest.training.schedules import Plateau
from steepest.training.settings import Settings
from steepest.training.steps import difference_step, gradient_step, search_step
from steepest.training.streaming import StreamRunner
from steepest.training.trust_region import TrustRegion, restored_region
from steepest.training.undetermined import advice_on, constant_columns, said_of, undetermined

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
        self._bounds = rounded(read_bounds(settings.bounds, prepared.cost), settings.dtype)
        if settings.searches:
            self.step = search_step(prepared, settings.gradient)
        elif settings.gradient == "finite-difference":
            self.step = difference_step(prepared, settings.step, settings.scheme, rule, maximise, norm, self._bounds)
        else:
            self.step = gradient_step(prepared, settings.gradient, rule, maximise, norm, self._bounds)
        self._compiled = settings.in_region and self._may_be_compiled(engine)
        if settings.in_region and engine == "auto" and not self._compiled:
            engine = "reference"  # the few evaluations take less time than compiling them
        self.engine: Engine = choose(engine, settings.dtype, self.step, settings.batches)

    def _may_be_compiled(self, engine: str) -> bool:
        """Return whether the whole loop of Levenberg–Marquardt is machine code."""
        given = self.settings
        native = engine != "reference" and choose(engine, given.dtype).name == "native"
        plain = given.solver.name == "lm" and given.dtype == "float64" and not self._bounds
        return native and plain and compiled_region.may_be_compiled(self.prepared, self._bound.rows)

    def _runner_of(self, step: Step) -> Runner:
        rate, dtype, batches = self.settings.scheduled_rate, self.settings.dtype, self.settings.batches
        if self._parts is None or batches is None:
            return self.engine.runner(step, self._bound.data, self._bound.rows, rate, dtype, batches)
        return StreamRunner(
            self._parts, lambda data, rows, its, order: self.engine.runner(step, data, rows, its, dtype, order),
            lambda data, rows: self.engine.cost_function(step.cost, data, rows, dtype), rate, batches,
        )  # fmt: skip

    def _runner(self) -> Runner:
        given = self.settings
        if given.in_region:
            return self._in_region()
        if given.searches and self._searches_compiled():
            vector, data, rows = ParameterVector(self.prepared.cost), self._bound.data, self._bound.rows
            return CompiledSearch(self.step, vector, data, rows, given.remembered, given.sign, given.base_rate)
        runner = self._runner_of(self.step)
        if not given.searches:
            return runner
        vector = ParameterVector(self.prepared.cost)
        vector.bounded(self._bounds)
        return SearchRunner(
            runner, self._shapes, given.remembered, given.sign, given.dtype, given.base_rate, vector.limits
        )

    def _searches_compiled(self) -> bool:
        """Return whether the whole loop of the line search is machine code."""
        exact = self.engine.name == "native" and self.settings.dtype == "float64" and not self._bounds
        return exact and compiled_search.may_be_compiled(self.step, self._bound.rows)

    def _in_region(self) -> TrustRegion:
        """Return the runner of a method within a trust region."""
        given, data, rows = self.settings, self._bound.data, self._bound.rows
        engine = ENGINES["reference"] if self._compiled else self.engine
        cost_at = engine.cost_function(self.step.cost, data, rows, given.dtype)
        if given.solver.name != "lm":
            derivatives = Derivatives(self.prepared, data, rows, given.dtype, given.sign, engine.compile)
            derivatives.bounded(self._bounds)
            return TrustRegion(derivatives, cost_at)
        residuals = Residuals(self.prepared, data, rows, given.dtype, engine.compile)
        residuals.bounded(self._bounds)
        if self._compiled:
            return CompiledRegion(residuals, cost_at, self.prepared, data, rows)
        return TrustRegion(residuals, cost_at)

    def _suggest(self, start: Params) -> float | None:
        given, step = self.settings, self.step
        if given.gradient != "backprop":
            step = gradient_step(
                self.prepared, "backprop", given.update_rule, given.maximise, norm=False, bounds=self._bounds
            )
        return suggest_lower_rate(self._runner_of(step), start, given.sign)

    def loop(self, on_epoch: OnEpoch | None, start: Params) -> Loop:
        """Return the loop of the descent; ``start`` enters the digest of a checkpoint."""
        given = self.settings
        callbacks, resume = self._callbacks(on_epoch), None
        if callbacks is not None and given.checkpoint is not None:
            refuse_place(given.checkpoint)
            stops = given.tolerance, given.gradient_tolerance
            kept = Checkpoint(given.checkpoint, self._kind(start), self._fits, stops)
            callbacks.save, resume = kept.save, partial(kept.load, callbacks) if given.resume else None
        steady = isinstance(given.scheduled_rate, float) and given.batch is None and not given.searches
        return Loop(
            self._runner(), given, list(self._shapes), (self._parts or self._bound).rows,
            suggest=self._suggest if steady else None,
            callbacks=callbacks, resume=resume,
        )  # fmt: skip

    def judged(self, run: Descent) -> Descent:
        """Return a descent with the reason of its end, its message and warnings; of several, how far they agree."""
        found = None
        if self._parts is None and not run.diverged:
            data, given = self._bound.data, self.settings
            found = examine_end(
                self.prepared, data, self._bound.rows, run.params, run.start, given.sign, given.dtype, self._bounds
            )
        reason = reason_of(run.stop, found)
        warnings = [*run.warnings, *at_bounds(self._bounds, run.params)]
        advice = ""
        if found is not None and found.dead and reason in (Reason.CONVERGED, Reason.PLATEAU):
            advice = advice_on(self.prepared, self._bound.data, self._bound.rows, run.params, found.dead)
        if found is not None and reason is Reason.CONVERGED and (found.free or found.separated):
            constant = said_of(constant_columns(self._bound.data, self.prepared.cost.data))
            warnings.append(undetermined(found, constant, advice))
        message = message_of(reason, run.stop, run.message, run.epochs, found, advice)
        share = None if found is None or found.undecided else found.share
        free = found.free if found is not None and reason is Reason.CONVERGED else ()
        judged = replace(
            run, reason=reason, message=message, warnings=warnings, newton_decrement=share, undetermined=free
        )
        return judged if run.restarts is None else self._compared(judged, run.message)

    def _compared(self, run: Descent, said: str) -> Descent:
        """Return the best of several descents with a message on the others; ``said`` is it if they were cut short."""
        given, (data, rows) = self.settings, (self._bound.data, self._bound.rows)
        cost = None if self._parts is not None else self.prepared.cost
        judge = partial(_reasons, cost, data, rows, given.sign, given.dtype, self._bounds)
        message = run.message
        if run.stop in (Stop.INTERRUPTED, Stop.TIME):
            message = f"{said}; the best {message}" if run.reason is Reason.CONVERGED else message
        elif not run.diverged and (found := agreement(run, given.maximise)):
            message = f"{message}; {found}"
        return replace(run, message=message, judge=judge)

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
        about: list[Any] = [
            updates, rate, repr(getattr(given.solver, "memory", "")), step.epsilon, step.central, given.maximise,
            self.engine.name, given.dtype, *(each if each is None else int(each) for each in whole),
        ]  # fmt: skip
        if given.searches and self._bounds:  # those of other methods are in the updates
            about.append([[name, repr(low), repr(high)] for name, low, high in self._bounds])
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
            if self.settings.in_region:
                return {**params, **restored_region(memory or {}, numbers, self.settings.solver.name)}
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


def _reasons(
    cost: Expression | None, data: Mapping[str, Any], rows: int, sign: float, dtype: str, bounds: Bounds,
    ends: list[End],
) -> list[Reason]:  # fmt: skip
    """Return what the ends of several descents mean; without a cost, by what stopped them alone."""
    found = []
    for end in ends:
        examined = None
        if cost is not None and end.params is not None and end.stop != Stop.DIVERGED:
            examined = examine_end(
                prepare(cost), data, rows, end.params, end.start, sign, dtype, bounds, ends_judged=len(ends)
            )
        found.append(reason_of(end.stop, examined))
    return found


def suggest_lower_rate(runner: Any, start: Params, sign: float) -> float | None:
    """Return the largest of 1/2, 1/4, … of the rate at which the cost improves in each of the first epochs."""
    rate = float(runner.rate)
    for _ in range(_HALVINGS):
        rate /= 2
        runner.rate = float(f"{rate:.1g}")
        record, state = Record(), DescentState(start, start, math.nan)
        while state.epoch < _TRIAL_EPOCHS and not state.stop:
            state = runner.advance(state, _TRIAL_EPOCHS, StoppingRules(), record)
        values = [sign * value for value in record.costs]
        if len(values) == _TRIAL_EPOCHS and all(b <= a for a, b in itertools.pairwise(values)):
            return float(runner.rate)
    return None
