"""What the parts of the parser share: the signs that they know, and what the document says of its letters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from steepest.proofreading.reading.tokens import Token, UnreadableError
from steepest.proofreading.reading.tree import Node

GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
    "xi", "pi", "rho", "sigma", "tau", "upsilon",
    "phi", "chi", "psi", "omega", "Gamma", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega", "ell",
    "infty", "Upsilon", "hbar",
}  # fmt: skip
"""Commands that are letters."""

BUILT_IN = {
    "exp": "exp", "log": "log", "ln": "log", "sin": "sin", "cos": "cos", "tan": "tan", "tanh": "tanh",
    "sinh": "sinh", "cosh": "cosh", "sqrt": "sqrt", "max": "max",
    "min": "min", "maximum": "max", "softmax": "softmax", "sigmoid": "sigmoid", "relu": "relu", "ReLU": "relu",
    "Relu": "relu", "RELU": "relu", "softplus": "softplus",
    "leaky_relu": "leaky_relu",
    "LeakyReLU": "leaky_relu", "leakyrelu": "leaky_relu", "diag": "diag", "sign": "sign", "sgn": "sign",
    "dot": "dot", "arctan": "arctan",
}  # fmt: skip
"""Names and commands of functions that need no definition."""

ALWAYS_FUNCTIONS = {
    "\\sigma",
    "f",
    "g",
    "\\phi",
    "\\psi",
    "\\mathcal{L}",
    "\\ell",
    "C",
    "J",
    "L",
    "F",
    "\\mathcal{J}",
    "\\mathcal{C}",
    "\\mathcal{E}",
}
"""Letters after which a bracket holds arguments in any document."""

STOPPED = {"stopgrad", "sg", "StopGrad", "stopgradient", "stop-gradient", "detach", "const"}
"""Names of the function that holds its argument constant."""

OPENING = ("(", "[", "{")
PRODUCTS = {"cdot", "*", "times", "odot", "/", ".", "bullet", "div"}
"""Signs that stand between factors."""

COMPARISONS: Mapping[str, str] = {"<": "<", ">": ">", "le": "<=", "ge": ">=", "=": "==", "ne": "!=", "==": "=="}
INDEX_LETTERS = set("ijklmnpqrstuvhcdKLMN")
"""Letters that count when they stand alone in a subscript."""

RUNS = set("ijklmnpqrst")
"""Letters that count even when several stand together: ``w_{ij}``."""


@dataclass(frozen=True)
class Context:
    """What the document says of its letters.

    Attributes:
        functions: letters that it defines as functions.
        letters: letters that it uses as symbols of their own, such as ``e`` for an error.
    """

    functions: frozenset[str] = frozenset()
    letters: frozenset[str] = frozenset()
    comparisons: Mapping[str, str] = field(default_factory=lambda: COMPARISONS)


class TokenReader(ABC):
    """A row of tokens that is read from the left, and what the parts of the parser ask of one another."""

    def __init__(self, tokens: Sequence[Token], context: Context, depth: int = 0) -> None:
        self.tokens = tokens
        self.at = 0
        self.context = context
        self.nested = depth
        self.bars = 0

    def parser_of(self, tokens: Sequence[Token]) -> Self:
        """A reader of some of the tokens."""
        return type(self)(tokens, self.context, self.nested + 1)

    def peek(self, ahead: int = 0) -> Token | None:
        """The next token, or one after it."""
        at = self.at + ahead
        return self.tokens[at] if at < len(self.tokens) else None

    def next(self) -> Token:
        """Take a token."""
        token = self.peek()
        if token is None:
            end = self.tokens[-1].end if self.tokens else 0
            raise UnreadableError("", end, end, "something is missing here")
        self.at += 1
        return token

    @abstractmethod
    def whole(self) -> Node:
        """The tree of all tokens."""

    @abstractmethod
    def expression(self) -> Node:
        """A sum of terms."""

    @abstractmethod
    def term(self) -> Node:
        """A product of factors."""

    @abstractmethod
    def factor(self, inside: bool) -> Node:
        """One factor."""

    @abstractmethod
    def comparison(self) -> Node:
        """An expression, or two with a sign of comparison between them."""

    @abstractmethod
    def bracket(self) -> Node:
        """What stands in brackets."""

    @abstractmethod
    def arguments(self, group: Node) -> tuple[Node, ...]:
        """The arguments that stand in a bracket."""

    @abstractmethod
    def named(self, base: str) -> Node:
        """A symbol."""

    @abstractmethod
    def applied(self, function: Node) -> Node:
        """A known function with its argument."""

    @abstractmethod
    def call_of(self, function: Node, primes: int) -> Node | None:
        """The call of a function if a bracket follows."""

    @abstractmethod
    def is_function(self, base: str) -> bool:
        """Whether a bracket after this letter holds its arguments."""

    @abstractmethod
    def begins_factor(self, token: Token) -> bool:
        """Whether a factor may begin with this token."""
