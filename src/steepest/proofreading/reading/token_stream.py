"""The tokens of one formula with a position, and what the parts of the parser ask of one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from steepest.proofreading.reading.tokens import Token, UnreadableError
from steepest.proofreading.reading.tree import Node
from steepest.proofreading.reading.vocabulary import Context


class TokenStream:
    """Tokens that are taken one after another."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.position = 0  # the index of the next one
        self.open_bars = 0  # the number of bars | and ‖ that are open; a further bar then closes rather than opens

    def peek(self, ahead: int = 0) -> Token | None:
        """Return the next token, or one after it, without taking it."""
        position = self.position + ahead
        return self.tokens[position] if position < len(self.tokens) else None

    def next(self) -> Token:
        """Take a token; raise UnreadableError if there is no further one."""
        token = self.peek()
        if token is None:
            raise self.missing()
        self.position += 1
        return token

    def take(self, *texts: str) -> Token | None:
        """Take the next token if it has one of these texts, else return None."""
        return self.next() if self.is_next(*texts) else None

    def is_next(self, *texts: str) -> bool:
        """Return whether the next token has one of these texts."""
        token = self.peek()
        return token is not None and token.text in texts

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
        return UnreadableError("", "something is missing here")


class Attachments(Protocol):
    """What the readers need of :class:`~steepest.proofreading.reading.indices.IndexReader`."""

    def indexed(self, base: str, start: int, end: int) -> Node: ...
    def postfix(self, node: Node) -> Node: ...
    def argument(self) -> list[Token]: ...


class ExpressionReader(Protocol):
    """What the readers need of :class:`~steepest.proofreading.reading.parser.Parser`."""

    @property
    def stream(self) -> TokenStream: ...
    @property
    def context(self) -> Context: ...
    @property
    def attachments(self) -> Attachments: ...
    def nested(self, tokens: Sequence[Token]) -> ExpressionReader: ...
    def parse(self) -> Node: ...
    def comparison(self) -> Node: ...
    def expression(self) -> Node: ...
    def term(self) -> Node: ...
    def factor(self) -> Node: ...
    def bracket(self) -> Node: ...
    def arguments(self, group: Node) -> tuple[Node, ...]: ...
    def call_of(self, function: Node, primes: int) -> Node | None: ...
    def is_function(self, base: str) -> bool: ...
    def begins_factor(self, token: Token) -> bool: ...
