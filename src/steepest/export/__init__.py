"""Export fitted models: ONNX, C that predicts or trains, NumPy source; one module per format.

``prepared.py`` is the input of every format; libraries are imported when something is exported.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steepest.errors import ModelError, StorageError
from steepest.messages.registry import Registry

if TYPE_CHECKING:
    from typing import TypeAlias

    from steepest.objectives.specification import Specification
    from steepest.training.optimisers import Optimiser

Method: TypeAlias = "str | Optimiser | None"


@dataclass(frozen=True)
class ExportFormat:
    """A kind of exported file; ``write`` is given a model, a dtype, the name of its functions and an optimiser."""

    suffix: str  # of a file's name if none is given
    write: Callable[[Specification, str, str, Method], bytes]
    trains: bool = False  # whether the file can train the model
    by_suffix: bool = True  # whether the suffix of a path chooses this format


def _onnx(model: Specification, dtype: str, name: str, _: Method) -> bytes:
    from steepest.export.onnx import write_onnx
    from steepest.export.prepared import prepare

    return write_onnx(prepare(model, dtype, name))


def _c(model: Specification, dtype: str, name: str, _: Method) -> bytes:
    from steepest.export.c import write_c
    from steepest.export.prepared import prepare

    return write_c(prepare(model, dtype, name))


def _c_training(model: Specification, dtype: str, name: str, optimiser: Method) -> bytes:
    from steepest.export.c_training import write_training

    return write_training(model, dtype, name, optimiser)


def _numpy(model: Specification, dtype: str, name: str, _: Method) -> bytes:
    from steepest.export.numpy_source import write_numpy
    from steepest.export.prepared import prepare

    return write_numpy(prepare(model, dtype, name, fold=False))


FORMATS: Registry[ExportFormat] = Registry("export format", ModelError)
"""Every export format by name."""
FORMATS.add("onnx", ExportFormat(".onnx", _onnx), "a graph for ONNX runtimes")
FORMATS.add("c", ExportFormat(".c", _c), "C99 that predicts")
FORMATS.add("c-train", ExportFormat(".train.c", _c_training, True, False), "C99 that predicts and trains")
FORMATS.add("numpy", ExportFormat(".py", _numpy), "Python that needs NumPy alone")


def export_bytes(
    model: Specification, to: str, dtype: str = "float64", name: str = "model", optimiser: Method = None
) -> bytes:
    """Return the content of an exported file.

    Args:
        model: a fitted model; for ``"c-train"`` one that knows its columns is enough.
        to: one of :data:`FORMATS`.
        dtype: ``"float64"`` or ``"float32"``.
        name: the prefix of functions in C.
        optimiser: the update rule of a file that trains [default: gradient descent].

    Raises:
        ModelError: there is no such format or dtype, the model is not fitted, or it cannot be exported.

    >>> from steepest.models.builders import linear
    >>> model = linear().fit("twice", epochs=100)
    >>> print(export_bytes(model, "numpy").decode().splitlines()[-1])
        return x * w
    """
    chosen = FORMATS.find(to)
    if optimiser is not None and not chosen.trains:
        raise ModelError(f"a file of the format {to!r} does not train; leave optimiser out, or give to='c-train'")
    return chosen.write(model, dtype, name, optimiser)


def export_model(
    model: Specification,
    path: str | os.PathLike[str],
    to: str | None = None,
    dtype: str = "float64",
    optimiser: Method = None,
) -> str:
    """Write a model to a file for use without steepest, and return the format; see :func:`export_bytes`.

    The format is by default that of the path's suffix; the file's name is the prefix of functions in C.

    Raises:
        ModelError: as :func:`export_bytes`, or the path's suffix is that of no format.
        StorageError: the file cannot be written.
    """
    from steepest.storage import files

    where = os.path.basename(os.fspath(path))
    stem, ending = os.path.splitext(where)
    if to is None:
        by_suffix = {form.suffix: name for name, form in FORMATS.items() if form.by_suffix}
        if ending not in by_suffix:
            raise ModelError(
                f"the suffix of {where!r} is that of no export format; end it in {', '.join(by_suffix)}, or say "
                f"to={', '.join(FORMATS)}"
            )
        to = by_suffix[ending]
    files.write_atomically(path, export_bytes(model, to, dtype, stem or "model", optimiser))
    return to


def largest_difference(model: Specification, path: str | os.PathLike[str], table: Any) -> float:
    """Return the largest difference between the predictions of an ONNX file and of the model on a table.

    Args:
        model: the model.
        path: a file to which it was exported.
        table: a dict of arrays, a DataFrame, a path or a built-in name.

    Returns:
        The largest absolute difference; 0 where both are infinite or NaN alike.

    Raises:
        ModelError: onnxruntime is not installed.
        StorageError: the file cannot be read.
    """
    import numpy as np

    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise StorageError(
            f"cannot read {os.fspath(path)}: {error.strerror or error}; export the model first"
        ) from None
    columns = model.columns_in_own_units(model.inputs(table).arrays)
    wanted = np.asarray(model.predict(table), np.float64)
    try:
        import onnxruntime
    except ImportError:
        raise ModelError(
            "running an ONNX file needs the package onnxruntime, which is not installed; install it, or compare "
            "with another runtime"
        ) from None
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    kinds = {each.name: np.float64 if "double" in each.type else np.float32 for each in session.get_inputs()}
    (found,) = session.run(None, {name: np.asarray(columns[name], kind) for name, kind in kinds.items()})
    with np.errstate(invalid="ignore"):
        gap = np.abs(found.astype(np.float64) - wanted)
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    return float(np.max(np.where(same, 0.0, gap), initial=0.0))
