"""The command line."""

from __future__ import annotations


def run() -> None:
    """The entry point; the commands are loaded with the first use."""
    from steepest.cli.main import run as start

    start()
