"""Cuts passages of formulas into statements: chains of sides with =, ≈ or another relation between them.

A chain may go on over several rows and displays: a row that begins with = goes on with the statement before, and a
sign of equality at the end of a row that is followed by another one, or by a new statement, is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from steepest.proofreading.reading import prose
from steepest.proofreading.reading.derivative_notation import with_orders
from steepest.proofreading.reading.parser import Parser
from steepest.proofreading.reading.passages import Passage
from steepest.proofreading.reading.tokens import Token, UnreadableError, tokenize, with_joined_signs
from steepest.proofreading.reading.tree import Node
from steepest.proofreading.reading.vocabulary import GREEK, Context

RELATIONS = {
    "=": "=", ":=": ":=", "approx": "≈", "equiv": "=", "<": "<", ">": ">", "le": "<=", "ge": ">=", "ne": "!=",
    "leftarrow": ":=", "to": "→", "sim": "∼", "propto": "∝", "in": "∈", "ll": "≪", "gg": "≫",
    "mapsto": "→", "xrightarrow": "→", "subset": "⊂", "notin": "∉",
}  # fmt: skip
DECIDED = ("=", ":=", "≈", "<", ">", "<=", ">=")
"""The relations that are checked; lines with other ones are ignored."""

_INNER = ("matrix", "cases", "array", "substack")
_ASKING = ("+", "-", "*", "cdot", "times", "odot", "/")  # signs before a note that is part of the formula
_PUNCTUATION = (".", ",", ";", "dots", "cdots", "vdots")
_SEPARATORS = ("Rightarrow", "Leftrightarrow", "therefore", "because")


@dataclass(eq=False)
class Side:
    """One side of an equation.

    Its tree changes in place when notation is completed and when a mistake is corrected: lines and corrections refer to
    sides by identity, and a definition to the very tree that is its body. A frozen side would have to be replaced in
    all of them.
    """

    passage: Passage
    start: int  # its offset in the text of the passage
    end: int
    tokens: list[Token]
    node: Node | None = None  # its tree; None if it is not understood
    trouble: UnreadableError | None = None  # why it is not understood

    @property
    def text(self) -> str:
        """The side as it is written, with macros expanded."""
        return re.sub(r"\s+", " ", self.passage.text[self.start : self.end]).strip()

    @property
    def place(self) -> int:
        """Its offset in the document."""
        return self.passage.places[self.start]

    def parse(self, context: Context) -> None:
        """Read the tree, or note what is in the way."""
        try:
            self.node = Parser(self.tokens, context).parse()
        except UnreadableError as trouble:
            self.trouble = trouble


@dataclass(eq=False)
class Statement:
    """A chain ``a = b = c``."""

    sides: list[Side]
    relations: list[str]  # between the sides
    section: int = 0  # the number of headings before it
    before: str = ""  # the prose before its passage
    origin: str = "formula"  # ``formula``, or ``prose`` for a formula in plain words
    passage: int = 0  # the number of its passage
    after: str = ""  # the prose after it
    point: tuple[float, ...] | None = None  # the point that the prose before it names, if any

    @property
    def nodes(self) -> list[Node]:
        """The trees of the sides that were understood."""
        return [side.node for side in self.sides if side.node is not None]


@dataclass
class ParsedDocument:
    """All statements of a document."""

    statements: list[Statement] = field(default_factory=list)
    context: Context = field(default_factory=Context)
    # Formulas without a relation, with the numbers of their passages; they name things in the prose.
    standalone: list[tuple[int, Side]] = field(default_factory=list)
    troubles: list[tuple[Passage, UnreadableError]] = field(default_factory=list)  # not split into tokens

    def nodes(self, standalone: bool = False) -> list[Node]:
        """Return the trees of all sides that were understood, on request with those of standalone formulas."""
        found = [node for statement in self.statements for node in statement.nodes]
        return found + [s.node for _, s in self.standalone if s.node is not None] if standalone else found


def read_statements(passages: Sequence[Passage]) -> ParsedDocument:
    """Cut the formulas of a document into statements and parse their sides."""
    parsed = ParsedDocument()
    section, before = 0, ""
    open_statement: Statement | None = None
    for number, passage in enumerate(passages):
        if passage.kind == "heading":
            section, before, open_statement = section + 1, passage.text, None
            continue
        if not passage.is_maths:
            before = passage.text
            _prose_statements(parsed, passage, number, section)
            if open_statement is not None and not open_statement.after:
                open_statement.after = passage.text
            continue
        try:
            tokens = tokenize(passage.text)
        except UnreadableError as trouble:
            parsed.troubles.append((passage, trouble))
            continue
        for piece in _pieces(tokens):
            new = Statement([], [], section, before, passage=number)
            open_statement = _with_piece(parsed, piece, new, passage, open_statement)
        if before.strip() and passage.kind == "display":
            before = ""
    for statement in parsed.statements:
        _finish(statement)
    parsed.statements = [s for s in parsed.statements if s.relations]
    _parse(parsed)
    return parsed


def _with_piece(
    parsed: ParsedDocument, piece: list[Token], new: Statement, passage: Passage, open_statement: Statement | None
) -> Statement | None:
    """Take in one piece of a passage: it becomes the statement ``new``, or goes on with the one that is open.

    Return the statement that a following piece may continue.
    """
    sides, relations = _sides(passage, piece)
    goes_on = not sides[0].tokens and bool(relations)
    if goes_on and passage.kind == "inline" and re.search(r"[^\W\d_]", new.before):
        return None  # "the change ≈ …": the left side is prose
    waiting = open_statement is not None and not open_statement.sides[-1].tokens
    if goes_on and open_statement is not None:
        if waiting:
            open_statement.sides.pop()
            open_statement.relations.pop()
        open_statement.sides += sides[1:]
        open_statement.relations += relations
        return open_statement
    if waiting and open_statement is not None:
        if not relations and piece:  # a = \\ b
            open_statement.sides[-1] = sides[0]
            return open_statement
        _finish(open_statement)
    if relations and any(t.text == "dots" for t in piece) and any(t.text == "," for t in piece):
        return open_statement  # i = 1, …, n
    if not relations:
        if piece and not _is_number_of_line(piece):
            parsed.standalone.append((new.passage, sides[0]))
        return open_statement
    new.sides, new.relations = sides, relations
    parsed.statements.append(new)
    return new


def _parse(parsed: ParsedDocument) -> None:
    """Parse all sides, each with the functions of its section."""
    letters = _letters(parsed)
    everywhere = _functions(parsed.statements)
    parsed.context = Context(everywhere, letters)
    sections: dict[int, list[Statement]] = {}
    for statement in parsed.statements:
        sections.setdefault(statement.section, []).append(statement)
    for statements in sections.values():
        # p(1 - p) is a product where p occurs alone, whatever another section calls p(u).
        here = _functions(statements)
        context = Context(here | (everywhere - _alone(statements)), letters)
        for statement in statements:
            for side in statement.sides:
                side.parse(context)
            found = {side: side.node for side in statement.sides if side.node is not None}
            for side, node in zip(found, with_orders(list(found.values())), strict=True):
                side.node = node
    for _, side in parsed.standalone:
        side.parse(parsed.context)


def _prose_statements(parsed: ParsedDocument, passage: Passage, number: int, section: int) -> None:
    """Take in the formulas in prose without any mark."""
    stops = list(prose.points(passage))
    for start, middle, end in prose.spans(passage):
        try:
            first, right = tokenize(passage.text, start, middle), tokenize(passage.text, middle, end)
        except UnreadableError:
            continue
        if not first or not right:
            continue
        left = [t for t in first if t.text != "="]
        sides = [Side(passage, part[0].start, part[-1].end, part) for part in (left, right)]
        point = next((p for place, p in reversed(stops) if place < start and start - place < 60), None)
        parsed.statements.append(Statement(sides, ["="], section, passage.text, "prose", number, "", point))


def _finish(statement: Statement) -> None:
    """Drop a relation that nothing follows."""
    while statement.relations and not statement.sides[-1].tokens:
        statement.sides.pop()
        statement.relations.pop()


def _is_number_of_line(piece: Sequence[Token]) -> bool:
    return [t.text for t in piece[:1]] == ["("] and len(piece) == 3 and piece[1].kind == "number"


def _pieces(tokens: list[Token]) -> Iterator[list[Token]]:
    """Yield the tokens of each row, and of each formula in a row, without alignment marks."""
    piece: list[Token] = []
    depth = brackets = 0
    pieces: list[list[Token]] = []
    seen_relation = False
    merged = with_joined_signs(tokens)
    for at, token in enumerate(merged):
        text = token.text
        if text.startswith(("begin:", "end:")) and token.kind == "command":
            inner = any(mark in text for mark in _INNER)
            if not inner and depth == 0:
                continue
            depth += 1 if text.startswith("begin:") else -1
            depth = max(depth, 0)
        elif token.kind == "sign" and text in "{}":
            depth = max(depth + (1 if text == "{" else -1), 0)
        elif text in ("(", "["):
            brackets += 1
        elif text in (")", "]"):
            brackets = max(brackets - 1, 0)
        if depth == 0 and text == "&" and token.kind == "sign":
            follows = merged[at + 1].text if at + 1 < len(merged) else ""
            before = piece[-1].text if piece else "="
            if seen_relation and brackets == 0 and follows not in RELATIONS and before not in RELATIONS:
                pieces.append(piece)
                piece, seen_relation = [], False
            continue
        row_ends = token.kind == "command" and text == "\\"
        wide = token.kind == "space" or (token.kind == "command" and text in _SEPARATORS)
        listed = text in (",", ";") and seen_relation and _relation_ahead(merged, at + 1)
        if depth == 0 and (row_ends or (brackets == 0 and (wide or listed))):
            pieces.append(piece)
            piece, brackets, seen_relation = [], 0, False
            continue
        if depth == 0 and brackets == 0 and text in RELATIONS:
            seen_relation = True
        piece.append(token)
    pieces.append(piece)
    for one in pieces:
        bare = [t for t in one if t.kind != "note"]
        if not _is_number_of_line(bare) and not all(t.text in _PUNCTUATION for t in bare):
            yield one


def _relation_ahead(tokens: Sequence[Token], at: int) -> bool:
    """Return whether a relation follows before the next comma or row."""
    depth = 0
    for token in tokens[at:]:
        if token.text in ("(", "[", "{"):
            depth += 1
        elif token.text in (")", "]", "}"):
            depth -= 1
        if depth < 0 or (depth == 0 and (token.text in (",", ";") or token.text == "\\" or token.kind == "space")):
            return False
        if depth == 0 and token.text in RELATIONS:
            return True
    return False


def _sides(passage: Passage, piece: Sequence[Token]) -> tuple[list[Side], list[str]]:
    """Return the sides of one piece and the relations between them."""
    groups: list[list[Token]] = [[]]
    relations: list[str] = []
    edges = [piece[0].start if piece else 0]  # where each side begins
    depth = 0
    for token in piece:
        if token.text in ("(", "[", "{") or (token.kind == "command" and token.text.startswith("begin:")):
            depth += 1
        elif token.text in (")", "]", "}") or (token.kind == "command" and token.text.startswith("end:")):
            depth = max(depth - 1, 0)
        if depth == 0 and token.text in RELATIONS and token.kind != "note":
            relations.append(RELATIONS[token.text])
            edges.append(token.end)
            groups.append([])
        else:
            groups[-1].append(token)
    sides = []
    for edge, tokens in zip(edges, groups, strict=True):
        filled = any(t.kind not in ("note", "space") and t.text not in (".", ",", ";") for t in tokens)
        kept = tokens if filled else []
        while kept and (kept[-1].kind in ("note", "space") or kept[-1].text in (".", ",", ";")):
            if kept[-1].kind == "note" and len(kept) > 1 and kept[-2].text in _ASKING:
                break
            kept = kept[:-1]
        while kept and kept[0].kind in ("note", "space"):
            kept = kept[1:]
        if kept:
            sides.append(Side(passage, kept[0].start, kept[-1].end, list(kept)))
        else:
            sides.append(Side(passage, edge, edge, [t for t in tokens if t.kind == "note"]))
    return sides, relations


def _alone(statements: Sequence[Statement]) -> frozenset[str]:
    """Return the letters that occur without a bracket after them."""
    pairs = _with_following(statements)
    return frozenset(_base(token) for token, after in pairs if _is_letter(token) and after not in "('")


def _with_following(statements: Sequence[Statement]) -> Iterator[tuple[Token, str]]:
    """Yield all tokens, each with the text of the one after it in its side."""
    for side in (side for statement in statements for side in statement.sides):
        yield from zip(side.tokens, [*(t.text for t in side.tokens[1:]), ""], strict=False)


def _functions(statements: Sequence[Statement]) -> frozenset[str]:
    """Return the letters of definitions like ``q(x, y) = …``: a letter and a bracket of letters are a whole side."""
    found = set()
    for statement in statements:
        for side in statement.sides:
            tokens = side.tokens
            if len(tokens) < 4 or tokens[-1].text != ")" or not _is_letter(tokens[0]):
                continue
            opening = next((k for k, t in enumerate(tokens) if t.text == "(" and not _in_braces(tokens, k)), None)
            if opening is None or any(t.text in ("+", "-", "cdot", "*") for t in tokens[:opening]):
                continue
            head, inside = tokens[:opening], tokens[opening + 1 : -1]
            signs = ("_", "^", "{", "}", ",", "(", ")", "[", "]")
            plain = all(_is_letter(t) or t.kind == "number" or t.text in signs for t in inside)
            letters = sum(_is_letter(t) for t in head)
            if plain and inside and _is_letter(inside[0]) and (letters == 1 or head[1].text in ("_", "^", "'")):
                found.add(_base(head[0]))
    return frozenset(found)


def _in_braces(tokens: Sequence[Token], at: int) -> bool:
    return sum({"{": 1, "}": -1}.get(token.text, 0) for token in tokens[:at] if token.kind == "sign") > 0


def _is_letter(token: Token) -> bool:
    return token.kind == "letter" or (token.kind == "command" and token.text in GREEK)


def _base(token: Token) -> str:
    return token.text if token.kind == "letter" else "\\" + token.text


def _letters(parsed: ParsedDocument) -> frozenset[str]:
    """Return ``e`` if it ever occurs without an exponent; it is a symbol then, such as an error."""
    bare = any(t.kind == "letter" and t.text == "e" and after != "^" for t, after in _with_following(parsed.statements))
    return frozenset({"e"} if bare else ())
