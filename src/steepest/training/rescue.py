"""Other starts for a fit that did not converge from its start, or ended worse than without a formula."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from steepest.engines.step import Params, Stop
from steepest.errors import StartError
from steepest.training.ends import Reason
from steepest.training.result import Descent

STARTS = 24
"""Other starts that are tried."""

_SPREADS = (
    0.5,
    1.5,
    3.0,
)  # of the factors' logarithms, in turn: near the given start, then in other decades


_WIDE = 8.0  # in every fourth start whose size is not known: times in microseconds and frequencies in terahertz


def other_starts(
    start: Mapping[str, Any], seed: int, drawn: Collection[str] = (), magnitudes: Mapping[str, float] | None = None
) -> list[Params]:
    """Return starts at which each parameter is multiplied by a positive factor from a log-normal distribution.

    The unit of a parameter then does not matter, and its sign, which formulas often need, is kept. Where it is 0, it is
    drawn from a normal distribution. Parameters whose first value was drawn have no size and sign to keep: they begin
    at 1, as is usual where nothing is known, and are near 1 in every second of the others; or at their magnitude and
    near it, if the units of columns tell it.
    """
    rng = np.random.default_rng([seed, STARTS])
    known = magnitudes or {}
    ones = {
        name: np.full(np.shape(value), known.get(name, 1.0))[()] if name in drawn else value
        for name, value in start.items()
    }
    found: list[Params] = [ones] if drawn else []
    for k in range(len(found), STARTS):
        spread = _SPREADS[k % len(_SPREADS)] if not drawn or k % 4 else _WIDE
        made = {}
        for name, value in (ones if k % 2 else start).items():
            array = np.asarray(value, np.float64)
            factors, shifts = np.exp(spread * rng.standard_normal(array.shape)), rng.standard_normal(array.shape)
            made[name] = np.where(array == 0, shifts, array * factors)[()]
        found.append(made)
    return found


def rescued(
    first: Descent, descend: Callable[[Params], Descent], seed: int, drawn: Collection[str] = (), poor: str = "",
    magnitudes: Mapping[str, float] | None = None, maximise: bool = False,
) -> Descent:  # fmt: skip
    """Return the converged descent of lowest cost among other starts, if it is lower than the first one's; else that.

    Args:
        first: a descent that did not converge, or converged where it is of no use.
        descend: descends from a start.
        seed: the seed of the other starts.
        drawn: the parameters whose start was drawn.
        poor: why a descent that converged is of no use.
        magnitudes: of parameters whose start was drawn, by the units of columns.
        maximise: whether the highest cost is the best.
    """
    best, sign = first, -1 if maximise else 1
    for start in other_starts(first.start, seed, drawn, magnitudes):
        try:
            run = descend(start)
        except StartError:
            continue
        if run.stop == Stop.INTERRUPTED:
            break
        better = not sign * run.cost >= sign * best.cost or best.reason is Reason.DIVERGED
        if run.reason is Reason.CONVERGED and better:
            best = run
    if best is first:
        return first
    converged = first.reason is Reason.CONVERGED
    end = f"was {poor}" if converged and poor else f"did not converge ({first.reason}, cost {first.cost:.6g})"
    how = f"from {'a drawn' if drawn else 'the given'} start the fit {end}"
    return replace(best, warnings=[*best.warnings, f"{how}; this is the best of {STARTS} others"])
