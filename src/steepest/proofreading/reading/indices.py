r"""Subscripts, superscripts and primes: which of them are indices, layers, labels, exponents, transposes.

``a_i^{(l)}`` has two indices, ``x_{new}`` a label, ``W^{[2]T}`` a layer and a transpose, ``x_i^2`` an exponent.
"""

from __future__ import annotations

from collections.abc import Sequence

from steepest.proofreading.reading.token_stream import ExpressionReader
from steepest.proofreading.reading.tokens import Token, UnreadableError
from steepest.proofreading.reading.tree import Node, make
from steepest.proofreading.reading.vocabulary import INDEX_LETTERS, OPENING, RUNS


class _Marks:
    """What is attached to a letter."""

    def __init__(self) -> None:
        self.indices: list[tuple[str, Node]] = []
        self.label = ""
        self.primes = 0
        self.transposed = False
        self.exponent: Node | None = None


class IndexReader:
    """Reads what is attached to a letter or bracket."""

    def __init__(self, parser: ExpressionReader) -> None:
        self.parser, self.stream = parser, parser.stream

    def indexed(self, base: str, start: int, end: int) -> Node:
        """Read everything that is attached to a letter that was taken."""
        marks = _Marks()
        while (token := self.stream.peek()) is not None and token.text in ("_", "^", "'"):
            if token.text == "_" and marks.exponent is not None:
                break
            self.stream.position += 1
            if token.text == "'":
                marks.primes += 1
            elif token.text == "_":
                self._subscript(self.argument(), marks)
            else:
                self._superscript(base, self.argument(), marks)
            end = self.stream.previous.end
        if base == "e" and not marks.indices and not marks.label and marks.exponent is not None and not marks.primes:
            whole = marks.exponent.kind == "number" and "." not in str(marks.exponent.value)
            if not (whole and "e" in self.parser.context.letters):
                function = make("function", (), "exp", start, start + 1)
                return self.postfix(make("call", (function, marks.exponent), 0, start, end))
        name = base + marks.label
        roles = tuple(role for role, _ in marks.indices)
        node = make("symbol", tuple(index for _, index in marks.indices), (name, roles), start, end)
        if not marks.transposed:
            called = self.parser.call_of(node, marks.primes)
            if called is not None:
                node, marks.primes = called, 0
        if marks.primes:
            node = make("prime", (node,), marks.primes, start, end)
        if marks.transposed:
            node = make("transpose", (node,), None, start, end)
        if marks.exponent is not None:
            node = make("power", (node, marks.exponent), None, start, max(end, node.end))
        return self.postfix(node)

    def postfix(self, node: Node) -> Node:
        """Read the exponents, transposes and primes of a factor."""
        while token := self.stream.take("^", "'", "_"):
            if token.text == "'":
                node = make("prime", (node,), 1, node.start, token.end)
                continue
            tokens = self.argument()
            end = self.stream.previous.end
            if token.text == "_":
                if node.kind in ("norm", "abs", "call"):
                    continue  # ‖x‖_2
                if node.kind == "group":
                    marks = _Marks()
                    self._subscript(tokens, marks)
                    node = make("element", (node, *(index for _, index in marks.indices)), None, node.start, end)
                    continue
                raise UnreadableError("_")
            if [t.text for t in tokens] in (["T"], ["top"]):
                node = make("transpose", (node,), None, node.start, end)
            elif tokens and all(t.text == "'" for t in tokens):
                node = make("prime", (node,), len(tokens), node.start, end)
            else:
                node = make("power", (node, self._inside(tokens)), None, node.start, end)
        return node

    def argument(self) -> list[Token]:
        """Take the tokens of an argument: a group in braces or a single token."""
        token = self.stream.next()
        if token.text != "{" or token.kind != "sign":
            if token.text in ("hat", "bar", "tilde", "frac", "sqrt"):
                self.stream.position -= 1
                begin = self.stream.position
                self.parser.factor()
                return list(self.stream.tokens[begin : self.stream.position])
            return [token]  # TeX takes one digit of w_12; people who write that mean both
        depth, begin = 1, self.stream.position
        while depth:
            inner = self.stream.next()
            if inner.kind == "sign":
                depth += {"{": 1, "}": -1}.get(inner.text, 0)
        return list(self.stream.tokens[begin : self.stream.position - 1])

    def _inside(self, tokens: Sequence[Token]) -> Node:
        return self.parser.nested(tokens).parse()

    def _subscript(self, tokens: Sequence[Token], marks: _Marks) -> None:
        tokens = [t for t in tokens if t.kind != "space"]
        if not tokens:
            return
        texts = [t.text for t in tokens]
        if any(t.kind in ("note", "word") for t in tokens):
            marks.label += "_{" + "".join(texts) + "}"
        elif all(t.kind == "letter" and len(t.text) == 1 for t in tokens):
            if len(tokens) == 1 and (texts[0] in INDEX_LETTERS):
                marks.indices.append(("sub", self._inside(tokens)))
            elif len(tokens) in (2, 3) and set(texts) <= RUNS:
                marks.indices += [("sub", self._inside([t])) for t in tokens]
            else:
                marks.label += "_{" + "".join(texts) + "}"
        elif "," in texts:
            part: list[Token] = []
            for token in [*tokens, None]:
                if token is None or token.text == ",":
                    self._subscript(part, marks)
                    part = []
                else:
                    part.append(token)
        elif len(tokens) > 1 and all(t.kind == "number" or t.text in RUNS for t in tokens):
            marks.indices += [("sub", self._inside([t])) for t in tokens]
        elif all(t.kind == "command" for t in tokens) and len(tokens) == 1:
            marks.label += "_{\\" + texts[0] + "}"
        else:
            marks.indices.append(("sub", self._inside(tokens)))

    def _superscript(self, base: str, tokens: Sequence[Token], marks: _Marks) -> None:
        tokens = [t for t in tokens if t.kind != "space"]
        while tokens:
            first = tokens[0].text
            if first in ("(", "["):
                end = _partner(tokens)
                if end is not None and _counts(tokens[1:end]) and (base != "e" or _is_layer(tokens[1:end])):
                    role = "paren" if first == "(" else "bracket"
                    if role == "paren" and ("paren" in [r for r, _ in marks.indices]):
                        role = "paren2"
                    marks.indices.append((role, self._inside(tokens[1:end])))
                    tokens = tokens[end + 1 :]
                    continue
            if first in ("T", "top") and (len(tokens) == 1 or tokens[1].text in ("'", "(", "[")):
                marks.transposed = True
                tokens = tokens[1:]
                continue
            if first == "'":
                marks.primes += 1
                tokens = tokens[1:]
                continue
            if first in ("*", "dagger", "+") and len(tokens) == 1:
                marks.label += f"^{first}"
                return
            if len(tokens) == 1 and tokens[0].kind == "note":
                marks.label += "^{" + first + "}"
                return
            exponent = self._inside(tokens)
            if marks.exponent is not None:
                raise UnreadableError("^")
            marks.exponent = exponent
            return


def _partner(tokens: Sequence[Token]) -> int | None:
    depth = 0
    for at, token in enumerate(tokens):
        if token.text in OPENING:
            depth += 1
        elif token.text in (")", "]", "}"):
            depth -= 1
            if depth == 0:
                return at
    return None


def _is_layer(tokens: Sequence[Token]) -> bool:
    """Return whether these tokens number a layer even above e: ``e^{(1)}`` is no power."""
    return tokens[0].kind == "number" or tokens[0].text in ("l", "m", "L", "ell")


def _counts(tokens: Sequence[Token]) -> bool:
    """Return whether these tokens may be an index: ``2``, ``l``, ``l-1``, ``m``, ``i``."""
    letters = sum(t.kind == "letter" for t in tokens)
    plain = all(t.kind in ("letter", "number") or t.text in ("+", "-", "ell") for t in tokens)
    return bool(tokens) and plain and letters <= 2 and len(tokens) <= 5
