r"""The commands of a formula: fractions, derivatives, sums, limits, gradients, matrices, cases, norms."""

from __future__ import annotations

from typing import ClassVar

from steepest.proofreading.reading.indices import IndexReader
from steepest.proofreading.reading.tokens import Token, UnreadableError
from steepest.proofreading.reading.tree import Node, make
from steepest.proofreading.reading.vocabulary import BUILT_IN, GREEK, OPENING, PRODUCTS, Context

_ACCENTS = ("hat", "bar", "tilde", "dot", "ddot", "check", "breve")
_DOTS = ("dots", "cdots", "vdots", "ddots")


class OperatorReader(IndexReader):
    """The part of the parser for commands."""

    readers: ClassVar[dict[str, str]] = {
        "frac": "fraction", "sum": "big", "prod": "big", "lim": "limit", "partial": "partial", "nabla": "nabla",
        "Delta": "delta", "sqrt": "root", **dict.fromkeys(_ACCENTS, "accented"), **dict.fromkeys(_DOTS, "ellipsis"),
        "mathbb": "indicator", "mathbf1": "indicator", "stopgrad": "stopped",
    }  # fmt: skip

    def command(self, token: Token) -> Node:
        """The factor that a command begins."""
        if token.text in GREEK:
            return self.named("\\" + token.text)
        if token.text in self.readers:
            found: Node = getattr(self, self.readers[token.text])()
            return found
        if token.text in BUILT_IN:
            self.at += 1
            return self.applied(make("function", (), BUILT_IN[token.text], token.start, token.end))
        if token.text.startswith("begin:"):
            return self.postfix(self.environment())
        if token.text == "{":
            return self.postfix(self.bracket())
        raise UnreadableError("\\" + token.text, token.start, token.end)

    def accented(self) -> Node:
        r"""``\hat{y}_i``: the accent belongs to the name."""
        accent = self.next()
        tokens = [t for t in self.group_tokens() if t.kind != "space"]
        if len(tokens) != 1 or (tokens[0].kind != "letter" and tokens[0].text not in GREEK):
            raise UnreadableError("\\" + accent.text, accent.start, accent.end)
        inner = tokens[0].text if tokens[0].kind == "letter" else "\\" + tokens[0].text
        return self.indexed(f"\\{accent.text}{{{inner}}}", accent.start, self.tokens[self.at - 1].end)

    def ellipsis(self) -> Node:
        """Dots."""
        token = self.next()
        return make("dots", (), None, token.start, token.end)

    def indicator(self) -> Node:
        r"""``\mathbb{1}[z > 0]``; any other letter of that alphabet is a symbol."""
        token = self.next()
        inner = self.group_tokens()
        following = self.peek()
        if [t.text for t in inner] in (["1"], ["I"]) and following is not None:
            if following.text in ("_", "^"):
                self.at += 1
                return make(
                    "iverson",
                    (self.parser_of(self.group_tokens()).comparison(),),
                    None,
                    token.start,
                    self.tokens[self.at - 1].end,
                )
            if following.text in OPENING:
                group = self.bracket()
                if group.kind == "iverson":
                    return make("iverson", group.args, None, token.start, group.end)
        raise UnreadableError("\\mathbb", token.start, token.end)

    def stopped(self) -> Node:
        """What is held constant."""
        token = self.next()
        group = self.bracket()
        return make("stopped", (group,), None, token.start, group.end)

    # -- fractions and derivatives ---------------------------------------------------------------------------

    def fraction(self) -> Node:
        r"""``\frac{a}{b}``, which may be a derivative."""
        token = self.next()
        top, bottom = self._half(), self._half()
        end = self.tokens[self.at - 1].end
        derivative = self._derivative(top, bottom, token.start, end)
        if derivative is not None:
            return derivative
        above, below = self.parser_of(top).whole(), self.parser_of(bottom).whole()
        return self.postfix(make("divide", (above, below), None, token.start, end))

    def _half(self) -> list[Token]:
        r"""One half of a fraction; of ``\frac12`` the first digit."""
        token = self.peek()
        if token is not None and token.kind == "number" and len(token.text) > 1 and token.text.isdigit():
            first = Token("number", token.text[0], token.start, token.start + 1, token.glued)
            rest = Token("number", token.text[1:], token.start + 1, token.end, True)
            self.tokens = [*self.tokens[: self.at], first, rest, *self.tokens[self.at + 1 :]]
            self.at += 1
            return [first]
        return self.group_tokens()

    def _derivative(self, top: list[Token], bottom: list[Token], start: int, end: int) -> Node | None:
        """The derivative that a fraction is, with what it is applied to; None if it is a quotient."""
        if not bottom or not top or bottom[0].text not in ("partial", "d") or top[0].text not in ("partial", "d"):
            return None
        if len(bottom) < 2 or (bottom[0].kind == "letter" and bottom[1].kind not in ("letter", "command", "word")):
            return None
        kind = "partial" if bottom[0].text == "partial" else "total"
        by = self._variables(bottom)
        rest = top[1:]
        order = 1
        if rest and rest[0].text == "^":
            reader = self.parser_of(rest)
            reader.at = 1
            power = reader.group_tokens()
            order = int(power[0].text) if len(power) == 1 and power[0].text.isdigit() else 0
            rest = rest[reader.at :]
        if order != len(by):
            raise UnreadableError("\\frac", start, end, "the order of this derivative is not that of its denominator")
        if rest:
            body = self.parser_of(rest).whole()
            node = make("derivative", (body, *by), kind, start, end)
            return self.postfix(self._at_arguments(node))
        body = self._operand()
        return make("derivative", (body, *by), kind, start, body.end)

    def _at_arguments(self, node: Node) -> Node:
        r"""``\frac{df}{dx}(x)``: the bracket says only where."""
        token = self.peek()
        body = node.args[0]
        if token is None or token.text != "(" or body.kind != "symbol" or not self.is_function(body.base):
            return node
        group = self.bracket()
        arguments = self.arguments(group)
        if group.kind == "group" and group.args[0].kind != "symbol":
            return make("multiply", (node, group), ("",), node.start, group.end)
        call = make("call", (body, *arguments), 0, body.start, group.end)
        return make("derivative", (call, *node.args[1:]), node.value, node.start, group.end)

    def _variables(self, tokens: list[Token]) -> list[Node]:
        r"""What a derivative is taken by: ``\partial x \partial y``, ``dx^2``."""
        mark = tokens[0].text
        parts: list[list[Token]] = []
        depth = 0
        for token in tokens:
            if token.kind == "sign":
                depth += {"{": 1, "}": -1}.get(token.text, 0)
            if (
                token.text == mark
                and depth == 0
                and (mark == "partial" or not parts or token.glued is False or len(parts[-1]) > 1)
            ):
                parts.append([token])
            elif parts:
                parts[-1].append(token)
        found: list[Node] = []
        for part in parts:
            if len(part) < 2:
                raise UnreadableError(part[0].text, part[0].start, part[0].end)
            node = self.parser_of(part[1:]).whole()
            many = 1
            if node.kind == "power" and node.args[1].kind == "number":
                many = int(float(node.args[1].value))
                node = node.args[0]
            node = node.args[0] if node.kind in ("group", "transpose") else node
            if not 1 <= many <= 4:
                raise UnreadableError("^", part[0].start, part[-1].end)
            found += [node] * many
        return found

    def _operand(self) -> Node:
        """What an operator such as d/dx is applied to: a bracket, or the rest of the product."""
        token = self.peek()
        if token is None or not self.begins_factor(token):
            shown = self.tokens[self.at - 1]
            raise UnreadableError(shown.text, shown.start, shown.end, "this derivative is of nothing")
        if token.text in OPENING:
            return self.factor(False)
        return self.term()

    def partial(self) -> Node:
        r"""``\partial_w C``, ``\partial z / \partial x``, or ``\partial x`` alone."""
        token = self.next()
        following = self.peek()
        if following is not None and following.text == "_":
            self.at += 1
            tokens = self.group_tokens()
            order = 1
            if (power := self.peek()) is not None and power.text == "^":
                self.at += 1
                digits = self.group_tokens()
                order = int(digits[0].text) if len(digits) == 1 and digits[0].text in "1234" else 1
            by = self.parser_of(tokens).whole()
            body = self._narrow_operand()
            return make("derivative", (body, *([by] * order)), "partial", token.start, body.end)
        inner = self._narrow_operand()
        if (slash := self.peek()) is not None and slash.text == "/":
            below = self.peek(1)
            if below is not None and below.text == "partial":
                self.at += 2
                by = self.factor(False)
                return make("derivative", (inner, by), "partial", token.start, by.end)
        return make("cost_gradient", (inner,), "partial", token.start, inner.end)

    def _narrow_operand(self) -> Node:
        r"""What ``\partial_w`` is applied to: the next factor; the product from a number or fraction on."""
        token = self.peek()
        while token is not None and token.text in PRODUCTS and token.text == "cdot":
            self.at += 1
            token = self.peek()
        if token is None or not self.begins_factor(token) or token.text in ("+", "-"):
            shown = self.tokens[self.at - 1]
            raise UnreadableError(shown.text, shown.start, shown.end, "this derivative is of nothing")
        if token.text in ("frac", "sum", "prod") or token.kind == "number":
            return self.term()
        return self.factor(False)

    def cost_gradient(self) -> Node | None:
        """``dW``, the derivative of the cost by W, or ``dy/dx``; None where d is a letter of its own."""
        token = self.tokens[self.at]
        following = self.peek(1)
        if following is None or not following.glued:
            return None
        if not (following.kind == "letter" or (following.kind == "command" and following.text in (*GREEK, *_ACCENTS))):
            return None
        self.at += 1
        inner = self.factor(False)
        if (slash := self.peek()) is not None and slash.text == "/":
            mark, letter = self.peek(1), self.peek(2)
            if mark is not None and mark.text == "d" and letter is not None and letter.glued:
                self.at += 2
                by = self.factor(False)
                return make("derivative", (inner, by), "total", token.start, by.end)
        if inner.kind == "call" and len(inner.args) == 2:  # dC(ω), the derivative of C at ω
            return make("call", inner.args, int(inner.value) + 1, token.start, inner.end)
        if inner.kind == "transpose":
            return make(
                "transpose",
                (make("cost_gradient", inner.args, "d", token.start, inner.end),),
                None,
                token.start,
                inner.end,
            )
        return make("cost_gradient", (inner,), "d", token.start, inner.end)

    # -- sums, limits, gradients -----------------------------------------------------------------------------

    def big(self) -> Node:
        r"""``\sum_{i=1}^{n} …`` over the rest of the product."""
        token = self.next()
        kind = "sum" if token.text == "sum" else "product"
        lower: list[Token] = []
        upper: Node | None = None
        while (mark := self.peek()) is not None and mark.text in ("_", "^"):
            self.at += 1
            tokens = self.group_tokens()
            if mark.text == "_":
                lower = tokens
            elif tokens:
                upper = self.parser_of(tokens).whole()
        letters, first, condition = self._running(lower, token)
        while (mark := self.peek()) is not None and mark.text in ("cdot",):
            self.at += 1
        body = self.term()
        if condition is not None:
            body = make(
                "multiply",
                (body, make("iverson", (condition,), None, body.start, body.end)),
                ("",),
                body.start,
                body.end,
            )
        node = body
        for letter in reversed(letters):
            limits = (first, upper) if first is not None and upper is not None else ()
            node = make(kind, (node, *limits), letter, token.start, body.end)
        return node

    def _running(self, tokens: list[Token], token: Token) -> tuple[list[str], Node | None, Node | None]:
        """The letters that a sum runs over, where the first begins, and a condition on them."""
        tokens = [t for t in tokens if t.kind not in ("space", "note")]
        if not tokens:
            return [""], None, None
        texts = [t.text for t in tokens]
        name = "\\ell" if texts[0] == "ell" else texts[0]
        if tokens[0].kind != "letter" and texts[0] != "ell":
            raise UnreadableError("\\" + token.text, token.start, token.end)
        if len(texts) == 1:
            return [name], None, None
        if texts[1] == "=":
            return [name], self.parser_of(tokens[2:]).whole(), None
        if texts[1] == "ne":
            return [name], None, self.parser_of(tokens).comparison()
        if all(t.kind == "letter" or t.text == "," for t in tokens):
            return [t.text for t in tokens if t.text != ","], None, None
        raise UnreadableError("\\" + token.text, token.start, token.end)

    def limit(self) -> Node:
        r"""``\lim_{h \to 0} …``"""
        token = self.next()
        if (mark := self.peek()) is None or mark.text != "_":
            raise UnreadableError("\\lim", token.start, token.end)
        self.at += 1
        tokens = self.group_tokens()
        arrow = next((k for k, t in enumerate(tokens) if t.text == "to"), None)
        if arrow is None:
            raise UnreadableError("\\lim", token.start, token.end)
        variable = self.parser_of(tokens[:arrow]).whole()
        target = self.parser_of(tokens[arrow + 1 :]).whole()
        body = self.term()
        return make("limit", (body, target, variable), None, token.start, body.end)

    def nabla(self) -> Node:
        r"""``\nabla_\theta J(\theta)``"""
        token = self.next()
        by: tuple[Node, ...] = ()
        if (mark := self.peek()) is not None and mark.text == "_":
            self.at += 1
            by = (self.parser_of(self.group_tokens()).whole(),)
        following = self.peek()
        if following is None or following.text == "^" or not self.begins_factor(following):
            raise UnreadableError("\\nabla", token.start, token.end)
        body = self.factor(False)
        return make("gradient", (body, *by), None, token.start, body.end)

    def delta(self) -> Node:
        r"""``\Delta x``, a change of x, or a symbol Δ."""
        token = self.next()
        following = self.peek()
        if following is None or not (following.kind == "letter" or following.text in GREEK):
            return self.indexed("\\Delta", token.start, token.end)
        inner = self.factor(False)
        power = None
        if inner.kind == "power":
            inner, power = inner.args
        if inner.kind != "symbol":
            raise UnreadableError("\\Delta", token.start, token.end)
        node = make("change", (inner,), None, token.start, inner.end)
        return node if power is None else make("power", (node, power), None, token.start, power.end)

    def root(self) -> Node:
        r"""``\sqrt{x}``, or √x."""
        token = self.next()
        if (mark := self.peek()) is not None and mark.text == "[":
            raise UnreadableError("\\sqrt", token.start, token.end)
        inner = self.parser_of(self.group_tokens()).whole()
        return self.postfix(make("sqrt", (inner,), None, token.start, self.tokens[self.at - 1].end))

    def norm(self) -> Node:
        r"""``\|x\|``"""
        opening = self.next()
        self.bars += 1
        inner = self.expression()
        self.bars -= 1
        closing = self.peek()
        if closing is None or closing.text != "||":
            raise UnreadableError("‖", opening.start, opening.end, "the bars ‖ are not closed")
        self.at += 1
        return make("norm", (inner,), None, opening.start, closing.end)

    def bars_of(self) -> Node:
        """``|x|``"""
        opening = self.next()
        self.bars += 1
        inner = self.expression()
        self.bars -= 1
        closing = self.peek()
        if closing is None or closing.text != "|":
            raise UnreadableError("|", opening.start, opening.end, "the bar | is not closed")
        self.at += 1
        return make("abs", (inner,), None, opening.start, closing.end)

    def numpy_sum(self, token: Token) -> Node:
        """``np.sum(dZ, axis=1, keepdims=True)``"""
        following = self.peek()
        if following is None or following.text != "(":
            raise UnreadableError(token.text, token.start, token.end)
        self.at += 1
        inner = self.expression()
        axis = None
        while (mark := self.peek()) is not None and mark.text != ")":
            self.at += 1
            if mark.text == "axis":
                digits = [t.text for t in self.tokens[self.at : self.at + 2]]
                axis = next((int(d) for d in digits if d in ("0", "1")), None)
        self.next()
        return self.postfix(make("array_sum", (inner,), axis, token.start, self.tokens[self.at - 1].end))

    # -- matrices and cases ----------------------------------------------------------------------------------

    def environment(self) -> Node:
        """A matrix, or cases; a matrix whose last column is conditions is read as cases."""
        opening = self.next()
        name = opening.text.removeprefix("begin:")
        rows: list[list[list[Token]]] = [[[]]]
        depth = 1
        while True:
            token = self.next()
            depth += {"begin": 1, "end:": -1}.get(
                token.text[:5].rstrip(":") if token.text.startswith("begin:") else token.text[:4], 0
            )
            if depth == 0:
                break
            if depth == 1 and token.text == "&":
                rows[-1].append([])
            elif depth == 1 and token.text == "\\":
                rows.append([[]])
            else:
                rows[-1][-1].append(token)
        rows = [row for row in rows if any(row)]
        if name in ("cases", "dcases"):
            return self._cases(rows, opening, token.end)
        if not name.endswith("matrix") and name not in ("array",):
            raise UnreadableError(f"\\begin{{{name}}}", opening.start, opening.end)
        if rows and len(rows) <= 64 and all(len(row) == 2 and _compares(row[1], self.context) for row in rows):
            return self._cases(rows, opening, token.end)
        width = len(rows[0]) if rows else 0
        if not rows or any(len(row) != width for row in rows) or width * len(rows) > 64:
            raise UnreadableError(
                f"\\begin{{{name}}}", opening.start, opening.end, "the rows of this matrix differ in length"
            )
        cells = tuple(self.parser_of(cell).whole() for row in rows for cell in row)
        return make("matrix", cells, width, opening.start, token.end)

    def _cases(self, rows: list[list[list[Token]]], opening: Token, end: int) -> Node:
        parts: list[Node] = []
        for row in rows:
            if len(row) < 2:
                raise UnreadableError("\\begin{cases}", opening.start, opening.end, "a case has no condition")
            value = self.parser_of([t for t in row[0] if t.text not in (",", ";")]).whole()
            tokens = [
                t for t in row[1] if t.kind not in ("space", "note") and t.text not in (",", ".", ";", "if", "for")
            ]
            if not tokens or tokens[0].text in ("otherwise", "else"):
                condition = make("else", (), "otherwise", value.end, value.end)
            else:
                condition = self.parser_of(tokens).comparison()
                if condition.kind != "compare":
                    raise UnreadableError(tokens[0].text, tokens[0].start, tokens[0].end, "this is not a condition")
            parts += [value, condition]
        if not parts:
            raise UnreadableError("\\begin{cases}", opening.start, opening.end)
        return make("cases", tuple(parts), None, opening.start, end)


def _compares(tokens: list[Token], context: Context) -> bool:
    return any(t.text in context.comparisons for t in tokens) or any(t.text == "otherwise" for t in tokens)
