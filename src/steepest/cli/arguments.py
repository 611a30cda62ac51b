"""Recognise which of two arguments is the table and which the formula or the saved model, in either order."""

from __future__ import annotations

import os
import re
from enum import IntEnum

import click

_LONGEST = 200  # letters of a path; a longer word is a formula
TABLES = (".csv", ".tsv", ".txt", ".parquet")
"""Endings of the names of tables."""

_SUBJECTS = ("formula", "model")  # the arguments that commands take besides TABLE


class Kind(IntEnum):
    """What an argument is: from a formula or a model for sure to a table for sure."""

    SUBJECT = 0
    NAME = 1  # of a target, a column, a parameter, or of a file that is missing
    FILE = 2  # of no known ending
    BUILT_IN = 3
    TABLE = 4


def is_file(text: str) -> bool:
    """Return whether a word names a file; with a ``~`` it is a formula."""
    return len(text) < _LONGEST and "~" not in text and os.path.isfile(text)


def kind_of(text: str) -> Kind:
    """Return what an argument is, without reading a table.

    >>> kind_of("y ~ a*x"), kind_of("data.csv"), kind_of("nand"), kind_of("digit")
    (<Kind.SUBJECT: 0>, <Kind.TABLE: 4>, <Kind.BUILT_IN: 3>, <Kind.NAME: 1>)
    """
    from steepest.tables.built_in import BUILT_IN

    if "~" in text or text.endswith(".safetensors") or (is_file(text) and _is_model(text)):
        return Kind.SUBJECT
    if text == "-" or text.lower().endswith(TABLES) or re.match(r"[A-Za-z][A-Za-z0-9+.]*://", text):
        return Kind.TABLE
    if text in BUILT_IN:
        return Kind.BUILT_IN
    if is_file(text):
        return Kind.FILE
    return Kind.NAME if re.fullmatch(r"[\w./\\-]*\w", text) and not text[0].isdigit() else Kind.SUBJECT


def in_order(ctx: click.Context, command: click.Command) -> None:
    """Exchange the arguments TABLE and FORMULA, or MODEL, if they were given in the other order.

    Two that may be tables stay as they are: a column may be called like a built-in table.

    Raises:
        click.UsageError: both are files, and neither says what it is.
    """
    names = [param.name for param in command.params if isinstance(param, click.Argument)]
    found = [name for name in names if name in _SUBJECTS]
    if "table" not in names or not found:
        return
    place = str(found[0])
    subject, table = ctx.params.get(place), ctx.params.get("table")
    if not isinstance(subject, str) or not isinstance(table, str):
        return
    kinds = kind_of(subject), kind_of(table)
    if kinds == (Kind.FILE, Kind.FILE):
        raise click.UsageError(
            f"{subject} and {table} are both files, so it is not clear which is the table; write a formula in "
            f"brackets, as '({subject})', or rename the table to end in .csv",
            ctx,
        )
    if kinds[0] >= Kind.FILE and kinds[1] <= Kind.NAME:
        ctx.params[place], ctx.params["table"] = table, subject


def _is_model(path: str) -> bool:
    """Return whether a file begins as a file of tensors does: the length of its header, and a dict in JSON."""
    try:
        with open(path, "rb") as file:
            begin = file.read(9)
    except OSError:
        return False
    return len(begin) == 9 and begin[8:] == b"{" and int.from_bytes(begin[:8], "little") < 1 << 32
