"""Gathers what a document says before anything is decided: definitions, sizes, what is held constant."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from steepest.proofreading.meaning.document_model import (
    Definition,
    Surrogate,
    World,
    definable,
    depends_on,
    linear,
    occurs,
)
from steepest.proofreading.meaning.shapes import find_shapes
from steepest.proofreading.meaning.sizes import depth_letter, find_ranges, find_sizes, find_uses
from steepest.proofreading.reading.passages import Passage
from steepest.proofreading.reading.statements import Member, Reading, Statement
from steepest.proofreading.reading.tree import Node, free_letters, make, number, same, symbols, transform, walk

_CONSTANT_WORDS = (
    r"(?:held|kept|treated as|hold|taken as|regarded as|considered|as a|is a|are|stays?)"
    r"\s+(?:a\s+)?(?:fixed|constant)"
    r"|stop[- ]?gradient|detach|no gradient flows|not differentiated"
)


def build_world(reading: Reading, passages: Sequence[Passage], given: Mapping[str, float], infer: bool = True) -> World:
    """What a document says; ``infer`` takes definitions from ``∂s/∂x = ∂(wx)/∂x`` too."""
    world = World(given=dict(given.items()))
    world.prose = " ".join(p.text for p in passages if not p.is_maths)
    world.sections = [s.section for s in reading.statements]
    nodes = [m.node for s in reading.statements for m in s.members if m.node is not None]
    nodes += [m.node for _, m in reading.alone if m.node is not None]
    world.depth_letter = depth_letter(world, reading, passages)
    find_sizes(world, nodes, given)
    for statement in reading.statements:
        _resolve(statement, world, reading)
    nodes = [m.node for s in reading.statements for m in s.members if m.node is not None]
    find_uses(world, nodes)
    for order, statement in enumerate(reading.statements):
        _define(world, order, statement)
    _denoted(world, reading, passages)
    if infer:
        _inferred(world, reading)
    _held(world, reading, passages)
    heads = [s.members[0].node for s in reading.statements if s.members[0].node is not None]
    find_shapes(world, nodes, heads)
    find_ranges(world, nodes)
    _surrogate(world, reading)
    for order, statement in enumerate(reading.statements):
        head = statement.members[0].node
        if head is not None and head.kind == "slope" and head.args[0].base in ("Z", "A") and order < world.batch_from:
            world.batch_from = order
    bodies = [d.body for found in world.definitions.values() for d in found if d.target.kind == "symbol"]
    world.rough = any(part.kind in ("derive", "gradient") for body in bodies for part in walk(body))
    _dependents(world, [(s.section, m.node) for s in reading.statements for m in s.members if m.node is not None])
    return world


# -- primes and sums without an index ------------------------------------------------------------------------


def _resolve(statement: Statement, world: World, reading: Reading) -> None:
    """Say by what each prime derives, and over what each sum without a letter runs."""
    variable: Node | None = None
    for member in statement.members:
        if member.node is not None and variable is None:
            variable = _variable_of(member.node)
    for member in statement.members:
        if member.node is not None:
            member.node = transform(member.node, lambda n: _resolved(n, variable, reading))


def _variable_of(node: Node) -> Node | None:
    """The variable by which the first derivative in a tree is taken."""
    for part in walk(node):
        if (
            part.kind == "call"
            and part.value
            and len(part.args) == 2
            and part.args[1].kind == "symbol"
            and part.args[0].kind == "symbol"
        ):
            return part.args[1]
        if (
            part.kind == "prime"
            and part.args[0].kind == "call"
            and len(part.args[0].args) == 2
            and part.args[0].args[1].kind == "symbol"
        ):
            return part.args[0].args[1]
        if part.kind == "derive" and part.args[1].kind == "symbol":
            return part.args[1]
    return None


def _resolved(node: Node, variable: Node | None, reading: Reading) -> Node | None:
    if node.kind == "prime":
        inner = transform(node.args[0], lambda n: _resolved(n, variable, reading))
        by = variable
        bare = inner.args[0] if inner.kind == "group" else inner
        if bare.kind == "call" and len(bare.args) == 2 and bare.args[1].kind == "symbol":
            by = bare.args[1]
        if by is None and bare.kind == "symbol":
            for statement in reading.statements:
                found = definable(statement.members[0].node) if statement.members[0].node is not None else None
                if found and same(found[0], bare) and len(found[1]) == 1:
                    by = found[1][0]
        if by is None:
            letters = [s.base for s in symbols(inner)]
            by = make("symbol", (), (next((x for x in ("x", "t", "z", "w") if x in letters), "x"), ()))
        return make("derive", (inner, *([by] * int(node.value))), "prime", node.start, node.end)
    if node.kind in ("sum", "product") and node.value == "":
        body = transform(node.args[0], lambda n: _resolved(n, variable, reading))
        free = free_letters(body)
        letter = next((x for x in ("i", "j", "k", "t", "n", "s") if x in free), None)
        if letter is None:
            return make("total", (body,), None, node.start, node.end)
        return make(node.kind, (body,), letter, node.start, node.end)
    return None


# -- definitions ---------------------------------------------------------------------------------------------


def _surrogate(world: World, reading: Reading) -> None:
    """The loss behind ``dz = a - y``, for lines that speak of its derivatives."""
    lines = [(s.members[0].node, s.members[1].node) for s in reading.statements if len(s.members) > 1]
    slopes = [
        (le, ri) for le, ri in lines if le is not None and ri is not None and le.kind == "slope" and le.value == "d"
    ]
    for left, right in slopes:
        inner = left.args[0]
        bare = right
        divided = bare.kind == "divide" or (bare.kind == "multiply" and bare.args[0].kind == "divide")
        while bare.kind in ("group", "divide") or (
            bare.kind == "multiply" and bare.args[0].kind == "divide" and len(bare.args) == 2
        ):
            bare = bare.args[1] if bare.kind == "multiply" else bare.args[0]
        if bare.kind != "add" or bare.value != (1, -1) or any(a.kind != "symbol" for a in bare.args):
            continue
        output, target = bare.args
        kind = _activation_of(world, output, inner)
        if kind is None:
            continue
        scales = [
            p
            for _, ri in slopes
            for p in walk(ri)
            if p.kind == "divide" and p.args[1].kind == "symbol" and p.args[1].base in world.sizes
        ]
        upper = inner.base[:1].isupper()
        scale = scales[0] if scales and upper and not divided else None
        world.surrogates.setdefault(upper, Surrogate(inner, target, kind, scale))


def _activation_of(world: World, output: Node, inner: Node) -> str | None:
    """Which activation makes an output of what it acts on."""
    bodies = [d.body for d in world.definitions.get(("symbol", output.base), [])]
    bodies += [d.body for found in world.definitions.values() for d in found if d.formals]
    for body in bodies:
        if (
            body.kind == "call"
            and len(body.args) == 2
            and body.args[1].kind == "symbol"
            and body.args[1].base == inner.base
        ):
            indices = [linear(i) for i in body.args[1].args][:1], [linear(i) for i in inner.args][:1]
            if indices[0] != indices[1]:
                continue
            name = (
                body.args[0].value
                if body.args[0].kind == "function"
                else "sigmoid"
                if body.args[0].base == "\\sigma"
                else ""
            )
            if name in ("sigmoid", "softmax"):
                return str(name)
    return "identity" if same(output, inner) else None


def is_plain_number(node: Node) -> bool:
    """Whether nothing in a tree has to be looked up: a number, or an expression of numbers."""
    sigmoids = {id(part.args[0]) for part in walk(node) if part.kind == "call" and part.args[0].base == "\\sigma"}
    return not any(
        part.kind in ("symbol", "words", "dots", "change", "slope", "derive") and id(part) not in sigmoids
        for part in walk(node)
    )


def _define(world: World, order: int, statement: Statement) -> None:
    """Take in what a statement may define."""
    for left, relation, right in zip(statement.members, statement.relations, statement.members[1:], strict=False):
        if relation not in ("=", ":=") or left.node is None or right.node is None:
            continue
        if is_square(left.node) and not world.definitions.get(("symbol", left.node.args[0].base)):
            root = make("sqrt", (right.node,))
            world.add(Definition(left.node.args[0], (), root, order, statement.section))
            continue
        found = definable(left.node)
        if found is None or found[0].kind == "slope" or is_plain_number(right.node):
            continue
        target, formals = found
        if statement.origin == "prose" and right.node.kind == "call" and right.node.args[0].kind == "symbol":
            continue  # "a function y = f(x)" says nothing of y
        if is_update(target, right.node) or any(p.kind in ("words", "dots") for p in walk(right.node)):
            continue
        if is_recurrence(target, right.node):
            continue
        names = left.node.kind == "call" or not _already(world, right.node, order)
        if right.node.kind == "symbol" and _already(world, target, order) and names:
            continue  # f(x, y) = z names z
        world.add(Definition(target, formals, right.node, order, statement.section))
    if statement.members[0].node is not None and statement.relations[0] == "=" and len(statement.members) == 2:
        left_node, right_node = statement.members[0].node, statement.members[1].node
        if (
            right_node is not None
            and right_node.kind == "symbol"
            and definable(left_node)
            and not is_update(right_node, left_node)
        ):
            new = left_node.kind == "call" or not _already(world, right_node, order)
            if new and _already(world, definable(left_node)[0], order):  # type: ignore[index]
                world.add(Definition(right_node, (), left_node, order, statement.section))
        if right_node is not None and _is_named(world, left_node, right_node, order):
            world.add(Definition(right_node, (), left_node, order, statement.section))
        if (
            left_node.kind == "sum"
            and right_node is not None
            and right_node.kind == "number"
            and float(right_node.value) == 1
        ):
            inner = left_node.args[0]
            if inner.kind == "symbol":
                world.simplex.add(inner.base)


def _is_named(world: World, left: Node, right: Node, order: int) -> bool:
    """Whether the right side is a letter that a formula on the left gets as its name: ``W^T = Y``."""
    if right.kind != "symbol" or definable(left) is not None or is_plain_number(left):
        return False
    if any(p.kind in ("derive", "slope", "gradient", "change", "words", "dots", "call", "sum") for p in walk(left)):
        return False
    new = not world.definitions.get(("symbol", right.base)) and right.base not in {s.base for s in symbols(left)}
    return new and not any(world.of(s, order) for s in symbols(left))


def _already(world: World, target: Node, order: int) -> bool:
    return any(d.order < order for d in world.of(target, order))


def is_update(target: Node, body: Node) -> bool:
    """Whether an equation is an assignment that moves a value: ``w = w - α …``."""
    if target.kind == "symbol":
        return any(same(part, target) for part in symbols(body)) and not any(
            part.kind in ("derive", "gradient") and occurs(part, target) and len(symbols(body)) == 1
            for part in walk(body)
        )
    return occurs(body, target)


def is_square(node: Node) -> bool:
    """Whether this is the square of a letter, ``\\sigma^2``, by which a letter is defined too."""
    return node.kind == "power" and node.args[0].kind == "symbol" and str(node.args[1].value) == "2"


def is_recurrence(target: Node, body: Node) -> bool:
    """Whether an equation says how a sequence goes on: ``x_{k+1} = x_k - …``; layers end, sequences do not."""
    if target.kind != "symbol" or "sub" not in target.roles or all(a.kind == "number" for a in target.args):
        return False
    ours = [a for r, a in zip(target.roles, target.args, strict=True) if r == "sub"]
    for part in symbols(body):
        if part.base == target.base and part.roles == target.roles:
            theirs = [a for r, a in zip(part.roles, part.args, strict=True) if r == "sub"]
            if not all(same(a, b) for a, b in zip(ours, theirs, strict=True)):
                return True
    return False


def _denoted(world: World, reading: Reading, passages: Sequence[Passage]) -> None:
    """``let us denote $A$ as $B$`` and ``assume that $B$ is $A$``."""
    by_passage = dict(reading.alone)
    for place, member in reading.alone:
        other = by_passage.get(place + 2)
        if other is None or place == 0 or member.node is None or other.node is None:
            continue
        between, before = passages[place + 1], passages[place - 1]
        if between.is_maths or not re.fullmatch(r"\s*(?:is|as|be|by|for|:?=)\s*", between.text):
            continue
        leads = re.findall(
            r"\b(denote|call|write|let|assume|suppose|set|where|with|and)\b", before.text.split(".")[-1], re.IGNORECASE
        )
        if not leads:
            continue
        target, body = member.node, other.node
        if re.match(r"denote|call|write", leads[-1], re.IGNORECASE) and between.text.strip() in ("as", "by"):
            target, body = body, target
        order = sum(s.passage < place for s in reading.statements)
        if target.kind in ("symbol", "derive", "change") and not is_plain_number(body):
            world.add(Definition(target, (), body, order - 1 if order else 0, -1))


def _inferred(world: World, reading: Reading) -> None:
    """``∂s/∂x = ∂(wx)/∂x`` says that s is wx where nothing else says what s is."""
    for order, statement in enumerate(reading.statements):
        nodes = [m.node for m in statement.members]
        for left, right in itertools.pairwise(nodes):
            if (
                left is None
                or right is None
                or left.kind != "derive"
                or right.kind != "derive"
                or len(left.args) != len(right.args)
            ):
                continue
            target, body = left.args[0], right.args[0]
            body = body.args[0] if body.kind == "group" else body
            if target.kind != "symbol" or (body.kind in ("symbol", "call") and same(target, body)):
                continue
            if not all(same(a, b) for a, b in zip(left.args[1:], right.args[1:], strict=True)) or same(target, body):
                continue
            if body.kind == "call" and body.args[0].kind == "symbol" and body.args[0].base == target.base:
                continue
            if any(same(s, target) for s in symbols(body)):
                continue
            known = [d for d in world.of(target, order) if d.order <= order]
            if known and any(depends_on(world, known[0].body, v, order) for v in left.args[1:] if v.kind == "symbol"):
                continue
            world.add(Definition(target, (), body, order - 1, statement.section))


def _held(world: World, reading: Reading, passages: Sequence[Passage]) -> None:
    """Letters of which the text says that they are held constant."""
    for place, member in reading.alone:
        if member.node is None or member.node.kind != "symbol":
            continue
        after = passages[place + 1].text if place + 1 < len(passages) and not passages[place + 1].is_maths else ""
        before = passages[place - 1].text if place and not passages[place - 1].is_maths else ""
        near = re.match(rf"[^.$]{{0,60}}?(?:{_CONSTANT_WORDS})", after, re.IGNORECASE)
        led = re.search(
            r"(?:stop[- ]?gradient|detach|constant|hold(?:ing)?|keep(?:ing)?|treat(?:ing)?)[^.$]{0,30}$",
            before,
            re.IGNORECASE,
        )
        held_after = re.match(r"\s*(?:fixed|constant|as (?:a )?constant)", after, re.IGNORECASE)
        if near or (led and (held_after or re.search(r"stop|detach|constant", led.group(), re.IGNORECASE))):
            world.held.add(member.node.base)
    for statement in reading.statements:
        target = statement.members[0].node
        notes = " ".join(t.text for m in statement.members for t in m.tokens if t.kind == "note")
        text = (
            notes + " " + statement.members[-1].passage.text[statement.members[-1].end : statement.members[-1].end + 80]
        )
        beside = re.search(_CONSTANT_WORDS + r"|\bconstant\b", text.split("\\\\")[0], re.IGNORECASE)
        lead = r"[\s,;]*(?:which|where|and|it|this)?[^.$]{0,40}"
        below = re.match(f"{lead}(?:{_CONSTANT_WORDS})", statement.after, re.IGNORECASE)
        if target is not None and target.kind == "symbol" and (beside or below):
            world.held.add(target.base)
    if re.search(r"one[- ]hot", world.prose, re.IGNORECASE):
        world.simplex |= {base for base in ("y", "t", "p^*") if any("sub" in r for r in world.used.get(base, set()))}


def _dependents(world: World, sections: Iterable[tuple[int, Node]]) -> None:
    """On what letters without a definition depend: the variables by which they are derived in the same section."""
    found: dict[tuple[int, str], list[Node]] = {}
    # What a definition of the section is made of varies by itself: ∂b/∂w is 0 where a = wx + b.
    leaves = {(d.section, s.base) for known in world.definitions.values() for d in known for s in symbols(d.body)}

    def note(section: int, body: Node, variable: Node) -> None:
        if body.kind == "symbol" and not body.args and (section, body.base) not in leaves:
            plain = variable.args[0] if variable.kind in ("group", "transpose") else variable
            known = found.setdefault((section, body.base), [])
            if plain.kind == "symbol" and plain.base != body.base and not any(same(plain, v) for v in known):
                known.append(plain)

    for section, node in sections:
        for part in walk(node):
            if part.kind == "derive":
                for variable in part.args[1:]:
                    note(section, part.args[0], variable)
    for key, variables in found.items():
        plain = [e for v in variables for e in _expanded(world, v)]
        kept = [v for v in plain if not any(w is not v and _reaches(world, w, v) for w in plain)]
        if kept and len(kept) <= 6:
            world.dependents[key] = kept


def _expanded(world: World, variable: Node) -> list[Node]:
    """A variable with an index letter as all that it stands for."""
    if not variable.args:
        return [variable]
    letter, _ = linear(variable.args[0])
    if len(variable.args) != 1 or variable.roles != ("sub",) or letter is None or letter == "?":
        return []
    return [make("symbol", (number(k),), variable.value) for k in range(1, world.size(letter) + 1)]


def _reaches(world: World, node: Node, target: Node) -> bool:
    """Whether a symbol depends on another through its definition."""
    definitions = world.of(node, 10**9)
    return bool(definitions) and depends_on(world, definitions[0].body, target, 10**9)


def bare(member: Member) -> Node:
    """The tree of a member that was understood."""
    assert member.node is not None  # the caller has seen to it
    return member.node


def numbered(node: Node, letters: Mapping[str, int]) -> Node:
    """A tree with index letters replaced by numbers."""

    def change(part: Node) -> Node | None:
        if part.kind == "symbol" and part.args:
            args = tuple(
                transform(a, lambda n: number(letters[n.base]) if n.kind == "symbol" and n.base in letters else None)
                for a in part.args
            )
            return replace(part, args=args)
        return None

    return transform(node, change)
