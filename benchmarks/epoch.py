"""How long an epoch takes: the reference engine beside NumPy by hand, JAX, PyTorch and scikit-learn.

Each descends the same cost from the same start at the same rate in float64, full batch, and computes the cost in
every epoch. After as many epochs the final costs must agree to 1e-9, or the script fails: same work, or no
comparison. The time of an epoch is that of a descent less that of one with 0 epochs, by the number of epochs (so many
for each peer that its descent takes a while); what is done once (deriving, compiling) is thus left out for all. The
ratio is a peer's time by that of steepest:
below 1 the peer is faster. Rounds are interleaved.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from peers import BASE, Descend, installed
from problems import Array, Problem, all_problems
from timing import Options, RefusedError, Times, benchmark, interleaved, ratio, seconds, table

AGREEMENT = 1e-9  # relative, of the final costs
DESCENT, QUICK_DESCENT = 0.3, 0.03  # seconds that a timed descent takes at least about half of


def final_cost(problem: Problem, params: Mapping[str, Any]) -> float:
    """The cost at a peer's final parameters, computed by the same NumPy lines for all.

    Raises:
        RefusedError: a parameter is missing, misshapen or not in float64.
    """
    arrays: dict[str, Array] = {}
    for name, value in problem.start.items():
        array = np.asarray(params[name])
        if array.shape != value.shape or array.dtype != np.float64:
            raise RefusedError(f"{problem.name}: {name} came back as {array.dtype} of shape {array.shape}")
        arrays[name] = array
    return float(problem.by_hand(problem.data, arrays, problem.rate)[0])


def agreed(problem: Problem, peers: Mapping[str, Descend]) -> dict[str, float]:
    """The final cost of every peer.

    Raises:
        RefusedError: two differ, or the descent has not moved the cost, so that agreeing would say nothing.
    """
    costs = {name: final_cost(problem, descend(problem.epochs)) for name, descend in peers.items()}
    begin = final_cost(problem, problem.start)
    for name, cost in costs.items():
        for other, its in costs.items():
            if not abs(cost - its) <= AGREEMENT * abs(its):
                raise RefusedError(
                    f"{problem.name}: after {problem.epochs} epochs {name} has the cost {cost!r} and {other} {its!r}; "
                    "they did not do the same work, so nothing is compared"
                )
        if not abs(cost - begin) > 1e-4 * begin:
            raise RefusedError(f"{problem.name}: {name} has not moved the cost from {begin!r}")
    return costs


def enough_epochs(descend: Descend, epochs: int, wanted: float) -> int:
    """How many epochs take about the wanted seconds more than none."""
    while epochs < 10_000_000:
        spent = seconds(partial(descend, epochs)) - seconds(partial(descend, 0))
        if spent >= wanted / 2:
            break
        epochs *= max(2, min(50, round(wanted / max(spent, 1e-6))))
    return epochs


def epoch_times(peers: Mapping[str, Descend], options: Options) -> Times:
    """Seconds an epoch of every peer, one number a round."""

    def task(descend: Descend) -> Callable[[], float]:
        epochs = enough_epochs(descend, 10, QUICK_DESCENT if options.quick else DESCENT)

        def an_epoch() -> float:
            once = seconds(partial(descend, 0))
            return (seconds(partial(descend, epochs)) - once) / epochs

        return an_epoch

    return interleaved({name: task(descend) for name, descend in peers.items()}, options.rounds)


def compare(problem: Problem, options: Options) -> dict[str, Any]:
    """Prepare the peers, see that they agree (which also warms them up), time them, print and return."""
    makers, _ = installed()
    prepared = {name: make(problem) for name, make in makers.items()}
    peers = {name: descend for name, descend in prepared.items() if descend is not None}
    costs = agreed(problem, peers)
    times = epoch_times(peers, options)
    options.write(f"{problem.name}: costs after {problem.epochs:,} epochs at rate {problem.rate:g}")
    rows = []
    for name, found in times.items():
        apart = abs(costs[name] - costs[BASE]) / costs[BASE]
        micro = [1e6 * time for time in found]
        figures = f"{statistics.median(micro):.2f}", f"{min(micro):.2f}", f"{ratio(times, name, BASE):.3g}"
        rows.append((name, *figures, f"{costs[name]:.12g}", f"{apart:.0e}"))
    headers = ("one epoch", "median µs", "least µs", "/ steepest", "final cost", "differs by")
    options.write(table(headers, rows))
    for name in makers.keys() - peers.keys():
        options.write(f"left out: {name} (it does not have this cost)")
    options.write("")
    return {"problem": problem.name, "epochs": problem.epochs, "seconds_an_epoch": times, "final_cost": costs}


@benchmark(__doc__, rounds=7)
def main(options: Options) -> dict[str, Any]:
    """Measure, print, and return what goes into the JSON."""
    _, missing = installed()
    for name in missing:
        options.write(f"left out: {name} (not installed)")
    found = [compare(problem, options) for problem in all_problems(options.quick)]
    return {"left_out": missing, "problems": found}


if __name__ == "__main__":
    main()
