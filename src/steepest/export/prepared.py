"""Prepare a model for export: its stable prediction in primitives, with the values of its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from steepest.calculus.layers import find_layers
from steepest.calculus.program import Program, lower
from steepest.calculus.stability import stabilise
from steepest.engines import DTYPES, evaluate
from steepest.errors import ModelError
from steepest.expressions.expression import (
    CONSTANT,
    DATA,
    PARAMETER,
    Expression,
    Shape,
    check_names,
    constant,
    leaf,
    leaves,
    substitute,
    toposort,
)
from steepest.expressions.operations import count
from steepest.tables.values import fit_shape, number_array

if TYPE_CHECKING:
    from steepest.objectives.specification import Specification

Array = NDArray[Any]


@dataclass(frozen=True)
class Prepared:
    """A prediction ready to be written in another language.

    Attributes:
        name: the prefix of generated functions.
        formula: the formula as written.
        program: the prediction as primitives.
        columns: the data columns, in reading order.
        values: an array of ``dtype`` for every parameter of the program, in its shape.
        dtype: ``"float64"`` or ``"float32"``.
        layers: the nodes of the program that are layers; see :func:`steepest.calculus.layers.find_layers`.
        blocks: the columns of each feature group.
        meanings: formula text of each parameter of the program that was computed from those of the model.
    """

    name: str
    formula: str
    program: Program
    columns: tuple[Expression, ...]
    values: Mapping[str, Array]
    dtype: str
    layers: tuple[Expression, ...]
    blocks: Mapping[str, Sequence[str]]
    meanings: Mapping[str, str]

    @property
    def output(self) -> Expression:
        """The node of the program that holds the prediction."""
        return self.program.outputs[0]

    @property
    def shape(self) -> Shape:
        """The shape of one sample's prediction; one output of a network is a number, as in ``Model.predict``."""
        return () if self.output.shape == (1,) else self.output.shape

    @property
    def params(self) -> tuple[Expression, ...]:
        """The leaves of the program that have values."""
        return tuple(node for node in self.program.nodes if node.operation is PARAMETER)


def prepare(model: Specification, dtype: str, name: str = "model", fold: bool = True) -> Prepared:
    """Convert a model's prediction to the form that every format writes.

    Args:
        model: fitted, or with parameters set by hand.
        dtype: the precision of the numbers that are written.
        name: the prefix of generated functions.
        fold: whether parts without data columns are replaced by their values, or only parts without parameters.

    Raises:
        ModelError: the model is not fitted, or its prediction cannot be computed sample by sample.
    """
    if dtype not in DTYPES:
        raise ModelError(f"there is no dtype {dtype!r}; the precisions are {' and '.join(DTYPES)}")
    if model.run is not None and model.run.diverged and model.params == model.run.params:
        raise ModelError(f"nothing is exported: {model.run.message}")
    prediction = model.prediction
    check_names([prediction])
    refuse_samples(prediction)
    values = fitted(model, prediction, dtype)
    stable = stabilise([prediction])[prediction]
    meanings: dict[str, str] = {}
    root, values = _folded(stable, values, dtype, meanings, _shared([stable]) if fold else _unnamed([stable]))
    columns = tuple(node for node in leaves([prediction]) if node.operation is DATA)
    program = lower([root])
    layers = lower([root, *(layer.output for layer in find_layers(root))]).outputs[1:]
    return Prepared(name, model.formula, program, columns, values, dtype, layers, model.blocks, meanings)


def refuse_samples(prediction: Expression) -> None:
    """Raise unless a prediction depends on the columns of one sample alone.

    Raises:
        ModelError: it contains no column, or an operation over all samples.
    """
    for node in toposort([prediction]):
        if node.operation.over_samples or node.operation is count:
            raise ModelError(
                f"the prediction holds {node.operation.name}, which needs all samples at once, and an exported model "
                "predicts each sample by itself; put a parameter or the number in its place"
            )
    if not prediction.per_sample:
        raise ModelError(
            f"the prediction {prediction!s} holds no data column, so it is one number for all samples and there is "
            "nothing to export; name a column of the table in the formula"
        )


def fitted(model: Specification, root: Expression, dtype: str) -> dict[str, Array]:
    """Return the values of the parameters in an expression, in their shapes.

    Raises:
        ModelError: a parameter has no value.
    """
    values = {}
    for node in leaves([root]):
        if node.operation is PARAMETER:
            if node.name not in model.params:
                raise ModelError(
                    f"the parameter {node.name!r} has no value yet; fit the model, or set model.params, and export then"
                )
            values[node.name] = fit_shape(
                node.name, number_array(node.name, model.params[node.name], dtype), node.shape
            )
    return values


def _shared(roots: Sequence[Expression]) -> set[Expression]:
    return {node for node in toposort(roots) if not node.per_sample}


def _unnamed(roots: Sequence[Expression]) -> set[Expression]:
    """Return the nodes that contain numbers alone."""
    found: set[Expression] = set()
    for node in toposort(roots):
        if not node.name and found.issuperset(node.args):
            found.add(node)
    return found


def _folded(
    root: Expression, values: dict[str, Array], dtype: str, meanings: dict[str, str], known: set[Expression]
) -> tuple[Expression, dict[str, Array]]:
    """Replace maximal known parts by their values, computed by the reference engine."""
    parts = [node for node in toposort([root], stop=known.__contains__) if node in known and node.args]
    if not parts:
        return root, values
    found = evaluate(dict(zip(parts, parts, strict=True)), values, dtype)
    leaf_of: dict[Expression, Expression] = {}
    for node in parts:
        if node.shape or leaves([node]):
            name = _free(f"part {len(meanings) + 1}", {*values, *root.data, *root.parameters})
            leaf_of[node] = leaf(PARAMETER, name, node.shape)
            values[name] = np.asarray(found[node], dtype)
            text = str(node)
            meanings[name] = text if len(text) <= 200 else text[:199] + "…"
        else:
            leaf_of[node] = constant(found[node])
    result = substitute(root, leaf_of)
    kept = set(result.parameters)
    return result, {name: value for name, value in values.items() if name in kept}


def _free(wanted: str, taken: set[str]) -> str:
    found, k = wanted, 1
    while found in taken:
        k += 1
        found = f"{wanted} {k}"
    return found


def constant_value(node: Expression, dtype: str) -> float:
    """Return the value of a constant, rounded to the dtype."""
    assert node.operation is CONSTANT
    with np.errstate(over="ignore"):
        return float(np.dtype(dtype).type(node.value))


def require(program: Program, primitives: Mapping[str, Any], language: str) -> None:
    """Raise unless a language supports every primitive of a program.

    Raises:
        ModelError: it lacks one; the message names both.
    """
    for node in program.nodes:
        name = node.operation.name
        if node.args and name not in primitives:
            raise ModelError(
                f"the operation {name!r} has no form in {language}; register one, or choose another format"
            )
