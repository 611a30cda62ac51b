"""A line whose sides differ, the check whether a changed side makes it right, and the diagnosis with its sentence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from steepest.proofreading.meaning.document_model import DocumentModel
from steepest.proofreading.reading.statements import Side
from steepest.proofreading.reading.tree import Node
from steepest.proofreading.values.arrays import NoValueError
from steepest.proofreading.values.comparison import Comparison, compare, convergence_orders, degree
from steepest.proofreading.values.scope import Interpretation

# An approximation is compared where its small quantity is 1e-5: what it leaves out is then far below the tolerance of
# 1e-3, a wrong factor of what it keeps is far above.
_SMALL_SCALE, _LOOSE = 1e-5, 1e-3


@dataclass(frozen=True, eq=False)
class Mismatch:
    """A line of which one side is taken to be right and the other to be wrong."""

    document: DocumentModel  # under which the sides are compared
    statement_index: int
    truth: Node  # the tree that is taken to be right
    side: Side  # the side that is taken to be wrong
    node: Node  # the tree of that side
    interpretation: Interpretation = Interpretation.AS_WRITTEN
    approximate: bool = False  # whether the line is to hold to first order only

    @cached_property
    def degree(self) -> int:
        """The highest power of a small quantity that the wrong side writes out."""
        return degree(self.node)

    @property
    def is_series(self) -> bool:
        """Whether the line is an approximation of higher order."""
        return self.approximate and self.degree > 1

    def compare(self, node: Node, quick: bool = False) -> Comparison:
        """Compare the right side of the mismatch with a tree at many points; raise NoValueError if that fails."""
        scale, loose = (_SMALL_SCALE, _LOOSE) if self.approximate else (1.0, 0.0)
        return compare(self.document, self.truth, node, self.statement_index, self.interpretation, scale, loose, quick)


@dataclass(frozen=True)
class Diagnosis:
    """Why a side is wrong."""

    cause: str  # one of ``findings.CAUSES``
    message: str  # one sentence
    corrected: str  # the corrected side in LaTeX
    node: Node | None = None  # its tree; None where another line is to be changed
    constant: str = ""  # the letter that must be held constant by its definition


_TRIES = 6_000  # changes tried for one document
_MOST_WORK = 300_000  # parts of formulas evaluated for one document; causes are not searched beyond
_MARGIN = 0.75  # by how much the measured order of the error must exceed the degree that the line writes out


class Verifier:
    """Counts its work, so that a document full of mistakes still ends in a report."""

    def __init__(self) -> None:
        self._tries = 0

    @property
    def is_exhausted(self) -> bool:
        """Whether no more changes may be tried."""
        return self._tries > _TRIES

    def agrees(self, mismatch: Mismatch, node: Node) -> bool:
        """Return whether a tree in place of the wrong side makes the line right."""
        self._tries += 1
        if self.is_exhausted or mismatch.document.work.done > _MOST_WORK:
            return False
        try:
            if mismatch.is_series:
                index, interpretation = mismatch.statement_index, mismatch.interpretation
                powers = convergence_orders(mismatch.document, mismatch.truth, node, index, interpretation)
                return powers is None or powers[0] > mismatch.degree + _MARGIN
            # One choice of the free indices refutes most changes; the others are tried only if it does not.
            return mismatch.compare(node, quick=True).holds and mismatch.compare(node).holds
        except NoValueError:
            return False


_SENTENCES = {
    "whole-sign": "the sign is wrong: the left side is minus the right side",
    "sign": "a sign is wrong: ${old}$ should be ${new}$",
    "factor": "a constant factor is wrong: the left side is ${piece}$ times the right side",
    "scaled": "a constant factor is wrong: ${old}$ should be ${new}$",
    "number": "the number {old} should be ${new}$",
    "activation": "this is the derivative of another activation: ${old}$ should be ${new}$",
    "activation-input": "${old}$ is the derivative of a sigmoid only in terms of its output, ${new}$; by the "
    "definition above the factor is ${piece}$",
    "sum": "an index clashes: the left side has this index, so that there is no sum over it; ${old}$ should be ${new}$",
    "index": "an index is wrong: ${old}$ should be ${new}$",
    "index-missing": "an index is missing: ${old}$ should be ${new}$",
    "index-extra": "an extra index: ${old}$ should be ${new}$",
    "transpose": "a transpose is wrong: ${old}$ should be ${new}$",
    "order": "the shapes do not match: ${old}$ should be ${new}$",
    "product": "the product is of the wrong kind: ${old}$ should be ${new}$",
    "axis": "the shapes do not match: ${old}$ has to be summed over the samples",
    "variable": "a wrong variable: ${old}$ should be ${new}$",
    "extra-factor": "an extra factor: ${piece}$",
    "extra-term": "an extra term: ${piece}$",
    "missing-factor": "a missing factor: ${piece}$",
    "missing-divisor": "a missing division by ${piece}$",
    "missing-term": "a missing term: ${piece}$",
    "exponent": "a power is wrong: ${old}$ should be ${new}$",
    "stop-gradient": "${old}$ must be held constant, with no derivative taken through it; the text does not say so",
}


def sentence(kind: str, old: str = "", new: str = "", piece: str = "") -> str:
    """Return the sentence for a kind of mistake, with the LaTeX of what is wrong and of its correction."""
    return _SENTENCES[kind].replace("{old}", old).replace("{new}", new).replace("{piece}", piece)
