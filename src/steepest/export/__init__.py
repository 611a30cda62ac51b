"""Fitted models for elsewhere: as ONNX, as C that predicts or trains, as NumPy source; one module a medium.

``prepared.py`` says what a medium gets; every heavy import waits until something is exported.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steepest.errors import ModelError, StorageError
from steepest.messages.hints import nearest

if TYPE_CHECKING:
    from typing import TypeAlias

    from steepest.objectives.specification import Specification
    from steepest.training.optimisers import Optimiser

Method: TypeAlias = "str | Optimiser | None"


@dataclass(frozen=True)
class Medium:
    """One kind of file.

    Attributes:
        meaning: what the file is, in a few words.
        ending: of a file's name that stands for it; empty if another medium has that.
        write: from a model, a dtype, what functions are to be called and an optimiser, the file's content.
        trains: whether the file does.
    """

    meaning: str
    ending: str
    write: Callable[[Specification, str, str, Method], bytes]
    trains: bool = False


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


MEDIA: dict[str, Medium] = {
    "onnx": Medium("a graph for ONNX runtimes", ".onnx", _onnx),
    "c": Medium("C99 that predicts", ".c", _c),
    "c-train": Medium("C99 that predicts and trains", "", _c_training, trains=True),
    "numpy": Medium("Python that needs NumPy alone", ".py", _numpy),
}
"""Every medium by its name."""


def export_bytes(
    model: Specification, to: str, dtype: str = "float64", name: str = "model", optimiser: Method = None
) -> bytes:
    """What a file of a medium holds.

    Args:
        model: a fitted model; for ``"c-train"`` one that knows its columns is enough.
        to: one of :data:`MEDIA`.
        dtype: ``"float64"`` or ``"float32"``.
        name: what functions in C are called after.
        optimiser: how parameters move in a file that trains; plain gradient descent if left out.

    Raises:
        ModelError: there is no such medium or dtype, the model is not fitted, or it cannot be exported.

    >>> from steepest.models.builders import linear
    >>> model = linear().fit("twice", epochs=100)
    >>> print(export_bytes(model, "numpy").decode().splitlines()[-1])
        return x * w
    """
    if to not in MEDIA:
        raise ModelError(f"there is no medium {to!r}{nearest(to, MEDIA)}; a model is exported to {', '.join(MEDIA)}")
    if optimiser is not None and not MEDIA[to].trains:
        raise ModelError(f"a file of the medium {to!r} does not train; leave optimiser out, or say to='c-train'")
    return MEDIA[to].write(model, dtype, name, optimiser)


def export_model(
    model: Specification,
    path: str | os.PathLike[str],
    to: str | None = None,
    dtype: str = "float64",
    optimiser: Method = None,
) -> str:
    """Write a model to a file for use without steepest.

    Args:
        model: as for :func:`export_bytes`.
        path: the file. Functions in C are called after its name.
        to: one of :data:`MEDIA`; if left out, what the ending of the path says.
        dtype: ``"float64"`` or ``"float32"``.
        optimiser: as for :func:`export_bytes`.

    Returns:
        The medium.

    Raises:
        ModelError: as :func:`export_bytes`, or the path's ending says no medium.
        StorageError: the file cannot be written.
    """
    from steepest.storage import files

    where = os.path.basename(os.fspath(path))
    stem, ending = os.path.splitext(where)
    if to is None:
        found = [name for name, medium in MEDIA.items() if medium.ending and medium.ending == ending]
        if not found:
            endings = ", ".join(medium.ending for medium in MEDIA.values() if medium.ending)
            raise ModelError(
                f"the ending of {where!r} names no medium; end it in {endings}, or say to={', '.join(MEDIA)}"
            )
        to = found[0]
    files.write_atomically(path, export_bytes(model, to, dtype, stem or "model", optimiser))
    return to


def largest_difference(model: Specification, path: str | os.PathLike[str], table: Any) -> float:
    """How far an ONNX file's predictions are from the model's own, on the rows of a table.

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
    from steepest.export.onnx import largest_difference as compare

    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise StorageError(
            f"cannot read {os.fspath(path)}: {error.strerror or error}; export the model first"
        ) from None
    return compare(content, dict(model.inputs(table).arrays), model.predict(table))
