"""Metadata in the file of a model: formula, cost, shapes, options, the end of the fit and the errors of its numbers."""

from __future__ import annotations

from typing import Any

from steepest.errors import StorageError
from steepest.expressions.expression import DATA, OPERATIONS, PARAMETER, leaves
from steepest.inference import ParameterErrors
from steepest.models.estimated import Estimated
from steepest.objectives.specification import Specification
from steepest.tables.samples import Samples
from steepest.tables.table import Table
from steepest.version import __version__

_OF_RUNS = ("cost", "epochs", "reason", "stop", "optimiser", "engine")
_LONGEST = 1000  # letters of a text of a record
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
    record = dict(model.record)
    if model.run is not None:
        record["run"] = {name: getattr(model.run, name) for name in _OF_RUNS}
    about |= {name: record[name] for name in ("run", "table") if name in record}
    return about | {"uncertainty": errors.document()} | ({"tied": dict(model.tied)} if model.tied else {})


def record_of(source: Samples | Table) -> dict[str, Any]:
    """Return what a model keeps of the table that it is fitted to: its name and its numbers of rows."""
    dropped = source.dropped if isinstance(source, Samples) else 0
    return {"table": {"source": source.source[:_LONGEST], "rows": source.rows, "dropped": dropped}}


def record_in(about: dict[str, Any]) -> dict[str, Any]:
    """Return what the metadata say of the fit and of its table, as far as they are numbers and printable texts."""
    found: dict[str, Any] = {}
    for part in ("run", "table"):
        values = about.get(part)
        if isinstance(values, dict):
            found[part] = {str(name): value for name, value in values.items() if _is_plain(value)}
    return found


def _is_plain(value: object) -> bool:
    text = isinstance(value, str) and len(value) <= _LONGEST and value.isprintable()
    return text or isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < 1e300)


def _options_of(model: Specification) -> dict[str, Any]:
    """Return the arguments that differ from their defaults."""
    classes = model.class_weight
    pairs = classes if isinstance(classes, str) else [[float(k), float(w)] for k, w in (classes or {}).items()]
    blocks = {name: list(columns) for name, columns in (model.blocks or model.features).items()}
    l1, l2 = float(model.objective.l1), float(model.objective.l2)
    scales = {name: [scale.mean.tolist(), scale.deviation.tolist()] for name, scale in model.scales.items()}
    options = {
        "classes": [_label(each) for each in model.classes], "features": blocks, "weights": model.weights,
        "class_weight": pairs, "l1": l1, "l2": l2, "scales": scales,
    }  # fmt: skip
    return {name: value for name, value in options.items() if value}


def _label(label: Any) -> Any:
    """Return the label of a class as JSON can hold it: a number, or a text."""
    value = label.item() if hasattr(label, "item") else label
    return value if isinstance(value, bool | int | float | str) else str(value)


def classes_in(about: dict[str, Any]) -> tuple[Any, ...]:
    """Return the labels of the classes in the metadata.

    Raises:
        StorageError: they are no distinct numbers and texts.
    """
    found = about.get("classes", [])
    if not isinstance(found, list) or not all(_is_plain(each) for each in found) or len({*found}) < len(found):
        raise StorageError("the names of its classes cannot be read")
    return tuple(found)


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
