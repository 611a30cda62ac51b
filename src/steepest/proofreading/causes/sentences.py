"""Holds the sentences of findings: one for each kind of mistake that a repair corrects."""

from __future__ import annotations

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
