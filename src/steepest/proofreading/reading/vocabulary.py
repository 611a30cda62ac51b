"""The letters, functions and signs that formulas are made of, and what a document says of its letters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    comparisons: Mapping[str, str] = field(default_factory=lambda: COMPARISONS)
