"""Turn the first arguments of a command into a formula, a model or a saved model."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import options

if TYPE_CHECKING:
    from steepest.expressions.expression import Expression
    from steepest.models.model import Model
    from steepest.tables.built_in import BuiltIn
    from steepest.tables.table import Table


_LONGEST = 200  # letters of a path; a longer word is a formula
_TABLES = (".csv", ".tsv", ".txt", ".parquet")


def is_saved(text: str) -> bool:
    """Return whether a word names a saved model: by its ending, or since there is such a file.

    Raises:
        click.UsageError: it is the name of a table, which comes after the formula or model.
    """
    is_file = len(text) < _LONGEST and "~" not in text and os.path.isfile(text)
    if is_file and text.lower().endswith(_TABLES):
        raise click.UsageError(f"{text} is a table; name the formula or the saved model first, then the table")
    return text.endswith(".safetensors") or is_file


def columns_in(text: str, opened: Table) -> list[str]:
    """Return the names of a formula that are columns of a table."""
    from steepest.language.formula import names_in

    return [name for name in names_in(text, columns=opened.names) if name in opened.names]


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
    from steepest.language.columns import notes_on_spellings
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
    columns = columns_in(formula, opened)
    expression = parse(formula, columns)
    options.note(notes_on_spellings(formula, columns))
    options.warn(notes_on_names(expression, [name for name in opened.names if name not in expression.data]))
    return expression


def cost_of(
    text: str, cost: str, data: list[str] | None, wrt: Iterable[str] = ()
) -> tuple[Expression, dict[str, Expression]]:
    """Return the expression of a formula, or the cost of a model, and the parts that the text names.

    Names that are data are guessed if they are not given.
    """
    from steepest.language.formula import parse_formula
    from steepest.objectives.costs import cost_named

    formula = parse_formula(text, data=guessed_columns(text, wrt) if data is None else data)
    if formula.target is None:
        return formula.expression, formula.definitions
    return cost_named(cost)(formula.expression, formula.target), formula.definitions


def built_in_model(text: str) -> Model | None:
    """Return a built-in model such as ``chain 3``; None if the text does not name one."""
    from steepest import models

    kind, _, rest = text.strip().partition(" ")
    makers: dict[str, Any] = {"linear": models.linear, "neuron": models.neuron, "threshold_unit": models.threshold_unit}
    if kind in makers and not rest:
        made: Model = makers[kind]()
        return made
    if kind not in ("chain", "network"):
        return None
    try:
        sizes = [int(part) for part in rest.split(",")]
    except ValueError:
        sizes = []
    if kind == "network":
        return models.network(sizes)
    if len(sizes) != 1:
        raise click.UsageError(f"a chain has one length, as 'chain 3', not {rest!r}")
    return models.chain(sizes[0])


def built_in_table(text: str, saved: str = "a saved model") -> BuiltIn:
    """Return a built-in table, whose formula stands for a model; every other kind of model was tried before."""
    from steepest.tables.built_in import BUILT_IN

    if text not in BUILT_IN:
        raise click.UsageError(
            f"{text!r} is neither {saved} nor a formula 'target ~ prediction'; the built-in models are "
            f"linear, neuron, 'chain 3', 'network 2,3,1', {', '.join(BUILT_IN)}"
        )
    return BUILT_IN[text]
