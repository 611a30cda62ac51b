"""Turn the first arguments of a command into a formula, a model or a saved model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import arguments, options
from steepest.messages.hints import nearest

if TYPE_CHECKING:
    from steepest.expressions.expression import Expression
    from steepest.models.model import Model
    from steepest.tables.built_in import BuiltIn
    from steepest.tables.table import Table


def is_saved(text: str) -> bool:
    """Return whether a word names a saved model: by its ending, or since there is such a file.

    Raises:
        click.UsageError: it is the name of a table.
    """
    found = arguments.is_file(text)
    if found and text.lower().endswith(arguments.TABLES):
        raise click.UsageError(f"{text} is a table; give a formula or a saved model as well")
    return text.endswith(".safetensors") or found


def columns_in(text: str, opened: Table) -> list[str]:
    """Return the names of a formula that are columns of a table."""
    from steepest.language.formula import names_in

    return [name for name in names_in(text, columns=opened.names) if name in opened.names]


def guessed_columns(text: str, wrt: Iterable[str] = ()) -> list[str]:
    """Return the names of a formula that are probably data, and say so on standard error.

    Raises:
        click.UsageError: all names on the right of a ``~`` would be data.
    """
    from steepest.language.formula import guess_data, names_in

    # A name before a bracket is a function, misspelt perhaps.
    columns = [name for name in guess_data(text, list(wrt)) if not re.search(rf"\b{re.escape(name)}\s*\(", text)]
    others = ", ".join(name for name in names_in(text) if name not in columns)
    if "~" in text and columns and not others:
        inside = names_in(text.partition("~")[2])
        raise click.UsageError(
            f"no name of the formula is one that parameters usually have, as w1, b or theta; say which of "
            f"{', '.join(inside)} are data with --data, as --data {inside[-1]}, or give a table with these columns"
        )
    if columns and others:
        options.tell(f"note: reading {', '.join(columns)} as data and {others} as parameters; change that with --data")
    return columns


def expression_of(
    formula: str, opened: Table | None = None, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> Expression:
    """Return the expression of a formula without a target; names that are columns of the table are data.

    Args:
        formula: the text.
        opened: the table, if there is one.
        shapes: the shapes of vectors and matrices by name; all other parameters are numbers.
    """
    from steepest.language.formula import names_in, parse

    columns = [] if opened is None else columns_in(formula, opened)
    names = names_in(formula)
    refuse_shapes(shapes or {}, names, columns)
    return parse(formula, columns, {name: (shapes or {}).get(name, ()) for name in names if name not in columns})


def refuse_shapes(shapes: Mapping[str, tuple[int, ...]], names: Sequence[str], columns: Sequence[str] = ()) -> None:
    """Raise a UsageError if shapes are given of what is not a parameter of a formula, or are too large."""
    from steepest.language.formula import LIMITS

    for name, shape in shapes.items():
        if name in columns:
            raise click.UsageError(f"--shape has {name!r}, which is a column of the table: one number in each row")
        if name not in names:
            raise click.UsageError(f"--shape has {name!r}, which is not in the formula{nearest(name, names)}")
        if prod(shape) > LIMITS.weights:
            raise click.UsageError(f"--shape {name}: more than {LIMITS.weights:,} numbers, the limit for a text")


def with_shapes_of(values: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return shapes with those of vectors and matrices that are given as values: ``v=[1,2]`` has the shape (2,)."""
    lists = {name: value for name, value in values.items() if isinstance(value, list)}
    found = {name: (len(v), len(v[0])) if isinstance(v[0], list) else (len(v),) for name, v in lists.items()}
    return {**found, **shapes}


def subject(
    formula: str, opened: Table | None, cost: str, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> Model | Expression:
    """Return the model or the expression that a word means; notes on its names go to standard error."""
    from steepest.language.columns import notes_on_spellings
    from steepest.language.formula import names_in
    from steepest.models.model import Model, load
    from steepest.objectives.diagnostics import notes_on_names

    if is_saved(formula):
        return load(formula)
    if opened is None:
        if "~" in formula:
            raise click.UsageError("a model needs its TABLE, with the columns that its formula names")
        return expression_of(formula, None, shapes)
    if "~" in formula:
        refuse_shapes(shapes or {}, names_in(formula), columns_in(formula, opened))
        model = Model(formula, cost, params=shapes)
        model.use(opened)
        options.warn(model.notes)
        return model
    expression = expression_of(formula, opened, shapes)
    options.note(notes_on_spellings(formula, columns_in(formula, opened)))
    options.warn(notes_on_names(expression, [name for name in opened.names if name not in expression.data]))
    return expression


def cost_of(
    text: str, cost: str, data: list[str] | None, wrt: Iterable[str] = (),
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> tuple[Expression, dict[str, Expression]]:  # fmt: skip
    """Return the expression of a formula, or the cost of a model, and the parts that the text names.

    Names that are data are guessed if they are not given; ``shapes`` has those of vectors and matrices.
    """
    from steepest.language.formula import names_in, parse_formula
    from steepest.objectives.costs import cost_named

    columns, sizes = guessed_columns(text, wrt) if data is None else data, dict(shapes or {})
    refuse_shapes(sizes, names_in(text))
    each = {name: sizes.get(name, ()) for name in dict.fromkeys([*names_in(text), *columns])}
    formula = parse_formula(
        text,
        data={name: each[name] for name in columns},
        params={name: shape for name, shape in each.items() if name not in columns} if sizes else None,
    )
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
