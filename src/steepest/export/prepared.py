"""Prepare a model for export: its stable prediction in primitives with parameter values, and what formats share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from steepest.calculus.layers import find_layers
from steepest.calculus.program import Program, lower
from steepest.calculus.stability import stabilise
from steepest.engines import DTYPES, evaluate
from steepest.errors import ModelError
from steepest.export.names import unused
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
from steepest.expressions.printing import COMPARISON, PRODUCT, SUM, Template, infix
from steepest.tables.standardised import Scale
from steepest.tables.values import fit_shape, number_array

if TYPE_CHECKING:
    from steepest.objectives.specification import Specification

Array = NDArray[Any]
_COMPARISONS = {
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
}  # fmt: skip
INFIX = {
    "add": infix(" + ", SUM), "subtract": infix(" - ", SUM),
    "multiply": infix(" * ", PRODUCT), "divide": infix(" / ", PRODUCT),
    **{name: Template(f"{{0}} {sign} {{1}}", COMPARISON, (SUM, SUM)) for name, sign in _COMPARISONS.items()},
}  # fmt: skip
"""The primitives that C and Python write alike."""


@dataclass(frozen=True)
class Prepared:
    """A prediction ready to be written in another language."""

    name: str  # the prefix of generated functions
    formula: str  # as written
    program: Program  # the prediction as primitives
    columns: tuple[Expression, ...]  # in reading order
    values: Mapping[str, Array]  # of ``dtype``, for every parameter of the program, in its shape
    dtype: str  # ``"float64"`` or ``"float32"``
    layers: tuple[Expression, ...]  # those nodes of the program; see :func:`steepest.calculus.layers.find_layers`
    blocks: Mapping[str, Sequence[str]]  # the columns of each feature group
    meanings: Mapping[str, str]  # formula text of each parameter that was computed from those of the model

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
    """Convert a model's prediction to the form that every format writes, or raise a ModelError.

    ``fold`` replaces all parts without data columns by their values, not only those without parameters.
    """
    if dtype not in DTYPES:
        raise ModelError(f"there is no dtype {dtype!r}; the precisions are {' and '.join(DTYPES)}")
    if model.run is not None and model.run.diverged and model.params == model.run.params:
        raise ModelError(f"nothing is exported: {model.run.message}")
    prediction = model.prediction
    check_names([prediction])
    refuse_samples(prediction)
    values = fitted(model, prediction, dtype)
    if model.scales:
        prediction, extra = with_scales(prediction, model.target, model.scales)
        values |= {name: number_array(name, value, dtype) for name, value in extra.items()}
    stable = stabilise([prediction])[prediction]
    meanings: dict[str, str] = {}
    root, values = _folded(stable, values, dtype, meanings, _known(stable, fold))
    columns = tuple(node for node in leaves([prediction]) if node.operation is DATA)
    program = lower([root])
    layers = lower([root, *(layer.output for layer in find_layers(root))]).outputs[1:]
    return Prepared(name, model.formula, program, columns, values, dtype, layers, model.blocks, meanings)


def with_scales(
    prediction: Expression, target: Expression, scales: Mapping[str, Scale]
) -> tuple[Expression, dict[str, Array]]:
    """Return the prediction of a model with standardised columns from columns in their own units.

    Args:
        prediction, target: the two sides of the formula, for standardised columns.
        scales: the scale of each of those columns.

    Returns:
        The prediction with (x − mean) / deviation in place of each input x with a scale, times the deviation of the
        target plus its mean; and the values of the parameters that hold the means and deviations of feature groups.
    """
    taken = {*prediction.data, *prediction.parameters}
    values: dict[str, Array] = {}
    replaced = {}
    for node in leaves([prediction]):
        scale = scales.get(node.name) if node.operation is DATA else None
        if scale is None:
            continue
        parts = []
        for what, number in (("mean", scale.mean), ("deviation", scale.deviation)):
            if node.shape:
                name = unused(f"{node.name}_{what}", {*taken, *values})
                values[name] = number
                parts.append(leaf(PARAMETER, name, node.shape))
            else:
                parts.append(constant(float(number)))
        replaced[node] = (node - parts[0]) / parts[1]
    found = substitute(prediction, replaced)
    own = scales.get(target.name)
    return (found if own is None else found * float(own.deviation) + float(own.mean)), values


def refuse_samples(prediction: Expression) -> None:
    """Raise a ModelError unless a prediction depends on the columns of one sample alone."""
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
    """Return the values of the parameters in an expression, in their shapes; raise a ModelError if one has none."""
    values = {}
    for node in leaves([root]):
        name = node.name
        if node.operation is PARAMETER:
            if name not in model.params:
                raise ModelError(
                    f"the parameter {name!r} has no value yet; fit the model, or set model.params, and export then"
                )
            values[name] = fit_shape(name, number_array(name, model.params[name], dtype), node.shape)
    return values


def _known(root: Expression, fold: bool) -> set[Expression]:
    """Return the nodes without data columns if ``fold``, else those of numbers alone."""
    found: set[Expression] = set()
    for node in toposort([root]):
        if (fold and not node.per_sample) or (not node.name and found.issuperset(node.args)):
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
            name = unused(f"part {len(meanings) + 1}", {*values, *root.data, *root.parameters}, " ")
            leaf_of[node] = leaf(PARAMETER, name, node.shape)
            values[name] = np.asarray(found[node], dtype)
            text = str(node)
            meanings[name] = text if len(text) <= 200 else text[:199] + "…"
        else:
            leaf_of[node] = constant(found[node])
    result = substitute(root, leaf_of)
    kept = set(result.parameters)
    return result, {name: value for name, value in values.items() if name in kept}


def constant_value(node: Expression, dtype: str) -> float:
    """Return the value of a constant, rounded to the dtype."""
    assert node.operation is CONSTANT
    with np.errstate(over="ignore"):
        return float(np.dtype(dtype).type(node.value))


def wrapped(texts: Iterable[str], width: int) -> list[str]:
    """Return texts, each with a comma after it, on lines of about this width."""
    lines = [""]
    for text in texts:
        if len(lines[-1]) + len(text) > width:
            lines.append("")
        lines[-1] += f"{text}, "
    return [line.rstrip() for line in lines]


def is_comparison(form: object) -> bool:
    """Return whether a primitive is written as a comparison, whose value is boolean."""
    return isinstance(form, Template) and form.level == COMPARISON


def require(program: Program, primitives: Mapping[str, Any], language: str) -> None:
    """Raise a ModelError unless a language supports every primitive of a program."""
    for node in program.nodes:
        name = node.operation.name
        if node.args and name not in primitives:
            raise ModelError(
                f"the operation {name!r} has no form in {language}; register one, or choose another format"
            )
