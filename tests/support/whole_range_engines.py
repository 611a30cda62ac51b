"""The engines that compute the trials of :mod:`whole_range`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np

from steepest.calculus.stability import stabilise
from steepest.engines import evaluate
from steepest.engines.native.lanes.evaluation import Evaluation
from whole_range import Array, Trial

Trials = Sequence[Trial]
Results = dict[str, Array]
"""By the name of the trial; what a format cannot export is left out."""

Engine = Callable[[Trials, str], Results]


def by_reference(trials: Trials, dtype: str) -> Results:
    """Return the results of the reference engine."""
    return {trial.name: np.asarray(evaluate(trial.root, trial.columns, dtype)) for trial in trials}


def by_native(trials: Trials, dtype: str) -> Results:
    """Return the results of the native engine, which computes the trials of an operation together."""
    found: Results = {}
    for _, group in groupby(trials, key=lambda trial: trial.operation):
        some = list(group)
        stable = stabilise([trial.root for trial in some])
        evaluation = Evaluation([stable[trial.root] for trial in some], dtype)
        columns = {name: np.ascontiguousarray(x) for trial in some for name, x in trial.columns.items()}
        results = evaluation(columns, len(columns["x0"]))
        found.update({trial.name: result for trial, result in zip(some, results, strict=True)})
    return found


ENGINES: dict[str, Engine] = {"reference": by_reference, "native": by_native}
"""By name."""
