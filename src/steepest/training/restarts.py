"""Descents from many starts: the best one, and the levels of cost on which all of them ended."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from steepest.display.progress import Progress
from steepest.engines.step import DescentState, Ensemble, EnsembleResult, Params, Record, StoppingRules
from steepest.errors import StartError
from steepest.training.loop import Loop
from steepest.training.result import Descent, Level

_ROUND_OFF = 1e-9  # relative; sums over samples in another order differ by less
# Gap between two levels, as a share of the cost at a typical start: descents that ran out of epochs on the way to one
# minimum end closer than this, distinct local minima of the networks in the notes (row E4) are further apart.
_GAP = 0.01


def levels(costs: Sequence[float], scale: float) -> list[Level]:
    """Group finite final costs into levels, the lowest first; ``scale`` is the cost at a typical start.

    >>> [level.starts for level in levels([0.001, 0.125, 0.002, 0.1253, 0.0], scale=0.3)]
    [3, 2]
    """
    found: list[list[float]] = []
    for cost in sorted(cost for cost in costs if math.isfinite(cost)):
        if not found or cost - found[-1][-1] > _GAP * abs(scale):
            found.append([])
        found[-1].append(cost)
    return [Level(each[0], each[-1], len(each)) for each in found]


def _typical(firsts: Iterable[float]) -> float:
    """Return the median size of the cost at the starts."""
    return statistics.median([abs(cost) for cost in firsts if math.isfinite(cost)] or [1.0])


def sequential(starts: Sequence[Params], descend: Callable[[Params], Descent], maximise: bool) -> Descent:
    """Run descents one after another and return the best; a start where the cost is not finite ends at NaN."""
    runs: list[Descent] = []
    costs: list[float] = []
    refused: StartError | None = None
    for start in starts:
        try:
            runs.append(descend(start))
            costs.append(runs[-1].cost)
        except StartError as error:
            refused = error
            costs.append(math.nan)
        if runs and runs[-1].reason == "interrupted":
            break
    if not runs:
        assert refused is not None  # there is at least one start
        raise refused
    best = min(runs, key=lambda run: (run.diverged, -run.cost if maximise else run.cost))
    best.restarts = costs
    best.levels = levels([r.cost for r in runs if not r.diverged], _typical(r.history[0][1] for r in runs))
    if runs[-1].reason == "interrupted":
        best.reason = "interrupted"
        best.message = f"was interrupted in start {len(costs)} of {len(starts)}; these are the best parameters so far"
    return best


def batched(starts: Sequence[Params], ensemble: Ensemble, loop: Loop, progress: Progress | None) -> Descent:
    """Run descents in one batch of the engine and return the best.

    The best one is run again alone, for its history. Sums over its samples may then be added in another order, so
    that the last digits differ; if it ends above the next one, that one is run as well.
    """
    started, stop, stopped = time.perf_counter(), threading.Event(), ""
    epochs, seconds = loop.settings.epochs, loop.settings.max_seconds

    def on_progress(made: int, lowest: float) -> None:
        if seconds is not None and time.perf_counter() - started > seconds:
            stop.set()
        if progress is not None:
            progress(made, epochs * len(starts), lowest)

    firsts: list[float] = []

    def rules(first: float) -> StoppingRules:
        firsts.append(first)
        return loop.rules(first)

    try:
        ensemble.run(starts, epochs, rules, stop, on_progress)
    except KeyboardInterrupt:
        stopped = "interrupted"
    results = ensemble.outcomes() or [EnsembleResult(starts[0], loop.runner.cost_at(starts[0]), "", 0)]
    if not stopped and (seconds is not None and time.perf_counter() - started > seconds):
        stopped = "time"
    sign = loop.settings.sign
    order = sorted(range(len(results)), key=lambda k: (results[k].reason == "diverged", sign * results[k].cost))
    costs = [result.cost for result in results]
    if stopped:
        best = _stopped_early(starts[order[0]], results[order[0]], loop, stopped, started)
        costs[order[0]] = best.cost
        cause = "was interrupted" if stopped == "interrupted" else "stopped at the time limit"
        best.message = f"{cause} with {len(results)} of {len(starts)} starts run; these are the best parameters so far"
    else:
        best = _rerun_best(starts, order, results, costs, loop, started)
    best.seconds = time.perf_counter() - started
    sound = [cost for cost, result in zip(costs, results, strict=True) if result.reason != "diverged"]
    best.restarts, best.levels = costs, levels(sound, _typical(firsts))
    return best


def _rerun_best(
    starts: Sequence[Params], order: Sequence[int], results: Sequence[EnsembleResult], costs: list[float], loop: Loop,
    started: float,
) -> Descent:  # fmt: skip
    """Run the best start alone; write its cost into ``costs``."""
    best: Descent | None = None
    for k in order:
        if best is not None and not _is_better(results[k].cost, results[k].reason == "diverged", best, loop):
            break
        run = loop.run(starts[k], None)
        if run.reason in ("interrupted", "time"):  # in the batch it had made more epochs
            return _stopped_early(starts[order[0]], results[order[0]], loop, run.reason, started)
        costs[k] = run.cost
        if best is None or _is_better(run.cost, run.diverged, best, loop):
            best = run
    assert best is not None  # there is at least one start
    return best


def _is_better(cost: float, diverged: bool, best: Descent, loop: Loop) -> bool:
    """Return whether a descent ended better than another, by more than round-off."""
    if diverged != best.diverged:
        return best.diverged
    return loop.settings.sign * (best.cost - cost) > _ROUND_OFF * abs(best.cost)


def _stopped_early(start: Params, result: EnsembleResult, loop: Loop, stopped: str, started: float) -> Descent:
    """Return the report of a descent that was stopped before its end."""
    loop.first = loop.runner.cost_at(start)
    state = DescentState(result.params, result.params, result.cost, result.epochs)
    return loop.ended(state, stopped, start, Record(), None, started)
