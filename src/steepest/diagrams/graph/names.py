"""Names for the nodes of a graph, and short forms of their values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.calculus.layers import find_layers
from steepest.display.labels import figure
from steepest.errors import PictureError
from steepest.expressions.expression import Expression, expect_expression

_LISTED = 3  # samples whose values are listed


def name_nodes(
    root: Expression, nodes: Collection[Expression], given: Mapping[str, Expression] | None
) -> dict[Expression, str]:
    """Return a name for every node: those given, a and z in layers, f or C for the root, v1, v2, … for all others."""
    inside = set(nodes)
    names = {node: node.name for node in nodes if node.is_leaf}
    taken = set(names.values())
    for name, node in (given or {}).items():
        expect_expression(node, "graph, for each of its names,")
        if node not in inside:
            raise PictureError(f"names has {name!r} for {node}, which is no part of the graph; leave it out")
        if name in taken and names.get(node) != name:
            raise PictureError(f"names has {name!r}, which is a name of the graph already; take another")
        if not node.is_leaf:
            names[node] = name
            taken.add(name)
    if root not in names:
        summed = not root.per_sample and any(node.operation.over_samples for node in nodes)
        usual = ("C", "J", "F") if summed else ("f", "F", "C")
        names[root] = next(name for name in (*usual, f"{usual[0]}(…)") if name not in taken)
        taken.add(names[root])
    for node, name in layer_names(root).items():
        if node in inside and node not in names and name not in taken:
            names[node] = name
            taken.add(name)
    unused = (name for k in count(1) if (name := f"v{k}") not in taken)
    return names | {node: next(unused) for node in nodes if node not in names}


def layer_names(root: Expression) -> dict[Expression, str]:
    """Return names for layers' activations, a1, a2, …, and for their arguments, z1, z2, …; a and z of only one."""
    layers = find_layers(root)
    found = {}
    for k, layer in enumerate(layers, start=1):
        digits = str(k) if len(layers) > 1 else ""
        found[layer.output] = f"a{digits}"
        if layer.total.args:
            found.setdefault(layer.total, f"z{digits}")
    return found


def summary(array: NDArray[Any], over_samples: bool = False) -> str:
    """Return a value in a few signs: a number; a few samples' numbers, or their range; else shape and norm."""
    if array.ndim == 0:
        return figure(float(array))
    if over_samples and array.size == len(array):
        array = array.reshape(-1)
        if len(array) <= _LISTED:
            return f"({', '.join(figure(float(v), 4) for v in array)})"
        low, high = float(array.min()), float(array.max())
        return figure(low) if low == high else f"{figure(low, 3)} … {figure(high, 3)}"
    if array.size == 1:
        return figure(float(array.reshape(())))
    shape = ", ".join(map(str, array.shape)) + ("," if array.ndim == 1 else "")
    return f"({shape}) ‖{figure(float(np.linalg.norm(array)), 4)}‖"
