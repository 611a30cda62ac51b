"""The command line: thin commands over the library.

Data goes to standard output, everything else to standard error. Exit status: 0 fine, 1 the tool
found something (a wrong gradient, a descent that diverged), 2 bad usage or input, 101 an internal error.
"""

from __future__ import annotations

import contextlib
import errno
import io
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
from steepest.cli.minimise import minimise
from steepest.cli.options import BAD_INPUT, INTERNAL_ERROR, INTERRUPTED, READER_LEFT
from steepest.cli.paper import paper
from steepest.cli.plots import plot
from steepest.cli.proofread import proofread
from steepest.cli.saved import evaluate, export, predict
from steepest.cli.show import show
from steepest.cli.surface import surface
from steepest.display.console import is_plain, prepare
from steepest.errors import SteepestError, TableWarning
from steepest.expressions.ascii import with_mark
from steepest.messages.sentences import legible
from steepest.version import __version__

_EXAMPLES = """
steepest fit nand
steepest fit table.csv "y ~ a*x + b" --save model.safetensors
steepest minimise "100*(y - x^2)^2 + (1 - x)^2" --start x=-1.2,y=1
steepest predict model.safetensors new.csv
steepest derive "mean((x*w - y)^2)" --wrt w
steepest proofread notes.tex
"""


# What a full disk, a closed terminal and their like report. The library's own files raise a StorageError instead.
_UNWRITABLE = {errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EBADF, errno.ENXIO, getattr(errno, "EDQUOT", errno.ENOSPC)}


def run() -> None:
    """Run a command, print errors as sentences, and exit with a status."""
    if sys.stderr is None:  # it is closed; a file that is opened later must not get its number
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    if sys.stdout is None:
        click.echo("steepest: standard output is closed; redirect it to a file, or to /dev/null", err=True)
        sys.exit(BAD_INPUT)
    try:
        status = _run()
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError as error:
        if not _is_of_stream(error):
            raise
        status = BAD_INPUT
        with contextlib.suppress(OSError):
            click.echo(f"steepest: the output cannot be written: {error.strerror}; redirect it elsewhere", err=True)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:  # what it still holds would fail again at the end
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(status)


def _is_of_stream(error: BaseException) -> bool:
    """Return whether writing to a standard stream has failed."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITABLE


def _run() -> int:
    """Run a command, print errors as sentences, and return the status; raise OSError if a stream cannot be written."""
    # Set before anything is parsed, because help and usage errors are printed before all options are read.
    prepare(plain=bool(os.environ.get("NO_UNICODE")) or "--no-unicode" in sys.argv[1:])
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            warnings.simplefilter("always", TableWarning)  # printed once by the function above
            status = main.main(prog_name="steepest", standalone_mode=False)
    except click.exceptions.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        with io.StringIO() as shown:
            error.show(file=shown)
            click.echo(legible(shown.getvalue()), nl=False, err=True)
        if isinstance(error, click.NoSuchOption) and len(error.option_name) == 2:
            click.echo("Put a formula that begins with a minus in brackets: '(-x^2)'.", err=True)
        return BAD_INPUT
    except SteepestError as error:
        # The library names its arguments; on the command line they are options.
        said = options.spelt(f"steepest: {error}")
        options.tell(with_mark(said) if is_plain(sys.stderr.encoding) else said)
        return BAD_INPUT
    except SystemExit:
        # click and rich raise this when the reader of a pipe has closed it.
        return READER_LEFT
    except Exception as error:
        if _is_of_stream(error):
            raise
        import traceback

        traceback.print_exc()
        click.echo("steepest: this is a bug in steepest, not in your input; please report it", err=True)
        return INTERNAL_ERROR
    return status if isinstance(status, int) else 0


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
    line: str | None = None,
) -> None:  # fmt: skip
    """Print a warning as a sentence, once, without the line of code that it comes from."""
    said = click.get_current_context().meta.setdefault("steepest warnings", set())
    if str(message) not in said:
        said.add(str(message))
        (options.note if issubclass(category, TableWarning) else options.warn)([str(message)])


@click.group(cls=options.Group, examples=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="steepest")
def main() -> None:
    """Write a cost as a formula; derive its gradient, check it, and minimise it."""


for _command in (
    fit, minimise, show, predict, evaluate, export, derive, check, tangent, paper, graph, diagram, surface, plot,
    proofread, ops, bench,
):  # fmt: skip
    main.add_command(_command)
