"""The command ``proofread``: find wrong lines in derivations."""

from __future__ import annotations

import json
import sys

import click

from steepest.cli import options
from steepest.cli.options import BAD_INPUT, FOUND
from steepest.messages.sentences import visible_json

_LARGEST = 1 << 24  # bytes of a document; a long book has a tenth of that


@options.command("""
    steepest proofread notes.tex
    steepest proofread notes.md --explain
    steepest proofread *.tex --format html -o proof.html
    cat notes.md | steepest proofread - --json
""")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@options.choice(
    "--format",
    ["text", "json", "sarif", "html"],
    "Format of the report; sarif is for editors and CI, html shows the document with each equation marked.",
    name="form",
)
@click.option("--explain", is_flag=True, help="Show every equality, with its values at the points tried.")
@options.assignments("--assume", "Numbers of samples, layers or classes, or values of letters: n=4.")
@options.output("File for the report [default: standard output].", "report")
@options.as_json
def proofread(
    files: tuple[str, ...], form: str, explain: bool, assume: dict[str, float], output: str | None, as_json: bool
) -> int:
    """Find the wrong line in the derivations of FILES, LaTeX or Markdown.

    Every equality is checked by evaluating both sides at many random points, with the definitions that precede it.
    For a wrong one the likely cause and a corrected line are shown. '-' reads standard input. Exits 1 if a line is
    wrong, 2 if a file cannot be read.
    """
    from steepest.proofreading import proofread as read
    from steepest.proofreading.reports.findings import as_list, as_sarif, as_text
    from steepest.storage.files import write_atomically
    from steepest.storage.marks import marked

    done = []
    for file in files:
        text = _text_of(file)
        if text is not None:
            done.append(("standard input" if file == "-" else file, read(text, assume)))
    if not done:
        return BAD_INPUT
    form = "json" if as_json else form
    if form == "json":
        said = visible_json(json.dumps(as_list(done), ensure_ascii=False, indent=2))
    elif form == "sarif":
        said = visible_json(json.dumps(as_sarif(done), ensure_ascii=False, indent=2))
    elif form == "html":
        from steepest.proofreading.reports.html_page import as_html

        said = as_html(done).rstrip("\n")
    else:
        said = "\n\n".join(as_text(proof, file, explain) for file, proof in done)
    if output:
        write_atomically(output, marked((said + "\n").encode(), form))
    else:
        options.say(said)
    if len(done) < len(files):
        return BAD_INPUT
    return 0 if all(proof.ok for _, proof in done) else FOUND


def _text_of(file: str) -> str | None:
    """Return the text of a file; print an error and return None if it cannot be read."""
    from steepest.storage.reading import UnreadableFileError, read_blocks, read_file

    try:
        content = read_blocks(sys.stdin.buffer.read, _LARGEST) if file == "-" else read_file(file, _LARGEST)
    except UnreadableFileError as error:
        options.tell(f"steepest: cannot read {file}: {error}")
        return None
    except (OSError, ValueError) as error:  # the latter for a name that is not one
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        options.tell(f"steepest: cannot read {file}: {reason}; give a LaTeX or Markdown file")
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        options.tell(
            f"steepest: {file} is not a text in UTF-8 (byte {error.start}); save it as UTF-8, or give its source"
        )
        return None
