"""Targets of words: which column they are in, and whether a prediction fits them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steepest.expressions.expression import Expression
from steepest.language.formula import LIMITS, Limits, names_in
from steepest.language.syntax import left_side
from steepest.messages.sentences import listed


def target_name(text: str, limits: Limits = LIMITS) -> str:
    """Return the name left of the ``~`` of a formula; an empty text if it is not a name alone.

    >>> target_name("a = x*w; y ~ sigmoid(a)"), target_name("`~;` ~ a*x"), target_name("log(y) ~ a*x")
    ('y', '~;', '')
    """
    left = left_side(text)
    names = names_in(left, limits) if left else ()
    return names[0] if len(names) == 1 and left.strip("`") == names[0] else ""


def unfit_for(prediction: Expression, labels: Sequence[Any]) -> str:
    """Return why a prediction does not give probabilities of classes with these labels; an empty text if it does.

    >>> from steepest.language.formula import parse
    >>> unfit_for(parse("sigmoid(a*x + b)", ["x"]), ["no", "yes"])
    ''
    """
    row, shape = prediction.operation.name, prediction.shape
    outputs = shape[0] if row == "softmax" else 2 if row == "sigmoid" and shape in ((), (1,)) else 0
    if not labels or outputs == len(labels):
        return ""
    wanted = "sigmoid(…)" if len(labels) == 2 else f"softmax(…) of {len(labels)} numbers"
    return (
        f"the target has the words {listed(labels, 5)}, which are {len(labels)} classes; end the prediction in "
        f"{wanted}, or fit a network to it"
    )
