"""Save and load models: parameters as safetensors; formula, shapes and cost as JSON in its metadata.

Nothing in a file is executed: the formula is parsed within the limits of formula text. A checksum of parameters and
metadata detects changed bytes, which would otherwise be wrong numbers.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.errors import StorageError
from steepest.storage.files import write_atomically
from steepest.storage.reading import UnreadableFileError, refuse_special

FORMAT = 2
"""The version of the metadata; a file with a higher one is refused. 2: columns may be standardised."""

_KEY, _SUM = "steepest", "sha256"


def save(path: str | os.PathLike[str], params: dict[str, Any], about: dict[str, Any]) -> None:
    """Save parameters with formula, shapes, cost and version of their model, as values that JSON can represent."""
    tensors = {name: np.asarray(value, np.float64) for name, value in params.items()}
    write_tensors(path, tensors, _KEY, about)


def write_tensors(
    path: str | os.PathLike[str], tensors: dict[str, NDArray[Any]], key: str, about: dict[str, Any]
) -> None:
    """Write arrays and metadata, under a key that identifies the kind of file, with a checksum of both."""
    from safetensors.numpy import save as to_bytes

    # safetensors writes the memory of an array as it is, so it must be in C order.
    ordered = {name: np.array(value, order="C") for name, value in tensors.items()}
    version = 2 if "scales" in about else 1  # what the oldest steepest that understands the file reads
    text = json.dumps({"format": version, **about}, ensure_ascii=False, sort_keys=True)
    write_atomically(path, _sorted(to_bytes(ordered, metadata={key: text, _SUM: _checksum(ordered, text)})))


def _sorted(content: bytes) -> bytes:
    """Sort the metadata, which safetensors writes in a random order, so that the same model gives the same file."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at multiples of eight bytes
    return b"".join([len(text).to_bytes(8, "little"), text, memoryview(content)[start:]])


def _checksum(tensors: dict[str, NDArray[Any]], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        array = tensors[name]
        # Shape and dtype precede the bytes, so that different contents never give the same input to the hash.
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def load(path: str | os.PathLike[str]) -> tuple[dict[str, NDArray[np.float64]], dict[str, Any]]:
    """Load the parameters and the metadata of a model written by :func:`save`."""
    params, about = read_tensors(path, _KEY, "model")
    for name, array in params.items():
        if array.dtype != np.float64 or not np.all(np.isfinite(array)):
            where = os.fspath(path)
            raise StorageError(f"the parameter {name!r} in {where} is not finite or not float64; fit the model again")
    return params, about


_AGAIN = {"model": "fit the model again and save it", "checkpoint": "begin again without it"}


def read_tensors(path: str | os.PathLike[str], key: str, what: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read a file written by :func:`write_tensors` with this key; ``what`` it is, "model" or "checkpoint", in messages.

    Raises:
        StorageError: there is no such file, or it is of another kind, damaged, or of a newer version.
    """
    from safetensors import SafetensorError, safe_open

    where = os.fspath(path)
    if os.path.isdir(path):
        raise StorageError(f"cannot read the {what} {where}: it is a directory; name a file in it")
    try:
        refuse_special(path)
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            params = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except UnreadableFileError as error:
        raise StorageError(f"cannot read the {what} {where}: {error}") from None
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        raise StorageError(f"cannot read the {what} {where}: {reason}; check its path") from None
    except (SafetensorError, TypeError, ValueError, AttributeError) as error:  # the latter for a dtype NumPy lacks
        raise StorageError(f"{where} is not a saved {what}, or is damaged ({error}); {_AGAIN[what]}") from None
    if key not in metadata:
        writers = {"model": "'fit --save' and Model.save write one", "checkpoint": "'fit --checkpoint' writes one"}
        raise StorageError(f"{where} holds tensors but no steepest {what}; {writers[what]}")
    try:
        about: dict[str, Any] = json.loads(metadata[key])
        version = about["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise StorageError(f"the metadata of {where} cannot be read; {_AGAIN[what]}") from None
    if not isinstance(version, int) or version > FORMAT:
        raise StorageError(
            f"{where} was written by a newer steepest (format {version}, this one reads {FORMAT}); update steepest"
        )
    if metadata.get(_SUM) != _checksum(params, metadata[key]):
        raise StorageError(f"{where} is damaged: its checksum does not match its content; {_AGAIN[what]}")
    return params, about
