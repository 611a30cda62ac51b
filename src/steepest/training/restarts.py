"""Descents from many starts: which one ended best, and on which levels the others ended."""

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

_ROUND_OFF = 1e-9  # relative
_SAME = 0.01  # of the cost at a typical start: final costs with a smaller gap between them are on one level


def levels(costs: Sequence[float], scale: float) -> list[Level]:
    """Final costs gathered to levels, the lowest first; those that are not finite belong to none.

    Args:
        costs: final costs.
        scale: the cost at a typical start; costs closer than a hundredth of it are on one level.

    >>> [level.starts for level in levels([0.001, 0.125, 0.002, 0.1253, 0.0], scale=0.3)]
    [3, 2]
    """
    found: list[list[float]] = []
    for cost in sorted(cost for cost in costs if math.isfinite(cost)):
        if not found or cost - found[-1][-1] > _SAME * abs(scale):
            found.append([])
        found[-1].append(cost)
    return [Level(each[0], each[-1], len(each)) for each in found]


def _typical(firsts: Iterable[float]) -> float:
    """The size of the cost at a typical start."""
    return statistics.median([abs(cost) for cost in firsts if math.isfinite(cost)] or [1.0])


def sequential(starts: Sequence[Params], descend: Callable[[Params], Descent], maximise: bool) -> Descent:
    """The best of descents that run one after another; a start where the cost is not finite has the final cost NaN.

    Args:
        starts: where to begin.
        descend: runs one.
        maximise: whether the highest cost is the best.
    """
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
        best.message = (
            f"it was interrupted in start {len(costs)} of {len(starts)}; these are the best parameters so far"
        )
    return best


def batched(starts: Sequence[Params], ensemble: Ensemble, loop: Loop, progress: Progress | None) -> Descent:
    """The best of descents that an engine runs side by side.

    The best one is descended once more by itself, for its history. The sums over its samples may then be added in
    another order, so that the last digits differ; should it end above another one, that one is tried as well.

    Args:
        starts: where to begin.
        crowd: runs them.
        loop: runs one, and knows the rules.
        progress: is told now and then.
    """
    begin, stop, stopped = time.perf_counter(), threading.Event(), ""
    epochs, seconds = loop.settings.epochs, loop.settings.max_seconds

    def on_progress(made: int, lowest: float) -> None:
        if seconds is not None and time.perf_counter() - begin > seconds:
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
    if not stopped and (seconds is not None and time.perf_counter() - begin > seconds):
        stopped = "time"
    sign = -1.0 if loop.settings.maximise else 1.0
    order = sorted(range(len(results)), key=lambda k: (results[k].reason == "diverged", sign * results[k].cost))
    costs = [outcome.cost for outcome in results]
    if stopped:
        best = _broken_off(starts[order[0]], results[order[0]], loop, stopped, begin)
        costs[order[0]] = best.cost
        cause = "it was interrupted" if stopped == "interrupted" else "its time was up"
        best.message = (
            f"{cause} with {len(results)} of {len(starts)} starts begun; these are the best parameters so far"
        )
    else:
        best = _best_again(starts, order, results, costs, loop, begin)
    best.seconds = time.perf_counter() - begin
    sound = [cost for cost, outcome in zip(costs, results, strict=True) if outcome.reason != "diverged"]
    best.restarts, best.levels = costs, levels(sound, _typical(firsts))
    return best


def _best_again(
    starts: Sequence[Params], order: Sequence[int], results: Sequence[EnsembleResult], costs: list[float], loop: Loop,
    begin: float,
) -> Descent:  # fmt: skip
    """The best start descended by itself; its cost takes its place among the costs."""
    best: Descent | None = None
    for place, k in enumerate(order):
        run = loop.run(starts[k], None)
        if run.reason in ("interrupted", "time"):  # side by side it had come further
            return _broken_off(starts[order[0]], results[order[0]], loop, run.reason, begin)
        costs[k] = run.cost
        if best is None or _is_better(run.cost, run.diverged, best, loop.settings.maximise):
            best = run
        if place + 1 == len(order):
            break
        following = results[order[place + 1]]
        if not _is_better(following.cost, following.reason == "diverged", best, loop.settings.maximise):
            break
    assert best is not None
    return best


def _is_better(cost: float, diverged: bool, best: Descent, maximise: bool) -> bool:
    """Whether a descent ended better than another, by more than sums in another order explain."""
    if diverged != best.diverged:
        return best.diverged
    gained = cost - best.cost if maximise else best.cost - cost
    return gained > _ROUND_OFF * abs(best.cost)


def _broken_off(start: Params, outcome: EnsembleResult, loop: Loop, stopped: str, begin: float) -> Descent:
    """A descent that was stopped where it stands."""
    loop.first = loop.runner.cost_at(start)
    state = DescentState(outcome.params, outcome.params, outcome.cost, outcome.epochs)
    return loop.ended(state, stopped, start, Record(), None, begin)
