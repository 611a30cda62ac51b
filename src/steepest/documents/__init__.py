"""Papers as files: one module a medium, each of which writes every block of :mod:`steepest.documents.document`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from steepest.documents import html, markdown, notebook, tex
from steepest.documents.document import Document
from steepest.errors import DocumentError

MEDIA: Mapping[str, Callable[[Document], str]] = {
    ".tex": tex.write,
    ".html": html.write,
    ".md": markdown.write,
    ".ipynb": notebook.write,
}
"""What writes a paper as the text of a file, by the file's suffix."""


def write_document(document: Document, suffix: str) -> str:
    r"""A paper as the text of a file.

    Args:
        document: the paper.
        suffix: of the file, with its dot: ``.tex``, ``.html``, ``.md`` or ``.ipynb``.

    Raises:
        DocumentError: there is no such medium, or the paper refers to what it does not hold.

    >>> from steepest.documents.document import Paragraph
    >>> print(write_document(Document(("Slopes",), (Paragraph(("50 %",)),)), ".tex").splitlines()[0])
    \documentclass[11pt,fleqn]{article}
    """
    writer = MEDIA.get(suffix.lower())
    if writer is None:
        given = f"{suffix!r}" if suffix else "a file without a suffix"
        raise DocumentError(f"a paper cannot be written as {given}; it can be {', '.join(MEDIA)}")
    document.check()
    return writer(document)
