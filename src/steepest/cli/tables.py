"""Open the tables of commands, as their options say how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from steepest.cli.options import READING

if TYPE_CHECKING:
    from steepest.tables.table import Table

_OPENED = "steepest tables"


def opened(table: str) -> Table:
    """Return a table, read as ``--decimal``, ``--missing`` and the like say; once, as standard input ends."""
    from steepest.tables.table import open_table

    meta = click.get_current_context().meta
    known: dict[str, Table] = meta.setdefault(_OPENED, {})
    if table not in known:
        known[table] = open_table(table, **meta.get(READING, {}))
    return known[table]
