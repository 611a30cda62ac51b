"""Files of models as an attacker would write them: any metadata, with a right checksum."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as to_bytes

ABOUT = {"formula": "y ~ a*x", "cost": "mse", "data": {"x": [], "y": []}, "parameter": {"a": []}}


def forge(path: Path, about: Any, params: dict[str, Any] | None = None, format_: Any = 1) -> Path:
    """Write a file as this library would, checksum included, with any metadata; a text is taken as it is."""
    tensors = {k: np.array(v, dtype=np.float64) for k, v in ({"a": 2.0} if params is None else params).items()}
    text = about if isinstance(about, str) else json.dumps({"format": format_, **about})
    path.write_bytes(to_bytes(tensors, metadata={"steepest": text, "sha256": checksum(tensors, text)}))
    return path


def checksum(tensors: dict[str, Any], text: str) -> str:
    """Return the checksum of tensors and metadata, as files of models and checkpoints have it."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(json.dumps([name, array.dtype.str, list(array.shape)]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
