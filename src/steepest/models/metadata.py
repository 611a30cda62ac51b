"""Metadata in the file of a model: formula, cost, shapes, options, the end of the fit and the errors of its numbers."""

from __future__ import annotations

from typing import Any

from steepest.errors import StorageError
from steepest.expressions.expression import DATA, OPERATIONS, PARAMETER, leaves
from steepest.inference import ParameterErrors
from steepest.models.estimated import Estimated
from steepest.objectives.specification import Specification
from steepest.version import __version__

OLDER = "the file of the model has no standard errors, as an older version wrote it; fit the model again and save it"


def metadata_of(model: Estimated, errors: ParameterErrors) -> dict[str, Any]:
    """Return the metadata of a model and its fit, in a form that JSON can hold."""
    about: dict[str, Any] = {"version": __version__, "formula": model.formula, "cost": model.cost_name}
    nodes = leaves([model.target, model.prediction])
    for kind in ("data", "parameter"):
        about[kind] = {node.name: list(node.shape) for node in nodes if node.operation is OPERATIONS[kind]}
    about |= _options_of(model)
    if model.settings:
        about["settings"] = model.settings
    if model.run is not None:
        about["run"] = {name: getattr(model.run, name) for name in ("cost", "epochs", "reason", "stop")}
    return about | {"uncertainty": errors.document()} | ({"tied": dict(model.tied)} if model.tied else {})


def _options_of(model: Specification) -> dict[str, Any]:
    """Return the arguments that differ from their defaults."""
    classes = model.class_weight
    pairs = classes if isinstance(classes, str) else [[float(k), float(w)] for k, w in (classes or {}).items()]
    blocks = {name: list(columns) for name, columns in (model.blocks or model.features).items()}
    l1, l2 = float(model.objective.l1), float(model.objective.l2)
    scales = {name: [scale.mean.tolist(), scale.deviation.tolist()] for name, scale in model.scales.items()}
    options = {
        "features": blocks, "weights": model.weights, "class_weight": pairs, "l1": l1, "l2": l2, "scales": scales,
    }  # fmt: skip
    return {name: value for name, value in options.items() if value}


def refuse_other_shapes(model: Specification, params: dict[str, Any], about: dict[str, Any]) -> None:
    """Raise unless the shapes in a file are those of the formula, and of its parameters.

    Raises:
        StorageError: they are not.
    """
    data, shapes = shapes_in(about, "data"), shapes_in(about, "parameter")
    nodes = leaves([model.target, model.prediction])
    expected = {leaf.name: leaf.shape for leaf in nodes if leaf.operation is PARAMETER}
    columns = {leaf.name: leaf.shape for leaf in nodes if leaf.operation is DATA}
    found = {name: array.shape for name, array in params.items()}
    unlike = not expected == shapes == found or columns != data
    if unlike or any(len(s) > 2 or min(s, default=1) < 1 for s in data.values()):
        raise StorageError("its parameters or shapes do not fit its formula")


def shapes_in(about: dict[str, Any], kind: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of ``"data"`` or ``"parameter"`` in the metadata, by name."""
    return {str(name): tuple(int(d) for d in shape) for name, shape in about[kind].items()}


def errors_in(about: dict[str, Any], model: Specification) -> ParameterErrors:
    """Return the errors of the parameters in the metadata.

    Raises:
        InferenceError: they are not those of the model.
    """
    if "uncertainty" not in about:
        return ParameterErrors(refusal=OLDER)
    return ParameterErrors.read(about["uncertainty"], model)
