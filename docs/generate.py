"""Write the pages that are made from the code; ``make docs`` runs it, a test compares."""

from __future__ import annotations

from pathlib import Path

import click

from steepest.cli.main import main
from steepest.expressions.listing import describe
from steepest.expressions.operations import TABLE

HERE = Path(__file__).parent
_WIDTH = 100


def commands() -> str:
    """The help of every command."""
    parts = ["# Commands", "", "Made from the commands themselves by `make docs`.", ""]
    settings = {"help_option_names": ["-h", "--help"], "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    context = click.Context(main, info_name="steepest", **settings)
    for name, command in [("", main), *_below(main)]:
        inner = click.Context(command, parent=context, info_name=name, **settings) if name else context
        title = f"steepest {name}".strip()
        parts += [f"## {title}", "", "```text", command.get_help(inner).rstrip(), "```", ""]
    return "\n".join(parts)


def _below(group: click.Group, before: str = "") -> list[tuple[str, click.Command]]:
    """The commands of a group by their words, and those of groups within it after them."""
    found: list[tuple[str, click.Command]] = []
    for name, command in sorted(group.commands.items()):
        found.append((f"{before}{name}", command))
        if isinstance(command, click.Group):
            found += _below(command, f"{before}{name} ")
    return found


def operations() -> str:
    """The table of operations, a section each."""
    parts = [
        "# Operations",
        "",
        "Made from the table of operations by `make docs`. `r` is the result; a bar marks an adjoint, the derivative",
        "of the cost by that quantity.",
        "",
    ]
    for row in TABLE:
        told = describe(row)
        aliases = f" (also {', '.join(told['aliases'])})" if told["aliases"] else ""
        parts += [f"## {told['name']}", "", f"`{told['written']}`{aliases}: {told['meaning']}.", ""]
        facts = {
            "Derivative": "; ".join(f"`{text}`" for text in told["derivatives"]),
            "Smooth at least for": "; ".join(told["domain"]),
            "At the edges": told["edges"],
            "Not differentiable where": "; ".join(told["kinks"]),
            "Source": told["source"],
        }
        parts += [f"- {key}: {text}" for key, text in facts.items() if text] + [""]
    return "\n".join(parts)


PAGES = {"commands.md": commands, "operations.md": operations}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (HERE / page).write_text(make(), encoding="utf-8")
