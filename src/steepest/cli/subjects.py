"""Turn the first arguments of a command into a formula, a model or a saved model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from steepest.cli import options

if TYPE_CHECKING:
    from steepest.expressions.expression import Expression
    from steepest.models.model import Model
    from steepest.tables.table import Table


def is_saved(text: str) -> bool:
    """Return whether a word names a saved model: by its ending, or since there is such a file."""
    return text.endswith(".safetensors") or (len(text) < 200 and "~" not in text and Path(text).is_file())


def columns_in(text: str, opened: Table) -> list[str]:
    """Return the names of a formula that are columns of a table."""
    from steepest.language.formula import names_in

    return [name for name in names_in(text) if name in opened.names]


def guessed_columns(text: str, wrt: Iterable[str] = ()) -> list[str]:
    """Return the names of a formula that are probably data, and say so on standard error."""
    from steepest.language.formula import guess_data, names_in

    # A name before a bracket is a function, misspelt perhaps.
    columns = [name for name in guess_data(text, list(wrt)) if not re.search(rf"\b{re.escape(name)}\s*\(", text)]
    others = ", ".join(name for name in names_in(text) if name not in columns)
    if columns and others:
        options.tell(f"note: reading {', '.join(columns)} as data and {others} as parameters; change that with --data")
    return columns


def subject(formula: str, opened: Table | None, cost: str) -> Model | Expression:
    """Return the model or the expression that a word means; notes on its names go to standard error."""
    from steepest.language.formula import parse
    from steepest.models.model import Model, load
    from steepest.objectives.diagnostics import notes_on_names

    if is_saved(formula):
        return load(formula)
    if opened is None:
        if "~" in formula:
            raise click.UsageError("a model needs its TABLE, with the columns that its formula names")
        return parse(formula)
    if "~" in formula:
        model = Model(formula, cost)
        model.use(opened)
        options.warn(model.notes)
        return model
    expression = parse(formula, columns_in(formula, opened))
    options.warn(notes_on_names(expression, [name for name in opened.names if name not in expression.data]))
    return expression
