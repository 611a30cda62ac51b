"""Write documents as files: one module a format, each of which writes every block of :mod:`.document`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from steepest.errors import DocumentError
from steepest.messages.registry import Registry

if TYPE_CHECKING:
    from steepest.documents.document import Document

FORMATS: Registry[Callable[[Document], str]] = Registry("document format", DocumentError)
"""What writes a document as the text of a file, by the file's suffix; writers are loaded on first use."""


@FORMATS.register(".tex", "LaTeX, for pdflatex and lualatex")
def _tex(document: Document) -> str:
    from steepest.documents.tex import write

    return write(document)


@FORMATS.register(".html", "a page that needs no network")
def _html(document: Document) -> str:
    from steepest.documents.html import write

    return write(document)


@FORMATS.register(".md", "Markdown with formulas, as GitHub and MyST read it")
def _markdown(document: Document) -> str:
    from steepest.documents.markdown import write

    return write(document)


@FORMATS.register(".ipynb", "a notebook whose cells run")
def _notebook(document: Document) -> str:
    from steepest.documents.notebook import write

    return write(document)


def check_format(suffix: str) -> None:
    """Raise a DocumentError unless documents can be written to files with this suffix."""
    if suffix.lower() not in FORMATS:
        given = repr(suffix) if suffix else "a file without a suffix"
        raise DocumentError(f"a paper cannot be written as {given}; it can be {', '.join(FORMATS)}")


def write_document(document: Document, suffix: str) -> str:
    r"""Return a document as the text of a file with this suffix, one of :data:`FORMATS`.

    Raises:
        DocumentError: the format is unknown, or the document refers to a label that it does not have.

    >>> from steepest.documents.document import Document, Paragraph
    >>> print(write_document(Document(("Slopes",), (Paragraph(("50 %",)),)), ".tex").splitlines()[0])
    \documentclass[11pt,fleqn]{article}
    """
    check_format(suffix)
    document.check()
    return FORMATS[suffix.lower()](document)
