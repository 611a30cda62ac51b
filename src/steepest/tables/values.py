"""Convert values for the names in an expression to arrays of the right shapes, or raise an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest.errors import ValuesError
from steepest.expressions.expression import DATA, Expression, check_names
from steepest.messages.hints import nearest
from steepest.messages.sentences import counted

Array = NDArray[Any]


@dataclass(frozen=True)
class Bound:
    """Arrays for the data columns ``(rows, …)`` and the parameters of expressions.

    ``single`` is true if every data column was given as one sample's value without a sample axis.
    """

    data: dict[str, Array]
    params: dict[str, Array]
    rows: int
    single: bool

    @property
    def arrays(self) -> dict[str, Array]:
        """Data and parameters together."""
        return {**self.data, **self.params}


def number_array(name: str, value: ArrayLike, dtype: str) -> Array:
    """Return a value as an array of numbers; errors contain its name."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf" and not (array.dtype.kind == "c" and np.dtype(dtype).kind == "c"):
            # Decimals and fractions are accepted. NumPy alone would also convert None to NaN and parse strings.
            numbers = array.dtype == object and all(isinstance(item, SupportsFloat) for item in array.flat)
            array = array.astype(np.float64) if numbers else np.asarray(None)
    except (TypeError, ValueError, OverflowError):
        array = np.asarray(None)
    if array.dtype == object:
        raise ValuesError(f"the value of {name!r} is not a number or an array of numbers; give it as floats")
    with np.errstate(over="ignore"):  # values beyond the range of float32 become ∞, as in arithmetic
        return array.astype(dtype)


def bind(roots: Iterable[Expression], values: Mapping[str, ArrayLike], dtype: str = "float64") -> Bound:
    """Return arrays of a precision for every name in the expressions; values of other names are ignored."""
    data: dict[str, Array] = {}
    params: dict[str, Array] = {}
    lengths: dict[str, int] = {}
    for leaf in check_names(roots):
        if leaf.name not in values:
            kind = "data column" if leaf.operation is DATA else "parameter"
            raise ValuesError(f"no value given for the {kind} {leaf.name!r}{nearest(leaf.name, values)}")
        array = number_array(leaf.name, values[leaf.name], dtype)
        if leaf.operation is not DATA:
            params[leaf.name] = fit_shape(leaf.name, array, leaf.shape)
        elif array.shape == leaf.shape:
            data[leaf.name] = array
        elif array.ndim == len(leaf.shape) + 1 and array.shape[1:] == leaf.shape:
            data[leaf.name] = array
            lengths[leaf.name] = len(array)
        else:
            raise ValuesError(
                f"the data column {leaf.name!r} has the shape {array.shape}, expected "
                f"{_with_rows(leaf.shape)}; the first length is the number of samples"
            )
    rows = _common(lengths)
    for name, array in data.items():
        if name not in lengths:
            data[name] = np.broadcast_to(array, (rows, *array.shape))
    return Bound(data, params, rows, single=bool(data) and not lengths)


def fit_shape(name: str, array: Array, shape: tuple[int, ...]) -> Array:
    """Return a parameter's value in its shape: a number is broadcast, lengths of 1 may be left out."""
    if array.shape == shape:
        return array
    if array.ndim == 0:
        return np.full(shape, array)
    if [d for d in array.shape if d != 1] == [d for d in shape if d != 1]:
        return array.reshape(shape)
    raise ValuesError(f"the parameter {name!r} has the shape {array.shape}, expected {shape}")


def _with_rows(shape: tuple[int, ...]) -> str:
    return f"({', '.join(['n', *map(str, shape)])}{'' if shape else ','})"


def _common(lengths: Mapping[str, int]) -> int:
    if not lengths:
        return 1
    (first, rows), *others = lengths.items()
    for name, length in others:
        if length != rows:
            raise ValuesError(
                f"the data columns {first!r} and {name!r} have {rows} and {counted(length, 'sample')}; give each "
                "the same number"
            )
    if rows == 0:
        raise ValuesError("the data columns hold no samples; at least one is needed")
    return rows
