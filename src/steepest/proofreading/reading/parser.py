r"""Reads the tokens of one side of an equation as a tree.

Written by hand and not as an LALR grammar, for on paper the meaning of a bracket depends on what the document defined:
``f(1 - x)`` is a value of f and ``a(1 - a)`` a product; ``dW`` is one thing, ``w d`` two.
"""

from __future__ import annotations

from collections.abc import Sequence

from steepest.proofreading.reading import vocabulary
from steepest.proofreading.reading.commands import CommandReader
from steepest.proofreading.reading.derivative_notation import DerivativeReader, cost_gradient
from steepest.proofreading.reading.indices import IndexReader
from steepest.proofreading.reading.token_stream import TokenStream
from steepest.proofreading.reading.tokens import Token, UnreadableError
from steepest.proofreading.reading.tree import MAX_DEPTH, Node, make
from steepest.proofreading.reading.vocabulary import Context

_STOPS = {")", "]", "}", ",", "&", ";"}


class Parser:
    """Reads one expression, with a reader each for indices, derivatives and commands."""

    def __init__(self, tokens: Sequence[Token], context: Context, depth: int = 0) -> None:
        self.stream = TokenStream(tokens)
        self.context = context
        self.depth = depth
        self.attachments = IndexReader(self)
        self.derivatives = DerivativeReader(self)
        self.commands = CommandReader(self)
        self.readers = {**self.derivatives.readers, **self.commands.readers}

    def nested(self, tokens: Sequence[Token]) -> Parser:
        """Return a parser of some of the tokens."""
        return Parser(tokens, self.context, self.depth + 1)

    # -- sums and products -----------------------------------------------------------------------------------

    def parse(self) -> Node:
        """Read all tokens as one expression; raise UnreadableError at a token that does not belong to it."""
        node = self.expression()
        while (token := self.stream.peek()) is not None and (
            token.kind in ("space", "note") or token.text in (".", ",", ";")
        ):
            self.stream.position += 1
        if token is not None:
            raise UnreadableError(token.text)
        return node

    def expression(self) -> Node:
        """Read a sum of terms."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            here = self.stream.tokens[min(self.stream.position, len(self.stream.tokens) - 1)]
            raise UnreadableError(here.text, "the formula is nested too deeply to be read")
        first = self.stream.peek()
        start = first.start if first else 0
        sign = self.stream.take("+", "-")
        signs, terms = [-1 if sign is not None and sign.text == "-" else 1], [self.term()]
        while (sign := self.stream.take("+", "-")) is not None:
            signs.append(-1 if sign.text == "-" else 1)
            terms.append(self.term())
        self.depth -= 1
        if signs == [1]:
            return terms[0]
        if signs == [-1]:
            return self.checked(make("negate", (terms[0],), None, start, terms[0].end))
        return self.checked(make("add", tuple(terms), tuple(signs), min(start, terms[0].start), terms[-1].end))

    def term(self) -> Node:
        """Read a product of factors, with or without signs between them."""
        factors: list[Node] = []
        signs: list[str] = []
        sign = ""
        while True:
            token = self.stream.peek()
            while token is not None and token.kind in ("note", "space") and factors and not sign:
                self.stream.position += 1
                token = self.stream.peek()
            if token is None or not self.begins_factor(token):
                break
            if token.text in ("+", "-") and factors and not sign:
                break
            factor = self.signed() if token.text in ("+", "-") else self.factor()
            if factors:
                signs.append(sign)
            factors.append(factor)
            sign, token = "", self.stream.peek()
            if token is not None and token.text in vocabulary.PRODUCTS:
                followed = self.followed_by_factor()
                sign = token.text if followed else ""
                # A sign of multiplication at the very end multiplies nothing.
                if followed or self.stream.position + 1 >= len(self.stream.tokens):
                    self.stream.position += 1
        if not factors:
            token = self.stream.peek()
            raise UnreadableError(token.text) if token is not None else self.stream.missing()
        return self.checked(self.product(factors, signs))

    def product(self, factors: list[Node], signs: list[str]) -> Node:
        """Return the product of factors: / divides everything before it, and ⊙ and * bind least."""
        groups: list[list[Node]] = [[factors[0]]]
        inner: list[list[str]] = [[]]
        for sign, factor in zip(signs, factors[1:], strict=True):
            if sign == "/":
                held = self._joined(groups[-1], inner[-1])
                groups[-1], inner[-1] = [make("divide", (held, factor), None, held.start, factor.end)], []
            elif sign in ("*", "odot"):
                groups.append([factor])
                inner.append([])
            else:
                groups[-1].append(factor)
                inner[-1].append("dot" if sign in ("cdot", ".") else "times" if sign == "times" else "")
        parts = [self._joined(g, i) for g, i in zip(groups, inner, strict=True)]
        return self._joined(parts, ["*"] * (len(parts) - 1))

    def _joined(self, factors: list[Node], signs: list[str]) -> Node:
        if len(factors) == 1:
            return factors[0]
        return make("multiply", tuple(factors), tuple(signs), factors[0].start, factors[-1].end)

    def signed(self) -> Node:
        """Read a factor with a sign of its own, as in ``x · -1``."""
        token = self.stream.next()
        inner = self.factor()
        return inner if token.text == "+" else make("negate", (inner,), None, token.start, inner.end)

    # -- factors ---------------------------------------------------------------------------------------------

    def factor(self) -> Node:
        """Read one factor with everything that is attached to it."""
        token = self.stream.peek()
        if token is None:
            raise self.stream.missing()
        if token.kind == "number":
            self.stream.position += 1
            return self.attachments.postfix(make("number", (), token.text, token.start, token.end))
        if token.kind == "note":
            self.stream.position += 1
            return make("words", (), token.text, token.start, token.end)
        if token.text in vocabulary.OPENING:
            return self.attachments.postfix(self.bracket())
        if token.text in ("|", "||"):
            return self.attachments.postfix(self.commands.between_bars())
        if token.kind == "word":
            return self.word()
        if token.kind == "letter":
            if token.text == "d" and (gradient := self.derivatives.cost_gradient()) is not None:
                return gradient
            return self.named(token.text)
        if token.kind == "command":
            return self.command(token)
        raise UnreadableError(token.text)

    def command(self, token: Token) -> Node:
        """Read the factor that begins with a command."""
        if token.text in vocabulary.GREEK:
            return self.named("\\" + token.text)
        if token.text in self.readers:
            return self.readers[token.text]()
        if token.text in vocabulary.functions():
            self.stream.position += 1
            return self.applied(make("function", (), vocabulary.functions()[token.text], token.start, token.end))
        if token.text.startswith("begin:"):
            return self.attachments.postfix(self.commands.environment())
        if token.text == "{":
            return self.attachments.postfix(self.bracket())
        raise UnreadableError("\\" + token.text)

    def named(self, base: str) -> Node:
        """Read a symbol with its indices, and its call if it is a function."""
        token = self.stream.next()
        return self.attachments.indexed(base, token.start, token.end)

    def call_of(self, function: Node, primes: int) -> Node | None:
        """Read the call of a function if a bracket follows; None if it does not."""
        if not self.stream.is_next(*vocabulary.OPENING) or not self.is_function(function.base):
            return None
        group = self.bracket()
        return make("call", (function, *self.arguments(group)), primes, function.start, group.end)

    def arguments(self, group: Node) -> tuple[Node, ...]:
        """Return the arguments in a bracket."""
        return group.args if group.kind in ("tuple", "group") else (group,)

    def is_function(self, base: str) -> bool:
        """Return whether a bracket after this letter encloses its arguments."""
        return base in vocabulary.ALWAYS_FUNCTIONS or base in self.context.functions

    def word(self) -> Node:
        """Read a name of several letters: a known function or a symbol."""
        token = self.stream.next()
        name = token.text.removeprefix("np.")
        if len(name) == 2 and name[0] == "d" and name not in vocabulary.functions():  # an upright dZ
            return cost_gradient(self.attachments.indexed(name[1], token.start, token.end), token.start)
        if name == "sum":
            return self.commands.numpy_sum(token)
        if name in vocabulary.STOPPED and self.stream.is_next(*vocabulary.OPENING):
            group = self.bracket()
            return self.attachments.postfix(make("stopped", (group,), None, token.start, group.end))
        if name not in vocabulary.functions():
            symbol = self.attachments.indexed(token.text, token.start, token.end)
            if symbol.kind == "symbol" and self.stream.is_next("("):
                group = self.bracket()
                call = make("call", (symbol, *self.arguments(group)), 0, token.start, group.end)
                return self.attachments.postfix(call)
            return symbol
        return self.applied(make("function", (), vocabulary.functions()[name], token.start, token.end))

    def applied(self, function: Node) -> Node:
        r"""Read the argument of a known function: ``\tanh^2(z)``, ``\ln x``."""
        exponent = None
        primes = 0
        while token := self.stream.take("^", "_", "'"):
            if token.text == "'":
                primes += 1
                continue
            tokens = self.attachments.argument()
            if token.text == "_":
                continue
            if [t.text for t in tokens] == ["'"]:
                primes += 1
            else:
                exponent = self.nested(tokens).parse()
        token = self.stream.peek()
        if token is None or not self.begins_factor(token):
            name = str(function.value)
            raise UnreadableError(name, f"{name} has no argument")
        if token.text in vocabulary.OPENING:
            arguments = self.arguments(self.bracket())
        else:
            first = self.factor()
            parts = [first]
            while first.kind == "number" and (token := self.stream.peek()) is not None:
                plain = token.kind in ("letter", "command") and token.text not in vocabulary.PRODUCTS
                if not plain or not self.begins_factor(token):
                    break
                first = self.factor()
                parts.append(first)
            arguments = (self._joined(parts, [""] * (len(parts) - 1)),)
        node = make("call", (function, *arguments), primes, function.start, arguments[-1].end)
        if token is not None and token.text in vocabulary.OPENING:
            node = make("call", (function, *arguments), primes, function.start, self.stream.previous.end)
        if exponent is not None:
            node = make("power", (node, exponent), None, node.start, node.end)
        return self.attachments.postfix(node)

    def bracket(self) -> Node:
        """Read a bracket: an expression, a tuple, or a condition in square brackets."""
        opening = self.stream.next()
        wanted = {"(": ")", "[": "]", "{": "}"}[opening.text]
        parts = [self.comparison()]
        while self.stream.take(",", ";"):
            parts.append(self.comparison())
        token = self.stream.take(wanted)
        if token is None:
            raise UnreadableError((self.stream.peek() or opening).text, f"the bracket {opening.text!r} is not closed")
        if len(parts) > 1:
            return make("tuple", tuple(parts), None, opening.start, token.end)
        inner = parts[0]
        if inner.kind == "compare":
            return make("iverson", (inner,), None, opening.start, token.end)
        return make("group", (inner,), opening.text, opening.start, token.end)

    def comparison(self) -> Node:
        """Read an expression, or two with a sign of comparison between them."""
        left = self.expression()
        token = self.stream.peek()
        if token is not None and token.text in vocabulary.COMPARISONS:
            self.stream.position += 1
            right = self.expression()
            return make("compare", (left, right), vocabulary.COMPARISONS[token.text], left.start, right.end)
        return left

    def begins_factor(self, token: Token) -> bool:
        """Return whether a factor may begin with this token."""
        if token.kind == "sign":
            closing = token.text in ("|", "||") and self.stream.open_bars > 0
            return token.text in ("(", "[", "{", "|", "||", "+", "-") and not closing
        if token.kind == "command":
            known = token.text in vocabulary.GREEK or token.text in vocabulary.functions() or token.text in self.readers
            return known or token.text == "{" or token.text.startswith("begin:")
        return token.kind in ("number", "letter", "word", "note")

    def followed_by_factor(self) -> bool:
        """Return whether a factor follows the sign of multiplication at hand."""
        ahead = 1
        while (token := self.stream.peek(ahead)) is not None and token.kind == "space":
            ahead += 1
        return token is not None and self.begins_factor(token) and (token.text not in _STOPS)

    def checked(self, node: Node) -> Node:
        """Return the node, or raise if it is nested too deeply."""
        if node.depth > MAX_DEPTH:
            raise UnreadableError("…", "the formula is nested too deeply to be read")
        return node
