"""Checkpoints of a descent: all that is needed to resume it, bit for bit, in one safetensors file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.engines.step import ROWS_KEPT, DescentState, Params, Record
from steepest.errors import StorageError
from steepest.messages.numbers import whole
from steepest.storage.tensors import read_tensors, write_tensors
from steepest.training.callbacks import Callbacks

_KEY = "steepest checkpoint"
_PARTS = ("params", "before", "best")


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint file of a descent.

    ``kind`` is a digest of cost, settings and data; ``fits`` tells whether a state could be one of this descent.
    """

    path: str | os.PathLike[str]
    kind: str
    fits: Callable[[Params], bool]
    stops: tuple[float | None, ...]  # a descent that stopped by one of these tolerances continues only under others

    def save(self, state: DescentState, record: Record, callbacks: Callbacks) -> None:
        """Write the state of a descent, atomically."""
        groups = {"params": state.params, "before": state.before, "best": callbacks.best}
        tensors = {f"{part} {name}": np.asarray(array) for part in _PARTS for name, array in groups[part].items()}
        due = -(-state.epoch // record.stride)  # an interruption may have left later rows
        about = {
            "kind": self.kind, "epoch": state.epoch, "last": float(state.last).hex(), "rises": state.rises,
            "first_rise": state.first_rise, "reason": state.stop, "stops": list(self.stops), "stride": record.stride,
            "costs": [float(cost).hex() for cost in record.costs[:due]], "watch": callbacks.about(),
            "order": list(tensors),
        }  # fmt: skip
        write_tensors(self.path, tensors, _KEY, about)

    def load(self, callbacks: Callbacks, record: Record) -> DescentState | None:
        """Restore callbacks and record and return the state of the descent; None if the file does not exist yet."""
        if not os.path.exists(self.path):
            return None
        tensors, about = read_tensors(self.path, _KEY, "checkpoint")
        if about.get("kind") != self.kind:
            raise StorageError(
                f"{os.fspath(self.path)} is a checkpoint of another descent: the cost, the table or a setting "
                "differs; give the same ones, or another file"
            )
        try:
            return self._restored(tensors, about, callbacks, record)
        except (
            StorageError,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            OverflowError,
        ):  # whoever made it can make it fit
            raise StorageError(
                f"{os.fspath(self.path)} is not a usable checkpoint: its content is not that of a descent; begin again "
                "without it"
            ) from None

    def _restored(
        self, tensors: Mapping[str, Any], about: Mapping[str, Any], callbacks: Callbacks, record: Record
    ) -> DescentState:
        groups: dict[str, Params] = {part: {} for part in _PARTS}
        for label in about["order"]:  # safetensors reorders tensors; sums depend on their order
            part, _, name = label.partition(" ")
            groups[part][name] = tensors[label][()]
        if not all(self.fits(group) for part, group in groups.items() if group or part != "best"):
            raise ValueError("parameters")
        epoch, stride, rises, first_rise = (
            whole(name, about[name], int(name == "stride"), StorageError)
            for name in ("epoch", "stride", "rises", "first_rise")
        )
        costs = [float.fromhex(cost) for cost in about["costs"]]
        if len(costs) != -(-epoch // stride) or not len(costs) < 2 * ROWS_KEPT:
            raise ValueError("costs")
        last = float.fromhex(about["last"])
        callbacks.restore(about["watch"], groups["best"])
        record.stride, record.costs = stride, costs
        record.parameters = [None] * -(-len(costs) // record.thinning)
        ended = about["reason"] in ("tolerance", "gradient") and about["stops"] == list(self.stops)
        reason = about["reason"] if ended else ""
        return DescentState(groups["params"], groups["before"], last, epoch, rises, first_rise, reason)


def kind_of(about: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    """Return a digest of settings and columns."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.data)
    return digest.hexdigest()
