"""Parameters that the data do not determine, as where a column has the same value in every row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.calculus.prepared import PreparedCost
from steepest.engines.step import Params
from steepest.messages import sentences
from steepest.training.derivatives import Derivatives
from steepest.training.ends import Examined, have, listed

_ROUND_OFF = 1e-12  # of the largest slope: a column that was standardised may be 1e-17 in place of 0
_SHOWN = 3  # names in a sentence


def constant_columns(data: Mapping[str, Any], names: Collection[str]) -> list[str]:
    """Return the columns that have one value in all of several rows; those of a block as X[2].

    Args:
        data: arrays of the columns, ``(rows, …)``.
        names: the columns to consider.

    >>> constant_columns({"x": np.full(3, 3.0), "X": np.array([[1, 2], [1, 3]])}, ["x", "X"])
    ['x', 'X[0]']
    """
    found = []
    for name in names:
        array = np.asarray(data[name])
        if array.ndim and len(array) > 1:
            same = (array == array[0]).all(axis=0)
            places = [place for place in np.ndindex(same.shape) if same[place]]
            found += [f"{name}[{', '.join(map(str, place))}]" if place else name for place in places]
    return found


def said_of(columns: Collection[str]) -> str:
    """Return the sentence about columns with one value; an empty text for none.

    >>> said_of(["x"])
    "the column 'x' has the same value in every row"
    """
    if not columns:
        return ""
    verb, noun = ("has", "column") if len(columns) == 1 else ("have", "columns")
    return f"the {noun} {sentences.listed(columns, _SHOWN)} {verb} the same value in every row"


def advice_on(prepared: PreparedCost, data: Mapping[str, Any], rows: int, params: Params, dead: Collection[str]) -> str:
    """Return what to do about parameters without effect, if columns with one value are why; else an empty text.

    They are if the parameters had an effect at the same point with other values in these columns.
    """
    columns = {name: constant_columns(data, [name]) for name in prepared.cost.data}
    found, revived = [], np.zeros(len(dead), bool)
    for name in filter(columns.__getitem__, columns):
        alive = _alive(prepared, {**data, name: _varied(np.asarray(data[name], np.float64))}, rows, params, dead)
        found += columns[name] if alive.any() else []
        revived |= alive
    return f"{said_of(found)}; leave the term out of the formula, or fix the parameter" if revived.all() else ""


def _varied(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an array with other values in the columns that have one."""
    same = (array == array[0]).all(axis=0)
    noise = np.random.default_rng(len(array)).standard_normal(array.shape)
    return np.where(same, array + noise * np.maximum(np.abs(array), 1.0), array)


@np.errstate(all="ignore")
def _alive(
    prepared: PreparedCost, data: Mapping[str, Any], rows: int, params: Params, labels: Collection[str]
) -> NDArray[np.bool_]:
    """Return which of some parameters change the cost of these columns."""
    whole, asked = Derivatives(prepared, data, rows), set(labels)
    slopes = np.abs(whole.gradient(whole.flat(params)))
    places = [k for k, label in enumerate(whole.labels) if label in asked]
    found: NDArray[np.bool_] = slopes[places] > _ROUND_OFF * slopes.max(initial=0.0)
    return found


def undetermined(examined: Examined, constant: str = "", advice: str = "") -> str:
    """Return the warning that some parameters are not determined; an empty text if all are.

    Args:
        examined: what the derivatives say.
        constant: the sentence about columns with one value, if there are any.
        advice: what to do about parameters that have no effect at any start.
    """
    if examined.separated and advice:
        return f"{listed(examined.dead)} {have(examined.dead)} no effect: {advice}"
    if examined.separated:
        return (
            f"the parameters {listed(examined.dead)} have no effect any more, as the classes are separated: larger "
            "values give the same cost"
        )
    if not examined.free:
        return ""
    return (
        f"the parameters {listed(examined.free)} are not determined, as other values of them together give the same "
        f"cost{constant and f', and {constant}'}; fix one, or leave a term out of the formula"
    )
