"""Descents from many starts: the best one, the levels of cost on which all of them ended, and whether they agree."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from steepest.display.progress import Progress
from steepest.engines.step import DescentState, Ensemble, EnsembleResult, Params, Record, Stop, StoppingRules
from steepest.errors import StartError
from steepest.training.loop import Loop
from steepest.training.result import Descent, End, Level
from steepest.training.settings import Settings

_ROUND_OFF = 1e-9  # relative; sums over samples in another order differ by less
# Gap between two levels, as a share of the cost at a typical start: descents that ran out of epochs on the way to one
# minimum end closer than this, distinct local minima of the networks in the notes (row E4) are further apart.
_GAP = 0.01
_SPREAD = 10  # starts from wide ranges have no typical cost: some are higher than others by orders of magnitude
# Methods that search their steps end at points without slope, where the cost is known to 1e-10 of it: two of their ends
# further apart than this share of the cost are different points.
_SAME = 1e-3
_ROUNDINGS = 500  # errors of a rounding in residuals of an exact fit, relative to those at a start


def levels(costs: Sequence[float], gap: float, relative: float = 0.0) -> list[Level]:
    """Group finite final costs into levels, the lowest first: costs without a gap between neighbours.

    Args:
        costs: the final costs.
        gap, relative: a gap is larger than ``gap``, and than this share of the larger of the two costs.

    >>> [level.starts for level in levels([0.001, 0.125, 0.002, 0.1253, 0.0], gap=0.003)]
    [3, 2]
    >>> [level.starts for level in levels([0.001, 0.125, 0.001, 0.1253, 0.0], gap=0.0, relative=1e-3)]
    [1, 2, 1, 1]
    """
    found: list[list[float]] = []
    for cost in sorted(cost for cost in costs if math.isfinite(cost)):
        before = found[-1][-1] if found else -math.inf
        if not found or cost - before > max(gap, relative * max(abs(before), abs(cost))):
            found.append([])
        found[-1].append(cost)
    return [Level(each[0], each[-1], len(each)) for each in found]


def agreement(run: Descent, maximise: bool = False) -> str:
    """Return a sentence about how many starts ended at the best level, and where the others did.

    A level whose costs differ by more than 0.1 % is given by both of its ends.

    Args:
        run: the best descent of several, with ``restarts`` and ``levels``.
        maximise: whether the highest cost is the best.
    """
    found, starts = list(run.levels or []), len(run.restarts or [])
    if not found or starts == 1:
        return ""
    best = found.pop(-1 if maximise else 0)
    where = _between(best.lowest, best.highest)
    lost = starts - best.starts - sum(level.starts for level in found)
    if best.starts == starts:
        return f"all {starts} starts ended {where}"
    word = "highest" if maximise else "lowest"
    where = where.replace("at the cost", f"at the {word} cost", 1).replace(
        "between", f"at the {word} level, between", 1
    )
    said = f"{best.starts} of {starts} starts ended {where}"
    if found:
        others = sum(level.starts for level in found)
        apart = _between(found[0].lowest, found[-1].highest).replace("at the cost ", "at ", 1)
        said += f"; the other{'s'[others == 1 :]} {apart}"
    return said + (f"; {lost} diverged or started where the cost is not finite" if lost else "")


def _between(low: float, high: float) -> str:
    if high - low <= _SAME * max(abs(low), abs(high)):
        return f"at the cost {low:.6g}"
    return f"between {low:.3g} and {high:.3g}"


def _typical(firsts: Iterable[float]) -> float:
    """Return the median size of the cost at the starts, but at most ten times the smallest."""
    found = [abs(cost) for cost in firsts if math.isfinite(cost)] or [1.0]
    return min(statistics.median(found), _SPREAD * min(found))


def sequential(
    starts: Sequence[Params], descend: Callable[[Params, Settings, Progress | None], Descent], settings: Settings,
    progress: Progress | None,
) -> Descent:  # fmt: skip
    """Run descents one after another and return the best; a start where the cost is not finite ends at NaN.

    All of them share the time limit. An interrupt ends them, and the best one so far is kept.

    Args:
        starts: where they begin.
        descend: runs one of them from a start, with settings.
        settings: of each, with the time limit of all.
        progress: called with the epochs of all descents, and the lowest cost of the present one.
    """
    begun, runs, ends, refused, stopped, ran = time.perf_counter(), list[Descent](), list[End](), None, "", 0
    for k, start in enumerate(starts):
        own = settings
        if settings.max_seconds is not None:
            left = settings.max_seconds - (time.perf_counter() - begun)
            if left <= 0 and ends:
                stopped = Stop.TIME
                break
            own = replace(settings, max_seconds=max(left, 0.0))
        ran = k + 1
        try:
            runs.append(descend(start, own, _shifted(progress, k * settings.epochs, len(starts) * settings.epochs)))
        except StartError as error:
            refused = error
            ends.append(End(start, None, math.nan, Stop.DIVERGED))
            continue
        except KeyboardInterrupt:  # between the steps of two descents
            if not runs:
                raise
            stopped = Stop.INTERRUPTED
            break
        ends.append(End(runs[-1].start, runs[-1].params, runs[-1].cost, runs[-1].stop))
        if runs[-1].stop == Stop.INTERRUPTED:
            stopped = Stop.INTERRUPTED
            break
    if not runs:
        assert refused is not None  # there is at least one start
        raise refused
    best = _best(runs, ends, settings)
    best.seconds = time.perf_counter() - begun
    if stopped:
        best.stop = stopped
        how = "was interrupted in" if stopped == Stop.INTERRUPTED else "stopped at the time limit after"
        best.message = f"{how} start {ran} of {len(starts)}; these are the best parameters so far"
    return best


def _best(runs: Sequence[Descent], ends: list[End], settings: Settings) -> Descent:
    """Return the best of some descents, with the ends of all."""
    best = min(runs, key=lambda run: (run.diverged, settings.sign * run.cost))
    best.restarts, best.ends = [end.cost for end in ends], ends
    best.levels = _levels_of([run.cost for run in runs if not run.diverged], [r.history[0][1] for r in runs], settings)
    return best


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Return the progress of one of several descents, in epochs of all of them."""
    if progress is None:
        return None
    return lambda epoch, epochs, cost: progress(before + epoch, total, cost)


def _levels_of(costs: Sequence[float], firsts: Sequence[float], settings: Settings) -> list[Level]:
    """Return the levels of final costs, as the method of the descents allows to distinguish them."""
    if not settings.searches:
        return levels(costs, _GAP * _typical(firsts))
    rounding = (_ROUNDINGS * float(np.finfo(settings.dtype).eps)) ** 2  # costs are squares of residuals
    return levels(costs, rounding * min(map(abs, firsts), default=0.0), _SAME)


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
    order = sorted(range(len(results)), key=lambda k: (results[k].stop == "diverged", sign * results[k].cost))
    costs = [result.cost for result in results]
    if stopped:
        best = _stopped_early(starts[order[0]], results[order[0]], loop, stopped, started)
        costs[order[0]] = best.cost
        cause = "was interrupted" if stopped == "interrupted" else "stopped at the time limit"
        best.message = f"{cause} with {len(results)} of {len(starts)} starts run; these are the best parameters so far"
    else:
        best = _rerun_best(starts, order, results, costs, loop, started)
    best.seconds = time.perf_counter() - started
    sound = [cost for cost, result in zip(costs, results, strict=True) if result.stop != "diverged"]
    best.restarts, best.levels = costs, _levels_of(sound, firsts, loop.settings)
    best.ends = [_end(starts[k], result, loop, stopped) for k, result in enumerate(results)]
    return best


def _end(start: Params, result: EnsembleResult, loop: Loop, stopped: str) -> End:
    """Return the end of a descent of the batch, without the optimiser's state."""
    first, last = ({name: params[name] for name in loop.names} for params in (start, result.params))
    return End(first, last, result.cost, result.stop or stopped or Stop.EPOCHS)


def _rerun_best(
    starts: Sequence[Params], order: Sequence[int], results: Sequence[EnsembleResult], costs: list[float], loop: Loop,
    started: float,
) -> Descent:  # fmt: skip
    """Run the best start alone; write its cost into ``costs``."""
    best: Descent | None = None
    for k in order:
        if best is not None and not _is_better(results[k].cost, results[k].stop == "diverged", best, loop):
            break
        run = loop.run(starts[k], None)
        if run.stop in ("interrupted", "time"):  # in the batch it had made more epochs
            return _stopped_early(starts[order[0]], results[order[0]], loop, run.stop, started)
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
