"""The command line: thin commands over the library.

Data goes to standard output, everything else to standard error. Exit status: 0 fine, 1 the tool
found something (a wrong gradient, a descent that diverged), 2 bad usage or input, 101 an internal error.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import TextIO

import click

from steepest.cli import options
from steepest.cli.bench import bench
from steepest.cli.derivatives import check, derive, ops, tangent
from steepest.cli.fit import fit
from steepest.cli.graphs import diagram, graph
from steepest.cli.options import BAD_INPUT, INTERNAL_ERROR, INTERRUPTED, READER_LEFT
from steepest.cli.paper import paper
from steepest.cli.plots import plot
from steepest.cli.proofread import proofread
from steepest.cli.saved import evaluate, export, predict
from steepest.cli.surface import surface
from steepest.display.console import is_plain, prepare
from steepest.errors import SteepestError
from steepest.expressions.ascii import with_mark
from steepest.version import __version__

_EXAMPLES = """
steepest fit nand
steepest fit table.csv "y ~ a*x + b" --save model.safetensors
steepest predict model.safetensors new.csv
steepest derive "mean((x*w - y)^2)" --wrt w
steepest proofread notes.tex
"""


def run() -> None:
    """Run a command, print errors as sentences, and exit with a status."""
    # Set before anything is parsed, because help and usage errors are printed before all options are read.
    prepare(plain=bool(os.environ.get("NO_UNICODE")) or "--no-unicode" in sys.argv[1:])
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            status = main.main(prog_name="steepest", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        if isinstance(error, click.NoSuchOption) and len(error.option_name) == 2:
            click.echo("Put a formula that begins with a minus in brackets: '(-x^2)'.", err=True)
        sys.exit(BAD_INPUT)
    except SteepestError as error:
        # The library names its arguments; on the command line they are options.
        said = f"steepest: {error}"
        for argument, option in options.SPELT.items():
            said = said.replace(argument, option)
        click.echo(with_mark(said) if is_plain(sys.stderr.encoding) else said, err=True)
        sys.exit(BAD_INPUT)
    except SystemExit:
        # click and rich raise this when the reader of a pipe has closed it.
        sys.exit(READER_LEFT)
    except Exception:
        import traceback

        traceback.print_exc()
        click.echo("steepest: this is a bug in steepest, not in your input; please report it", err=True)
        sys.exit(INTERNAL_ERROR)
    sys.exit(status if isinstance(status, int) else 0)


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
    line: str | None = None,
) -> None:  # fmt: skip
    """Print a warning as a sentence, without the line of code that it comes from."""
    options.warn([str(message)])


@click.group(cls=options.Group, examples=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="steepest")
def main() -> None:
    """Write a cost as a formula; derive its gradient, check it, and minimise it."""


for _command in (
    fit, predict, evaluate, export, derive, check, tangent, paper, graph, diagram, surface, plot, proofread, ops, bench
):  # fmt: skip
    main.add_command(_command)
