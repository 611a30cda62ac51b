"""How far index letters run, which letters count samples, classes and layers, and which vary by sample."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from steepest.proofreading.meaning.document_model import LAYERS, World, linear
from steepest.proofreading.reading.passages import Passage
from steepest.proofreading.reading.statements import Reading
from steepest.proofreading.reading.tree import Node, end_of_sum, is_of_indices, walk

_SIZES = (3, 4, 5, 2)


def depth_letter(world: World, reading: Reading, passages: Sequence[Passage]) -> str:
    """The letter that counts the layers: ``a model with $L$ layers``."""
    plain = re.search(r"\b(?:with|has|have|of|are)\s+([LmMN])\s+(?:hidden\s+)?layers", world.prose)
    if plain is not None:
        return plain[1]
    for place, member in reading.alone:
        before, after = (passages[p].text if 0 <= p < len(passages) else "" for p in (place - 1, place + 1))
        lead = re.search(r"\b(?:with|has|have|of|are)\s*$", before)
        if (
            lead
            and re.match(r"\s*(?:hidden\s+)?layers", after)
            and member.node is not None
            and member.node.kind == "symbol"
        ):
            return member.node.base
    return ""


def find_sizes(world: World, nodes: Iterable[Node], given: Mapping[str, float]) -> None:
    """How far index letters run, and what counts them."""
    counts: list[str] = []
    tied: list[tuple[str, str]] = []
    nodes = list(nodes)
    for node in nodes:
        for part in walk(node):
            if part.kind in ("sum", "product") and len(part.args) == 3:
                upper = part.args[2]
                letters = [s.base for s in walk(upper) if s.kind == "symbol" and not s.args]
                if upper.kind == "symbol" and not upper.args:
                    tied.append((str(part.value), upper.base))
                elif upper.kind == "number" and part.args[1].kind == "number" and float(part.args[1].value) == 1:
                    last = end_of_sum(part, 1, max(1, min(int(float(upper.value)), 64)))
                    world.ranges.setdefault(str(part.value), last)
                counts += [x for x in letters if x not in counts]
            if part.kind == "multiply":
                below = [a.args[1] for a in part.args if a.kind == "divide" and a.args[1].kind == "symbol"]
                matrices = any(a.kind in ("slope", "transpose") for a in part.args)
                counts += [b.base for b in below if matrices and b.base in "nmNB" and b.base not in counts]
                for summed in (a for a in part.args if a.kind in ("sum", "total")):
                    for count in (b for b in below if not b.args and b.base in ("n", "m", "N", "M", "B", "K", "S")):
                        counts += [count.base] if count.base not in counts else []
                        if summed.kind == "sum" and len(summed.args) == 1:
                            tied.append((str(summed.value), count.base))
    layered = {
        letter.base
        for node in nodes
        for part in walk(node)
        if part.kind == "symbol"
        for role, index in zip(part.roles, part.args, strict=True)
        if role in ("paren", "bracket")
        for letter in walk(index)
        if letter.kind == "symbol" and letter.base in ("L", "m", "M")
    }
    if world.depth_letter:
        layered.add(world.depth_letter)
    for letter in counts:
        if letter in given:
            world.sizes[letter] = max(1, min(int(given[letter]), 64))
        else:
            world.sizes[letter] = LAYERS if letter in layered else _SIZES[len(world.sizes) % len(_SIZES)]
    for letter in layered:
        world.sizes.setdefault(letter, LAYERS)
    for letter, counted in tied:
        world.ranges.setdefault(letter, world.sizes.get(counted, 3))


def find_ranges(world: World, nodes: Iterable[Node]) -> None:
    """Index letters run over the vectors and matrices at which they stand; classes are whole numbers."""
    for node in nodes:
        for part in walk(node):
            if part.kind == "symbol" and "sub" in part.roles:
                inner = [a for r, a in zip(part.roles, part.args, strict=True) if r == "sub"]
                shape = _shape_without_subs(world, part)
                for place, index in enumerate(inner[:2]):
                    if shape is not None and index.kind == "symbol" and index.base not in world.sizes:
                        size = shape[place] if len(inner) > 1 or shape[0] > 1 else shape[1]
                        world.ranges.setdefault(index.base, size)
            if is_of_indices(part) and part.args[0].value == "==":
                one, other = part.args[0].args
                for value, letter in ((one, other), (other, one)):
                    if value.kind == "symbol" and value.args and letter.kind == "symbol" and not letter.args:
                        world.classes[value.base] = letter.base


def _shape_without_subs(world: World, node: Node) -> tuple[int, int] | None:
    """The shape of the vector or matrix of which a symbol is an element."""
    if not world.shapes:
        return None
    numbers = tuple(
        (r, linear(a)[1]) for r, a in zip(node.roles, node.args, strict=True) if r != "sub" and linear(a)[0] is None
    )
    for base in (node.base, node.base.upper()):
        found = world.shape((base, tuple(sorted(numbers))))
        if found is not None:
            return found
    return None


def find_uses(world: World, nodes: Iterable[Node]) -> None:
    """In which roles each letter has indices, and which letters vary by sample."""
    for node in nodes:
        below = {id(v) for part in walk(node) if part.kind == "derive" for v in part.args[1:]}
        stack = [node]
        while stack:
            part = stack.pop()
            if id(part) in below:
                continue
            if part.kind == "symbol":
                world.used.setdefault(part.base, set()).add(part.roles)
                for role, index in zip(part.roles, part.args, strict=True):
                    if (
                        role in ("sub", "paren", "paren2")
                        and index.kind == "symbol"
                        and index.base in ("i", "j", "k", "n", "t", "s", "p")
                    ):
                        world.sampled.add(part.base)
                continue
            stack.extend(part.args)
