"""Builders of common models: a line, a neuron, a threshold unit, a chain, a network."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from steepest.errors import ModelError, TableError
from steepest.expressions.expression import DATA, Shape, leaf
from steepest.expressions.printing import quoted
from steepest.language.formula import LIMITS, Limits
from steepest.messages.sentences import in_python
from steepest.messages.vocabulary import takes_aliases
from steepest.models.model import Model
from steepest.objectives.activations import Activation, function_of, written
from steepest.objectives.costs import Cost
from steepest.tables.feature_groups import DEFAULT, Features, resolve, spelt_out
from steepest.tables.labels import labelled, labels_in, say_classes
from steepest.tables.table import Table

_MOST_CLASSES = 1000  # whole numbers with more values are quantities, not classes
_FIRST = 100  # rows that decide whether a column has numbers or texts


def linear() -> Model:
    """Build y = x·w (row A2): data x, target y, parameter w.

    >>> linear().formula
    'y ~ x*w'
    """
    return Model("y ~ x*w", data=["x", "y"])


def _weighted_sum(inputs: Sequence[str]) -> str:
    if not inputs:
        raise ModelError("a neuron needs at least one input")
    taken = {"b", *(f"w{k}" for k in range(1, len(inputs) + 1))}
    for name in inputs:
        if name in taken:
            raise ModelError(f"the input {name!r} has the name of a parameter; rename the column")
    return " + ".join([*(f"{quoted(name)}*w{k}" for k, name in enumerate(inputs, start=1)), "b"])


def neuron(
    inputs: Sequence[str] = ("x", "y"), target: str = "z", activation: str = "sigmoid", cost: str = "mse"
) -> Model:
    """Build one neuron (row A3): parameters w1, …, wk for the inputs, and b.

    >>> neuron().formula
    'z ~ sigmoid(x*w1 + y*w2 + b)'
    """
    return Model(f"{quoted(target)} ~ {activation}({_weighted_sum(inputs)})", cost, data=[*inputs, target])


def threshold_unit(inputs: Sequence[str] = ("x", "y"), target: str = "z") -> Model:
    """Build a threshold logic unit (row D1): 1 if the weighted sum is at least 0; with gradient 0 it cannot be fitted.

    >>> threshold_unit().predict("and", params={"w1": 1, "w2": 1, "b": -2}).tolist()
    [0.0, 0.0, 0.0, 1.0]
    """
    return Model(f"{quoted(target)} ~ step({_weighted_sum(inputs)})", data=[*inputs, target])


def chain(depth: int, activation: str = "sigmoid", cost: str = "mse") -> Model:
    """Build a chain of neurons (rows B2, B3): data x, target y, parameters w1, b1, …, wm, bm.

    >>> chain(2).formula
    'y ~ sigmoid(sigmoid(x*w1 + b1)*w2 + b2)'
    """
    if depth < 1:
        raise ModelError(f"a chain has at least one neuron, not {depth}")
    text = "x"
    for k in range(1, depth + 1):
        text = f"{activation}({text}*w{k} + b{k})"
    return Model(f"y ~ {text}", cost, data=["x", "y"], limits=_limits_for(text, depth))


def _limits_for(text: str, depth: int) -> Limits:
    """Return limits that admit the text of a builder, however deep the model."""
    return Limits(max(LIMITS.characters, len(text) + 100), max(LIMITS.nesting, depth + 10))


@takes_aliases
def network(
    sizes: Sequence[int], activation: Activation | Sequence[Activation] = "tanh", output: Activation = "sigmoid",
    cost: str | Cost | None = None, *, target: str = "y", **settings: Any,
) -> Model:  # fmt: skip
    """Build a network of layers (rows D3, D4): data X of shape (n, d), a target, parameters W1 (d, h), b1 (h), ….

    Args:
        sizes: inputs, hidden layers, outputs: ``[2, 3, 1]``.
        activation: the activation of the hidden layers, or a list with one for each: the name of an elementwise
            operation (``"relu"``, ``"sin"``), a formula in one name (``"max(0.1*z, z)"``), an operation, or a function
            from an expression to one. All become part of the formula, so that they are saved with the model.
        output: activation of the last layer; ``"softmax"`` and ``"linear"`` too.
        cost: if left out, ``"cross_entropy"`` for outputs sigmoid and softmax, else ``"mse"``.
        target: the name of the target.
        settings: ``features``, ``weights``, ``class_weight``, ``l1`` and ``l2``, as for :class:`steepest.Model`.

    The target is one number per sample: with softmax the class, from 0. For several other outputs it has their shape.

    Raises:
        ModelError: a size is not a positive integer, or an activation is unknown.

    >>> model = network([2, 3, 1])
    >>> model.formula
    'y ~ sigmoid(tanh(X @ W1 + b1) @ W2 + b2)'
    >>> network([64, 32, 10], activation="z*sigmoid(z)", output="softmax").formula
    'z1 = X @ W1 + b1; y ~ softmax((z1*sigmoid(z1)) @ W2 + b2)'
    """
    if len(sizes) < 2 or any(not isinstance(size, int) or size < 1 for size in sizes):
        raise ModelError(
            f"sizes are the numbers of inputs, hidden neurons and outputs, as [2, 3, 1], not {in_python(sizes)}"
        )
    if target == "X":
        raise ModelError("the inputs are called X; give the target another name")
    each = [*_hidden(activation, len(sizes) - 2), output]
    before, text = "", "X"
    letter = "z_" if re.fullmatch(r"z\d+", target) else "z"
    shapes: dict[str, Shape] = {}
    for k, chosen in enumerate(each, start=1):
        definition, text = written(chosen, f"{text} @ W{k} + b{k}", f"{letter}{k}", output=k == len(each))
        before += definition
        shapes |= {f"W{k}": (sizes[k - 1], sizes[k]), f"b{k}": (sizes[k],)}
    if target in shapes:
        raise ModelError(f"the target {target!r} has the name of a parameter; rename the column")
    last = function_of(output, True)(leaf(DATA, "z", (sizes[-1],))).operation.name
    wide = () if last == "softmax" or sizes[-1] == 1 else (sizes[-1],)
    named = cost or ("cross_entropy" if last in ("sigmoid", "softmax") else "mse")
    data = {"X": (sizes[0],), target: wide}
    limits = _limits_for(before + text, len(sizes))
    return Model(f"{before}{quoted(target)} ~ {text}", named, data, shapes, limits, **settings)


def network_for(
    table: Table, target: str, layers: Sequence[int], activation: Activation | Sequence[Activation] = "tanh",
    output: str = "auto", cost: str | Cost | None = None, *, features: Features | None = None, **settings: Any,
) -> Model:  # fmt: skip
    """Build a network that predicts a column of a table from others: all numeric ones unless features are given.

    The layers are the hidden ones. Words in the target are classes, sorted. The output ``"auto"`` is sigmoid if the
    target is 0 or 1, softmax if it has all class numbers from 0 to at most 999, else linear. For the rest see
    :func:`network`.

    >>> from steepest.tables.table import open_table
    >>> network_for(open_table("xor"), "z", [2]).formula
    'z ~ sigmoid(tanh(X @ W1 + b1) @ W2 + b2)'
    """
    labels = labels_in(table, target)
    say_classes(target, labels)
    table = labelled(table, target, labels) if labels else table
    values = table.select([target], na="drop").arrays[target]
    classes = np.unique(values)
    chosen = output
    if output == "auto":
        whole = values.ndim == 1 and len(classes) <= _MOST_CLASSES and np.array_equal(classes, np.arange(len(classes)))
        chosen = "linear" if not whole or len(classes) < 2 else "sigmoid" if len(classes) == 2 else "softmax"
    last = int(classes[-1]) + 1 if chosen == "softmax" else 1
    taken = {target, str(settings.get("weights"))}
    chosen_columns = _numeric(table, taken) if features is None else features
    block = resolve(spelt_out(chosen_columns), table, [DEFAULT, target], taken)[DEFAULT]
    sizes = [len(block), *layers, last]
    model = network(sizes, activation, chosen, cost, target=target, features=list(block), **settings)
    model.classes = labels
    return model


def _numeric(table: Table, taken: Collection[str]) -> list[str]:
    """Return the columns whose first rows are numbers, except those taken."""
    found = []
    for name in table.names:
        try:
            first = table.part(0, min(table.rows, _FIRST), [name]).read(name)
        except TableError:
            continue
        if name not in taken and first.ndim == 1:
            found.append(name)
    if not found:
        raise TableError(f"{table.source}: no column but {', '.join(sorted(taken))} has numbers; there are no inputs")
    return found


def _hidden(activation: Activation | Sequence[Activation], layers: int) -> list[Activation]:
    """Return the activation of each hidden layer."""
    if isinstance(activation, str) or not isinstance(activation, Sequence):
        return [activation] * layers
    if len(activation) != layers:
        raise ModelError(f"there are {layers} hidden layers but {len(activation)} activations; give one for each layer")
    return list(activation)
