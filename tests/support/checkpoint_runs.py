"""Descents that write checkpoints; ``checkpoint_runs.py NAME FOLDER`` runs one in a process that may be killed.

It goes on from FOLDER/kept.safetensors, and writes the result to FOLDER/result.npz when it comes to its end.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from batch_cases import FORMULAS, network, table_of
from engine_cases import Model, drawn
from steepest import models, schedules
from steepest.training.optimisers import lbfgs
from steepest.training.result import Descent


def _wide(rows: int) -> Model:
    table = table_of({"X": (16,), "y": ()}, rows, 2, 3)
    return drawn(models.network([16, 9, 3], output="softmax").cost, table, 4, 0.1)


_WARM = schedules.warm_up(9.5, schedules.exponential(0.01, 0.9995))

RUNS: dict[str, tuple[Any, dict[str, Any]]] = {
    "adam batches": (
        lambda: network(Random(6), 150),
        {"dtype": "float32", "optimiser": "adam", "batch": 32, "epochs": 1600, "validate": 0.2, "patience": 10_000,
         "rate": schedules.plateau(0.01, 0.5, 5), "checkpoint_every": 4},
    ),
    "scheduled batches": (
        lambda: FORMULAS["decay"](90),
        {"optimiser": "nesterov", "batch": 7, "epochs": 9000, "rate": _WARM, "checkpoint_every": 7},
    ),
    "lbfgs": (
        lambda: network(Random(9), 60),
        {"optimiser": lbfgs(4), "epochs": 1200, "validate": 0.3, "checkpoint_every": 3},
    ),
    "auto": (
        lambda: FORMULAS["chain"](40),
        {"rate": "auto", "epochs": 3000, "dtype": "float32", "checkpoint_every": 3},
    ),
    "lanes": (
        lambda: FORMULAS["neuron"](200),
        {"optimiser": "adamw", "epochs": 600_000, "rate": schedules.cosine(0.05, 600_000), "checkpoint_every": 500},
    ),
    "arrays": (lambda: _wide(90), {"optimiser": "momentum", "epochs": 20_000, "checkpoint_every": 20}),
    "reference": (
        lambda: network(Random(6), 60),
        {"engine": "reference", "optimiser": "rmsprop", "batch": 16, "epochs": 2500, "rate": 0.001,
         "checkpoint_every": 2},
    ),
}  # fmt: skip
"""By name a model and settings; each runs for a second or two, most of it for writing."""


def run(name: str, folder: Path | None, **others: Any) -> Descent:
    """One of them, resumed if there is a checkpoint; without a folder undisturbed."""
    make, settings = RUNS[name]
    kept = {} if folder is None else {"checkpoint": folder / "kept.safetensors", "resume": True}
    given = {"engine": "native", **settings, **kept, **others}
    if folder is None:
        given.pop("checkpoint_every", None)
    found: Descent = make().descend(given.pop("engine"), **given)
    return found


def numbers(found: Descent) -> dict[str, Any]:
    """Everything of a report that a resumed descent shares with an undisturbed one, as arrays."""
    arrays = {f"param {name}": np.asarray(value) for name, value in found.params.items()}
    arrays |= {f"memory {name}": np.asarray(value) for name, value in found.memory.items()}
    arrays["history"] = np.array(found.history)
    arrays["validation"] = np.array(found.validation or [])
    arrays["cost"] = np.array([found.cost, found.epochs, -1 if found.best_epoch is None else found.best_epoch])
    return arrays


if __name__ == "__main__":
    place = Path(sys.argv[2])
    result = numbers(run(sys.argv[1], place))
    np.savez(place / "result.npz", **result)
