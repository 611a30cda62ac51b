"""Checkpoints of a descent: all that is needed to resume it, bit for bit, in one safetensors file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from steepest.engines.step import DescentState, Params, Record
from steepest.errors import StorageError
from steepest.storage.tensors import read_tensors, write_tensors
from steepest.training.callbacks import Callbacks

_KEY = "steepest checkpoint"
_PARTS = ("params", "before", "best")


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint file of a descent; ``kind`` is a digest of cost, settings and data."""

    path: str | os.PathLike[str]
    kind: str
    stops: tuple[float | None, ...]  # a descent that stopped by one of these tolerances continues only under others

    def save(self, state: DescentState, record: Record, callbacks: Callbacks) -> None:
        """Write the state of a descent, atomically."""
        groups = {"params": state.params, "before": state.before, "best": callbacks.best}
        tensors = {f"{part} {name}": np.asarray(array) for part in _PARTS for name, array in groups[part].items()}
        due = -(-state.epoch // record.stride)  # an interruption may have left later rows
        about = {
            "kind": self.kind, "epoch": state.epoch, "last": float(state.last).hex(), "rises": state.rises,
            "first_rise": state.first_rise, "reason": state.reason, "stops": list(self.stops), "stride": record.stride,
            "costs": [float(cost).hex() for cost in record.costs[:due]], "watch": callbacks.about(),
            "order": list(tensors),
        }  # fmt: skip
        write_tensors(self.path, tensors, _KEY, about)

    def load(self, callbacks: Callbacks, record: Record) -> DescentState | None:
        """Restore callbacks and record and return the state of the descent; None if the file does not exist yet."""
        if not Path(self.path).exists():
            return None
        tensors, about = read_tensors(self.path, _KEY, "checkpoint")
        if about.get("kind") != self.kind:
            raise StorageError(
                f"{os.fspath(self.path)} is a checkpoint of another descent: the cost, the table or a setting "
                "differs; give the same ones, or another file"
            )
        groups: dict[str, Params] = {part: {} for part in _PARTS}
        for label in about["order"]:  # safetensors reorders tensors; sums depend on their order
            part, _, name = label.partition(" ")
            groups[part][name] = tensors[label][()]
        record.stride = about["stride"]
        record.costs = [float.fromhex(cost) for cost in about["costs"]]
        record.parameters = [None] * -(-len(record.costs) // record.thinning)
        callbacks.restore(about["watch"], groups["best"])
        ended = about["reason"] in ("tolerance", "gradient") and about["stops"] == list(self.stops)
        return DescentState(
            groups["params"], groups["before"], float.fromhex(about["last"]), about["epoch"], about["rises"],
            about["first_rise"], about["reason"] if ended else "",
        )  # fmt: skip


def kind_of(about: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    """Return a digest of settings and columns."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.data)
    return digest.hexdigest()
