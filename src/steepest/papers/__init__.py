"""Write papers about models, in LaTeX, HTML, Markdown or a notebook."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steepest.documents.document import Document, plain
from steepest.expressions.notation import written_in
from steepest.papers.contents import document_of
from steepest.papers.derivations import derivation_of
from steepest.papers.experiment import Experiment
from steepest.papers.words import model_notation
from steepest.storage.files import write_atomically
from steepest.storage.marks import marked
from steepest.tables.samples import Samples

if TYPE_CHECKING:
    from steepest.objectives.specification import Specification


@dataclass(frozen=True, repr=False)
class Paper:
    """A paper about a model.

    Attributes:
        document: its contents, independent of the format.
        experiment: its numbers: the training, the check, the times.
    """

    document: Document
    experiment: Experiment

    def text(self, suffix: str) -> str:
        """Return the paper as the text of a file: ``.tex``, ``.html``, ``.md`` or ``.ipynb``.

        Raises:
            DocumentError: there is no such format.
        """
        from steepest.documents import write_document

        return write_document(self.document, suffix)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the paper to a file in the format of its suffix.

        Raises:
            DocumentError: there is no such format.
            StorageError: the file cannot be written.
        """
        suffix = Path(path).suffix
        write_atomically(path, marked(self.text(suffix).encode(), suffix))

    def __repr__(self) -> str:
        return f'<paper: {plain(self.document.title)}; .save("paper.html") writes it>'

    def _repr_html_(self) -> str:
        return self.text(".html")


def write_paper(
    model: Specification, table: Any = None, *, start: Mapping[str, Any] | None = None,
    symbolic: bool | None = None,
    title: str | None = None, na: str = "error", compare: bool = True, **settings: Any,
) -> Paper:  # fmt: skip
    """Write a paper about a model: the model, its cost, the derivation of its gradient, check, training, pictures.

    Args:
        model: the model; its parameters are not changed. One that was fitted shows that training and its parameters.
        table: the data; without any the paper ends with the derivation.
        start: parameters to start from; those left out are drawn from the seed.
        symbolic: whether layers are written for any l; left out, from four on that are alike.
        title: the title, if not made from the model.
        na: ``"drop"`` leaves out rows with missing values.
        compare: whether descents by the gradient and by finite differences are timed, which takes about a second.
        settings: of the training, as for :func:`steepest.descend`; 1000 epochs at the rate 0.1 if left out.

    Returns:
        A Paper; ``save("paper.tex")``, ``.html``, ``.md`` or ``.ipynb`` writes it.

    Raises:
        ModelError, TableError, DescentError: the model, table or settings do not go together.
        PictureError: matplotlib or another library for the pictures is missing.

    >>> import steepest as st
    >>> paper = write_paper(st.models.linear(), "twice", rate=0.05, epochs=50, compare=False)
    >>> print(paper.text(".md").splitlines()[0])
    # A line: y \\~ x\\*w

    Source: the notes A to E, which do by hand for five models what this does for any.
    """
    source = table if table is None or isinstance(table, Samples) else model.use(table)
    notation = model_notation(model)
    with written_in(notation):
        derived = derivation_of(model, symbolic)  # before the training, as it may be refused
    experiment = Experiment.conduct(model, source, start, na, compare, settings)
    with written_in(notation):
        return Paper(document_of(experiment, derived, symbolic, title), experiment)
