"""Exported files that compute the trials of :mod:`whole_range`: their roots as predictions of models."""

from __future__ import annotations

from collections.abc import Callable

from export_harness import Case, c_predict, case, library, numpy_predict, onnx_predict
from steepest.export import export_bytes
from steepest.expressions.expression import DATA
from whole_range import Array, Trial
from whole_range_engines import Engine, Results, Trials


def is_exported(trial: Trial) -> bool:
    """Return whether a trial can be the prediction of a model: it has a column, and is of one sample."""
    return trial.root.per_sample and trial.root.operation is not DATA


_CASES: dict[int, tuple[Trial, Case]] = {}


def _case(trial: Trial) -> Case:
    """Return a model whose prediction is the root of a trial; a second precision or format gets the same."""
    if id(trial) not in _CASES:
        _CASES[id(trial)] = trial, case(trial.root, trial.columns)
    return _CASES[id(trial)][1]


def by_files(file_format: str, run: Callable[[bytes, Case, str], Array]) -> Engine:
    """Return an engine that runs exported files of a format, one for each trial."""

    def engine(trials: Trials, dtype: str) -> Results:
        found: Results = {}
        for trial in filter(is_exported, trials):
            found[trial.name] = run(export_bytes(_case(trial).model, file_format, dtype), _case(trial), dtype)
            assert found[trial.name].dtype == dtype, trial.name
        return found

    return engine


def by_c(trials: Trials, dtype: str) -> Results:
    """Return the results of exported C, compiled together."""
    chosen = {f"f{k}": trial for k, trial in enumerate(filter(is_exported, trials))}
    sources = [export_bytes(_case(trial).model, "c", dtype, name) for name, trial in chosen.items()]
    functions = library(sources)
    return {trial.name: c_predict(functions, name, _case(trial), dtype) for name, trial in chosen.items()}


EXPORTS: dict[str, Engine] = {
    "c": by_c,
    "onnx": by_files("onnx", onnx_predict),
    "numpy": by_files("numpy", numpy_predict),
}
"""By the name of the format."""
