"""The command line."""

from __future__ import annotations


def run() -> None:
    """Run the command line; the commands are imported here so that importing the package stays cheap."""
    from steepest.cli.main import run as start

    start()
