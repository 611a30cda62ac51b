"""Settings of a descent in any combination: a result that both engines agree on, or one sentence; never a traceback."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

import steepest as st
from batch_cases import FORMULAS, gaps, network
from engine_cases import EPSILON, Model
from sampling import sampled
from steepest import schedules
from steepest.errors import SteepestError
from steepest.training.optimisers import OPTIMISERS, adam, lbfgs

SLOW = pytest.mark.slow

x, y = st.params("x", "y")

MODELS: dict[str, Callable[[], Model]] = {
    "neuron": lambda: FORMULAS["neuron"](11),
    "row": lambda: FORMULAS["row"](23),
    "decay": lambda: FORMULAS["decay"](17),
    "three passes": lambda: FORMULAS["three passes"](12),
    "network": lambda: network(Random(12), 20),
    "wide network": lambda: network(Random(5), 33),
    "pure": lambda: Model((x - 1) ** 2 + 3 * (y + x) ** 2, {}, {"x": 0.3, "y": 2.0}, 0.05),
    "log": lambda: Model(st.log(x) ** 2 + y**2, {}, {"x": 0.3, "y": 2.0}, 0.05),
}

PLATEAUS = (schedules.plateau(0.05, 0.5, 2),)

CHOICES: dict[str, tuple[Any, ...]] = {
    "optimiser": (None, *OPTIMISERS, adam(0.5, epsilon=1e-3), lbfgs(1)),
    "batch": (None, None, 1, 4, 7, 100),
    "rate": (0.05, 0.01, 1e-3, "auto", "cosine", "warm-up:2+exponential:0.9", *PLATEAUS, 30.0, 1e200),
    "epochs": (0, 1, 2, 9, 25),
    "gradient": ("backprop", "backprop", "backprop", "layerwise", "finite-difference"),
    "scheme": ("forward", "central"),
    "dtype": ("float64", "float64", "float32"),
    "maximise": (False, False, True),
    "tolerance": (None, None, 1e-2),
    "gradient_tolerance": (None, None, 0.1),
    "max_seconds": (None, 60.0),
    "restarts": (None, None, None, 1, 3),
    "seed": (0, 5),
    "validate": (None, None, 0.3, 0.01),
    "patience": (None, None, 2),
    "on_epoch": (None, None, lambda moment: moment.epoch == 4),
    "progress": (None, False),
}  # fmt: skip


def drawn_settings(seed: int) -> tuple[str, dict[str, Any]]:
    """Some of the settings, the others left out."""
    random = Random(seed)
    chosen = {name: random.choice(values) for name, values in CHOICES.items() if random.random() < 0.5}
    return random.choice(list(MODELS)), {"step": 1e-3, "rate": 0.02, "epochs": 12, **chosen}


def outcome(model: Model, engine: str, settings: dict[str, Any]) -> Any:
    """The report, or the sentence of a refusal."""
    try:
        return model.descend(engine, **settings)
    except SteepestError as error:
        sentence = str(error)
        assert "\n" not in sentence
        assert not re.search(r"\.\s", sentence)
        assert not sentence.endswith(".")
        return sentence


def _is_touchy(settings: dict[str, Any]) -> bool:
    """Whether round-off decides about more than the last digits.

    A slope of round-off is a step of full length to lion and to a small ε; a rate much too large doubles errors; line
    searches branch on costs; differences divide round-off by ε.
    """
    method = settings.get("optimiser")
    return (
        settings.get("rate") in (30.0, 1e200, "auto") or method not in (None, "gradient-descent")
        or settings.get("gradient") == "finite-difference" or settings.get("maximise", False)
        or settings.get("dtype") == "float32"
    )  # fmt: skip


@pytest.mark.parametrize("part", [pytest.param(k, marks=SLOW) if k >= 1 else k for k in range(60)])
def test_a_result_or_one_sentence(part: int) -> None:
    results = 0
    for seed in range(20 * part, 20 * part + 20):
        name, settings = drawn_settings(seed)
        model = MODELS[name]()
        native, wanted = (outcome(model, engine, settings) for engine in ("native", "reference"))
        if isinstance(native, str) and native.startswith("the native engine supports batches"):
            assert settings["gradient"] == "finite-difference"
            native = outcome(model, "auto", settings)
        if isinstance(wanted, str) or isinstance(native, str):
            assert native == wanted, (seed, name, settings)
            continue
        results += 1
        for run in (native, wanted):
            assert np.isfinite(run.cost)
            assert all(np.isfinite(value).all() for value in run.params.values())
            assert run.history[-1][0] == run.epochs
            assert run.path[-1][0] == run.epochs
            if run.best_epoch is None:
                near = 1e-12 if settings.get("dtype") != "float32" else 1e-4
                whole = float(st.evaluate(model.cost, {**model.table, **run.params}))
                assert settings.get("validate") or run.cost == pytest.approx(whole, rel=near, abs=near)
        if not _is_touchy(settings):
            assert gaps(native, wanted) < 1e-8, (seed, name, settings)
        elif settings.get("epochs", 1000) <= 2 and settings.get("rate") not in (30.0, 1e200):
            loose = 1e-5 if settings.get("dtype", "float64") == "float64" else 2e5 * EPSILON["float32"]
            assert native.stop == wanted.stop
            assert gaps(native, wanted) < loose, (seed, name, settings)
    assert results >= 5


@pytest.mark.parametrize("part", sampled(range(4), 4))
def test_checkpoints_too(part: int, tmp_path: Path) -> None:
    """In two halves, whatever the settings: the same bits as at one go."""
    tried = 0
    for seed in range(30 * part, 30 * part + 30):
        name, settings = drawn_settings(7000 + seed)
        model = MODELS[name]()
        settings = {**settings, "epochs": 9, "checkpoint": tmp_path / f"{seed}", "resume": True}
        settings.pop("on_epoch", None)
        if settings.get("rate") in ("cosine",):  # which lasts as long as the descent
            settings["rate"] = schedules.cosine(0.1, 9)
        first = outcome(model, "auto", {**settings, "epochs": 4})
        whole = outcome(model, "auto", {**settings, "checkpoint": None, "resume": False})
        if isinstance(first, str) or isinstance(whole, str) or first.stop == "diverged":
            continue
        rest = outcome(model, "auto", settings)
        tried += 1
        assert (rest.stop, rest.epochs, rest.history) == (whole.stop, whole.epochs, whole.history), (seed, settings)
        assert rest.validation == whole.validation
        for key, value in whole.params.items():
            assert np.array_equal(rest.params[key], value), (seed, name, settings)
    assert tried > 5
