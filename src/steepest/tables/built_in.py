"""The built-in tables: four logic gates and the smallest linear fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class BuiltIn:
    """A table that comes with steepest, the formula that is fitted to it by default, and where that starts.

    Examples:
        >>> BUILT_IN["twice"].formula, dict(BUILT_IN["twice"].start)
        ('y ~ x*w', {'w': 0.0})
    """

    name: str
    columns: Mapping[str, tuple[float, ...]]
    formula: str
    start: Mapping[str, float]
    about: str


_NEURON = ("z ~ sigmoid(x*w1 + y*w2 + b)", {"w1": 0.3, "w2": 0.6, "b": 0.1})
_NETWORK = (
    "z ~ sigmoid(sigmoid(x*w1 + y*w2 + b1)*w5 + sigmoid(x*w3 + y*w4 + b2)*w6 + b3)",
    {"w1": 0.5, "w2": 0.3, "w3": -0.4, "w4": 0.8, "b1": 0.1, "b2": -0.2, "w5": 0.7, "w6": -0.6, "b3": 0.05},
)


def _gate(name: str, z: tuple[float, ...], fit: tuple[str, dict[str, float]], about: str) -> BuiltIn:
    return BuiltIn(name, {"x": (0.0, 0.0, 1.0, 1.0), "y": (0.0, 1.0, 0.0, 1.0), "z": z}, *fit, about)


_TABLES = (
    _gate("and", (0.0, 0.0, 0.0, 1.0), _NEURON, "1 where x and y both are; a neuron learns it"),
    _gate("or", (0.0, 1.0, 1.0, 1.0), _NEURON, "1 where x or y is; a neuron learns it"),
    _gate("nand", (1.0, 1.0, 1.0, 0.0), _NEURON, "0 where x and y both are 1; a neuron learns it"),
    _gate("xor", (0.0, 1.0, 1.0, 0.0), _NETWORK, "1 where x and y differ; it takes three neurons"),
    BuiltIn(
        "twice",
        {"x": (0.0, 1.0, 2.0, 3.0, 4.0), "y": (0.0, 2.0, 4.0, 6.0, 8.0)},
        "y ~ x*w",
        {"w": 0.0},
        "y is twice x; the smallest descent, along one parameter",
    ),
)
BUILT_IN: Mapping[str, BuiltIn] = MappingProxyType({table.name: table for table in _TABLES})
"""The built-in tables by name."""
