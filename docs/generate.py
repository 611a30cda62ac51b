"""Write the pages generated from the code; ``make docs`` runs this script, and a test checks that they are current."""

from __future__ import annotations

from pathlib import Path

import click

from steepest.cli.main import main
from steepest.expressions.listing import describe
from steepest.expressions.operations import TABLE
from steepest.messages.vocabulary import ALIASES

HERE = Path(__file__).parent
_WIDTH = 100


def commands() -> str:
    """Return the help of every command."""
    parts = ["# Commands", "", "Generated from the commands by `make docs`.", ""]
    settings = {"help_option_names": ["-h", "--help"], "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    context = click.Context(main, info_name="steepest", **settings)
    for name, command in [("", main), *_below(main)]:
        inner = click.Context(command, parent=context, info_name=name, **settings) if name else context
        title = f"steepest {name}".strip()
        parts += [f"## {title}", "", "```text", command.get_help(inner).rstrip(), "```", ""]
    return "\n".join(parts)


def _below(group: click.Group, before: str = "") -> list[tuple[str, click.Command]]:
    """Return the commands of a group with their names, followed by those of nested groups."""
    found: list[tuple[str, click.Command]] = []
    for name, command in sorted(group.commands.items()):
        found.append((f"{before}{name}", command))
        if isinstance(command, click.Group):
            found += _below(command, f"{before}{name} ")
    return found


def operations() -> str:
    """Return the table of operations, one section per operation."""
    parts = [
        "# Operations",
        "",
        "Generated from the table of operations by `make docs`. `r` is the result; a bar marks an adjoint, the",
        "derivative of the cost with respect to that quantity.",
        "",
    ]
    for row in TABLE:
        entry = describe(row)
        aliases = f" (also {', '.join(entry['aliases'])})" if entry["aliases"] else ""
        parts += [f"## {entry['name']}", "", f"`{entry['written']}`{aliases}: {entry['meaning']}.", ""]
        facts = {
            "Derivative": "; ".join(f"`{text}`" for text in entry["derivatives"]),
            "Smooth at least for": "; ".join(entry["domain"]),
            "At the edges": entry["edges"],
            "Not differentiable where": "; ".join(entry["kinks"]),
            "Source": entry["source"],
        }
        parts += [f"- {key}: {text}" for key, text in facts.items() if text] + [""]
    return "\n".join(parts)


def vocabulary() -> str:
    """Return the words of other libraries, a table per kind."""
    parts = [
        "# Words of other libraries",
        "",
        "Generated from `steepest.messages.vocabulary` by `make docs`. The words on the left work, in Python and on",
        "the command line, wherever the name on the right does.",
        "",
    ]
    for kind, words in ALIASES.items():
        parts += [f"## {kind.capitalize()}", "", "| word | steepest |", "|---|---|"]
        for name in dict.fromkeys(words.values()):
            same = ", ".join(f"`{word}`" for word in words if words[word] == name)
            parts.append(f"| {same} | `{name}` |")
        parts.append("")
    return "\n".join(parts)


PAGES = {"commands.md": commands, "operations.md": operations, "vocabulary.md": vocabulary}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (HERE / page).write_text(make(), encoding="utf-8")
