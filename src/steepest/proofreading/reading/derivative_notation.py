r"""Reads derivatives: fractions of differentials, ``\partial_w``, ``dW``, ``\nabla``, ``\Delta`` and limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from steepest.proofreading.reading.token_stream import ExpressionReader
from steepest.proofreading.reading.tokens import Token, UnreadableError
from steepest.proofreading.reading.tree import Node, make, transform, walk
from steepest.proofreading.reading.vocabulary import ACCENTS, GREEK, OPENING


def cost_gradient(variable: Node, start: int) -> Node:
    """Return the derivative of the cost with respect to a variable; of ``dW^T`` the transpose."""
    if variable.kind == "transpose":
        return make("transpose", (cost_gradient(variable.args[0], start),), None, start, variable.end)
    return make("cost_gradient", (variable,), "d", start, variable.end)


def with_orders(nodes: Sequence[Node]) -> list[Node]:
    """Read ``f^{(4)}(x)`` as the fourth derivative, if ``f'(x)`` is in the same statement; else 4 may count layers."""
    calls = [p for node in nodes for p in walk(node) if p.kind == "call"]
    primed = {call.args[0].base for call in calls if call.value and not call.args[0].roles}

    def change(node: Node) -> Node | None:
        function = node.args[0] if node.kind == "call" else node
        if function.base not in primed or function.roles != ("paren",) or function.args[0].kind != "number":
            return None
        order = float(function.args[0].value)
        if node.kind != "call" or not order.is_integer():
            return None
        bare = replace(function.without("paren"), start=function.start, end=function.end)
        return replace(node, args=(bare, *(transform(a, change) for a in node.args[1:])), value=int(order))

    return [transform(node, change) for node in nodes]


class DerivativeReader:
    """Reads derivatives, and fractions that are not derivatives."""

    def __init__(self, parser: ExpressionReader) -> None:
        self.parser, self.stream = parser, parser.stream
        self.readers: Mapping[str, Callable[[], Node]] = {
            "frac": self.fraction, "partial": self.partial, "nabla": self.nabla, "Delta": self.delta, "lim": self.limit,
        }  # fmt: skip

    def fraction(self) -> Node:
        r"""Read ``\frac{a}{b}``, which may be a derivative."""
        token = self.stream.next()
        top, bottom = self._half(), self._half()
        end = self.stream.previous.end
        derivative = self._derivative(top, bottom, token.start, end)
        if derivative is not None:
            return derivative
        above, below = self.parser.nested(top).parse(), self.parser.nested(bottom).parse()
        return self.parser.attachments.postfix(make("divide", (above, below), None, token.start, end))

    def _half(self) -> list[Token]:
        r"""Take one half of a fraction; of ``\frac12`` the first digit."""
        token = self.stream.peek()
        if token is not None and token.kind == "number" and len(token.text) > 1 and token.text.isdigit():
            return [self.stream.next_digit()]
        return self.parser.attachments.argument()

    def _derivative(self, top: list[Token], bottom: list[Token], start: int, end: int) -> Node | None:
        """Return the derivative that a fraction is, with its operand; None if it is a quotient."""
        if not bottom or not top or bottom[0].text not in ("partial", "d") or top[0].text not in ("partial", "d"):
            return None
        if len(bottom) < 2 or (bottom[0].kind == "letter" and bottom[1].kind not in ("letter", "command", "word")):
            return None
        kind = "partial" if bottom[0].text == "partial" else "total"
        by = self._variables(bottom)
        rest = top[1:]
        order = 1
        if rest and rest[0].text == "^":
            reader = self.parser.nested(rest)
            reader.stream.position = 1
            power = reader.attachments.argument()
            order = int(power[0].text) if len(power) == 1 and power[0].text.isdigit() else 0
            rest = rest[reader.stream.position :]
        if order != len(by):
            raise UnreadableError("\\frac", "the order of this derivative is not that of its denominator")
        if rest:
            body = self.parser.nested(rest).parse()
            node = make("derivative", (body, *by), kind, start, end)
            return self.parser.attachments.postfix(self._at_arguments(node))
        body = self._operand(narrow=False)
        return make("derivative", (body, *by), kind, start, body.end)

    def _at_arguments(self, node: Node) -> Node:
        r"""Read the bracket of ``\frac{df}{dx}(x)``, the point at which the derivative is taken."""
        body = node.args[0]
        if not self.stream.is_next("(") or body.kind != "symbol" or not self.parser.is_function(body.base):
            return node
        group = self.parser.bracket()
        arguments = self.parser.arguments(group)
        if group.kind == "group" and group.args[0].kind != "symbol":
            return make("multiply", (node, group), ("",), node.start, group.end)
        call = make("call", (body, *arguments), 0, body.start, group.end)
        return make("derivative", (call, *node.args[1:]), node.value, node.start, group.end)

    def _variables(self, tokens: list[Token]) -> list[Node]:
        r"""Return the variables in a denominator such as ``\partial x \partial y`` or ``dx^2``."""
        mark = tokens[0].text
        parts: list[list[Token]] = []
        depth = 0
        for token in tokens:
            if token.kind == "sign":
                depth += {"{": 1, "}": -1}.get(token.text, 0)
            begins = mark == "partial" or not parts or not token.glued or len(parts[-1]) > 1
            if token.text == mark and depth == 0 and begins:
                parts.append([token])
            elif parts:
                parts[-1].append(token)
        found: list[Node] = []
        for part in parts:
            if len(part) < 2:
                raise UnreadableError(part[0].text)
            node = self.parser.nested(part[1:]).parse()
            many = 1
            if node.kind == "power" and node.args[1].kind == "number":
                many = int(float(node.args[1].value))
                node = node.args[0]
            node = node.args[0] if node.kind in ("group", "transpose") else node
            if not 1 <= many <= 4:
                raise UnreadableError("^")
            found += [node] * many
        return found

    def _operand(self, narrow: bool) -> Node:
        r"""Read the operand of an operator: of d/dx a bracket, or the rest of the term.

        That of ``\partial_w`` is narrow: the next factor, or a term that begins with a number or fraction.
        """
        while narrow and self.stream.take("cdot"):
            pass
        token = self.stream.peek()
        if token is None or not self.parser.begins_factor(token) or (narrow and token.text in ("+", "-")):
            raise UnreadableError(self.stream.previous.text, "this derivative has no operand")
        long = token.text in ("frac", "sum", "prod") or token.kind == "number"
        return self.parser.term() if (long if narrow else token.text not in OPENING) else self.parser.factor()

    def partial(self) -> Node:
        r"""Read ``\partial_w C``, ``\partial z / \partial x``, or ``\partial x`` alone."""
        token = self.stream.next()
        if self.stream.take("_"):
            tokens = self.parser.attachments.argument()
            order = 1
            if self.stream.take("^"):
                digits = self.parser.attachments.argument()
                order = int(digits[0].text) if len(digits) == 1 and digits[0].text in "1234" else 1
            by = self.parser.nested(tokens).parse()
            body = self._operand(narrow=True)
            return make("derivative", (body, *([by] * order)), "partial", token.start, body.end)
        inner = self._operand(narrow=True)
        below = self.stream.peek(1)
        if self.stream.is_next("/") and below is not None and below.text == "partial":
            self.stream.position += 2
            by = self.parser.factor()
            return make("derivative", (inner, by), "partial", token.start, by.end)
        return make("cost_gradient", (inner,), "partial", token.start, inner.end)

    def cost_gradient(self) -> Node | None:
        """Read ``dW``, the derivative of the cost with respect to W, or ``dy/dx``; None where d is a letter."""
        token = self.stream.tokens[self.stream.position]
        following = self.stream.peek(1)
        if following is None or not following.glued:
            return None
        if not (following.kind == "letter" or (following.kind == "command" and following.text in (*GREEK, *ACCENTS))):
            return None
        self.stream.position += 1
        inner = self.parser.factor()
        mark, letter = self.stream.peek(1), self.stream.peek(2)
        if self.stream.is_next("/") and mark is not None and mark.text == "d" and letter is not None and letter.glued:
            self.stream.position += 2
            by = self.parser.factor()
            return make("derivative", (inner, by), "total", token.start, by.end)
        if inner.kind == "call" and len(inner.args) == 2:  # dC(ω), the derivative of C at ω
            return make("call", inner.args, int(inner.value) + 1, token.start, inner.end)
        return cost_gradient(inner, token.start)

    def limit(self) -> Node:
        r"""Read ``\lim_{h \to 0} …``."""
        token = self.stream.next()
        tokens = self.parser.attachments.argument() if self.stream.take("_") else []
        arrow = next((k for k, t in enumerate(tokens) if t.text == "to"), None)
        if arrow is None:
            raise UnreadableError("\\lim")
        variable = self.parser.nested(tokens[:arrow]).parse()
        target = self.parser.nested(tokens[arrow + 1 :]).parse()
        body = self.parser.term()
        return make("limit", (body, target, variable), None, token.start, body.end)

    def nabla(self) -> Node:
        r"""Read ``\nabla_\theta J(\theta)``."""
        token = self.stream.next()
        by: tuple[Node, ...] = ()
        if self.stream.take("_"):
            by = (self.parser.nested(self.parser.attachments.argument()).parse(),)
        following = self.stream.peek()
        if following is None or following.text == "^" or not self.parser.begins_factor(following):
            raise UnreadableError("\\nabla")
        body = self.parser.factor()
        return make("gradient", (body, *by), None, token.start, body.end)

    def delta(self) -> Node:
        r"""Read ``\Delta x``, a change of x, or a symbol Δ."""
        token = self.stream.next()
        following = self.stream.peek()
        if following is None or not (following.kind == "letter" or following.text in GREEK):
            return self.parser.attachments.indexed("\\Delta", token.start, token.end)
        inner = self.parser.factor()
        power = None
        if inner.kind == "power":
            inner, power = inner.args
        if inner.kind != "symbol":
            raise UnreadableError("\\Delta")
        node = make("change", (inner,), None, token.start, inner.end)
        return node if power is None else make("power", (node, power), None, token.start, power.end)
