"""Optimisers as values: how a parameter moves, written with infix arithmetic.

The same text runs on arrays, compiles into the training step as expressions, and can be typeset.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

State = tuple[Any, ...]


@dataclass(frozen=True)
class Optimiser:
    """A pair of functions.

    Attributes:
        name: what it is called.
        init: from a parameter to the optimiser's state for it, a tuple of values of the parameter's shape.
        update: from (parameter, gradient, state, rate) to (parameter, state) after one epoch.
    """

    name: str
    init: Callable[[Any], State]
    update: Callable[[Any, Any, State, Any], tuple[Any, State]]


def gradient_descent() -> Optimiser:
    """Plain gradient descent: w := w − α ∂C/∂w.

    >>> gradient_descent().update(1.0, 0.5, (), 0.1)
    (0.95, ())

    Source: Cauchy 1847; row D5 of the notes.
    """
    return Optimiser("gradient descent", lambda w: (), lambda w, g, state, rate: (w - rate * g, state))
