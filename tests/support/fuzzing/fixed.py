"""Cases that are not drawn: tables of 50 MB, devices, and any words with any files.

They are examined in a process of their own: threads of a test before would be missing in a forked one, which then waits
for them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from fuzzing.sandbox import Case, examine

SIZE = 50_000_000
LONG = {
    "commas": (b"", b",", b""),
    "a row of commas": (b"x,y\n", b",", b"\n"),
    "rows of commas": (b"x,y\n", b",\n", b""),
    "empty lines": (b"x,y\n", b"\n", b"1,2\n"),
    "a column of empty lines": (b"y\n", b"\n", b"1\n"),
    "spaces": (b"x,y\n1,2\n", b" \n", b"3,4\n"),
    "quotation marks": (b"x,y\n1,", b'"', b"\n"),
    "one number": (b"x,y\n1,", b"2", b"\n"),
}
"""What a file begins with, what fills it, and what it ends with."""


def alone(examined: Callable[..., list[str]], *given: Any) -> list[str]:
    """Return the faults that a function of this module finds, called in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(examined, *given).result()


def examine_long(name: str, place: Path) -> list[str]:
    """Return the faults of a fit to a long table."""
    begin, piece, end = LONG[name]

    def write(path: Path) -> None:  # and free it, for the command shares the memory of this process
        path.write_bytes(begin + piece * (SIZE // len(piece)) + end)

    case = Case([["fit", "in.csv", "y ~ w", "--epochs", "2", "--no-check"]], {"in.csv": write})
    return examine(case, place)[0]


def examine_words(words: list[str], files: dict[str, bytes], about: dict[str, Any], place: Path) -> list[str]:
    """Return the faults of a command with some files."""
    return examine(Case([words], dict(files), **about), place)[0]
