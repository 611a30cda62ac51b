"""The command line: thin commands over the library.

Data goes to standard output, everything else to standard error. Exit status: 0 fine, 1 the tool
found something (a wrong gradient, a descent that diverged), 2 bad usage or input, 101 our own fault.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import options
from steepest.cli.fit import fit
from steepest.cli.graphs import diagram, graph
from steepest.cli.options import BAD_INPUT, FOUND, INTERRUPTED, OUR_FAULT, READER_LEFT
from steepest.cli.output import check_json, print_json, show_check
from steepest.cli.paper import paper
from steepest.cli.plots import plot, surface
from steepest.cli.proofread import proofread
from steepest.cli.saved import evaluate, export, predict
from steepest.display.console import is_plain, prepare
from steepest.errors import SteepestError
from steepest.expressions.ascii import with_mark
from steepest.version import __version__

if TYPE_CHECKING:
    from steepest.expressions.expression import Expression


_EXAMPLES = """
steepest fit nand
steepest fit table.csv "y ~ a*x + b" --save model.safetensors
steepest predict model.safetensors new.csv
steepest derive "mean((x*w - y)^2)" --wrt w
steepest proofread notes.tex
"""


def run() -> None:
    """The entry point: runs a command and turns errors into sentences and exit statuses."""
    # Looked for before anything is parsed, since help and mistakes are printed before all options are read.
    prepare(plain=bool(os.environ.get("NO_UNICODE")) or "--no-unicode" in sys.argv[1:])
    try:
        status = main.main(prog_name="steepest", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        if isinstance(error, click.NoSuchOption) and len(error.option_name) == 2:
            click.echo("A formula that begins with a minus goes between brackets: '(-x^2)'.", err=True)
        sys.exit(BAD_INPUT)
    except SteepestError as error:
        # The library speaks of its arguments; here they are options.
        said = f"steepest: {error}"
        for argument, option in options.SPELT.items():
            said = said.replace(argument, option)
        click.echo(with_mark(said) if is_plain(sys.stderr.encoding) else said, err=True)
        sys.exit(BAD_INPUT)
    except SystemExit:
        # click and rich end so when the reader of a pipe has left; nothing more can be said to it.
        sys.exit(READER_LEFT)
    except Exception:
        import traceback

        traceback.print_exc()
        click.echo("steepest: this is a fault of steepest itself, not of your input; please report it", err=True)
        sys.exit(OUR_FAULT)
    sys.exit(status if isinstance(status, int) else 0)


@click.group(cls=options.Group, examples=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="steepest")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Write a cost as a formula: its gradient derived, checked, and descended."""
    ctx.default_map = options.configuration(main)


for _command in (fit, predict, evaluate, export, paper, graph, diagram, surface, plot, proofread):
    main.add_command(_command)


def _read_cost(text: str, cost: str, data: list[str] | None, wrt: list[str] | None = None) -> Expression:
    """The expression of a formula, the cost of a model; the names that are data are guessed if not given."""
    from steepest.language.formula import guess_data, names_in, parse_formula
    from steepest.objectives.costs import cost_named

    columns = data if data is not None else guess_data(text, wrt or [])
    formula = parse_formula(text, data=columns)
    if data is None and columns:
        others = [name for name in names_in(text) if name not in columns]
        click.echo(
            f"note: reading {', '.join(columns)} as data and {', '.join(others)} as parameters; --data says otherwise",
            err=True,
        )
    if formula.target is None:
        return formula.expression
    return cost_named(cost)(formula.expression, formula.target)


@main.command(
    examples="""
    steepest derive "mean((x*w - y)^2)" --wrt w
    steepest derive "z ~ sigmoid(x*w1 + y*w2 + b)" --wrt w1,w2,b --format latex
    steepest derive "x^2*exp(-x)" --wrt x --level full
    """
)
@click.argument("formula")
@click.option("--wrt", required=True, callback=options.names, metavar="NAME,…", help="The names to differentiate by.")
@click.option("--format", "form", type=click.Choice(["text", "latex", "markdown"]), default="text", show_default=True)
@click.option(
    "--level",
    type=click.Choice(["terse", "textbook", "full"]),
    default="terse",
    show_default=True,
    help="full has one rule a line; textbook takes 1/n out of a mean alone.",
)
@click.option("--data", callback=options.names, metavar="NAME,…", help="The names that are data, one value a sample.")
@options.cost
@options.as_json
def derive(
    formula: str, wrt: list[str], form: str, level: str, data: list[str] | None, cost: str, as_json: bool
) -> int:
    """Derive the partial derivatives of FORMULA line by line.

    FORMULA is an expression, or a model 'target ~ prediction' with a cost. Without sums over samples every
    name is a parameter; otherwise --data names the data.
    """
    from steepest.derivations.line_by_line import derive as by_rules

    expression = _read_cost(formula, cost, data, wrt)
    derivations = [by_rules(expression, name, level) for name in wrt]
    if as_json:
        print_json(
            {
                d.wrt: {
                    "result": str(d.result),
                    "steps": [{"before": str(s.before), "rule": s.rule, "after": str(s.after)} for s in d.steps],
                }
                for d in derivations
            }
        )
        return 0
    writers: dict[str, Callable[[Any], str]] = {
        "text": lambda d: d.text(plain=is_plain()),
        "latex": lambda d: d.latex(),
        "markdown": lambda d: d.markdown(),
    }
    click.echo("\n\n".join(writers[form](d) for d in derivations))
    return 0


@main.command(
    examples="""
    steepest check "mean((sigmoid(x*w1 + y*w2 + b) - z)^2)" nand --at w1=.3,w2=.6,b=.1
    steepest check "y ~ abs(x*w)" table.csv --at w=0
    """
)
@click.argument("formula")
@click.argument("table")
@options.assignments("--at", "Parameters at which to check.")
@options.cost
@click.option("--gradient", type=click.Choice(["backprop", "layerwise"]), default="backprop", show_default=True)
@options.seed
@options.na
@options.as_json
def check(
    formula: str,
    table: str,
    at: dict[str, float],
    cost: str,
    gradient: str,
    seed: int | None,
    na: str,
    as_json: bool,
) -> int:
    """Check the gradient of FORMULA on TABLE against finite differences, parameter by parameter.

    Exits 1 unless every partial derivative is correct.
    """
    from steepest.checking.gradient_check import check as check_gradient
    from steepest.language.formula import names_in, parse
    from steepest.models.model import Model
    from steepest.objectives.diagnostics import notes_on_names
    from steepest.tables.table import open_table
    from steepest.training.descent import initial

    opened = open_table(table)
    if "~" in formula:
        model = Model(formula, cost)
        model.use(opened)
        expression, notes = model.cost, model.notes
    else:
        expression = parse(formula, [name for name in names_in(formula) if name in opened.names])
        notes = notes_on_names(expression, [name for name in opened.names if name not in expression.data])
    for note in notes:
        click.echo(f"warning: {note}", err=True)
    if not expression.parameters:
        raise click.UsageError(f"every name of the formula is a column of {opened.source}; there is nothing to check")
    columns = opened.select(expression.data, na=na)
    point = initial(expression, at, seed or 0, "--at")
    report = check_gradient(expression, {**columns.arrays, **point}, method=gradient)
    if as_json:
        print_json({"ok": report.ok, "check": check_json(report), "at": point})
    else:
        show_check(report)
    return 0 if report.ok else FOUND


@main.command(examples='steepest tangent "2*x^2 + y^2" --at x=.5,y=.5 --move x=.1,y=.1')
@click.argument("formula")
@options.assignments("--at", "The point.", required=True)
@options.assignments("--move", "How far each name moves.", required=True)
@options.as_json
def tangent(formula: str, at: dict[str, float], move: dict[str, float], as_json: bool) -> int:
    """What a small move changes: along the tangent, and in truth."""
    from steepest.checking.tangent import tangent as at_point
    from steepest.language.formula import parse

    found = at_point(parse(formula), at, move)
    if as_json:
        fields = ("value", "partials", "terms", "estimate", "tangent_value", "change", "error", "path")
        print_json({field: getattr(found, field) for field in fields})
    else:
        click.echo(str(found))
    return 0


@main.command(
    examples="""
    steepest ops
    steepest ops sigmoid
    """
)
@click.argument("name", required=False)
@options.as_json
def ops(name: str | None, as_json: bool) -> int:
    """The table of operations: what a formula may use, with derivative, domain and source."""
    from steepest.expressions.listing import describe, find
    from steepest.expressions.operations import TABLE

    rows = [describe(row) for row in ([find(name)] if name else TABLE)]
    if as_json:
        print_json({"operations": rows})
        return 0
    from steepest.display.console import table

    legend = "r is the result; x̄ is the adjoint of x, the derivative of the cost by it"
    if name:
        texts = {key: ", ".join(value) if isinstance(value, list) else str(value) for key, value in rows[0].items()}
        table([[key, text] for key, text in texts.items() if text and key != "primitive"])
    else:
        table(
            [[row["written"], row["meaning"], "; ".join(row["derivatives"])] for row in rows],
            ["written", "meaning", "derivatives"],
        )  # fmt: skip
    click.echo(f"note: {legend}", err=True)
    return 0


@main.command(
    examples="""
    steepest bench --quick
    steepest bench --peer c-fast --epochs 1000000 --rounds 5
    """
)
@click.option("--epochs", type=int, help="Epochs per descent [default: 8,000,000; fewer for slow peers].")
@click.option("--rounds", type=int, default=3, show_default=True, help="How often each is timed, all in turn.")
@click.option("--peer", "peers", multiple=True, metavar="NAME", help="Compare with this peer only; may be repeated.")
@click.option("--quick", is_flag=True, help="A smoke test of seconds: 20,000 epochs, numbers that mean little.")
@options.as_json
def bench(epochs: int | None, rounds: int, peers: tuple[str, ...], quick: bool, as_json: bool) -> int:
    """Race the NAND neuron of the notes: gradient descent against finite differences, beside C, JAX and others.

    Takes up to a minute. The clock starts after a first call; what compiling and that call cost stands in a column
    of its own. Slow peers do fewer epochs. They are named on standard error, as is a peer that is left out because
    it is not installed or its final cost is not that of plain Python.
    """
    from steepest.bench.experiment import measure
    from steepest.bench.report import notes, show, watching

    with watching() as tell:
        found = measure(epochs, rounds, peers, quick, tell)
    if as_json:
        print_json(found.document())
    else:
        show(found)
        for sentence in notes(found):
            click.echo(f"note: {sentence}", err=True)
    return 0
