"""Checkpoints whose checksum is right and whose content is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steepest.errors import StorageError
from steepest.models.model import Model
from steepest.storage.tensors import read_tensors, write_tensors


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": -1}, {"epoch": 10**18}, {"epoch": "4"}, {"stride": 0}, {"stride": "x"}, {"rises": 1.5}, {"costs": []},
        {"costs": ["x"]}, {"costs": 5}, {"last": 3}, {"order": []}, {"order": ["params w"]}, {"order": ["x"]},
        {"watch": {}}, {"watch": []}, {"watch": {"save": 5}}, {"reason": None, "costs": None},
    ],
)  # fmt: skip
def test_a_checkpoint_whose_content_is_not_that_of_a_descent(tmp_path: Path, change: dict[str, object]) -> None:
    """Whoever can write the file can make its checksum right."""
    place, table = tmp_path / "c", {"x": [1.0, 2.0, 3.0], "y": [2.0, 4.0, 7.0]}
    how: dict[str, Any] = {"rate": 0.01, "optimiser": "adam", "checkpoint": place}
    Model("y ~ x*w + b").fit(table, epochs=4, **how)
    tensors, about = read_tensors(place, "steepest checkpoint", "checkpoint")
    del about["format"]
    write_tensors(place, tensors, "steepest checkpoint", {**about, **change})
    with pytest.raises(StorageError, match="is not a usable checkpoint: its content is not that of a descent"):
        Model("y ~ x*w + b").fit(table, epochs=8, resume=True, **how)


@pytest.mark.parametrize("optimiser", ["adam", "lbfgs"])
def test_a_checkpoint_whose_arrays_have_other_shapes(tmp_path: Path, optimiser: str) -> None:
    place, table = tmp_path / "c", {"x": [1.0, 2.0, 3.0], "y": [2.0, 4.0, 7.0]}
    how: dict[str, Any] = {"optimiser": optimiser, "checkpoint": place}
    Model("y ~ x*w + b").fit(table, epochs=2, **how)
    tensors, about = read_tensors(place, "steepest checkpoint", "checkpoint")
    del about["format"]
    for name, array in tensors.items():
        for other in (np.zeros((*array.shape, 2)), np.zeros(array.shape, int), np.zeros(0)):
            write_tensors(place, {**tensors, name: other}, "steepest checkpoint", about)
            with pytest.raises(StorageError, match="is not a usable checkpoint"):
                Model("y ~ x*w + b").fit(table, epochs=8, resume=True, **how)
