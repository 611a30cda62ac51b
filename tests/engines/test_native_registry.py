"""The native engine's registries of primitives: every primitive has an entry in each form; unknown ones are named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest.engines.native.arrays import writer
from steepest.engines.native.functions import ELEMENTWISE
from steepest.engines.native.functions.elementwise import native
from steepest.engines.native.lanes.emitter import TENSORS
from steepest.engines.native.lanes.evaluation import Evaluation
from steepest.engines.native.lanes.primitives import SUMS
from steepest.engines.native.llvm.code import Value
from steepest.errors import DescentError
from steepest.expressions import operations as op
from steepest.expressions.expression import Operation, make

PRIMITIVES = [row for row in op.TABLE if row.is_primitive]


@pytest.mark.parametrize("row", PRIMITIVES, ids=lambda row: row.name)
def test_every_primitive_has_one_entry_in_each_form(row: Operation) -> None:
    lanes = [row.name in registry for registry in (ELEMENTWISE, TENSORS, SUMS)]
    arrays = [row.name in registry for registry in (ELEMENTWISE, writer.PRIMITIVES)]
    assert sum(lanes) == sum(arrays) == 1


def test_no_entry_is_of_another_operation() -> None:
    names = {row.name for row in PRIMITIVES}
    assert {*ELEMENTWISE, *TENSORS, *SUMS} - names == {"constant"}
    assert names >= writer.PRIMITIVES


@pytest.fixture
def cube() -> Iterator[Operation]:
    """Yield an elementwise operation that no backend knows, and forget its code afterwards."""
    row = op.TABLE[[each.name for each in op.TABLE].index("abs")]
    yield type(row)(**{**{name: getattr(row, name) for name in row.__dataclass_fields__}, "name": "cube"})
    ELEMENTWISE.pop("cube", None)


def evaluated(row: Operation, dtype: str = "float64") -> Any:
    x = st.data("x")
    values = np.array([1.0, -2, 3], dtype)
    (found,) = Evaluation([make(row, (x,))], dtype)({"x": values}, 3)
    return found


def test_an_operation_without_code_is_named(cube: Operation) -> None:
    with pytest.raises(DescentError, match=r"the native engine has no code for the operation 'cube'; .*@native"):
        evaluated(cube)


def test_one_registered_function_is_all_that_an_operation_takes(cube: Operation) -> None:
    @native("cube")
    def _cube(builder: Value, x: Value) -> Value:
        return builder.fmul(x, builder.fmul(x, x))

    np.testing.assert_array_equal(evaluated(cube), [1, -8, 27])
