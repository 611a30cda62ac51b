"""Model files: parameters with formula, cost and shapes as metadata."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypeVar

from steepest.errors import ModelError, SteepestError, StorageError
from steepest.expressions.expression import DATA, OPERATIONS, PARAMETER, leaves
from steepest.language.formula import Limits
from steepest.objectives.costs import COSTS
from steepest.objectives.specification import Specification
from steepest.storage import tensors as storage
from steepest.training.initialisers import initial
from steepest.version import __version__

_KINDS = ("data", "parameter")
Kind = TypeVar("Kind", bound=Specification)


def write(model: Specification, path: str | os.PathLike[str]) -> None:
    """Save formula, cost, shapes and parameters of a model; see :meth:`steepest.Model.save`."""
    if not model.params:
        raise ModelError("the model has no parameters to save yet; fit it first")
    if model.run is not None and model.run.diverged and model.params == model.run.params:
        raise ModelError(f"nothing is saved: {model.run.message}")
    if not isinstance(model.objective.cost, str):
        known = ", ".join(COSTS)
        raise ModelError(f"only a model with a named cost can be saved: {known}, or a formula of a cost")
    nodes = leaves([model.target, model.prediction])
    shapes = {kind: {n.name: list(n.shape) for n in nodes if n.operation is OPERATIONS[kind]} for kind in _KINDS}
    about: dict[str, Any] = {"version": __version__, "formula": model.formula, "cost": model.cost_name, **shapes}
    about |= _settings(model)
    if model.settings:
        about["settings"] = model.settings
    if model.run is not None:
        about["run"] = {"cost": model.run.cost, "epochs": model.run.epochs, "reason": model.run.reason}
    missing = [name for name in model.cost.parameters if name not in model.params]
    if missing:
        raise ModelError(f"the parameter {missing[0]!r} has no value yet; fit the model first")
    storage.save(path, initial(model.cost, model.params, what="params"), about)


def _settings(model: Specification) -> dict[str, Any]:
    """Return the settings that differ from their defaults, in a form that JSON can hold."""
    classes = model.class_weight
    pairs = classes if isinstance(classes, str) else [[float(k), float(w)] for k, w in (classes or {}).items()]
    factors = {"l1": float(model.objective.l1), "l2": float(model.objective.l2)}
    blocks = {name: list(columns) for name, columns in (model.blocks or model.features).items()}
    settings = {"features": blocks, "weights": model.weights, "class_weight": pairs, **factors}
    return {name: value for name, value in settings.items() if value}


def _classes(about: Mapping[str, Any]) -> Any:
    given = about.get("class_weight")
    return given if given is None or isinstance(given, str) else dict(given)


def read(kind: type[Kind], path: str | os.PathLike[str], limits: Limits) -> Kind:
    """Return the model in a file; see :func:`steepest.load`."""
    params, about = storage.load(path)
    try:
        data = {str(name): tuple(int(d) for d in shape) for name, shape in about["data"].items()}
        shapes = {str(name): tuple(int(d) for d in shape) for name, shape in about["parameter"].items()}
        settings = {name: about[name] for name in ("features", "weights", "l1", "l2") if name in about}
        model = kind(about["formula"], about["cost"], data, shapes, limits, **settings, class_weight=_classes(about))
        model.restore_blocks()
        nodes = leaves([model.target, model.prediction])
        expected = {leaf.name: leaf.shape for leaf in nodes if leaf.operation is PARAMETER}
        columns = {leaf.name: leaf.shape for leaf in nodes if leaf.operation is DATA}
        found = {name: array.shape for name, array in params.items()}
        unlike = not expected == shapes == found or columns != data
        if unlike or any(len(s) > 2 or min(s, default=1) < 1 for s in data.values()):
            raise StorageError("its parameters or shapes do not fit its formula")
        model.params = {name: params[name][()] for name in expected}
        model.settings = dict(about.get("settings", {}))
    except (SteepestError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = str(error) if isinstance(error, SteepestError) else "its metadata is incomplete"
        raise StorageError(f"{os.fspath(path)} is not a usable model: {reason}") from None
    return model
