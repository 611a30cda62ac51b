"""The tokens of one formula with a position, and what the parts of the parser ask of one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from steepest.proofreading.reading.tokens import Token, UnreadableError
from steepest.proofreading.reading.tree import Node
from steepest.proofreading.reading.vocabulary import Context


class TokenStream:
    """Tokens that are taken one after another.

    Attributes:
        tokens: all of them.
        position: the index of the next one.
        open_bars: the number of bars | and ‖ that are open; a further bar then closes rather than opens.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.open_bars = 0

    def peek(self, ahead: int = 0) -> Token | None:
        """Return the next token, or one after it, without taking it."""
        position = self.position + ahead
        return self.tokens[position] if position < len(self.tokens) else None

    def next(self) -> Token:
        """Take a token.

        Raises:
            UnreadableError: there is no further one.
        """
        token = self.peek()
        if token is None:
            raise self.missing()
        self.position += 1
        return token

    def next_digit(self) -> Token:
        """Take the first digit of a number and leave the others, as TeX does: ``\\frac12`` is a half."""
        token = self.next()
        first = Token("number", token.text[0], token.start, token.start + 1, token.glued)
        rest = Token("number", token.text[1:], token.start + 1, token.end, True)
        self.tokens = [*self.tokens[: self.position - 1], first, rest, *self.tokens[self.position :]]
        return first

    @property
    def previous(self) -> Token:
        """The token that was taken last."""
        return self.tokens[self.position - 1]

    def missing(self) -> UnreadableError:
        """Return the error for a formula that ends too early."""
        end = self.tokens[-1].end if self.tokens else 0
        return UnreadableError("", end, end, "something is missing here")


class Attachments(Protocol):
    """Reads what is attached to a letter or bracket."""

    def indexed(self, base: str, start: int, end: int) -> Node:
        """Read the indices, exponents and primes of a letter that was taken."""

    def postfix(self, node: Node) -> Node:
        """Read the exponents, transposes and primes of a factor."""

    def argument(self) -> list[Token]:
        """Take the tokens of an argument: a group in braces or a single token."""


class ExpressionReader(Protocol):
    """Reads expressions: what the readers of commands and indices need of the parser."""

    @property
    def stream(self) -> TokenStream:
        """The tokens."""

    @property
    def context(self) -> Context:
        """What the document says of its letters."""

    @property
    def attachments(self) -> Attachments:
        """The reader of indices."""

    def nested(self, tokens: Sequence[Token]) -> ExpressionReader:
        """Return a reader of some of the tokens."""

    def whole(self) -> Node:
        """Read all tokens."""

    def comparison(self) -> Node:
        """Read an expression, or two with a sign of comparison between them."""

    def expression(self) -> Node:
        """Read a sum of terms."""

    def term(self) -> Node:
        """Read a product of factors."""

    def factor(self) -> Node:
        """Read one factor."""

    def bracket(self) -> Node:
        """Read a bracket."""

    def arguments(self, group: Node) -> tuple[Node, ...]:
        """Return the arguments in a bracket."""

    def call_of(self, function: Node, primes: int) -> Node | None:
        """Read the call of a function if a bracket follows; None if it does not."""

    def is_function(self, base: str) -> bool:
        """Return whether a bracket after this letter encloses its arguments."""

    def begins_factor(self, token: Token) -> bool:
        """Return whether a factor may begin with this token."""
