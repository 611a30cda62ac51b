"""What a table's errors say, for the tests of tables and frames."""

from __future__ import annotations

from typing import Any

import pytest

from steepest.errors import TableError
from steepest.tables.table import open_table


def message(source: Any, *names: str, na: str = "error") -> str:
    """What the error says when the columns named are read from the source; every such error is one line."""
    with pytest.raises(TableError) as caught:
        open_table(source).select(names, na)
    said = str(caught.value)
    assert "\n" not in said
    return said
