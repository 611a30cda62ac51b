"""The command ``minimise``: minimise or maximise any cost, with or without a table."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import options, tables
from steepest.cli.output import print_json, reasons_of, show_arrays, show_descent
from steepest.cli.subjects import expression_of, is_saved, with_shapes_of
from steepest.errors import CacheWarning, SteepestWarning

if TYPE_CHECKING:
    from steepest.calculus.prepared import PreparedCost
    from steepest.expressions.expression import Expression
    from steepest.tables.samples import Samples
    from steepest.tables.table import Table
    from steepest.training.descent import Descent

_RATE = 0.1  # of gradient descent
_ENDLESS = 1e100  # a cost beyond which a descent that does not converge follows a slope without end


@options.command("""
    steepest minimise "100*(y - x^2)^2 + (1 - x)^2" --start x=-1.2,y=1
    steepest minimise "x*exp(-x)" --maximise --start x=0.5 --json
    steepest minimise "mean(log(s) + ((x - m)/s)^2/2)" table.csv --start m=0,s=1 --bounds s=0.01:
    steepest minimise "sum((A @ v - u)^2) + sum(v^2)" --shape A=3x3,v=3,u=3 --optimiser adam
    steepest minimise "x^2 + 4*y^2" --start x=-4,y=2 --optimiser momentum -o path.svg
""")
@click.argument("formula")
@click.argument("table", required=False)
@options.starts("Parameters to start from: numbers, vectors [1,2], or ranges LOW:HIGH, from which the seed draws.")
@options.shapes
@click.option("--maximise", is_flag=True, help="Maximise instead.")
@options.named(
    "--optimiser",
    "training.optimisers:OPTIMISERS",
    "Update rule: {} [default: chosen by the cost; gradient-descent with --rate].",
)
@options.rate("Learning rate; auto finds one by a search [default: 0.1].")
@options.shown("--epochs", 1000, "Maximum number of updates.")
@options.intervals("--bounds", "Lowest and highest value of parameters; an end may be left out.")
@click.option("--restarts", type=int, metavar="K", help="Run K random starts and keep the best.")
@click.option("--tolerance", type=float, help="Stop when the relative change of the cost is below this.")
@click.option("--max-seconds", type=float, help="Stop after this time.")
@options.seed
@options.na
@options.reading
@click.option(
    "--plot/--no-plot", default=None, help="Plot cost against epoch [default: if the terminal is large enough]."
)
@options.output("Draw the cost with the path of the descent: .svg, .png, .pdf, .html, .tex.")
@options.as_json
def minimise(
    formula: str, table: str | None, start: dict[str, Any], shape: dict[str, tuple[int, ...]], seed: int | None,
    na: str, plot: bool | None, output: str | None, as_json: bool, **settings: Any,
) -> int:  # fmt: skip
    """Minimise FORMULA, any cost: a function of parameters, or over TABLE, as a negative log-likelihood.

    Names in the formula that are columns of TABLE are data, all others parameters; those without a start are drawn
    from the seed. A formula with columns needs a mean or total over the rows. Exits 1 if the descent diverged.
    """
    from steepest.calculus.prepared import PreparedCost

    if output:
        options.refuse_format(output)
    opened = None if table is None else tables.opened(table)
    cost = _cost(formula, opened, with_shapes_of(start, shape))
    samples = None if opened is None else _samples(cost, opened, na)
    prepared = PreparedCost(cost)
    settings["seed"] = seed or 0
    _refuse(prepared, start, settings)
    settings |= {"progress": False if as_json else None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SteepestWarning)
        warnings.simplefilter("default", CacheWarning)
        run = _minimised(prepared, samples, start, settings)
    if as_json:
        print_json(_document(formula, run, samples, settings))
    else:
        _show(cost, run, opened, samples, plot)
    if output:
        _draw(cost, samples, run, output)
    options.warn(run.warnings)
    if run.diverged or _is_endless(run):
        sort = "grows" if settings["maximise"] else "falls"
        endless = f"the cost {sort} beyond all numbers, to {run.cost:.3g}; change it, or give --bounds"
        options.tell(f"steepest: {run.message if run.diverged else endless}")
        return options.FOUND
    return options.INTERRUPTED if run.stop == "interrupted" else 0


def _cost(formula: str, opened: Table | None, shapes: dict[str, tuple[int, ...]]) -> Expression:
    """Return the cost that the formula means; notes on its names go to standard error."""
    from steepest.objectives.diagnostics import notes_on_names

    if "~" in formula:
        raise click.UsageError("minimise takes a cost, without '~'; 'steepest fit' fits a 'target ~ prediction'")
    if is_saved(formula):
        raise click.UsageError(f"{formula} is a file; minimise takes the formula of a cost, as 'mean((y - a*x)^2)'")
    cost = expression_of(formula, opened, shapes)
    if opened is not None:
        options.warn(notes_on_names(cost, [name for name in opened.names if name not in cost.data], what="cost"))
        if not cost.parameters:
            raise click.UsageError(
                f"every name of the formula is a column of {opened.source}; there is nothing to minimise"
            )
    if cost.per_sample:
        raise click.UsageError(
            "the formula has one value for each row; write its mean or total over the rows: 'mean(…)'"
        )
    return cost


def _is_endless(run: Descent) -> bool:
    """Return whether a descent that has not converged went beyond numbers that a cost with a minimum has."""
    return run.reason != "converged" and not abs(run.cost) < _ENDLESS


def _samples(cost: Expression, opened: Table, na: str) -> Samples | None:
    from steepest.objectives.diagnostics import rows_left_out

    if not cost.data:
        return None
    samples = opened.select(cost.data, na)
    if samples.dropped:
        options.tell(rows_left_out(samples.dropped, opened.rows))
    return samples


def _refuse(prepared: PreparedCost, start: dict[str, Any], settings: dict[str, Any]) -> None:
    """Raise if a start or a bound is not one of the cost, before anything is computed."""
    from steepest.messages.hints import nearest
    from steepest.objectives.diagnostics import refuse_flat
    from steepest.training.initialisers import initial

    parameters = prepared.cost.parameters
    for name in settings["bounds"]:
        if name not in parameters:
            raise click.UsageError(
                f"--bounds has {name!r}, which is not a parameter of the cost{nearest(name, parameters)}; its "
                f"parameters are {', '.join(parameters)}"
            )
    initial(prepared.cost, start, settings["seed"], "--start")
    refuse_flat(prepared, "cost", "minimised")


def _minimised(
    prepared: PreparedCost, samples: Samples | None, start: dict[str, Any], settings: dict[str, Any]
) -> Descent:
    """Minimise by the optimiser that was named, or by one that the cost chooses, which is then said."""
    from dataclasses import replace

    from steepest.models.attempts import minimised
    from steepest.training.choice import choose_optimiser

    if settings["optimiser"] is not None or settings["rate"] is not None:
        settings["rate"] = _RATE if settings["rate"] is None else settings["rate"]
        return minimised(prepared, samples, start, settings)
    rows = 1 if samples is None else samples.rows
    choice = choose_optimiser(prepared, rows, None, settings["maximise"])
    run = minimised(prepared, samples, start, {**settings, "optimiser": choice.optimiser, "rate": choice.rate})
    return replace(run, optimiser=choice.why)


def _show(cost: Expression, run: Descent, opened: Table | None, samples: Samples | None, plot: bool | None) -> None:
    from steepest.display.console import say
    from steepest.display.console import table as print_table

    rows = [["cost", str(cost)], ["optimiser", run.optimiser]]
    if opened is not None:
        count = opened.rows if samples is None else samples.rows
        rows.append(["table", f"{opened.source}, {count:,} row{'s'[count == 1 :]}"])
    print_table(rows)
    say()
    show_descent(run, plot)
    show_arrays(run.params)


def _draw(cost: Expression, samples: Samples | None, run: Descent, output: str) -> None:
    """Draw the cost over its parameters, or the main directions of the path, with the path."""
    from steepest import pictures

    pictures.surface(cost, None if samples is None else samples.arrays, paths=run).save(output)
    options.tell(f"written to {output}")


def _document(formula: str, run: Descent, samples: Samples | None, settings: dict[str, Any]) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    return {
        "formula": formula, "params": run.params, "cost": run.cost, "reason": run.reason, "stop": run.stop,
        "message": run.message, "epochs": run.epochs, "seconds": run.seconds, "engine": run.engine,
        "optimiser": run.optimiser, "newton_decrement": run.newton_decrement, "warnings": run.warnings,
        "maximise": settings["maximise"], "rows": None if samples is None else samples.rows,
        "dropped": None if samples is None else samples.dropped, "start": run.start, "seed": settings["seed"],
        "restarts": run.restarts, "reasons": reasons_of(run), "levels": [asdict(level) for level in run.levels or []],
    }  # fmt: skip
