"""Files that commands read and write."""

from __future__ import annotations

import os
from typing import Any

import click

OUTPUT = click.Path(dir_okay=False)
"""The type of options that name a file to write."""


def names_a_file(param: click.Parameter, value: Any) -> bool:
    """Return whether an option with this value names a file to write, or one to read."""
    return param.type is OUTPUT or (param.name in ("table", "validate") and isinstance(value, str))


def refuse_overwriting(command: click.Command, ctx: click.Context) -> None:
    """Raise if a file to write is one that another word of the command names, too, also by a link.

    Which of the other words name files depends on the command and on the files that exist, so all are compared.
    """
    given = [(param, value) for param in command.params if (value := ctx.params.get(str(param.name))) is not None]
    outputs = [(param.opts[-1], value) for param, value in given if param.type is OUTPUT]
    for k, (flag, path) in enumerate(outputs):
        for other, second in outputs[:k]:
            if os.path.realpath(path) == os.path.realpath(second):
                raise click.UsageError(f"{other} and {flag} name the same file, {path}; name two files", ctx)
    inputs = [value for param, value in given if param.type is not OUTPUT]
    for flag, path in outputs:
        for word in (each for value in inputs for each in (value if isinstance(value, tuple) else (value,))):
            if isinstance(word, str) and os.path.exists(path) and os.path.exists(word) and os.path.samefile(path, word):
                raise click.UsageError(f"{flag} {path} would replace the input {word}; name another file", ctx)
