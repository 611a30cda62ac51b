r"""Reads commands other than derivatives: sums, roots, norms, indicators, accents, matrices and cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from steepest.proofreading.reading.token_stream import ExpressionReader
from steepest.proofreading.reading.tokens import Token, UnreadableError
from steepest.proofreading.reading.tree import Node, make
from steepest.proofreading.reading.vocabulary import ACCENTS, COMPARISONS, GREEK, OPENING

_DOTS = ("dots", "cdots", "vdots", "ddots")
_BARS = {"||": ("norm", "‖", "the bars ‖ are not closed"), "|": ("abs", "|", "the bar | is not closed")}
_MOST_CELLS = 64  # of a matrix


class CommandReader:
    """Reads commands."""

    def __init__(self, parser: ExpressionReader) -> None:
        self.parser, self.stream = parser, parser.stream
        self.readers: Mapping[str, Callable[[], Node]] = {
            "sum": self.big, "prod": self.big, "sqrt": self.root, "mathbb": self.indicator, "mathbf1": self.indicator,
            "stopgrad": self.stopped, **dict.fromkeys(ACCENTS, self.accented), **dict.fromkeys(_DOTS, self.ellipsis),
        }  # fmt: skip

    def accented(self) -> Node:
        r"""Read a letter with an accent, which belongs to its name: ``\hat{y}_i``."""
        accent = self.stream.next()
        tokens = [t for t in self.parser.attachments.argument() if t.kind != "space"]
        if len(tokens) != 1 or (tokens[0].kind != "letter" and tokens[0].text not in GREEK):
            raise UnreadableError("\\" + accent.text)
        inner = tokens[0].text if tokens[0].kind == "letter" else "\\" + tokens[0].text
        return self.parser.attachments.indexed(f"\\{accent.text}{{{inner}}}", accent.start, self.stream.previous.end)

    def ellipsis(self) -> Node:
        """Read dots."""
        token = self.stream.next()
        return make("dots", (), None, token.start, token.end)

    def indicator(self) -> Node:
        r"""Read ``\mathbb{1}[z > 0]``; other letters of that alphabet are not understood."""
        token = self.stream.next()
        inner = self.parser.attachments.argument()
        if [t.text for t in inner] in (["1"], ["I"]):
            if self.stream.take("_", "^"):
                condition = self.parser.nested(self.parser.attachments.argument()).comparison()
                return make("iverson", (condition,), None, token.start, self.stream.previous.end)
            if self.stream.is_next(*OPENING):
                group = self.parser.bracket()
                if group.kind == "iverson":
                    return make("iverson", group.args, None, token.start, group.end)
        raise UnreadableError("\\mathbb")

    def stopped(self) -> Node:
        """Read ``\\operatorname{stopgrad}(x)``."""
        token = self.stream.next()
        group = self.parser.bracket()
        return make("stopped", (group,), None, token.start, group.end)

    def big(self) -> Node:
        r"""Read a sum or product over the rest of the term: ``\sum_{i=1}^{n} …``."""
        token = self.stream.next()
        kind = "sum" if token.text == "sum" else "product"
        lower: list[Token] = []
        upper: Node | None = None
        while mark := self.stream.take("_", "^"):
            tokens = self.parser.attachments.argument()
            if mark.text == "_":
                lower = tokens
            elif tokens:
                upper = self.parser.nested(tokens).parse()
        letters, first, condition = self._running(lower, token)
        while self.stream.take("cdot"):
            pass
        body = self.parser.term()
        if condition is not None:
            indicator = make("iverson", (condition,), None, body.start, body.end)
            body = make("multiply", (body, indicator), ("",), body.start, body.end)
        node = body
        for letter in reversed(letters):
            limits = (first, upper) if first is not None and upper is not None else ()
            node = make(kind, (node, *limits), letter, token.start, body.end)
        return node

    def _running(self, tokens: list[Token], token: Token) -> tuple[list[str], Node | None, Node | None]:
        """Return the index letters of a sum, the first value of its index, and a condition on them."""
        tokens = [t for t in tokens if t.kind not in ("space", "note")]
        if not tokens:
            return [""], None, None
        texts = [t.text for t in tokens]
        name = "\\ell" if texts[0] == "ell" else texts[0]
        if tokens[0].kind != "letter" and texts[0] != "ell":
            raise UnreadableError("\\" + token.text)
        if len(texts) == 1:
            return [name], None, None
        if texts[1] == "=":
            return [name], self.parser.nested(tokens[2:]).parse(), None
        if texts[1] == "ne":
            return [name], None, self.parser.nested(tokens).comparison()
        if all(t.kind == "letter" or t.text == "," for t in tokens):
            return [t.text for t in tokens if t.text != ","], None, None
        raise UnreadableError("\\" + token.text)

    def root(self) -> Node:
        r"""Read ``\sqrt{x}`` or √x."""
        token = self.stream.next()
        if self.stream.is_next("["):
            raise UnreadableError("\\sqrt")
        inner = self.parser.nested(self.parser.attachments.argument()).parse()
        return self.parser.attachments.postfix(make("sqrt", (inner,), None, token.start, self.stream.previous.end))

    def between_bars(self) -> Node:
        r"""Read ``\|x\|`` or ``|x|``."""
        opening = self.stream.next()
        self.stream.open_bars += 1
        inner = self.parser.expression()
        self.stream.open_bars -= 1
        closing = self.stream.take(opening.text)
        kind, shown, trouble = _BARS[opening.text]
        if closing is None:
            raise UnreadableError(shown, trouble)
        return make(kind, (inner,), None, opening.start, closing.end)

    def numpy_sum(self, token: Token) -> Node:
        """Read ``np.sum(dZ, axis=1, keepdims=True)``."""
        if not self.stream.take("("):
            raise UnreadableError(token.text)
        inner = self.parser.expression()
        axis = None
        while (mark := self.stream.peek()) is not None and mark.text != ")":
            self.stream.position += 1
            if mark.text == "axis":
                digits = [t.text for t in self.stream.tokens[self.stream.position : self.stream.position + 2]]
                axis = next((int(d) for d in digits if d in ("0", "1")), None)
        self.stream.next()
        return self.parser.attachments.postfix(make("array_sum", (inner,), axis, token.start, self.stream.previous.end))

    def environment(self) -> Node:
        """Read a matrix or cases; a matrix whose last column are conditions is read as cases."""
        opening = self.stream.next()
        name = opening.text.removeprefix("begin:")
        rows: list[list[list[Token]]] = [[[]]]
        depth = 1
        while True:
            token = self.stream.next()
            depth += token.text.startswith("begin:") - token.text.startswith("end:")
            if depth == 0:
                break
            if depth == 1 and token.text == "&":
                rows[-1].append([])
            elif depth == 1 and token.text == "\\":
                rows.append([[]])
            else:
                rows[-1][-1].append(token)
        rows = [row for row in rows if any(row)]
        conditional = 0 < len(rows) <= _MOST_CELLS and all(len(row) == 2 and _compares(row[1]) for row in rows)
        begin = f"\\begin{{{name}}}"
        if not name.endswith("matrix") and name not in ("array", "cases", "dcases"):
            raise UnreadableError(begin)
        if name in ("cases", "dcases") or conditional:
            return self._cases(rows, opening, token.end)
        width = len(rows[0]) if rows else 0
        if not rows or any(len(row) != width for row in rows) or width * len(rows) > _MOST_CELLS:
            raise UnreadableError(begin, "the rows of this matrix differ in length")
        cells = tuple(self.parser.nested(cell).parse() for row in rows for cell in row)
        return make("matrix", cells, width, opening.start, token.end)

    def _cases(self, rows: list[list[list[Token]]], opening: Token, end: int) -> Node:
        parts: list[Node] = []
        for row in rows:
            if len(row) < 2:
                raise UnreadableError("\\begin{cases}", "a case has no condition")
            value = self.parser.nested([t for t in row[0] if t.text not in (",", ";")]).parse()
            words = [t for t in row[1] if t.kind not in ("space", "note")]
            tokens = [t for t in words if t.text not in (",", ".", ";", "if", "for")]
            if not tokens or tokens[0].text in ("otherwise", "else"):
                condition = make("else", (), "otherwise", value.end, value.end)
            else:
                condition = self.parser.nested(tokens).comparison()
                if condition.kind != "compare":
                    raise UnreadableError(tokens[0].text, "this is not a condition")
            parts += [value, condition]
        if not parts:
            raise UnreadableError("\\begin{cases}")
        return make("cases", tuple(parts), None, opening.start, end)


def _compares(tokens: list[Token]) -> bool:
    return any(t.text in COMPARISONS or t.text == "otherwise" for t in tokens)
