"""The letters, functions and signs that formulas are made of, and what a document says of its letters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from steepest.expressions.expression import OPERATIONS, Operation
from steepest.expressions.operations import TABLE

GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
    "xi", "pi", "rho", "sigma", "tau", "upsilon",
    "phi", "chi", "psi", "omega", "Gamma", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega", "ell",
    "infty", "Upsilon", "hbar",
}  # fmt: skip
"""Commands that are letters."""

ALWAYS_FUNCTIONS = {
    "\\sigma", "f", "g", "\\phi", "\\psi", "\\mathcal{L}", "\\ell", "C", "J", "L", "F", "\\mathcal{J}",
    "\\mathcal{C}", "\\mathcal{E}",
}  # fmt: skip
"""Letters after which a bracket holds arguments in any document."""

STOPPED = {"stopgrad", "sg", "StopGrad", "stopgradient", "stop-gradient", "detach", "const"}
"""Names of the function that holds its argument constant."""

ACCENTS = ("hat", "bar", "tilde", "dot", "ddot", "check", "breve")
OPENING = ("(", "[", "{")
PRODUCTS = {"cdot", "*", "times", "odot", "/", ".", "bullet", "div"}
"""Signs between factors."""

COMPARISONS: Mapping[str, str] = {"<": "<", ">": ">", "le": "<=", "ge": ">=", "=": "==", "ne": "!=", "==": "=="}
INDEX_LETTERS = set("ijklmnpqrstuvhcdKLMN")
"""Letters that count when they are alone in a subscript."""

RUNS = set("ijklmnpqrst")
"""Letters that count even when there are several: ``w_{ij}``."""


@dataclass(frozen=True)
class Context:
    """What the document says of its letters."""

    functions: frozenset[str] = frozenset()  # letters that it defines as functions
    letters: frozenset[str] = frozenset()  # letters that it uses as symbols of their own, such as ``e`` for an error


_ON_PAPER = ("tan", "sinh", "cosh", "diag", "dot", "softmax")
_SHORT = {"maximum": "max", "minimum": "min"}
"""Names in trees of operations that are written otherwise on paper."""
_ALIASES = {
    "ln": "log", "sgn": "sign", "ReLU": "relu", "Relu": "relu", "RELU": "relu", "LeakyReLU": "leaky_relu",
    "leakyrelu": "leaky_relu",
}  # fmt: skip
IN_PROSE = ("max", "min", "exp", "log", "sin", "cos", "arctan", "tanh")
"""Names that are functions even in prose without dollars; others, such as ``sign``, are words there."""
ACTIVATIONS = ("sigmoid", "tanh", "relu", "max", "softplus")
RELATED_ACTIVATIONS = {"tanh": ("sigmoid",), "sigmoid": ("tanh",), "relu": ("sigmoid", "tanh")}
"""Activations whose derivatives are mistaken for that of another one."""
CONFUSED = {
    "sin": "cos", "cos": "sin", "exp": "log", "log": "exp", "sinh": "cosh", "cosh": "sinh", "max": "min", "min": "max",
}  # fmt: skip
"""Functions that are written for one another by mistake."""

_MOST_ARGUMENTS = 2  # operations of three arguments, such as ``where``, are written as cases
assert TABLE  # the import fills OPERATIONS


def functions() -> Mapping[str, str]:
    """Return the names of all functions by their spellings: ``log`` for ``ln``.

    They are the elementwise functions of the table of operations, which may have been added to, and a few that exist on
    paper only.
    """
    return _functions(len(OPERATIONS), next(reversed(OPERATIONS)))


def operation_of(name: str) -> Operation | None:
    """Return the operation that a function is; None if it exists on paper only."""
    full = next((long for long, short in _SHORT.items() if short == name), name)
    row = OPERATIONS.get(full)
    return row if row is not None and _is_elementwise_function(row) else None


def _is_elementwise_function(row: Operation) -> bool:
    call = row.text.pattern.startswith(f"{row.name}(") and row.name != "stop_gradient"  # a notation of its own
    return call and bool(row.partials) and not row.attributes and 0 < row.arity <= _MOST_ARGUMENTS


@lru_cache(maxsize=1)
def _functions(_count: int, _last: str) -> Mapping[str, str]:
    """Return the names by spellings; its arguments change when an operation is added to the table."""
    names = {name: name for name in _ON_PAPER}
    for row in OPERATIONS.values():
        if _is_elementwise_function(row):
            name = _SHORT.get(row.name, row.name)
            # σ and its like are letters, which a document may define otherwise.
            names |= {spelling: name for spelling in (name, row.name, *row.aliases) if spelling.isascii()}
    return names | _ALIASES
